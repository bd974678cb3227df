//! One line of a log of attempts: whose it is, what it tells, and a checksum over both.
//!
//! Lines of older releases have no checksum and are believed if they read. One that has one and does not fit it is none.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};

/// What stands before each line: whatever was written before it, a piece of a line on a disk that was full, say, it is a
/// line of its own, and that does not become whole, were it only short of its end.
const BEFORE: &[u8] = b"#\n";
/// Begins the checksum, over all of the line before it.
const CRC: &[u8] = b",\"crc\":\"";
/// Behind its eight digits.
const END: &[u8] = b"\"}\n";

/// What a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tells {
    Seen,
    Child,
    Ending,
    /// It was ordered where this directory was brought from.
    Elsewhere,
    Exit,
}

/// How a line begins: whose it is and what it tells, found without reading the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) of: &'a str,
    pub(super) tells: Tells,
}

impl<'a> Head<'a> {
    const OF: &'static [u8] = b"{\"of\":\"";
    const KINDS: [(Tells, &'static [u8]); 5] = [
        (Tells::Seen, b"\",\"seen\":"),
        (Tells::Child, b"\",\"child\":"),
        (Tells::Ending, b"\",\"ending\":"),
        (Tells::Elsewhere, b"\",\"elsewhere\":"),
        (Tells::Exit, b"\",\"exit\":"),
    ];

    pub(super) fn of_line(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_prefix(Self::OF)?;
        let (of, rest) = rest.split_at(rest.iter().position(|byte| *byte == b'"')?);
        let tells = Self::KINDS.iter().find(|(_, text)| rest.starts_with(text))?.0;
        Some(Self { of: std::str::from_utf8(of).ok()?, tells })
    }
}

/// A line as it is written.
pub(super) fn compose<T: Serialize>(of: &str, tells: Tells, what: &T) -> io::Result<Vec<u8>> {
    let mut bytes = [BEFORE, b"{\"of\":"].concat();
    serde_json::to_writer(&mut bytes, of)?;
    bytes.push(b',');
    serde_json::to_writer(&mut bytes, &tells)?;
    bytes.push(b':');
    serde_json::to_writer(&mut bytes, what)?;
    let crc = crc32c::crc32c(&bytes[BEFORE.len()..]);
    bytes.extend_from_slice(CRC);
    write!(bytes, "{crc:08x}")?;
    bytes.extend_from_slice(END);
    Ok(bytes)
}

/// Whether a line, with its end, is as somebody wrote it.
pub(super) fn is_sound(line: &[u8]) -> bool {
    if line == BEFORE {
        return true;
    }
    match checksum(line) {
        Some((content, crc)) => crc32c::crc32c(content) == crc,
        None => std::str::from_utf8(line).is_ok_and(|line| serde_json::from_str::<IgnoredAny>(line).is_ok()),
    }
}

/// What a line says of itself, and what it says about.
fn checksum(line: &[u8]) -> Option<(&[u8], u32)> {
    let (content, tail) = line.split_at_checked(line.len().checked_sub(CRC.len() + 8 + END.len())?)?;
    let digits = tail.strip_prefix(CRC)?.strip_suffix(END)?;
    Some((content, u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?))
}

/// A line as what it tells; `None` = it tells something else, or can't be read.
pub(super) fn read<T: DeserializeOwned>(line: &[u8], tells: Tells) -> Option<T> {
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    struct Read<T> {
        #[serde(alias = "child", alias = "ending", alias = "elsewhere", alias = "exit")]
        seen: T,
    }
    let head = Head::of_line(line)?;
    let read: Read<T> = (head.tells == tells).then(|| serde_json::from_slice(line).ok()).flatten()?;
    Some(read.seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flipped_bit_makes_another_line_of_one() {
        let written = compose("a.1", Tells::Exit, &1).expect("written");
        let line = &written[BEFORE.len()..];
        assert_eq!((is_sound(line), read::<i32>(line, Tells::Exit)), (true, Some(1)));
        for bit in 0..line.len() * 8 {
            let mut bent = line.to_vec();
            bent[bit / 8] ^= 1 << (bit % 8);
            let same = Head::of_line(&bent) == Head::of_line(line) && read::<i32>(&bent, Tells::Exit) == Some(1);
            assert!(!is_sound(&bent) || same, "bit {bit}: {}", String::from_utf8_lossy(&bent));
        }
        for (line, sound) in [
            (&b"{\"of\":\"a.1\",\"exit\":{\"code\":0}}\n"[..], true),
            (b"{\"of\":\"a.1\",\"later\":{}}\n", true),
            (b"{\"of\":\"a.1\",\"exit\":{\"co#\n", false),
            (b"\0\0\0\0#\n", false),
            (b"\n", false),
        ] {
            assert_eq!(is_sound(line), sound, "{}", String::from_utf8_lossy(line));
        }
    }
}
