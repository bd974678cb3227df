//! What can be read of the journal: the events of one stream, verified, or all of them in order.
//!
//! Knows places and frames. Sees only what is durable: the writer publishes behind its sync.

use crate::store::disk::device::read_all;
use crate::store::disk::frame::{self, Chain, Entry, Found, HEADER, chain_next};
use crate::store::disk::record::{Record, is_own};
use crate::store::disk::segment::Segment;
use crate::store::disk::streams::{Place, Stream, Streams};
use crate::store::{ReadError, StreamId, Version};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Bytes read at a guess before a frame's length is known.
const GUESS: usize = 4 * 1024;

/// An event, as it is told in a replay.
pub(crate) struct Told<'a> {
    /// Its frame; where it is forgotten, the frame that says so.
    pub(crate) number: u64,
    /// Its stream.
    pub(crate) stream: &'a StreamId,
    /// Its version.
    pub(crate) version: Version,
    /// Its bytes.
    pub(crate) payload: &'a [u8],
    /// Whether it is told because its stream is forgotten now.
    pub(crate) forgotten: bool,
}

/// Which events are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Those that somebody needs.
    Needed,
    /// Every one whose frame is there.
    Every,
}

/// Hears of events.
pub(crate) type Each<'a> = dyn FnMut(&Told<'_>) + 'a;

/// Segments by the number they have in this process.
pub(crate) type Segments = BTreeMap<u32, Segment>;

/// A frame and the bytes it was found in; `None` when it is not whole.
type Framed = Result<Option<(Vec<u8>, Found)>, ReadError>;

/// The durable part of the journal.
pub(crate) struct Reader {
    segments: RwLock<Segments>,
    streams: RwLock<Streams>,
    /// Held by whoever needs the segments to stay as they are for a while.
    still: RwLock<()>,
    number: AtomicU64,
    bytes: AtomicU64,
}

impl Reader {
    pub(crate) fn new(segments: Segments, streams: Streams, number: u64, bytes: u64) -> Self {
        Self {
            segments: RwLock::new(segments),
            streams: RwLock::new(streams),
            still: RwLock::default(),
            number: AtomicU64::new(number),
            bytes: AtomicU64::new(bytes),
        }
    }

    /// The last durable frame.
    pub(crate) fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// About how many bytes of frames there are.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The streams.
    pub(crate) fn streams(&self) -> RwLockReadGuard<'_, Streams> {
        self.streams.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The streams, for the writer.
    pub(crate) fn streams_mut(&self) -> RwLockWriteGuard<'_, Streams> {
        self.streams.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another segment; returns its number.
    pub(crate) fn add_segment(&self, segment: Segment) -> u32 {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let number = segments.last_key_value().map_or(0, |(last, _)| last + 1);
        segments.insert(number, segment);
        number
    }

    /// A segment is not there any more, and nothing was in it.
    pub(crate) fn drop_segment(&self, number: u32) {
        self.segments.write().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }

    /// The segments, oldest first.
    pub(crate) fn segments(&self) -> Vec<(u32, Segment)> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = segments.iter().map(|(number, segment)| (*number, segment.clone())).collect();
        all.sort_by_key(|(_, segment)| segment.first);
        all
    }

    /// One segment in the place of others; `moved` makes of its number what moved. Returns those that
    /// nobody needs any more.
    pub(crate) fn replace(
        &self,
        old: &BTreeSet<u32>,
        new: Segment,
        moved: impl FnOnce(u32) -> Vec<(Vec<Entry>, Place, Place)>,
        freed: u64,
    ) -> Vec<Segment> {
        let _still = self.still.write().unwrap_or_else(PoisonError::into_inner);
        let number = self.add_segment(new);
        let moved = moved(number);
        let mut streams = self.streams_mut();
        streams.moved(old, &moved);
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        self.bytes.fetch_sub(freed.min(self.bytes()), Ordering::Relaxed);
        let mut gone: Vec<Segment> = old.iter().filter_map(|number| segments.remove(number)).collect();
        gone.sort_by_key(|segment| segment.first);
        gone
    }

    /// Says that frames up to `number` are durable.
    pub(crate) fn publish(&self, number: u64, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.number.store(number, Ordering::Release);
    }

    /// The version of a stream.
    pub(crate) fn version(&self, stream: &StreamId) -> Result<Version, ReadError> {
        match self.streams().get(stream) {
            Some(Stream { damage: Some(what), .. }) => Err(corrupt(stream, what)),
            Some(found) => Ok(found.version),
            None => Ok(0),
        }
    }

    /// The events of a stream behind `from`.
    pub(crate) fn read(&self, stream: &StreamId, from: Version) -> Result<Vec<Vec<u8>>, ReadError> {
        let streams = self.streams();
        let (places, head, base) = match streams.get(stream) {
            Some(Stream { damage: Some(what), .. }) => return Err(corrupt(stream, what)),
            Some(found) if found.version > from => {
                (found.behind(from).to_vec(), (found.version, found.chain), found.base)
            }
            Some(_) | None => return Ok(Vec::new()),
        };
        // Both at once: between them a cleaner could move what the places say.
        let segments = self.holding(&places);
        drop(streams);
        let mut events = Vec::new();
        let mut now: Option<(Version, Chain)> = None;
        for place in places {
            let (bytes, found) =
                frame_at(&segments, place)?.ok_or_else(|| corrupt(stream, "a frame of it is not what was written"))?;
            let entries = found.entries.as_deref().unwrap_or_default();
            let nth = entries.iter().position(|entry| entry.stream == stream.as_str() && entry.from == place.from);
            let missing = || corrupt(stream, "a frame does not have the events it had");
            let nth = nth.ok_or_else(missing)?;
            let payloads = found.payloads(&bytes, nth).ok_or_else(missing)?;
            let chain = entries[nth].chain;
            // The frame before the first one asked for is only the start of the chain.
            let before = if place.from == base.0 { Some(base) } else { now };
            let (mut version, mut link) = before.unwrap_or((place.from + payloads.len() as Version, chain));
            if version == place.from {
                for payload in payloads {
                    version += 1;
                    link = chain_next(&link, version, payload);
                    if version > from {
                        events.push(payload.to_vec());
                    }
                }
            }
            if link != chain {
                return Err(corrupt(stream, "its events do not hang together: the chain of hashes is broken"));
            }
            now = Some((version, link));
        }
        if now.unwrap_or(base) == head {
            Ok(events)
        } else {
            Err(corrupt(stream, "its last events are not those that were written"))
        }
    }

    /// The segments of those places.
    fn holding(&self, places: &[Place]) -> Segments {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let mut held = Segments::new();
        for place in places {
            if !held.contains_key(&place.segment)
                && let Some(segment) = segments.get(&place.segment)
            {
                held.insert(place.segment, segment.clone());
            }
        }
        held
    }

    /// Calls `each` with every readable event of the frames behind `after`, in order; and with those of
    /// streams that are forgotten behind it, so that their rows can go. Returns how many frames were not
    /// readable.
    pub(crate) fn replay(&self, after: u64, each: &mut Each<'_>) -> Result<u64, ReadError> {
        self.replay_frames(after, Which::Needed, each)
    }

    /// The same with events that nobody needs any more, as far as their frames are there: whoever wants to know what has
    /// changed at all would miss what is forgotten while the frames are read.
    pub(crate) fn replay_every(&self, after: u64, each: &mut Each<'_>) -> Result<u64, ReadError> {
        self.replay_frames(after, Which::Every, each)
    }

    fn replay_frames(&self, after: u64, which: Which, each: &mut Each<'_>) -> Result<u64, ReadError> {
        let _still = self.still.read().unwrap_or_else(PoisonError::into_inner);
        let until = self.number();
        let segments = self.segments();
        let mut unread = 0;
        for (index, (id, segment)) in segments.iter().enumerate() {
            let next = segments.get(index + 1).map_or(u64::MAX, |(_, next)| next.first);
            if next <= after + 1 || segment.first > until {
                continue;
            }
            let bytes = read_all(&*segment.file).map_err(|error| ReadError::Io(error.to_string()))?;
            let mut at = 0;
            while let Some((place, found)) =
                frame::read(&bytes, at).map(|found| (at, found)).or_else(|| frame::search(&bytes, at))
            {
                at = place + found.header.total();
                if found.header.number <= after || found.header.number > until {
                    continue;
                }
                if found.is_whole() {
                    self.replay_frame(&bytes, &found, (*id, place), which, each)?;
                } else {
                    unread += 1;
                }
            }
        }
        Ok(unread)
    }

    fn replay_frame(
        &self,
        bytes: &[u8],
        found: &Found,
        (segment, at): (u32, usize),
        which: Which,
        each: &mut Each<'_>,
    ) -> Result<(), ReadError> {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let number = found.header.number;
        for (nth, entry) in found.entries.iter().flatten().enumerate() {
            if let Some(Record::Whole(stream)) = Record::parse(&entry.stream) {
                self.replay_gone(number, &stream, each)?;
                continue;
            }
            if is_own(&entry.stream) {
                continue;
            }
            let stream = StreamId::from_name(&entry.stream);
            // One guard at a time: a second one behind a waiting writer would wait for ever.
            let streams = self.streams();
            let needed = streams.get(&stream).is_some() && streams.needs(entry, segment, at);
            drop(streams);
            if !needed && which == Which::Needed {
                continue;
            }
            for (version, payload) in (entry.from + 1..).zip(found.payloads(bytes, nth).unwrap_or_default()) {
                each(&Told { number, stream: &stream, version, payload, forgotten: false });
            }
        }
        Ok(())
    }

    /// Tells what is still there of a forgotten stream.
    fn replay_gone(&self, number: u64, stream: &StreamId, each: &mut Each<'_>) -> Result<(), ReadError> {
        let streams = self.streams();
        let places = streams.gone(stream).unwrap_or_default().to_vec();
        let segments = self.holding(&places);
        drop(streams);
        for place in places {
            let Some((bytes, found)) = frame_at(&segments, place)? else { continue };
            for (nth, entry) in found.entries.iter().flatten().enumerate() {
                if entry.stream == stream.as_str() {
                    for (version, payload) in (entry.from + 1..).zip(found.payloads(&bytes, nth).unwrap_or_default()) {
                        each(&Told { number, stream, version, payload, forgotten: true });
                    }
                }
            }
        }
        Ok(())
    }
}

/// The frame at a place; `None` when it is not whole.
fn frame_at(segments: &Segments, place: Place) -> Framed {
    let fail = |error: io::Error| ReadError::Io(error.to_string());
    let Some(segment) = segments.get(&place.segment) else { return Ok(None) };
    let mut bytes = vec![0; GUESS];
    let read = segment.file.read_at(u64::from(place.at), &mut bytes).map_err(fail)?;
    bytes.truncate(read);
    let Some(head) = frame::read(&bytes, 0) else { return frame_by_its_end(segment, place) };
    let total = head.header.total();
    if total > bytes.len() && bytes.len() == GUESS {
        bytes.resize(total, 0);
        let rest = segment.file.read_at(u64::from(place.at) + GUESS as u64, &mut bytes[GUESS..]).map_err(fail)?;
        bytes.truncate(GUESS + rest);
    }
    Ok(frame::read(&bytes, 0).filter(Found::is_whole).map(|found| (bytes, found)))
}

/// The same where the frame's first header is damaged.
fn frame_by_its_end(segment: &Segment, place: Place) -> Framed {
    let mut bytes = read_all(&*segment.file).map_err(|error| ReadError::Io(error.to_string()))?;
    let at = place.at as usize;
    let found = frame::search(&bytes, at).filter(|(start, found)| *start == at && found.is_whole());
    Ok(found.map(|(start, mut found)| {
        bytes.drain(..start);
        found.body = found.body.map(|body| body.start - start..body.end - start);
        bytes.truncate(found.header.total().max(HEADER));
        (bytes, found)
    }))
}

fn corrupt(stream: &StreamId, what: &str) -> ReadError {
    ReadError::Corrupt { stream: stream.to_string(), what: what.into() }
}
