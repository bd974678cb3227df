//! The few things the journal asks of a file system, so that a test can fail each of them.
//!
//! Knows paths below the data directory, bytes and syncs; never what the bytes are. Beside the real
//! one there is `faulty`, in memory, which can lose everything that was not synced.

use rustix::fs::Advice;
use std::fs::{self, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The smallest page of memory there is.
const PAGE: u64 = 4096;

/// A file system below one directory. Paths are relative to it.
pub(crate) trait Disk: Send + Sync {
    /// A new, empty file; it must not be there yet.
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>>;
    /// A file that is there.
    fn open(&self, path: &str) -> io::Result<Arc<dyn File>>;
    /// The names in a directory, sorted.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// A new directory; one that is there already will do.
    fn make_dir(&self, path: &str) -> io::Result<()>;
    /// Gives a file another name, replacing what had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Takes a file away.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &str) -> io::Result<()>;
}

/// An open file.
pub(crate) trait File: Send + Sync {
    /// Its length.
    fn len(&self) -> io::Result<u64>;
    /// Fills `into` from there on; less only at the end of the file.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Writes all of it there.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts it to that length.
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// Lets the device begin to write that part, if it can; waits for nothing and promises nothing.
    fn hurry(&self, _at: u64, _len: u64) {}
    /// Makes content and length durable.
    fn sync(&self) -> io::Result<()>;
}

/// All bytes of a file.
pub(crate) fn read_all(file: &dyn File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(file.len()?).unwrap_or_default()];
    let read = file.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// The directory on the machine's own file system.
pub(crate) struct Real {
    root: PathBuf,
}

impl Real {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.into() }
    }
}

impl Disk for Real {
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(self.root.join(path))?;
        Ok(Arc::new(file))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(OpenOptions::new().read(true).write(true).open(self.root.join(path))?))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join(path))? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn make_dir(&self, path: &str) -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(self.root.join(path)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.root.join(from), self.root.join(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.root.join(path))
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        fs::File::open(self.root.join(path))?.sync_all()
    }
}

impl File for fs::File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < into.len() {
            match FileExt::read_at(self, &mut into[done..], at + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn hurry(&self, at: u64, len: u64) {
        // Of pieces of pages this only begins to write them. Whole pages it would take out of memory, too, and wait for every
        // processor where it can't yet. A refusal means that the sync does it all.
        if len < PAGE {
            let _ = rustix::fs::fadvise(self, at, NonZeroU64::new(len), Advice::DontNeed);
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Whether the device has no room (or no inodes, or the quota is spent).
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
