//! The quoting context of each placeholder in a shell line (POSIX sh and what bash adds).
//!
//! A value may stand in a bare word (we quote it), in single or in double quotes (we escape it).
//! Everywhere else, or where a word is code to the command itself, the line is refused: the value
//! goes by `env:` and is written `"$NAME"`.

use crate::base::arg::Landing;
use crate::template::shell_words::{Command, Words};
use crate::template::tree::Spot;

/// Where the reading of a line stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shell {
    /// What is open, innermost last; empty = plain words.
    open: Vec<Open>,
    /// The last character was a backslash that escapes the next.
    escaped: bool,
    /// The text since the last `$`, while it may be the name of a variable.
    dollar: Option<String>,
    /// Quotes that shells disagree about have been read: from here on nothing is sure.
    lost: bool,
    /// The text of the substitution being read.
    nest: String,
    /// The last character of the text.
    tail: Option<char>,
    words: Words,
    /// Delimiters of here-documents that begin at the next line, and the one being read.
    heredocs: Vec<Heredoc>,
    body: Option<Body>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Open {
    Single,
    Double,
    /// `$'…'`
    Dollar,
    Backtick,
    /// `$(…)`; how many parentheses are open in it.
    Substitution(usize),
    /// `${…}`
    Parameter,
    /// `$((…))` or `((…))`
    Arithmetic(usize),
    Comment,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Heredoc {
    delimiter: String,
    /// The delimiter is still being read, with this quote open.
    quote: Option<char>,
    started: bool,
    done: bool,
    dash: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Body {
    line: String,
}

impl Shell {
    pub(super) fn new() -> Self {
        Self {
            open: Vec::new(),
            escaped: false,
            dollar: None,
            lost: false,
            nest: String::new(),
            tail: None,
            words: Words::new(),
            heredocs: Vec::new(),
            body: None,
        }
    }

    /// Whether two branches end alike, so that what follows means the same after both.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.open == other.open
            && self.escaped == other.escaped
            && self.body.is_some() == other.body.is_some()
            && self.heredocs == other.heredocs
            && self.dollar.is_some() == other.dollar.is_some()
    }

    /// What follows may come after either branch: the more cautious of both.
    pub(super) fn merge(&mut self, other: &Self) {
        self.words.merge(&other.words);
        self.lost |= other.lost;
    }

    /// A block begins or ends here: characters that are read together with the next one may not stand
    /// on two sides of it.
    pub(super) fn boundary(&mut self) {
        self.lost |= matches!(self.tail, Some('$' | '<' | '('));
    }

    /// Reads text of the line.
    pub(super) fn text(&mut self, text: &str) {
        let chars: Vec<char> = text.chars().collect();
        self.tail = chars.last().copied().or(self.tail);
        let mut at = 0;
        while at < chars.len() {
            at += self.step(chars[at], chars.get(at + 1).copied(), chars.get(at + 2).copied());
        }
    }

    /// Where a placeholder at this place lands; the reason, where it cannot be made safe.
    pub(super) fn put(&mut self) -> Result<Spot, String> {
        let refuse = |place: &str| Err(format!("a value cannot be made safe {place}"));
        if self.escaped {
            return refuse("behind a backslash");
        }
        if self.body.is_some() || !self.heredocs.is_empty() {
            return refuse("in a here-document");
        }
        if let Some(name) = &self.dollar {
            return refuse(if name.is_empty() { "behind `$`" } else { "glued to the name of a variable" });
        }
        if self.lost {
            return refuse("behind text whose quotes shells or branches read differently");
        }
        for open in &self.open {
            match open {
                Open::Single | Open::Double => {}
                Open::Dollar => return refuse("inside `$'…'`"),
                Open::Backtick => return refuse("inside backticks"),
                Open::Substitution(_) => return refuse("inside `$( )`"),
                Open::Parameter => return refuse("inside `${ }`"),
                Open::Arithmetic(_) => return refuse("inside arithmetic"),
                Open::Comment => return refuse("in a comment"),
            }
        }
        if let Some(reason) = self.words.refuses() {
            return Err(reason);
        }
        let landing = match self.open.last() {
            Some(Open::Single) => Landing::ShellSingle,
            Some(Open::Double) => Landing::ShellDouble,
            _ => Landing::ShellWord,
        };
        let first = self.words.at_word_start() && !self.words.after_dashes();
        self.words.value();
        self.tail = None;
        Ok(Spot { landing, first, tail: false, raw: false })
    }

    /// Reads one character, or a few that belong together; how many.
    fn step(&mut self, c: char, next: Option<char>, third: Option<char>) -> usize {
        if self.body.is_some() {
            self.heredoc_line(c);
            return 1;
        }
        if std::mem::take(&mut self.escaped) {
            self.dollar = None;
            if self.in_words() {
                self.words.character(c);
            }
            return 1;
        }
        if self.heredoc_delimiter(c) {
            return 1;
        }
        match self.open.last() {
            Some(Open::Single) => self.quoted(c, '\''),
            Some(Open::Dollar) => {
                self.escaped = c == '\\';
                self.lost |= c == '\\' && next == Some('\'');
                self.quoted(c, '\'')
            }
            Some(Open::Double) => self.double(c, next, third),
            Some(Open::Comment) => {
                if c == '\n' {
                    self.open.pop();
                    self.bare(c, next, third)
                } else {
                    1
                }
            }
            Some(Open::Backtick | Open::Substitution(_) | Open::Parameter | Open::Arithmetic(_)) => {
                self.nested(c, next, third)
            }
            None => self.bare(c, next, third),
        }
    }

    /// Whether characters belong to a word of this line, quoted or not.
    fn in_words(&self) -> bool {
        self.open.iter().all(|open| matches!(open, Open::Single | Open::Double))
    }

    fn quoted(&mut self, c: char, quote: char) -> usize {
        if c == quote {
            self.open.pop();
        } else if self.in_words() {
            self.words.character(c);
        }
        1
    }

    /// `$` and what it opens; how many characters, none if it opens nothing.
    fn dollar(&mut self, c: char, next: Option<char>, third: Option<char>, quotes: bool) -> usize {
        if c == '$' {
            self.dollar = None;
            if self.in_words() {
                self.words.character('$');
            }
            return match (next, third) {
                (Some('('), Some('(')) => self.enter(Open::Arithmetic(2), 3),
                (Some('('), _) => self.enter(Open::Substitution(1), 2),
                (Some('{'), _) => self.enter(Open::Parameter, 2),
                (Some('\''), _) if quotes => self.enter(Open::Dollar, 2),
                (Some('"'), _) if quotes => self.enter(Open::Double, 2),
                _ => {
                    self.dollar = Some(String::new());
                    1
                }
            };
        }
        if let Some(name) = &mut self.dollar {
            if c.is_ascii_alphanumeric() || c == '_' {
                name.push(c);
            } else {
                self.dollar = None;
            }
        }
        0
    }

    fn enter(&mut self, open: Open, taken: usize) -> usize {
        self.nest.clear();
        self.open.push(open);
        taken
    }

    fn double(&mut self, c: char, next: Option<char>, third: Option<char>) -> usize {
        let taken = self.dollar(c, next, third, false);
        if taken > 0 {
            return taken;
        }
        match c {
            '"' => {
                self.dollar = None;
                self.open.pop();
            }
            '\\' => self.escaped = true,
            '`' => self.open.push(Open::Backtick),
            c => {
                if self.in_words() {
                    self.words.character(c);
                }
            }
        }
        1
    }

    /// Inside a substitution and the like nothing may be put, so only its end has to be found.
    fn nested(&mut self, c: char, next: Option<char>, third: Option<char>) -> usize {
        let in_backtick = self.open.contains(&Open::Backtick);
        self.doubt(c, in_backtick);
        if c == '`' && in_backtick {
            // A backtick ends the innermost backtick whatever is open in it.
            while let Some(open) = self.open.pop() {
                if open == Open::Backtick {
                    break;
                }
            }
            return 1;
        }
        let taken = self.dollar(c, next, third, true);
        self.dollar = None;
        if taken > 1 {
            return taken;
        }
        match (c, self.open.last_mut()) {
            ('\\', _) => self.escaped = true,
            ('\'', _) => self.open.push(Open::Single),
            ('"', _) => self.open.push(Open::Double),
            ('`', _) => self.open.push(Open::Backtick),
            ('}', Some(Open::Parameter)) => drop(self.open.pop()),
            ('(', Some(Open::Substitution(depth) | Open::Arithmetic(depth))) => *depth += 1,
            (')', Some(Open::Substitution(depth) | Open::Arithmetic(depth))) => {
                *depth -= 1;
                if *depth == 0 {
                    self.open.pop();
                }
            }
            _ => {}
        }
        1
    }

    /// Notes what makes the end of a substitution uncertain: comments, `case` and here-documents in
    /// it, quotes in backticks, single quotes in a `${ }` that stands in double quotes.
    fn doubt(&mut self, c: char, in_backtick: bool) {
        self.nest.push(c);
        let quotes = matches!(c, '\'' | '"' | '\\');
        let parameter = self.open.last() == Some(&Open::Parameter) && self.open.contains(&Open::Double);
        let code = matches!(self.open.last(), Some(Open::Substitution(_) | Open::Backtick));
        let nest = self.nest.as_str();
        let comment = nest == "#" || [" #", "\t#", "\n#", ";#", "(#", "&#", "|#"].iter().any(|end| nest.ends_with(end));
        let unclear = comment || nest.ends_with("case ") || nest.ends_with("case\t") || nest.ends_with("<<");
        self.lost |= (quotes && (in_backtick || parameter)) || (code && unclear);
    }

    fn bare(&mut self, c: char, next: Option<char>, third: Option<char>) -> usize {
        let taken = self.dollar(c, next, third, true);
        if taken > 0 {
            return taken;
        }
        match c {
            '\'' => {
                self.words.quote();
                self.open.push(Open::Single);
            }
            '"' => {
                self.words.quote();
                self.open.push(Open::Double);
            }
            '`' => {
                self.words.character(c);
                self.open.push(Open::Backtick);
            }
            '\\' => self.escaped = true,
            '#' if self.words.between() => {
                // Whether this is a comment may depend on a block: then so does every quote in it.
                self.lost |= self.words.unsure_between();
                self.open.push(Open::Comment);
            }
            '<' if next == Some('<') && third == Some('<') => {
                self.words.space();
                return 3;
            }
            '<' if next == Some('<') => {
                self.words.space();
                let dash = third == Some('-');
                let (delimiter, quote) = (String::new(), None);
                self.heredocs.push(Heredoc { delimiter, quote, started: false, done: false, dash });
                return if dash { 3 } else { 2 };
            }
            '(' if next == Some('(') && self.words.command() == Command::Expected => {
                self.open.push(Open::Arithmetic(2));
                return 2;
            }
            '\n' => {
                self.words.end_command();
                if !self.heredocs.is_empty() {
                    self.body = Some(Body { line: String::new() });
                }
            }
            ';' | '&' | '|' | '(' | ')' => self.words.separator(c, next),
            '<' | '>' => self.words.redirect(),
            ' ' | '\t' | '\r' => self.words.space(),
            c => self.words.character(c),
        }
        1
    }

    /// Whether the character belongs to the delimiter of a here-document.
    fn heredoc_delimiter(&mut self, c: char) -> bool {
        let Some(heredoc) = self.heredocs.iter_mut().find(|heredoc| !heredoc.done) else { return false };
        match (heredoc.quote, c) {
            (Some(quote), c) if c == quote => heredoc.quote = None,
            (Some(_), c) => heredoc.delimiter.push(c),
            (None, '\'' | '"') => {
                heredoc.quote = Some(c);
                heredoc.started = true;
            }
            (None, '\\') => heredoc.started = true,
            (None, ' ' | '\t') if !heredoc.started => {}
            (None, c) if c.is_whitespace() || matches!(c, ';' | '&' | '|' | '<' | '>' | '(' | ')') => {
                heredoc.done = true;
                return false;
            }
            (None, c) => {
                heredoc.started = true;
                heredoc.delimiter.push(c);
            }
        }
        true
    }

    fn heredoc_line(&mut self, c: char) {
        let (Some(body), Some(first)) = (&mut self.body, self.heredocs.first()) else {
            self.body = None;
            return;
        };
        if c != '\n' {
            body.line.push(c);
            return;
        }
        let line = if first.dash { body.line.trim_start_matches('\t') } else { body.line.as_str() };
        if line == first.delimiter {
            self.heredocs.remove(0);
        }
        self.body = (!self.heredocs.is_empty()).then(|| Body { line: String::new() });
    }
}
