//! From rhai's places (line and character) to bytes of the text, and where things end, which rhai does not say.

use rhai::Position;

/// The text of one expression and where its lines begin.
pub(super) struct Offsets<'a> {
    source: &'a str,
    lines: Vec<usize>,
}

impl<'a> Offsets<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        let lines = std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { source, lines }
    }

    pub(super) fn source(&self) -> &'a str {
        self.source
    }

    /// The byte at a place; the end of the text for no place.
    pub(super) fn at(&self, position: Position) -> usize {
        let Some(line) = position.line().and_then(|line| self.lines.get(line - 1)) else { return self.source.len() };
        let column = position.position().unwrap_or(1).max(1);
        let rest = &self.source[*line..];
        rest.char_indices().nth(column - 1).map_or(self.source.len(), |(at, _)| line + at)
    }

    /// Behind the word, number or quoted text that begins at `start`.
    pub(super) fn end_of_token(&self, start: usize) -> usize {
        let rest = self.source.get(start..).unwrap_or_default();
        match rest.chars().next() {
            Some(quote @ ('"' | '\'' | '`')) => start + end_of_quoted(rest, quote),
            Some(first) => {
                let number = first.is_ascii_digit() || first == '-';
                let part = |at: usize, c: char| {
                    c.is_alphanumeric()
                        || c == '_'
                        || (at == 0 && c == '-')
                        || (number && c == '.' && !rest[at..].starts_with(".."))
                };
                let end = rest.char_indices().find(|(at, c)| !part(*at, *c)).map_or(rest.len(), |(at, _)| at);
                start + end.max(first.len_utf8())
            }
            None => self.source.len(),
        }
    }

    /// Behind the next `close` from `from` on.
    pub(super) fn end_after(&self, from: usize, close: char) -> usize {
        let rest = self.source.get(from..).unwrap_or_default();
        rest.find(close).map_or(from.min(self.source.len()), |at| from + at + close.len_utf8())
    }

    /// The last byte before `end` that is not white space, as an end; used to trim spans.
    pub(super) fn snippet(&self, span: (usize, usize)) -> &'a str {
        self.source.get(span.0..span.1).unwrap_or_default().trim()
    }
}

fn end_of_quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote != '`' {
            escaped = true;
        } else if c == quote {
            return at + c.len_utf8();
        }
    }
    rest.len()
}
