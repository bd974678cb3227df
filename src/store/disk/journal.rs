//! The journal on disk as everybody else sees it: opened, appended to, read, closed.

use crate::base::digest::Digest;
use crate::store::disk::anchor::{Anchor, AnchorFile};
use crate::store::disk::blob::Blobs;
use crate::store::disk::cleaner::Cleaner;
use crate::store::disk::device::{Disk, Real};
use crate::store::disk::directory::{Host, OpenError, Standing, check_format, enter};
use crate::store::disk::index::Index;
use crate::store::disk::line::{Line, Upkeep};
use crate::store::disk::lock::Lock;
use crate::store::disk::reader::Reader;
use crate::store::disk::recover::{Damage, has_frame, recover};
use crate::store::disk::segment::{FOLDER, SEGMENT};
use crate::store::disk::table::Makers;
use crate::store::disk::tidy::Spares;
use crate::store::disk::writer::Writer;
use crate::store::{
    AppendError, Batch, Done, Journal, KeyValue, Project, ReadError, Row, StreamId, Version, digests_in, no_rows,
};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a data directory is opened.
#[derive(Clone)]
pub struct Settings {
    /// Makes the rows of the index.
    pub project: Project,
    /// Changes whenever `project` makes other rows of the same events.
    pub project_version: String,
    /// The machine this runs on.
    pub host: Host,
    /// Whether a directory that was brought here from elsewhere may be opened: it is ours once it is told to be
    /// ([`DiskJournal::adopt`]).
    pub adopt: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { project: no_rows(), project_version: "none".into(), host: Host::here(), adopt: false }
    }
}

/// The journal in a data directory, owned by this process until it is dropped.
pub struct DiskJournal {
    pub(crate) reader: Arc<Reader>,
    pub(crate) index: Arc<Index>,
    pub(crate) blobs: Arc<Blobs>,
    anchor: Arc<Mutex<AnchorFile>>,
    pub(crate) epoch: u64,
    pub(crate) damage: Vec<Damage>,
    torn: bool,
    pub(crate) cleaner: Arc<Cleaner>,
    pub(crate) standing: Standing,
    /// The machine this runs on.
    pub(crate) machine: String,
    way: Way,
    upkeep: Option<Upkeep>,
    /// Last, so that it is let go of last.
    lock: Option<Lock>,
}

/// How batches get to the writer.
pub(crate) enum Way {
    /// By its thread.
    Line(Line),
    /// In the caller's own, step by step, for tests that count every step.
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests step the writer themselves"))]
    Here(Mutex<Writer>),
}

impl DiskJournal {
    /// Opens a data directory, or makes one.
    ///
    /// # Errors
    /// [`OpenError`], each a sentence for the operator.
    pub fn open(directory: &Path, settings: Settings) -> Result<Self, OpenError> {
        enter(directory)?;
        let lock = Lock::take(directory)?;
        let disk: Arc<dyn Disk> = Arc::new(Real::new(directory));
        let standing = check_format(&*disk, directory, &settings.host, settings.adopt)?;
        let machine = settings.host.machine.clone();
        let makers = Makers { project: settings.project_version, host: settings.host };
        let index = Index::new(Some(directory.join("index")), settings.project, makers);
        let io = |error: io::Error| OpenError::io(directory, &error);
        let (mut journal, writer) = Self::on(disk, index, SEGMENT).map_err(io)?;
        journal.way = Way::Line(Line::start(writer).map_err(io)?);
        let (anchor, cleaner, epoch) = (Arc::clone(&journal.anchor), Arc::clone(&journal.cleaner), journal.epoch);
        let blobs = Arc::clone(&journal.blobs);
        let upkeep = Upkeep::start(move || {
            blobs.tick();
            keep_up(&anchor, &cleaner.reader, &cleaner.index, epoch);
            clean_up(&cleaner);
        });
        journal.upkeep = Some(upkeep.map_err(io)?);
        (journal.standing, journal.machine, journal.lock) = (standing, machine, Some(lock));
        Ok(journal)
    }

    /// Opens what is on that disk; the caller decides how batches get to the writer.
    pub(crate) fn on(disk: Arc<dyn Disk>, index: Index, most: u64) -> io::Result<(Self, Writer)> {
        disk.make_dir(FOLDER)?;
        let blobs = Arc::new(Blobs::open(Arc::clone(&disk))?);
        let (mut anchor, was) = AnchorFile::open(&*disk)?;
        if anchor.unreadable && !has_frame(&*disk)? {
            let why = "neither its anchor nor any frame of its journal can be read: it is left as it is; restore it from a copy";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        if was == Anchor::default() {
            // Once: from its first word on, the anchor proves that these names are durable.
            disk.sync_dir("")?;
        }
        let found = recover(&*disk, was.number)?;
        if !was.clean
            && let Some((_, last)) = found.segments.last_key_value()
        {
            // A process that died may have written what it had not synced yet, name or frames. From now on
            // it is seen, so it must last.
            last.file.sync()?;
            disk.sync_dir(FOLDER)?;
        }
        let epoch = was.epoch + 1;
        anchor.set(epoch, found.number, false)?;
        let segment = found.segments.last_key_value().map_or(0, |(last, _)| *last);
        let reader = Arc::new(Reader::new(found.segments, found.streams, found.number, found.bytes));
        let (index, anchor) = (Arc::new(index), Arc::new(Mutex::new(anchor)));
        let spares = || Spares::new(Arc::clone(&disk));
        let cleaner = Arc::new(Cleaner {
            disk: Arc::clone(&disk),
            reader: Arc::clone(&reader),
            index: Arc::clone(&index),
            spares: spares(),
            evidence: found.evidence,
            most,
            counted: Mutex::default(),
        });
        let writer = Writer {
            spares: spares(),
            disk,
            reader: Arc::clone(&reader),
            index: Arc::clone(&index),
            anchor: Arc::clone(&anchor),
            epoch,
            tail: found.tail,
            segment,
            most,
            broken: None,
        };
        let closed = Way::Line(Line::closed());
        let (damage, torn) = (found.damage, found.torn);
        let journal = Self {
            reader,
            index,
            blobs,
            anchor,
            epoch,
            damage,
            torn,
            cleaner,
            standing: Standing::Ours,
            machine: String::new(),
            way: closed,
            upkeep: None,
            lock: None,
        };
        Ok((journal, writer))
    }

    /// The same, with the writer in the caller's thread.
    #[cfg(test)]
    pub(crate) fn stepped(disk: Arc<dyn Disk>, index: Index, most: u64) -> io::Result<Self> {
        let (mut journal, writer) = Self::on(disk, index, most)?;
        journal.way = Way::Here(Mutex::new(writer));
        Ok(journal)
    }

    /// Appends batches as one group, as the writer's thread does with what has queued up.
    #[cfg(test)]
    pub(crate) fn append_together(&self, group: Vec<(Batch, Done)>) {
        match &self.way {
            Way::Here(writer) => locked(writer).commit(group, None),
            Way::Line(_) => panic!("only a stepped journal has groups to choose"),
        }
    }

    /// What of the journal can't be read; empty when all is well.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Whether something stood behind its end when it was opened, and was cut off.
    #[must_use]
    pub fn was_torn(&self) -> bool {
        self.torn
    }

    /// Whether something of it can't be read that nobody has taken note of.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.damage.iter().any(|damage| !damage.noted)
    }

    /// Whether all that is known of a damaged stream is there: only lost frames may have held more of it.
    #[must_use]
    pub fn is_whole_but_for_loss(&self, stream: &StreamId) -> bool {
        self.reader.streams().is_whole_but_for_loss(stream)
    }

    /// The streams that can't be trusted and why.
    #[must_use]
    pub fn damaged_streams(&self) -> Vec<(StreamId, String)> {
        self.reader.streams().damaged()
    }

    /// Why the stored index was not believed at this opening, if it was not.
    #[must_use]
    pub fn index_doubt(&self) -> Option<String> {
        self.index.doubt()
    }

    /// Wins back the room of what was forgotten, now instead of within a second.
    ///
    /// # Errors
    /// What the system says; nothing is lost then.
    pub fn clean(&self) -> io::Result<()> {
        while self.cleaner.clean()? {}
        Ok(())
    }

    /// Takes away blobs that no event names; returns how many. Where something can't be read, nobody knows
    /// what it names: all stay.
    ///
    /// # Errors
    /// What the system says.
    pub fn sweep(&self) -> io::Result<usize> {
        let _still = self.cleaner.hold();
        let all = self.blobs.list()?;
        if all.is_empty() || self.is_doubtful() || !self.damaged_streams().is_empty() {
            return Ok(0);
        }
        let mut names = BTreeSet::new();
        let unread = self.reader.replay(0, &mut |told| {
            if !told.forgotten {
                digests_in(told.payload, &mut names);
            }
        });
        match unread.map_err(|error| io::Error::other(error.to_string()))? {
            0 => self.blobs.sweep(&all, &names),
            _ => Ok(0),
        }
    }

    /// Makes the whole reserve now instead of a file of it each second.
    #[cfg(test)]
    pub(crate) fn fill_reserve(&self) -> io::Result<()> {
        while self.cleaner.spares.fill()? {}
        Ok(())
    }

    /// Brings anchor and index up to date now instead of within a second.
    pub fn keep_up(&self) {
        keep_up(&self.anchor, &self.reader, &self.index, self.epoch);
    }
}

/// Wins back room as long as there is some, and sees to the reserve.
fn clean_up(cleaner: &Cleaner) {
    let mut again = cleaner.has_work();
    while again {
        again = cleaner.clean().unwrap_or_else(|error| {
            tracing::warn!(%error, "the journal could not be cleaned; it is tried again when more is forgotten");
            false
        });
    }
    if let Err(error) = cleaner.spares.fill() {
        tracing::debug!(%error, "the journal's reserve could not be filled");
    }
}

fn keep_up(anchor: &Mutex<AnchorFile>, reader: &Reader, index: &Index, epoch: u64) {
    if let Err(error) = locked(anchor).set(epoch, reader.number(), false) {
        tracing::warn!(%error, "the journal's anchor could not be written");
    }
    if let Err(error) = index.flush(reader, false) {
        tracing::warn!(%error, "the index could not be written");
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for DiskJournal {
    fn drop(&mut self) {
        if let Way::Line(line) = &mut self.way {
            line.stop();
        }
        if let Some(upkeep) = &mut self.upkeep {
            upkeep.stop();
        }
        let indexed = self.index.flush(&self.reader, true);
        let anchored = locked(&self.anchor).set(self.epoch, self.reader.number(), true);
        if indexed.is_err() || anchored.is_err() {
            tracing::warn!(?indexed, ?anchored, "the data directory could not be closed cleanly");
        }
        // sled lets go of its files before anybody else may open them.
        self.index.close();
        drop(self.lock.take());
    }
}

impl Journal for DiskJournal {
    fn append(&self, batch: Batch, done: Done) {
        match &self.way {
            Way::Line(line) => line.put(batch, done),
            Way::Here(writer) => locked(writer).commit(vec![(batch, done)], None),
        }
    }

    fn append_here(&self, batches: Vec<(Batch, Done)>, meanwhile: &mut dyn FnMut()) {
        match &self.way {
            Way::Line(line) => line.put_here(batches, meanwhile),
            Way::Here(writer) => locked(writer).commit(batches, Some(meanwhile)),
        }
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn streams(&self, prefix: &str) -> Result<Vec<(StreamId, Version)>, ReadError> {
        Ok(self.reader.streams().named(prefix))
    }

    fn version(&self, stream: &StreamId) -> Result<Version, ReadError> {
        self.reader.version(stream)
    }

    fn read(&self, stream: &StreamId, from: Version) -> Result<Vec<Vec<u8>>, ReadError> {
        self.reader.read(stream, from)
    }

    fn past(&self, stream: &StreamId) -> Result<(Version, Vec<u8>), ReadError> {
        let streams = self.reader.streams();
        let base = streams.get(stream).map(|found| found.base);
        Ok(base.map(|(version, chain)| (version, chain.to_vec())).unwrap_or_default())
    }

    fn get(&self, row: &Row) -> Result<Option<Vec<u8>>, ReadError> {
        self.index.get(&self.reader, row)
    }

    fn scan(
        &self,
        tree: &'static str,
        from: &[u8],
        to: &[u8],
        backwards: bool,
        limit: usize,
    ) -> Result<Vec<KeyValue>, ReadError> {
        self.index.scan(&self.reader, tree, (from, to), backwards, limit)
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<Digest, AppendError> {
        self.blobs.put(bytes)
    }

    fn directory(&self) -> Option<&DiskJournal> {
        Some(self)
    }

    fn has_blob(&self, digest: &Digest) -> bool {
        self.blobs.has(digest)
    }

    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, ReadError> {
        self.blobs.get(digest)
    }
}
