//! Every stream beside those of runs, read and put together as whoever goes by it does: what the doctor says of them.

use crate::base::digest::Digest;
use crate::base::ids::{IncidentId, Name};
use crate::runtime::incidents::past::read_incident;
use crate::runtime::recover;
use crate::runtime::schedules::ledger::read_schedule;
use crate::schedule::key::ScheduleId;
use crate::service::doctor::{Checkup, Grade};
use crate::service::{Service, Trouble};
use crate::store::codec::{self, CodecError};
use crate::store::{Journal, StreamId};
use std::collections::BTreeSet;

impl Service {
    /// Says which streams do not add up, or hold what no release wrote.
    pub(super) fn folded_symptoms(&self, checkup: &mut Checkup) -> Result<(), Trouble> {
        let streams = self.journal.streams("").map_err(|error| Trouble::Store(error.to_string()))?;
        for (stream, _) in streams.into_iter().filter(|(stream, _)| !stream.as_str().starts_with("run/")) {
            // What is damaged was said above.
            if self.journal.version(&stream).is_err() || self.journal.read(&stream, 0).is_err() {
                continue;
            }
            for digest in named(self.journal.as_ref(), &stream) {
                if !self.journal.has_blob(&digest) {
                    let what = format!("the blob {digest}, named by `{stream}`, is not there");
                    let way =
                        "it can't be mended: what it held is lost, unless a backup has the file `blobs/…` of that name";
                    checkup.say(Grade::Damage, what, way);
                }
            }
            match folds(self.journal.as_ref(), &stream) {
                Some(Ok(())) => {}
                Some(Err(why)) => {
                    let way = "every other stream goes on; it can't be mended";
                    checkup.say(Grade::Damage, format!("stream `{stream}` does not add up: {why}"), way);
                }
                None => {
                    let way = "it is left as it is; a newer release may know it";
                    checkup.say(
                        Grade::Notice,
                        format!("stream `{stream}` is of a kind that this release does not know"),
                        way,
                    );
                }
            }
        }
        Ok(())
    }
}

/// The blobs that a stream names. Those of runs are fetched where their events are read.
fn named(journal: &dyn Journal, stream: &StreamId) -> BTreeSet<Digest> {
    let events = || journal.read(stream, 0).unwrap_or_default();
    match stream.as_str().split_once('/') {
        Some(("book", "files")) => {
            events().iter().filter_map(|event| codec::decode_acceptance(event).ok()).map(|taken| taken.texts).collect()
        }
        Some(("incident", id)) => {
            let incident = IncidentId::parse(id).ok().and_then(|id| read_incident(journal, id).ok().flatten());
            let opened = incident.and_then(|incident| incident.opened);
            opened.into_iter().flat_map(|(_, opened)| opened.texts.into_values()).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Whether a stream adds up; `None` where nobody here knows its kind.
fn folds(journal: &dyn Journal, stream: &StreamId) -> Option<Result<(), String>> {
    let each = |read: fn(&[u8]) -> Result<(), CodecError>| {
        let events = journal.read(stream, 0).map_err(|error| error.to_string())?;
        events.iter().try_for_each(|event| read(event)).map_err(|error| error.to_string())
    };
    let nobody = || Err("its name is none".to_owned());
    let (kind, key) = stream.as_str().split_once('/')?;
    Some(match (kind, key) {
        ("group", name) => {
            Name::parse(name).map_or_else(|_| nobody(), |name| recover::read_group(journal, &name).map(drop))
        }
        ("schedule", id) => ScheduleId::parse(id).map_or_else(nobody, |id| read_schedule(journal, &id).map(drop)),
        ("incident", id) => IncidentId::parse(id).map_or_else(|_| nobody(), |id| read_incident(journal, id).map(drop)),
        ("series", _) => each(|event| codec::decode_chunk(event).map(drop)),
        ("drill", _) => each(|event| codec::decode_drill(event).map(drop)),
        ("judged", _) => each(|event| codec::decode_judged(event).map(drop)),
        ("used", _) => each(|event| codec::decode_used(event).map(drop)),
        ("alerts", _) => each(|event| codec::decode_noted(event).map(drop)),
        ("audit", _) => each(|event| codec::decode_deed(event).map(drop)),
        ("keys", _) => each(|event| codec::decode_key(event).map(drop)),
        ("book", "files") => each(|event| codec::decode_acceptance(event).map(drop)),
        ("book", "silences") => each(|event| codec::decode_silence(event).map(drop)),
        ("book", "tokens") => each(|event| codec::decode_token(event).map(drop)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::append::append;
    use crate::store::Batch;
    use crate::store::memory::Memory;

    #[test]
    fn a_stream_of_what_no_release_wrote_does_not_add_up() {
        let journal = Memory::new(crate::store::no_rows());
        let kinds = [
            "group/app",
            "series/used/raw/2026-11-29/1",
            "judged/2026-11",
            "used/2026-11",
            "alerts/2026-11-30",
            "drill/x",
        ];
        let book = ["audit/2026-11", "keys/2026-11-30", "book/files", "book/silences", "book/tokens"];
        let named = ["schedule/nonsense", "incident/nonsense"];
        for name in kinds.into_iter().chain(book).chain(named) {
            let stream = StreamId::from_name(name);
            let appends = vec![(stream.clone(), vec![br#"{"v":1,"nonsense":true}"#.to_vec()])];
            append(&journal, Batch { appends, ..Batch::default() }).expect("taken");
            assert!(folds(&journal, &stream).is_some_and(|folded| folded.is_err()), "{name}");
        }
        assert_eq!(folds(&journal, &StreamId::from_name("later/x")), None);
        assert_eq!(folds(&journal, &StreamId::from_name("group/other")), Some(Ok(())), "nothing is not wrong");
    }
}
