//! Texts of an incident: cut to what an event can hold, lengths of time for people.

use crate::base::limits::{MAX_INCIDENT_LABELS, MAX_INCIDENT_LINE, MAX_INCIDENT_TEXT, MAX_LABEL};
use crate::model::trouble::Trouble;
use jiff::{SignedDuration, Timestamp};

/// The text without signs that a terminal would obey, cut to so many bytes with a word about what is missing.
pub(super) fn cut(text: String, most: usize) -> String {
    let obeyed = |c: char| c.is_control() && c != '\n' && c != '\t';
    let text = if text.contains(obeyed) { text.replace(obeyed, "") } else { text };
    if text.len() <= most {
        return text;
    }
    let end = (0..=most.saturating_sub(40)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}… ({} bytes more)", &text[..end], text.len() - end)
}

/// The trouble, cut to what one event can hold whatever is in it.
pub(super) fn bounded(mut trouble: Trouble) -> Trouble {
    trouble.title = cut(trouble.title, MAX_INCIDENT_LINE);
    trouble.text = cut(trouble.text, MAX_INCIDENT_TEXT);
    trouble.kind = trouble.kind.map(|kind| cut(kind, MAX_LABEL));
    trouble.link = trouble.link.filter(|link| link.len() <= 2 * MAX_INCIDENT_LINE);
    let labels = std::mem::take(&mut trouble.labels).into_iter().take(MAX_INCIDENT_LABELS);
    trouble.labels = labels.map(|(label, value)| (cut(label, MAX_LABEL / 2), cut(value, MAX_LABEL))).collect();
    trouble
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
    let some = parts.iter().filter(|(count, _)| *count > 0);
    let text = some.map(|(count, unit)| format!("{count}{unit}")).collect::<Vec<_>>().concat();
    if text.is_empty() { "0s".into() } else { text }
}

/// From one instant to another, for people.
#[must_use]
pub fn between(from: Timestamp, to: Timestamp) -> String {
    length(to.duration_since(from))
}
