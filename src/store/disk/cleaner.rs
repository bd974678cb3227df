//! The cleaner: wins back the room of what was forgotten.
//!
//! It takes sealed segments of which at most half is needed, with small neighbours, and copies the
//! frames that are needed byte for byte into one file that says which files it stands for. Only when
//! that file and its name are durable do the others go. Knows frames and who needs them; never why.

use crate::store::ReadError;
use crate::store::disk::device::{Disk, read_all};
use crate::store::disk::frame::{self, Entry};
use crate::store::disk::index::Index;
use crate::store::disk::reader::Reader;
use crate::store::disk::record::Record;
use crate::store::disk::segment::{FOLDER, Segment, kept_path};
use crate::store::disk::streams::Place;
use crate::store::disk::tidy::{NEW, Spares};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the cleaner is made of.
pub(crate) struct Cleaner {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) reader: Arc<Reader>,
    pub(crate) index: Arc<Index>,
    pub(crate) spares: Spares,
    /// Segments with damage in them stay as they are.
    pub(crate) evidence: BTreeSet<u32>,
    /// The size of a segment.
    pub(crate) most: u64,
    /// How much of each sealed segment is needed, as last counted; held while cleaning.
    pub(crate) counted: Mutex<BTreeMap<u32, Share>>,
}

/// How much of a segment's file is needed; what a cleaned one says of itself does not count.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Share {
    size: u64,
    needed: u64,
}

impl Share {
    fn is_half_dead(self) -> bool {
        self.needed * 2 <= self.size && self.needed < self.size
    }
}

/// A frame that is copied: what is in it, where it was, where it is in the new file.
type Copied = (Vec<Entry>, Place, u64);

impl Cleaner {
    /// Whether something was forgotten since the last look.
    pub(crate) fn has_work(&self) -> bool {
        self.reader.streams().has_changed()
    }

    /// Nothing is cleaned while this is held.
    pub(crate) fn hold(&self) -> MutexGuard<'_, BTreeMap<u32, Share>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cleans once, if there is something to clean; true = there may be more.
    pub(crate) fn clean(&self) -> io::Result<bool> {
        let mut counted = self.hold();
        let segments = self.reader.segments();
        // The last one is being written.
        let sealed = segments.split_last().map(|(_, sealed)| sealed).unwrap_or_default();
        if sealed.is_empty() {
            return Ok(false);
        }
        // Rows of what is forgotten are made to go by its events: they must have gone before these do. What is forgotten
        // from here on waits for the next time.
        let told = |error: ReadError| io::Error::other(error.to_string());
        let flushed = self.index.flush(&self.reader, false).map_err(told)?;
        self.count(sealed, &mut counted, flushed)?;
        let Some(chosen) = self.choose(sealed, &counted) else { return Ok(false) };
        self.copy(&chosen, flushed)?;
        for (id, _) in &chosen {
            counted.remove(id);
        }
        Ok(true)
    }

    fn count(&self, sealed: &[(u32, Segment)], counted: &mut BTreeMap<u32, Share>, flushed: u64) -> io::Result<()> {
        let mut changed = self.reader.streams_mut().take_changed();
        for (id, segment) in sealed {
            let died = changed.remove(id);
            if self.evidence.contains(id) {
                continue;
            }
            if !died {
                // Nothing in it died: it is needed as it is.
                let size = segment.file.len()?;
                counted.entry(*id).or_insert(Share { size, needed: size });
                continue;
            }
            let bytes = read_all(&*segment.file)?;
            let head = frame::read(&bytes, 0).filter(|head| head.header.number == 0);
            let size = bytes.len() as u64 - head.map_or(0, |head| head.header.total() as u64);
            let needed = self
                .needed(*id, segment, &bytes, flushed)
                .map_or(size, |frames| frames.iter().map(|(_, total)| *total as u64).sum());
            counted.insert(*id, Share { size, needed });
        }
        // The one that is written is looked at once it is sealed.
        let mut streams = self.reader.streams_mut();
        changed.extend(streams.forgotten_behind(flushed));
        streams.changed_still(changed);
        drop(streams);
        Ok(())
    }

    /// The frames of a segment that somebody needs: where they are, and how long. `None` where it is not
    /// whole any more: then it is evidence.
    fn needed(&self, id: u32, segment: &Segment, bytes: &[u8], flushed: u64) -> Option<Vec<(usize, usize)>> {
        let (mut frames, mut at, mut number) = (Vec::new(), 0, segment.first - 1);
        while let Some((place, found)) =
            frame::read(bytes, at).map(|found| (at, found)).or_else(|| frame::search(bytes, at))
        {
            let next = if segment.last.is_some() { found.header.number } else { number + 1 };
            if place != at || !found.is_whole() || found.header.number != next {
                return None;
            }
            let total = found.header.total();
            let place = u32::try_from(at).unwrap_or(u32::MAX);
            let mut entries = found.entries.iter().flatten();
            // Not for the whole walk: the writer waits for this.
            let streams = self.reader.streams();
            if next > 0 && entries.any(|entry| streams.needs_since(entry, id, place, flushed)) {
                frames.push((at, total));
            }
            number = next;
            at += total;
        }
        let through = if segment.last.is_some() { at == bytes.len() } else { number == self.last_frame(segment.first) };
        through.then_some(frames)
    }

    /// The first segment that is half dead, and its neighbours as long as they are, or are small.
    fn choose(&self, sealed: &[(u32, Segment)], counted: &BTreeMap<u32, Share>) -> Option<Vec<(u32, Segment)>> {
        let share = |nth: usize| sealed.get(nth).and_then(|(id, _)| counted.get(id)).copied();
        let first = (0..sealed.len()).find(|nth| share(*nth).is_some_and(Share::is_half_dead))?;
        let mut needed = share(first)?.needed;
        let mut joins = |nth: usize| {
            let Some(share) = share(nth) else { return false };
            let small = share.is_half_dead() || share.size < self.most / 4;
            let fits = small && needed + share.needed <= self.most;
            needed += if fits { share.needed } else { 0 };
            fits
        };
        let mut end = first + 1;
        while end < sealed.len() && joins(end) {
            end += 1;
        }
        let mut start = first;
        while start > 0 && joins(start - 1) {
            start -= 1;
        }
        Some(sealed[start..end].to_vec())
    }

    fn copy(&self, chosen: &[(u32, Segment)], flushed: u64) -> io::Result<()> {
        let Some(((_, begin), (_, end))) = chosen.first().zip(chosen.last()) else { return Ok(()) };
        let last = match end.last {
            Some(last) => last,
            None => self.last_frame(end.first),
        };
        let first = begin.first;
        let (body, mut copied, old_size) = self.gather(chosen, flushed)?;
        let mut bytes = self.head(chosen, (first, last), body.len());
        let shift = bytes.len() as u64;
        for (_, _, at) in &mut copied {
            *at += shift;
        }
        bytes.extend_from_slice(&body);
        drop(self.disk.remove(NEW));
        let file = self.disk.create(NEW)?;
        file.write_at(0, &bytes)?;
        file.sync()?;
        let path = kept_path(first, last);
        self.disk.rename(NEW, &path)?;
        self.disk.sync_dir(FOLDER)?;
        // From here on the new file stands for the others.
        let old: BTreeSet<u32> = chosen.iter().map(|(id, _)| *id).collect();
        let moved = |id: u32| {
            let there = |(entries, old, at): Copied| {
                let at = u32::try_from(at).unwrap_or(u32::MAX);
                (entries, old, Place { segment: id, at, from: 0 })
            };
            copied.into_iter().map(there).collect()
        };
        let freed = old_size.saturating_sub(bytes.len() as u64);
        let gone = self.reader.replace(&old, Segment { first, last: Some(last), file }, moved, freed);
        // One that was cleaned again has been replaced under its own name.
        for segment in gone.into_iter().filter(|segment| segment.path() != path) {
            self.spares.recycle(&segment, self.most)?;
        }
        // Before anything more is forgotten for good, these must not come back.
        self.disk.sync_dir(FOLDER)
    }

    /// The last frame of the segment that begins with `first`: the one before the next segment's.
    fn last_frame(&self, first: u64) -> u64 {
        let segments = self.reader.segments();
        let next = segments.iter().map(|(_, segment)| segment.first).filter(|other| *other > first).min();
        next.map_or(first, |next| next - 1)
    }

    /// The frames that are needed, one behind the other, and how much the segments had in all.
    fn gather(&self, chosen: &[(u32, Segment)], flushed: u64) -> io::Result<(Vec<u8>, Vec<Copied>, u64)> {
        let (mut body, mut copied, mut size) = (Vec::new(), Vec::new(), 0);
        for (id, segment) in chosen {
            let bytes = read_all(&*segment.file)?;
            let frames = self.needed(*id, segment, &bytes, flushed);
            for (at, total) in frames.ok_or_else(|| io::Error::other("a segment is not what it was"))? {
                let entries = frame::read(&bytes, at).and_then(|found| found.entries).unwrap_or_default();
                let place = Place { segment: *id, at: u32::try_from(at).unwrap_or(u32::MAX), from: 0 };
                copied.push((entries, place, body.len() as u64));
                body.extend_from_slice(&bytes[at..at + total]);
            }
            size += bytes.len() as u64;
        }
        Ok((body, copied, size))
    }

    /// The first frame of the new file: that it stands for those, and for which.
    fn head(&self, chosen: &[(u32, Segment)], (first, last): (u64, u64), body: usize) -> Vec<u8> {
        let own = kept_path(first, last);
        let paths = chosen.iter().map(|(_, old)| old.path()).filter(|path| *path != own);
        let names: Vec<String> = paths.filter_map(|path| Some(path.rsplit_once('/')?.1.to_owned())).collect();
        let payload = names.join("\n").into_bytes();
        let write = |length: u64| {
            let mut head = Vec::new();
            let entry = Record::Kept(first, last, length).entry(&payload);
            frame::write(&mut head, 0, self.reader.number(), &[entry], &[&payload]);
            head
        };
        // The length of the file is in its head, whose length depends on how many digits that has.
        let mut length = body as u64;
        loop {
            let head = write(length);
            let whole = (head.len() + body) as u64;
            if whole == length {
                return head;
            }
            length = whole;
        }
    }
}
