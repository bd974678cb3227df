//! Cutting a template into text and tags, white space control included.

use crate::expr::{Problem, ProblemKind};

/// A piece of the source.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Text, escapes undone.
    Text(String),
    /// What stands between the braces.
    Tag(Tag),
}

/// A tag: its sort, what it holds, and where that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) sort: Sort,
    /// First byte of the braces and the byte behind them.
    pub(super) span: (usize, usize),
    /// First byte of the content and the byte behind it.
    pub(super) inner: (usize, usize),
}

/// The sorts of tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// `{{ x }}`
    Put,
    /// `{{{ x }}}` or `{{& x }}`
    Raw,
    /// `{{#if x}}`
    Open,
    /// `{{else}}`, `{{else if x}}`, `{{^}}`
    Else,
    /// `{{/if}}`
    Close,
    /// `{{! … }}`
    Comment,
}

/// The tokens of a template.
///
/// # Errors
/// A tag that does not end, or of a sort that is left out.
pub(super) fn scan(source: &str) -> Result<Vec<Token>, Problem> {
    let mut tokens = Vec::new();
    let mut text = String::new();
    let mut at = 0;
    let mut eat = false;
    while let Some(found) = source[at..].find("{{") {
        let start = at + found;
        push(&mut text, &source[at..start], &mut eat);
        let slashes = text.len() - text.trim_end_matches('\\').len();
        if slashes == 1 {
            // `\{{` is two braces.
            text.pop();
            text.push_str("{{");
            at = start + 2;
            continue;
        }
        if slashes > 1 {
            // `\\{{` is a backslash and a tag.
            text.truncate(text.len() - slashes / 2);
        }
        let (tag, trim_left, trim_right) = tag(source, start)?;
        let (from, to) = if stands_alone(source, &tag) { line_around(source, &tag) } else { tag.span };
        let keep = text.len().saturating_sub(tag.span.0 - from);
        text.truncate(keep);
        if trim_left {
            text.truncate(text.trim_end().len());
        }
        at = to;
        eat = trim_right;
        // Text before and behind a comment is one text: what stands in it is read together.
        if tag.sort != Sort::Comment {
            tokens.push(Token::Text(std::mem::take(&mut text)));
            tokens.push(Token::Tag(tag));
        }
    }
    push(&mut text, &source[at..], &mut eat);
    tokens.push(Token::Text(text));
    tokens.retain(|token| *token != Token::Text(String::new()));
    Ok(tokens)
}

fn push(text: &mut String, more: &str, eat: &mut bool) {
    let more = if *eat { more.trim_start() } else { more };
    *eat = *eat && more.is_empty();
    text.push_str(more);
}

fn tag(source: &str, start: usize) -> Result<(Tag, bool, bool), Problem> {
    let rest = &source[start..];
    let refuse = |len: usize, what: &str| {
        Problem::new(ProblemKind::Syntax, (start, start + len), format!("{what} are not part of templates"))
    };
    if rest.starts_with("{{{{") {
        return Err(refuse(4, "raw blocks"));
    }
    let triple = rest.starts_with("{{{") || rest.starts_with("{{~{");
    let trim_left = rest.starts_with("{{~");
    let mut inner = start + 2 + usize::from(triple) + usize::from(trim_left);
    let sort = match source[inner..].chars().next() {
        _ if triple => Sort::Raw,
        Some('&') => Sort::Raw,
        Some('#') => Sort::Open,
        Some('/') => Sort::Close,
        Some('^') => Sort::Else,
        Some('!') => Sort::Comment,
        Some('>') => return Err(refuse(3, "partials")),
        Some('*') => return Err(refuse(3, "decorators")),
        Some(_) | None => Sort::Put,
    };
    if !triple && sort != Sort::Put {
        inner += 1;
    }
    let long = sort == Sort::Comment && source[inner..].starts_with("--");
    let (mut end, close) = match (long, triple) {
        (true, _) => (source[inner..].find("--}}").map(|at| inner + at), 4),
        (false, true) => (end_of(source, inner, sort), 3),
        (false, false) => (end_of(source, inner, sort), 2),
    };
    if triple {
        end = end.filter(|end| source[*end..].starts_with("}}}") || source[..*end].ends_with("}~"));
    }
    let Some(end) = end else {
        let text =
            format!("this `{}` has no `{}`", &rest[..if triple { 3 } else { 2 }], if triple { "}}}" } else { "}}" });
        return Err(Problem::new(ProblemKind::Syntax, (start, source.len().min(start + 2)), text)
            .help("two braces that are plain text are written `\\{{`"));
    };
    let (mut to, mut trim_right) = (end, false);
    if source[inner..to].ends_with('~') {
        to -= 1;
        trim_right = true;
        if triple {
            to = to.max(inner + 1) - 1;
        }
    }
    let behind = if triple && trim_right { end + 2 } else { end + close };
    let mut tag = Tag { sort, span: (start, behind), inner: (inner, to.max(inner)) };
    let word = source[tag.inner.0..tag.inner.1].trim();
    if sort == Sort::Put && (word == "else" || word.starts_with("else ")) {
        tag.sort = Sort::Else;
    }
    Ok((tag, trim_left, trim_right))
}

/// Where the closing braces are: the first pair outside of quotes.
fn end_of(source: &str, from: usize, sort: Sort) -> Option<usize> {
    if sort == Sort::Comment {
        return source[from..].find("}}").map(|at| from + at);
    }
    let mut quote = None;
    let mut escaped = false;
    let mut bracket = false;
    for (at, c) in source[from..].char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if open == c => quote = None,
            (None, '[') => bracket = true,
            (None, ']') => bracket = false,
            (None, '"' | '\'') if !bracket => quote = Some(c),
            (None, '}') if source[from + at..].starts_with("}}") => return Some(from + at),
            (Some(_) | None, _) => {}
        }
    }
    None
}

/// Whether a tag that writes nothing has its line to itself: then the line goes with it.
fn stands_alone(source: &str, tag: &Tag) -> bool {
    let silent = match tag.sort {
        Sort::Open | Sort::Else | Sort::Close | Sort::Comment => true,
        Sort::Put | Sort::Raw => false,
    };
    let before = source[..tag.span.0].trim_end_matches([' ', '\t']);
    let after = source[tag.span.1..].trim_start_matches([' ', '\t', '\r']);
    let alone = (before.is_empty() || before.ends_with('\n')) && (after.is_empty() || after.starts_with('\n'));
    silent && alone && !(before.is_empty() && after.is_empty())
}

fn line_around(source: &str, tag: &Tag) -> (usize, usize) {
    let from = source[..tag.span.0].trim_end_matches([' ', '\t']).len();
    let rest = &source[tag.span.1..];
    let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
    let newline = usize::from(rest[blank..].starts_with('\n'));
    (from, tag.span.1 + blank + newline)
}
