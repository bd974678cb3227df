//! What the journal holds of drills: a stream for each, read whole, written by whoever hears what became of a page.

use crate::base::ids::DrillId;
use crate::base::limits::MAX_DRILLS;
use crate::escalation::drill::{Drill, Event, Recorded};
use crate::runtime::append::append;
use crate::runtime::index::drill_stream;
use crate::store::{AppendError, Batch, Forget, Guard, Journal, codec};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often something is decided again because somebody else wrote first, or because the journal is behind.
const TRIES: u32 = 16;

/// How long one more is waited for a journal that is behind, before each try.
const BEHIND: Duration = Duration::from_millis(2);

/// Held from reading a drill until what was decided by it is durable: of a provider that is dead every page may be given
/// up at once, and none of them is to be in the way of another.
static WRITING: Mutex<()> = Mutex::new(());

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
    let bytes = codec::encode_drill(begun).map_err(|error| error.to_string())?;
    let _one = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut behind = String::new();
    for tried in 0..TRIES {
        let known = ids(journal)?;
        let old = known.iter().take((known.len() + 1).saturating_sub(MAX_DRILLS));
        let forgets = old.map(|id| Forget::Whole(drill_stream(*id))).collect();
        let guards = vec![Guard::Lease(journal.epoch()), Guard::At(drill_stream(id), 0)];
        let batch = Batch { guards, appends: vec![(drill_stream(id), vec![bytes.clone()])], forgets };
        match append(journal, batch) {
            Ok(()) => return Ok(()),
            Err(error @ AppendError::Busy(_)) => behind = error.to_string(),
            Err(error) => return Err(error.to_string()),
        }
        std::thread::sleep(BEHIND * (tried + 1));
    }
    Err(behind)
}

/// Writes down what happened in a drill; `false` = it is nothing new. Durable when this returns.
///
/// # Errors
/// A sentence.
pub fn keep(journal: &dyn Journal, id: DrillId, recorded: &Recorded) -> Result<bool, String> {
    let bytes = codec::encode_drill(recorded).map_err(|error| error.to_string())?;
    let _one = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    for tried in 0..TRIES {
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
            // Another process was first.
            Err(AppendError::Conflict(_)) => {}
            Err(AppendError::Busy(_)) => std::thread::sleep(BEHIND * (tried + 1)),
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("it could not be written down: too many write at the same time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::actor::Actor;
    use crate::base::ids::Name;
    use crate::escalation::drill::Way;
    use crate::escalation::event::PageFate;
    use crate::runtime::clock;
    use crate::store::memory::{Fault, Memory};
    use std::sync::Arc;

    fn begun(pages: u32) -> (DrillId, Recorded) {
        let name = |text: &str| Name::parse(text).expect("a name");
        let way = |number: u32| Way { who: name("ivanova"), channel: name("sms"), address: format!("+{number}") };
        let event = Event::Begun { actor: Actor::engine("drill"), due: None, ways: (1..=pages).map(way).collect() };
        let at = clock::now();
        (DrillId::of(clock::new_run(at)), Recorded { at, event })
    }

    #[test]
    fn what_becomes_of_all_pages_at_once_is_written_down_of_each() {
        let journal = Memory::new(Arc::new(|_, _, _| Vec::new()));
        let (id, first) = begun(200);
        begin(&journal, id, &first).expect("it begins");
        std::thread::scope(|scope| {
            for page in 1..=200 {
                let journal = &journal;
                scope.spawn(move || {
                    let note = "not tried: its provider fails again and again".to_owned();
                    let event = Event::Settled { page, fate: PageFate::Failed, note, tries: Vec::new() };
                    assert_eq!(keep(journal, id, &Recorded { at: clock::now(), event }), Ok(true), "{page}");
                });
            }
        });
        let drill = read(&journal, id).expect("it reads");
        assert_eq!((drill.version, drill.unsettled().count()), (201, 0));
    }

    #[test]
    fn a_drill_begins_although_the_journal_is_behind_for_a_moment() {
        let behind = |number: u64| (number < 3).then_some(Fault::Busy);
        let journal = Memory::failing(Arc::new(|_, _, _| Vec::new()), Arc::new(behind));
        let (id, first) = begun(1);
        begin(&journal, id, &first).expect("it begins");
        assert_eq!(ids(&journal), Ok(vec![id]));
    }
}
