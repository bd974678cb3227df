//! Events of a schedule as bytes, version 1.

use crate::base::actor::{Role, Via};
use crate::base::digest::Digest;
use crate::base::ids::{Name, RunId};
use crate::base::value::{Map, Value};
use crate::schedule::backfill;
use crate::schedule::call::Call;
use crate::schedule::event::{Event, Fate, Instant, Recorded};
use crate::schedule::nominal::Nominal;
use crate::store::codec::CodecError;
use serde::{Deserialize, Serialize};

/// Version 1 of a schedule's event: never edited, only followed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    v: u32,
    at: String,
    schedule: Shape,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Shape {
    Began {
        after: String,
        times: String,
    },
    Withdrawn,
    Called(Box<Called>),
    Beat,
    Silent {
        by: String,
    },
    Seen {
        /// Each with what it looked like; `null` = it is gone.
        files: Vec<(String, Option<String>)>,
    },
    Ran {
        due: Due,
        run: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<String>,
    },
    Backfilled {
        due: Due,
        run: String,
        actor: Actor,
        /// What had become of it; left out where it had no row.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        had: Option<Left>,
    },
    Queued {
        due: Due,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<String>,
    },
    Settled {
        from: Due,
        /// The same as `from` where it is not there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Due>,
        count: u64,
        fate: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        calendar: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<String>,
    },
    Paused {
        actor: Actor,
        reason: String,
    },
    Resumed {
        actor: Actor,
    },
    DeadlineMet {
        nominal: String,
    },
    DeadlineMissed {
        nominal: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<String>,
    },
}

/// The row that an instant was in, and what is left of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Left {
    fate: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calendar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Part>,
}

/// A stretch of a row.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    from: Due,
    to: Due,
    count: u64,
}

/// A call.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Called {
    due: Due,
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    inputs: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    about: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    depth: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<(String, Option<String>)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Nominal instant, instant.
#[derive(Debug, Serialize, Deserialize)]
struct Due(String, String);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Actor {
    id: String,
    via: String,
    role: String,
}

/// The event as bytes.
///
/// # Errors
/// [`CodecError::Unstorable`], in theory.
pub fn encode_schedule(recorded: &Recorded) -> Result<Vec<u8>, CodecError> {
    let envelope = Envelope { v: 1, at: recorded.at.to_string(), schedule: shape(&recorded.event) };
    serde_json::to_vec(&envelope).map_err(|error| CodecError::Unstorable(error.to_string()))
}

/// The event of these bytes.
///
/// # Errors
/// [`CodecError::Newer`] or [`CodecError::Malformed`].
pub fn decode_schedule(bytes: &[u8]) -> Result<Recorded, CodecError> {
    match super::version_of(bytes)? {
        1 => {}
        found => return Err(CodecError::Newer { found }),
    }
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| CodecError::Malformed(error.to_string()))?;
    Ok(Recorded { at: read(&envelope.at)?, event: event(envelope.schedule)? })
}

fn shape(event: &Event) -> Shape {
    let text = |at: &Option<jiff::Timestamp>| at.map(|at| at.to_string());
    match event {
        Event::Began { after, times } => Shape::Began { after: after.to_string(), times: times.to_string() },
        Event::Withdrawn => Shape::Withdrawn,
        Event::Called { due, call } => Shape::Called(Box::new(Called::of(due, call))),
        Event::Beat => Shape::Beat,
        Event::Silent { by } => Shape::Silent { by: by.to_string() },
        Event::Seen { files } => Shape::Seen { files: files.clone() },
        Event::Ran { due, run, deadline } => {
            Shape::Ran { due: Due::of(due), run: run.to_string(), deadline: text(deadline) }
        }
        Event::Backfilled { due, run, actor, had } => Shape::Backfilled {
            due: Due::of(due),
            run: run.to_string(),
            actor: Actor::of(actor),
            had: had.as_ref().map(Left::of),
        },
        Event::Queued { due, deadline } => Shape::Queued { due: Due::of(due), deadline: text(deadline) },
        Event::Settled { from, to, count, fate, why, deadline } => Shape::Settled {
            from: Due::of(from),
            to: (from != to).then(|| Due::of(to)),
            count: *count,
            fate: fate.word().to_owned(),
            calendar: calendar(fate),
            why: why.clone(),
            deadline: text(deadline),
        },
        Event::Paused { actor, reason } => Shape::Paused { actor: Actor::of(actor), reason: reason.clone() },
        Event::Resumed { actor } => Shape::Resumed { actor: Actor::of(actor) },
        Event::DeadlineMet(nominal) => Shape::DeadlineMet { nominal: nominal.to_string() },
        Event::DeadlineMissed { nominal, run } => {
            Shape::DeadlineMissed { nominal: nominal.to_string(), run: run.map(|run| run.to_string()) }
        }
    }
}

fn event(shape: Shape) -> Result<Event, CodecError> {
    let instant = |text: Option<String>| text.map(|text| read(&text)).transpose();
    Ok(match shape {
        Shape::Began { after, times } => {
            let times = Digest::parse(&times).ok_or_else(|| malformed(&times))?;
            Event::Began { after: read(&after)?, times }
        }
        Shape::Withdrawn => Event::Withdrawn,
        Shape::Called(called) => called.event()?,
        Shape::Beat => Event::Beat,
        Shape::Silent { by } => Event::Silent { by: read(&by)? },
        Shape::Seen { files } => Event::Seen { files },
        Shape::Ran { due, run, deadline } => {
            Event::Ran { due: due.instant()?, run: run_id(&run)?, deadline: instant(deadline)? }
        }
        Shape::Backfilled { due, run, actor, had } => Event::Backfilled {
            due: due.instant()?,
            run: run_id(&run)?,
            actor: actor.actor()?,
            had: had.map(Left::left).transpose()?,
        },
        Shape::Queued { due, deadline } => Event::Queued { due: due.instant()?, deadline: instant(deadline)? },
        Shape::Settled { from, to, count, fate, calendar, why, deadline } => {
            let from = from.instant()?;
            Event::Settled {
                from,
                to: to.map_or(Ok(from), |to| to.instant())?,
                count,
                fate: fate_of(&fate, calendar)?,
                why,
                deadline: instant(deadline)?,
            }
        }
        Shape::Paused { actor, reason } => Event::Paused { actor: actor.actor()?, reason },
        Shape::Resumed { actor } => Event::Resumed { actor: actor.actor()? },
        Shape::DeadlineMet { nominal } => Event::DeadlineMet(name(&nominal)?),
        Shape::DeadlineMissed { nominal, run } => {
            Event::DeadlineMissed { nominal: name(&nominal)?, run: run.map(|run| run_id(&run)).transpose()? }
        }
    })
}

impl Called {
    fn of(due: &Instant, call: &Call) -> Self {
        Self {
            due: Due::of(due),
            key: call.key.to_string(),
            subject: call.subject.map(|subject| subject.to_string()),
            inputs: call.inputs.clone(),
            about: call.about.clone(),
            at: call.at.map(|at| at.to_string()),
            depth: call.depth,
            file: call.file.clone(),
        }
    }

    fn event(self) -> Result<Event, CodecError> {
        let Self { due, key, subject, inputs, about, at, depth, file } = self;
        let digest = |text: &str| Digest::parse(text).ok_or_else(|| malformed(text));
        let call = Call {
            key: digest(&key)?,
            subject: subject.as_deref().map(digest).transpose()?,
            inputs,
            about,
            at: at.map(|at| read(&at)).transpose()?,
            depth,
            file,
        };
        Ok(Event::Called { due: due.instant()?, call: Box::new(call) })
    }
}

impl Left {
    fn of(left: &backfill::Left) -> Self {
        let parts = left.parts.iter();
        Self {
            fate: left.fate.word().to_owned(),
            calendar: calendar(&left.fate),
            why: left.why.clone(),
            parts: parts
                .map(|part| Part { from: Due::of(&part.from), to: Due::of(&part.to), count: part.count })
                .collect(),
        }
    }

    fn left(self) -> Result<backfill::Left, CodecError> {
        let part = |part: Part| -> Result<backfill::Part, CodecError> {
            Ok(backfill::Part { from: part.from.instant()?, to: part.to.instant()?, count: part.count })
        };
        Ok(backfill::Left {
            fate: fate_of(&self.fate, self.calendar)?,
            why: self.why,
            parts: self.parts.into_iter().map(part).collect::<Result<_, _>>()?,
        })
    }
}

fn calendar(fate: &Fate) -> Option<String> {
    if let Fate::SkippedCalendar(name) = fate { Some(name.to_string()) } else { None }
}

fn fate_of(word: &str, calendar: Option<String>) -> Result<Fate, CodecError> {
    let calendar = calendar.map(|name| Name::parse(&name).map_err(|_| malformed(&name))).transpose()?;
    Fate::parse(word, calendar).ok_or_else(|| malformed(word))
}

impl Due {
    fn of(instant: &Instant) -> Self {
        Self(instant.nominal.to_string(), instant.at.to_string())
    }

    fn instant(&self) -> Result<Instant, CodecError> {
        Ok(Instant { nominal: name(&self.0)?, at: read(&self.1)? })
    }
}

impl Actor {
    fn of(actor: &crate::base::actor::Actor) -> Self {
        Self { id: actor.id.clone(), via: actor.via.as_str().into(), role: actor.role.as_str().into() }
    }

    fn actor(self) -> Result<crate::base::actor::Actor, CodecError> {
        let via = Via::parse(&self.via).ok_or_else(|| malformed(&self.via))?;
        let role = Role::parse(&self.role).ok_or_else(|| malformed(&self.role))?;
        Ok(crate::base::actor::Actor { id: self.id, via, role })
    }
}

fn name(text: &str) -> Result<Nominal, CodecError> {
    Nominal::parse(text).ok_or_else(|| malformed(text))
}

fn run_id(text: &str) -> Result<RunId, CodecError> {
    RunId::parse(text).map_err(|_| malformed(text))
}

fn read(text: &str) -> Result<jiff::Timestamp, CodecError> {
    text.parse().map_err(|_| malformed(text))
}

fn malformed(text: &str) -> CodecError {
    CodecError::Malformed(format!("`{text}` does not read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn samples() -> Vec<(&'static str, Event)> {
        let instant =
            |text: &str, at: &str| Instant { nominal: Nominal::parse(text).expect(text), at: at.parse().expect(at) };
        let due = instant("2026-11-24T06:30:00", "2026-11-24T03:30:00Z");
        let again = instant("2026-10-25T02:30:00#2", "2026-10-25T01:30:00Z");
        let deadline = Some("2026-11-24T04:00:00Z".parse().expect("an instant"));
        let actor = crate::base::actor::Actor { id: "ivanova".into(), via: Via::Cli, role: Role::Operator };
        let calendar = Fate::SkippedCalendar(Name::parse("holidays").expect("a name"));
        let every =
            |second: u32| instant(&format!("2026-11-24T06:30:{second:02}Z"), &format!("2026-11-24T06:30:{second:02}Z"));
        let settled = |from, to, count, fate, why: Option<&str>, deadline| Event::Settled {
            from,
            to,
            count,
            fate,
            why: why.map(str::to_owned),
            deadline,
        };
        let part = |from, to, count| backfill::Part { from: every(from), to: every(to), count };
        let parts = vec![part(0, 0, 1), part(30, 45, 2)];
        let had = Some(backfill::Left { fate: Fate::NoSpace, why: Some("1 MiB are free".into()), parts });
        let called = |subject: Option<Digest>, depth| {
            let inputs = crate::base::value::json!({ "target": "staging" }).as_object().cloned().unwrap_or_default();
            let file = subject.map(|_| ("in/a.csv".to_owned(), Some("12 34".to_owned())));
            let (about, at) = (inputs.clone(), subject.map(|_| due.at));
            let call = Call { key: Digest::of(b"a delivery"), subject, inputs, about, at, depth, file };
            Event::Called { due, call: Box::new(call) }
        };
        vec![
            ("began", Event::Began { after: due.at, times: Digest::of(b"") }),
            ("withdrawn", Event::Withdrawn),
            ("ran", Event::Ran { due, run: RunId::new(1, 2), deadline: None }),
            ("ran-deadline", Event::Ran { due, run: RunId::new(1, 2), deadline }),
            ("backfilled", Event::Backfilled { due, run: RunId::new(1, 2), actor: actor.clone(), had: None }),
            (
                "backfilled-apart",
                Event::Backfilled { due: every(15), run: RunId::new(1, 2), actor: actor.clone(), had },
            ),
            ("queued", Event::Queued { due, deadline }),
            ("settled", settled(again, again, 1, Fate::SkippedDst, None, None)),
            ("settled-calendar", settled(due, due, 1, calendar, None, None)),
            (
                "settled-many",
                settled(every(0), every(45), 4, Fate::SkippedOverlap, Some("run x was still going"), deadline),
            ),
            ("called", called(None, 0)),
            ("called-about", called(Some(Digest::of(b"a group")), 3)),
            ("beat", Event::Beat),
            ("silent", Event::Silent { by: due.at }),
            ("seen", Event::Seen { files: vec![("in/a.csv".into(), Some("12 34".into())), ("in/b.csv".into(), None)] }),
            ("paused", Event::Paused { actor: actor.clone(), reason: "the disk is being changed".into() }),
            ("resumed", Event::Resumed { actor }),
            ("deadline-met", Event::DeadlineMet(due.nominal)),
            ("deadline-missed", Event::DeadlineMissed { nominal: due.nominal, run: None }),
            ("deadline-missed-run", Event::DeadlineMissed { nominal: due.nominal, run: Some(RunId::new(1, 2)) }),
        ]
    }

    #[test]
    fn stored_events_of_schedules_are_read_for_ever() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/events/v1/schedule");
        for (name, event) in samples() {
            let sample = Recorded { at: "2026-11-24T03:30:00.25Z".parse().expect("an instant"), event };
            let written = encode_schedule(&sample).expect("encodes");
            let file = folder.join(format!("{name}.json"));
            if std::env::var_os("UPDATE").is_some() && !file.exists() {
                std::fs::write(&file, [&written[..], b"\n"].concat()).expect("a new fixture");
            }
            let stored =
                std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}; UPDATE=1 adds it", file.display()));
            assert_eq!(
                decode_schedule(&stored),
                Ok(sample),
                "{name}: stored events are never edited; write a version 2"
            );
            assert_eq!(String::from_utf8_lossy(stored.trim_ascii_end()), String::from_utf8_lossy(&written), "{name}");
        }
    }

    #[test]
    fn every_fate_has_its_word() {
        for word in ["ran", "coalesced", "replaced", "skipped-overlap", "skipped-queue-full", "skipped-dst", "too-old"]
        {
            assert_eq!(Fate::parse(word, None).expect(word).word(), word);
        }
        for word in ["missed-down", "paused", "no-space", "failed-to-start"] {
            assert_eq!(Fate::parse(word, None).expect(word).word(), word);
        }
        assert_eq!(Fate::parse("skipped-calendar", None), None, "it says which");
        assert!(
            decode_schedule(br#"{"v":2}"#).is_err()
                && decode_schedule(br#"{"v":1,"at":"noon","schedule":"withdrawn"}"#).is_err()
        );
    }
}
