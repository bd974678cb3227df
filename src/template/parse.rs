//! From tokens to a tree: tags are read, blocks are matched, names are resolved and guards noted.

use crate::base::arg::{Landing, SEALED_INPUT};
use crate::base::limits;
use crate::expr::{Problem, ProblemKind, closest, subject};
use crate::template::scan::{Sort, Tag, Token, scan};
use crate::template::tag::{self, Content};
use crate::template::tree::{Block, BlockSort, Helper, Input, Item, PathRef, Put, Spot};

/// The tree of a template. The inputs named in `sealed` are secrets.
///
/// # Errors
/// The first thing wrong with it.
pub(super) fn parse(source: &str, sealed: &[String]) -> Result<Vec<Item>, Problem> {
    let tokens = scan(source)?;
    let tokens = tokens.into_iter().peekable();
    let mut parser = Parser { source, sealed, tokens, frames: Vec::new(), asked: Vec::new() };
    let (items, stop) = parser.items(0)?;
    match stop {
        None => Ok(items),
        Some(tag) => {
            let problem = Problem::new(ProblemKind::Syntax, tag.span, "there is no block open here");
            Err(problem.help("take this tag out, or open its block before it: `{{#if name}}`"))
        }
    }
}

/// What names mean inside a block.
struct Frame {
    /// The path of the item or of the value of `with`.
    this: Option<Vec<String>>,
    /// The names after `as`, with their paths.
    params: Vec<(String, Option<Vec<String>>)>,
    /// Whether it is of `#each`, which has `@index` and the like.
    each: bool,
    /// Whether bare names are fields of `this`.
    moves: bool,
}

struct Parser<'a> {
    source: &'a str,
    /// Inputs that are secrets.
    sealed: &'a [String],
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    frames: Vec<Frame>,
    /// What the blocks around have asked about.
    asked: Vec<Vec<String>>,
}

impl Parser<'_> {
    /// The items up to the tag that ends this list, and that tag.
    fn items(&mut self, depth: usize) -> Result<(Vec<Item>, Option<Tag>), Problem> {
        let mut items = Vec::new();
        while let Some(token) = self.tokens.next() {
            let tag = match token {
                Token::Text(text) => {
                    items.push(Item::Lit(text));
                    continue;
                }
                Token::Tag(tag) => tag,
            };
            match tag.sort {
                Sort::Put | Sort::Raw => items.push(Item::Put(self.put(&tag)?)),
                Sort::Open => items.push(self.block(&tag, depth)?),
                Sort::Else | Sort::Close => return Ok((items, Some(tag))),
                Sort::Comment => {}
            }
        }
        Ok((items, None))
    }

    fn put(&mut self, tag: &Tag) -> Result<Put, Problem> {
        let content = tag::read(self.source, tag.inner)?;
        if !content.params.is_empty() {
            return Err(Problem::new(ProblemKind::Syntax, tag.span, "`as |…|` belongs to a block"));
        }
        let input = self.input(content, false)?;
        if let Input::Literal(_) = input {
            return Err(Problem::new(ProblemKind::Syntax, tag.span, "a placeholder holds a name or a helper"));
        }
        let raw = tag.sort == Sort::Raw;
        let spot = Spot { landing: Landing::Plain, first: false, tail: false, raw };
        Ok(Put { input, span: tag.span, raw, spot })
    }

    fn block(&mut self, tag: &Tag, depth: usize) -> Result<Item, Problem> {
        if depth >= limits::MAX_BLOCKS {
            let text = format!("blocks are nested deeper than {}", limits::MAX_BLOCKS);
            return Err(Problem::new(ProblemKind::Limit, tag.span, text));
        }
        self.block_of(tag, tag.inner, depth).map(|block| Item::Block(Box::new(block)))
    }

    fn block_of(&mut self, tag: &Tag, inner: (usize, usize), depth: usize) -> Result<Block, Problem> {
        let mut content = tag::read(self.source, inner)?;
        let sort = self.sort(&content, tag)?;
        content.words.remove(0);
        let params = std::mem::take(&mut content.params);
        if content.words.len() != 1 {
            let text = format!("`#{}` takes one value", sort.as_str());
            return Err(Problem::new(ProblemKind::Syntax, tag.span, text));
        }
        let asks = matches!(sort, BlockSort::If | BlockSort::Unless);
        let input = self.input(content, asks)?;
        let asked = self.asked.len();
        if asks {
            questions(&input, &mut self.asked);
        }
        let moves = self.enter(sort, &input, &params);
        let (body, stop) = self.items(depth + 1)?;
        if moves {
            self.frames.pop();
        }
        let otherwise = self.otherwise(sort, tag, stop, depth)?;
        self.asked.truncate(asked);
        Ok(Block { sort, input, params, body, otherwise, span: tag.span })
    }

    fn otherwise(&mut self, sort: BlockSort, tag: &Tag, stop: Option<Tag>, depth: usize) -> Result<Vec<Item>, Problem> {
        let open = || {
            let text = format!("this `#{}` has no `{{{{/{}}}}}`", sort.as_str(), sort.as_str());
            Problem::new(ProblemKind::Syntax, tag.span, text)
        };
        let Some(stop) = stop else { return Err(open()) };
        if stop.sort == Sort::Close {
            self.closes(sort, &stop)?;
            return Ok(Vec::new());
        }
        let word = self.source[stop.inner.0..stop.inner.1].trim_start();
        let rest = word.strip_prefix("else").unwrap_or(word);
        if !rest.trim().is_empty() {
            // `{{else if x}}` is a block in the else part; both end at the one closing tag.
            if depth >= limits::MAX_BLOCKS {
                return Err(Problem::new(ProblemKind::Limit, stop.span, "too many `else if` in a row"));
            }
            let inner = (stop.inner.1 - rest.len(), stop.inner.1);
            let chained = self.chained(&stop, inner, sort, depth + 1)?;
            return Ok(vec![Item::Block(Box::new(chained))]);
        }
        let (items, stop) = self.items(depth + 1)?;
        match stop {
            Some(stop) if stop.sort == Sort::Close => self.closes(sort, &stop).map(|()| items),
            Some(stop) => Err(Problem::new(ProblemKind::Syntax, stop.span, "a second `else`")),
            None => Err(open()),
        }
    }

    fn chained(&mut self, tag: &Tag, inner: (usize, usize), outer: BlockSort, depth: usize) -> Result<Block, Problem> {
        let content = tag::read(self.source, inner)?;
        let sort = self.sort(&content, tag)?;
        if sort != outer && !(outer == BlockSort::Unless && sort == BlockSort::If) && sort != BlockSort::If {
            let text = format!("`else {}` does not belong here", sort.as_str());
            return Err(Problem::new(ProblemKind::Syntax, tag.span, text));
        }
        let mut content = content;
        content.words.remove(0);
        if content.words.len() != 1 || !content.params.is_empty() {
            return Err(Problem::new(ProblemKind::Syntax, tag.span, "`else if` takes one value"));
        }
        let input = self.input(content, true)?;
        questions(&input, &mut self.asked);
        let moves = self.enter(sort, &input, &[]);
        let (body, stop) = self.items(depth + 1)?;
        if moves {
            self.frames.pop();
        }
        let otherwise = self.otherwise(outer, tag, stop, depth)?;
        Ok(Block { sort, input, params: Vec::new(), body, otherwise, span: tag.span })
    }

    fn sort(&self, content: &Content, tag: &Tag) -> Result<BlockSort, Problem> {
        let name = content.words.first().map_or("", |word| word.text(self.source));
        BlockSort::ALL.into_iter().find(|sort| sort.as_str() == name).ok_or_else(|| {
            let text = format!("there is no block `#{name}`");
            Problem::new(ProblemKind::Name, tag.span, text).help("the blocks are #if, #unless, #each, #with")
        })
    }

    fn closes(&self, sort: BlockSort, stop: &Tag) -> Result<(), Problem> {
        let name = self.source[stop.inner.0..stop.inner.1].trim();
        if name == sort.as_str() {
            return Ok(());
        }
        let text = format!("`{{{{/{name}}}}}` closes nothing: `#{}` is open", sort.as_str());
        let help = format!("close it with `{{{{/{}}}}}`", sort.as_str());
        Err(Problem::new(ProblemKind::Syntax, stop.span, text).help(help))
    }

    fn enter(&mut self, sort: BlockSort, input: &Input, params: &[String]) -> bool {
        let path = match input {
            Input::Path(path) => path.path.clone(),
            Input::Literal(_) | Input::Call(..) => None,
        };
        let below = |path: Option<Vec<String>>| {
            path.map(|mut path| {
                path.push("*".into());
                path
            })
        };
        let this = match sort {
            BlockSort::If | BlockSort::Unless => return false,
            BlockSort::Each => below(path),
            BlockSort::With => path,
        };
        let paths = std::iter::once(this.clone()).chain(std::iter::repeat(None));
        let params = params.iter().cloned().zip(paths).collect();
        self.frames.push(Frame { this, params, each: sort == BlockSort::Each, moves: true });
        true
    }

    /// The value of a tag: a name, or a helper with its values.
    fn input(&self, content: Content, guarded: bool) -> Result<Input, Problem> {
        let mut words = content.words;
        if words.is_empty() {
            return Err(Problem::new(ProblemKind::Syntax, content.span, "nothing is written here"));
        }
        let first = words.remove(0);
        if words.is_empty() {
            return self.word(first, guarded);
        }
        self.call(first.text(self.source), first.span, words, content.span, guarded)
    }

    fn call(
        &self,
        name: &str,
        place: (usize, usize),
        words: Vec<tag::Word>,
        span: (usize, usize),
        guarded: bool,
    ) -> Result<Input, Problem> {
        let Some(helper) = Helper::ALL.into_iter().find(|helper| helper.as_str() == name) else {
            let text = format!("there is no helper `{name}`");
            let problem = Problem::new(ProblemKind::Name, place, text);
            return Err(match closest(name, Helper::ALL.map(Helper::as_str)) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help("the helpers are default, json, date, round, duration, bytes, join, table"),
            });
        };
        let (least, most) = helper.arity();
        if !(least..=most).contains(&words.len()) {
            let takes = if least == most { least.to_string() } else { format!("{least} to {most}") };
            let text = format!("`{name}` takes {takes} values, {} are given", words.len());
            return Err(Problem::new(ProblemKind::Syntax, span, text));
        }
        let args = words.into_iter().enumerate().map(|(index, word)| {
            let soft = guarded || (helper == Helper::Default && index == 0);
            self.word(word, soft)
        });
        Ok(Input::Call(helper, args.collect::<Result<_, _>>()?, span))
    }

    fn word(&self, word: tag::Word, guarded: bool) -> Result<Input, Problem> {
        match word.sort {
            tag::WordSort::Literal(value) => Ok(Input::Literal(value)),
            tag::WordSort::Group(mut words) => {
                if words.is_empty() {
                    return Err(Problem::new(ProblemKind::Syntax, word.span, "nothing is written here"));
                }
                let first = words.remove(0);
                if words.is_empty() {
                    return self.word(first, guarded);
                }
                self.call(first.text(self.source), first.span, words, word.span, guarded)
            }
            tag::WordSort::Name => self.name(word.text(self.source), word.span, guarded).map(Input::Path),
        }
    }

    fn name(&self, raw: &str, span: (usize, usize), guarded: bool) -> Result<PathRef, Problem> {
        let name = tag::name(raw, span)?;
        let made = |path: Option<Vec<String>>| {
            let asked = path.as_ref().is_some_and(|path| self.asked.iter().any(|asked| path.starts_with(asked)));
            let path = path.map(|path| sealed(path, self.sealed));
            Ok(PathRef { raw: raw.into(), path, span, guarded: guarded || asked })
        };
        if name.local {
            if !self.frames.iter().any(|frame| frame.each) {
                let text = format!("`{raw}` means nothing outside of `#each`");
                let help = "write it between `{{#each x}}` and `{{/each}}`";
                return Err(Problem::new(ProblemKind::Name, span, text).help(help));
            }
            return made(None);
        }
        if name.root {
            return made(Some(name.segments));
        }
        if name.ups > self.frames.len() {
            return Err(Problem::new(ProblemKind::Name, span, "`../` leads out of the template"));
        }
        let level = self.frames.len() - name.ups;
        let frames = &self.frames[..level];
        if !name.this
            && let Some(first) = name.segments.first()
        {
            let params = self.frames.iter().rev().flat_map(|frame| &frame.params);
            if let Some((_, base)) = params.clone().find(|(param, _)| param == first) {
                return made(base.clone().map(|base| extend(base, &name.segments[1..])));
            }
        }
        match frames.iter().rev().find(|frame| frame.moves) {
            Some(frame) => made(frame.this.clone().map(|base| extend(base, &name.segments))),
            None if name.segments.is_empty() => {
                Err(Problem::new(ProblemKind::Name, span, "`this` means nothing outside of `#each` and `#with`"))
            }
            None => made(Some(name.segments)),
        }
    }
}

/// `inputs.NAME` of a sealed input is a secret, and has a secret's path; so is an output that is sealed.
fn sealed(mut path: Vec<String>, sealed: &[String]) -> Vec<String> {
    if path.first().is_some_and(|root| root == "steps") {
        let whole = path.join(".");
        return if sealed.contains(&whole) { vec!["secrets".into(), whole] } else { path };
    }
    if let [root, name, ..] = path.as_mut_slice()
        && root == "inputs"
        && sealed.contains(name)
    {
        "secrets".clone_into(root);
        *name = format!("{SEALED_INPUT}{name}");
    }
    path
}

fn extend(mut base: Vec<String>, more: &[String]) -> Vec<String> {
    base.extend_from_slice(more);
    base
}

/// Adds what a condition asks about: the value itself, and the step whose end it asks for.
fn questions(input: &Input, asked: &mut Vec<Vec<String>>) {
    match input {
        Input::Path(path) => {
            if let Some(path) = &path.path {
                asked.extend(subject(path));
                asked.push(path.clone());
            }
        }
        Input::Literal(_) => {}
        Input::Call(_, args, _) => args.iter().for_each(|arg| questions(arg, asked)),
    }
}
