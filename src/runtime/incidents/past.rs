//! What the journal holds of incidents, and of the runs that say something to them.

use crate::base::ids::{IncidentId, Name, RunId};
use crate::base::value::Value;
use crate::engine::project::{BY_RUNBOOK, STARTED, VERDICTS, verdicts_of};
use crate::engine::tells::responds_to;
use crate::escalation::event::{Event, Recorded};
use crate::escalation::project::{ENDED, INCIDENTS, KEYS, OPEN};
use crate::escalation::state::Incident;
use crate::model::trouble::Source;
use crate::runtime::index::incident_stream;
use crate::runtime::recover;
use crate::store::{Journal, ReadError, Row, codec};
use jiff::{SignedDuration, Timestamp};

/// How many runs that call one another are looked through for the incident behind them.
const DEEP: usize = 16;
/// How many runs of a runbook are looked through for one about a key.
const RUNS: usize = 100;
/// An incident that ended so long ago has told whom it had to tell.
const JUST_NOW: SignedDuration = SignedDuration::from_hours(1);
/// An incident that opens so soon after the last with its key ended is its recurrence.
pub const RECURS: SignedDuration = SignedDuration::from_hours(24);

/// The events of an incident, each with its version.
///
/// # Errors
/// A sentence, when its stream does not read.
pub fn read_events(journal: &dyn Journal, id: IncidentId, from: u64) -> Result<Vec<(u64, Recorded)>, String> {
    let events = journal.read(&incident_stream(id), from).map_err(|error| error.to_string())?;
    let decoded = |(version, bytes): (u64, Vec<u8>)| {
        Ok((version, codec::decode_incident(&bytes).map_err(|error| error.to_string())?))
    };
    (from + 1..).zip(events).map(decoded).collect()
}

/// The incident of that id; `None` = it has no event.
///
/// # Errors
/// A sentence, when its stream does not read or does not add up.
pub fn read_incident(journal: &dyn Journal, id: IncidentId) -> Result<Option<Incident>, String> {
    let events: Vec<Recorded> = read_events(journal, id, 0)?.into_iter().map(|(_, recorded)| recorded).collect();
    if events.is_empty() {
        return Ok(None);
    }
    Incident::replay(&events).map(Some).map_err(|illegal| illegal.to_string())
}

/// Every incident that is not resolved.
///
/// # Errors
/// [`ReadError`].
pub fn open(journal: &dyn Journal) -> Result<Vec<IncidentId>, ReadError> {
    let rows = journal.scan(OPEN, &[], &[], false, usize::MAX)?;
    Ok(rows.iter().filter_map(|(key, _)| IncidentId::parse(&String::from_utf8_lossy(key)).ok()).collect())
}

/// Every incident that is not resolved, and those that ended just now: their last messages may not have been sent.
///
/// # Errors
/// [`ReadError`].
pub fn unfinished(journal: &dyn Journal, now: Timestamp) -> Result<Vec<IncidentId>, ReadError> {
    let mut ids = open(journal)?;
    for (_, value) in journal.scan(ENDED, &[], &[], false, usize::MAX)? {
        let value: Value = serde_json::from_slice(&value).unwrap_or_default();
        let at = value.get("at").and_then(Value::as_str).and_then(|at| at.parse::<Timestamp>().ok());
        let id = value.get("id").and_then(Value::as_str).and_then(|id| IncidentId::parse(id).ok());
        ids.extend(id.filter(|_| at.is_some_and(|at| now.duration_since(at) < JUST_NOW)));
    }
    Ok(ids)
}

/// Every incident there is, newest first; at most so many.
///
/// # Errors
/// [`ReadError`].
pub fn all(journal: &dyn Journal, most: usize) -> Result<Vec<IncidentId>, ReadError> {
    down_to(journal, &[], most)
}

fn down_to(journal: &dyn Journal, first: &[u8], most: usize) -> Result<Vec<IncidentId>, ReadError> {
    let (mut ids, mut to): (Vec<IncidentId>, Vec<u8>) = (Vec::new(), vec![0xff]);
    while ids.len() < most {
        // The facts of one incident stand together: the next incident is before all of them.
        let Some((key, _)) = journal.scan(INCIDENTS, first, &to, true, 1)?.into_iter().next() else { break };
        let id = key.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        ids.extend(IncidentId::parse(&String::from_utf8_lossy(&id)).ok());
        to = id;
    }
    Ok(ids)
}

/// Every incident that was opened at that instant or later, newest first; at most so many.
///
/// # Errors
/// [`ReadError`].
pub fn since(journal: &dyn Journal, opened: Timestamp, most: usize) -> Result<Vec<IncidentId>, ReadError> {
    // Ids begin with the instant they were made at.
    let first = IncidentId::new(u64::try_from(opened.as_millisecond()).unwrap_or_default(), 0).to_string();
    down_to(journal, first.as_bytes(), most)
}

/// The open incident of a key, or the one that ended last under it.
///
/// # Errors
/// A sentence.
pub fn last_of_key(journal: &dyn Journal, key: &str) -> Result<Option<Incident>, String> {
    let get = |tree| journal.get(&Row { tree, key: key.as_bytes().to_vec() }).map_err(|error| error.to_string());
    let open = get(KEYS)?.map(|value| serde_json::from_slice::<Value>(&value).unwrap_or_default());
    let ended = get(ENDED)?.map(|value| serde_json::from_slice::<Value>(&value).unwrap_or_default());
    let id = open.as_ref().and_then(Value::as_str).or(ended.as_ref().and_then(|ended| ended.get("id")?.as_str()));
    match id.map(IncidentId::parse) {
        Some(Ok(id)) => read_incident(journal, id),
        Some(Err(_)) | None => Ok(None),
    }
}

/// Whether that source has told the incident of its trouble.
#[must_use]
pub fn has_told(events: &[(u64, Recorded)], source: &Source) -> bool {
    events.iter().any(|(_, recorded)| {
        let opened = matches!(&recorded.event, Event::Opened(opened) if opened.trouble.source == *source);
        opened || matches!(&recorded.event, Event::Again { source: by, .. } if by == source)
    })
}

/// The newest verdicts of a key, the newest first: whether the trouble was there. At most `most`.
///
/// # Errors
/// [`ReadError`].
pub fn verdicts(journal: &dyn Journal, key: &str, most: usize) -> Result<Vec<bool>, ReadError> {
    let from = verdicts_of(key);
    let to = [from.as_slice(), &[0xff; 9]].concat();
    let rows = journal.scan(VERDICTS, &from, &to, true, most)?;
    Ok(rows.iter().map(|(_, value)| value.as_slice() == b"true").collect())
}

/// The newest run of a runbook about a key, whoever called it, and when it began; looked for back to `since`.
///
/// # Errors
/// [`ReadError`].
pub fn ran(
    journal: &dyn Journal,
    runbook: &Name,
    key: &str,
    since: Timestamp,
) -> Result<Option<(RunId, Timestamp)>, ReadError> {
    let (from, to) = ([runbook.as_str().as_bytes(), &[0]].concat(), [runbook.as_str().as_bytes(), &[1]].concat());
    for (row, _) in journal.scan(BY_RUNBOOK, &from, &to, true, RUNS)? {
        let Ok(run) = RunId::parse(&String::from_utf8_lossy(&row[from.len()..])) else { continue };
        if run.began() < since {
            break;
        }
        if about(journal, run)?.as_deref() == Some(key) {
            return Ok(Some((run, run.began())));
        }
    }
    Ok(None)
}

/// The key of the incident that a run, or whoever called it, was started about.
fn about(journal: &dyn Journal, run: RunId) -> Result<Option<String>, ReadError> {
    let mut run = run;
    for _ in 0..DEEP {
        let Some(bytes) = journal.get(&Row { tree: STARTED, key: run.to_string().into_bytes() })? else { break };
        let row: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if let Some(Ok(parent)) = row.get("parent").and_then(Value::as_str).map(RunId::parse) {
            run = parent;
        } else {
            let Ok(Some(started)) = recover::read_run(journal, run) else { break };
            let trigger = &started.started.trigger;
            let key = trigger.pointer("/incident/key").and_then(Value::as_str).map(str::to_owned);
            return Ok(responds_to(trigger).and(key));
        }
    }
    Ok(None)
}
