//! A whole journal as JSON Lines, for other programs, other machines and the time after us: blobs, then
//! each stream's events as they are stored, one a line.
//!
//! Each line ends with a hash over itself and the hash before it, the last line counts them: whatever was
//! changed, lost or cut off is noticed, with its line, before anything is imported. Knows streams and
//! bytes; an event that is no JSON, or a blob that is no text, is given as hex digits.

use crate::base::digest::Digest;
use crate::store::{AppendError, Batch, Forget, Journal, ReadError, StreamId, Version};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};
use std::sync::mpsc::channel;

/// What the first line says.
const HEAD: &str = "{\"archive\":\"stepladder\",\"format\":1";
/// Digits of a line's hash.
const HASH: usize = 32;
/// Bytes of events that are imported with one sync.
const TOGETHER: usize = 256 * 1024;
/// What stands before an event in JSON.
const EVENT: &[u8] = b",\"event\":";

/// What went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Lines between the first and the last.
    pub lines: u64,
    /// Streams.
    pub streams: u64,
    /// Events.
    pub events: u64,
    /// Blobs.
    pub blobs: u64,
}

/// Why an archive could not be written or imported.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The journal can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The journal does not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The lines can't be written or read.
    #[error("the archive could not be written or read: {0}")]
    Io(#[from] io::Error),
    /// A line is not what was written.
    #[error("line {line} of the archive: {what}; nothing was imported")]
    Line {
        /// Which, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// There is something already.
    #[error("an archive is imported into an empty data directory only, and this one has {0} streams")]
    NotEmpty(usize),
}

/// Writes lines, each with its hash.
struct Lines<'a> {
    out: &'a mut dyn Write,
    hash: String,
}

fn next_hash(before: &str, content: &[u8]) -> String {
    Digest::of_parts(&[before.as_bytes(), content]).to_string()[..HASH].to_owned()
}

impl Lines<'_> {
    /// Writes a line; `content` is a JSON object without its last brace.
    fn put(&mut self, content: &[u8]) -> io::Result<()> {
        self.hash = next_hash(&self.hash, content);
        self.out.write_all(content)?;
        writeln!(self.out, ",\"hash\":\"{}\"}}", self.hash)
    }
}

/// Writes everything that can be read; the names of streams that can't are returned.
///
/// # Errors
/// [`ArchiveError`].
pub fn export(journal: &dyn Journal, out: &mut dyn Write) -> Result<(Counts, Vec<String>), ArchiveError> {
    let mut lines = Lines { out, hash: String::new() };
    let (mut counts, mut damaged, mut digests) = (Counts::default(), Vec::new(), BTreeSet::new());
    lines.put(HEAD.as_bytes())?;
    let streams = journal.streams("")?;
    for (stream, _) in &streams {
        if let Ok(events) = journal.read(stream, 0) {
            for event in &events {
                super::digests_in(event, &mut digests);
            }
        }
    }
    for digest in digests {
        // Hex digits may be anything; and what is missing or damaged is for `doctor` to say.
        if let Ok(bytes) = journal.blob(&digest) {
            let mut content = format!("{{\"blob\":\"{digest}\",").into_bytes();
            match std::str::from_utf8(&bytes) {
                Ok(text) => write!(content, "\"text\":{}", serde_json::Value::from(text))?,
                Err(_) => write_hex(&mut content, &bytes)?,
            }
            lines.put(&content)?;
            counts.blobs += 1;
        }
    }
    for (stream, _) in &streams {
        match export_stream(journal, stream, &mut lines) {
            Ok(events) => {
                counts.streams += 1;
                counts.events += events;
            }
            Err(ArchiveError::Read(ReadError::Corrupt { .. })) => damaged.push(stream.to_string()),
            Err(error) => return Err(error),
        }
    }
    counts.lines = counts.blobs + counts.events;
    let Counts { lines: all, streams, events, blobs } = counts;
    lines.put(
        format!("{{\"end\":true,\"lines\":{all},\"streams\":{streams},\"events\":{events},\"blobs\":{blobs}")
            .as_bytes(),
    )?;
    lines.out.flush()?;
    Ok((counts, damaged))
}

fn export_stream(journal: &dyn Journal, stream: &StreamId, lines: &mut Lines<'_>) -> Result<u64, ArchiveError> {
    let events = journal.read(stream, 0)?;
    let name = serde_json::Value::from(stream.as_str());
    let (past, chain) = journal.past(stream)?;
    if past > 0 {
        let mut content = format!("{{\"stream\":{name},\"past\":{past},").into_bytes();
        write_hex(&mut content, &chain)?;
        lines.put(&content)?;
    }
    for (version, event) in (past + 1..).zip(&events) {
        let mut content = format!("{{\"stream\":{name},\"version\":{version},").into_bytes();
        if serde_json::from_slice::<IgnoredAny>(event).is_ok() && !event.contains(&b'\n') {
            content.extend_from_slice(b"\"event\":");
            content.extend_from_slice(event);
        } else {
            write_hex(&mut content, event)?;
        }
        lines.put(&content)?;
    }
    Ok(events.len() as u64)
}

fn write_hex(content: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    content.extend_from_slice(b"\"hex\":\"");
    bytes.iter().try_for_each(|byte| write!(content, "{byte:02x}"))?;
    content.extend_from_slice(b"\"");
    Ok(())
}

/// One line, read back.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Head,
    Blob(Digest, Vec<u8>),
    Past(StreamId, Version, Vec<u8>),
    Event(StreamId, Version, Vec<u8>),
    End(Counts),
}

#[derive(Deserialize)]
struct Fields {
    archive: Option<String>,
    format: Option<u64>,
    blob: Option<String>,
    text: Option<String>,
    hex: Option<String>,
    stream: Option<String>,
    past: Option<Version>,
    version: Option<Version>,
    end: Option<bool>,
    lines: Option<u64>,
    streams: Option<u64>,
    events: Option<u64>,
    blobs: Option<u64>,
}

/// Reads the lines one by one; each is verified before `each` hears of it.
fn read(input: &mut dyn BufRead, each: &mut dyn FnMut(Line) -> Result<(), ArchiveError>) -> Result<(), ArchiveError> {
    let (mut number, mut hash, mut ended) = (0, String::new(), false);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if input.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        number += 1;
        let wrong = |what: &str| ArchiveError::Line { line: number, what: what.into() };
        let tail = format!(",\"hash\":\"{}\"}}\n", "0".repeat(HASH)).len();
        let content = bytes.len().checked_sub(tail).and_then(|end| bytes.get(..end));
        let content = content.ok_or_else(|| wrong("it is cut off"))?;
        hash = next_hash(&hash, content);
        if bytes.get(content.len()..) != Some(format!(",\"hash\":\"{hash}\"}}\n").as_bytes()) {
            return Err(wrong("it, or one before it, is not what was written"));
        }
        let line = line_of(content).map_err(|what| wrong(&what))?;
        if ended || (number == 1) != (line == Line::Head) {
            return Err(wrong("it is out of place"));
        }
        ended = matches!(line, Line::End(_));
        each(line)?;
    }
    if ended { Ok(()) } else { Err(ArchiveError::Line { line: number + 1, what: "the archive is cut off".into() }) }
}

fn line_of(content: &[u8]) -> Result<Line, String> {
    let whole = [content, b"}"].concat();
    let fields: Fields = serde_json::from_slice(&whole).map_err(|error| format!("it does not read: {error}"))?;
    let bytes = || match (&fields.text, &fields.hex) {
        (Some(text), _) => Ok(text.clone().into_bytes()),
        (None, Some(hex)) => from_hex(hex).ok_or_else(|| "its hex digits do not read".to_owned()),
        (None, None) => Err("it has no content".to_owned()),
    };
    if fields.archive.is_some() {
        return match fields.format {
            Some(1) => Ok(Line::Head),
            _ => Err("it was written by a newer stepladder: use that one".into()),
        };
    }
    if let Some(name) = &fields.blob {
        let digest = Digest::parse(name).ok_or("it names no blob")?;
        return Ok(Line::Blob(digest, bytes()?));
    }
    if fields.end == Some(true) {
        let count = |count: Option<u64>| count.unwrap_or_default();
        let (lines, streams) = (count(fields.lines), count(fields.streams));
        return Ok(Line::End(Counts { lines, streams, events: count(fields.events), blobs: count(fields.blobs) }));
    }
    let stream = StreamId::from_name(fields.stream.as_deref().ok_or("it is of no known kind")?);
    if let Some(past) = fields.past {
        return Ok(Line::Past(stream, past, bytes()?));
    }
    let version = fields.version.ok_or("its event has no version")?;
    // Byte for byte as it was stored: an event in JSON is cut out, not read and written again.
    let event = content.windows(EVENT.len()).position(|window| window == EVENT);
    let event = event.filter(|_| fields.hex.is_none()).map(|at| content[at + EVENT.len()..].to_vec());
    Ok(Line::Event(stream, version, event.map_or_else(bytes, Ok)?))
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok())
        .collect()
}

/// Imports an archive into an empty journal. It is read twice: nothing is written before all of it is
/// verified, and `begin` is called between the two.
///
/// # Errors
/// [`ArchiveError`], with the line where there is one.
pub fn import(
    journal: &dyn Journal,
    open: &mut dyn FnMut() -> io::Result<Box<dyn BufRead>>,
    begin: &mut dyn FnMut() -> io::Result<()>,
) -> Result<Counts, ArchiveError> {
    let there = journal.streams("")?.len();
    if there > 0 {
        return Err(ArchiveError::NotEmpty(there));
    }
    verify(&mut *open()?)?;
    begin()?;
    let mut counts = Counts::default();
    let mut waiting = Batch::default();
    let mut size = 0;
    read(&mut *open()?, &mut |line| {
        match line {
            Line::Head => {}
            Line::End(all) => counts = all,
            Line::Blob(_, bytes) => drop(journal.put_blob(&bytes)?),
            Line::Past(stream, version, chain) => {
                flush(journal, &mut waiting)?;
                let forgets = vec![Forget::Before(stream, version, chain)];
                append(journal, Batch { forgets, ..Batch::default() })?;
            }
            Line::Event(stream, _, event) => {
                size += event.len();
                match waiting.appends.last_mut().filter(|(last, _)| *last == stream) {
                    Some((_, events)) => events.push(event),
                    None => waiting.appends.push((stream, vec![event])),
                }
                if size > TOGETHER {
                    size = 0;
                    flush(journal, &mut waiting)?;
                }
            }
        }
        Ok(())
    })?;
    flush(journal, &mut waiting)?;
    Ok(counts)
}

/// Reads all of it: hashes, counts, versions without gaps, blobs that are what they are called.
fn verify(input: &mut dyn BufRead) -> Result<(), ArchiveError> {
    let (mut found, mut number) = (Counts::default(), 0);
    let mut at: Option<(StreamId, Version)> = None;
    read(input, &mut |line| {
        number += 1;
        let wrong = |what: &str| ArchiveError::Line { line: number, what: what.into() };
        match line {
            Line::Head => {}
            Line::Blob(digest, bytes) if Digest::of(&bytes) != digest => {
                return Err(wrong("the blob is not what it is called"));
            }
            Line::Blob(..) => found.blobs += 1,
            Line::Past(stream, version, _) => {
                found.streams += 1;
                at = Some((stream, version));
            }
            Line::Event(stream, version, _) => {
                let before = at.take().filter(|(last, _)| *last == stream).map(|(_, version)| version);
                found.streams += u64::from(before.is_none());
                if version != before.unwrap_or_default() + 1 {
                    return Err(wrong("its version does not follow the one before"));
                }
                found.events += 1;
                at = Some((stream, version));
            }
            Line::End(said) => {
                found.lines = found.blobs + found.events;
                if said != found {
                    return Err(wrong("it counts other lines than there are"));
                }
            }
        }
        Ok(())
    })
}

fn flush(journal: &dyn Journal, waiting: &mut Batch) -> Result<(), ArchiveError> {
    if waiting.appends.is_empty() { Ok(()) } else { append(journal, std::mem::take(waiting)) }
}

fn append(journal: &dyn Journal, batch: Batch) -> Result<(), ArchiveError> {
    let (tell, told) = channel();
    journal.append(batch, Box::new(move |answer| drop(tell.send(answer))));
    let answer = told.recv().unwrap_or_else(|_| Err(AppendError::Broken("the writer is gone".into())));
    answer.map(drop).map_err(ArchiveError::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{append, batch, dump, project, stream};
    use crate::store::memory::Memory;

    fn source() -> Memory {
        let journal = Memory::new(project());
        let (text, bytes) = (journal.put_blob(b"text").expect("kept"), journal.put_blob(&[0xff, 0]).expect("kept"));
        let named = format!("{{\"v\":1,\"event\":{{\"blob\":\"{text}\"}}}}");
        let other = format!("put a {bytes}");
        append(&journal, batch(&[], &[("run/1", &[&named, &other]), ("group/\"g", &["1", "2"])])).expect("taken");
        let past = Forget::Past(stream("group/\"g"));
        append(&journal, Batch { forgets: vec![past], ..batch(&[], &[("group/\"g", &["3"])]) }).expect("taken");
        journal
    }

    fn import_text(text: &str) -> (Memory, Result<Counts, ArchiveError>) {
        let journal = Memory::new(project());
        let bytes = text.as_bytes().to_vec();
        let counts = import(&journal, &mut || Ok(Box::new(io::Cursor::new(bytes.clone()))), &mut || Ok(()));
        (journal, counts)
    }

    #[test]
    fn what_is_exported_answers_the_same_where_it_is_imported() {
        let journal = source();
        let mut out = Vec::new();
        let (counts, damaged) = export(&journal, &mut out).expect("exported");
        assert_eq!((counts.streams, counts.events, counts.blobs, damaged.len()), (2, 3, 2, 0));
        let text = String::from_utf8(out).expect("text");
        let (imported, read) = import_text(&text);
        assert_eq!(read.expect("imported"), counts);
        assert_eq!(dump(&imported), dump(&journal));
        assert_eq!(imported.version(&stream("group/\"g")), Ok(3), "with what was forgotten");
        assert_eq!(imported.blob(&Digest::of(b"text")), Ok(b"text".to_vec()));
        let again = import(&journal, &mut || Ok(Box::new(io::empty())), &mut || Ok(()));
        assert!(matches!(again, Err(ArchiveError::NotEmpty(2))), "{again:?}");
    }

    #[test]
    fn whatever_was_changed_or_cut_off_is_refused_with_its_line() {
        let mut out = Vec::new();
        export(&source(), &mut out).expect("exported");
        let text = String::from_utf8(out).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        for nth in 0..lines.len() {
            let refused = |lines: &[String], line: usize, what: &str| {
                let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
                let (journal, result) = import_text(&text);
                let error = result.err().map(|error| error.to_string()).unwrap_or_default();
                assert!(error.starts_with(&format!("line {line} of the archive: ")), "{what} {nth}: {error}");
                assert_eq!(journal.streams(""), Ok(Vec::new()), "nothing was imported");
            };
            let own = || lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
            let mut changed = own();
            changed[nth] = changed[nth].replacen('1', "2", 1).replacen('t', "s", 1);
            refused(&changed, nth + 1, "changed");
            let mut missing = own();
            missing.remove(nth);
            refused(&missing, nth + 1, "missing");
            refused(&own()[..nth], nth + 1, "cut off behind");
        }
    }
}
