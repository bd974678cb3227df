//! Lines broken at spaces, so that a name or a command is never cut in two; and text that a terminal may show.

use std::borrow::Cow;
use unicode_width::UnicodeWidthStr;

/// The words of `text` in lines of at most `width` columns; a longer word keeps a line of its own.
pub(super) fn wrap(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.width() + 1 + word.width() > width {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join("\n")
}

/// Whether a character would steer a terminal, or turn the direction of the text, instead of being shown.
pub(super) fn is_control(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with every steering character made visible; without `unicode`, our own typography in ASCII too.
pub(super) fn showable(text: &str, unicode: bool) -> Cow<'_, str> {
    let odd = |c: char| is_control(c) || (!unicode && matches!(c, '…' | '–' | '→' | '×'));
    if !text.contains(odd) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_control(c) => shown.push_str(stand_in(unicode)),
            '…' if !unicode => shown.push_str("..."),
            '–' if !unicode => shown.push('-'),
            '→' if !unicode => shown.push_str("->"),
            '×' if !unicode => shown.push('x'),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// What is shown in place of a steering character: one column.
pub(super) fn stand_in(unicode: bool) -> &'static str {
    if unicode { "\u{fffd}" } else { "?" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole() {
        assert_eq!(
            wrap("did you mean `auto-recovery`? defined below", 20),
            "did you mean\n`auto-recovery`?\ndefined below"
        );
        assert_eq!(wrap("https://example.com/far/too/long x", 10), "https://example.com/far/too/long\nx");
        assert_eq!(wrap("one\ntwo", 10), "one\ntwo");
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(showable("a\u{1b}[2Jb\u{202e}", true), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!(showable("5s…30s → ok", false), "5s...30s -> ok");
        assert!(matches!(showable("5s…30s", true), Cow::Borrowed(_)));
    }
}
