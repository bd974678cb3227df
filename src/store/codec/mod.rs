//! The engine's events as bytes: JSON that carries its version, so that it reads on its own in ten years.
//!
//! Knows every released form of every event; the newest is written, all are read. A version's file is
//! never edited once released, only followed by another. Knows nothing of streams or disks: large
//! values go through a callback and leave their hash behind ([`Spill`]).

mod access;
mod alert;
mod book;
mod drill;
mod group;
mod held;
mod incident;
mod judged;
mod schedule;
mod series;
mod silence;
mod used;
mod v1;

pub use access::{decode_deed, decode_key, decode_token, encode_deed, encode_key, encode_token};
pub use alert::{decode_noted, encode_noted};
pub use book::{decode_acceptance, encode_acceptance};
pub use drill::{decode_drill, encode_drill};
pub use group::{decode_group, encode_group};
pub use held::{Fetch, Spill};
pub use incident::{decode_incident, encode_incident};
pub use judged::{decode_judged, encode_judged};
pub use schedule::{decode_schedule, encode_schedule};
pub use series::{decode_chunk, encode_chunk, glance_chunk};
pub use silence::{decode_silence, encode_silence};
pub use used::{decode_used, encode_used};

use crate::base::digest::Digest;
use crate::engine::event::Recorded;
use crate::store::{AppendError, ReadError};
use serde::Deserialize;

/// The version that is written.
pub const VERSION: u32 = 1;

/// Why bytes are not an event, or an event can't become bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A later release wrote it.
    #[error(
        "this event has version {found} and was written by a newer stepladder; this one reads up to version {VERSION}: use the newer binary"
    )]
    Newer {
        /// Its version.
        found: u64,
    },
    /// Not what any release wrote.
    #[error("this is not an event of stepladder: {0}")]
    Malformed(String),
    /// Something in it can't be stored or read back.
    #[error("this event can't be stored: {0}")]
    Unstorable(String),
    /// A large value of it is elsewhere and can't be had.
    #[error(transparent)]
    Blob(#[from] ReadError),
    /// A large value of it could not be put elsewhere.
    #[error(transparent)]
    Put(#[from] AppendError),
}

/// The event as bytes, whole, however large.
///
/// # Errors
/// [`CodecError::Unstorable`] when a value has no JSON form.
pub fn encode(recorded: &Recorded) -> Result<Vec<u8>, CodecError> {
    v1::write(&v1::Envelope::from(recorded))
}

/// The event as bytes of at most `limits::MAX_EVENT`: values over `limits::INLINE_OUTPUT` are handed
/// to `put`, durably, before this returns, and their hash stands in the event.
///
/// # Errors
/// What `put` says; [`CodecError::Unstorable`] when it is too large all the same.
pub fn encode_spilling(recorded: &Recorded, put: &mut Spill<'_>) -> Result<Vec<u8>, CodecError> {
    v1::write_spilling(v1::Envelope::from(recorded), put)
}

/// The event of these bytes, where nothing of it was spilled.
///
/// # Errors
/// [`CodecError`]; [`ReadError::Blob`] in it names the first spilled value.
pub fn decode(bytes: &[u8]) -> Result<Recorded, CodecError> {
    decode_fetching(bytes, &mut |digest| Err(ReadError::Blob(*digest)))
}

/// The event of these bytes; spilled values come from `get`, and are left empty where it has `None`.
///
/// # Errors
/// [`CodecError`].
pub fn decode_fetching(bytes: &[u8], get: &mut Fetch<'_>) -> Result<Recorded, CodecError> {
    match version_of(bytes)? {
        1 => v1::read(bytes, get),
        found => Err(CodecError::Newer { found }),
    }
}

/// The event without its spilled values: enough for the rows of an index, and never a read of a blob.
///
/// # Errors
/// [`CodecError`].
pub fn glance(bytes: &[u8]) -> Result<Recorded, CodecError> {
    decode_fetching(bytes, &mut |_: &Digest| Ok(None))
}

/// Whether these bytes are an event of a step that measured nothing: most are, no row of an index comes of
/// them, and this is told without reading them. A false `no` costs time alone.
#[must_use]
pub fn is_quiet_step(bytes: &[u8]) -> bool {
    let Some(at) = bytes.strip_prefix(br#"{"v":1,"at":""#) else { return false };
    let end = at.iter().position(|byte| *byte == b'"').unwrap_or(at.len());
    at[end..].starts_with(br#"","e":{"step":"#) && memchr::memmem::find(at, br#""samples":"#).is_none()
}

fn version_of(bytes: &[u8]) -> Result<u64, CodecError> {
    #[derive(Deserialize)]
    struct Version {
        v: u64,
    }
    if bytes.starts_with(b"{\"v\":1,") {
        return Ok(1);
    }
    let version: Version = serde_json::from_slice(bytes).map_err(|error| CodecError::Malformed(error.to_string()))?;
    if version.v == 0 { Err(CodecError::Malformed("version 0 never was".into())) } else { Ok(version.v) }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
