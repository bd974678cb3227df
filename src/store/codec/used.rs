//! A link that was used, as bytes, version 1.

use crate::base::digest::Digest;
use crate::store::codec::CodecError;
use crate::store::codec::access::{read, unknown, write};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version 1: never edited, only followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct V1 {
    v: u32,
    at: Timestamp,
    used: String,
}

/// That a link was used, as bytes; by the hash of its token.
///
/// # Errors
/// [`CodecError::Unstorable`], in theory.
pub fn encode_used(at: Timestamp, token: &Digest) -> Result<Vec<u8>, CodecError> {
    write(&V1 { v: 1, at, used: token.to_string() })
}

/// The hash of the token that was used.
///
/// # Errors
/// [`CodecError::Newer`] or [`CodecError::Malformed`].
pub fn decode_used(bytes: &[u8]) -> Result<Digest, CodecError> {
    let V1 { used, .. } = read(bytes)?;
    Digest::parse(&used).ok_or_else(|| unknown(&used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_link_reads_back_from_what_release_one_wrote() {
        let golden = r#"{"v":1,"at":"2026-11-30T17:00:00Z","used":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}"#;
        let at = "2026-11-30T17:00:00Z".parse().expect("an instant");
        assert_eq!(encode_used(at, &Digest::of(b"abc")), Ok(golden.as_bytes().to_vec()));
        assert_eq!(decode_used(golden.as_bytes()), Ok(Digest::of(b"abc")));
        assert!(matches!(decode_used(br#"{"v":2}"#), Err(CodecError::Newer { found: 2 })));
    }
}
