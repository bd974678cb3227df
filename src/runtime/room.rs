//! How much is free where the data is.

use std::path::Path;

/// What is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes.
    pub bytes: u64,
    /// Files; `None` where the file system has no table of them.
    pub files: Option<u64>,
}

/// What is free where a path is; `None` where nobody can say.
#[must_use]
pub fn room(path: &Path) -> Option<Room> {
    let at = rustix::fs::statvfs(path).ok()?;
    let files = (at.f_files > 0).then_some(at.f_favail);
    Some(Room { bytes: at.f_bavail.saturating_mul(at.f_frsize), files })
}
