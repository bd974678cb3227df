//! Events of silences as bytes, version 1.

use crate::model::silence::{Silence, SilenceEvent};
use crate::store::codec::CodecError;
use crate::store::codec::access::{By, read, write};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version 1: never edited, only followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct V1 {
    v: u32,
    at: Timestamp,
    silence: String,
    event: Kind,
    by: By,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Added { matches: BTreeMap<String, String>, until: Timestamp, reason: String },
    Ended,
}

/// The event as bytes.
///
/// # Errors
/// [`CodecError::Unstorable`], in theory.
pub fn encode_silence(event: &SilenceEvent) -> Result<Vec<u8>, CodecError> {
    let v1 = match event {
        SilenceEvent::Added(Silence { id, matches, from, until, actor, reason }) => V1 {
            v: 1,
            at: *from,
            silence: id.clone(),
            event: Kind::Added { matches: matches.clone(), until: *until, reason: reason.clone() },
            by: By::of(actor),
        },
        SilenceEvent::Ended { id, at, actor } => {
            V1 { v: 1, at: *at, silence: id.clone(), event: Kind::Ended, by: By::of(actor) }
        }
    };
    write(&v1)
}

/// The event of these bytes.
///
/// # Errors
/// [`CodecError::Newer`] or [`CodecError::Malformed`].
pub fn decode_silence(bytes: &[u8]) -> Result<SilenceEvent, CodecError> {
    let V1 { v: _, at, silence: id, event, by } = read(bytes)?;
    let actor = by.actor()?;
    Ok(match event {
        Kind::Added { matches, until, reason } => {
            SilenceEvent::Added(Silence { id, matches, from: at, until, actor, reason })
        }
        Kind::Ended => SilenceEvent::Ended { id, at, actor },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::actor::Actor;

    #[test]
    fn a_silence_reads_back_from_what_release_one_wrote() {
        let golden = r#"{"v":1,"at":"2026-11-30T17:00:00Z","silence":"s-0badcafe","event":{"added":{"matches":{"component":"sip*"},"until":"2026-11-30T19:00:00Z","reason":"new trunk"}},"by":{"id":"test","via":"engine","role":"admin"}}"#;
        let event = SilenceEvent::Added(Silence {
            id: "s-0badcafe".into(),
            matches: [("component".to_owned(), "sip*".to_owned())].into(),
            from: "2026-11-30T17:00:00Z".parse().expect("an instant"),
            until: "2026-11-30T19:00:00Z".parse().expect("an instant"),
            actor: Actor::engine("test"),
            reason: "new trunk".into(),
        });
        assert_eq!(decode_silence(golden.as_bytes()), Ok(event.clone()));
        assert_eq!(encode_silence(&event), Ok(golden.as_bytes().to_vec()));
        let ended = r#"{"v":1,"at":"2026-11-30T18:00:00Z","silence":"s-0badcafe","event":"ended","by":{"id":"test","via":"engine","role":"admin"}}"#;
        let event = SilenceEvent::Ended {
            id: "s-0badcafe".into(),
            at: "2026-11-30T18:00:00Z".parse().expect("an instant"),
            actor: Actor::engine("test"),
        };
        assert_eq!(encode_silence(&event), Ok(ended.as_bytes().to_vec()));
        assert_eq!(decode_silence(ended.as_bytes()), Ok(event));
        assert!(matches!(decode_silence(br#"{"v":2}"#), Err(CodecError::Newer { found: 2 })));
    }
}
