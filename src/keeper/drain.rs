//! One stream of a child's output: read, masked, kept up to a limit, counted past it.

use crate::base::mask::Masker;
use crate::keeper::protocol::StreamInfo;
use crate::keeper::record;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Reads of one stream before the others get their turn.
const READS: usize = 8;

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
    file: File,
    limit: u64,
    info: StreamInfo,
}

impl Drain {
    /// Puts what comes out of `pipe` into a new file. The pipe must not block.
    pub(crate) fn new(pipe: OwnedFd, masker: Masker, path: &Path, limit: u64) -> io::Result<Self> {
        let spool = Spool { file: record::create(path)?, limit, info: StreamInfo::default() };
        Ok(Self { pipe: Some(pipe), masker, spool })
    }

    /// What to wait for; `None` = it has ended.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Reads what there is, but not for ever.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) {
        for _ in 0..READS {
            let Some(pipe) = &self.pipe else { return };
            match rustix::io::read(pipe, &mut *buffer) {
                Ok(0) => return self.close(),
                Ok(count) => {
                    self.spool.info.bytes_total += count as u64;
                    let spool = &mut self.spool;
                    self.masker.push(&buffer[..count], &mut |part| spool.keep(part));
                    if count < buffer.len() {
                        return;
                    }
                }
                Err(Errno::AGAIN | Errno::INTR) => return,
                Err(error) => {
                    self.spool.fail(&error.into());
                    return self.close();
                }
            }
        }
    }

    /// Ends the stream: whoever still writes to it writes to nobody.
    pub(crate) fn close(&mut self) {
        if self.pipe.take().is_some() {
            let spool = &mut self.spool;
            self.masker.finish(&mut |part| spool.keep(part));
        }
    }

    /// What became of it so far.
    pub(crate) fn info(&self) -> StreamInfo {
        self.spool.info.clone()
    }
}

impl Spool {
    fn keep(&mut self, part: &[u8]) {
        if self.info.error.is_some() {
            return;
        }
        let room = usize::try_from(self.limit - self.info.bytes_kept).unwrap_or(usize::MAX);
        let part = &part[..part.len().min(room)];
        match self.file.write_all(part) {
            Ok(()) => self.info.bytes_kept += part.len() as u64,
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &io::Error) {
        self.info.error = Some(format!("cannot keep the output: {error}"));
    }
}
