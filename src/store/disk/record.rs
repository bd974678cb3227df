//! What the journal writes for itself, as names of entries in its frames: what was forgotten, which
//! frames a cleaned segment stands for, and which lost frames somebody knows of.
//!
//! The name says everything, so that a damaged payload takes nothing away. Such entries are no streams:
//! nobody lists, reads or appends to them.

use crate::store::admit::OWN;
use crate::store::disk::frame::{Chain, Entry, chain_next, chain_start};
use crate::store::{StreamId, Version};
use std::fmt::Write;

/// What stands in the payload: nothing, in a version of its own.
pub(crate) const PAYLOAD: &[u8] = b"{\"v\":1}";

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    /// A whole stream is forgotten.
    Whole(StreamId),
    /// The events of a stream up to that version, with the hash they have together.
    Past(StreamId, Version, Chain),
    /// A cleaned segment: from which frame to which it stands for, and how long its file is.
    Kept(u64, u64, u64),
    /// These frames are lost, and somebody knows.
    Loss(u64, u64),
}

impl Record {
    /// The name of its entry.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Whole(stream) => format!("{OWN}whole/{stream}"),
            Self::Past(stream, version, chain) => {
                let mut hex = String::new();
                for byte in chain {
                    let _ = write!(hex, "{byte:02x}");
                }
                format!("{OWN}past/{version}/{hex}/{stream}")
            }
            Self::Kept(first, last, bytes) => format!("{OWN}kept/{first}-{last}/{bytes}"),
            Self::Loss(first, last) => format!("{OWN}loss/{first}-{last}"),
        }
    }

    /// The record of that entry's name; `None` for names of streams and records of a later release.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (kind, rest) = name.strip_prefix(OWN)?.split_once('/')?;
        match kind {
            "whole" => Some(Self::Whole(StreamId::from_name(rest))),
            "past" => {
                let (version, rest) = rest.split_once('/')?;
                let (hex, stream) = rest.split_once('/')?;
                let mut chain = Chain::default();
                for (index, byte) in chain.iter_mut().enumerate() {
                    *byte = u8::from_str_radix(hex.get(index * 2..index * 2 + 2)?, 16).ok()?;
                }
                Some(Self::Past(StreamId::from_name(stream), version.parse().ok()?, chain))
            }
            "kept" => {
                let (range, bytes) = rest.split_once('/')?;
                let (first, last) = range.split_once('-')?;
                Some(Self::Kept(first.parse().ok()?, last.parse().ok()?, bytes.parse().ok()?))
            }
            "loss" => {
                let (first, last) = rest.split_once('-')?;
                Some(Self::Loss(first.parse().ok()?, last.parse().ok()?))
            }
            _ => None,
        }
    }

    /// Its entry in a frame, with that payload.
    pub(crate) fn entry(&self, payload: &[u8]) -> Entry {
        let stream = self.name();
        let chain = chain_next(&chain_start(&stream), 1, payload);
        let lengths = vec![u32::try_from(payload.len()).unwrap_or(u32::MAX)];
        Entry { stream, from: 0, lengths, chain }
    }
}

/// Whether an entry of that name is a record and no stream.
pub(crate) fn is_own(name: &str) -> bool {
    name.starts_with(OWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_its_name() {
        let stream = StreamId::from_name("group/a/b");
        let chain = chain_start("x");
        let records = [
            Record::Whole(stream.clone()),
            Record::Past(stream, 17, chain),
            Record::Kept(1, u64::MAX, 16_777_216),
            Record::Loss(27, 32),
        ];
        for record in records {
            assert_eq!(Record::parse(&record.name()), Some(record));
        }
        for name in ["run/1", "store/new/1", "store/past/x/00/a", "store/kept/1/2"] {
            assert_eq!(Record::parse(name), None, "{name}");
        }
    }
}
