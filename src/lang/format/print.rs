//! The tree printed line by line, comments between them where they stood.

use crate::lang::format::scalar::inline;
use crate::lang::yaml::{Comment, Node, NodeKind, Stream, Style};
use std::collections::VecDeque;

/// A bracketed collection longer than this keeps the lines it has.
const WIDTH: usize = 120;

pub(super) fn print(text: &str, stream: &Stream) -> String {
    let mut printer = Printer { text, out: String::new(), comments: stream.comments.iter().collect() };
    for (index, document) in stream.documents.iter().enumerate() {
        let begin = document.spot.start;
        let explicit = text.get(begin..).is_some_and(|rest| rest.starts_with("---"));
        if index > 0 || explicit {
            printer.comments_before(begin, 0, 0);
            printer.out.push_str("---");
            printer.trailing(begin + 3);
            printer.out.push('\n');
        }
        let end = stream.documents.get(index + 1).map_or(text.len(), |next| next.spot.start);
        if let Some(root) = &document.root {
            printer.comments_before(root.spot.start, 0, 0);
            printer.root(root, end);
        }
    }
    printer.comments_before(text.len() + 1, 0, 0);
    let body = printer.out.trim_start_matches('\n').trim_end();
    if body.is_empty() { String::new() } else { format!("{body}\n") }
}

struct Printer<'a> {
    text: &'a str,
    out: String,
    /// Those that are not written yet.
    comments: VecDeque<&'a Comment>,
}

impl Printer<'_> {
    fn root(&mut self, root: &Node, limit: usize) {
        if is_block(root) {
            self.block(root, 0, limit, true);
        } else {
            self.value(root, 0);
        }
    }

    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    fn column(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or("");
        at - before.rfind('\n').map_or(0, |line| line + 1)
    }

    /// A blank line where at least one was written above this place.
    fn blank_above(&mut self, at: usize) {
        let before = self.text.get(..at).unwrap_or("").trim_end_matches([' ', '-']);
        let blank = before.ends_with("\n\n") || before.trim_end_matches([' ', '\t']).ends_with("\n\n");
        if blank && !self.out.is_empty() && !self.out.ends_with("\n\n") && self.out.ends_with('\n') {
            self.out.push('\n');
        }
    }

    /// Writes the comments before a place that stand at least that deep.
    fn comments_before(&mut self, at: usize, column: usize, indent: usize) {
        while let Some(comment) = self.comments.front().copied().filter(|comment| comment.spot.start < at) {
            if self.column(comment.spot.start) < column && !comment.behind {
                break;
            }
            self.blank_above(comment.spot.start);
            self.indent(indent);
            self.comment(comment);
            self.out.push('\n');
            self.comments.pop_front();
        }
    }

    /// Writes the comment that stands behind what ends at this place, on the same line.
    fn trailing(&mut self, end: usize) {
        // Others may wait before it for a line of their own.
        let behind = self.comments.iter().position(|comment| comment.behind && comment.spot.start >= end);
        let Some((at, comment)) = behind.and_then(|at| Some((at, *self.comments.get(at)?))) else { return };
        if self.text.get(end..comment.spot.start).is_some_and(|between| !between.contains('\n')) {
            self.out.push(' ');
            self.comment(comment);
            self.comments.remove(at);
        }
    }

    fn comment(&mut self, comment: &Comment) {
        self.out.push_str(self.text.get(comment.spot.start..comment.spot.end).unwrap_or("").trim_end());
    }

    /// Those within what was written with the comments in it are written with that; those before it still wait.
    fn written(&mut self, start: usize, end: usize) {
        self.comments.retain(|comment| !(start..end).contains(&comment.spot.start));
    }

    /// A block collection. `fresh` is false when its first line has begun behind a `- `.
    fn block(&mut self, node: &Node, indent: usize, limit: usize, fresh: bool) {
        let column = self.column(first_at(node));
        let mut fresh = fresh;
        match &node.kind {
            NodeKind::Map(pairs, _) => {
                let order = self.order(node, pairs);
                for (place, index) in order.iter().enumerate() {
                    let (key, value) = &pairs[*index];
                    let next = order.get(place + 1).map_or(limit, |next| pairs[*next].0.spot.start);
                    self.lead(key.spot.start, indent, &mut fresh);
                    self.out.push_str(&inline(key, self.text));
                    self.out.push(':');
                    self.align(pairs, *index);
                    self.under(key, value, indent, next);
                }
            }
            NodeKind::Seq(items, _) => {
                for (index, item) in items.iter().enumerate() {
                    let next = items.get(index + 1).map_or(limit, |next| dash_before(self.text, next.spot.start));
                    self.lead(dash_before(self.text, item.spot.start), indent, &mut fresh);
                    self.out.push('-');
                    self.item(item, indent, next);
                }
            }
            NodeKind::Scalar(_) => {}
        }
        self.comments_before(limit, column.max(1), indent);
    }

    fn lead(&mut self, at: usize, indent: usize, fresh: &mut bool) {
        if *fresh {
            self.comments_before(at, 0, indent);
            self.blank_above(at);
            self.indent(indent);
        }
        *fresh = true;
    }

    /// Further spaces behind a key whose value was aligned with that of a neighbour.
    fn align(&mut self, pairs: &[(Node, Node)], index: usize) {
        let gap = |index: usize| {
            let (key, value) = pairs.get(index)?;
            let between = self.text.get(key.spot.end + 1..value.spot.start)?;
            let blank = !between.is_empty() && between.chars().all(|c| c == ' ');
            (blank && value.alias.is_none() && value.anchor.is_none())
                .then(|| (self.column(value.spot.start), between.len()))
        };
        let Some((column, spaces)) = gap(index) else { return };
        let neighbours = [index.checked_sub(1), Some(index + 1)];
        let aligned =
            neighbours.into_iter().flatten().any(|other| gap(other).is_some_and(|(other, _)| other == column));
        if aligned {
            self.indent(spaces - 1);
        }
    }

    /// What stands behind a key.
    fn under(&mut self, key: &Node, value: &Node, indent: usize, limit: usize) {
        if is_block(value) {
            self.anchor(value);
            self.trailing(key.spot.end);
            self.out.push('\n');
            self.block(value, indent + 2, limit, true);
        } else {
            self.value(value, indent);
        }
    }

    /// What stands behind a dash.
    fn item(&mut self, item: &Node, indent: usize, limit: usize) {
        if is_block(item) && item.anchor.is_none() {
            self.out.push(' ');
            self.block(item, indent + 2, limit, false);
        } else if is_block(item) {
            self.anchor(item);
            self.out.push('\n');
            self.block(item, indent + 2, limit, true);
        } else {
            self.value(item, indent);
        }
    }

    fn anchor(&mut self, node: &Node) {
        if let Some(anchor) = &node.anchor {
            self.out.push_str(" &");
            self.out.push_str(anchor);
        }
    }

    /// A value that begins on the line of its key.
    fn value(&mut self, node: &Node, indent: usize) {
        let begun = !self.out.is_empty() && !self.out.ends_with('\n');
        if node.alias.is_none() && self.block_scalar(node, indent, begun) {
            return;
        }
        let end = node.spot.end;
        let commented = self.comments.iter().any(|comment| (node.spot.start..end).contains(&comment.spot.start));
        let line = inline(node, self.text);
        let source = self.text.get(node.spot.start..end).unwrap_or("");
        let long = node.alias.is_none() && source.contains('\n') && line.len() + indent > WIDTH;
        if begun && !line.is_empty() {
            self.out.push(' ');
        }
        if node.alias.is_none() && (commented || long) && node.scalar().is_none() {
            self.lines_as_written(source, indent + 2);
            self.written(node.spot.start, end);
        } else {
            self.out.push_str(&line);
        }
        self.trailing(end);
        self.out.push('\n');
    }

    /// A bracketed collection over several lines: as written, indented anew.
    fn lines_as_written(&mut self, source: &str, indent: usize) {
        let source = source.trim();
        // A bracket that closes on a line of its own stands further in than the key or dash of the collection, as YAML 1.2
        // asks, and what is in it further still.
        let closed = source.lines().last().is_some_and(|line| source.contains('\n') && line.trim().len() == 1);
        let inner = if closed { indent + 2 } else { indent };
        let open =
            if source.starts_with('{') && !source.starts_with("{ ") && !source.starts_with("{\n") { "{ " } else { "" };
        for (index, line) in source.lines().enumerate() {
            let line = line.trim();
            let last = index + 1 == source.lines().count();
            if index > 0 {
                self.out.push('\n');
                if !line.is_empty() {
                    let closing = last && line.len() == 1;
                    self.indent(if closing { indent } else { inner });
                }
            }
            let line = if index == 0 && !open.is_empty() { format!("{open}{}", &line[1..]) } else { line.to_owned() };
            match line.strip_suffix('}').filter(|head| last && !head.is_empty() && !head.ends_with([' ', '{', '}'])) {
                Some(head) => {
                    self.out.push_str(head);
                    self.out.push_str(" }");
                }
                None => self.out.push_str(&line),
            }
        }
    }

    /// Writes a `|` or `>` scalar, its lines indented anew. False where the node is none.
    fn block_scalar(&mut self, node: &Node, indent: usize, begun: bool) -> bool {
        let Some(scalar) = node.scalar().filter(|scalar| matches!(scalar.style, Style::Literal | Style::Folded)) else {
            return false;
        };
        let source = self.text.get(node.spot.start..node.spot.end).unwrap_or("");
        let (header, body) = source.split_once('\n').unwrap_or((source, ""));
        let digit = header.split('#').next().unwrap_or("").contains(|c: char| c.is_ascii_digit());
        let folded = scalar.style == Style::Folded && !digit && header.starts_with('>');
        if scalar.text.trim().is_empty() || !begun || (scalar.style == Style::Folded && !folded) {
            return false;
        }
        self.out.push(' ');
        self.anchor_before(node);
        let comment = header.find(" #").map_or("", |at| header[at..].trim_end());
        let lines: Vec<String> = if folded {
            dedented(body)
        } else {
            scalar.text.trim_end_matches('\n').split('\n').map(str::to_owned).collect()
        };
        let chomp = match scalar.text.len() - scalar.text.trim_end_matches('\n').len() {
            0 => "-",
            1 => "",
            _ => "+",
        };
        let spaced = lines.iter().find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with(' '));
        self.out.push(if folded { '>' } else { '|' });
        self.out.push_str(if spaced && !folded { "2" } else { "" });
        self.out.push_str(chomp);
        self.out.push_str(comment);
        self.out.push('\n');
        let extra = scalar.text.len() - scalar.text.trim_end_matches('\n').len();
        for line in lines.iter().map(String::as_str).chain(std::iter::repeat_n("", extra.saturating_sub(1))) {
            if !line.is_empty() {
                self.indent(indent + 2);
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
        self.written(node.spot.start, node.spot.start + header.len());
        true
    }

    fn anchor_before(&mut self, node: &Node) {
        if let Some(anchor) = &node.anchor {
            self.out.push('&');
            self.out.push_str(anchor);
            self.out.push(' ');
        }
    }

    /// `id` and `title` come first in a step, where no comment could lose its line.
    fn order(&self, node: &Node, pairs: &[(Node, Node)]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        let rank = |index: usize| match pairs[index].0.name() {
            Some("id") => 0,
            Some("title") => 1,
            _ => 2,
        };
        let line_end = self
            .text
            .get(node.spot.end..)
            .and_then(|rest| rest.find('\n'))
            .map_or(self.text.len(), |line| node.spot.end + line);
        let inside =
            self.comments.iter().any(|comment| comment.spot.start >= first_at(node) && comment.spot.start <= line_end);
        let blank = self.text.get(first_at(node)..node.spot.end).is_some_and(|source| source.contains("\n\n"));
        if !inside && !blank && pairs.iter().any(|(key, _)| key.name() == Some("id")) {
            order.sort_by_key(|index| rank(*index));
        }
        order
    }
}

fn is_block(node: &Node) -> bool {
    if node.alias.is_some() {
        return false;
    }
    match &node.kind {
        NodeKind::Map(pairs, flow) => !flow && !pairs.is_empty(),
        NodeKind::Seq(items, flow) => !flow && !items.is_empty(),
        NodeKind::Scalar(_) => false,
    }
}

/// Where the first key or item of a collection stands.
fn first_at(node: &Node) -> usize {
    match &node.kind {
        NodeKind::Map(pairs, _) => pairs.first().map_or(node.spot.start, |(key, _)| key.spot.start),
        NodeKind::Seq(..) | NodeKind::Scalar(_) => node.spot.start,
    }
}

/// The dash in front of an item.
fn dash_before(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('-')).unwrap_or(at)
}

/// Lines without the indent they share.
fn dedented(body: &str) -> Vec<String> {
    let body = body.trim_end_matches([' ', '\n']);
    let indent = body
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or(0);
    body.lines().map(|line| line.get(indent..).unwrap_or("").trim_end().to_owned()).collect()
}
