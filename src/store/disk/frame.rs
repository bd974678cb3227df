//! One batch on disk: a header, a table of its streams, their payloads, and the table and header
//! once more at the end.
//!
//! The second copy costs little and buys much: a flipped bit outside the payloads loses nothing, and
//! one inside them is blamed on exactly the streams it belongs to. Knows bytes, numbers and hashes.

use crate::base::digest::Digest;
use crate::store::Version;
use std::ops::Range;

const START: u32 = u32::from_le_bytes(*b"SLF1");
const END: u32 = u32::from_le_bytes(*b"SLE1");
/// Bytes of a header.
pub(crate) const HEADER: usize = 40;
/// Frames begin at multiples of this, so a search for the next one is quick.
pub(crate) const ALIGN: usize = 8;

/// The hash over all events of a stream so far.
pub(crate) type Chain = [u8; 16];

/// The hash of a stream without events.
pub(crate) fn chain_start(stream: &str) -> Chain {
    cut(Digest::of_parts(&[b"stepladder stream", stream.as_bytes()]))
}

/// The hash after one more event.
pub(crate) fn chain_next(before: &Chain, version: Version, payload: &[u8]) -> Chain {
    cut(Digest::of_parts(&[before, &version.to_le_bytes(), payload]))
}

fn cut(digest: Digest) -> Chain {
    let mut chain = [0; 16];
    chain.copy_from_slice(&digest.bytes()[..16]);
    chain
}

/// What a frame holds for one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The stream's name.
    pub(crate) stream: String,
    /// Its version before.
    pub(crate) from: Version,
    /// The lengths of its payloads.
    pub(crate) lengths: Vec<u32>,
    /// Its hash after them.
    pub(crate) chain: Chain,
}

/// The fixed part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// The frame's number in the whole journal, from 1, without gaps.
    pub(crate) number: u64,
    /// The number of the last frame that was known to be durable when this one was written.
    pub(crate) durable: u64,
    table: u32,
    body: u32,
    table_crc: u32,
    body_crc: u32,
}

/// A frame found on disk, its payloads verified or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The fixed part.
    pub(crate) header: Header,
    /// Its streams; `None` when both copies of the table are damaged.
    pub(crate) entries: Option<Vec<Entry>>,
    /// Where its payloads are; `None` when they are not what was written.
    pub(crate) body: Option<Range<usize>>,
}

impl Header {
    fn bytes(self, magic: u32) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0..4].copy_from_slice(&magic.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.table.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.body.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.table_crc.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.body_crc.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.number.to_le_bytes());
        bytes[28..36].copy_from_slice(&self.durable.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..36]);
        bytes[36..40].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8], magic: u32) -> Option<Self> {
        let bytes = bytes.get(..HEADER)?;
        if u32_at(bytes, 0) != magic || crc32c::crc32c(&bytes[..36]) != u32_at(bytes, 36) {
            return None;
        }
        Some(Self {
            table: u32_at(bytes, 4),
            body: u32_at(bytes, 8),
            table_crc: u32_at(bytes, 12),
            body_crc: u32_at(bytes, 16),
            number: u64_at(bytes, 20),
            durable: u64_at(bytes, 28),
        })
    }

    /// Bytes of the whole frame.
    pub(crate) fn total(self) -> usize {
        let (table, body) = (self.table as usize, self.body as usize);
        (2 * HEADER + 2 * table + body).next_multiple_of(ALIGN)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// Appends a frame to `out`.
pub(crate) fn write(out: &mut Vec<u8>, number: u64, durable: u64, entries: &[Entry], payloads: &[&[u8]]) {
    let mut table = Vec::new();
    for entry in entries {
        table.extend_from_slice(&(u16::try_from(entry.stream.len()).unwrap_or(u16::MAX)).to_le_bytes());
        table.extend_from_slice(entry.stream.as_bytes());
        table.extend_from_slice(&entry.from.to_le_bytes());
        table.extend_from_slice(&(u32::try_from(entry.lengths.len()).unwrap_or(u32::MAX)).to_le_bytes());
        entry.lengths.iter().for_each(|length| table.extend_from_slice(&length.to_le_bytes()));
        table.extend_from_slice(&entry.chain);
    }
    let body = payloads.concat();
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let header = Header {
        number,
        durable,
        table: length(&table),
        body: length(&body),
        table_crc: crc32c::crc32c(&table),
        body_crc: crc32c::crc32c(&body),
    };
    let start = out.len();
    out.extend_from_slice(&header.bytes(START));
    out.extend_from_slice(&table);
    out.extend_from_slice(&body);
    out.resize(start + header.total() - HEADER - table.len(), 0);
    out.extend_from_slice(&table);
    out.extend_from_slice(&header.bytes(END));
}

/// The frame that begins at `at`, if there is one or what is left of one.
pub(crate) fn read(bytes: &[u8], at: usize) -> Option<Found> {
    let header = Header::read(bytes.get(at..)?, START)?;
    Some(open(bytes, at, header))
}

/// The next frame behind `at` by either of its headers, with its place: for the search past damage.
pub(crate) fn search(bytes: &[u8], at: usize) -> Option<(usize, Found)> {
    let mut place = at.next_multiple_of(ALIGN);
    while place + HEADER <= bytes.len() {
        // Mostly zeros are searched: neither header begins with one.
        if bytes[place] != START.to_le_bytes()[0] {
            place += ALIGN;
            continue;
        }
        if let Some(header) = Header::read(&bytes[place..], START) {
            return Some((place, open(bytes, place, header)));
        }
        // The end of a frame whose beginning is damaged.
        if let Some(header) = Header::read(&bytes[place..], END) {
            let start = (place + HEADER).checked_sub(header.total());
            if let Some(start) = start.filter(|start| *start >= at) {
                return Some((start, open(bytes, start, header)));
            }
        }
        place += ALIGN;
    }
    None
}

/// What the last frame that left a header says was durable before it; looks at headers alone.
pub(crate) fn last_durable(bytes: &[u8]) -> Option<u64> {
    let (mut place, mut last) = (0, None);
    while place + HEADER <= bytes.len() {
        let mut step = ALIGN;
        if bytes[place] == START.to_le_bytes()[0] {
            if let Some(header) = Header::read(&bytes[place..], START) {
                (last, step) = (Some(header.durable), header.total());
            } else if let Some(header) = Header::read(&bytes[place..], END) {
                last = Some(header.durable);
            }
        }
        place += step;
    }
    last
}

fn open(bytes: &[u8], at: usize, header: Header) -> Found {
    let end = at + header.total();
    let (table, body) = (header.table as usize, header.body as usize);
    let first = at + HEADER..at + HEADER + table;
    let second = end.saturating_sub(HEADER + table)..end.saturating_sub(HEADER);
    let good = |range: &Range<usize>| {
        bytes.get(range.clone()).filter(|table| crc32c::crc32c(table) == header.table_crc).and_then(entries)
    };
    let entries = good(&first).or_else(|| good(&second));
    let body = first.end..first.end + body;
    let whole = bytes.get(body.clone()).is_some_and(|body| crc32c::crc32c(body) == header.body_crc);
    Found { header, entries, body: whole.then_some(body) }
}

fn entries(table: &[u8]) -> Option<Vec<Entry>> {
    let mut rest = table;
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at_checked(count)?;
        rest = left;
        Some((taken, left.is_empty()))
    };
    let mut entries = Vec::new();
    loop {
        let Some((name, _)) = take(2) else { return table.is_empty().then_some(entries) };
        let name = usize::from(u16::from_le_bytes([name[0], name[1]]));
        let stream = String::from_utf8(take(name)?.0.to_vec()).ok()?;
        let from = u64_at(take(8)?.0, 0);
        let count = u32_at(take(4)?.0, 0) as usize;
        let lengths = take(count.checked_mul(4)?)?.0.chunks_exact(4).map(|word| u32_at(word, 0)).collect();
        let (chain, last) = take(16)?;
        let mut entry = Entry { stream, from, lengths, chain: [0; 16] };
        entry.chain.copy_from_slice(chain);
        entries.push(entry);
        if last {
            return Some(entries);
        }
    }
}

impl Found {
    /// Whether everything is as it was written.
    pub(crate) fn is_whole(&self) -> bool {
        self.entries.is_some() && self.body.is_some()
    }

    /// The payloads of the n-th entry, out of the bytes the frame was found in.
    pub(crate) fn payloads<'a>(&self, bytes: &'a [u8], nth: usize) -> Option<Vec<&'a [u8]>> {
        let (entries, body) = (self.entries.as_ref()?, self.body.clone()?);
        let before: usize =
            entries.iter().take(nth).flat_map(|entry| &entry.lengths).map(|length| *length as usize).sum();
        let mut at = body.start + before;
        let mut payloads = Vec::new();
        for length in &entries.get(nth)?.lengths {
            let end = at + *length as usize;
            payloads.push(bytes.get(at..end.min(body.end))?);
            at = end;
        }
        Some(payloads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Vec<u8>, Vec<Entry>) {
        let entry = |stream: &str, lengths: &[u32]| Entry {
            stream: stream.into(),
            from: 7,
            lengths: lengths.into(),
            chain: chain_start(stream),
        };
        let entries = vec![entry("run/a", &[3, 0]), entry("group/b", &[5])];
        let mut bytes = Vec::new();
        write(&mut bytes, 41, 40, &entries, &[b"one", b"", b"three"]);
        (bytes, entries)
    }

    #[test]
    fn a_frame_reads_back() {
        let (bytes, entries) = sample();
        let found = read(&bytes, 0).expect("a frame");
        assert_eq!((found.header.number, found.header.durable, found.header.total()), (41, 40, bytes.len()));
        assert_eq!(found.entries.as_ref(), Some(&entries));
        assert_eq!(found.payloads(&bytes, 0), Some(vec![&b"one"[..], b""]));
        assert_eq!(found.payloads(&bytes, 1), Some(vec![&b"three"[..]]));
    }

    #[test]
    fn one_flipped_bit_anywhere_loses_no_name_and_no_other_payload() {
        let (bytes, entries) = sample();
        let body = read(&bytes, 0).and_then(|found| found.body).expect("a body");
        for bit in 0..bytes.len() * 8 {
            let mut bent = bytes.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            let (at, found) = read(&bent, 0).map(|found| (0, found)).or_else(|| search(&bent, 0)).expect("still found");
            assert_eq!((at, found.entries.as_ref()), (0, Some(&entries)), "bit {bit}");
            assert_eq!(found.body.is_none(), body.contains(&(bit / 8)), "bit {bit}");
        }
    }

    #[test]
    fn half_a_frame_is_never_whole() {
        let (bytes, _) = sample();
        let body = read(&bytes, 0).and_then(|found| found.body).expect("a body");
        for cut in 0..body.end {
            assert!(!read(&bytes[..cut], 0).is_some_and(|found| found.is_whole()), "cut at {cut}");
        }
    }

    #[test]
    fn a_chain_depends_on_its_stream_order_and_content() {
        let start = chain_start("a");
        let one = chain_next(&start, 1, b"x");
        for other in [chain_next(&chain_start("b"), 1, b"x"), chain_next(&start, 2, b"x"), chain_next(&start, 1, b"y")]
        {
            assert_ne!(one, other);
        }
    }
}
