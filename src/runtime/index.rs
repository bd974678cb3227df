//! What the index holds of each stream: the injected projection.

use crate::base::digest::Digest;
use crate::base::ids::{DrillId, IncidentId, RunId};
use crate::engine::project;
use crate::escalation;
use crate::schedule;
use crate::schedule::key::ScheduleId;
use crate::store::{Change, Project, Row, StreamId, Version, codec};
use std::sync::Arc;

/// The stream of a run.
#[must_use]
pub fn run_stream(run: RunId) -> StreamId {
    StreamId::new("run", &run.to_string())
}

/// The stream of a concurrency group or mutex.
#[must_use]
pub fn group_stream(group: &str) -> StreamId {
    StreamId::new("group", group)
}

/// The stream of a schedule.
#[must_use]
pub fn schedule_stream(id: &ScheduleId) -> StreamId {
    StreamId::new("schedule", &id.to_string())
}

/// The stream of an incident.
#[must_use]
pub fn incident_stream(id: IncidentId) -> StreamId {
    StreamId::new("incident", &id.to_string())
}

/// The stream of what incidents were told of in the month of an instant: `judged/2026-11`.
#[must_use]
pub fn judged_stream(at: jiff::Timestamp) -> StreamId {
    StreamId::new("judged", &at.strftime("%Y-%m").to_string())
}

/// The stream of a drill.
#[must_use]
pub fn drill_stream(id: DrillId) -> StreamId {
    StreamId::new("drill", &id.to_string())
}

/// Links of pages that were used. Key: the hash of their token.
pub const USED: &str = "used_links";

/// The stream of links that were used in the month of an instant.
#[must_use]
pub fn used_stream(at: jiff::Timestamp) -> StreamId {
    StreamId::new("used", &at.strftime("%Y-%m").to_string())
}

/// The projection of every stream there is. An event that does not read puts nothing: its stream is
/// quarantined when somebody reads it.
#[must_use]
pub fn projection() -> Project {
    // The past of a group may be forgotten, so its events put no rows.
    Arc::new(|stream: &StreamId, version: Version, bytes: &[u8]| match stream.as_str().split_once('/') {
        Some(("run", run)) => run_rows(run, version, bytes),
        Some(("schedule", id)) => schedule_rows(id, bytes),
        Some(("judged", _)) => judged_rows(bytes),
        Some(("used", _)) => used_rows(bytes),
        Some(("incident", id)) => incident_rows(id, bytes),
        Some(_) | None => Vec::new(),
    })
}

fn schedule_rows(id: &str, bytes: &[u8]) -> Vec<Change> {
    let (Some(id), Ok(recorded)) = (ScheduleId::parse(id), codec::decode_schedule(bytes)) else { return Vec::new() };
    schedule::project::project(&id, &recorded).into_iter().map(change).collect()
}

fn incident_rows(id: &str, bytes: &[u8]) -> Vec<Change> {
    let (Ok(id), Ok(recorded)) = (IncidentId::parse(id), codec::decode_incident(bytes)) else { return Vec::new() };
    escalation::project::project(id, &recorded).into_iter().map(change).collect()
}

/// A link that was used is used for good.
fn used_rows(bytes: &[u8]) -> Vec<Change> {
    let row = |token: Digest| Row { tree: USED, key: token.to_string().into_bytes() };
    codec::decode_used(bytes)
        .into_iter()
        .map(|token| Change { row: row(token), value: Some(b"true".to_vec()) })
        .collect()
}

/// What incidents have been told of is owed no more.
fn judged_rows(bytes: &[u8]) -> Vec<Change> {
    let gone = |key: String| Change { row: Row { tree: project::OWED, key: key.into_bytes() }, value: None };
    codec::decode_judged(bytes).unwrap_or_default().into_iter().map(gone).collect()
}

fn run_rows(run: &str, version: Version, bytes: &[u8]) -> Vec<Change> {
    if codec::is_quiet_step(bytes) {
        return Vec::new();
    }
    let (Ok(run), Ok(recorded)) = (RunId::parse(run), codec::glance(bytes)) else { return Vec::new() };
    project::project(run, version, &recorded).into_iter().map(change).collect()
}

fn change((tree, key, value): project::Put) -> Change {
    Change { row: Row { tree, key }, value: value.map(|value| value.to_string().into_bytes()) }
}
