//! The records of attempts, and of one keeper: written so that a reader sees all of a line or nothing of it.
//!
//! All attempts of a run share one log that only grows: a line when one was seen, one when its child runs, one
//! when all is over, each with the name of its attempt. A line that is cut off, or whose bytes the loss of power took, is
//! none; each begins on a line of its own, whatever stands before it. No file for an attempt and no rename,
//! because making a file costs more than everything else a short step does
//! (`docs/decisions/0044-one-log-for-the-attempts-of-a-run.md`).

use crate::keeper::line::{self, Head, Tells};
use crate::keeper::protocol::{Exit, Process};
use crate::keeper::unminded::Ending;
use rustix::fs::{AtFlags, StatxFlags, statx};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The log of a run's attempts, in the directory of their files.
const LOG: &str = "attempts";
/// What a keeper says of itself, in its own directory.
pub(crate) const KEEPER: &str = "keeper.json";
/// Logs that are held open, the newest used.
const HELD: usize = 16;
/// Within this time a line that is being written has its end.
const WRITES: Duration = Duration::from_millis(20);
/// Bytes of a log that are read at once.
const PIECE: usize = 256 * 1024;

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
    /// When its time is up, in milliseconds of the boot-time clock: for whoever ends it where its keeper can't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deadline_ms: Option<u64>,
    /// From TERM to KILL then.
    #[serde(default)]
    pub(crate) grace_ms: u64,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Told {
    /// Before the child was started.
    pub(crate) seen: Option<Seen>,
    /// Once it ran.
    pub(crate) child: Option<Started>,
    /// Once an owner began to end it in the place of its keeper.
    pub(crate) ending: Option<Ending>,
    /// Whether it was ordered where this directory was brought from.
    pub(crate) elsewhere: bool,
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

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    at: u64,
    len: usize,
}

/// Where the lines of one attempt stand. The first who saw it has it; of the others the last word counts.
#[derive(Debug, Clone, Copy, Default)]
struct Lines {
    seen: Option<Span>,
    child: Option<Span>,
    ending: Option<Span>,
    elsewhere: bool,
    exit: Option<Span>,
}

/// The log of one run's attempts, and where in it everything stands.
#[derive(Debug)]
pub(crate) struct Log {
    dir: PathBuf,
    file: File,
    /// How far it was read: the end of a line.
    read: u64,
    /// Whether something in it is not what anybody wrote: a line of any attempt may be lost.
    bent: bool,
    /// Whether something stands behind the end of its last line.
    unended: bool,
    lines: HashMap<Box<str>, Lines>,
}

impl Log {
    /// The log in that directory; made, with the directory, where `make` says so.
    fn open(dir: &Path, make: bool) -> io::Result<Self> {
        let path = dir.join(LOG);
        let mut how = OpenOptions::new();
        how.read(true).append(true).create(make).mode(0o600);
        let file = match how.open(&path) {
            Err(error) if make && error.kind() == ErrorKind::NotFound => {
                make_dir(dir)?;
                how.open(&path)
            }
            file => file,
        }?;
        Ok(Self { dir: dir.into(), file, read: 0, bent: false, unended: false, lines: HashMap::new() })
    }

    /// Reads what has been written since, by whomever. False where it is not there any more: who goes on needs another.
    fn refresh(&mut self) -> io::Result<bool> {
        // Never its times: where somebody looks at them the kernel keeps them exact, and then a sync of any file has more to write.
        let found = statx(&self.file, c"", AtFlags::EMPTY_PATH, StatxFlags::NLINK | StatxFlags::SIZE)?;
        let mut piece = Vec::new();
        let mut at = self.read;
        while at < found.stx_size {
            let (kept, room) = (piece.len(), usize::try_from(found.stx_size - at).unwrap_or(PIECE).min(PIECE));
            piece.resize(kept + room, 0);
            let read = self.file.read_at(&mut piece[kept..], at)?;
            piece.truncate(kept + read);
            if read == 0 {
                break;
            }
            at += read as u64;
            // What follows the last line's end is no line yet.
            let whole = piece.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            for line in piece[..whole].split_inclusive(|byte| *byte == b'\n') {
                self.take(line);
            }
            piece.drain(..whole);
        }
        self.unended = !piece.is_empty();
        Ok(found.stx_nlink > 0 && found.stx_size >= self.read)
    }

    /// The next line, with its end.
    fn take(&mut self, line: &[u8]) {
        let span = Span { at: self.read, len: line.len() };
        self.read += line.len() as u64;
        if !line::is_sound(line) {
            self.bent = true;
            return;
        }
        let Some(head) = Head::of_line(line) else { return };
        // Nothing is started under a line that was not written whole.
        if head.tells == Tells::Seen && line::read::<Seen>(line, head.tells).is_none() {
            self.bent = true;
            return;
        }
        let lines = match self.lines.get_mut(head.of) {
            Some(lines) => lines,
            None => self.lines.entry(head.of.into()).or_default(),
        };
        match head.tells {
            Tells::Seen => drop(lines.seen.get_or_insert(span)),
            Tells::Child => lines.child = Some(span),
            Tells::Ending => drop(lines.ending.get_or_insert(span)),
            Tells::Elsewhere => lines.elsewhere = true,
            Tells::Exit => lines.exit = Some(span),
        }
    }

    fn at<T: DeserializeOwned>(&self, span: Option<Span>, tells: Tells) -> Option<T> {
        let span = span?;
        let mut bytes = vec![0; span.len];
        self.file.read_exact_at(&mut bytes, span.at).ok()?;
        line::is_sound(&bytes).then(|| line::read(&bytes, tells)).flatten()
    }

    /// What is said of that attempt; `None` = nothing.
    fn told(&self, name: &str) -> Option<Told> {
        let Lines { seen, child, ending, elsewhere, exit } = *self.lines.get(name)?;
        let first = |one: Span| exit.is_none_or(|exit| one.at < exit.at);
        let ending: Option<Ending> = self.at(ending.filter(|ending| first(*ending)), Tells::Ending);
        let told = |exit| match ending {
            Some(ending) => ending.of(exit),
            None => exit,
        };
        let exit = self.at(exit, Tells::Exit).map(told);
        let (seen, child) = (self.at(seen, Tells::Seen), self.at(child, Tells::Child));
        Some(Told { seen, child, ending, elsewhere, exit })
    }

    fn write<T: Serialize>(&mut self, name: &str, tells: Tells, what: &T) -> io::Result<()> {
        self.file.write_all(&line::compose(name, tells, what)?)
    }
}

/// A log that several attempts of one process write to.
type Shared = Rc<RefCell<Log>>;

/// The logs of a keeper, the newest used held open.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    held: Vec<Shared>,
}

impl Logs {
    /// Begins the record of a new attempt; fails with `AlreadyExists` when there is one.
    pub(crate) fn claim(&mut self, stem: &Path, seen: &Seen) -> io::Result<Record> {
        let (dir, name) = split(stem);
        let log = self.log(dir)?;
        {
            let mut log = log.borrow_mut();
            if log.lines.contains_key(name.as_str()) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            log.write(&name, Tells::Seen, seen)?;
            log.refresh()?;
            // Two keepers may have written at once: whose line comes first has it.
            let first = log.lines.get(name.as_str()).and_then(|lines| log.at::<Seen>(lines.seen, Tells::Seen));
            if first.as_ref() != Some(seen) {
                return Err(ErrorKind::AlreadyExists.into());
            }
        }
        Ok(Record { log, name })
    }

    /// The log of that directory as it is now.
    fn log(&mut self, dir: &Path) -> io::Result<Shared> {
        if let Some(at) = self.held.iter().position(|log| log.borrow().dir == dir) {
            let log = self.held.remove(at);
            if log.borrow_mut().refresh()? {
                self.held.push(Rc::clone(&log));
                return Ok(log);
            }
        }
        let mut log = Log::open(dir, true)?;
        log.refresh()?;
        if self.held.len() >= HELD {
            self.held.remove(0);
        }
        let log = Rc::new(RefCell::new(log));
        self.held.push(Rc::clone(&log));
        Ok(log)
    }
}

/// The record of an attempt, to be written on.
#[derive(Debug)]
pub(crate) struct Record {
    log: Shared,
    name: String,
}

impl Record {
    /// The child runs.
    pub(crate) fn started(&mut self, started: &Started) -> io::Result<()> {
        self.log.borrow_mut().write(&self.name, Tells::Child, started)
    }

    /// All is over.
    pub(crate) fn ended(&mut self, exit: &Exit, survive: Survive) -> io::Result<()> {
        let mut log = self.log.borrow_mut();
        log.write(&self.name, Tells::Exit, exit)?;
        match survive {
            Survive::Crash => Ok(()),
            Survive::PowerLoss => log.file.sync_all(),
        }
    }
}

/// What is recorded of that attempt; `None` = nothing.
pub(crate) fn read_record(stem: &Path) -> Option<Told> {
    /// Whoever asks for one attempt of a run asks for others: the log is not read again for each.
    static LOGS: Mutex<Vec<Log>> = Mutex::new(Vec::new());
    let (dir, name) = split(stem);
    let mut logs = LOGS.lock().unwrap_or_else(PoisonError::into_inner);
    let held = logs.iter().position(|log| log.dir == dir).map(|at| logs.remove(at));
    let is_there = |log: &mut Log| log.refresh().is_ok_and(|is_there| is_there);
    let mut log = match held.and_then(|mut log| is_there(&mut log).then_some(log)) {
        Some(log) => log,
        None => Log::open(dir, false).ok()?,
    };
    log.refresh().ok()?;
    let told = log.told(&name);
    if logs.len() >= HELD {
        logs.remove(0);
    }
    logs.push(log);
    told
}

/// Writes down that an owner ends the child of that attempt in the place of its keeper, and why.
pub(crate) fn begin_to_end(stem: &Path, ending: Ending) -> io::Result<()> {
    let (dir, name) = split(stem);
    Log::open(dir, false)?.write(&name, Tells::Ending, &ending)
}

/// Writes down, for good, that the attempt was ordered where this directory was brought from.
pub(crate) fn elsewhere(stem: &Path) -> io::Result<()> {
    let (dir, name) = split(stem);
    let mut log = Log::open(dir, false)?;
    log.write(&name, Tells::Elsewhere, &true)?;
    log.file.sync_all()?;
    // Its name, and that of its directory, may be new.
    for dir in [Some(dir), dir.parent()].into_iter().flatten() {
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

/// Whether a log has lost something that stood in it, so that an attempt of which nothing is said may have been seen all the
/// same: it can't be read, a line of it is not what was written, or it is gone from the directory that is only ever
/// made for it.
#[must_use]
pub fn has_lost(dir: &Path) -> bool {
    match Log::open(dir, false) {
        Ok(mut log) => {
            if log.refresh().is_ok() && log.unended {
                // A line that is just being written has its end a moment later.
                std::thread::sleep(WRITES);
            }
            log.refresh().is_err() || log.bent || log.unended
        }
        Err(error) => error.kind() != ErrorKind::NotFound || dir.exists(),
    }
}

/// The directory of an attempt's log and its name there.
fn split(stem: &Path) -> (&Path, String) {
    let name = stem.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    (stem.parent().unwrap_or(Path::new("")), name)
}

/// How the attempt of that stem ended, if it is recorded.
#[must_use]
pub fn read_exit(stem: &Path) -> Option<Exit> {
    read_record(stem)?.exit
}

/// Whether anything is recorded of the attempt of that stem.
#[must_use]
pub fn is_recorded(stem: &Path) -> bool {
    read_record(stem).is_some()
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

    fn seen(keeper: i32) -> Seen {
        let keeper = Process { pid: keeper, start_time: 9, boot_id: "b".into() };
        Seen { attempt: "a".into(), keeper }
    }

    fn again(claimed: io::Result<Record>) -> ErrorKind {
        claimed.expect_err("it has one").kind()
    }

    /// Writes a log anew: the one that was there is gone.
    fn lay(path: &Path, bytes: &[u8]) {
        fs::remove_file(path).expect("there");
        fs::write(path, bytes).expect("written");
    }

    #[test]
    fn a_line_that_is_cut_off_is_none() {
        let folder = tempfile::tempdir().expect("a directory");
        let stem = folder.path().join("run/a.1");
        assert_eq!(read_record(&stem), None);
        let mut logs = Logs::default();
        let mut record = logs.claim(&stem, &seen(7)).expect("claimed");
        assert_eq!(again(logs.claim(&stem, &seen(7))), ErrorKind::AlreadyExists);
        assert_eq!(again(Logs::default().claim(&stem, &seen(8))), ErrorKind::AlreadyExists, "by another keeper");
        let child = Started { child: seen(11).keeper, session: 3, deadline_ms: Some(7), grace_ms: 5 };
        record.started(&child).expect("written");
        let exit = Exit { code: Some(4), ..Exit::default() };
        record.ended(&exit, Survive::PowerLoss).expect("written");
        let whole =
            Told { seen: Some(seen(7)), child: Some(child.clone()), exit: Some(exit.clone()), ..Told::default() };
        assert_eq!(read_record(&stem), Some(whole));
        assert_eq!(read_record(&stem.with_file_name("a.2")), None, "of another one nothing is said");

        let path = stem.with_file_name(LOG);
        let bytes = fs::read(&path).expect("there");
        for cut in 0..bytes.len() {
            lay(&path, &bytes[..cut]);
            let told = read_record(&stem).unwrap_or_default();
            assert_eq!(told.exit, None, "cut at {cut}");
            assert!(told.seen.is_none() || told.seen == Some(seen(7)), "cut at {cut}");
            assert!(told.child.is_none() || told.child.as_ref() == Some(&child), "cut at {cut}");
            // Under a line that is not whole nothing was started: it can be.
            let free = told == Told::default();
            assert_eq!(Logs::default().claim(&stem, &seen(8)).is_ok(), free, "cut at {cut}");
            assert_eq!(
                read_record(&stem).and_then(|told| told.seen),
                Some(seen(if free { 8 } else { 7 })),
                "cut at {cut}"
            );
        }
        // A disk that was full in the middle of a line: the next try begins a line of its own.
        lay(&path, &[&bytes[..], b"\n{\"of\":\"a.1\",\"exit\":{\"co"].concat());
        record = Record {
            log: Logs::default().log(folder.path().join("run").as_path()).expect("there"),
            name: "a.1".into(),
        };
        record.ended(&Exit { code: Some(5), ..exit }, Survive::Crash).expect("written");
        assert_eq!(read_exit(&stem).and_then(|exit| exit.code), Some(5));
    }

    #[test]
    fn what_an_owner_did_in_its_keepers_place_counts_where_it_came_first() {
        let folder = tempfile::tempdir().expect("a directory");
        let (first, late) = (folder.path().join("a.1"), folder.path().join("b.1"));
        let mut logs = Logs::default();
        // The keeper, going on, knows of no deadline that it kept, and of another reason.
        let exit = Exit { signal: Some(15), stopped: true, ..Exit::default() };
        let mut record = logs.claim(&first, &seen(7)).expect("claimed");
        begin_to_end(&first, Ending::TimedOut).expect("written");
        begin_to_end(&first, Ending::Stopped).expect("written");
        assert_eq!(read_record(&first).and_then(|told| told.ending), Some(Ending::TimedOut));
        record.ended(&exit, Survive::Crash).expect("written");
        let told = read_exit(&first).expect("ended");
        assert_eq!((told.signal, told.timed_out, told.stopped), (Some(15), true, false));
        let mut record = logs.claim(&late, &seen(7)).expect("claimed");
        record.ended(&exit, Survive::Crash).expect("written");
        begin_to_end(&late, Ending::TimedOut).expect("written");
        assert_eq!(read_exit(&late), Some(exit), "it was over before");
        // An older keeper's record has no deadline.
        let older = r#"{"child":{"pid":1,"start_time":2,"boot_id":"b"},"session":3}"#;
        let older: Started = serde_json::from_str(older).expect("defaults");
        assert_eq!((older.deadline_ms, older.grace_ms), (None, 0));
    }

    #[test]
    fn whose_line_comes_first_has_the_attempt() {
        let folder = tempfile::tempdir().expect("a directory");
        let dir = folder.path().join("run");
        let (mut ours, mut theirs) = (Logs::default(), Logs::default());
        let other = ours.claim(&dir.join("b.1"), &seen(1)).expect("claimed");
        let log = theirs.log(&dir).expect("there");
        // Between our look and our line theirs is written, with more behind it than is read at once.
        log.borrow_mut().write("a.1", Tells::Seen, &seen(2)).expect("written");
        for _ in 0..3 {
            log.borrow_mut().write("b.2", Tells::Exit, &"x".repeat(PIECE)).expect("written");
        }
        other.log.borrow_mut().write("a.1", Tells::Seen, &seen(1)).expect("written");
        assert_eq!(again(ours.claim(&dir.join("a.1"), &seen(1))), ErrorKind::AlreadyExists);
        assert_eq!(read_record(&dir.join("a.1")).and_then(|told| told.seen), Some(seen(2)));
        ours.claim(&dir.join("a.2"), &seen(1)).expect("free");
    }

    #[test]
    fn a_log_that_is_gone_is_begun_anew() {
        let folder = tempfile::tempdir().expect("a directory");
        let dir = folder.path().join("run");
        let mut logs = Logs::default();
        logs.claim(&dir.join("a.1"), &seen(1)).expect("claimed");
        assert!(read_record(&dir.join("a.1")).is_some());
        fs::remove_dir_all(&dir).expect("removed");
        assert_eq!(read_record(&dir.join("a.1")), None);
        logs.claim(&dir.join("a.2"), &seen(1)).expect("claimed");
        assert!(read_record(&dir.join("a.2")).is_some());
    }

    #[test]
    fn more_logs_than_are_held_open() {
        let folder = tempfile::tempdir().expect("a directory");
        let stem = |run: usize| folder.path().join(format!("{run}/a.1"));
        let mut logs = Logs::default();
        let mut records: Vec<_> = (0..2 * HELD).map(|run| logs.claim(&stem(run), &seen(1)).expect("claimed")).collect();
        for (run, record) in records.iter_mut().enumerate() {
            let code = i32::try_from(run).ok();
            record.ended(&Exit { code, ..Exit::default() }, Survive::Crash).expect("written");
            assert_eq!(again(logs.claim(&stem(run), &seen(1))), ErrorKind::AlreadyExists);
        }
        for run in 0..2 * HELD {
            assert_eq!(read_exit(&stem(run)).and_then(|exit| exit.code), i32::try_from(run).ok());
        }
        assert!(logs.held.len() <= HELD);
    }
}
