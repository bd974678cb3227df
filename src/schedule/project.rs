//! Which rows of the index an event puts: the ledger. Absolute, pure, total.

use crate::base::value::{Value, json};
use crate::schedule::event::{Event, Fate, Instant, Recorded};
use crate::schedule::key::ScheduleId;
use crate::schedule::nominal::Nominal;

/// The ledger: due instants and what became of them. Key: [`ScheduleId::row`] of the first instant of the row.
pub const LEDGER: &str = "ledger";

/// Calls that were accepted. Key: [`ScheduleId::call`] of what makes it one, and of what it was about where it started
/// something; value: the instant it was given.
pub const CALLS: &str = "calls";
/// What incidents have not been told of yet, here that a deadline was missed: the same rows as `engine::project` has.
pub const OWED: &str = "owed";

/// One absolute change of the ledger.
pub type Put = (&'static str, Vec<u8>, Option<Value>);

/// The changes of one event.
#[must_use]
pub fn project(id: &ScheduleId, recorded: &Recorded) -> Vec<Put> {
    let row = |from: &Instant, to: &Instant, count: u64, fate: &str, more: Value| {
        let mut row = json!({
            "from": from.nominal.to_string(),
            "to": to.nominal.to_string(),
            "due": from.at.to_string(),
            "until": to.at.to_string(),
            "count": count,
            "fate": fate,
            "at": recorded.at.to_string(),
        });
        if let (Some(row), Value::Object(more)) = (row.as_object_mut(), more) {
            row.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
        }
        vec![(LEDGER, id.row(from.nominal), Some(row))]
    };
    match &recorded.event {
        Event::Ran { due, run, .. } => row(due, due, 1, "ran", json!({ "run": run.to_string() })),
        Event::Backfilled { due, run, actor, had } => {
            let more = json!({ "run": run.to_string(), "how": BACKFILL, "by": actor.id });
            let mut puts = row(due, due, 1, "ran", more);
            for (left, part) in had.iter().flat_map(|left| left.parts.iter().map(move |part| (left, part))) {
                let (word, more) = nothing(&left.fate, left.why.as_deref());
                puts.extend(row(&part.from, &part.to, part.count, word, more));
            }
            puts
        }
        Event::Queued { due, .. } => row(due, due, 1, WAITING, Value::Null),
        Event::Settled { from, to, count, fate, why, .. } => {
            let (word, more) = nothing(fate, why.as_deref());
            row(from, to, *count, word, more)
        }
        Event::Called { due, call } => [Some(call.key), call.subject]
            .into_iter()
            .flatten()
            .map(|key| (CALLS, id.call(&key), Some(json!(due.nominal.to_string()))))
            .collect(),
        Event::DeadlineMissed { nominal, run } => {
            let run = run.map(|run| run.to_string());
            let row = json!({ "at": recorded.at.to_string(), "nominal": nominal.to_string(), "run": run });
            vec![(OWED, owed(id, nominal), Some(row))]
        }
        Event::Began { .. }
        | Event::Withdrawn
        | Event::Beat
        | Event::Silent { .. }
        | Event::Seen { .. }
        | Event::Paused { .. }
        | Event::Resumed { .. }
        | Event::DeadlineMet(_) => Vec::new(),
    }
}

/// What the row of instants that came to nothing says beside their names.
fn nothing(fate: &Fate, why: Option<&str>) -> (&'static str, Value) {
    let calendar = if let Fate::SkippedCalendar(calendar) = fate { Some(calendar.as_str()) } else { None };
    (fate.word(), json!({ "why": why, "calendar": calendar }))
}

/// The key of what a missed deadline owes to incidents.
#[must_use]
pub fn owed(id: &ScheduleId, nominal: &Nominal) -> Vec<u8> {
    format!("deadline/{id}/{nominal}").into_bytes()
}

/// What stands for the fate of an instant that has none yet: it waits for the run before it.
pub const WAITING: &str = "waiting";
/// How an instant ran that somebody made up for.
pub const BACKFILL: &str = "backfill";
