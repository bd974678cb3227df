//! A copy of a data directory while its owner writes: everything that is durable at one moment, so that
//! the copy opens like a directory whose machine stopped then.
//!
//! The index is not copied: it is made again. Locks, sockets and keys are nobody else's.

use crate::store::StreamId;
use crate::store::disk::DiskJournal;
use crate::store::disk::anchor::AnchorFile;
use crate::store::disk::device::{Disk, Real, read_all};
use crate::store::disk::directory::text_of_copy;
use crate::store::disk::frame;
use crate::store::disk::segment::FOLDER;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copied {
    /// The last frame.
    pub frame: u64,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl DiskJournal {
    /// Copies the journal and its blobs into a directory that is not there or empty; says which streams are
    /// in it. Its `format` file is the
    /// last: without it a copy is no data directory.
    ///
    /// # Errors
    /// What the system says; what was copied until then is left.
    pub fn backup(&self, from: &Path, to: &Path) -> io::Result<(Copied, Vec<StreamId>)> {
        make_dir(to)?;
        if std::fs::read_dir(to)?.next().is_some() {
            return Err(io::Error::other("it is not empty"));
        }
        let disk = Real::new(to);
        let mut copied = Copied::default();
        let streams;
        {
            // No segment goes while they are copied.
            let _still = self.cleaner.hold();
            streams = self.reader.streams().named("").into_iter().map(|(stream, _)| stream).collect();
            let last = self.reader.number();
            copied.frame = last;
            disk.make_dir(FOLDER)?;
            for (_, segment) in self.reader.segments().into_iter().filter(|(_, one)| one.first <= last) {
                let mut bytes = read_all(&*segment.file)?;
                if segment.last.is_none() {
                    bytes.truncate(end_of(&bytes, last));
                }
                put(&disk, &segment.path(), &bytes, &mut copied)?;
            }
            disk.sync_dir(FOLDER)?;
            copy_all(&from.join("blobs"), &to.join("blobs"), &mut copied)?;
        }
        let (mut anchor, _) = AnchorFile::open(&disk)?;
        anchor.set(self.epoch, copied.frame, false)?;
        Ok((copied, streams))
    }

    /// Makes the copy a data directory, once everything else is in it: one that is held, on this machine too.
    ///
    /// # Errors
    /// What the system says.
    pub fn seal_backup(&self, to: &Path, copied: &mut Copied) -> io::Result<()> {
        let disk = Real::new(to);
        disk.sync_dir("")?;
        put(&disk, "format", text_of_copy().as_bytes(), copied)?;
        disk.sync_dir("")
    }
}

/// Copies a directory with everything below it but what is still being written under `new`.
///
/// # Errors
/// What the system says.
pub fn copy_all(from: &Path, to: &Path, copied: &mut Copied) -> io::Result<()> {
    make_dir(to)?;
    let disk = Real::new(to);
    let entries = match std::fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        if kind.is_dir() && name != "new" {
            copy_all(&entry.path(), &to.join(&name), copied)?;
        } else if kind.is_file() {
            match std::fs::read(entry.path()) {
                Ok(bytes) => put(&disk, &name.to_string_lossy(), &bytes, copied)?,
                // Whatever goes meanwhile is needed by nobody.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    disk.sync_dir("")
}

/// Copies one file of a directory.
///
/// # Errors
/// What the system says.
pub fn copy_file(from: &Path, to: &Path, name: &str, copied: &mut Copied) -> io::Result<()> {
    put(&Real::new(to), name, &std::fs::read(from.join(name))?, copied)
}

fn put(disk: &Real, path: &str, bytes: &[u8], copied: &mut Copied) -> io::Result<()> {
    let file = disk.create(path)?;
    file.write_at(0, bytes)?;
    file.sync()?;
    copied.files += 1;
    copied.bytes += bytes.len() as u64;
    Ok(())
}

fn make_dir(path: &Path) -> io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Where the frames up to that number end.
fn end_of(bytes: &[u8], last: u64) -> usize {
    let mut at = 0;
    while let Some((place, found)) =
        frame::read(bytes, at).map(|found| (at, found)).or_else(|| frame::search(bytes, at))
    {
        if found.header.number > last {
            break;
        }
        at = place + found.header.total();
    }
    at.min(bytes.len())
}

/// Opens a new file for export, private.
///
/// # Errors
/// What the system says; one that is there is an error.
pub fn private_file(path: &Path) -> io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
