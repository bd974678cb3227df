//! Silences: troubles with those labels tell nobody for a time. Kept in the stream `book/silences`, read whole.

use crate::base::actor::Actor;
use crate::model::silence::{Silence, SilenceEvent};
use crate::store::{Journal, StreamId, codec};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Those that may still count, by id.
#[derive(Debug, Clone, Default)]
pub struct Silences {
    /// How many events were read.
    pub version: u64,
    all: BTreeMap<String, Silence>,
}

/// The stream they are in.
#[must_use]
pub fn silences_stream() -> StreamId {
    StreamId::new("book", "silences")
}

impl Silences {
    /// All that the journal holds.
    ///
    /// # Errors
    /// A sentence, when the stream does not read.
    pub fn read(journal: &dyn Journal) -> Result<Self, String> {
        let mut silences = Self::default();
        for bytes in journal.read(&silences_stream(), 0).map_err(|error| error.to_string())? {
            let event = codec::decode_silence(&bytes).map_err(|error| error.to_string())?;
            silences.evolve(event);
        }
        Ok(silences)
    }

    /// Takes one event.
    pub fn evolve(&mut self, event: SilenceEvent) {
        self.version += 1;
        match event {
            SilenceEvent::Added(silence) => drop(self.all.insert(silence.id.clone(), silence)),
            SilenceEvent::Ended { id, at, .. } => {
                if let Some(silence) = self.all.get_mut(&id) {
                    silence.until = silence.until.min(at);
                }
            }
        }
    }

    /// The silence that mutes these labels at that instant, and until when; of several the one that lasts longest.
    #[must_use]
    pub fn mutes(&self, labels: &BTreeMap<String, String>, now: Timestamp) -> Option<(String, Timestamp)> {
        let matching =
            self.all.values().filter(|silence| silence.from <= now && now < silence.until && silence.fits(labels));
        matching.max_by_key(|silence| silence.until).map(|silence| (silence.id.clone(), silence.until))
    }

    /// Those that count at that instant or later.
    pub fn current(&self, now: Timestamp) -> impl Iterator<Item = &Silence> {
        self.all.values().filter(move |silence| now < silence.until)
    }

    /// Whether one of that id counts at that instant or later.
    #[must_use]
    pub fn has(&self, id: &str, now: Timestamp) -> bool {
        self.all.get(id).is_some_and(|silence| now < silence.until)
    }
}

/// An id that is not taken: short, to be typed.
#[must_use]
pub fn fresh_id(actor: &Actor, now: Timestamp, reason: &str) -> String {
    let millis = now.as_millisecond().to_string();
    let digest = crate::base::digest::Digest::of_parts(&[actor.id.as_bytes(), millis.as_bytes(), reason.as_bytes()]);
    format!("s-{}", &digest.to_string()[..8])
}
