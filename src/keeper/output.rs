//! What an attempt has printed so far, wherever it is kept.

use crate::keeper::record::{part, read_exit};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// Ends the name of the file with the end of what a stream had past what is kept of it.
pub(crate) const END: &str = "-end";

/// A piece of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Printed {
    /// Where the piece begins.
    pub offset: u64,
    /// It.
    pub bytes: Vec<u8>,
    /// How many bytes are kept in all, so far.
    pub total: u64,
}

/// At most `most` bytes of the stream `name` (`stdout`, `stderr`, `result`) of the attempt of that stem, behind
/// its first `from`; a negative `from` counts from the end. Nothing where there is nothing (yet).
///
/// # Errors
/// When its file is there and can't be read.
pub fn printed(stem: &Path, name: &str, from: i64, most: u64) -> io::Result<Printed> {
    let start =
        |total: u64| u64::try_from(from).unwrap_or_else(|_| total.saturating_sub(from.unsigned_abs())).min(total);
    let path = part(stem, name);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let text = recorded(stem, name);
            let (total, offset) = (text.len() as u64, start(text.len() as u64));
            let bytes = text.into_bytes().into_iter().skip(usize::try_from(offset).unwrap_or(usize::MAX));
            let bytes = bytes.take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
            return Ok(Printed { offset, bytes, total });
        }
        Err(error) => return Err(error),
    };
    let total = file.metadata()?.len();
    let mut printed = Printed { offset: start(total), bytes: Vec::new(), total };
    file.seek(SeekFrom::Start(printed.offset))?;
    file.take(most).read_to_end(&mut printed.bytes)?;
    Ok(printed)
}

/// The last bytes of what the stream had past what is kept of it; nothing where all is kept, or these are lost too.
#[must_use]
pub fn end(stem: &Path, name: &str) -> Vec<u8> {
    std::fs::read(part(stem, &format!("{name}{END}"))).unwrap_or_default()
}

/// What the record of an end holds of a stream.
fn recorded(stem: &Path, name: &str) -> String {
    let Some(exit) = read_exit(stem) else { return String::new() };
    let stream = match name {
        "stdout" => exit.stdout,
        "stderr" => exit.stderr,
        _ => exit.result,
    };
    stream.text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::protocol::{Exit, Process, StreamInfo};
    use crate::keeper::record::{Logs, Seen, Survive};

    #[test]
    fn a_piece_is_the_same_from_a_file_and_from_a_record() {
        let folder = tempfile::tempdir().expect("a directory");
        let (filed, noted) = (folder.path().join("a.1"), folder.path().join("b.1"));
        let read = |stem: &Path, from, most| printed(stem, "stdout", from, most).expect("readable");
        assert_eq!(read(&filed, 0, 10), Printed::default(), "not there yet");
        std::fs::write(part(&filed, "stdout"), "0123456789").expect("written");
        let keeper = Process { pid: 0, start_time: 0, boot_id: String::new() };
        let mut record = Logs::default().claim(&noted, &Seen { attempt: "b".into(), keeper }).expect("claimed");
        let stdout = StreamInfo { text: Some("0123456789".into()), ..StreamInfo::default() };
        record.ended(&Exit { stdout, ..Exit::default() }, Survive::Crash).expect("written");
        for (from, most, offset, want) in [
            (0, 100, 0, "0123456789"),
            (4, 3, 4, "456"),
            (10, 5, 10, ""),
            (50, 5, 10, ""),
            (-3, 9, 7, "789"),
            (-30, 2, 0, "01"),
        ] {
            let want = Printed { offset, bytes: want.into(), total: 10 };
            assert_eq!(read(&filed, from, most), want, "from a file, {from}");
            assert_eq!(read(&noted, from, most), want, "from a record, {from}");
        }
    }
}
