//! Any other provider: one HTTP request whose parts are templates.

use crate::act::channel::wire::{Ask, refused};
use crate::act::channel::{Sending, form, short};
use crate::act::verdict::beginning;
use crate::base::value::{Map, Value};
use crate::expr::Scope;
use crate::model::defaults;
use crate::model::message::{Address, Message, Sent};
use reqwest::Method;

/// What the templates of a gateway may name (`model::channel::GATEWAY_NAMES`).
pub(super) fn scope(message: &Message, to: &Address) -> Scope {
    let mut names = Map::new();
    let number = short::number(&to.to).unwrap_or_else(|| form::line(&to.to));
    names.insert("to".into(), number.into());
    names.insert("text".into(), short::text(message).into());
    names.insert("title".into(), form::title(message).into());
    names.insert("severity".into(), form::severity(message).to_uppercase().into());
    names.insert("key".into(), message.key.as_str().into());
    names.insert("link".into(), message.link.clone().unwrap_or_default().into());
    Scope::of(names)
}

pub(super) async fn send(sending: &Sending<'_>) -> Sent {
    let own = &sending.own;
    let method = match own.text("method").as_deref().unwrap_or(defaults::GATEWAY_METHOD) {
        "get" => Method::GET,
        "put" => Method::PUT,
        _ => Method::POST,
    };
    let mut ask = Ask::post(own.text("url").unwrap_or_default(), &sending.args, sending.world).method(method);
    ask = match (own.get("json"), own.pairs("form")) {
        (Some(body), _) => ask.json(body),
        (None, pairs) if !pairs.is_empty() => ask.form(pairs),
        (None, _) => ask,
    };
    for (name, value) in own.pairs("headers") {
        ask = ask.header(&name, &value);
    }
    if let Some(user) = own.text("username") {
        ask = ask.basic(&user, &own.text("password").unwrap_or_default());
    }
    let answer = match ask.good().await {
        Ok(answer) => answer,
        Err(sent) => return sent,
    };
    let text = answer.text();
    match own.get("accepted").and_then(Value::as_str) {
        Some(wanted) if !text.contains(wanted) => {
            refused(format!("the answer has no `{wanted}` in it: `{}`", beginning(&text)))
        }
        _ => Sent::Accepted { id: None },
    }
}
