//! What incidents have been told of, as bytes, version 1.

use crate::store::codec::CodecError;
use crate::store::codec::access::{read, write};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version 1: never edited, only followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct V1 {
    v: u32,
    at: Timestamp,
    judged: Vec<String>,
}

/// That incidents have been told of these, as bytes.
///
/// # Errors
/// [`CodecError::Unstorable`], in theory.
pub fn encode_judged(at: Timestamp, judged: &[String]) -> Result<Vec<u8>, CodecError> {
    write(&V1 { v: 1, at, judged: judged.to_vec() })
}

/// What incidents have been told of.
///
/// # Errors
/// [`CodecError::Newer`] or [`CodecError::Malformed`].
pub fn decode_judged(bytes: &[u8]) -> Result<Vec<String>, CodecError> {
    read::<V1>(bytes).map(|V1 { judged, .. }| judged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_judged_reads_back_from_what_release_one_wrote() {
        let golden = r#"{"v":1,"at":"2026-11-30T17:00:00Z","judged":["run/01kb0000000000000000000000"]}"#;
        let judged = vec!["run/01kb0000000000000000000000".to_owned()];
        assert_eq!(decode_judged(golden.as_bytes()), Ok(judged.clone()));
        let at = "2026-11-30T17:00:00Z".parse().expect("an instant");
        assert_eq!(encode_judged(at, &judged), Ok(golden.as_bytes().to_vec()));
        assert!(matches!(decode_judged(br#"{"v":2}"#), Err(CodecError::Newer { found: 2 })));
    }
}
