//! Reading the journal at opening: what is whole, what is a torn tail that nobody was promised, and
//! what is damage, blamed on the streams it belongs to.
//!
//! Every frame says up to which frame all was durable when it was written, and so does the anchor.
//! A bad frame up to there was promised to somebody: damage. Behind it, it is a torn tail: cut off.

use crate::store::disk::device::{Disk, read_all};
use crate::store::disk::frame::{self, ALIGN, Found};
use crate::store::disk::segment::{FOLDER, Segment, Tail, first_of, path};
use crate::store::disk::streams::{Place, Streams};
use std::io;

/// Frames that can't be read, or not wholly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// The streams in them; empty where not even that can be told.
    pub streams: Vec<String>,
}

/// The journal as it was found.
pub(crate) struct Recovered {
    /// Its segments, oldest first.
    pub(crate) segments: Vec<Segment>,
    /// Where its events are.
    pub(crate) streams: Streams,
    /// The last frame.
    pub(crate) number: u64,
    /// Where the next one goes; `None` before the first.
    pub(crate) tail: Option<Tail>,
    /// Bytes of all frames.
    pub(crate) bytes: u64,
    /// What can't be read.
    pub(crate) damage: Vec<Damage>,
}

/// Reads the journal; `anchored` is the last frame the anchor knows to be durable.
pub(crate) fn recover(disk: &dyn Disk, anchored: u64) -> io::Result<Recovered> {
    let mut firsts: Vec<u64> = disk.list(FOLDER)?.iter().filter_map(|name| first_of(name)).collect();
    firsts.sort_unstable();
    let mut walk = Walk { proven: proven(disk, &firsts, anchored)?, ..Walk::default() };
    let mut segments = Vec::new();
    let (mut tail, mut total) = (None, 0);
    for (index, first) in firsts.iter().enumerate() {
        if walk.cut {
            // Frames behind a torn one: nobody was told of them.
            disk.remove(&path(*first))?;
            continue;
        }
        let segment = Segment::open(disk, *first)?;
        let bytes = read_all(&*segment.file)?;
        let end = walk.segment(u32::try_from(index).unwrap_or(u32::MAX), *first, &bytes);
        total += end as u64;
        let mut at = Tail::new(segment.clone(), end as u64)?;
        // What stands behind lost frames is evidence: it stays, and a new segment begins.
        let lost_end = walk.number < walk.proven;
        if walk.cut || (index + 1 == firsts.len() && !lost_end) {
            at.clear(&bytes)?;
        }
        segments.push(segment);
        tail = (!lost_end).then_some(at);
    }
    if walk.cut {
        disk.sync_dir(FOLDER)?;
    }
    walk.skip_to(walk.proven.max(walk.number) + 1);
    for damage in walk.damage.iter().filter(|damage| damage.streams.is_empty()) {
        walk.streams.lost(damage.first, damage.last);
    }
    Ok(Recovered { segments, streams: walk.streams, number: walk.number, tail, bytes: total, damage: walk.damage })
}

/// Whether any segment has a frame.
pub(crate) fn has_frame(disk: &dyn Disk) -> io::Result<bool> {
    for first in disk.list(FOLDER)?.iter().filter_map(|name| first_of(name)) {
        if frame::search(&read_all(&*Segment::open(disk, first)?.file)?, 0).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The last frame that was durable for certain: what the anchor or the journal's last frame says.
fn proven(disk: &dyn Disk, firsts: &[u64], anchored: u64) -> io::Result<u64> {
    for first in firsts.iter().rev() {
        let bytes = read_all(&*Segment::open(disk, *first)?.file)?;
        if let Some(durable) = frame::last_durable(&bytes) {
            return Ok(anchored.max(durable));
        }
    }
    Ok(anchored)
}

#[derive(Default)]
struct Walk {
    streams: Streams,
    damage: Vec<Damage>,
    /// The last frame taken or given up.
    number: u64,
    proven: u64,
    /// Whether the end of what was promised is passed.
    cut: bool,
}

impl Walk {
    /// Walks one segment; returns where its frames end.
    fn segment(&mut self, index: u32, first: u64, bytes: &[u8]) -> usize {
        let mut at = 0;
        if first > self.number + 1 && !self.skip_to(first) {
            return at;
        }
        loop {
            let here = frame::read(bytes, at).filter(|found| found.header.number == self.number + 1);
            let Some((place, found)) = here.map(|found| (at, found)).or_else(|| self.later(bytes, at)) else {
                return at;
            };
            if !self.skip_to(found.header.number) || !self.frame(&found, index, place) {
                return at;
            }
            at = place + found.header.total();
        }
    }

    /// The next frame that is not older than the one expected.
    fn later(&self, bytes: &[u8], mut at: usize) -> Option<(usize, Found)> {
        loop {
            let (place, found) = frame::search(bytes, at)?;
            if found.header.number > self.number {
                return Some((place, found));
            }
            at = place + ALIGN;
        }
    }

    /// Gives up the frames before `next`, if they were promised; false where they were not.
    fn skip_to(&mut self, next: u64) -> bool {
        let first = self.number + 1;
        let last = (next - 1).min(self.proven);
        if first <= last {
            self.damage.push(Damage { first, last, streams: Vec::new() });
            self.number = last;
        }
        self.cut |= self.number + 1 != next;
        !self.cut
    }

    /// Takes a frame; false where it is torn.
    fn frame(&mut self, found: &Found, segment: u32, place: usize) -> bool {
        let number = found.header.number;
        let whole = found.is_whole();
        if !whole && number > self.proven {
            self.cut = true;
            return false;
        }
        let entries = found.entries.as_deref().unwrap_or_default();
        let at = u32::try_from(place).unwrap_or(u32::MAX);
        for entry in entries {
            self.streams.take(entry, Place { segment, at, from: entry.from }, number, whole);
        }
        if !whole {
            let streams = entries.iter().map(|entry| entry.stream.clone()).collect();
            self.damage.push(Damage { first: number, last: number, streams });
        }
        self.number = number;
        true
    }
}
