//! One stream of a child's output: read, masked, kept up to a limit, counted past it.
//!
//! What is short and over soon never becomes a file: it goes into the attempt's record with the end.

use crate::base::mask::Masker;
use crate::keeper::protocol::StreamInfo;
use crate::keeper::record::{self, part};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Write};
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
        let spool = Spool { path: part(stem, name), kept, limit, info: StreamInfo::default() };
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
            Kept::Held(bytes, since) if !bytes.is_empty() && self.pipe.is_some() => Some(*since + HOLD),
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
        if let Kept::Held(bytes, _) = &self.spool.kept {
            match std::str::from_utf8(bytes) {
                Ok(text) => self.spool.info.text = Some(text.to_owned()),
                Err(_) => self.spool.write_held(),
            }
        }
        self.spool.info
    }
}

impl Spool {
    fn keep(&mut self, part: &[u8], now: Duration) {
        if self.info.error.is_some() {
            return;
        }
        let room = usize::try_from(self.limit - self.info.bytes_kept).unwrap_or(usize::MAX);
        let part = &part[..part.len().min(room)];
        if let Kept::Held(held, since) = &mut self.kept {
            if held.len() + part.len() <= SHORT {
                if held.is_empty() {
                    *since = now;
                }
                held.extend_from_slice(part);
                self.info.bytes_kept += part.len() as u64;
                return;
            }
            self.write_held();
        }
        if let Kept::Written(file) = &mut self.kept {
            match file.write_all(part) {
                Ok(()) => self.info.bytes_kept += part.len() as u64,
                Err(error) => self.fail(&error),
            }
        }
    }

    /// Makes a file of what is held.
    fn write_held(&mut self) {
        let Kept::Held(bytes, _) = &mut self.kept else { return };
        let bytes = std::mem::take(bytes);
        match record::create(&self.path).and_then(|mut file| file.write_all(&bytes).map(|()| file)) {
            Ok(file) => self.kept = Kept::Written(file),
            Err(error) => {
                self.info.bytes_kept = 0;
                self.fail(&error);
            }
        }
    }

    fn fail(&mut self, error: &io::Error) {
        self.info.error = Some(format!("cannot keep the output: {error}"));
    }
}
