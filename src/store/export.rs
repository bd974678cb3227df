//! A stream as JSON Lines, for people, other programs and salvage: one event a line, as it is stored.
//!
//! Knows streams and lines; an event that is no JSON is given as the hex digits of its bytes.

use crate::store::{Journal, ReadError, StreamId};
use serde::de::IgnoredAny;
use std::io::{self, Write};

/// Why an export stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The stream can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The lines can't be written.
    #[error("the export could not be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes the events of a stream, one line each; returns how many.
///
/// # Errors
/// [`ExportError`].
pub fn export(journal: &dyn Journal, stream: &StreamId, out: &mut dyn Write) -> Result<u64, ExportError> {
    let name = serde_json::Value::from(stream.as_str());
    let mut version = 0;
    for event in journal.read(stream, 0)? {
        version += 1;
        write!(out, "{{\"stream\":{name},\"version\":{version},")?;
        if serde_json::from_slice::<IgnoredAny>(&event).is_ok() && !event.contains(&b'\n') {
            out.write_all(b"\"event\":")?;
            out.write_all(&event)?;
        } else {
            out.write_all(b"\"hex\":\"")?;
            event.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
            out.write_all(b"\"")?;
        }
        out.write_all(b"}\n")?;
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{append, batch, project, stream};
    use crate::store::memory::Memory;

    #[test]
    fn every_line_is_an_event() {
        let journal = Memory::new(project());
        append(&journal, batch(&[], &[("run/1", &["{\"v\":1}", "put a"])])).expect("taken");
        let mut out = Vec::new();
        assert_eq!(export(&journal, &stream("run/1"), &mut out).expect("exported"), 2);
        let want = "{\"stream\":\"run/1\",\"version\":1,\"event\":{\"v\":1}}\n{\"stream\":\"run/1\",\"version\":2,\"hex\":\"7075742061\"}\n";
        assert_eq!(String::from_utf8_lossy(&out), want);
    }
}
