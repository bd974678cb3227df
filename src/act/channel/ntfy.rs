//! ntfy: a push message whose buttons act with one tap.

use crate::act::channel::Sending;
use crate::act::channel::form;
use crate::act::channel::wire::{self, Ask};
use crate::base::level::Level;
use crate::base::value::{Value, json};
use crate::model::defaults;
use crate::model::message::{Message, Sent};
use std::fmt::Write as _;

/// How much of a text ntfy takes before it makes a file of it.
const TEXT: usize = 3_000;
/// Buttons of one message.
const BUTTONS: usize = 3;

pub(super) async fn send(sending: &Sending<'_>) -> Sent {
    let url = sending.own.text("url").unwrap_or_else(|| defaults::NTFY_URL.into());
    let mut ask = Ask::post(url, &sending.args, sending.world).json(&body(sending.message, &sending.to));
    ask = match (sending.own.text("token"), sending.own.text("username")) {
        (Some(token), _) => ask.bearer(&token),
        (None, Some(user)) => ask.basic(&user, &sending.own.text("password").unwrap_or_default()),
        (None, None) => ask,
    };
    match ask.good().await {
        Ok(answer) => {
            let id = wire::body(&answer).get("id").and_then(Value::as_str).map(str::to_owned);
            Sent::Accepted { id }
        }
        Err(sent) => sent,
    }
}

fn body(message: &Message, topic: &str) -> Value {
    let priority = match message.level {
        Level::Critical => 5,
        Level::Warning => 4,
        Level::Notice => 3,
        Level::Ok => 2,
    };
    let mut text = form::text(message);
    for (name, value) in &message.fields {
        let _ = write!(text, "\n{name}: {value}");
    }
    // A POST to the link acts; opening it would only show it.
    let actions = message.actions.iter().filter_map(|action| {
        let link = action.link.as_ref()?;
        Some(json!({ "action": "http", "label": action.label, "url": link, "method": "POST", "clear": true }))
    });
    let title = format!("[{}] {}", form::severity(message).to_uppercase(), form::title(message));
    let mut body = json!({
        "topic": topic,
        "title": form::cut(&title, 250),
        "message": form::cut(text.trim(), TEXT),
        "priority": priority,
        "tags": [if message.level >= Level::Warning { "rotating_light" } else { "white_check_mark" }],
        "actions": actions.take(BUTTONS).collect::<Vec<_>>(),
    });
    if let (Some(link), Some(map)) = (&message.link, body.as_object_mut()) {
        map.insert("click".into(), link.as_str().into());
    }
    body
}
