//! Which rows of the index an event of an incident puts: absolute, pure, total, and from the event alone.
//!
//! A projection sees one event and no state, so a row is one *fact* of an incident: what it is now is its facts together,
//! read by the prefix of its id.

use crate::base::actor::Actor;
use crate::base::ids::IncidentId;
use crate::base::value::{Value, json};
use crate::escalation::event::{Event, Opened, Recorded};

/// Facts of incidents. Key: the id's text, a zero byte, the fact's name: `opened`, `count`, `severity`, `type`, `owner`,
/// `level`, `exhausted`, `taken`, `snoozed`, `muted`, `breached/response`, `breached/escalation`, `resolved`.
pub const INCIDENTS: &str = "incidents";
/// Incidents that are open, by key: what a new one is guarded with. Key: the incident's key; value: the id.
pub const KEYS: &str = "incident_keys";
/// The incident that ended last under a key, for recurrence: id and when. Key: the incident's key.
pub const ENDED: &str = "incident_ended";
/// Incidents that are not resolved. Key: the id's text.
pub const OPEN: &str = "incident_open";

/// One absolute change: tree, key, value (`None` deletes).
pub type Put = (&'static str, Vec<u8>, Option<Value>);

/// The key of one fact of an incident.
#[must_use]
pub fn fact(id: IncidentId, name: &str) -> Vec<u8> {
    let mut key = id.to_string().into_bytes();
    key.push(0);
    key.extend(name.as_bytes());
    key
}

/// The changes of one event.
#[must_use]
pub fn project(id: IncidentId, recorded: &Recorded) -> Vec<Put> {
    let at = recorded.at.to_string();
    let put = |name: &str, value: Value| vec![(INCIDENTS, fact(id, name), Some(value))];
    let gone = |name: &str| (INCIDENTS, fact(id, name), None);
    match &recorded.event {
        Event::Opened(opened) => begun(id, &at, opened),
        Event::Again { count, .. } => put("count", json!({ "count": count, "at": at })),
        Event::Climbed { level, .. } => put("level", json!({ "level": level, "at": at })),
        Event::Exhausted { reason } => put("exhausted", json!({ "reason": reason, "at": at })),
        Event::Breached { clock, by } => {
            put(&format!("breached/{}", clock.word()), json!({ "by": by.to_string(), "at": at }))
        }
        Event::Acknowledged { actor, who, .. } => {
            let who = who.as_ref().map_or(actor.id.as_str(), |who| who.as_str());
            let taken = json!({ "who": who, "by": by(actor), "at": at });
            vec![(INCIDENTS, fact(id, "taken"), Some(taken)), gone("snoozed"), gone("exhausted")]
        }
        Event::Unacknowledged { .. } | Event::Lapsed | Event::Woke => vec![gone("taken"), gone("snoozed")],
        Event::Snoozed { actor, until, reason } => {
            let snoozed = json!({ "by": by(actor), "until": until.to_string(), "reason": reason, "at": at });
            vec![(INCIDENTS, fact(id, "snoozed"), Some(snoozed)), gone("exhausted")]
        }
        Event::Assigned { to, .. } => put("owner", json!(to.as_str())),
        Event::SeverityChanged { to, .. } => put("severity", json!(to)),
        Event::Classified { kind, .. } => put("type", json!(kind)),
        Event::Muted { silence, until } => {
            put("muted", json!({ "silence": silence, "until": until.to_string(), "at": at }))
        }
        Event::Unmuted { .. } => vec![gone("muted")],
        Event::Resolved { actor, how, reason, key } => {
            let resolved = json!({ "by": by(actor), "how": how.word(), "reason": reason, "at": at });
            vec![
                (INCIDENTS, fact(id, "resolved"), Some(resolved)),
                (KEYS, key.clone().into_bytes(), None),
                (ENDED, key.clone().into_bytes(), Some(json!({ "id": id.to_string(), "at": at }))),
                (OPEN, id.to_string().into_bytes(), None),
            ]
        }
        Event::Cleared { .. }
        | Event::Responding { .. }
        | Event::PassedOver { .. }
        | Event::Stopping { .. }
        | Event::Responded { .. }
        | Event::LevelEmpty { .. }
        | Event::Round { .. }
        | Event::Paged(_)
        | Event::Settled { .. }
        | Event::Unreached { .. }
        | Event::Undeliverable { .. }
        | Event::Noted { .. }
        | Event::Duty { .. } => Vec::new(),
    }
}

fn by(actor: &Actor) -> Value {
    json!({ "id": actor.id, "via": actor.via.as_str(), "role": actor.role.as_str() })
}

fn begun(id: IncidentId, at: &str, opened: &Opened) -> Vec<Put> {
    let trouble = &opened.trouble;
    let facts = json!({
        "at": at,
        "key": trouble.key,
        "title": trouble.title,
        "source": trouble.source.word(),
        "labels": trouble.labels,
        "recurs": opened.recurs.map(|(before, number)| json!({ "before": before.to_string(), "number": number })),
    });
    let mut rows = vec![
        (INCIDENTS, fact(id, "opened"), Some(facts)),
        (INCIDENTS, fact(id, "severity"), Some(json!(opened.severity))),
        (KEYS, trouble.key.clone().into_bytes(), Some(json!(id.to_string()))),
        (OPEN, id.to_string().into_bytes(), Some(Value::Null)),
    ];
    let named = [("type", trouble.kind.clone()), ("owner", opened.owner.as_ref().map(ToString::to_string))];
    rows.extend(named.into_iter().filter_map(|(name, value)| Some((INCIDENTS, fact(id, name), Some(json!(value?))))));
    rows
}
