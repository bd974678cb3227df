//! Text messages in Twilio's shape.

use crate::act::channel::inbound::twilio;
use crate::act::channel::wire::{self, Ask, join, later, refused};
use crate::act::channel::{Sending, short};
use crate::base::value::Value;
use crate::model::defaults;
use crate::model::message::Sent;
use reqwest::Method;

pub(super) async fn send(sending: &Sending<'_>) -> Sent {
    let Some(to) = short::number(&sending.to) else {
        return refused(format!("`{}` can't be dialled: digits only, with the country first", sending.to));
    };
    let sender = from(&sending.own.text("from").unwrap_or_default());
    let mut form = vec![("To".to_owned(), to), sender, ("Body".to_owned(), short::text(sending.message))];
    if let Some(callback) = sending.own.text("callback") {
        form.push(("StatusCallback".to_owned(), callback));
    }
    post(sending, "Messages.json", form).await
}

/// The sender: a number, or a messaging service that chooses one.
fn from(text: &str) -> (String, String) {
    match short::number(text) {
        Some(number) => ("From".into(), number),
        None if text.starts_with("MG") => ("MessagingServiceSid".into(), text.into()),
        // A name that is shown, where a country has such.
        None => ("From".into(), text.into()),
    }
}

/// Asks for something of the account, and reads what Twilio says of it.
pub(super) async fn post(sending: &Sending<'_>, what: &str, form: Vec<(String, String)>) -> Sent {
    let base = sending.own.text("url").unwrap_or_else(|| defaults::TWILIO_URL.into());
    let account = sending.own.text("account").unwrap_or_default();
    let token = sending.own.text("token").unwrap_or_default();
    let path = format!("2010-04-01/Accounts/{account}/{what}");
    let ask = Ask::post(join(&base, &path), &sending.args, sending.world).form(form).basic(&account, &token);
    let answer = match ask.answer().await {
        Ok(answer) => answer,
        Err(sent) => return sent,
    };
    let said = wire::body(&answer);
    let text = |key: &str| said.get(key).and_then(Value::as_str).map(str::to_owned);
    if let Some(sent) = wire::by_status(&answer, sending.world.now) {
        // Twilio's own words are better than the beginning of its JSON.
        return match (text("message"), sent) {
            (Some(message), Sent::Later { after, .. }) => later(format!("Twilio says `{message}`"), after),
            (Some(message), Sent::Refused { .. }) => refused(format!("Twilio says `{message}`{}", code(&said))),
            (_, sent) => sent,
        };
    }
    match (text("sid"), text("status").as_deref()) {
        (Some(_), Some("failed" | "undelivered" | "canceled")) => {
            let why = text("error_message").unwrap_or_else(|| "no reason given".into());
            refused(format!("Twilio says `{why}`{}", code(&said)))
        }
        (id @ Some(_), _) => Sent::Accepted { id },
        (None, _) => later("what answered is not Twilio: it named no message", None),
    }
}

/// What became of a message or a call that was accepted; `None` while that is not known.
pub(super) async fn fate(sending: &Sending<'_>, what: &str, id: &str) -> Option<Sent> {
    let base = sending.own.text("url").unwrap_or_else(|| defaults::TWILIO_URL.into());
    let account = sending.own.text("account").unwrap_or_default();
    let token = sending.own.text("token").unwrap_or_default();
    let path = format!("2010-04-01/Accounts/{account}/{what}/{id}.json");
    let ask = Ask::post(join(&base, &path), &sending.args, sending.world).method(Method::GET).basic(&account, &token);
    let said = wire::body(&ask.good().await.ok()?);
    let state = said.get("status").and_then(Value::as_str)?;
    twilio::fate(state, id, &code(&said))
}

fn code(said: &Value) -> String {
    let code = said.get("code").or_else(|| said.get("error_code")).and_then(Value::as_i64);
    code.map_or_else(String::new, |code| format!(" (error {code})"))
}
