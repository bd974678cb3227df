//! One stream of a child's output: read, masked, kept up to a limit, counted past it, its end kept all the same.
//!
//! What is short and over soon never becomes a file: it goes into the attempt's record with the end.

use crate::base::limits::MAX_OUTPUT_VALUE;
use crate::base::mask::Masker;
use crate::keeper::output::END;
use crate::keeper::protocol::StreamInfo;
use crate::keeper::record::{self, part};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Reads of one stream before the others get their turn.
const READS: usize = 8;
/// How long output is held before it becomes a file, for whoever follows it.
const HOLD: Duration = Duration::from_millis(100);
/// How much output goes into the record instead of a file.
pub(crate) const SHORT: usize = 4 * 1024;

/// One stream.
#[derive(Debug)]
pub(crate) struct Drain {
    /// `None` once it is at its end.
    pipe: Option<OwnedFd>,
    masker: Masker,
    spool: Spool,
}

#[derive(Debug)]
struct Spool {
    path: PathBuf,
    kept: Kept,
    limit: u64,
    /// The newest of what was not kept, at least [`MAX_OUTPUT_VALUE`] bytes where there were as many.
    rest: Vec<u8>,
    /// Of what is kept.
    crc: u32,
    info: StreamInfo,
}

#[derive(Debug)]
enum Kept {
    /// In memory, since then.
    Held(Vec<u8>, Duration),
    /// In its file.
    Written(File),
}

impl Drain {
    /// Keeps what comes out of `pipe`, in a new file if it must be one. The pipe must not block.
    pub(crate) fn new(pipe: OwnedFd, masker: Masker, (stem, name): (&Path, &str), limit: u64) -> Self {
        let kept = Kept::Held(Vec::new(), Duration::ZERO);
        let spool =
            Spool { path: part(stem, name), kept, limit, rest: Vec::new(), crc: 0, info: StreamInfo::default() };
        Self { pipe: Some(pipe), masker, spool }
    }

    /// What to wait for; `None` = it has ended.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Reads what there is, but not for ever.
    pub(crate) fn read(&mut self, buffer: &mut [u8], now: Duration) {
        for _ in 0..READS {
            let Some(pipe) = &self.pipe else { return };
            match rustix::io::read(pipe, &mut *buffer) {
                Ok(0) => return self.close(now),
                Ok(count) => {
                    self.spool.info.bytes_total += count as u64;
                    let spool = &mut self.spool;
                    self.masker.push(&buffer[..count], &mut |part| spool.keep(part, now));
                    if count < buffer.len() {
                        return;
                    }
                }
                Err(Errno::AGAIN | Errno::INTR) => return,
                Err(error) => {
                    self.spool.fail(&error.into());
                    return self.close(now);
                }
            }
        }
    }

    /// Ends the stream: whoever still writes to it writes to nobody.
    pub(crate) fn close(&mut self, now: Duration) {
        if self.pipe.take().is_some() {
            let spool = &mut self.spool;
            self.masker.finish(&mut |part| spool.keep(part, now));
        }
    }

    /// When what is held has to become a file.
    pub(crate) fn due(&self) -> Option<Duration> {
        match &self.spool.kept {
            // What could not become a file once stays where it is: it fits into the record.
            Kept::Held(bytes, since) if !bytes.is_empty() && self.pipe.is_some() && self.spool.info.error.is_none() => {
                Some(*since + HOLD)
            }
            Kept::Held(..) | Kept::Written(_) => None,
        }
    }

    /// Makes a file of what was held long enough.
    pub(crate) fn turn(&mut self, now: Duration) {
        if self.due().is_some_and(|due| due <= now) {
            self.spool.write_held();
        }
    }

    /// What became of it, once it is over.
    pub(crate) fn info(mut self) -> StreamInfo {
        if matches!(&self.spool.kept, Kept::Held(bytes, _) if std::str::from_utf8(bytes).is_err()) {
            self.spool.write_held();
        }
        match &self.spool.kept {
            Kept::Held(bytes, _) => self.spool.info.text = Some(String::from_utf8_lossy(bytes).into_owned()),
            Kept::Written(_) => self.spool.info.crc = Some(self.spool.crc),
        }
        self.spool.write_end();
        self.spool.info
    }
}

impl Spool {
    fn keep(&mut self, part: &[u8], now: Duration) {
        let room = usize::try_from(self.limit - self.info.bytes_kept).unwrap_or(usize::MAX);
        let room = if self.info.error.is_some() { 0 } else { part.len().min(room) };
        let kept = self.store(&part[..room], now);
        self.info.bytes_kept += kept as u64;
        self.crc = crc32c::crc32c_append(self.crc, &part[..kept]);
        self.lose(&part[kept..]);
    }

    /// Keeps a part, and says how much of it.
    fn store(&mut self, part: &[u8], now: Duration) -> usize {
        if let Kept::Held(held, since) = &mut self.kept {
            if held.len() + part.len() <= SHORT {
                if held.is_empty() {
                    *since = now;
                }
                held.extend_from_slice(part);
                return part.len();
            }
            self.write_held();
        }
        let Kept::Written(file) = &mut self.kept else { return 0 };
        let (written, outcome) = write(file, part);
        outcome.unwrap_or_else(|error| self.fail(&error));
        written
    }

    /// Counts what is not kept, and remembers the end of it.
    fn lose(&mut self, part: &[u8]) {
        self.info.bytes_dropped += part.len() as u64;
        self.rest.extend_from_slice(part);
        if self.rest.len() >= 2 * MAX_OUTPUT_VALUE {
            self.rest.drain(..self.rest.len() - MAX_OUTPUT_VALUE);
        }
    }

    /// Makes a file of what is held.
    fn write_held(&mut self) {
        let Kept::Held(bytes, _) = &self.kept else { return };
        match record::create(&self.path).and_then(|mut file| file.write_all(bytes).map(|()| file)) {
            Ok(file) => self.kept = Kept::Written(file),
            Err(error) => {
                // Half a file would be read in the place of the record.
                drop(fs::remove_file(&self.path));
                self.fail(&error);
            }
        }
    }

    /// Writes the end of what was not kept beside what was. Where that fails too, there is none.
    fn write_end(&mut self) {
        let end = &self.rest[self.rest.len().saturating_sub(MAX_OUTPUT_VALUE)..];
        let mut path = self.path.clone().into_os_string();
        path.push(END);
        if !end.is_empty() && record::create(path.as_ref()).and_then(|mut file| file.write_all(end)).is_err() {
            drop(fs::remove_file(path));
        }
    }

    fn fail(&mut self, error: &io::Error) {
        self.info.error = Some(format!("cannot keep the output: {error}"));
    }
}

/// Writes as much as can be written, and says how much that was.
fn write(file: &mut File, part: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < part.len() {
        match file.write(&part[written..]) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::output::{end, printed};

    /// What becomes of these writes under a limit, and what is read of it then.
    fn drained(folder: &Path, limit: u64, parts: &[&[u8]]) -> (StreamInfo, Vec<u8>, Vec<u8>) {
        let stem = folder.join("a.1");
        let (pipe, writer) = std::io::pipe().expect("a pipe");
        let masker = Masker::new(&[]).expect("no masks");
        let mut drain = Drain::new(pipe.into(), masker, (&stem, "stdout"), limit);
        let mut writer = Some(writer);
        let mut buffer = vec![0; 64 * 1024];
        for part in parts {
            writer.as_mut().expect("open").write_all(part).expect("room in the pipe");
            drain.read(&mut buffer[..=part.len()], Duration::ZERO);
        }
        drop(writer.take());
        drain.read(&mut buffer, Duration::ZERO);
        let info = drain.info();
        let kept = match &info.text {
            Some(text) => text.clone().into_bytes(),
            None => printed(&stem, "stdout", 0, u64::MAX).expect("readable").bytes,
        };
        (info, kept, end(&stem, "stdout"))
    }

    #[test]
    fn the_end_of_what_is_past_the_limit_is_kept() {
        let folder = tempfile::tempdir().expect("a directory");
        let (info, kept, end) = drained(folder.path(), 5, &[b"0123", b"456789"]);
        assert_eq!((info.bytes_total, info.bytes_kept, info.bytes_dropped, info.error), (10, 5, 5, None));
        assert_eq!((kept, end), (b"01234".to_vec(), b"56789".to_vec()));
        let folder = tempfile::tempdir().expect("a directory");
        let line = vec![b'x'; 50_000];
        let (info, kept, end) = drained(folder.path(), 10_000, &[&line, &line, &line, &line, b"end"]);
        assert_eq!((info.bytes_kept, info.bytes_dropped, kept.len()), (10_000, 190_003, 10_000));
        assert_eq!(info.crc, Some(crc32c::crc32c(&kept)));
        assert_eq!((end.len(), &end[end.len() - 4..]), (MAX_OUTPUT_VALUE, &b"xend"[..]));
        let folder = tempfile::tempdir().expect("a directory");
        let (info, kept, end) = drained(folder.path(), 10, &[b"0123456789"]);
        assert_eq!((info.bytes_dropped, kept.len(), end.len()), (0, 10, 0), "as much as there may be");
    }

    #[test]
    fn what_cannot_be_kept_is_counted_and_said() {
        let folder = tempfile::tempdir().expect("a directory");
        let nowhere = folder.path().join("gone");
        let (info, kept, end) = drained(&nowhere, 1 << 20, &[&[b'x'; 3_000], &[b'y'; 3_000]]);
        assert_eq!((info.bytes_total, info.bytes_kept, info.bytes_dropped), (6_000, 3_000, 3_000));
        assert!(info.error.is_some_and(|error| error.contains("No such file")), "why");
        assert_eq!((kept.len(), end.len()), (3_000, 0), "what was held is in the record");
    }
}
