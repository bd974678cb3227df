//! The one writer: judges batches in the order they came, writes those taken as one group, syncs once,
//! and only then tells anybody.
//!
//! A sync that failed is never tried again: the system may have dropped the pages it could not write,
//! and a second sync would say yes to that. The journal is broken until it is opened, and read, anew.

use crate::store::admit::{Held, admit};
use crate::store::disk::anchor::AnchorFile;
use crate::store::disk::device::{Disk, is_full};
use crate::store::disk::frame::{self, Chain, Entry, chain_next, chain_start};
use crate::store::disk::index::Index;
use crate::store::disk::reader::Reader;
use crate::store::disk::record::{PAYLOAD, Record};
use crate::store::disk::segment::{self, Segment, Tail};
use crate::store::disk::streams::Place;
use crate::store::disk::tidy::{RESERVE, Spares};
use crate::store::{AppendError, Batch, Change, Done, Forget, ReadError, Row, StreamId, Version};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// What the writer is made of.
pub(crate) struct Writer {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) spares: Spares,
    pub(crate) reader: Arc<Reader>,
    pub(crate) index: Arc<Index>,
    pub(crate) anchor: Arc<Mutex<AnchorFile>>,
    pub(crate) epoch: u64,
    /// Where the next frame goes; `None` begins a segment.
    pub(crate) tail: Option<Tail>,
    /// The tail's number among the segments.
    pub(crate) segment: u32,
    /// A segment that would grow past this is followed by another.
    pub(crate) most: u64,
    /// Why nothing is written any more.
    pub(crate) broken: Option<String>,
}

/// A group that is being put together.
struct Draft<'a> {
    writer: &'a Writer,
    bytes: Vec<u8>,
    number: u64,
    durable: u64,
    /// Heads and rows as they will be once the group is durable.
    heads: BTreeMap<StreamId, (Version, Chain)>,
    rows: BTreeMap<Row, bool>,
    /// Streams that are forgotten with it.
    forgotten: BTreeSet<StreamId>,
    changes: Vec<(u64, Change)>,
    /// Frames by number and offset in `bytes`.
    frames: Vec<(u64, usize, Vec<Entry>)>,
}

impl Writer {
    /// Takes what can be taken of a group, makes it durable together, then answers in order.
    pub(crate) fn commit(&mut self, group: Vec<(Batch, Done)>, meanwhile: Option<&mut dyn FnMut()>) {
        let durable = self.reader.number();
        let mut draft = Draft {
            writer: self,
            bytes: Vec::new(),
            number: durable,
            durable,
            heads: BTreeMap::new(),
            rows: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            changes: Vec::new(),
            frames: Vec::new(),
        };
        let mut answers = Vec::new();
        for (batch, done) in group {
            let answer = match &draft.writer.broken {
                Some(why) => Err(AppendError::Broken(why.clone())),
                None => draft.take(&batch),
            };
            answers.push((done, answer));
        }
        let Draft { bytes, number, changes, frames, .. } = draft;
        let written = if frames.is_empty() { Ok(()) } else { self.write(&bytes, number, &frames, meanwhile) };
        if written.is_ok() && !frames.is_empty() {
            self.index.apply(number, changes);
        }
        for (done, answer) in answers {
            done(answer.and_then(|versions| written.clone().map(|()| versions)));
        }
    }

    fn write(
        &mut self,
        bytes: &[u8],
        number: u64,
        frames: &[(u64, usize, Vec<Entry>)],
        meanwhile: Option<&mut dyn FnMut()>,
    ) -> Result<(), AppendError> {
        let first = frames.first().map_or(number, |(first, _, _)| *first);
        let room = self.room(bytes.len(), first);
        let at = match (room, &mut self.tail) {
            (Ok(()), Some(tail)) => {
                let at = tail.end;
                if let Err(error) = tail.write(bytes, meanwhile) {
                    let why = format!("the journal could not be written or synced: {error}");
                    self.broken = Some(why.clone());
                    return Err(AppendError::Unknown(why));
                }
                at
            }
            (Ok(()), None) => return Err(AppendError::Broken("no segment to write to".into())),
            (Err(error), _) if is_full(&error) => return Err(AppendError::Full(error.to_string())),
            (Err(error), _) => {
                let why = format!("no room could be made in the journal: {error}");
                self.broken = Some(why.clone());
                return Err(AppendError::Broken(why));
            }
        };
        let mut streams = self.reader.streams_mut();
        for (number, offset, entries) in frames {
            let at = u32::try_from(at + *offset as u64).unwrap_or(u32::MAX);
            for entry in entries {
                streams.take(entry, Place { segment: self.segment, at, from: entry.from }, *number, true);
            }
        }
        // Whoever sees a stream gone finds the frame that says so: published before anybody else may look.
        self.reader.publish(number, bytes.len() as u64);
        drop(streams);
        Ok(())
    }

    /// Makes room for that much; the last step that may fail without harm.
    fn room(&mut self, bytes: usize, first: u64) -> io::Result<()> {
        let made = self.usual_room(bytes, first);
        match made {
            Err(error) if is_full(&error) && bytes as u64 <= RESERVE => {
                // What is under way may still end: files that were kept for this.
                self.seal(first)?;
                if !self.spares.take_reserve(&segment::path(first))? {
                    return Err(error);
                }
                tracing::warn!("the disk is full: the journal goes on in its reserve");
                if self.tail.as_ref().is_some_and(|tail| tail.segment.first == first) {
                    // It was begun, found no room, and has just lost its name.
                    self.reader.drop_segment(self.segment);
                }
                self.begin(Segment::open(&*self.disk, (first, None))?)
            }
            made => made,
        }
    }

    fn usual_room(&mut self, bytes: usize, first: u64) -> io::Result<()> {
        if self.tail.as_ref().is_none_or(|tail| tail.is_past(bytes, self.most)) {
            self.seal(first)?;
            let spare = self.spares.take(&segment::path(first))?;
            let segment =
                if spare { Segment::open(&*self.disk, (first, None))? } else { Segment::create(&*self.disk, first)? };
            self.begin(segment)?;
        }
        match &mut self.tail {
            Some(tail) => tail.make_room(bytes),
            None => Ok(()),
        }
    }

    /// Says durably that all frames before `first` are there: the tail is left behind.
    fn seal(&mut self, first: u64) -> io::Result<()> {
        if self.tail.is_some() {
            let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
            anchor.set(self.epoch, first - 1, false)?;
        }
        Ok(())
    }

    fn begin(&mut self, segment: Segment) -> io::Result<()> {
        let tail = Tail::new(segment.clone(), 0)?;
        self.segment = self.reader.add_segment(segment);
        self.tail = Some(tail);
        Ok(())
    }
}

impl Draft<'_> {
    fn take(&mut self, batch: &Batch) -> Result<Vec<Version>, AppendError> {
        admit(batch, self)?;
        for (stream, _) in &batch.appends {
            self.head(stream)?;
            if self.forgotten.contains(stream) || self.writer.reader.streams().gone(stream).is_some() {
                return Err(AppendError::Refused(format!("stream `{stream}` was forgotten")));
            }
        }
        let forgotten = batch.forgets.iter().map(|forget| self.forget(forget)).collect::<Result<Vec<_>, _>>()?;
        let forgotten: Vec<_> = forgotten.into_iter().flatten().collect();
        if batch.appends.is_empty() && forgotten.is_empty() {
            return Ok(Vec::new());
        }
        self.number += 1;
        let mut entries = Vec::new();
        let mut versions = Vec::new();
        let mut payloads: Vec<&[u8]> = Vec::new();
        for (record, changes) in forgotten {
            entries.push(record.entry(PAYLOAD));
            payloads.push(PAYLOAD);
            if let Record::Whole(stream) = record {
                self.heads.remove(&stream);
                self.forgotten.insert(stream);
            }
            for change in changes {
                self.rows.insert(change.row.clone(), false);
                self.changes.push((self.number, change));
            }
        }
        for (stream, events) in &batch.appends {
            let (from, mut chain) = self.head(stream)?;
            let mut version = from;
            for event in events {
                version += 1;
                chain = chain_next(&chain, version, event);
                for change in (self.writer.index.project())(stream, version, event) {
                    self.rows.insert(change.row.clone(), change.value.is_some());
                    self.changes.push((self.number, change));
                }
                payloads.push(event);
            }
            let lengths = events.iter().map(|event| u32::try_from(event.len()).unwrap_or(u32::MAX)).collect();
            entries.push(Entry { stream: stream.as_str().into(), from, lengths, chain });
            versions.push(version);
            self.heads.insert(stream.clone(), (version, chain));
        }
        let offset = self.bytes.len();
        frame::write(&mut self.bytes, self.number, self.durable, &entries, &payloads);
        self.frames.push((self.number, offset, entries));
        Ok(versions)
    }

    /// The record that forgets this, and the rows that go; `None` where there is nothing to forget.
    fn forget(&self, forget: &Forget) -> Result<Option<(Record, Vec<Change>)>, AppendError> {
        let Some(stream) = forget.stream() else {
            return Ok(match forget {
                Forget::Loss(first, last) => Some((Record::Loss(*first, *last), Vec::new())),
                Forget::Whole(_) | Forget::Past(_) | Forget::Before(..) | Forget::Damaged(_) => None,
            });
        };
        if self.heads.contains_key(stream) {
            return Err(AppendError::Busy(format!("events of `{stream}` are on their way")));
        }
        if let Forget::Before(stream, version, hash) = forget {
            let chain = hash.as_slice().try_into();
            let chain = chain.map_err(|_| AppendError::Refused(format!("`{stream}` begins with no hash")))?;
            return Ok(Some((Record::Past(stream.clone(), *version, chain), Vec::new())));
        }
        if let Forget::Damaged(stream) = forget {
            let streams = self.writer.reader.streams();
            let damaged = streams.get(stream).filter(|found| found.damage.is_some());
            return Ok(damaged.map(|found| (Record::Past(stream.clone(), found.version, found.chain), Vec::new())));
        }
        let (version, chain) = self.head(stream)?;
        let reader = &self.writer.reader;
        let known = reader.streams().get(stream).map(|found| found.base.0);
        let Some(base) = known.filter(|_| !self.forgotten.contains(stream)) else { return Ok(None) };
        match forget {
            Forget::Before(..) | Forget::Damaged(_) | Forget::Loss(..) => Ok(None),
            Forget::Past(_) if base == version => Ok(None),
            Forget::Past(_) => Ok(Some((Record::Past(stream.clone(), version, chain), Vec::new()))),
            Forget::Whole(_) => {
                let unreadable = |error: ReadError| AppendError::Refused(error.to_string());
                let mut changes = Vec::new();
                for (version, event) in (base + 1..).zip(reader.read(stream, base).map_err(unreadable)?) {
                    let rows = (self.writer.index.project())(stream, version, &event);
                    changes.extend(rows.into_iter().map(|change| Change { value: None, ..change }));
                }
                Ok(Some((Record::Whole(stream.clone()), changes)))
            }
        }
    }

    fn head(&self, stream: &StreamId) -> Result<(Version, Chain), AppendError> {
        if let Some(head) = self.heads.get(stream) {
            return Ok(*head);
        }
        if self.forgotten.contains(stream) {
            return Ok((0, chain_start(stream.as_str())));
        }
        let streams = self.writer.reader.streams();
        match streams.get(stream).and_then(|found| found.damage.as_ref()) {
            Some(what) => Err(AppendError::Refused(format!("stream `{stream}` is damaged: {what}"))),
            None => Ok(streams.head(stream)),
        }
    }
}

impl Held for Draft<'_> {
    fn version(&self, stream: &StreamId) -> Result<Version, AppendError> {
        self.head(stream).map(|(version, _)| version)
    }

    fn has(&self, row: &Row) -> Result<bool, AppendError> {
        if let Some(there) = self.rows.get(row) {
            return Ok(*there);
        }
        let unreadable = |error: ReadError| AppendError::Refused(error.to_string());
        self.writer.index.get(&self.writer.reader, row).map(|value| value.is_some()).map_err(unreadable)
    }

    fn epoch(&self) -> u64 {
        self.writer.epoch
    }
}
