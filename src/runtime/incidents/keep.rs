//! Which ended incidents go, and which runs stay because of one that has not ended.

use crate::base::ids::{IncidentId, RunId};
use crate::base::span::Span;
use crate::escalation::project::INCIDENTS;
use crate::model::trouble::Source;
use crate::runtime::append::append;
use crate::runtime::incidents::past;
use crate::runtime::index::incident_stream;
use crate::store::{Batch, Forget, Journal};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// Incidents forgotten with one sync.
const TOGETHER: usize = 100;
/// Months for which it is known what incidents were told of, and which links were used.
const MONTHS: usize = 3;

/// Forgets incidents that ended longer ago than that, and how they were told; returns how many.
///
/// # Errors
/// What the journal says, as a sentence.
pub fn forget(journal: &dyn Journal, keep: Span, now: Timestamp) -> Result<usize, String> {
    let oldest = now.checked_sub(SignedDuration::from(keep)).unwrap_or(Timestamp::MIN);
    let before = IncidentId::new(u64::try_from(oldest.as_millisecond()).unwrap_or_default(), 0).to_string();
    let rows = journal.scan(INCIDENTS, &[], before.as_bytes(), false, usize::MAX).map_err(|error| error.to_string())?;
    let ids = rows.iter().filter_map(|(key, _)| IncidentId::parse(&String::from_utf8_lossy(key.get(..26)?)).ok());
    let ids: BTreeSet<IncidentId> = ids.collect();
    let open: BTreeSet<IncidentId> = past::open(journal).map_err(|error| error.to_string())?.into_iter().collect();
    let mut old = Vec::new();
    for id in ids {
        // It began long ago; whether it also ended long ago its own stream says.
        let ended = past::read_incident(journal, id)?.and_then(|incident| incident.ending).map(|ending| ending.at);
        if !open.contains(&id) && ended.is_some_and(|at| at < oldest) {
            old.push(Forget::Whole(incident_stream(id)));
        }
    }
    let count = old.len();
    for months in ["judged/", "used/"] {
        let months = journal.streams(months).map_err(|error| error.to_string())?;
        let past = months.len().saturating_sub(MONTHS);
        old.extend(months.into_iter().take(past).map(|(stream, _)| Forget::Whole(stream)));
    }
    for some in old.chunks(TOGETHER) {
        let batch = Batch { forgets: some.to_vec(), ..Batch::default() };
        append(journal, batch).map_err(|error| error.to_string())?;
    }
    Ok(count)
}

/// The runs that incidents with something left to do were told of by, or had started about them.
///
/// # Errors
/// A sentence.
pub fn tied(journal: &dyn Journal) -> Result<BTreeSet<RunId>, String> {
    let mut tied = BTreeSet::new();
    for id in past::open(journal).map_err(|error| error.to_string())? {
        let Ok(Some(incident)) = past::read_incident(journal, id) else { continue };
        tied.extend(incident.responses.iter().map(|response| response.run));
        tied.extend(incident.sources.iter().filter_map(|told| match &told.source {
            Source::Run { run, .. } | Source::Step { run, .. } => Some(*run),
            Source::Alert { .. }
            | Source::Inbound { .. }
            | Source::Deadline { .. }
            | Source::Heartbeat { .. }
            | Source::Person(_)
            | Source::Engine { .. } => None,
        }));
    }
    Ok(tied)
}
