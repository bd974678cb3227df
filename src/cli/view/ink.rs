//! Lines of text with tones: colours where they are wanted, cut or folded where the terminal ends.

use crate::diagnostic::render::Style;
use std::fmt::Write as _;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that one line of a view takes at most before it is folded: a page of a screen, which a `log` may fill.
pub(super) const LONGEST: usize = 4_000;

/// What a piece of text means, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// A headline.
    Strong,
    /// Beside the point.
    Dim,
    /// As it should be.
    Good,
    /// Worth knowing.
    Notice,
    /// Somebody should look.
    Warning,
    /// Somebody must look.
    Bad,
    /// Under way.
    Busy,
}

impl Tone {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("1"),
            Self::Dim => Some("2"),
            Self::Good => Some("32"),
            Self::Notice => Some("34"),
            Self::Warning => Some("33"),
            Self::Bad => Some("1;31"),
            Self::Busy => Some("36"),
        }
    }

    /// The tone of a level's word.
    #[must_use]
    pub fn of_level(level: &str) -> Self {
        match level {
            "ok" => Self::Dim,
            "notice" => Self::Notice,
            "warning" => Self::Warning,
            _ => Self::Bad,
        }
    }
}

/// One line: pieces of text with their tones. Control characters can't get in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    pieces: Vec<(String, Tone)>,
}

impl Line {
    /// A line of one piece.
    #[must_use]
    pub fn new(text: &str, tone: Tone) -> Self {
        Self::default().and(text, tone)
    }

    /// With a piece more.
    #[must_use]
    pub fn and(mut self, text: &str, tone: Tone) -> Self {
        if !text.is_empty() {
            self.pieces.push((shown(text), tone));
        }
        self
    }

    /// With another line behind it.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        self.pieces.extend(other.pieces);
        self
    }

    /// How many columns it takes.
    #[must_use]
    pub fn width(&self) -> usize {
        self.pieces.iter().map(|(text, _)| text.width()).sum()
    }

    /// The line as a terminal gets it.
    #[must_use]
    pub fn text(&self, style: Style) -> String {
        let mut out = String::new();
        for (text, tone) in &self.pieces {
            let _ = match tone.code().filter(|_| style.color) {
                Some(code) => write!(out, "\x1b[{code}m{text}\x1b[0m"),
                None => write!(out, "{text}"),
            };
        }
        out.trim_end().to_owned()
    }

    /// The line, cut to so many columns.
    #[must_use]
    pub fn cut(self, width: usize, style: Style) -> Self {
        if self.width() <= width {
            return self;
        }
        let dots = if style.unicode { "…" } else { "..." };
        let mut left = width.saturating_sub(dots.width());
        let mut line = Self::default();
        for (text, tone) in self.pieces {
            let mut kept = String::new();
            for c in text.chars() {
                let wide = c.width().unwrap_or(0);
                if wide > left {
                    line.pieces.push((kept + dots, tone));
                    return line;
                }
                left -= wide;
                kept.push(c);
            }
            line.pieces.push((kept, tone));
        }
        line
    }

    /// The line, at most so many columns of it, and how many more there were.
    #[must_use]
    pub fn bounded(self, most: usize, style: Style) -> Self {
        let width = self.width();
        if width <= most {
            return self;
        }
        let tone = self.pieces.last().map_or(Tone::Plain, |(_, tone)| *tone);
        self.cut(most, style).and(&format!(" {} more", width - most), tone)
    }

    /// The line, folded at blanks into lines of at most so many columns; those behind the first begin with `indent` blanks.
    #[must_use]
    pub fn fold(self, width: usize, indent: usize) -> Vec<Self> {
        if self.width() <= width {
            return vec![self];
        }
        let room = width.max(indent + 10);
        let mut lines = vec![Self::default()];
        let mut used = 0;
        for (text, tone) in self.pieces {
            for word in words(&text) {
                let fresh = used == 0 || (lines.len() > 1 && used == indent);
                if used + word.trim_end().width() > room && !fresh {
                    lines.push(Self::new(&" ".repeat(indent), Tone::Plain));
                    used = indent;
                }
                for part in parts(word, room.saturating_sub(used)) {
                    if used + part.trim_end().width() > room {
                        lines.push(Self::new(&" ".repeat(indent), Tone::Plain));
                        used = indent;
                    }
                    used += part.width();
                    if let Some(line) = lines.last_mut() {
                        line.pieces.push((part, tone));
                    }
                }
            }
        }
        lines.iter_mut().for_each(Self::trim);
        lines
    }

    /// Takes the blanks at the end away.
    fn trim(&mut self) {
        while let Some((text, _)) = self.pieces.last_mut() {
            text.truncate(text.trim_end().len());
            if !text.is_empty() {
                break;
            }
            self.pieces.pop();
        }
    }
}

/// Words with the blanks behind them; blanks at the start are a word of their own.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut blank = false;
    for (at, c) in text.char_indices() {
        if blank && c != ' ' && at > start {
            words.push(&text[start..at]);
            start = at;
        }
        blank = c == ' ';
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

/// A word longer than `room`, broken where it must be.
fn parts(word: &str, room: usize) -> Vec<String> {
    if word.trim_end().width() <= room || room < 10 {
        return vec![word.to_owned()];
    }
    let mut parts = vec![String::new()];
    let mut used = 0;
    for c in word.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > room {
            parts.push(String::new());
            used = 0;
        }
        used += wide;
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

/// Lines from outside as a terminal may show them: colours and moves are left out, what else could steer it is
/// replaced.
#[must_use]
pub fn harmless(text: &str) -> String {
    let lines = text.split('\n').map(|line| shown(&without_sequences(line.trim_end_matches('\r'))));
    lines.collect::<Vec<_>>().join("\n")
}

/// Without the sequences that begin with ESC `[`: to their final byte, or to the end.
fn without_sequences(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c| ('@'..='~').contains(&c)).map_or(part.len(), |last| last + 1);
        kept.push_str(&part[end..]);
    }
    kept
}

/// Text from outside as a terminal may show it: no character that moves, colours or rings.
fn shown(text: &str) -> String {
    let stand_in = |c: char| match c {
        '\t' => "    ".to_owned(),
        '\n' => " ".to_owned(),
        c if c.is_control() || is_turning(c) => "\u{fffd}".to_owned(),
        c => c.to_string(),
    };
    if text.chars().any(|c| c.is_control() || is_turning(c)) {
        text.chars().map(stand_in).collect()
    } else {
        text.into()
    }
}

/// Characters that change the direction of what follows.
fn is_turning(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASCII: Style = Style { color: false, unicode: false, width: 40 };

    #[test]
    fn lines_are_cut_and_folded_at_columns_not_bytes() {
        let line = Line::new("проверка ", Tone::Strong).and("everything is as it should be", Tone::Plain);
        assert_eq!(line.clone().cut(16, ASCII).text(ASCII), "проверка ever...");
        let folded: Vec<String> = line.fold(20, 2).iter().map(|line| line.text(ASCII)).collect();
        assert_eq!(folded, ["проверка everything", "  is as it should be"]);
    }

    #[test]
    fn a_word_that_fits_nowhere_is_broken() {
        let folded: Vec<String> =
            Line::new(&"x".repeat(30), Tone::Plain).fold(20, 2).iter().map(|line| line.text(ASCII)).collect();
        assert_eq!(folded.concat().replace(' ', ""), "x".repeat(30));
        assert!(folded.iter().all(|line| line.width() <= 20), "{folded:?}");
    }

    #[test]
    fn what_is_too_long_says_how_much_more_there_is() {
        let line = Line::new("a ", Tone::Dim).and(&"x".repeat(30), Tone::Bad);
        assert_eq!(line.clone().bounded(32, ASCII), line);
        assert_eq!(line.bounded(12, ASCII).text(ASCII), "a xxxxxxx... 20 more");
    }

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        let line = Line::new("a\x1b[31mb\rc\u{202e}d", Tone::Plain);
        assert_eq!(line.text(ASCII), "a\u{fffd}[31mb\u{fffd}c\u{fffd}d");
    }

    #[test]
    fn output_of_steps_is_shown_without_what_steers() {
        assert_eq!(harmless("a\x1b[1;31mb\x1b[0m\r\n\tc\x07\x1b[2"), "ab\n    c\u{fffd}");
    }

    #[test]
    fn colours_only_where_they_are_wanted() {
        let line = Line::new("ok", Tone::Good);
        assert_eq!(line.text(ASCII), "ok");
        assert_eq!(line.text(Style { color: true, ..ASCII }), "\x1b[32mok\x1b[0m");
    }
}
