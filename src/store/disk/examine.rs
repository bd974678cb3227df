//! A data directory looked at as a whole, beside its owner: is everything there that should be, and as it
//! was written? Changes nothing and stops nobody.

use crate::base::digest::Digest;
use crate::store::disk::{Damage, DiskJournal};
use crate::store::{Journal, ReadError, StreamId, Version, digests_in};
use std::collections::{BTreeMap, BTreeSet};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Examination {
    /// Streams read from their first event to their last, hash for hash.
    pub streams: u64,
    /// Their events.
    pub events: u64,
    /// The last frame.
    pub frame: u64,
    /// Frames that can't be read.
    pub damage: Vec<Damage>,
    /// Streams that can't be trusted, and why.
    pub damaged: Vec<(StreamId, String)>,
    /// Rows of the index that were compared with what the events make.
    pub rows: u64,
    /// Rows that are not what the events make: tree and key.
    pub wrong_rows: Vec<(String, String)>,
    /// Blobs that were read.
    pub blobs: u64,
    /// Blobs that are not what their names say, and a stream that names each, if one does.
    pub bent_blobs: Vec<(Digest, Option<StreamId>)>,
    /// Blobs that no event names.
    pub garbage: u64,
}

/// A tree and a key in it.
type RowKey = (&'static str, Vec<u8>);

/// Rows by tree and key.
type Rows = BTreeMap<RowKey, Option<Vec<u8>>>;

impl DiskJournal {
    /// Reads everything and compares it.
    ///
    /// # Errors
    /// [`ReadError::Io`] when the device says no.
    pub fn examine(&self) -> Result<Examination, ReadError> {
        let mut found =
            Examination { frame: self.reader.number(), damage: self.damage.clone(), ..Examination::default() };
        let mut names: BTreeMap<Digest, StreamId> = BTreeMap::new();
        // The names first: nobody holds the streams while they are read.
        let streams = self.reader.streams().named("");
        for (stream, _) in streams {
            match self.reader.read(&stream, 0) {
                Ok(events) => {
                    found.streams += 1;
                    found.events += events.len() as u64;
                    let mut here = BTreeSet::new();
                    for event in &events {
                        digests_in(event, &mut here);
                    }
                    names.extend(here.into_iter().map(|digest| (digest, stream.clone())));
                }
                Err(ReadError::Corrupt { what, .. }) => found.damaged.push((stream, what)),
                Err(error) => return Err(error),
            }
        }
        self.examine_index(&mut found)?;
        self.examine_blobs(&names, &mut found)?;
        Ok(found)
    }

    /// Compares each row with what the events make. Those that change meanwhile are left out.
    fn examine_index(&self, found: &mut Examination) -> Result<(), ReadError> {
        // What is forgotten meanwhile is told once more, as long as its frames are there.
        let _still = self.cleaner.hold();
        let until = self.index.current(&self.reader)?;
        let mut made = Rows::new();
        self.rows_up_to(until, &mut made)?;
        let trees: BTreeSet<&'static str> = made.keys().map(|(tree, _)| *tree).collect();
        let mut stored = Rows::new();
        for tree in trees {
            for (key, value) in self.scan(tree, &[], &[], false, usize::MAX)? {
                stored.insert((tree, key), Some(value));
            }
        }
        let young = self.rows_behind(until)?;
        let wanted = made.into_iter().filter(|(_, value)| value.is_some()).collect::<Rows>();
        found.rows = wanted.len() as u64;
        let keys: BTreeSet<_> = wanted.keys().chain(stored.keys()).filter(|key| !young.contains(key)).collect();
        let wrong = keys.into_iter().filter(|key| wanted.get(key) != stored.get(key));
        found.wrong_rows =
            wrong.map(|(tree, key)| ((*tree).to_owned(), String::from_utf8_lossy(key).into_owned())).collect();
        Ok(())
    }

    /// The rows that the events up to a frame make.
    fn rows_up_to(&self, until: u64, rows: &mut Rows) -> Result<(), ReadError> {
        let project = self.index.project();
        let each = &mut |told: &super::reader::Told<'_>| {
            // What is forgotten makes no rows.
            if told.number > until || told.forgotten {
                return;
            }
            for change in project(told.stream, told.version, told.payload) {
                rows.insert((change.row.tree, change.row.key), change.value);
            }
        };
        self.reader.replay(0, each).map(drop)
    }

    /// The rows that anything behind a frame touches, also what has come and gone since.
    fn rows_behind(&self, after: u64) -> Result<BTreeSet<RowKey>, ReadError> {
        let (project, mut rows) = (self.index.project(), BTreeSet::new());
        let each = &mut |told: &super::reader::Told<'_>| {
            rows.extend(
                project(told.stream, told.version, told.payload)
                    .into_iter()
                    .map(|change| (change.row.tree, change.row.key)),
            );
        };
        self.reader.replay_every(after, each)?;
        Ok(rows)
    }

    fn examine_blobs(&self, names: &BTreeMap<Digest, StreamId>, found: &mut Examination) -> Result<(), ReadError> {
        let all = self.blobs.list().map_err(|error| ReadError::Io(error.to_string()))?;
        for digest in &all {
            match self.blobs.get(digest) {
                Ok(_) => found.blobs += 1,
                Err(ReadError::Blob(_)) => found.bent_blobs.push((*digest, names.get(digest).cloned())),
                Err(error) => return Err(error),
            }
        }
        found.garbage = all.iter().filter(|digest| !names.contains_key(digest)).count() as u64;
        Ok(())
    }

    /// What is left of a stream that can't be trusted: every event of it in a frame that is whole.
    ///
    /// # Errors
    /// [`ReadError::Io`] when the device says no.
    pub fn salvage(&self, stream: &StreamId) -> Result<Vec<(Version, Vec<u8>)>, ReadError> {
        let mut events = Vec::new();
        self.reader.replay(0, &mut |told| {
            if told.stream == stream && !told.forgotten {
                events.push((told.version, told.payload.to_vec()));
            }
        })?;
        Ok(events)
    }

    /// Throws the stored index away and makes it again from the events.
    ///
    /// # Errors
    /// [`ReadError`] when it can't be made.
    pub fn rebuild_index(&self) -> Result<(), ReadError> {
        self.index.rebuild(&self.reader)
    }
}
