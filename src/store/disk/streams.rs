//! Where the events of every stream are: built at opening, kept up by the writer.
//!
//! Knows versions, hashes and places; never reads a file.

use crate::store::disk::frame::{Chain, Entry, chain_start};
use crate::store::disk::record::{Record, is_own};
use crate::store::{StreamId, Version};
use std::collections::{BTreeMap, BTreeSet};

/// Where one frame's events of a stream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The segment, by the number it has in this process.
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
    /// How many of them are forgotten, and their hash: what is left begins behind them.
    pub(crate) base: (Version, Chain),
    /// Where the others are.
    pub(crate) places: Vec<Place>,
    /// The last frame with an event of it.
    pub(crate) last: u64,
    /// Why it can't be trusted.
    pub(crate) damage: Option<String>,
    /// Whether that is only because frames are lost that may have held more of it.
    pub(crate) by_loss: bool,
}

/// A stream that is forgotten.
#[derive(Debug)]
struct Gone {
    /// The frame that says so.
    number: u64,
    /// Where its frames still are.
    places: Vec<Place>,
}

/// All streams by name.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    live: BTreeMap<StreamId, Stream>,
    /// Streams that are forgotten, while frames of them are on the disk.
    gone: BTreeMap<StreamId, Gone>,
    /// Segments in which something died that the cleaner has not seen yet.
    changed: BTreeSet<u32>,
    /// Lost frames that somebody knows of, from and to.
    noted: BTreeSet<(u64, u64)>,
}

impl Streams {
    /// A stream that has events.
    pub(crate) fn get(&self, stream: &StreamId) -> Option<&Stream> {
        self.live.get(stream)
    }

    /// Where frames of a forgotten stream still are.
    pub(crate) fn gone(&self, stream: &StreamId) -> Option<&[Place]> {
        self.gone.get(stream).map(|gone| gone.places.as_slice())
    }

    /// The segments in which something died since this was last asked.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<u32> {
        std::mem::take(&mut self.changed)
    }

    /// These were not looked at.
    pub(crate) fn changed_still(&mut self, segments: BTreeSet<u32>) {
        self.changed.extend(segments);
    }

    /// Whether there are such segments.
    pub(crate) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Version and hash of a stream, which may have no events.
    pub(crate) fn head(&self, stream: &StreamId) -> (Version, Chain) {
        self.live.get(stream).map_or_else(|| (0, chain_start(stream.as_str())), |found| (found.version, found.chain))
    }

    /// Those whose names begin with `prefix`.
    pub(crate) fn named(&self, prefix: &str) -> Vec<(StreamId, Version)> {
        let from = self.live.range(StreamId::from_name(prefix)..);
        from.take_while(|(name, _)| name.as_str().starts_with(prefix))
            .map(|(name, stream)| (name.clone(), stream.version))
            .collect()
    }

    /// Every damaged stream and what is wrong with it.
    pub(crate) fn damaged(&self) -> Vec<(StreamId, String)> {
        let damage = |(name, stream): (&StreamId, &Stream)| Some((name.clone(), stream.damage.clone()?));
        self.live.iter().filter_map(damage).collect()
    }

    /// Whether a stream of that name can't be trusted.
    pub(crate) fn is_damaged(&self, name: &str) -> bool {
        self.live.get(name).is_some_and(|found| found.damage.is_some())
    }

    /// Whether everything of a damaged stream that is known of is there.
    pub(crate) fn is_whole_but_for_loss(&self, stream: &StreamId) -> bool {
        self.live.get(stream).is_some_and(|found| found.by_loss)
    }

    /// Takes a frame's entry: its events are durable there, readable unless `whole` is false.
    pub(crate) fn take(&mut self, entry: &Entry, place: Place, number: u64, whole: bool) {
        if is_own(&entry.stream) {
            if let Some(record) = Record::parse(&entry.stream) {
                self.record(record, place, number);
            }
            return;
        }
        let count = entry.lengths.len() as Version;
        if !self.live.contains_key(entry.stream.as_str()) {
            let start = (0, chain_start(&entry.stream));
            self.live.insert(StreamId::from_name(&entry.stream), Stream::behind_start(start, number));
        }
        let Some(stream) = self.live.get_mut(entry.stream.as_str()) else { return };
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

    fn record(&mut self, record: Record, place: Place, number: u64) {
        match record {
            Record::Whole(stream) => {
                let places = self.live.remove(&stream).map(|stream| stream.places).unwrap_or_default();
                self.changed.extend(places.iter().map(|place| place.segment));
                if places.is_empty() {
                    self.changed.insert(place.segment);
                } else {
                    self.gone.insert(stream, Gone { number, places });
                }
            }
            Record::Past(stream, version, chain) => {
                // Whatever was missing or damaged up to there does not matter any more.
                let old = self.live.insert(stream, Stream::behind_start((version, chain), number));
                self.changed.extend(old.into_iter().flat_map(|old| old.places).map(|place| place.segment));
            }
            Record::Loss(first, last) => {
                self.noted.insert((first, last));
            }
            Record::Kept(..) => {}
        }
    }

    /// Whether somebody knows that all these frames are lost.
    pub(crate) fn is_noted(&self, first: u64, last: u64) -> bool {
        self.noted.iter().any(|(from, to)| *from <= first && last <= *to)
    }

    /// The segments with frames of streams that were forgotten behind that frame.
    pub(crate) fn forgotten_behind(&self, number: u64) -> BTreeSet<u32> {
        let young = self.gone.values().filter(|gone| gone.number > number);
        young.flat_map(|gone| &gone.places).map(|place| place.segment).collect()
    }

    /// The same as [`Self::needs`], and what was forgotten behind `number` too: the index may have rows of it still, which
    /// only these frames can make go.
    pub(crate) fn needs_since(&self, entry: &Entry, segment: u32, at: u32, number: u64) -> bool {
        let here = |place: &Place| (place.segment, place.at, place.from) == (segment, at, entry.from);
        let young = self.gone.get(entry.stream.as_str()).filter(|gone| gone.number > number);
        young.is_some_and(|gone| gone.places.iter().any(here)) || self.needs(entry, segment, at)
    }

    /// Whether something needs what a frame at that place has in this entry.
    pub(crate) fn needs(&self, entry: &Entry, segment: u32, at: u32) -> bool {
        if is_own(&entry.stream) {
            return match Record::parse(&entry.stream) {
                Some(Record::Whole(stream)) => self.gone.contains_key(&stream),
                Some(Record::Past(stream, version, chain)) => {
                    self.live.get(&stream).is_some_and(|stream| stream.base == (version, chain))
                }
                Some(Record::Loss(..)) => true,
                Some(Record::Kept(..)) => false,
                // A later release knows.
                None => true,
            };
        }
        self.live.get(entry.stream.as_str()).is_some_and(|stream| {
            let here = |place: &Place| (place.segment, place.at, place.from) == (segment, at, entry.from);
            // Of a damaged stream everything is evidence.
            stream.damage.is_some() || stream.nth(entry.from).and_then(|nth| stream.places.get(nth)).is_some_and(here)
        })
    }

    /// Frames of these segments are elsewhere now: `moved` says for each frame that was kept what is in it,
    /// where it was, and where it is.
    pub(crate) fn moved(&mut self, segments: &BTreeSet<u32>, moved: &[(Vec<Entry>, Place, Place)]) {
        let mut left: BTreeMap<(u32, u32), (u32, u32)> = BTreeMap::new();
        for (entries, old, new) in moved {
            left.insert((old.segment, old.at), (new.segment, new.at));
            for entry in entries {
                let Some(stream) = self.live.get_mut(entry.stream.as_str()) else { continue };
                let nth = stream.nth(entry.from);
                let place = nth.and_then(|nth| stream.places.get_mut(nth));
                if let Some(place) = place.filter(|place| (place.segment, place.at) == (old.segment, old.at)) {
                    (place.segment, place.at) = (new.segment, new.at);
                }
            }
        }
        self.gone.retain(|_, Gone { places, .. }| {
            places.retain_mut(|place| match left.get(&(place.segment, place.at)) {
                Some((segment, at)) => {
                    (place.segment, place.at) = (*segment, *at);
                    true
                }
                None => !segments.contains(&place.segment),
            });
            !places.is_empty()
        });
    }

    /// Frames from `first` to `last` are lost, whatever was in them: streams without a later event
    /// may have had one there.
    pub(crate) fn lost(&mut self, first: u64, last: u64) {
        for stream in self.live.values_mut().filter(|stream| stream.last < first) {
            stream.by_loss |= stream.damage.is_none();
            stream.blame(format!(
                "frames {first} to {last} of the journal are lost and may have held later events of it"
            ));
        }
    }
}

impl Stream {
    /// A stream with nothing behind what is forgotten of it.
    fn behind_start(base: (Version, Chain), number: u64) -> Self {
        Self { version: base.0, chain: base.1, base, places: Vec::new(), last: number, damage: None, by_loss: false }
    }

    /// Which of its places begins behind that version.
    fn nth(&self, from: Version) -> Option<usize> {
        self.places.binary_search_by_key(&from, |place| place.from).ok()
    }

    fn blame(&mut self, what: String) {
        self.damage.get_or_insert(what);
    }

    /// The places that hold events behind `from`, and the one before them if there is one.
    pub(crate) fn behind(&self, from: Version) -> &[Place] {
        let first = self.places.partition_point(|place| place.from <= from);
        &self.places[first.saturating_sub(2)..]
    }
}
