//! Microsoft Teams: an adaptive card to a webhook of a channel or a workflow.

use crate::act::channel::Sending;
use crate::act::channel::form::{self, Markup};
use crate::act::channel::wire::{Ask, later};
use crate::act::verdict::beginning;
use crate::base::level::Level;
use crate::base::value::{Value, json};
use crate::model::message::{Message, Sent};

/// How much of a text a card holds: the whole of it may have 28 KB.
const TEXT: usize = 8_000;

pub(super) async fn send(sending: &Sending<'_>) -> Sent {
    let url = sending.args.text("teams").unwrap_or_default();
    let answer = match Ask::post(url, &sending.args, sending.world).json(&card(sending.message)).good().await {
        Ok(answer) => answer,
        Err(sent) => return sent,
    };
    let text = answer.text();
    // The older webhooks say with status 200 that they could not deliver.
    if text.to_ascii_lowercase().contains("failed with error") {
        return later(format!("Teams says `{}`", beginning(&text)), None);
    }
    Sent::Accepted { id: None }
}

fn card(message: &Message) -> Value {
    let plain = |text: &str| Markup::Markdown.plain(text);
    let colour = match message.level {
        Level::Critical => "attention",
        Level::Warning => "warning",
        Level::Notice | Level::Ok => "good",
    };
    let mut facts = vec![
        json!({ "title": "Severity", "value": plain(&form::severity(message).to_uppercase()) }),
        json!({ "title": "Component", "value": plain(form::component(message)) }),
        json!({ "title": "Timestamp", "value": message.at.to_string() }),
    ];
    facts.extend(form::others(message).map(|(name, value)| json!({ "title": plain(name), "value": plain(value) })));
    let links = message.actions.iter().filter_map(|action| Some((action.label.as_str(), action.link.as_deref()?)));
    let links = links.chain(message.link.as_deref().map(|link| ("Show", link)));
    let actions: Vec<Value> =
        links.map(|(label, link)| json!({ "type": "Action.OpenUrl", "title": label, "url": link })).collect();
    let text = form::cut(&form::text(message), TEXT);
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [
                    { "type": "TextBlock", "size": "large", "weight": "bolder", "color": colour, "wrap": true,
                      "text": format!("🚨 {}", plain(&form::title(message))) },
                    { "type": "TextBlock", "wrap": true, "text": plain(&text) },
                    { "type": "FactSet", "facts": facts },
                ],
                "actions": actions,
            },
        }],
    })
}
