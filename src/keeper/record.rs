//! The record of one attempt, and of one keeper: written so that a reader sees all of a line or nothing of it.
//!
//! An attempt's record is one file that only grows: a line when it was seen, one when its child runs, one
//! when all is over. A line that is cut off, or whose bytes the loss of power took, is none. One file
//! and no rename, because making a file costs more than everything else a short step does.

use crate::keeper::protocol::{Exit, Process};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The ending of an attempt's record.
const RECORD: &str = "attempt";
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

/// A line of a record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line<Of> {
    Seen(Of),
    Child(Of),
    Exit(Of),
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Told {
    /// Before the child was started.
    pub(crate) seen: Option<Seen>,
    /// Once it ran.
    pub(crate) child: Option<Started>,
    /// Once all was over.
    pub(crate) exit: Option<Exit>,
}

/// How much a line must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Survive {
    /// The end of any process.
    Crash,
    /// The loss of power, too.
    PowerLoss,
}

/// The open record of an attempt.
#[derive(Debug)]
pub(crate) struct Record {
    file: File,
    /// Whether the last line may be cut off.
    torn: bool,
}

impl Record {
    /// Begins the record of a new attempt; fails with `AlreadyExists` when there is one.
    pub(crate) fn claim(stem: &Path, seen: &Seen) -> io::Result<Self> {
        let path = part(stem, RECORD);
        let file = match create(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                stem.parent().map(make_dir).transpose()?;
                create(&path)
            }
            file => file,
        }?;
        let mut record = Self { file, torn: false };
        match record.write(&Line::Seen(seen)) {
            Ok(()) => Ok(record),
            Err(error) => {
                // Nothing was started under it: a record without a line would be a doubt.
                let _ = fs::remove_file(&path);
                Err(error)
            }
        }
    }

    /// The child runs.
    pub(crate) fn started(&mut self, started: &Started) -> io::Result<()> {
        self.write(&Line::Child(started))
    }

    /// All is over.
    pub(crate) fn ended(&mut self, exit: &Exit, survive: Survive) -> io::Result<()> {
        self.write(&Line::Exit(exit))?;
        match survive {
            Survive::Crash => Ok(()),
            Survive::PowerLoss => self.file.sync_all(),
        }
    }

    fn write<Of: Serialize>(&mut self, line: &Line<Of>) -> io::Result<()> {
        let mut bytes = if self.torn { b"\n".to_vec() } else { Vec::new() };
        serde_json::to_writer(&mut bytes, line)?;
        bytes.push(b'\n');
        self.torn = true;
        self.file.write_all(&bytes)?;
        self.torn = false;
        Ok(())
    }
}

/// What the record of that attempt says; `None` = there is no record.
pub(crate) fn read_record(stem: &Path) -> Option<Told> {
    let bytes = fs::read(part(stem, RECORD)).ok()?;
    let mut told = Told::default();
    // What follows the last line's end is no line yet.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    for line in bytes[..whole].split(|byte| *byte == b'\n') {
        match serde_json::from_slice::<Line<serde_json::Value>>(line) {
            Ok(Line::Seen(seen)) => told.seen = serde_json::from_value(seen).ok(),
            Ok(Line::Child(child)) => told.child = serde_json::from_value(child).ok(),
            Ok(Line::Exit(exit)) => told.exit = serde_json::from_value(exit).ok(),
            Err(_) => {}
        }
    }
    Some(told)
}

/// How the attempt of that stem ended, if it is recorded.
#[must_use]
pub fn read_exit(stem: &Path) -> Option<Exit> {
    read_record(stem)?.exit
}

/// A file of an attempt: its stem with that ending.
#[must_use]
pub fn part(stem: &Path, ending: &str) -> PathBuf {
    let mut path = stem.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    path.into()
}

/// Creates a directory, 0700, with those above it.
pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// A new file, 0600, that must not be there yet.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)
}

/// Writes a file in the place of whatever was there, all or nothing, for good.
pub(crate) fn replace<T: Serialize>(dir: &Path, name: &str, value: &T) -> io::Result<()> {
    let new = dir.join(format!("{name}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    file.sync_all()?;
    fs::rename(new, dir.join(name))
}

/// A file that [`replace`] wrote; `None` = there is none, or none that can be read.
pub(crate) fn read<T: DeserializeOwned>(dir: &Path, name: &str) -> Option<T> {
    serde_json::from_slice(&fs::read(dir.join(name)).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_cut_off_is_none() {
        let folder = tempfile::tempdir().expect("a directory");
        let stem = folder.path().join("run/a.1");
        assert_eq!(read_record(&stem), None);
        let process = Process { pid: 7, start_time: 9, boot_id: "b".into() };
        let seen = Seen { attempt: "a".into(), keeper: process.clone() };
        let mut record = Record::claim(&stem, &seen).expect("claimed");
        assert_eq!(Record::claim(&stem, &seen).expect_err("twice").kind(), ErrorKind::AlreadyExists);
        let child = Started { child: process, session: 3 };
        record.started(&child).expect("written");
        let exit = Exit { code: Some(4), ..Exit::default() };
        record.ended(&exit, Survive::PowerLoss).expect("written");
        let whole = Told { seen: Some(seen.clone()), child: Some(child.clone()), exit: Some(exit.clone()) };
        assert_eq!(read_record(&stem), Some(whole.clone()));

        let path = part(&stem, RECORD);
        let bytes = fs::read(&path).expect("there");
        for cut in 0..bytes.len() {
            fs::write(&path, &bytes[..cut]).expect("written");
            let told = read_record(&stem).expect("there");
            assert_eq!(told.exit, None, "cut at {cut}");
            assert!(told.seen.is_none() || told.seen.as_ref() == Some(&seen), "cut at {cut}");
            assert!(told.child.is_none() || told.child.as_ref() == Some(&child), "cut at {cut}");
        }
        // A disk that was full in the middle of a line: the next try begins a line of its own.
        fs::write(&path, [&bytes[..], b"{\"exit\":{\"co"].concat()).expect("written");
        let file = OpenOptions::new().append(true).open(&path).expect("there");
        Record { file, torn: true }.ended(&Exit { code: Some(5), ..exit.clone() }, Survive::Crash).expect("written");
        assert_eq!(read_exit(&stem).and_then(|exit| exit.code), Some(5));
    }
}
