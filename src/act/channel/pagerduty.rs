//! PagerDuty's Events API v2: trouble is triggered, what is well again is resolved.

use crate::act::channel::Sending;
use crate::act::channel::form;
use crate::act::channel::wire::{self, Ask, join};
use crate::base::level::Level;
use crate::base::value::{Value, json};
use crate::model::defaults;
use crate::model::message::{Message, Sent};

pub(super) async fn send(sending: &Sending<'_>) -> Sent {
    let base = sending.own.text("url").unwrap_or_else(|| defaults::PAGERDUTY_URL.into());
    let key = sending.own.text("routing_key").unwrap_or_default();
    let body = event(sending.message, &key);
    let ask = Ask::post(join(&base, "v2/enqueue"), &sending.args, sending.world).json(&body);
    match ask.good().await {
        Ok(answer) => {
            let id = wire::body(&answer).get("dedup_key").and_then(Value::as_str).map(str::to_owned);
            Sent::Accepted { id }
        }
        Err(sent) => sent,
    }
}

fn event(message: &Message, routing_key: &str) -> Value {
    let dedup: String = message.thread.as_ref().unwrap_or(&message.key).chars().take(255).collect();
    if message.level == Level::Ok {
        return json!({ "routing_key": routing_key, "event_action": "resolve", "dedup_key": dedup });
    }
    let severity = match message.level {
        Level::Critical => "critical",
        Level::Warning => "warning",
        Level::Notice | Level::Ok => "info",
    };
    let details = message.fields.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let mut details: serde_json::Map<_, _> = details.collect();
    details.insert("text".into(), form::text(message).into());
    details.insert("key".into(), message.key.as_str().into());
    let links: Vec<Value> = message.link.iter().map(|link| json!({ "href": link, "text": "Show" })).collect();
    json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": dedup,
        "payload": {
            "summary": form::cut(&form::title(message), 1_024),
            "source": "stepladder",
            "severity": severity,
            "timestamp": message.at.to_string(),
            "component": form::component(message),
            "custom_details": details,
        },
        "links": links,
        "client": "stepladder",
    })
}
