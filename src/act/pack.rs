//! Compressing and reading back: gzip and zstd, and copies that are summed up on the way.

use crate::act::roots::Halt;
use crate::base::digest::{Digest, Hasher};
use std::io::{self, Read, Write};
use std::path::Path;

/// Bytes copied at once.
const PIECE: usize = 64 * 1024;

/// A way to compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Gzip,
    Zstd,
}

/// Compresses what is written to it.
pub(super) enum Encoder<W: Write> {
    Gzip(flate2::write::GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
}

impl Format {
    pub(super) const ALL: [Self; 2] = [Self::Gzip, Self::Zstd];

    /// Of the word in a runbook.
    pub(super) fn parse(word: &str) -> Self {
        if word == "zstd" { Self::Zstd } else { Self::Gzip }
    }

    /// How its files end.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Zstd => "zst",
        }
    }

    /// Of a file's name.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?;
        Self::ALL.into_iter().find(|format| format.ending() == ending)
    }

    /// Compresses into `to`, with a checksum over the bytes.
    pub(super) fn encoder<W: Write>(self, to: W) -> io::Result<Encoder<W>> {
        Ok(match self {
            Self::Gzip => Encoder::Gzip(flate2::write::GzEncoder::new(to, flate2::Compression::default())),
            Self::Zstd => {
                let mut encoder = zstd::Encoder::new(to, 0)?;
                encoder.include_checksum(true)?;
                Encoder::Zstd(encoder)
            }
        })
    }

    /// Reads what is compressed in `from`; an end that comes too early is an error.
    pub(super) fn decoder<'a>(self, from: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(from)),
            Self::Zstd => Box::new(zstd::Decoder::new(from)?),
        })
    }
}

impl<W: Write> Encoder<W> {
    /// Writes the end.
    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

/// Copies all of `from`; what was copied, as its checksum and size.
pub(super) fn copy(from: &mut dyn Read, to: &mut dyn Write, halt: &Halt) -> io::Result<(Digest, u64)> {
    let (mut sum, mut bytes, mut piece) = (Hasher::default(), 0, vec![0; PIECE]);
    loop {
        halt.check()?;
        let read = match from.read(&mut piece) {
            Ok(0) => return Ok((sum.finish(), bytes)),
            Ok(read) => piece.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        sum.update(read);
        bytes += read.len() as u64;
        to.write_all(read)?;
    }
}

/// Checksum and size of everything in there.
pub(super) fn sum(from: &mut dyn Read, halt: &Halt) -> io::Result<(Digest, u64)> {
    copy(from, &mut io::sink(), halt)
}

/// Checksum and size of what is compressed in a whole archive.
pub(super) fn unpacked(format: Format, from: impl Read, halt: &Halt) -> io::Result<(Digest, u64)> {
    let mut first = [0; 1];
    let mut from = from;
    // An empty file decompresses to nothing without an error; it is no archive all the same.
    if from.read(&mut first)? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is empty"));
    }
    sum(&mut format.decoder(first.chain(from))?, halt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_cut_anywhere_or_with_a_byte_flipped_is_never_taken_for_the_whole() {
        let bytes: Vec<u8> = (0..5_000_u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        let want = (Digest::of(&bytes), bytes.len() as u64);
        for format in Format::ALL {
            let mut encoder = format.encoder(Vec::new()).expect("encoder");
            encoder.write_all(&bytes).expect("written");
            let packed = encoder.finish().expect("finished");
            let read = |packed: &[u8]| unpacked(format, packed, &Halt::default()).ok();
            assert_eq!(read(&packed), Some(want));
            for cut in (0..packed.len()).step_by(97) {
                assert_ne!(read(&packed[..cut]), Some(want), "{format:?} cut at {cut}");
            }
            for at in (0..packed.len()).step_by(61) {
                let mut bad = packed.clone();
                bad[at] ^= 0x10;
                // A flip in a header's time or name changes no byte of the content; any other is found.
                assert!(read(&bad).is_none_or(|read| read == want), "{format:?} flipped at {at}");
            }
        }
    }
}
