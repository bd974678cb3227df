//! Bytes under their hash: outputs, texts, requests too large for an event. Written once, whole or not
//! at all, verified whenever they are read.

use crate::base::digest::Digest;
use crate::store::disk::device::{Disk, is_full, read_all};
use crate::store::{AppendError, ReadError};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const FOLDER: &str = "blobs";
const NEW: &str = "blobs/new";

/// The blobs of a data directory.
pub(crate) struct Blobs {
    disk: Arc<dyn Disk>,
    next: AtomicU64,
}

impl Blobs {
    /// Opens them; what was half written when the last owner ended is taken away.
    pub(crate) fn open(disk: Arc<dyn Disk>) -> io::Result<Self> {
        disk.make_dir(FOLDER)?;
        disk.make_dir(NEW)?;
        for name in disk.list(NEW)? {
            disk.remove(&format!("{NEW}/{name}"))?;
        }
        Ok(Self { disk, next: AtomicU64::new(0) })
    }

    /// Keeps the bytes; they are durable when this returns.
    pub(crate) fn put(&self, bytes: &[u8]) -> Result<Digest, AppendError> {
        let digest = Digest::of(bytes);
        self.write(&digest, bytes).map(|()| digest).map_err(|error| {
            let what = format!("output {digest}: {error}");
            if is_full(&error) { AppendError::Full(what) } else { AppendError::Broken(what) }
        })
    }

    fn write(&self, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        let (folder, path) = place(digest);
        // One that is there may be damaged, or its name not yet durable: both are made good.
        if self.read(digest).is_err() {
            let new = format!("{NEW}/{}", self.next.fetch_add(1, Ordering::Relaxed));
            self.disk.make_dir(&folder)?;
            let file = self.disk.create(&new)?;
            file.write_at(0, bytes)?;
            file.sync()?;
            self.disk.rename(&new, &path)?;
        }
        self.disk.sync_dir(FOLDER)?;
        self.disk.sync_dir(&folder)
    }

    /// Whether there are bytes of that hash.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.disk.open(&place(digest).1).is_ok()
    }

    /// The bytes of that hash.
    pub(crate) fn get(&self, digest: &Digest) -> Result<Vec<u8>, ReadError> {
        self.read(digest).map_err(|error| {
            let lost = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData);
            if lost { ReadError::Blob(*digest) } else { ReadError::Io(error.to_string()) }
        })
    }

    fn read(&self, digest: &Digest) -> io::Result<Vec<u8>> {
        let bytes = read_all(&*self.disk.open(&place(digest).1)?)?;
        if Digest::of(&bytes) == *digest { Ok(bytes) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

fn place(digest: &Digest) -> (String, String) {
    let name = digest.to_string();
    let folder = format!("{FOLDER}/{}", &name[..2]);
    let path = format!("{folder}/{name}");
    (folder, path)
}
