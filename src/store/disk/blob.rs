//! Bytes under their hash: outputs, texts, requests too large for an event. Written once, whole or not
//! at all, verified whenever they are read.
//!
//! Those that no event names are garbage. Who puts bytes, or asks whether they are there, has a lease on
//! them: they stay for a while, so that an event can name them.

use crate::base::digest::Digest;
use crate::store::disk::device::{Disk, is_full, read_all};
use crate::store::{AppendError, ReadError};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const FOLDER: &str = "blobs";
const NEW: &str = "blobs/new";

/// The blobs of a data directory.
pub(crate) struct Blobs {
    disk: Arc<dyn Disk>,
    next: AtomicU64,
    /// Seconds since the opening, about.
    now: AtomicU64,
    /// When each was put or asked for in this process. Held while one is taken away.
    leases: Mutex<BTreeMap<Digest, u64>>,
}

/// Seconds that a lease lasts: a batch waits for the writer far shorter.
const LEASE: u64 = 600;

/// The hashes that stand in an event's bytes: runs of 64 hex digits.
pub(crate) fn named(payload: &[u8], names: &mut BTreeSet<Digest>) {
    let is_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let words = payload.split(|byte| !is_hex(byte)).filter(|word| word.len() == 64);
    names.extend(words.filter_map(|word| Digest::parse(&String::from_utf8_lossy(word))));
}

impl Blobs {
    /// Opens them; what was half written when the last owner ended is taken away.
    pub(crate) fn open(disk: Arc<dyn Disk>) -> io::Result<Self> {
        disk.make_dir(FOLDER)?;
        disk.make_dir(NEW)?;
        for name in disk.list(NEW)? {
            disk.remove(&format!("{NEW}/{name}"))?;
        }
        Ok(Self { disk, next: AtomicU64::new(0), now: AtomicU64::new(0), leases: Mutex::default() })
    }

    /// Another second has passed.
    pub(crate) fn tick(&self) {
        self.now.fetch_add(1, Ordering::Relaxed);
    }

    fn lease(&self, digest: &Digest) {
        self.leases().insert(*digest, self.now.load(Ordering::Relaxed));
    }

    fn leases(&self) -> MutexGuard<'_, BTreeMap<Digest, u64>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every blob there is.
    pub(crate) fn list(&self) -> io::Result<Vec<Digest>> {
        let mut all = Vec::new();
        for folder in self.disk.list(FOLDER)?.iter().filter(|name| name.len() == 2) {
            let names = self.disk.list(&format!("{FOLDER}/{folder}"))?;
            all.extend(names.iter().filter_map(|name| Digest::parse(name)));
        }
        Ok(all)
    }

    /// Takes those of `all` away that are neither in `names` nor leased; returns how many.
    pub(crate) fn sweep(&self, all: &[Digest], names: &BTreeSet<Digest>) -> io::Result<usize> {
        let now = self.now.load(Ordering::Relaxed);
        self.leases().retain(|_, at| *at + LEASE > now);
        let mut swept = 0;
        for digest in all.iter().filter(|digest| !names.contains(digest)) {
            let leases = self.leases();
            if !leases.contains_key(digest) {
                self.disk.remove(&place(digest).1)?;
                swept += 1;
            }
        }
        Ok(swept)
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
        self.lease(digest);
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
        self.lease(digest);
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
