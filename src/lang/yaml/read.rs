//! From the parser's events to trees. One syntax error costs its line, not the rest of the file.

use crate::base::limits::{MAX_DEPTH, MAX_FILE, MAX_NODES};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Spot};
use crate::lang::yaml::header::with_header;
use crate::lang::yaml::node::{Node, NodeKind, Scalar, Style};
use crate::lang::yaml::{tag, trouble};
use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle, Tag};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many lines are given up before the rest of a file is.
const LINES_GIVEN_UP: usize = 4;

/// A comment; it belongs to no node.
#[derive(Debug, Clone)]
pub(crate) struct Comment {
    /// From its `#` to the end of the line.
    pub(crate) spot: Spot,
    /// Whether something stands before it on its line.
    pub(crate) behind: bool,
}

/// One `---` document.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// Its root; `None` when the document is empty.
    pub(crate) root: Option<Node>,
    /// Where it begins.
    pub(crate) spot: Spot,
}

/// Everything of one file.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// In the order written.
    pub(crate) documents: Vec<Document>,
    /// In the order written.
    pub(crate) comments: Vec<Comment>,
    /// Whether a part of the text could not be parsed and is missing from the trees.
    pub(crate) broken: bool,
}

/// Reads a text. What is wrong with it as YAML goes to `findings`.
pub(crate) fn read(file: FileId, text: &str, findings: &mut Diagnostics) -> Stream {
    if text.len() > MAX_FILE {
        let spot = Spot { file, start: 0, end: 0 };
        let message = format!("the file has {} bytes, {MAX_FILE} are allowed", text.len());
        findings.push(Diagnostic::error(Code::TooLarge, spot, message).help("make two files of it"));
        return Stream { broken: true, ..Stream::default() };
    }
    let mut work = std::borrow::Cow::Borrowed(text);
    let mut broken = false;
    for given_up in 0.. {
        let mut reader = Reader::new(file);
        let failed = reader.run(&work);
        let Some((error, spot)) = failed else {
            let stream = Stream { broken: broken || reader.stream.broken, ..reader.stream };
            findings.append(reader.findings);
            return stream;
        };
        if !broken {
            findings.push(error);
        }
        broken = true;
        let rest = if given_up < LINES_GIVEN_UP { trouble::without_line(&work, spot.start) } else { None };
        if let Some(rest) = rest {
            work = rest.into();
        } else {
            reader.close_all();
            findings.append(reader.findings);
            return Stream { broken, ..reader.stream };
        }
    }
    Stream { broken, ..Stream::default() }
}

/// A collection that is still open.
struct Frame {
    node: Node,
    key: Option<Node>,
    anchor_id: usize,
}

struct Reader {
    file: FileId,
    stream: Stream,
    findings: Diagnostics,
    frames: Vec<Frame>,
    root: Option<Node>,
    begin: Spot,
    nodes: usize,
    too_many: bool,
    anchors: BTreeMap<usize, Node>,
    sizes: BTreeMap<usize, usize>,
    names: BTreeMap<usize, Arc<str>>,
}

impl Reader {
    fn new(file: FileId) -> Self {
        let begin = Spot { file, start: 0, end: 0 };
        Self {
            file,
            stream: Stream::default(),
            findings: Diagnostics::default(),
            frames: Vec::new(),
            root: None,
            begin,
            nodes: 0,
            too_many: false,
            anchors: BTreeMap::new(),
            sizes: BTreeMap::new(),
            names: BTreeMap::new(),
        }
    }

    /// Reads to the end or to the first error, which comes back with the place of the line at fault.
    fn run(&mut self, text: &str) -> Option<(Diagnostic, Spot)> {
        let mut options = Options::default();
        options.max_buffered_comment_events = MAX_FILE;
        options.emit_unresolved_aliases = true;
        options.emit_anchor_events = true;
        options.disallow_directives = true;
        let mut parser = Parser::new_from_str_with_options(text, options);
        while let Some(next) = next_event(&mut parser) {
            match next {
                Ok((event, span)) => self.event(event, span, text),
                Err(error) => {
                    let open = self.frames.iter().rev().find(|frame| is_flow(&frame.node)).map(|frame| frame.node.spot);
                    return Some(trouble::explain(self.file, text, &error, open));
                }
            }
            if self.too_many {
                self.frames.clear();
                break;
            }
        }
        None
    }

    fn spot(&self, span: Span) -> Spot {
        let range = span.byte_range().unwrap_or(0..0);
        Spot { file: self.file, start: range.start, end: range.end.max(range.start) }
    }

    fn event(&mut self, event: Event<'_>, span: Span, text: &str) {
        let spot = self.spot(span);
        match event {
            Event::StreamStart | Event::StreamEnd => {}
            Event::DocumentStart(..) => self.begin = spot,
            Event::DocumentEnd => self.end_document(),
            Event::Comment(..) => {
                let before = text.get(..spot.start).unwrap_or("");
                let behind = before.rsplit('\n').next().is_some_and(|line| !line.trim().is_empty());
                self.stream.comments.push(Comment { spot, behind });
            }
            Event::Scalar(value, style, anchor, tag) => {
                let key =
                    self.frames.last().and_then(|frame| frame.key.as_ref()).and_then(Node::name).map(str::to_owned);
                let range = span.tag_span().and_then(|tag| tag.byte_range()).map(|tag| (tag.start, tag.end, spot.end));
                let range = range.filter(|_| tag.as_deref().is_some_and(|tag| !tag.is_yaml_core_schema()));
                if let Some((from, meant)) =
                    range.and_then(|range| Some((range.0, tag::meant(text, range, key.as_deref())?)))
                {
                    return self.condition(&meant, from, key.as_deref(), anchor);
                }
                let as_text = self.tag(tag.as_deref(), span);
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::Single,
                    ScalarStyle::DoubleQuoted => Style::Double,
                    ScalarStyle::Literal => Style::Literal,
                    ScalarStyle::Folded => Style::Folded,
                };
                let spot = if matches!(style, Style::Literal | Style::Folded) { with_header(spot, text) } else { spot };
                self.leaf(NodeKind::Scalar(Scalar { text: value.into(), style, as_text }), spot, anchor);
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.tag(tag.as_deref(), span);
                self.open(NodeKind::Seq(Vec::new(), style == StructureStyle::Flow), spot, anchor);
            }
            Event::MappingStart(style, anchor, tag) => {
                self.tag(tag.as_deref(), span);
                self.open(NodeKind::Map(Vec::new(), style == StructureStyle::Flow), spot, anchor);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(Some(spot.end), text),
            Event::Anchor(id, name) => self.name_anchor(id, &name),
            Event::Alias(id) => self.alias(id, spot, text),
            Event::UnresolvedAlias(name) => {
                let message = format!("`*{name}` names no anchor above");
                let help = "if the text itself begins with `*`, quote it".to_owned();
                self.findings.push(Diagnostic::error(Code::UnsupportedYaml, spot, message).help(help));
                self.leaf(null(), spot, 0);
            }
            // The parser may learn to say more.
            _ => {}
        }
    }

    /// A condition that YAML takes for a tag: told, and gone on with as the text it was meant to be.
    fn condition(&mut self, meant: &str, start: usize, key: Option<&str>, anchor: usize) {
        let spot = Spot { file: self.file, start, end: start + meant.len() };
        let message = "a value that begins with `!` must be quoted, or YAML reads a tag";
        let finding = Diagnostic::error(Code::UnsupportedYaml, spot, message);
        self.findings.push(finding.help(tag::quoted(key, meant)));
        self.leaf(NodeKind::Scalar(Scalar { text: meant.into(), style: Style::Plain, as_text: true }), spot, anchor);
    }

    /// Whether the tag makes a text of whatever it stands at. Tags beyond the core ones are refused.
    fn tag(&mut self, tag: Option<&Tag>, span: Span) -> bool {
        let Some(tag) = tag else { return false };
        if !tag.is_yaml_core_schema() && tag.original() != "!" {
            let spot = span.tag_span().map_or(self.spot(span), |tag| self.spot(tag));
            let message = format!("the tag `{}` means nothing here", tag.original());
            self.findings.push(Diagnostic::error(Code::UnsupportedYaml, spot, message).help("leave the tag out"));
        }
        tag.is_yaml_core_schema_tag("str") || tag.original() == "!"
    }

    fn count(&mut self, nodes: usize, spot: Spot) -> bool {
        self.nodes += nodes;
        let deep = self.frames.len() > MAX_DEPTH;
        if (self.nodes > MAX_NODES || deep) && !self.too_many {
            self.too_many = true;
            self.stream.broken = true;
            let (message, help) = trouble::too_much(deep);
            self.findings.push(Diagnostic::error(Code::TooLarge, spot, message).help(help));
        }
        !self.too_many
    }

    fn leaf(&mut self, kind: NodeKind, spot: Spot, anchor_id: usize) {
        if self.count(1, spot) {
            self.put(Node { spot, kind, anchor: None, alias: None }, anchor_id);
        }
    }

    fn open(&mut self, kind: NodeKind, spot: Spot, anchor_id: usize) {
        if self.count(1, spot) {
            self.frames.push(Frame { node: Node { spot, kind, anchor: None, alias: None }, key: None, anchor_id });
        }
    }

    /// Ends the innermost open collection; a block ends with its last item, not where the parser noticed.
    fn close(&mut self, end: Option<usize>, text: &str) {
        let Some(mut frame) = self.frames.pop() else { return };
        let last = match &frame.node.kind {
            NodeKind::Seq(items, false) => items.last().map(|item| item.spot.end),
            NodeKind::Map(pairs, false) => pairs.last().map(|(key, value)| value.spot.end.max(key.spot.end)),
            NodeKind::Seq(_, true) | NodeKind::Map(_, true) | NodeKind::Scalar(_) => end,
        };
        frame.node.spot.end = last.unwrap_or(frame.node.spot.end).max(frame.node.spot.start);
        let node = match frame.node.kind {
            NodeKind::Map(pairs, flow) => {
                let kind = NodeKind::Map(self.keys_checked(pairs, frame.node.spot, text), flow);
                let kind = unquoted_template(frame.node.spot, &kind, text, &mut self.findings).unwrap_or(kind);
                Node { kind, ..frame.node }
            }
            NodeKind::Seq(..) | NodeKind::Scalar(_) => frame.node,
        };
        self.put(node, frame.anchor_id);
    }

    fn close_all(&mut self) {
        while !self.frames.is_empty() {
            self.close(None, "");
        }
        self.end_document();
    }

    fn end_document(&mut self) {
        let spot = self.begin;
        self.stream.documents.push(Document { root: self.root.take(), spot });
        self.nodes = 0;
        self.anchors.clear();
        self.sizes.clear();
    }

    fn put(&mut self, mut node: Node, anchor_id: usize) {
        if anchor_id > 0 {
            node.anchor = self.names.get(&anchor_id).cloned();
            self.sizes.insert(anchor_id, size(&node));
            self.anchors.insert(anchor_id, node.clone());
        }
        match self.frames.last_mut() {
            None => self.root = Some(node),
            Some(Frame { node: Node { kind: NodeKind::Seq(items, _), .. }, .. }) => items.push(node),
            Some(Frame { node: Node { kind: NodeKind::Map(pairs, _), .. }, key, .. }) => match key.take() {
                Some(key) => pairs.push((key, node)),
                None => *key = Some(node),
            },
            Some(Frame { node: Node { kind: NodeKind::Scalar(_), .. }, .. }) => {}
        }
    }

    fn name_anchor(&mut self, id: usize, name: &str) {
        self.names.insert(id, name.into());
        if let Some(node) = self.anchors.get_mut(&id) {
            node.anchor = Some(name.into());
        }
        // The event comes right behind a scalar that is already in its place.
        let last = match self.frames.last_mut() {
            None => self.root.as_mut(),
            Some(frame) => match (&mut frame.node.kind, frame.key.as_mut()) {
                (NodeKind::Map(_, _), Some(key)) => Some(key),
                (NodeKind::Map(pairs, _), None) => pairs.last_mut().map(|(_, value)| value),
                (NodeKind::Seq(items, _), _) => items.last_mut(),
                (NodeKind::Scalar(_), _) => None,
            },
        };
        if let Some(last) = last.filter(|_| self.anchors.contains_key(&id)) {
            last.anchor = Some(name.into());
        }
    }

    fn alias(&mut self, id: usize, spot: Spot, text: &str) {
        let size = self.sizes.get(&id).copied().unwrap_or(1);
        if !self.count(size, spot) {
            return;
        }
        if let Some(node) = self.anchors.get(&id).cloned() {
            let name = text.get(spot.start + 1..spot.end).unwrap_or_default();
            self.put(Node { spot, anchor: None, alias: Some(name.into()), ..node }, 0);
        } else {
            let message = "an alias inside of what it names";
            self.findings.push(Diagnostic::error(Code::UnsupportedYaml, spot, message));
            self.put(Node { spot, kind: null(), anchor: None, alias: None }, 0);
        }
    }

    /// The pairs with one of each key, and only words as keys.
    fn keys_checked(&mut self, pairs: Vec<(Node, Node)>, whole: Spot, text: &str) -> Vec<(Node, Node)> {
        let mut seen: BTreeMap<Arc<str>, Spot> = BTreeMap::new();
        let mut kept = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let Some(scalar) = key.scalar() else {
                if !opens_template(text, whole) {
                    let message = format!("a key must be a word, not {}", key.is_a());
                    self.findings.push(Diagnostic::error(Code::UnsupportedYaml, key.spot, message));
                }
                continue;
            };
            if &*scalar.text == "<<" && scalar.style == Style::Plain {
                let finding =
                    Diagnostic::error(Code::UnsupportedYaml, key.spot, "merge keys (`<<`) are not part of YAML 1.2");
                self.findings.push(finding.help("write the keys out, or give them to every step by `defaults:`"));
                self.stream.broken = true; // What it would have put here is not missing.
                continue;
            }
            if let Some(first) = seen.get(&scalar.text) {
                let message = format!("the key `{}` is written twice", scalar.text);
                let finding = Diagnostic::error(Code::DuplicateKey, key.spot, message).label("again here");
                self.findings.push(finding.note(*first, "first here").help("keep one of them"));
                continue;
            }
            seen.insert(Arc::clone(&scalar.text), key.spot);
            kept.push((key, value));
        }
        kept
    }
}

fn next_event<'a>(parser: &mut Parser<'a, StrInput<'a>>) -> Option<Result<(Event<'a>, Span), ScanError>> {
    parser.next_event()
}

fn null() -> NodeKind {
    NodeKind::Scalar(Scalar { text: "".into(), style: Style::Plain, as_text: false })
}

fn is_flow(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Seq(_, true) | NodeKind::Map(_, true))
}

fn opens_template(text: &str, spot: Spot) -> bool {
    text.get(spot.start..).is_some_and(|rest| rest.starts_with("{{"))
}

/// `key: {{ x }}` is, to YAML, a map whose key is a map. Taken for the text it was meant to be.
fn unquoted_template(spot: Spot, kind: &NodeKind, text: &str, findings: &mut Diagnostics) -> Option<NodeKind> {
    let NodeKind::Map(pairs, true) = kind else { return None };
    if !pairs.is_empty() || !opens_template(text, spot) {
        return None;
    }
    let raw = text.get(spot.start..spot.end)?;
    let finding =
        Diagnostic::error(Code::Syntax, spot, "a value that begins with `{{` must be quoted, or YAML reads a map");
    findings.push(finding.help(format!("write \"{raw}\"")));
    Some(NodeKind::Scalar(Scalar { text: raw.into(), style: Style::Plain, as_text: true }))
}

fn size(node: &Node) -> usize {
    match &node.kind {
        NodeKind::Scalar(_) => 1,
        NodeKind::Seq(items, _) => 1 + items.iter().map(size).sum::<usize>(),
        NodeKind::Map(pairs, _) => 1 + pairs.iter().map(|(key, value)| size(key) + size(value)).sum::<usize>(),
    }
}
