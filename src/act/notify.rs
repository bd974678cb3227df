//! `notify` and `escalate`: words for people. Neither ever fails.

use crate::act::args::Args;
use crate::act::door::Door;
use crate::act::verdict::Done;
use crate::act::world::{Announcement, World};
use crate::base::ids::Name;
use crate::base::level::Level;
use crate::base::value::{Value, json};
use crate::model::perform::{Failure, Finding};
use std::path::Path;

pub(super) fn notify(args: &Args, world: &World) -> Result<Done, Failure> {
    let announcement = Announcement {
        level: args.text("level").and_then(|word| Level::parse(&word)).unwrap_or(Level::Notice),
        title: args.text("title").unwrap_or_default(),
        message: args.text("message").unwrap_or_default(),
        fields: args.pairs("fields"),
    };
    let mut channels = args.texts("channel");
    channels.extend(args.texts("contact").iter().map(|contact| format!("contact {contact}")));
    if channels.is_empty() {
        channels.push("terminal".into());
    }
    let (mut deliveries, mut findings) = (Vec::new(), Vec::new());
    for channel in channels {
        let reason = deliver(&channel, &announcement, world).err().unwrap_or_default();
        let state = if reason.is_empty() { "delivered" } else { "not delivered" };
        if !reason.is_empty() {
            let message = format!("not delivered: {reason}");
            findings.push(Finding { level: Level::Warning.as_str().into(), message });
        }
        deliveries.push(json!({ "channel": channel, "state": state, "reason": reason }));
    }
    let output = json!({ "delivered": findings.is_empty(), "deliveries": deliveries });
    Ok(Done { output, findings })
}

/// Sends to one address, or says why not.
fn deliver(channel: &str, announcement: &Announcement, world: &World) -> Result<(), String> {
    let (name, address) = channel.split_once(':').unwrap_or((channel, ""));
    match name {
        "terminal" => {
            let heard = (world.say)(announcement);
            if heard { Ok(()) } else { Err("nobody is at a terminal of this run".into()) }
        }
        "file" => append(address, announcement, world),
        _ if channel.starts_with("contact ") => Err(format!("{channel}: no sender for contacts in this release")),
        _ => {
            let known = Name::parse(name).is_ok_and(|name| world.settings.channels.contains_key(&name));
            let unknown = if known { "" } else { ", and stepladder.yaml has no such channel" };
            Err(format!("no sender for `{name}` in this release{unknown}"))
        }
    }
}

/// A line of JSON at the end of a file below `reports/`.
fn append(file: &str, announcement: &Announcement, world: &World) -> Result<(), String> {
    let fields = announcement.fields.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str())));
    let line = json!({
        "time": world.now.to_string(),
        "level": announcement.level.as_str(),
        "title": announcement.title,
        "message": announcement.message,
        "fields": fields.collect::<serde_json::Map<_, _>>(),
    });
    let path = Path::new(file).strip_prefix("reports").unwrap_or(Path::new(file));
    let door = Door::open(&world.path("reports"));
    let written = door.and_then(|door| door.append(path, &line.to_string()));
    written.map_err(|error| format!("`file:{file}` can't be written: {error}"))
}

pub(super) fn escalate(args: &Args) -> Done {
    let message = args.text("message").unwrap_or_default();
    let severity = args.text("severity").map_or_else(String::new, |severity| format!(" {severity}"));
    let note = format!("no incident is opened by this release; it would say{severity}: {message}");
    let findings = vec![Finding { level: Level::Warning.as_str().into(), message: note }];
    Done { output: json!({ "opened": false, "incident": "" }), findings }
}
