//! Events of a concurrency group as bytes, version 1.

use crate::base::address::Place;
use crate::base::ids::RunId;
use crate::engine::group::{GroupEvent, Holder};
use crate::store::codec::CodecError;
use serde::{Deserialize, Serialize};

/// Version 1 of a group event: never edited, only followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct V1 {
    v: u32,
    event: Kind,
    run: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Joined,
    Granted,
    Left,
}

/// The event as bytes.
///
/// # Errors
/// [`CodecError::Unstorable`], in theory.
pub fn encode_group(event: &GroupEvent) -> Result<Vec<u8>, CodecError> {
    let (kind, holder) = match event {
        GroupEvent::Joined(holder) => (Kind::Joined, holder),
        GroupEvent::Granted(holder) => (Kind::Granted, holder),
        GroupEvent::Left(holder) => (Kind::Left, holder),
    };
    let v1 = V1 { v: 1, event: kind, run: holder.run.to_string(), place: holder.place.clone() };
    serde_json::to_vec(&v1).map_err(|error| CodecError::Unstorable(error.to_string()))
}

/// The event of these bytes.
///
/// # Errors
/// [`CodecError::Newer`] or [`CodecError::Malformed`].
pub fn decode_group(bytes: &[u8]) -> Result<GroupEvent, CodecError> {
    match super::version_of(bytes)? {
        1 => {}
        found => return Err(CodecError::Newer { found }),
    }
    let malformed = |reason: String| CodecError::Malformed(reason);
    let v1: V1 = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    let run = RunId::parse(&v1.run).map_err(|error| malformed(error.to_string()))?;
    let holder = Holder { run, place: v1.place };
    Ok(match v1.event {
        Kind::Joined => GroupEvent::Joined(holder),
        Kind::Granted => GroupEvent::Granted(holder),
        Kind::Left => GroupEvent::Left(holder),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_events_read_back_from_what_release_one_wrote() {
        let run = RunId::new(1, 2);
        let place = Some(Place::parse("fleet[1]/restart").expect("a place"));
        let golden = [
            (
                r#"{"v":1,"event":"granted","run":"00000000010000000000000002"}"#,
                GroupEvent::Granted(Holder { run, place: None }),
            ),
            (
                r#"{"v":1,"event":"left","run":"00000000010000000000000002","place":"fleet[1]/restart"}"#,
                GroupEvent::Left(Holder { run, place: place.clone() }),
            ),
            (
                r#"{"v":1,"event":"joined","run":"00000000010000000000000002","place":"fleet[1]/restart"}"#,
                GroupEvent::Joined(Holder { run, place }),
            ),
        ];
        for (bytes, event) in golden {
            assert_eq!(decode_group(bytes.as_bytes()), Ok(event.clone()));
            assert_eq!(encode_group(&event), Ok(bytes.as_bytes().to_vec()));
        }
        assert!(matches!(decode_group(br#"{"v":2}"#), Err(CodecError::Newer { found: 2 })));
    }
}
