//! Where the events of every stream are: built at opening, kept up by the writer.
//!
//! Knows versions, hashes and places; never reads a file.

use crate::store::disk::frame::{Chain, Entry, chain_start};
use crate::store::{StreamId, Version};
use std::collections::BTreeMap;

/// Where one frame's events of a stream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The segment's position in the list of segments.
    pub(crate) segment: u32,
    /// The frame's offset in it.
    pub(crate) at: u32,
    /// The stream's version before the frame.
    pub(crate) from: Version,
}

/// One stream.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    /// How many events it has.
    pub(crate) version: Version,
    /// The hash over them.
    pub(crate) chain: Chain,
    /// Where they are.
    pub(crate) places: Vec<Place>,
    /// The last frame with an event of it.
    pub(crate) last: u64,
    /// Why it can't be trusted.
    pub(crate) damage: Option<String>,
}

/// All streams by name.
#[derive(Debug, Default)]
pub(crate) struct Streams(BTreeMap<StreamId, Stream>);

impl Streams {
    /// A stream that has events.
    pub(crate) fn get(&self, stream: &StreamId) -> Option<&Stream> {
        self.0.get(stream)
    }

    /// Version and hash of a stream, which may have no events.
    pub(crate) fn head(&self, stream: &StreamId) -> (Version, Chain) {
        self.0.get(stream).map_or_else(|| (0, chain_start(stream.as_str())), |found| (found.version, found.chain))
    }

    /// Those whose names begin with `prefix`.
    pub(crate) fn named(&self, prefix: &str) -> Vec<(StreamId, Version)> {
        let from = self.0.range(StreamId::from_name(prefix)..);
        from.take_while(|(name, _)| name.as_str().starts_with(prefix))
            .map(|(name, stream)| (name.clone(), stream.version))
            .collect()
    }

    /// Every damaged stream and what is wrong with it.
    pub(crate) fn damaged(&self) -> Vec<(StreamId, String)> {
        let damage = |(name, stream): (&StreamId, &Stream)| Some((name.clone(), stream.damage.clone()?));
        self.0.iter().filter_map(damage).collect()
    }

    /// Takes a frame's entry: its events are durable there, readable unless `whole` is false.
    pub(crate) fn take(&mut self, entry: &Entry, place: Place, number: u64, whole: bool) {
        let count = entry.lengths.len() as Version;
        if !self.0.contains_key(entry.stream.as_str()) {
            let chain = chain_start(&entry.stream);
            let stream = Stream { version: 0, chain, places: Vec::new(), last: number, damage: None };
            self.0.insert(StreamId::from_name(&entry.stream), stream);
        }
        let Some(stream) = self.0.get_mut(entry.stream.as_str()) else { return };
        let after = entry.from + count;
        if entry.from > stream.version {
            stream.blame(format!("its events {} to {} are missing", stream.version + 1, entry.from));
        } else if entry.from < stream.version {
            stream.blame(format!("frame {number} has its events from {} once more", entry.from + 1));
        }
        if !whole {
            stream
                .blame(format!("its events {} to {after} in frame {number} are not what was written", entry.from + 1));
        }
        stream.version = after;
        stream.chain = entry.chain;
        stream.last = number;
        stream.places.push(place);
    }

    /// Frames from `first` to `last` are lost, whatever was in them: streams without a later event
    /// may have had one there.
    pub(crate) fn lost(&mut self, first: u64, last: u64) {
        for stream in self.0.values_mut().filter(|stream| stream.last < first) {
            stream.blame(format!(
                "frames {first} to {last} of the journal are lost and may have held later events of it"
            ));
        }
    }
}

impl Stream {
    fn blame(&mut self, what: String) {
        self.damage.get_or_insert(what);
    }

    /// The places that hold events behind `from`, and the one before them if there is one.
    pub(crate) fn behind(&self, from: Version) -> &[Place] {
        let first = self.places.partition_point(|place| place.from <= from);
        &self.places[first.saturating_sub(2)..]
    }
}
