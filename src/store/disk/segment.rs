//! A file of the journal: frames one behind the other, then zeros written ahead for the next ones.
//!
//! Writing zeros ahead makes later frames overwrites in place, which a disk syncs in half the time;
//! and where there is no room, there is none before a frame was touched. Knows offsets and lengths.

use crate::store::disk::device::{Disk, File};
use std::io;
use std::sync::Arc;

/// The directory of the segments.
pub(crate) const FOLDER: &str = "journal";
/// A segment that would grow past this is followed by another.
pub(crate) const SEGMENT: u64 = 16 * 1024 * 1024;
/// The first zeros of a segment: little, for a run of one step.
const FIRST: u64 = 64 * 1024;
/// The most zeros written ahead at once.
const AHEAD: u64 = 1024 * 1024;

/// An open segment, for reading.
#[derive(Clone)]
pub(crate) struct Segment {
    /// The number of its first frame, which names it.
    pub(crate) first: u64,
    /// The last frame it stands for, where it was cleaned.
    pub(crate) last: Option<u64>,
    /// The file.
    pub(crate) file: Arc<dyn File>,
}

/// The path of the segment that begins with that frame.
pub(crate) fn path(first: u64) -> String {
    format!("{FOLDER}/{first:020}.seg")
}

/// The path of the cleaned segment that stands for those frames.
pub(crate) fn kept_path(first: u64, last: u64) -> String {
    format!("{FOLDER}/{first:020}-{last:020}.kept")
}

/// The first frame of the segment of that file name, and the last where it was cleaned.
pub(crate) fn range_of(name: &str) -> Option<(u64, Option<u64>)> {
    if let Some(range) = name.strip_suffix(".kept") {
        let (first, last) = range.split_once('-')?;
        return Some((first.parse().ok()?, Some(last.parse().ok()?)));
    }
    Some((name.strip_suffix(".seg")?.parse().ok()?, None))
}

impl Segment {
    /// Opens a segment that is there.
    pub(crate) fn open(disk: &dyn Disk, (first, last): (u64, Option<u64>)) -> io::Result<Self> {
        let path = last.map_or_else(|| path(first), |last| kept_path(first, last));
        Ok(Self { first, last, file: disk.open(&path)? })
    }

    /// Its path.
    pub(crate) fn path(&self) -> String {
        self.last.map_or_else(|| path(self.first), |last| kept_path(self.first, last))
    }

    /// Makes a new one, its name durable.
    pub(crate) fn create(disk: &dyn Disk, first: u64) -> io::Result<Self> {
        let file = disk.create(&path(first))?;
        disk.sync_dir(FOLDER)?;
        Ok(Self { first, last: None, file })
    }
}

/// The end of the segment that is written.
pub(crate) struct Tail {
    /// The segment.
    pub(crate) segment: Segment,
    /// Where the next frame goes.
    pub(crate) end: u64,
    size: u64,
}

impl Tail {
    /// The tail of a segment whose frames end at `end`.
    pub(crate) fn new(segment: Segment, end: u64) -> io::Result<Self> {
        let size = segment.file.len()?;
        Ok(Self { segment, end, size })
    }

    /// Whether that much would make it longer than `most`.
    pub(crate) fn is_past(&self, bytes: usize, most: u64) -> bool {
        self.end > 0 && self.end + bytes as u64 > most
    }

    /// Writes zeros until that much fits. Nothing has changed where this fails.
    pub(crate) fn make_room(&mut self, bytes: usize) -> io::Result<()> {
        let need = self.end + bytes as u64;
        if need <= self.size {
            return Ok(());
        }
        let ahead = if self.size == 0 { FIRST } else { self.size.min(AHEAD) };
        let size = (need + ahead).next_multiple_of(FIRST);
        let zeros = vec![0; usize::try_from(size - self.size).unwrap_or_default()];
        if let Err(error) = self.segment.file.write_at(self.size, &zeros) {
            // Whatever was written is zeros: harmless if it can't be taken back.
            drop(self.segment.file.truncate(self.size));
            return Err(error);
        }
        self.size = size;
        Ok(())
    }

    /// Writes frames and makes them durable. Where this fails, nobody knows what is on the disk. What there is to do
    /// `meanwhile` is done while the device writes.
    pub(crate) fn write(&mut self, bytes: &[u8], meanwhile: Option<&mut dyn FnMut()>) -> io::Result<()> {
        self.segment.file.write_at(self.end, bytes)?;
        if let Some(meanwhile) = meanwhile {
            self.segment.file.hurry(self.end, bytes.len() as u64);
            meanwhile();
        }
        self.segment.file.sync()?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Overwrites what is left of frames behind the end, which nobody was promised.
    pub(crate) fn clear(&mut self, bytes: &[u8]) -> io::Result<()> {
        let rest = bytes.get(usize::try_from(self.end).unwrap_or(usize::MAX)..).unwrap_or_default();
        if rest.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        self.segment.file.write_at(self.end, &vec![0; rest.len()])?;
        self.segment.file.sync()
    }
}
