//! Telegram: a bot's message with buttons, and replies by long poll, which needs no public address.

use crate::act::args::Args;
use crate::act::channel::form;
use crate::act::channel::inbound::{Reply, telegram};
use crate::act::channel::posted::Place;
use crate::act::channel::wire::{self, Ask, join, later, refused};
use crate::act::channel::{Sending, own};
use crate::act::secret::Filled;
use crate::act::verdict::beginning;
use crate::act::web::Answer;
use crate::act::world::World;
use crate::base::value::{Value, json};
use crate::model::defaults;
use crate::model::message::{Message, Sent};
use std::fmt::Write as _;
use std::time::Duration;

/// Characters of one message.
const TEXT: usize = 4_000;
/// Bytes of what a button sends back.
const TOKEN: usize = 64;
/// Between two looks where something is wrong: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// How long one look for replies lasts.
const LOOK: Duration = Duration::from_secs(50);

pub(super) async fn send(sending: &Sending<'_>) -> Sent {
    let first = sending
        .message
        .thread
        .as_ref()
        .and_then(|thread| sending.world.posted.find(sending.channel, &sending.to, thread));
    let body = body(sending.message, &sending.to, first.as_ref());
    match call("sendMessage", &body, Duration::from_secs(10), &sending.own, sending.world).await {
        Ok(result) => {
            let id = result.get("message_id").and_then(Value::as_i64).map(|id| id.to_string());
            if let (Some(thread), Some(id)) = (&sending.message.thread, &id) {
                let place = Place { room: sending.to.clone(), id: id.clone() };
                sending.world.posted.keep(sending.channel, &sending.to, thread, place);
            }
            Sent::Delivered { id }
        }
        Err(sent) => sent,
    }
}

/// Plain text, without any parse mode: nothing in it is markup.
fn body(message: &Message, chat: &str, first: Option<&Place>) -> Value {
    let mut text = format!("🚨 [{}] {}", form::severity(message).to_uppercase(), form::title(message));
    let more = form::text(message);
    if !more.is_empty() {
        let _ = write!(text, "\n\n{more}");
    }
    text.push('\n');
    for (name, value) in &message.fields {
        let _ = write!(text, "\n{}: {}", form::line(name), form::line(value));
    }
    let _ = write!(text, "\nTimestamp: {}", message.at);
    let tail = message.link.as_ref().map_or_else(String::new, |link| format!("\n{link}"));
    let text = format!("{}{tail}", form::cut(&text, TEXT - tail.chars().count().min(1_000)));
    let buttons = message.actions.iter().filter_map(|action| match &action.link {
        _ if !action.token.is_empty() && action.token.len() <= TOKEN => {
            Some(json!({ "text": action.label, "callback_data": action.token }))
        }
        Some(link) => Some(json!({ "text": action.label, "url": link })),
        None => None,
    });
    let buttons: Vec<Value> = buttons.collect();
    let mut body = json!({ "chat_id": chat, "text": text, "link_preview_options": { "is_disabled": true } });
    if let Some(map) = body.as_object_mut() {
        if !buttons.is_empty() {
            map.insert("reply_markup".into(), json!({ "inline_keyboard": [buttons] }));
        }
        if let Some(id) = first.and_then(|first| first.id.parse::<i64>().ok()) {
            let reply = json!({ "message_id": id, "allow_sending_without_reply": true });
            map.insert("reply_parameters".into(), reply);
        }
    }
    body
}

/// One call of the API: its `result`.
async fn call(method: &str, body: &Value, patience: Duration, own: &Args, world: &World) -> Result<Value, Sent> {
    let base = own.text("url").unwrap_or_else(|| defaults::TELEGRAM_URL.into());
    let token = own.text("token").unwrap_or_default();
    let ask = Ask::post(join(&base, &format!("bot{token}/{method}")), own, world).json(body).patience(patience);
    judged(&ask.answer().await?, world)
}

/// `{"ok": true, "result": …}`, or what went wrong.
fn judged(answer: &Answer, world: &World) -> Result<Value, Sent> {
    let said = wire::body(answer);
    if said.get("ok") == Some(&Value::Bool(true)) {
        return Ok(said.get("result").cloned().unwrap_or_default());
    }
    if said.get("ok") != Some(&Value::Bool(false)) {
        let strange = later(format!("what answered is not Telegram: `{}`", beginning(&answer.text())), None);
        return Err(wire::by_status(answer, world.now).unwrap_or(strange));
    }
    let parameters = said.get("parameters");
    let after = parameters.and_then(|it| it.get("retry_after")).and_then(Value::as_u64);
    let words = said.get("description").and_then(Value::as_str).unwrap_or("no reason given");
    let moved = parameters.and_then(|it| it.get("migrate_to_chat_id")).and_then(Value::as_i64);
    let reason = match moved {
        Some(chat) => format!("Telegram says `{words}`: the chat is now `{chat}`"),
        None => format!("Telegram says `{words}`"),
    };
    Err(match said.get("error_code").and_then(Value::as_i64) {
        Some(429) => later(reason, after.map(|seconds| seconds.saturating_mul(1_000))),
        Some(400..=499) => refused(reason),
        _ => later(reason, None),
    })
}

/// Waits up to a minute for what people press and write, from an offset on: the replies, and the next offset.
///
/// # Errors
/// What [`super::send`] would return for the same answer, secrets hidden.
pub async fn poll(channel: &str, offset: i64, world: &World) -> Result<(Vec<Reply>, i64), Sent> {
    let (own, _, filled) = own(channel, world).await.map_err(refused)?;
    let body = json!({
        "offset": offset,
        "timeout": LOOK.as_secs(),
        "allowed_updates": ["message", "callback_query"],
    });
    let result = call("getUpdates", &body, LOOK + Duration::from_secs(10), &own, world).await;
    let result = result.map_err(|sent| hidden(sent, &filled))?;
    Ok(telegram::updates(&result, offset))
}

/// Waits for replies for ever and hands each over, from an offset on; what goes wrong is handed over too, and the next
/// look waits a while.
pub async fn listen(
    channel: &str,
    offset: i64,
    world: &World,
    hear: &mut (dyn FnMut(Result<Reply, Sent>) + Send),
) -> ! {
    let (mut offset, mut pause) = (offset, PAUSE.0);
    loop {
        let wait = match poll(channel, offset, world).await {
            Ok((replies, next)) => {
                for reply in replies {
                    hear(Ok(reply));
                }
                (offset, pause) = (next, PAUSE.0);
                continue;
            }
            Err(sent) => {
                let asked = if let Sent::Later { after: Some(millis), .. } = &sent { Some(*millis) } else { None };
                hear(Err(sent));
                asked.map_or(pause, Duration::from_millis)
            }
        };
        tokio::time::sleep(wait).await;
        pause = pause.saturating_mul(2).min(PAUSE.1);
    }
}

/// Tells whoever pressed a button what came of it; a button that is not answered goes on turning.
///
/// # Errors
/// As [`poll`].
pub async fn answer(channel: &str, query: &str, text: &str, world: &World) -> Result<(), Sent> {
    let (own, _, filled) = own(channel, world).await.map_err(refused)?;
    let body = json!({ "callback_query_id": query, "text": form::cut(text, 200) });
    let told = call("answerCallbackQuery", &body, wire::PATIENCE, &own, world).await;
    told.map(drop).map_err(|sent| hidden(sent, &filled))
}

fn hidden(sent: Sent, filled: &Filled) -> Sent {
    super::masked(sent, filled)
}
