//! What several channels make of a message: its colour, its facts, the guide's attachment, safe markup.

use crate::base::level::Level;
use crate::base::value::{Value, json};
use crate::model::message::{Message, Verb};

/// The colour of a level, as in the guide: red, orange, green.
pub(super) fn colour(level: Level) -> &'static str {
    match level {
        Level::Critical => "#FF0000",
        Level::Warning => "#FFA500",
        Level::Notice | Level::Ok => "#00FF00",
    }
}

/// The word of how bad it is: the severity where there is one, else the level.
pub(super) fn severity(message: &Message) -> String {
    message.severity.clone().unwrap_or_else(|| message.level.as_str().to_owned())
}

/// What part of the system it is about.
pub(super) fn component(message: &Message) -> &str {
    let found = message.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("component"));
    found.map_or("Unknown", |(_, value)| value.as_str())
}

/// The facts beside severity, component and time.
pub(super) fn others(message: &Message) -> impl Iterator<Item = &(String, String)> {
    let known = ["component", "severity", "timestamp"];
    message.fields.iter().filter(move |(name, _)| !known.iter().any(|it| name.eq_ignore_ascii_case(it)))
}

/// The title without line breaks and control characters.
pub(super) fn title(message: &Message) -> String {
    line(&message.title)
}

/// A text in one line: no control character, every run of blanks one blank.
pub(super) fn line(text: &str) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is said where it may be a repetition.
pub(super) const AGAIN: &str = "This may have been sent before: whoever sent it was interrupted.";

/// The text, with a word where it may be a repetition.
pub(super) fn text(message: &Message) -> String {
    match (message.perhaps_again, message.text.is_empty()) {
        (false, _) => message.text.clone(),
        (true, true) => AGAIN.to_owned(),
        (true, false) => format!("{}\n{AGAIN}", message.text),
    }
}

/// At most so many characters; what is cut ends in an ellipsis.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// What a chat reads as markup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Markup {
    /// Slack: `&`, `<` and `>` begin mentions and links.
    Slack,
    /// Markdown, and `@name`.
    Markdown,
}

impl Markup {
    /// The text as it was meant: nothing in it is markup, nobody in it is called.
    pub(super) fn plain(self, text: &str) -> String {
        match self {
            Self::Slack => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
            Self::Markdown => {
                let special = |c: char| "\\`*_{}[]()<>#+-.!|~&:".contains(c);
                let mut plain = String::with_capacity(text.len());
                for c in text.chars() {
                    match c {
                        // A blank of no width: the name is read, and nobody of it is called.
                        '@' => plain.push_str("@\u{200b}"),
                        c if special(c) => plain.extend(['\\', c]),
                        c => plain.push(c),
                    }
                }
                plain
            }
        }
    }
}

/// The attachment of the guide: colour, title, text, and severity, component and timestamp as fields. What else a
/// message has stands behind those.
pub(super) fn attachment(message: &Message, markup: Markup) -> Value {
    let plain = |text: &str| markup.plain(text);
    let mut fields = vec![
        json!({ "title": "Severity", "value": plain(&severity(message).to_uppercase()), "short": true }),
        json!({ "title": "Component", "value": plain(component(message)), "short": true }),
        json!({ "title": "Timestamp", "value": message.at.to_string(), "short": false }),
    ];
    fields.extend(
        others(message).map(|(name, value)| json!({ "title": plain(name), "value": plain(value), "short": true })),
    );
    let mut attachment = json!({
        "color": colour(message.level),
        "title": plain(&format!("🚨 {}", title(message))),
        "text": plain(&text(message)),
        "fields": fields,
    });
    if let (Some(link), Some(map)) = (&message.link, attachment.as_object_mut()) {
        map.insert("title_link".into(), link.as_str().into());
    }
    let buttons: Vec<Value> = message
        .actions
        .iter()
        .filter_map(|action| Some(json!({ "type": "button", "text": action.label, "url": action.link.as_ref()? })))
        .collect();
    if let (false, Some(map)) = (buttons.is_empty(), attachment.as_object_mut()) {
        map.insert("actions".into(), buttons.into());
    }
    attachment
}

/// The word of what can be done.
pub(super) fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Acknowledge => "acknowledge",
        Verb::Escalate => "escalate",
        Verb::Resolve => "resolve",
    }
}

/// The whole message as data: for commands, files and programs of somebody's own.
pub(super) fn data(message: &Message, to: &str) -> Value {
    let fields = message.fields.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let actions = message.actions.iter().map(|action| {
        json!({ "verb": verb(action.verb), "label": action.label, "link": action.link, "token": action.token })
    });
    json!({
        "key": message.key,
        "thread": message.thread,
        "to": to,
        "severity": message.severity,
        "level": message.level.as_str(),
        "title": message.title,
        "text": message.text,
        "fields": fields.collect::<serde_json::Map<_, _>>(),
        "at": message.at.to_string(),
        "link": message.link,
        "actions": actions.collect::<Vec<_>>(),
        "perhaps_again": message.perhaps_again,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::channel::tests::message;

    #[test]
    fn the_attachment_is_the_guides() {
        let sent = attachment(&message(), Markup::Slack);
        let want = json!({
            "color": "#FF0000",
            "title": "🚨 HighErrorRate &lt;!channel&gt;",
            "text": "5 % of calls fail",
            "fields": [
                { "title": "Severity", "value": "P1", "short": true },
                { "title": "Component", "value": "sip", "short": true },
                { "title": "Timestamp", "value": "2026-12-25T00:00:00Z", "short": false },
                { "title": "host", "value": "a&amp;b", "short": true },
            ],
            "title_link": "https://steps.example/i/7",
            "actions": [{ "type": "button", "text": "Acknowledge", "url": "https://steps.example/a/tok4" }],
        });
        assert_eq!(sent, want);
    }

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(Markup::Slack.plain("<!here> & <@U1>"), "&lt;!here&gt; &amp; &lt;@U1&gt;");
        assert_eq!(Markup::Markdown.plain("@all [x](y) *b*"), "@\u{200b}all \\[x\\]\\(y\\) \\*b\\*");
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line("a\r\nBcc: x\u{0}\ty"), "a Bcc: x y");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("абвг", 4), "абвг");
    }
}
