//! The lines of one file that lie in the range asked for, in bounded memory.

use crate::act::logs::stamp::Stamps;
use crate::base::limits::MAX_LOG_LINE;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

/// Which lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    /// Not older than this.
    pub(super) cutoff: Option<jiff::Timestamp>,
    /// Only so many last ones.
    pub(super) tail: Option<u64>,
}

/// Reads a file up to the size it had when it was opened, so a growing log ends.
pub(super) struct Scanner<'a> {
    path: PathBuf,
    reader: Take<BufReader<File>>,
    bytes: u64,
    cutoff: Option<jiff::Timestamp>,
    stamps: &'a Stamps,
    /// Whether the lines here lie after the cutoff; a line without a time goes with the one before.
    inside: bool,
    timed: u64,
    untimed: u64,
}

impl<'a> Scanner<'a> {
    pub(super) fn open(path: &Path, range: &Range, stamps: &'a Stamps) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let bytes = metadata.len();
        let written = metadata.modified().ok().and_then(|time| jiff::Timestamp::try_from(time).ok());
        let stale = matches!((range.cutoff, written), (Some(cutoff), Some(written)) if written < cutoff);
        let start = match range.tail {
            // Nothing was written since.
            _ if stale => bytes,
            Some(lines) => tail_start(&mut file, bytes, lines)?,
            None => 0,
        };
        file.seek(SeekFrom::Start(start))?;
        let reader = BufReader::with_capacity(64 * 1024, file).take(bytes - start);
        // Until a line says when it was written, lines count: better one too many than none; see `note`.
        let inside = true;
        Ok(Self { path: path.into(), reader, bytes, cutoff: range.cutoff, stamps, inside, timed: 0, untimed: 0 })
    }

    /// The file's size.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line in the range; bytes that are no UTF-8 are replaced.
    pub(super) fn next_line(&mut self) -> io::Result<Option<String>> {
        loop {
            let Some(bytes) = self.read_line()? else { return Ok(None) };
            let line = String::from_utf8_lossy(&bytes);
            let line = line.trim_end_matches(['\n', '\r']);
            let Some(cutoff) = self.cutoff else { return Ok(Some(line.into())) };
            match self.stamps.read(line) {
                Some(stamp) => {
                    self.timed += 1;
                    self.inside = stamp >= cutoff;
                }
                None => self.untimed += 1,
            }
            if self.inside {
                return Ok(Some(line.into()));
            }
        }
    }

    /// One line of at most [`MAX_LOG_LINE`] bytes; the rest of a longer one is passed over.
    fn read_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                return Ok((!line.is_empty()).then_some(line));
            }
            let end = chunk.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let used = end.unwrap_or(chunk.len());
            let room = MAX_LOG_LINE.saturating_sub(line.len());
            line.extend_from_slice(&chunk[..used.min(room)]);
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(line));
            }
        }
    }

    /// What a reader should know of this file.
    pub(super) fn note(&self) -> Option<String> {
        let path = self.path.display();
        (self.cutoff.is_some() && self.timed == 0 && self.untimed > 0)
            .then(|| format!("no time is recognised in {path}: all of its lines were counted"))
    }
}

/// Where the last `lines` lines begin.
fn tail_start(file: &mut File, bytes: u64, lines: u64) -> io::Result<u64> {
    let mut buffer = vec![0; 64 * 1024];
    let (mut end, mut newlines) = (bytes, 0);
    while end > 0 {
        let size = end.min(buffer.len() as u64);
        let start = end - size;
        let chunk = &mut buffer[..usize::try_from(size).unwrap_or_default()];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(chunk)?;
        for (index, _) in chunk.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            let next = start + index as u64 + 1;
            // The newline that ends the last line begins none.
            if next < bytes {
                newlines += 1;
                if newlines == lines {
                    return Ok(next);
                }
            }
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(content: &[u8], range: Range) -> Vec<String> {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("log");
        std::fs::write(&path, content).expect("write");
        let stamps = Stamps::new("UTC", "2026-01-02T12:00:00Z".parse().expect("instant"));
        let mut scanner = Scanner::open(&path, &range, &stamps).expect("open");
        std::iter::from_fn(|| scanner.next_line().expect("line")).collect()
    }

    #[test]
    fn tails_begin_where_a_line_does() {
        let tail = |lines| Range { cutoff: None, tail: Some(lines) };
        assert_eq!(lines(b"a\nb\nc\n", tail(2)), ["b", "c"]);
        assert_eq!(lines(b"a\nb\nc", tail(2)), ["b", "c"]);
        assert_eq!(lines(b"a\nb", tail(9)), ["a", "b"]);
        assert_eq!(lines(b"", tail(1)), [""; 0]);
        let long = [vec![b'x'; 200_000], b"\nlast\n".to_vec()].concat();
        assert_eq!(lines(&long, tail(1)), ["last"]);
    }

    #[test]
    fn no_bytes_are_too_many_or_too_odd() {
        let all = Range { cutoff: None, tail: None };
        assert_eq!(lines(b"a\xffb\r\nc", all), ["a\u{fffd}b", "c"]);
        let long = [vec![b'x'; 200_000], b"\nnext".to_vec()].concat();
        let found = lines(&long, all);
        assert_eq!((found[0].len(), found[1].as_str()), (MAX_LOG_LINE, "next"));
    }

    #[test]
    fn a_file_not_written_since_is_not_read() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("log");
        std::fs::write(&path, "no time in here\n").expect("write");
        let modified = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000);
        File::options().write(true).open(&path).and_then(|file| file.set_modified(modified)).expect("mtime");
        let stamps = Stamps::new("UTC", jiff::Timestamp::UNIX_EPOCH);
        let range = Range { cutoff: jiff::Timestamp::from_second(2_000).ok(), tail: None };
        let mut scanner = Scanner::open(&path, &range, &stamps).expect("open");
        assert_eq!((scanner.next_line().expect("line"), scanner.note()), (None, None));
    }

    #[test]
    fn a_line_without_a_time_goes_with_the_one_before() {
        let log = b"2026-01-02 10:00:00 old\n  of old\n2026-01-02 11:30:00 new\n  of new\n2026-01-02 10:30:00 old";
        let cutoff = "2026-01-02T11:00:00Z".parse().ok();
        assert_eq!(lines(log, Range { cutoff, tail: None }), ["2026-01-02 11:30:00 new", "  of new"]);
    }
}
