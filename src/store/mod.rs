//! The journal: streams of events as bytes, durable before anyone is told, and an index made from them.
//!
//! Knows bytes, keys, versions and hashes; never what an event means. `codec` alone knows how the
//! engine's events become bytes; `project` functions, handed in at opening, say which rows of the
//! index an event puts and deletes.

mod admit;
pub mod archive;
pub mod codec;
#[cfg(test)]
mod conformance;
pub mod disk;
pub mod memory;

use crate::base::digest::Digest;
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The name of a stream: `run/01k…`, `group/app`, `book`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(Arc<str>);

impl StreamId {
    /// The stream of that kind and key.
    #[must_use]
    pub fn new(kind: &str, key: &str) -> Self {
        Self(format!("{kind}/{key}").into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The stream of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        Self(name.into())
    }
}

/// Streams are found by their bare names, in the same order.
impl Borrow<str> for StreamId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many events a stream has; the version before its first event is 0.
pub type Version = u64;

/// What must hold for a batch to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// The stream has exactly this version.
    At(StreamId, Version),
    /// The index has no such row.
    Absent(Row),
    /// The data directory is still held under this epoch.
    Lease(u64),
}

/// A row of the index, by tree and key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The tree.
    pub tree: &'static str,
    /// The key.
    pub key: Vec<u8>,
}

/// One absolute change of the index: a row's value, or its absence. Never an increment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which row.
    pub row: Row,
    /// Its value from now on; `None` deletes it.
    pub value: Option<Vec<u8>>,
}

/// Events for one to many streams and what must hold for them: all or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// What must hold.
    pub guards: Vec<Guard>,
    /// Payloads by stream, in order; each at most `limits::MAX_EVENT` bytes, the batch `MAX_BATCH`.
    pub appends: Vec<(StreamId, Vec<Vec<u8>>)>,
    /// What is forgotten, before the appends.
    pub forgets: Vec<Forget>,
}

/// Events that go for good. Their room on the disk is won back later, by the cleaner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forget {
    /// A whole stream and every row that its events put, as if it had never been. No other stream may put
    /// one of those rows, and the name is not used again.
    Whole(StreamId),
    /// The events a stream has so far; it goes on behind them with its version and its hash. For streams
    /// whose events put no rows, or put them all again with the next event.
    Past(StreamId),
    /// What a stream without events had elsewhere up to that version, with the hash it had there: an import.
    Before(StreamId, Version, Vec<u8>),
    /// All that a damaged stream has: it begins anew behind its version. Somebody has saved what can be read of it,
    /// and its rows are made again by whoever asks for this.
    Damaged(StreamId),
    /// That these frames of the journal are lost: a person knows, and streams that may have had later events in
    /// them are trusted again, as they stand, from the next opening on.
    Loss(u64, u64),
}

impl Forget {
    /// Of which stream, if of one.
    #[must_use]
    pub fn stream(&self) -> Option<&StreamId> {
        match self {
            Self::Whole(stream) | Self::Past(stream) | Self::Before(stream, ..) | Self::Damaged(stream) => Some(stream),
            Self::Loss(..) => None,
        }
    }
}

/// Why a batch was not taken, or may not have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// A guard did not hold: read and decide again.
    #[error("somebody else was first: {0}")]
    Conflict(String),
    /// It may have committed: read the heads before anything else.
    #[error("the store could not say whether it was written: {0}")]
    Unknown(String),
    /// Too many batches wait for the writer; nothing was written. Try again a little later.
    #[error("the journal's writer is behind: {0}")]
    Busy(String),
    /// The batch breaks a limit and never can be taken as it is; nothing was written.
    #[error("the journal does not take this: {0}")]
    Refused(String),
    /// No space; nothing was written.
    #[error("no space left for the journal: {0}")]
    Full(String),
    /// The store can't go on; nothing more will be written until it is opened again.
    #[error("the journal is broken: {0}")]
    Broken(String),
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The bytes of this stream are not what was written. Other streams are unaffected.
    #[error("stream `{stream}` is damaged: {what}")]
    Corrupt {
        /// The stream.
        stream: String,
        /// What is wrong.
        what: String,
    },
    /// A blob that is named by an event is not there, or is not what its name says.
    #[error("output {0} is missing or damaged")]
    Blob(Digest),
    /// The device said no.
    #[error("cannot read the store: {0}")]
    Io(String),
}

/// Called once, from the writer's thread, when a batch is durable (with the new versions, in the order
/// of its appends) or was not taken.
pub type Done = Box<dyn FnOnce(Result<Vec<Version>, AppendError>) + Send>;

/// Says which rows of the index an event puts and deletes. Pure; total; handed in at opening.
pub type Project = Arc<dyn Fn(&StreamId, Version, &[u8]) -> Vec<Change> + Send + Sync>;

/// A row as it is found: key and value.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// The hashes that stand in an event's bytes: words of 64 hex digits. What a blob is named by, without
/// knowing what the event means; a word may be something else, too.
pub(crate) fn digests_in(payload: &[u8], digests: &mut std::collections::BTreeSet<Digest>) {
    let is_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let words = payload.split(|byte| !is_hex(byte)).filter(|word| word.len() == 64);
    digests.extend(words.filter_map(|word| Digest::parse(&String::from_utf8_lossy(word))));
}

/// A projection that makes no rows.
#[must_use]
pub fn no_rows() -> Project {
    Arc::new(|_, _, _| Vec::new())
}

/// The port to durable storage. Shipped: memory, disk.
pub trait Journal: Send + Sync {
    /// Appends a batch; `done` is called once it is durable or refused. Batches of one stream are
    /// answered in the order they were given. Never waits for the disk: the batch is queued, and
    /// where the queue is full `done` hears [`AppendError::Busy`] at once.
    fn append(&self, batch: Batch, done: Done);

    /// Appends batches of one moment, for a caller who has nothing to do but wait for them: a single one
    /// may be made durable in the caller's own thread before this returns, so that nobody has to be woken. What there is to do
    /// `meanwhile` is done, once at most, while the disk is at work: nothing is durable then, and nothing may be said to be.
    fn append_here(&self, batches: Vec<(Batch, Done)>, meanwhile: &mut dyn FnMut()) {
        meanwhile();
        for (batch, done) in batches {
            self.append(batch, done);
        }
    }

    /// The epoch under which this journal is held, for [`Guard::Lease`]; each opening has a higher one.
    fn epoch(&self) -> u64;

    /// The streams whose names begin with `prefix`, and their versions, by name.
    ///
    /// # Errors
    /// [`ReadError`] when the store cannot be read.
    fn streams(&self, prefix: &str) -> Result<Vec<(StreamId, Version)>, ReadError>;

    /// The version of a stream; 0 when it has no event.
    ///
    /// # Errors
    /// [`ReadError`] when the store cannot be read.
    fn version(&self, stream: &StreamId) -> Result<Version, ReadError>;

    /// The events of a stream behind version `from` (0 = all there are), oldest first, verified. Those that
    /// were forgotten are not among them.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] for this stream alone.
    fn read(&self, stream: &StreamId, from: Version) -> Result<Vec<Vec<u8>>, ReadError>;

    /// How many events of a stream are forgotten, and the hash over them; 0 where it has all.
    ///
    /// # Errors
    /// [`ReadError`] when the store cannot be read.
    fn past(&self, stream: &StreamId) -> Result<(Version, Vec<u8>), ReadError>;

    /// The value of a row of the index.
    ///
    /// # Errors
    /// [`ReadError`] when the store cannot be read.
    fn get(&self, row: &Row) -> Result<Option<Vec<u8>>, ReadError>;

    /// At most `limit` rows of a tree with keys in `from..to` (`to` empty = to the end), in order, or
    /// newest first where `backwards`.
    ///
    /// # Errors
    /// [`ReadError`] when the store cannot be read.
    fn scan(
        &self,
        tree: &'static str,
        from: &[u8],
        to: &[u8],
        backwards: bool,
        limit: usize,
    ) -> Result<Vec<KeyValue>, ReadError>;

    /// Stores bytes under their hash, durably; the event that names them must be appended afterwards.
    ///
    /// # Errors
    /// [`AppendError::Full`] or [`AppendError::Broken`].
    fn put_blob(&self, bytes: &[u8]) -> Result<Digest, AppendError>;

    /// Whether there are bytes of that hash. If so they stay for the next while as if they had just been
    /// put, so that an event can name them.
    fn has_blob(&self, digest: &Digest) -> bool;

    /// The bytes of that hash, verified.
    ///
    /// # Errors
    /// [`ReadError::Blob`] when they are not there or not what they should be.
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, ReadError>;

    /// The data directory it is in, where it is in one: to examine it and to copy it.
    fn directory(&self) -> Option<&disk::DiskJournal> {
        None
    }
}
