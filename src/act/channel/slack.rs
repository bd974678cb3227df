//! Slack: an incoming webhook in the guide's form, or a bot whose post is kept up to date.

use crate::act::channel::Sending;
use crate::act::channel::form::{self, Markup};
use crate::act::channel::posted::Place;
use crate::act::channel::wire::{self, Ask, join, later, refused};
use crate::act::verdict::beginning;
use crate::act::world::World;
use crate::base::value::{Value, json};
use crate::model::defaults;
use crate::model::message::{Message, Sent, Verb};

/// What of `ok: false` is worth another try; everything else never gets better by itself.
const PASSING: &[&str] = &[
    "ratelimited",
    "rate_limited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
];

/// How much of a text Slack shows in a section.
const SECTION: usize = 2_900;
/// How much of a heading.
const HEADING: usize = 150;
/// Fields of a section.
const FIELDS: usize = 10;

/// An incoming webhook: the guide's attachment.
pub(super) async fn webhook(sending: &Sending<'_>) -> Sent {
    post(sending, "webhook", Markup::Slack).await
}

/// The guide's attachment to the incoming webhook under `key`; Mattermost reads the same form.
pub(super) async fn post(sending: &Sending<'_>, key: &str, markup: Markup) -> Sent {
    let mut body = json!({ "attachments": [form::attachment(sending.message, markup)] });
    if let (false, Some(map)) = (sending.to.is_empty(), body.as_object_mut()) {
        map.insert("channel".into(), sending.to.as_str().into());
    }
    let url = sending.args.text(key).unwrap_or_default();
    let answer = match Ask::post(url, &sending.args, sending.world).json(&body).good().await {
        Ok(answer) => answer,
        Err(sent) => return sent,
    };
    let text = answer.text();
    let said = wire::body(&answer);
    let denied = said.get("ok") == Some(&Value::Bool(false)) || said.get("success") == Some(&Value::Bool(false));
    match text.trim() {
        "" | "ok" => Sent::Accepted { id: None },
        _ if denied => ok_false(&said, None),
        _ if said.is_object() => Sent::Accepted { id: None },
        _ => later(format!("what answered is no webhook of a chat: `{}`", beginning(&text)), None),
    }
}

/// A bot: a post for each message, the first of a thread kept up to date.
pub(super) async fn bot(sending: &Sending<'_>) -> Sent {
    let thread = sending.message.thread.as_deref();
    let first = thread.and_then(|thread| sending.world.posted.find(sending.channel, &sending.to, thread));
    let mut body = form_of(sending, first.is_none());
    if let Some(map) = body.as_object_mut() {
        let room = first.as_ref().map_or(sending.to.as_str(), |first| first.room.as_str());
        map.insert("channel".into(), room.into());
        if let Some(first) = &first {
            map.insert("thread_ts".into(), first.id.as_str().into());
            // Whoever is paged sees it in the channel, too; the rest is for whoever reads the thread.
            map.insert("reply_broadcast".into(), (!sending.message.actions.is_empty()).into());
        }
    }
    let answer = match call(sending, "chat.postMessage", &body).await {
        Ok(answer) => answer,
        Err(sent) => return sent,
    };
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let place = Place { room: text("channel"), id: text("ts") };
    let id = Some(format!("{}/{}", place.room, place.id)).filter(|id| id.len() > 1);
    if let Some(thread) = thread {
        match first {
            Some(first) => update(sending, thread, &first).await,
            None => sending.world.posted.keep(sending.channel, &sending.to, thread, place),
        }
    }
    Sent::Delivered { id }
}

/// Brings the first post of a thread up to date. The message itself is sent: that this fails stops nothing.
async fn update(sending: &Sending<'_>, thread: &str, first: &Place) {
    let mut body = form_of(sending, true);
    if let Some(map) = body.as_object_mut() {
        map.insert("channel".into(), first.room.as_str().into());
        map.insert("ts".into(), first.id.as_str().into());
    }
    if let Err(Sent::Refused { .. }) = call(sending, "chat.update", &body).await {
        sending.world.posted.forget(sending.channel, &sending.to, thread);
    }
}

async fn call(sending: &Sending<'_>, method: &str, body: &Value) -> Result<Value, Sent> {
    let base = sending.own.text("url").unwrap_or_else(|| defaults::SLACK_URL.into());
    let token = sending.own.text("token").unwrap_or_default();
    let now = sending.world.now;
    let ask = Ask::post(join(&base, method), &sending.args, sending.world).json(body).bearer(&token);
    let answer = ask.good().await?;
    let said = wire::body(&answer);
    match said.get("ok") {
        Some(Value::Bool(true)) => Ok(said),
        Some(Value::Bool(false)) => Err(ok_false(&said, wire::after(&answer, now))),
        _ => Err(later(format!("what answered is not Slack: `{}`", beginning(&answer.text())), None)),
    }
}

/// Tells whoever pressed a button what came of it, and nobody else. Slack names the address with the press.
///
/// # Errors
/// Why that could not be, secrets hidden.
pub async fn answer(channel: &str, url: &str, text: &str, world: &World) -> Result<(), Sent> {
    let (own, _, filled) = super::own(channel, world).await.map_err(refused)?;
    let host = |url: &str| reqwest::Url::parse(url).ok()?.host_str().map(str::to_owned);
    let to = host(url).ok_or_else(|| refused("Slack named no address for the answer"))?;
    let api = own.text("url").and_then(|url| host(&url));
    if !to.ends_with(".slack.com") && Some(&to) != api.as_ref() {
        return Err(refused(format!("the address for the answer is not Slack's: `{to}`")));
    }
    let body = json!({ "response_type": "ephemeral", "replace_original": false, "text": Markup::Slack.plain(text) });
    let told = Ask::post(url, &own, world).json(&body).good().await;
    told.map(drop).map_err(|sent| super::masked(sent, &filled))
}

/// `{"ok": false, "error": …}`, which comes with status 200.
fn ok_false(said: &Value, after: Option<u64>) -> Sent {
    let error = said.get("error").and_then(Value::as_str).unwrap_or("no reason given");
    if PASSING.contains(&error) {
        return later(format!("Slack says `{error}`"), after);
    }
    let help = match error {
        "channel_not_found" => ": name a channel by its id (`C…`) or `#name`, a person by the member id (`U…`)",
        "not_in_channel" => ": invite the bot into the channel",
        "is_archived" => ": the channel is archived",
        "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired" => {
            ": the bot's token is not valid any more"
        }
        "missing_scope" => ": the bot needs the scope `chat:write`",
        _ => "",
    };
    refused(format!("Slack says `{error}`{help}"))
}

/// The post: Block Kit, every text plain, so that nothing in it is markup.
fn form_of(sending: &Sending<'_>, whole: bool) -> Value {
    let message = sending.message;
    let plain = |text: &str| json!({ "type": "plain_text", "text": text, "emoji": false });
    let title = form::cut(&format!("🚨 {}", form::title(message)), HEADING);
    let mut blocks = vec![json!({ "type": "header", "text": plain(&title) })];
    let text = form::text(message);
    if !text.is_empty() {
        blocks.push(json!({ "type": "section", "text": plain(&form::cut(&text, SECTION)) }));
    }
    if whole {
        let mut facts = vec![
            format!("Severity\n{}", form::severity(message).to_uppercase()),
            format!("Component\n{}", form::component(message)),
            format!("Timestamp\n{}", message.at),
        ];
        facts.extend(form::others(message).map(|(name, value)| format!("{name}\n{value}")));
        let fields: Vec<Value> = facts.iter().take(FIELDS).map(|fact| plain(&form::cut(fact, 1_900))).collect();
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    let buttons = buttons(message, sending.own.has("signing_secret"));
    if !buttons.is_empty() {
        blocks.push(json!({ "type": "actions", "block_id": "stepladder", "elements": buttons }));
    }
    json!({
        "text": form::cut(&Markup::Slack.plain(&form::title(message)), SECTION),
        "attachments": [{ "color": form::colour(message.level), "blocks": blocks }],
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// Buttons that send their token back; links where nothing verifies what comes back.
fn buttons(message: &Message, answered: bool) -> Vec<Value> {
    let mut buttons = Vec::new();
    for action in &message.actions {
        let mut button = json!({
            "type": "button",
            "action_id": form::verb(action.verb),
            "text": { "type": "plain_text", "text": form::cut(&action.label, 75), "emoji": false },
        });
        let Some(map) = button.as_object_mut() else { continue };
        match (answered, &action.link) {
            (true, _) => drop(map.insert("value".into(), action.token.as_str().into())),
            (false, Some(link)) => drop(map.insert("url".into(), link.as_str().into())),
            (false, None) => continue,
        }
        match action.verb {
            Verb::Acknowledge => drop(map.insert("style".into(), "primary".into())),
            Verb::Resolve => drop(map.insert("style".into(), "danger".into())),
            Verb::Escalate => {}
        }
        buttons.push(button);
    }
    buttons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_for_good_and_a_hiccup_is_not() {
        let say = |error: &str| ok_false(&json!({ "ok": false, "error": error }), Some(5_000));
        assert_eq!(say("ratelimited"), later("Slack says `ratelimited`", Some(5_000)));
        assert_eq!(say("is_archived"), refused("Slack says `is_archived`: the channel is archived"));
        assert_eq!(say("who_knows"), refused("Slack says `who_knows`"));
        assert!(matches!(ok_false(&json!({}), None), Sent::Refused { .. }));
    }
}
