//! Calls in Twilio's shape: the message is read aloud, twice; a key that is pressed answers it.

use crate::act::channel::wire::refused;
use crate::act::channel::{Sending, form, short, sms};
use crate::model::message::{Message, Sent, Verb};

/// How much is read: a minute of it.
const SPOKEN: usize = 700;

pub(super) async fn send(sending: &Sending<'_>) -> Sent {
    let Some(to) = short::number(&sending.to) else {
        return refused(format!("`{}` can't be dialled: digits only, with the country first", sending.to));
    };
    let from = sending.own.text("from").unwrap_or_default();
    let gather = sending.own.text("gather");
    let twiml = twiml(sending.message, sending.own.text("language").as_deref(), gather.as_deref());
    let mut form = vec![
        ("To".to_owned(), to),
        ("From".to_owned(), short::number(&from).unwrap_or(from)),
        ("Twiml".to_owned(), twiml),
    ];
    if let Some(callback) = sending.own.text("callback") {
        form.push(("StatusCallback".to_owned(), callback));
    }
    sms::post(sending, "Calls.json", form).await
}

/// The key that means a verb: those of PagerDuty and GoAlert.
fn key(verb: Verb) -> char {
    match verb {
        Verb::Acknowledge => '4',
        Verb::Escalate => '5',
        Verb::Resolve => '6',
    }
}

/// What is said, and what a pressed key does. With a public address (`gather`) the tokens travel in its query, by
/// their keys: `?4=TOKEN&6=TOKEN`.
fn twiml(message: &Message, language: Option<&str>, gather: Option<&str>) -> String {
    let words = [form::title(message), form::line(&message.text)].join(". ");
    let spoken = format!("{}. {}", form::severity(message), form::cut(words.trim_end_matches(". "), SPOKEN));
    let language = language.map_or_else(String::new, |language| format!(" language=\"{}\"", xml(language)));
    let say = |text: &str| format!("<Say{language}>{}</Say>", xml(text));
    let once = format!("{}<Pause length=\"1\"/>{}", say(&spoken), say(&spoken));
    let tokens = message.actions.iter().filter(|action| !action.token.is_empty());
    let tokens: Vec<(String, &str)> =
        tokens.map(|action| (key(action.verb).to_string(), action.token.as_str())).collect();
    let action = gather.and_then(|url| reqwest::Url::parse(url).ok()).filter(|_| !tokens.is_empty());
    let Some(mut action) = action else { return format!("<Response>{once}</Response>") };
    action.query_pairs_mut().extend_pairs(tokens);
    let keys = message.actions.iter().map(|action| say(&format!("{}: {}.", key(action.verb), action.label)));
    let keys: String = keys.collect();
    format!(
        "<Response><Gather numDigits=\"1\" timeout=\"10\" action=\"{}\">{once}{keys}</Gather></Response>",
        xml(action.as_str())
    )
}

/// Text of XML: nothing in it is markup, and no character that XML forbids is left.
fn xml(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::channel::tests::message;

    #[test]
    fn it_is_read_twice_and_nothing_in_it_is_markup() {
        let said = "P1. HighErrorRate &lt;!channel&gt;. 5 % of calls fail";
        assert_eq!(
            twiml(&message(), Some("ru-RU"), None),
            format!(
                "<Response><Say language=\"ru-RU\">{said}</Say><Pause length=\"1\"/>\
                 <Say language=\"ru-RU\">{said}</Say></Response>"
            )
        );
    }

    #[test]
    fn keys_carry_their_tokens() {
        let sent = twiml(&message(), None, Some("https://steps.example/in/voice"));
        let action = "action=\"https://steps.example/in/voice?4=tok4&amp;5=tok5\"";
        assert!(sent.contains(action), "{sent}");
        assert!(sent.contains("<Say>4: Acknowledge.</Say><Say>5: Escalate.</Say></Gather>"), "{sent}");
    }
}
