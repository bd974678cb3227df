//! What an attempt has printed so far, from its spool file.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// One of an attempt's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// What a step-host says on descriptor 3.
    Result,
}

impl Stream {
    /// The name of its file, and of the stream.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Result => "result",
        }
    }

    /// The stream of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Stdout, Self::Stderr, Self::Result].into_iter().find(|stream| stream.as_str() == text)
    }
}

/// At most `most` bytes of a stream behind its first `from`; none where there are none (yet).
///
/// # Errors
/// When the file is there and can't be read.
pub fn tail(dir: &Path, stream: Stream, from: u64, most: usize) -> io::Result<Vec<u8>> {
    let mut file = match File::open(dir.join(stream.as_str())) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_begins_where_it_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let read = |from, most| tail(dir.path(), Stream::Stdout, from, most).expect("readable");
        assert_eq!(read(0, 10), b"", "not there yet");
        std::fs::write(dir.path().join("stdout"), "0123456789").expect("written");
        for (from, most, want) in [(0, 100, "0123456789"), (4, 3, "456"), (10, 5, ""), (50, 5, "")] {
            assert_eq!(read(from, most), want.as_bytes());
        }
    }
}
