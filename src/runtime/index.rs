//! What the index holds of each stream: the injected projection.

use crate::base::digest::Digest;
use crate::base::ids::{DrillId, IncidentId, RunId, StepId};
use crate::engine::history::{Chunk, Grain};
use crate::engine::project;
use crate::escalation;
use crate::schedule;
use crate::schedule::key::ScheduleId;
use crate::store::{Change, Project, Row, StreamId, Version, codec};
use jiff::Timestamp;
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
pub fn judged_stream(at: Timestamp) -> StreamId {
    StreamId::new("judged", &at.strftime("%Y-%m").to_string())
}

/// A stream of what is kept of a measure: one for each grain and shelf, `begun` then (a name is never used again).
#[must_use]
pub fn series_stream(measure: &StepId, grain: Grain, shelf: Timestamp, begun: Timestamp) -> StreamId {
    let shelf = shelf.strftime("%Y-%m-%d");
    StreamId::new("series", &format!("{measure}/{}/{shelf}/{}", grain.as_str(), begun.as_second()))
}

/// Grain and shelf of such a stream.
#[must_use]
pub fn shelf_of(stream: &StreamId) -> Option<(Grain, Timestamp)> {
    let mut parts = stream.as_str().strip_prefix("series/")?.split('/').skip(1);
    let grain = Grain::parse(parts.next()?)?;
    Some((grain, format!("{}T00:00:00Z", parts.next()?).parse().ok()?))
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
pub fn used_stream(at: Timestamp) -> StreamId {
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
        Some(("series", _)) => chunk_rows(bytes),
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

/// A chunk is looked up by what it is of; its row is the event itself.
fn chunk_rows(bytes: &[u8]) -> Vec<Change> {
    let row = |chunk: Chunk| Row { tree: project::CHUNKS, key: chunk.place().key() };
    codec::glance_chunk(bytes)
        .into_iter()
        .map(|chunk| Change { row: row(chunk), value: Some(bytes.to_vec()) })
        .collect()
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
