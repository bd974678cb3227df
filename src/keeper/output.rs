//! What an attempt has printed so far, wherever it is kept.

use crate::base::span::show_size;
use crate::keeper::protocol::{Exit, StreamInfo};
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
    stream(&exit, name).text.clone().unwrap_or_default()
}

fn stream<'a>(exit: &'a Exit, name: &str) -> &'a StreamInfo {
    match name {
        "stdout" => &exit.stdout,
        "stderr" => &exit.stderr,
        _ => &exit.result,
    }
}

/// How what is kept of a stream is not what its record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The file is gone.
    #[error("is gone: {} were kept", show_size(*kept))]
    Gone {
        /// Bytes that were kept.
        kept: u64,
    },
    /// It is not as long.
    #[error("is not whole: {} of {} bytes that were kept are there", there, kept)]
    Short {
        /// Bytes that were kept.
        kept: u64,
        /// Bytes that are there.
        there: u64,
    },
    /// It has other bytes.
    #[error("is not what was kept: its checksum is another")]
    Other,
}

/// How the file of a stream of that attempt is not what the record of its end says, as far as lengths tell.
///
/// # Errors
/// When the file can't be looked at.
pub fn flaw(stem: &Path, name: &str, exit: &Exit) -> io::Result<Option<Flaw>> {
    let info = stream(exit, name);
    let kept = info.bytes_kept;
    if info.text.is_some() || kept == 0 {
        return Ok(None);
    }
    let there = match std::fs::metadata(part(stem, name)) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(Flaw::Gone { kept })),
        Err(error) => return Err(error),
    };
    Ok(match info.crc {
        _ if there < kept => Some(Flaw::Short { kept, there }),
        // Without its checksum it was written down by an owner; its keeper may have had more to write.
        Some(_) if there > kept => Some(Flaw::Other),
        Some(_) | None => None,
    })
}

/// The same, with every byte of it read.
///
/// # Errors
/// When the file can't be read.
pub fn flaw_of_bytes(stem: &Path, name: &str, exit: &Exit) -> io::Result<Option<Flaw>> {
    let by_length = flaw(stem, name, exit)?;
    match stream(exit, name).crc {
        Some(crc) if by_length.is_none() => Ok((crc_of(&part(stem, name))? != crc).then_some(Flaw::Other)),
        Some(_) | None => Ok(by_length),
    }
}

fn crc_of(path: &Path) -> io::Result<u32> {
    let (mut file, mut crc, mut chunk) = (File::open(path)?, 0, vec![0; 64 * 1024]);
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(crc),
            Ok(count) => crc = crc32c::crc32c_append(crc, &chunk[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::protocol::Process;
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

    #[test]
    fn what_is_kept_is_compared_with_its_record() {
        let folder = tempfile::tempdir().expect("a directory");
        let stem = folder.path().join("a.1");
        let info = |crc| StreamInfo { bytes_total: 10, bytes_kept: 10, crc, ..StreamInfo::default() };
        let whole = Exit { stdout: info(Some(crc32c::crc32c(b"0123456789"))), ..Exit::default() };
        let older = Exit { stdout: info(None), ..Exit::default() };
        let looked = |exit| flaw_of_bytes(&stem, "stdout", exit).expect("readable");
        assert_eq!(looked(&whole), Some(Flaw::Gone { kept: 10 }));
        for (bytes, want, of_older) in [
            ("0123456789", None, None),
            ("012345678", Some(Flaw::Short { kept: 10, there: 9 }), Some(Flaw::Short { kept: 10, there: 9 })),
            ("", Some(Flaw::Short { kept: 10, there: 0 }), Some(Flaw::Short { kept: 10, there: 0 })),
            ("0123456788", Some(Flaw::Other), None),
            ("01234567890", Some(Flaw::Other), None),
        ] {
            std::fs::write(part(&stem, "stdout"), bytes).expect("written");
            assert_eq!((looked(&whole), looked(&older)), (want, of_older), "{bytes}");
        }
        let noted = StreamInfo { text: Some("0".into()), bytes_kept: 1, ..StreamInfo::default() };
        assert_eq!(looked(&Exit { stdout: noted, ..Exit::default() }), None, "it is in the record");
    }
}
