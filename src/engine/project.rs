//! Which rows of the index an event puts and deletes: absolute, pure, total, never an increment.

use crate::base::ids::RunId;
use crate::base::value::{Value, json};
use crate::engine::event::{Event, Recorded};

/// Runs by id: who, what, when. Key: the id's text.
pub const STARTED: &str = "run_started";
/// Ended runs by id: how and when.
pub const ENDED: &str = "run_ended";
/// Runs that have not ended. Key: the id's text.
pub const UNFINISHED: &str = "unfinished";
/// Runs of one runbook. Key: the name, a zero byte, the id's text.
pub const BY_RUNBOOK: &str = "by_runbook";

/// One absolute change: tree, key, value (`None` deletes).
pub type Put = (&'static str, Vec<u8>, Option<Value>);

/// The changes of one event of a run's stream.
#[must_use]
pub fn project(run: RunId, recorded: &Recorded) -> Vec<Put> {
    let key = run.to_string().into_bytes();
    match &recorded.event {
        Event::Started(started) => {
            let row = json!({
                "runbook": started.runbook.as_str(),
                "at": recorded.at.to_string(),
                "actor": started.actor.id,
                "dry": started.dry,
                "parent": started.parent.as_ref().map(|parent| parent.run.to_string()),
                "repeats": started.repeats.map(|run| run.to_string()),
            });
            let mut by_runbook = started.runbook.as_str().as_bytes().to_vec();
            by_runbook.push(0);
            by_runbook.extend(&key);
            vec![
                (STARTED, key.clone(), Some(row)),
                (UNFINISHED, key, Some(json!(started.node))),
                (BY_RUNBOOK, by_runbook, Some(Value::Null)),
            ]
        }
        Event::Ended(ended) => {
            let row = json!({
                "outcome": ended.outcome.as_str(),
                "level": ended.level.as_str(),
                "reason": ended.reason,
                "at": recorded.at.to_string(),
            });
            vec![(ENDED, key.clone(), Some(row)), (UNFINISHED, key, None)]
        }
        Event::Queued { .. }
        | Event::Admitted
        | Event::CancelAsked { .. }
        | Event::TimedOut
        | Event::Entered(_)
        | Event::Step { .. } => Vec::new(),
    }
}
