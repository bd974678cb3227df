//! What a cleaner that was interrupted has left, put right at opening; and zeroed files kept for later.
//!
//! A cleaned segment names the files it stands for. While all of them are there its writer may not have
//! got through, and it goes; once one is missing it counts, and what is left of them goes.

use crate::store::disk::device::{Disk, File};
use crate::store::disk::frame;
use crate::store::disk::segment::{FOLDER, Segment, range_of};
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

/// A cleaned segment while it is written.
pub(crate) const NEW: &str = "journal/new";
/// A segment that nobody needs any more, while zeros are written over it.
const OLD: &str = "journal/old";
/// A file of zeros that becomes the next segment.
const SPARE: &str = "journal/spare";
/// Files of zeros that become segments where the disk is full.
const RESERVES: [&str; 4] = ["journal/reserve.0", "journal/reserve.1", "journal/reserve.2", "journal/reserve.3"];
/// Bytes of each.
pub(crate) const RESERVE: u64 = 1024 * 1024;
/// Zeros written at once.
const ZEROS: usize = 256 * 1024;

/// The segments that count, oldest first, as first frame and, where cleaned, last one. What does not
/// count is taken away.
pub(crate) fn segments(disk: &dyn Disk) -> io::Result<Vec<(u64, Option<u64>)>> {
    let names = disk.list(FOLDER)?;
    let path = |name: &str| format!("{FOLDER}/{name}");
    let half = names.iter().filter(|name| [NEW, OLD].contains(&path(name).as_str()));
    let mut ranges: Vec<(u64, Option<u64>)> = names.iter().filter_map(|name| range_of(name)).collect();
    let mut out: BTreeSet<String> = half.map(|name| path(name)).collect();
    // The widest first: it may stand for narrower ones.
    let mut kept: Vec<_> = ranges.iter().filter_map(|(first, last)| Some((*first, (*last)?))).collect();
    kept.sort_by_key(|(first, last)| std::cmp::Reverse(last - first));
    for (first, last) in kept {
        let segment = Segment::open(disk, (first, Some(last)))?;
        let Some(sources) = sources(&*segment.file)? else { continue };
        let there = |name: &&String| names.contains(name) && !out.contains(&path(name));
        let left: Vec<&String> = sources.iter().filter(there).collect();
        if sources.is_empty() {
            continue;
        }
        if left.len() == sources.len() {
            out.insert(segment.path());
        } else {
            out.extend(left.into_iter().map(|name| path(name)).collect::<Vec<_>>());
        }
    }
    ranges.retain(|(first, last)| {
        let name = last.map_or_else(|| super::segment::path(*first), |last| super::segment::kept_path(*first, last));
        !out.contains(&name)
    });
    for path in &out {
        disk.remove(path)?;
    }
    if !out.is_empty() {
        disk.sync_dir(FOLDER)?;
    }
    ranges.sort_unstable();
    Ok(ranges)
}

/// The files that a cleaned segment stands for; `None` where its head is damaged.
fn sources(file: &dyn File) -> io::Result<Option<Vec<String>>> {
    let bytes = super::device::read_all(file)?;
    let head = frame::read(&bytes, 0).filter(|head| head.header.number == 0);
    let payload = head.and_then(|head| head.payloads(&bytes, 0).and_then(|all| all.first().map(|one| one.to_vec())));
    Ok(payload.map(|payload| String::from_utf8_lossy(&payload).lines().map(ToOwned::to_owned).collect()))
}

/// Zeroed files of the journal's folder.
pub(crate) struct Spares {
    disk: Arc<dyn Disk>,
}

impl Spares {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk }
    }

    /// Makes a segment that nobody needs any more the spare one, or takes it away.
    pub(crate) fn recycle(&self, segment: &Segment, size: u64) -> io::Result<()> {
        let path = segment.path();
        let whole = segment.last.is_none() && segment.file.len()? >= size;
        // Whoever still reads it would read zeros.
        let alone = Arc::strong_count(&segment.file) == 1;
        if !whole || !alone || self.disk.open(SPARE).is_ok() {
            return self.disk.remove(&path);
        }
        self.disk.rename(&path, OLD)?;
        self.disk.sync_dir(FOLDER)?;
        segment.file.truncate(size)?;
        zero(&*segment.file, size)?;
        self.disk.rename(OLD, SPARE)
    }

    /// Gives the spare file that name, if there is one.
    pub(crate) fn take(&self, path: &str) -> io::Result<bool> {
        self.rename(SPARE, path)
    }

    /// Gives a file of the reserve that name, for a journal on a full disk.
    pub(crate) fn take_reserve(&self, path: &str) -> io::Result<bool> {
        for name in std::iter::once(SPARE).chain(RESERVES) {
            if self.rename(name, path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<bool> {
        match self.disk.rename(from, to) {
            Ok(()) => self.disk.sync_dir(FOLDER).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes one file of the reserve that is missing; false when all are there.
    pub(crate) fn fill(&self) -> io::Result<bool> {
        let names = self.disk.list(FOLDER)?;
        let missing = |path: &&str| !names.iter().any(|name| path.strip_prefix("journal/") == Some(name));
        let Some(path) = RESERVES.into_iter().find(missing) else { return Ok(false) };
        if names.iter().any(|name| name == "reserve.new") {
            self.disk.remove("journal/reserve.new")?;
        }
        let file = self.disk.create("journal/reserve.new")?;
        let filled = zero(&*file, RESERVE).and_then(|()| self.disk.rename("journal/reserve.new", path));
        if filled.is_err() {
            drop(self.disk.remove("journal/reserve.new"));
        }
        filled.and_then(|()| self.disk.sync_dir(FOLDER)).map(|()| true)
    }
}

fn zero(file: &dyn File, size: u64) -> io::Result<()> {
    let zeros = vec![0; ZEROS];
    for at in (0..size).step_by(ZEROS) {
        let count = (size - at).min(ZEROS as u64);
        file.write_at(at, &zeros[..usize::try_from(count).unwrap_or(ZEROS)])?;
    }
    file.sync()
}
