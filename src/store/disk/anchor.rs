//! The head anchor: up to which frame the journal is known to be durable, kept apart from it.
//!
//! Two slots are written in turn, so that one is always whole. It tells a torn tail, which nobody was
//! promised, from lost frames, which somebody was. It also counts the openings: the epoch.

use crate::store::disk::device::{Disk, File};
use std::io;
use std::sync::Arc;

const PATH: &str = "anchor";
const MAGIC: u32 = u32::from_le_bytes(*b"SLA1");
const SLOT: usize = 40;
/// Slots are this far apart: no disk tears two of its blocks with one write.
const APART: usize = 4096;

/// What the anchor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Anchor {
    /// Counts the writes of the anchor; the slot with the higher one counts.
    turn: u64,
    /// Which opening of the data directory wrote it.
    pub(crate) epoch: u64,
    /// The last frame known to be durable.
    pub(crate) number: u64,
    /// Whether the journal was closed behind that frame.
    pub(crate) clean: bool,
}

impl Anchor {
    fn bytes(self) -> [u8; SLOT] {
        let mut bytes = [0; SLOT];
        bytes[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.turn.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.number.to_le_bytes());
        bytes[28] = u8::from(self.clean);
        let crc = crc32c::crc32c(&bytes[..36]);
        bytes[36..40].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; SLOT] = bytes.first_chunk()?;
        let word = |at: usize| bytes[at..at + 8].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        let anchor = Self { turn: word(4), epoch: word(12), number: word(20), clean: bytes[28] == 1 };
        (anchor.bytes() == *bytes).then_some(anchor)
    }
}

/// The open anchor file.
pub(crate) struct AnchorFile {
    file: Arc<dyn File>,
    now: Anchor,
    /// Whether it holds something and no slot of it can be read. A crash leaves one that can, or an empty first one.
    pub(crate) unreadable: bool,
}

impl AnchorFile {
    /// Opens or makes the file, and says what stood in it. The names in the data directory are synced
    /// by the caller.
    pub(crate) fn open(disk: &dyn Disk) -> io::Result<(Self, Anchor)> {
        let file = match disk.open(PATH) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create(PATH)?,
            opened => opened?,
        };
        let mut bytes = vec![0; APART + SLOT];
        let len = file.read_at(0, &mut bytes)?;
        bytes.truncate(len);
        let slots = [Anchor::read(&bytes), bytes.get(APART..).and_then(Anchor::read)];
        let unreadable = slots.iter().all(Option::is_none) && bytes.iter().take(SLOT).any(|byte| *byte != 0);
        let now = slots.into_iter().flatten().max_by_key(|anchor| anchor.turn).unwrap_or_default();
        Ok((Self { file, now, unreadable }, now))
    }

    /// Says durably how far the journal is.
    pub(crate) fn set(&mut self, epoch: u64, number: u64, clean: bool) -> io::Result<()> {
        let next = Anchor { turn: self.now.turn + 1, epoch, number, clean };
        if (self.now.epoch, self.now.number, self.now.clean) == (epoch, number, clean) {
            return Ok(());
        }
        self.file.write_at((next.turn % 2) * APART as u64, &next.bytes())?;
        self.file.sync()?;
        self.now = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bent_slot_is_none() {
        let anchor = Anchor { turn: 3, epoch: 2, number: 77, clean: true };
        let bytes = anchor.bytes();
        assert_eq!(Anchor::read(&bytes), Some(anchor));
        for bit in 0..SLOT * 8 {
            let mut bent = bytes;
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Anchor::read(&bent), None, "bit {bit}");
        }
    }
}
