//! Drawing over what was drawn: only the lines that changed, never more than the terminal has.

use std::fmt::Write as _;

/// What stands on the terminal.
#[derive(Debug, Default)]
pub struct Screen {
    drawn: Vec<String>,
    hidden: bool,
}

/// Hides the cursor while lines are drawn over.
const HIDE: &str = "\x1b[?25l";
/// Shows it again.
const SHOW: &str = "\x1b[?25h";
/// Clears to the end of the line.
const CLEAR: &str = "\x1b[K";

impl Screen {
    /// What to write so that these lines stand where the last ones stood.
    #[must_use]
    pub fn frame(&mut self, lines: Vec<String>) -> String {
        let mut out = String::new();
        if !std::mem::replace(&mut self.hidden, true) {
            out.push_str(HIDE);
        }
        if !self.drawn.is_empty() {
            let _ = write!(out, "\x1b[{}A\r", self.drawn.len());
        }
        for (number, line) in lines.iter().enumerate() {
            if self.drawn.get(number) == Some(line) {
                out.push('\n');
            } else {
                let _ = writeln!(out, "{line}{CLEAR}");
            }
        }
        if self.drawn.len() > lines.len() {
            // What is left of a longer frame goes.
            out.push_str("\x1b[J");
        }
        self.drawn = lines;
        out
    }

    /// What to write so that the last frame is gone and the cursor is back: whoever prints next has a free line.
    #[must_use]
    pub fn clear(&mut self) -> String {
        let mut out = String::new();
        if !self.drawn.is_empty() {
            let _ = write!(out, "\x1b[{}A\r\x1b[J", self.drawn.len());
        }
        if std::mem::take(&mut self.hidden) {
            out.push_str(SHOW);
        }
        self.drawn.clear();
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn only_changed_lines_are_drawn_and_the_cursor_comes_back() {
        let mut screen = Screen::default();
        assert_eq!(screen.frame(lines("a b")), "\x1b[?25la\x1b[K\nb\x1b[K\n");
        assert_eq!(screen.frame(lines("a c d")), "\x1b[2A\r\nc\x1b[K\nd\x1b[K\n");
        assert_eq!(screen.frame(lines("a")), "\x1b[3A\r\n\x1b[J");
        assert_eq!(screen.clear(), "\x1b[1A\r\x1b[J\x1b[?25h");
        assert_eq!(screen.clear(), "");
    }
}
