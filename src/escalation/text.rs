//! Texts of an incident: cut to what an event can hold, lengths of time for people.

use jiff::{SignedDuration, Timestamp};

/// Bytes of a text that somebody wrote or a run left behind.
pub(super) const MAX_TEXT: usize = 8 * 1024;
/// Bytes of a line.
pub(super) const MAX_LINE: usize = 1024;

/// The text, cut to so many bytes with a word about what is missing.
pub(super) fn cut(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let end = (0..=most.saturating_sub(40)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}… ({} bytes more)", &text[..end], text.len() - end)
}

/// The first line of a text that says something.
pub(super) fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// A length of time for people, to the second: `1h15m`.
#[must_use]
pub fn length(duration: SignedDuration) -> String {
    let secs = duration.as_secs().unsigned_abs();
    let parts = [(secs / 86_400, "d"), (secs / 3_600 % 24, "h"), (secs / 60 % 60, "m"), (secs % 60, "s")];
    let text: String =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if text.is_empty() { "0s".into() } else { text }
}

/// From one instant to another, for people.
#[must_use]
pub fn between(from: Timestamp, to: Timestamp) -> String {
    length(to.duration_since(from))
}
