//! What the journal holds of drills: a stream for each, read whole, written by whoever hears what became of a page.

use crate::base::ids::DrillId;
use crate::base::limits::MAX_DRILLS;
use crate::escalation::drill::{Drill, Event, Recorded};
use crate::runtime::append::append;
use crate::runtime::index::drill_stream;
use crate::store::{AppendError, Batch, Forget, Guard, Journal, codec};

/// How often something is decided again because somebody else wrote first.
const TRIES: usize = 16;

/// Every drill that is kept, the oldest first.
///
/// # Errors
/// A sentence.
pub fn ids(journal: &dyn Journal) -> Result<Vec<DrillId>, String> {
    let streams = journal.streams("drill/").map_err(|error| error.to_string())?;
    let id = |name: &str| DrillId::parse(name.strip_prefix("drill/")?).ok();
    let mut ids: Vec<DrillId> = streams.iter().filter_map(|(stream, _)| id(stream.as_str())).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// A drill as its stream left it.
///
/// # Errors
/// A sentence, when it does not read or does not add up.
pub fn read(journal: &dyn Journal, id: DrillId) -> Result<Drill, String> {
    let events = journal.read(&drill_stream(id), 0).map_err(|error| error.to_string())?;
    let events = events.iter().map(|bytes| codec::decode_drill(bytes).map_err(|error| error.to_string()));
    Drill::replay(&events.collect::<Result<Vec<_>, _>>()?).map_err(|illegal| illegal.to_string())
}

/// Begins a drill, and forgets the oldest where there are too many. Durable when this returns.
///
/// # Errors
/// A sentence.
pub fn begin(journal: &dyn Journal, id: DrillId, begun: &Recorded) -> Result<(), String> {
    let known = ids(journal)?;
    let old = known.iter().take((known.len() + 1).saturating_sub(MAX_DRILLS));
    let forgets = old.map(|id| Forget::Whole(drill_stream(*id))).collect();
    let bytes = codec::encode_drill(begun).map_err(|error| error.to_string())?;
    let guards = vec![Guard::Lease(journal.epoch()), Guard::At(drill_stream(id), 0)];
    let batch = Batch { guards, appends: vec![(drill_stream(id), vec![bytes])], forgets };
    append(journal, batch).map_err(|error| error.to_string())
}

/// Writes down what happened in a drill; `false` = it is nothing new. Durable when this returns.
///
/// # Errors
/// A sentence.
pub fn keep(journal: &dyn Journal, id: DrillId, recorded: &Recorded) -> Result<bool, String> {
    let bytes = codec::encode_drill(recorded).map_err(|error| error.to_string())?;
    for _ in 0..TRIES {
        let mut drill = read(journal, id)?;
        let version = drill.version;
        // What is no event of it is told twice, or of a drill that is forgotten.
        if drill.evolve(recorded).is_err() || matches!(recorded.event, Event::Begun { .. }) {
            return Ok(false);
        }
        let guards = vec![Guard::Lease(journal.epoch()), Guard::At(drill_stream(id), version)];
        let batch = Batch { guards, appends: vec![(drill_stream(id), vec![bytes.clone()])], ..Batch::default() };
        match append(journal, batch) {
            Ok(()) => return Ok(true),
            Err(AppendError::Conflict(_) | AppendError::Busy(_)) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("it could not be written down: too many write at the same time".to_owned())
}
