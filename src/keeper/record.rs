//! The files of one attempt, and of one keeper: written so that a reader sees all of them or nothing.

use crate::keeper::protocol::{Exit, Process};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Written before the child is started: the attempt was seen.
pub(crate) const SEEN: &str = "attempt.json";
/// Written once the child runs.
pub(crate) const CHILD: &str = "child.json";
/// Written when all is over.
pub(crate) const EXIT: &str = "exit.json";
/// What a keeper says of itself, in its own directory.
pub(crate) const KEEPER: &str = "keeper.json";

/// The attempt was seen by that keeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) attempt: String,
    pub(crate) keeper: Process,
}

/// The child of an attempt; its process group has its number, its session is its keeper's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Started {
    pub(crate) child: Process,
    pub(crate) session: i32,
}

/// How much a file must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Survive {
    /// The end of any process.
    Crash,
    /// The loss of power, too.
    PowerLoss,
}

/// Creates a directory, 0700, with those above it.
pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// A new file, 0600, that must not be there yet.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Writes the first record of its kind; fails with `AlreadyExists` when there is one.
pub(crate) fn claim<T: Serialize>(dir: &Path, name: &str, value: &T) -> io::Result<()> {
    create(&dir.join(name))?.write_all(&serde_json::to_vec(value)?)
}

/// Writes a record in the place of whatever was there, all or nothing.
pub(crate) fn replace<T: Serialize>(dir: &Path, name: &str, value: &T, survive: Survive) -> io::Result<()> {
    let new = dir.join(format!("{name}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    if survive == Survive::PowerLoss {
        file.sync_all()?;
    }
    fs::rename(new, dir.join(name))
}

/// A record; `None` = there is none, or none that can be read.
pub(crate) fn read<T: DeserializeOwned>(dir: &Path, name: &str) -> Option<T> {
    serde_json::from_slice(&fs::read(dir.join(name)).ok()?).ok()
}

/// How the attempt of that spool directory ended, if it is recorded.
#[must_use]
pub fn read_exit(dir: &Path) -> Option<Exit> {
    read(dir, EXIT)
}
