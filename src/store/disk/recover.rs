//! Reading the journal at opening: what is whole, what is a torn tail that nobody was promised, and
//! what is damage, blamed on the streams it belongs to.
//!
//! Every frame says up to which frame all was durable when it was written, and so does the anchor.
//! A bad frame up to there was promised to somebody: damage. Behind it, it is a torn tail: cut off.

use crate::store::disk::device::{Disk, read_all};
use crate::store::disk::frame::{self, ALIGN, Found};
use crate::store::disk::reader::Segments;
use crate::store::disk::record::Record;
use crate::store::disk::segment::{FOLDER, Segment, Tail, kept_path, path, range_of};
use crate::store::disk::streams::{Place, Streams};
use crate::store::disk::tidy;
use crate::store::disk::torn::keep_torn;
use std::collections::BTreeSet;
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
    /// Whether somebody has taken note that they are lost.
    pub noted: bool,
}

/// The journal as it was found.
pub(crate) struct Recovered {
    /// Its segments.
    pub(crate) segments: Segments,
    /// Those with damage in them: evidence, which nobody cleans away.
    pub(crate) evidence: BTreeSet<u32>,
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
    /// Whether something stood behind its end that was cut off.
    pub(crate) torn: bool,
}

/// Reads the journal; `anchored` is the last frame the anchor knows to be durable.
pub(crate) fn recover(disk: &dyn Disk, anchored: u64) -> io::Result<Recovered> {
    let ranges = tidy::segments(disk)?;
    let mut walk = Walk { proven: proven(disk, &ranges, anchored)?, ..Walk::default() };
    let mut segments = Segments::new();
    let (mut tail, mut total, mut torn) = (None, 0, false);
    for (index, range) in ranges.iter().enumerate() {
        if walk.cut {
            // Frames behind a torn one: nobody was told of them.
            torn |= keep_torn(disk, walk.number + 1, range.0, &read_all(&*Segment::open(disk, *range)?.file)?);
            disk.remove(&range.1.map_or_else(|| path(range.0), |last| kept_path(range.0, last)))?;
            continue;
        }
        let segment = Segment::open(disk, *range)?;
        let bytes = read_all(&*segment.file)?;
        let id = u32::try_from(index).unwrap_or(u32::MAX);
        if let Some(last) = range.1 {
            total += bytes.len() as u64;
            walk.kept(id, (range.0, last), &bytes);
            segments.insert(id, segment);
            tail = None;
            continue;
        }
        let end = walk.segment(id, range.0, &bytes);
        total += end as u64;
        let mut at = Tail::new(segment.clone(), end as u64)?;
        // What stands behind lost frames is evidence: it stays, and a new segment begins.
        let lost_end = walk.number < walk.proven;
        if walk.cut || (index + 1 == ranges.len() && !lost_end) {
            torn |= keep_torn(disk, walk.number + 1, range.0, bytes.get(end..).unwrap_or_default());
            at.clear(&bytes)?;
        }
        segments.insert(id, segment);
        tail = (!lost_end).then_some(at);
    }
    if walk.cut {
        disk.sync_dir(FOLDER)?;
    }
    walk.skip_to(walk.proven.max(walk.number) + 1);
    for damage in &mut walk.damage {
        damage.noted = if damage.streams.is_empty() {
            walk.streams.is_noted(damage.first, damage.last)
        } else {
            // Each has begun anew since.
            damage.streams.iter().all(|name| !walk.streams.is_damaged(name))
        };
        if !damage.noted && damage.streams.is_empty() {
            walk.streams.lost(damage.first, damage.last);
        }
    }
    let Walk { streams, number, damage, evidence, .. } = walk;
    Ok(Recovered { segments, evidence, streams, number, tail, bytes: total, damage, torn })
}

/// Whether any segment has a frame.
pub(crate) fn has_frame(disk: &dyn Disk) -> io::Result<bool> {
    for range in disk.list(FOLDER)?.iter().filter_map(|name| range_of(name)) {
        if frame::search(&read_all(&*Segment::open(disk, range)?.file)?, 0).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The last frame that was durable for certain: what the anchor or the journal's last frame says.
fn proven(disk: &dyn Disk, ranges: &[(u64, Option<u64>)], anchored: u64) -> io::Result<u64> {
    for range in ranges.iter().rev() {
        let bytes = read_all(&*Segment::open(disk, *range)?.file)?;
        if let Some(durable) = frame::last_durable(&bytes) {
            // What a cleaned segment stands for was durable before it was cleaned.
            return Ok(anchored.max(durable).max(range.1.unwrap_or_default()));
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
    /// The segment that is walked, and those in which damage was found.
    here: u32,
    evidence: BTreeSet<u32>,
    /// Whether the end of what was promised is passed.
    cut: bool,
}

impl Walk {
    /// Walks one segment; returns where its frames end.
    fn segment(&mut self, index: u32, first: u64, bytes: &[u8]) -> usize {
        let mut at = 0;
        self.here = index;
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

    /// Walks a cleaned segment: numbers may be missing between its frames, bytes may not.
    fn kept(&mut self, index: u32, (first, last): (u64, u64), bytes: &[u8]) {
        self.here = index;
        if first > self.number + 1 {
            self.skip_to(first);
        }
        let head = frame::read(bytes, 0).or_else(|| frame::search(bytes, 0).map(|(_, found)| found));
        let head = head.filter(|head| head.header.number == 0);
        let mut at = head.as_ref().map_or(0, |head| head.header.total());
        let length = match head.and_then(|head| Record::parse(&head.entries?.first()?.stream)) {
            Some(Record::Kept(_, _, length)) => Some(usize::try_from(length).unwrap_or(usize::MAX)),
            Some(Record::Whole(_) | Record::Past(..) | Record::Loss(..)) | None => None,
        };
        while at < length.unwrap_or(bytes.len()) {
            let here = frame::read(bytes, at).filter(|found| found.header.number > self.number);
            let found = here.map(|found| (at, found)).or_else(|| self.later(bytes, at));
            let Some((place, found)) = found.filter(|(_, found)| found.header.number <= last) else {
                self.lose(last);
                break;
            };
            if place > at {
                self.lose(found.header.number - 1);
            }
            self.proven = self.proven.max(found.header.number);
            self.frame(&found, index, place);
            at = place + found.header.total();
        }
        if length.is_none() {
            // Nobody knows how much there was.
            self.lose(last);
        }
        self.number = self.number.max(last);
        self.proven = self.proven.max(last);
    }

    /// Gives up the frames up to `last`.
    fn lose(&mut self, last: u64) {
        if last > self.number {
            self.damage.push(Damage { first: self.number + 1, last, streams: Vec::new(), noted: false });
            self.evidence.insert(self.here);
            self.number = last;
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
            self.lose(last);
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
            self.evidence.insert(segment);
            self.damage.push(Damage { first: number, last: number, streams, noted: false });
        }
        self.number = number;
        true
    }
}
