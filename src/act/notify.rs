//! `notify`: words for people. It never fails.
//!
//! A `notify` sends by itself, a few times where that helps; an attempt that is lost with its owner is begun again,
//! so that a message is sent at least once, always under the same key
//! (`docs/decisions/0034-channels-and-the-outbox.md`).

use crate::act::args::Args;
use crate::act::channel;
use crate::act::process::key;
use crate::act::verdict::Done;
use crate::act::world::World;
use crate::base::ids::Name;
use crate::base::level::Level;
use crate::base::value::json;
use crate::model::escalation::Contact;
use crate::model::message::{Address, Message, Sent};
use crate::model::oncall;
use crate::model::perform::{Failure, Finding, Request};
use futures_util::future::join_all;
use std::time::Duration;

/// How often one address is tried, and for how long in all.
const TRIES: u32 = 3;
const QUEUED: Duration = Duration::from_secs(30);
/// The same where the step waits until it is delivered.
const DELIVERED: (u32, Duration) = (20, Duration::from_mins(10));
/// The first wait between two tries.
const BACKOFF: Duration = Duration::from_secs(1);
/// Between two questions what became of a message.
const ASKED: Duration = Duration::from_secs(2);
/// The longest heading that is made of a message without one.
const HEADING: usize = 120;

/// Where one message goes, or why nowhere.
struct Way {
    /// As it is shown: `slack:#alerts`, `contact ivanova by email`.
    shown: String,
    to: Result<Address, String>,
}

pub(super) async fn notify(request: &Request, args: &Args, world: &World) -> Result<Done, Failure> {
    let message = message(request, args, world);
    let waits = args.text("wait").as_deref() == Some("delivered");
    let mut ways: Vec<Way> = args.texts("channel").iter().map(|text| way(text)).collect();
    ways.extend(args.texts("contact").iter().flat_map(|contact| ways_to(contact, world)));
    if ways.is_empty() {
        ways.push(way("terminal"));
    }
    let sent = join_all(ways.iter().map(|way| async {
        match &way.to {
            Ok(to) => send(&message, to, waits, world).await,
            Err(why) => Sent::Refused { reason: why.clone() },
        }
    }));
    let (mut deliveries, mut findings) = (Vec::new(), Vec::new());
    for (way, sent) in ways.iter().zip(sent.await) {
        let (state, reason) = match sent {
            Sent::Delivered { .. } => ("delivered", String::new()),
            Sent::Accepted { .. } => ("accepted", String::new()),
            Sent::Later { reason, .. } | Sent::Refused { reason } => ("not delivered", reason),
        };
        if !reason.is_empty() {
            let message = format!("not delivered by {}: {reason}", way.shown);
            findings.push(Finding { level: Level::Warning.as_str().into(), message });
        }
        deliveries.push(json!({ "channel": way.shown, "state": state, "reason": reason }));
    }
    let output = json!({ "delivered": findings.is_empty(), "deliveries": deliveries });
    Ok(Done { output, findings })
}

/// What is said. Without a heading the first line is one.
fn message(request: &Request, args: &Args, world: &World) -> Message {
    let whole = args.text("message").unwrap_or_default();
    let (first, rest) = whole.trim().split_once('\n').unwrap_or((whole.trim(), ""));
    let (title, text) = match args.text("title").filter(|title| !title.trim().is_empty()) {
        Some(title) => (title, whole.clone()),
        None if first.chars().count() <= HEADING => (first.to_owned(), rest.trim_start_matches('\n').to_owned()),
        None => (first.chars().take(HEADING - 1).chain(['…']).collect(), whole.clone()),
    };
    Message {
        key: key(request),
        thread: None,
        severity: None,
        level: args.text("level").and_then(|word| Level::parse(&word)).unwrap_or(Level::Notice),
        title: if title.is_empty() { "(an empty message)".into() } else { title },
        text,
        fields: args.pairs("fields"),
        at: world.now,
        link: None,
        actions: Vec::new(),
        perhaps_again: false,
    }
}

fn way(text: &str) -> Way {
    let (name, to) = text.split_once(':').unwrap_or((text, ""));
    let channel = Name::parse(name.trim()).map_err(|bad| format!("`{name}` is no channel: {bad}"));
    let to = channel.map(|channel| Address { channel, to: to.trim().into() });
    Way { shown: text.into(), to }
}

/// Every way to a contact over channels of the book, or the reason why there is none.
fn ways_to(contact: &str, world: &World) -> Vec<Way> {
    let nobody = |why: String| vec![Way { shown: format!("contact {contact}"), to: Err(why) }];
    let people = match people(contact, world) {
        Ok(people) => people,
        Err(why) => return nobody(why),
    };
    let mut ways = Vec::new();
    for (name, person) in people {
        for to in addresses(person, world) {
            ways.push(Way { shown: format!("contact {name} by {}", to.channel), to: Ok(to) });
        }
    }
    if ways.is_empty() {
        return nobody(format!("`{contact}` has no address on any channel of stepladder.yaml"));
    }
    ways
}

/// The people a name stands for now.
fn people<'a>(contact: &str, world: &'a World) -> Result<Vec<(&'a Name, &'a Contact)>, String> {
    let ladder = &world.ladder;
    let found = oncall::resolve(ladder, contact, None, world.now);
    if found.is_empty() {
        return Err(match contact.strip_prefix("on_call.") {
            Some(rotation) => format!("nobody is on call for `{rotation}` now"),
            None => format!("escalation.yaml has no contact `{contact}`"),
        });
    }
    Ok(found.iter().filter_map(|name| ladder.contacts.get_key_value(name)).collect())
}

/// The addresses of a contact over the channels that the book has.
#[must_use]
pub fn addresses(person: &Contact, world: &World) -> Vec<Address> {
    let channels = world.settings.channels.keys();
    let address = |channel: &Name| {
        let to = person.address(channel.as_str())?.to_owned();
        Some(Address { channel: channel.clone(), to })
    };
    channels.filter_map(address).collect()
}

/// Sends to one address: again where that helps, as long as there is time.
async fn send(message: &Message, to: &Address, waits: bool, world: &World) -> Sent {
    let (tries, time) = if waits { DELIVERED } else { (TRIES, QUEUED) };
    let start = (world.ticks)();
    for again in 1.. {
        let sent = channel::send(message, to, world).await;
        let after = match &sent {
            Sent::Later { after, .. } => after,
            Sent::Accepted { id: Some(id) } if waits => return confirmed(message, to, id, (start, time), world).await,
            Sent::Accepted { .. } | Sent::Delivered { .. } | Sent::Refused { .. } => return sent,
        };
        let wait = after.map_or(BACKOFF.saturating_mul(1 << (again - 1).min(5)), Duration::from_millis);
        if again >= tries || world.since(start) + wait > time {
            return sent;
        }
        tokio::time::sleep(wait).await;
    }
    Sent::Later { reason: "it was tried too often".into(), after: None }
}

/// Waits for what became of a message that was accepted, where its provider can be asked.
async fn confirmed(message: &Message, to: &Address, id: &str, until: (Duration, Duration), world: &World) -> Sent {
    let (start, time) = until;
    let accepted = Sent::Accepted { id: Some(id.to_owned()) };
    if !channel::tells_fate(to.channel.as_str(), world) {
        return accepted;
    }
    while world.since(start) < time {
        if let Some(fate) = channel::fate(message, to, id, world).await {
            return fate;
        }
        tokio::time::sleep(ASKED).await;
    }
    accepted
}
