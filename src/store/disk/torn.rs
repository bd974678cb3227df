//! What stood behind the journal's end and was cut off, kept for a person to look at.
//!
//! Nobody was promised any of it, unless a device destroyed the last second before the end: then it is all that is
//! left of that second. So it is saved before it is cut off, and as long as it is there nothing is cleared away that
//! might belong to it.

use crate::store::disk::device::Disk;
use std::io;
use std::path::Path;

/// The folder of what a person has to look at, below the data directory.
pub const SALVAGE: &str = "salvage";
/// How the names of such files begin.
const TORN: &str = "torn-";

/// Saves bytes behind the end of a segment's frames; true where there were any. `frame` would have been the next.
pub(crate) fn keep_torn(disk: &dyn Disk, frame: u64, segment: u64, bytes: &[u8]) -> bool {
    let Some(last) = bytes.iter().rposition(|byte| *byte != 0) else { return false };
    let path = format!("{SALVAGE}/{TORN}{frame}-{segment}");
    if let Err(error) = save(disk, &path, &bytes[..=last]) {
        tracing::warn!(%error, "what stood behind the end of the journal could not be saved before it was cut off");
    }
    true
}

fn save(disk: &dyn Disk, path: &str, bytes: &[u8]) -> io::Result<()> {
    disk.make_dir(SALVAGE)?;
    let file = match disk.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let file = disk.open(path)?;
            file.truncate(0)?;
            file
        }
        created => created?,
    };
    file.write_at(0, bytes)?;
    file.sync()?;
    disk.sync_dir(SALVAGE)
}

/// The files in which it is kept, by name.
#[must_use]
pub fn torn(data: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(data.join(SALVAGE)).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(TORN)).collect();
    names.sort();
    names
}
