//! Files and terminals: where a message is at once.

use crate::act::channel::Sending;
use crate::act::channel::form;
use crate::act::channel::wire::{later, refused};
use crate::act::door::Door;
use crate::act::world::Announcement;
use crate::base::value::{Value, json};
use crate::model::message::{Message, Sent};
use std::path::Path;

/// The terminal of whoever runs this process.
pub(super) fn terminal(sending: &Sending<'_>) -> Sent {
    let message = sending.message;
    let (title, text) = words(message);
    let announcement = Announcement { level: message.level, title, message: text, fields: message.fields.clone() };
    let heard = (sending.world.say)(&announcement);
    if heard { Sent::Delivered { id: None } } else { refused("nobody is at a terminal of this run") }
}

/// Heading and text; what is only a line is text.
fn words(message: &Message) -> (String, String) {
    let text = form::text(message);
    if text.is_empty() { (String::new(), message.title.clone()) } else { (message.title.clone(), text) }
}

/// A line of JSON at the end of a file below `reports/`.
pub(super) fn file(sending: &Sending<'_>) -> Sent {
    let (message, world) = (sending.message, sending.world);
    let named = sending.args.text("file").filter(|_| sending.to.is_empty());
    let file = named.unwrap_or_else(|| sending.to.clone());
    let fields = message.fields.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str())));
    let (title, text) = words(message);
    let line = json!({
        "time": world.now.to_string(),
        "level": message.level.as_str(),
        "title": title,
        "message": text,
        "fields": fields.collect::<serde_json::Map<_, _>>(),
    });
    let path = Path::new(&file).strip_prefix("reports").unwrap_or(Path::new(&file));
    let written = Door::open(&world.path("reports")).and_then(|door| door.append(path, &line.to_string()));
    match written {
        Ok(()) => Sent::Delivered { id: None },
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
            later(format!("`{}:{file}` can't be written: {error}", sending.channel), None)
        }
        Err(error) => refused(format!("`{}:{file}` can't be written: {error}", sending.channel)),
    }
}
