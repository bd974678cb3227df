//! What can be read of the journal: the events of one stream, verified, or all of them in order.
//!
//! Knows places and frames. Sees only what is durable: the writer publishes behind its sync.

use crate::store::disk::device::read_all;
use crate::store::disk::frame::{self, Chain, Found, HEADER, chain_next, chain_start};
use crate::store::disk::segment::Segment;
use crate::store::disk::streams::{Place, Stream, Streams};
use crate::store::{ReadError, StreamId, Version};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Bytes read at a guess before a frame's length is known.
const GUESS: usize = 4 * 1024;

/// Hears of an event: its frame, stream, version and payload.
pub(crate) type Each<'a> = dyn FnMut(u64, &StreamId, Version, &[u8]) + 'a;

/// A frame and the bytes it was found in; `None` when it is not whole.
type Framed = Result<Option<(Vec<u8>, Found)>, ReadError>;

/// The durable part of the journal.
pub(crate) struct Reader {
    segments: RwLock<Vec<Segment>>,
    streams: RwLock<Streams>,
    number: AtomicU64,
    bytes: AtomicU64,
}

impl Reader {
    pub(crate) fn new(segments: Vec<Segment>, streams: Streams, number: u64, bytes: u64) -> Self {
        Self {
            segments: RwLock::new(segments),
            streams: RwLock::new(streams),
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

    /// Another segment; returns its position.
    pub(crate) fn add_segment(&self, segment: Segment) -> u32 {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        segments.push(segment);
        u32::try_from(segments.len() - 1).unwrap_or(u32::MAX)
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
        let (places, head) = match self.streams().get(stream) {
            Some(Stream { damage: Some(what), .. }) => return Err(corrupt(stream, what)),
            Some(found) if found.version > from => (found.behind(from).to_vec(), (found.version, found.chain)),
            Some(_) | None => return Ok(Vec::new()),
        };
        let mut events = Vec::new();
        let mut now: Option<(Version, Chain)> = None;
        for place in places {
            let (bytes, found) =
                self.frame(place)?.ok_or_else(|| corrupt(stream, "a frame of it is not what was written"))?;
            let entries = found.entries.as_deref().unwrap_or_default();
            let nth = entries.iter().position(|entry| entry.stream == stream.as_str() && entry.from == place.from);
            let missing = || corrupt(stream, "a frame does not have the events it had");
            let nth = nth.ok_or_else(missing)?;
            let payloads = found.payloads(&bytes, nth).ok_or_else(missing)?;
            let chain = entries[nth].chain;
            // The frame before the first one asked for is only the start of the chain.
            let before = if place.from == 0 { Some((0, chain_start(stream.as_str()))) } else { now };
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
        if now == Some(head) {
            Ok(events)
        } else {
            Err(corrupt(stream, "its last events are not those that were written"))
        }
    }

    /// The frame at a place; `None` when it is not whole.
    fn frame(&self, place: Place) -> Framed {
        let fail = |error: io::Error| ReadError::Io(error.to_string());
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let Some(segment) = segments.get(place.segment as usize).cloned() else { return Ok(None) };
        drop(segments);
        let mut bytes = vec![0; GUESS];
        let read = segment.file.read_at(u64::from(place.at), &mut bytes).map_err(fail)?;
        bytes.truncate(read);
        let Some(head) = frame::read(&bytes, 0) else { return frame_by_its_end(&segment, place) };
        let total = head.header.total();
        if total > bytes.len() && bytes.len() == GUESS {
            bytes.resize(total, 0);
            let rest = segment.file.read_at(u64::from(place.at) + GUESS as u64, &mut bytes[GUESS..]).map_err(fail)?;
            bytes.truncate(GUESS + rest);
        }
        Ok(frame::read(&bytes, 0).filter(Found::is_whole).map(|found| (bytes, found)))
    }

    /// Calls `each` with every readable event of the frames behind `after`, in order.
    pub(crate) fn replay(&self, after: u64, each: &mut Each<'_>) -> Result<(), ReadError> {
        let until = self.number();
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner).clone();
        for (index, segment) in segments.iter().enumerate() {
            let next = segments.get(index + 1).map_or(u64::MAX, |next| next.first);
            if next <= after + 1 || segment.first > until {
                continue;
            }
            let bytes = read_all(&*segment.file).map_err(|error| ReadError::Io(error.to_string()))?;
            let mut at = 0;
            while let Some((place, found)) =
                frame::read(&bytes, at).map(|found| (at, found)).or_else(|| frame::search(&bytes, at))
            {
                at = place + found.header.total();
                if found.header.number > after && found.header.number <= until && found.is_whole() {
                    replay_frame(&bytes, &found, each);
                }
            }
        }
        Ok(())
    }
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

fn replay_frame(bytes: &[u8], found: &Found, each: &mut Each<'_>) {
    for (nth, entry) in found.entries.iter().flatten().enumerate() {
        let stream = StreamId::from_name(&entry.stream);
        for (version, payload) in (entry.from + 1..).zip(found.payloads(bytes, nth).unwrap_or_default()) {
            each(found.header.number, &stream, version, payload);
        }
    }
}

fn corrupt(stream: &StreamId, what: &str) -> ReadError {
    ReadError::Corrupt { stream: stream.to_string(), what: what.into() }
}
