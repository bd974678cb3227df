//! Events of the book as bytes, version 1.

use crate::base::digest::Digest;
use crate::model::acceptance::Acceptance;
use crate::store::codec::CodecError;
use crate::store::codec::access::{By, read, unknown, write};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version 1 of an event of the book: never edited, only followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct V1 {
    v: u32,
    at: Timestamp,
    event: Kind,
    texts: String,
    changed: Vec<String>,
    by: By,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Accepted,
}

/// The event as bytes.
///
/// # Errors
/// [`CodecError::Unstorable`], in theory.
pub fn encode_acceptance(event: &Acceptance) -> Result<Vec<u8>, CodecError> {
    let Acceptance { at, actor, texts, changed } = event;
    let (texts, changed) = (texts.to_string(), changed.clone());
    write(&V1 { v: 1, at: *at, event: Kind::Accepted, texts, changed, by: By::of(actor) })
}

/// The event of these bytes.
///
/// # Errors
/// [`CodecError::Newer`] or [`CodecError::Malformed`].
pub fn decode_acceptance(bytes: &[u8]) -> Result<Acceptance, CodecError> {
    let V1 { v: _, at, event: Kind::Accepted, texts, changed, by } = read(bytes)?;
    let texts = Digest::parse(&texts).ok_or_else(|| unknown(&texts))?;
    Ok(Acceptance { at, actor: by.actor()?, texts, changed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::actor::Actor;

    #[test]
    fn an_acceptance_reads_back_from_what_release_one_wrote() {
        let golden = r#"{"v":1,"at":"2026-11-24T23:00:00Z","event":"accepted","texts":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","changed":["runbooks/a.yaml"],"by":{"id":"book","via":"engine","role":"admin"}}"#;
        let event = Acceptance {
            at: "2026-11-24T23:00:00Z".parse().expect("an instant"),
            actor: Actor::engine("book"),
            texts: Digest::of(b"abc"),
            changed: vec!["runbooks/a.yaml".into()],
        };
        assert_eq!(decode_acceptance(golden.as_bytes()), Ok(event.clone()));
        assert_eq!(encode_acceptance(&event), Ok(golden.as_bytes().to_vec()));
        assert!(matches!(decode_acceptance(br#"{"v":2}"#), Err(CodecError::Newer { found: 2 })));
        let unknown = golden.replace("engine", "moon");
        assert!(matches!(decode_acceptance(unknown.as_bytes()), Err(CodecError::Malformed(_))));
    }
}
