//! What stands between the braces: words, literals, groups in parentheses, names.

use crate::base::limits;
use crate::base::value::Value;
use crate::expr::{Problem, ProblemKind};

/// The content of a tag.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) words: Vec<Word>,
    /// The names of `as |a b|`.
    pub(super) params: Vec<String>,
    pub(super) span: (usize, usize),
}

/// A word of a tag.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) sort: WordSort,
    pub(super) span: (usize, usize),
}

/// What a word is.
#[derive(Debug)]
pub(super) enum WordSort {
    /// A name of a value, helper or block.
    Name,
    /// Text in quotes, a number, true, false, null.
    Literal(Value),
    /// Words in parentheses.
    Group(Vec<Word>),
}

impl Word {
    /// As written.
    pub(super) fn text<'a>(&self, source: &'a str) -> &'a str {
        &source[self.span.0..self.span.1]
    }
}

/// The words between two bytes of the source.
///
/// # Errors
/// What is not readable, at its place.
pub(super) fn read(source: &str, inner: (usize, usize)) -> Result<Content, Problem> {
    let mut reader = Reader { source, at: inner.0, end: inner.1 };
    let words = reader.words(0)?;
    let mut params = Vec::new();
    if reader.eat("|") {
        params = reader.params()?;
        reader.blank();
        if reader.at < reader.end {
            return Err(reader.problem("nothing may follow `as |…|`"));
        }
    }
    let mut words = words;
    if !params.is_empty() && words.last().is_some_and(|word| word.text(source) == "as") {
        words.pop();
    }
    Ok(Content { words, params, span: inner })
}

struct Reader<'a> {
    source: &'a str,
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..self.end]
    }

    fn blank(&mut self) {
        self.at = self.end - self.rest().trim_start().len();
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn problem(&self, text: &str) -> Problem {
        let len = self.rest().chars().next().map_or(0, char::len_utf8);
        Problem::new(ProblemKind::Syntax, (self.at, self.at + len), text)
    }

    fn words(&mut self, depth: usize) -> Result<Vec<Word>, Problem> {
        let mut words = Vec::new();
        loop {
            self.blank();
            let start = self.at;
            match self.rest().chars().next() {
                None | Some(')' | '|') => return Ok(words),
                Some('(') if depth < limits::MAX_GROUPS => {
                    self.at += 1;
                    let inside = self.words(depth + 1)?;
                    if !self.eat(")") {
                        return Err(self.problem("a `)` is missing"));
                    }
                    words.push(Word { sort: WordSort::Group(inside), span: (start, self.at) });
                }
                Some('(') => return Err(self.problem("too many parentheses")),
                Some(quote @ ('"' | '\'')) => {
                    let text = self.quoted(quote)?;
                    words.push(Word { sort: WordSort::Literal(Value::String(text)), span: (start, self.at) });
                }
                Some(_) => words.push(self.word()?),
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, Problem> {
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, other)) => text.push(other),
                    None => break,
                },
                c if c == quote => {
                    self.at += at + c.len_utf8();
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err(self.problem("the text has no closing quote"))
    }

    fn word(&mut self) -> Result<Word, Problem> {
        let start = self.at;
        let mut bracket = false;
        let len = self
            .rest()
            .char_indices()
            .find(|(_, c)| {
                bracket = (bracket || *c == '[') && *c != ']';
                !bracket && (c.is_whitespace() || matches!(c, '(' | ')' | '|' | '"' | '\'' | '='))
            })
            .map_or(self.rest().len(), |(at, _)| at);
        if len == 0 {
            return Err(self.problem("this does not belong into a tag"));
        }
        self.at += len;
        let text = &self.source[start..self.at];
        let sort = match text {
            "true" => WordSort::Literal(Value::Bool(true)),
            "false" => WordSort::Literal(Value::Bool(false)),
            "null" => WordSort::Literal(Value::Null),
            _ if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                let number = serde_json::from_str(text).map_err(|_| {
                    let problem = Problem::new(ProblemKind::Syntax, (start, self.at), format!("`{text}` is no number"));
                    problem.help("text is written in quotes")
                });
                WordSort::Literal(number?)
            }
            _ => WordSort::Name,
        };
        Ok(Word { sort, span: (start, self.at) })
    }

    fn params(&mut self) -> Result<Vec<String>, Problem> {
        let Some(len) = self.rest().find('|') else { return Err(self.problem("`as |…|` has no second `|`")) };
        let names: Vec<String> = self.rest()[..len].split_whitespace().map(str::to_owned).collect();
        let plain = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if names.is_empty() || names.len() > 2 || !names.iter().all(plain) {
            return Err(self.problem("`as |…|` holds one or two plain names"));
        }
        self.at += len + 1;
        Ok(names)
    }
}

/// A name, taken apart.
#[derive(Debug, Default)]
pub(super) struct Name {
    /// How many `../` it begins with.
    pub(super) ups: usize,
    /// It begins with `@root`.
    pub(super) root: bool,
    /// It begins with `this` or `./`.
    pub(super) this: bool,
    /// It is `@index`, `@key`, `@first` or `@last`.
    pub(super) local: bool,
    pub(super) segments: Vec<String>,
}

/// The name written as `raw`.
///
/// # Errors
/// What is no name.
pub(super) fn name(raw: &str, span: (usize, usize)) -> Result<Name, Problem> {
    let mut name = Name::default();
    let mut rest = raw;
    while let Some(up) = rest.strip_prefix("../") {
        name.ups += 1;
        rest = up;
    }
    if let Some(word) = rest.strip_prefix('@') {
        if matches!(word, "index" | "key" | "first" | "last") {
            name.local = true;
            return Ok(name);
        }
        let Some(below) = word.strip_prefix("root.") else {
            let text = format!("`{raw}` is no name: @index, @key, @first, @last and @root.NAME are");
            return Err(Problem::new(ProblemKind::Name, span, text));
        };
        name.root = true;
        rest = below;
    } else if let Some(below) = rest.strip_prefix("./") {
        name.this = true;
        rest = below;
    } else if rest == "this" || rest.starts_with("this.") {
        name.this = true;
        rest = rest.strip_prefix("this").unwrap_or(rest).trim_start_matches('.');
        if rest.is_empty() {
            return Ok(name);
        }
    }
    while !rest.is_empty() {
        let (segment, after) = segment(rest).ok_or_else(|| bad_name(raw, span))?;
        name.segments.push(segment.into());
        rest = match after {
            "" => after,
            more => more.strip_prefix('.').filter(|more| !more.is_empty()).ok_or_else(|| bad_name(raw, span))?,
        };
    }
    if name.segments.is_empty() || matches!(name.segments[0].as_str(), "as" | "else") {
        return Err(bad_name(raw, span));
    }
    Ok(name)
}

fn segment(rest: &str) -> Option<(&str, &str)> {
    if let Some(inside) = rest.strip_prefix('[') {
        return inside.split_once(']').filter(|(key, _)| !key.is_empty());
    }
    let symbol = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || c as u32 >= 0x80;
    let len = rest.find(|c| !symbol(c)).unwrap_or(rest.len());
    (len > 0).then(|| rest.split_at(len))
}

fn bad_name(raw: &str, span: (usize, usize)) -> Problem {
    let problem = Problem::new(ProblemKind::Syntax, span, format!("`{raw}` is no name"));
    let operator = raw.contains(['+', '*', '<', '>', '?', '!', '&']) || raw == "-";
    if operator || raw.contains("==") {
        return problem.help("templates do not compute: put the expression into `vars:` and name it here");
    }
    problem.help("names are written `a.b.c`, a key with other characters `a.[the key]`")
}
