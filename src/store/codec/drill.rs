//! Events of drills as bytes, version 1.

use crate::base::ids::Name;
use crate::escalation::drill::{Event, Recorded, Try, Way};
use crate::escalation::event::PageFate;
use crate::model::message::Sent;
use crate::store::codec::CodecError;
use crate::store::codec::access::{By, read, unknown, write};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version 1: never edited, only followed.
#[derive(Debug, Serialize, Deserialize)]
struct V1 {
    v: u32,
    at: Timestamp,
    event: Kind,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Begun {
        by: By,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
        ways: Vec<Way1>,
    },
    Settled {
        page: u32,
        fate: String,
        note: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tries: Vec<Try1>,
    },
    Confirmed {
        page: u32,
        by: By,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Way1 {
    who: String,
    channel: String,
    address: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Try1 {
    at: Timestamp,
    took: u64,
    came: Came1,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Came1 {
    Accepted(Option<String>),
    Delivered(Option<String>),
    Later(String, Option<u64>),
    Refused(String),
}

const FATES: [PageFate; 5] =
    [PageFate::Accepted, PageFate::Delivered, PageFate::Read, PageFate::Failed, PageFate::Withdrawn];

/// The event as bytes.
///
/// # Errors
/// [`CodecError::Unstorable`], in theory.
pub fn encode_drill(recorded: &Recorded) -> Result<Vec<u8>, CodecError> {
    let event = match &recorded.event {
        Event::Begun { actor, due, ways } => {
            let way = |way: &Way| Way1 {
                who: way.who.to_string(),
                channel: way.channel.to_string(),
                address: way.address.clone(),
            };
            Kind::Begun { by: By::of(actor), due: *due, ways: ways.iter().map(way).collect() }
        }
        Event::Settled { page, fate, note, tries } => {
            let one = |one: &Try| Try1 { at: one.at, took: one.took, came: came(&one.sent) };
            let (fate, note) = (fate.word().to_owned(), note.clone());
            Kind::Settled { page: *page, fate, note, tries: tries.iter().map(one).collect() }
        }
        Event::Confirmed { page, actor } => Kind::Confirmed { page: *page, by: By::of(actor) },
    };
    write(&V1 { v: 1, at: recorded.at, event })
}

fn came(sent: &Sent) -> Came1 {
    match sent.clone() {
        Sent::Accepted { id } => Came1::Accepted(id),
        Sent::Delivered { id } => Came1::Delivered(id),
        Sent::Later { reason, after } => Came1::Later(reason, after),
        Sent::Refused { reason } => Came1::Refused(reason),
    }
}

/// The event of these bytes.
///
/// # Errors
/// [`CodecError::Newer`] or [`CodecError::Malformed`].
pub fn decode_drill(bytes: &[u8]) -> Result<Recorded, CodecError> {
    let V1 { v: _, at, event } = read(bytes)?;
    let event = match event {
        Kind::Begun { by, due, ways } => {
            let name = |text: &str| Name::parse(text).map_err(|_| unknown(text));
            let way = |way: Way1| Ok(Way { who: name(&way.who)?, channel: name(&way.channel)?, address: way.address });
            let ways = ways.into_iter().map(way).collect::<Result<_, CodecError>>()?;
            Event::Begun { actor: by.actor()?, due, ways }
        }
        Kind::Settled { page, fate, note, tries } => {
            let fate = FATES.into_iter().find(|known| known.word() == fate).ok_or_else(|| unknown(&fate))?;
            let one = |one: Try1| Try { at: one.at, took: one.took, sent: sent(one.came) };
            Event::Settled { page, fate, note, tries: tries.into_iter().map(one).collect() }
        }
        Kind::Confirmed { page, by } => Event::Confirmed { page, actor: by.actor()? },
    };
    Ok(Recorded { at, event })
}

fn sent(came: Came1) -> Sent {
    match came {
        Came1::Accepted(id) => Sent::Accepted { id },
        Came1::Delivered(id) => Sent::Delivered { id },
        Came1::Later(reason, after) => Sent::Later { reason, after },
        Came1::Refused(reason) => Sent::Refused { reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::actor::Actor;

    #[test]
    fn a_drill_reads_back_from_what_the_first_release_with_drills_wrote() {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let name = |text: &str| Name::parse(text).expect("a name");
        let way = Way { who: name("ivanova"), channel: name("sms"), address: "+1-555-0123".into() };
        let tries = vec![
            Try {
                at: at("2026-12-07T08:00:01Z"),
                took: 12,
                sent: Sent::Later { reason: "status 503".into(), after: Some(5_000) },
            },
            Try { at: at("2026-12-07T08:00:06Z"), took: 40, sent: Sent::Accepted { id: Some("SM1".into()) } },
        ];
        let settled = |fate, note: &str, tries| Event::Settled { page: 1, fate, note: note.into(), tries };
        for (event, golden) in [
            (
                Event::Begun { actor: Actor::engine("drill"), due: Some(at("2026-12-07T08:00:00Z")), ways: vec![way] },
                r#"{"begun":{"by":{"id":"drill","via":"engine","role":"admin"},"due":"2026-12-07T08:00:00Z","ways":[{"who":"ivanova","channel":"sms","address":"+1-555-0123"}]}}"#,
            ),
            (
                settled(PageFate::Accepted, "SM1", tries),
                r#"{"settled":{"page":1,"fate":"accepted","note":"SM1","tries":[{"at":"2026-12-07T08:00:01Z","took":12,"came":{"later":["status 503",5000]}},{"at":"2026-12-07T08:00:06Z","took":40,"came":{"accepted":"SM1"}}]}}"#,
            ),
            (
                settled(PageFate::Failed, "undelivered", Vec::new()),
                r#"{"settled":{"page":1,"fate":"failed","note":"undelivered"}}"#,
            ),
            (
                Event::Confirmed { page: 1, actor: Actor::engine("link") },
                r#"{"confirmed":{"page":1,"by":{"id":"link","via":"engine","role":"admin"}}}"#,
            ),
        ] {
            let golden = format!(r#"{{"v":1,"at":"2026-12-07T08:00:06Z","event":{golden}}}"#);
            let recorded = Recorded { at: at("2026-12-07T08:00:06Z"), event };
            assert_eq!(encode_drill(&recorded).map(String::from_utf8), Ok(Ok(golden.clone())));
            assert_eq!(decode_drill(golden.as_bytes()), Ok(recorded));
        }
        assert!(matches!(decode_drill(br#"{"v":2}"#), Err(CodecError::Newer { found: 2 })));
    }
}
