//! Events of an incident as bytes, version 1.

use crate::base::actor::{Role, Via};
use crate::base::digest::Digest;
use crate::base::ids::{IncidentId, Name, RunId};
use crate::base::level::{Level, Outcome};
use crate::base::limits::MAX_EVENT;
use crate::base::span::Span;
use crate::escalation::event::{Clock, Ending, Event, Opened, Page, PageFate, Part, Recorded, Turn, What, Why};
use crate::model::message::Address;
use crate::model::trouble::Trouble;
use crate::store::codec::CodecError;
use deed::Deed;
use serde::{Deserialize, Serialize};
use shape::{Page1, Shape, Source1, Turn1};

mod deed;
mod shape;

/// Version 1 of an incident's event: never edited, only followed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    v: u32,
    at: String,
    incident: Shape,
}

/// The event as bytes.
///
/// # Errors
/// [`CodecError::Unstorable`] where it is larger than an event may be: the machine cuts every text, so this takes labels or
/// people without measure.
pub fn encode_incident(recorded: &Recorded) -> Result<Vec<u8>, CodecError> {
    let envelope = Envelope { v: 1, at: recorded.at.to_string(), incident: shape_of(&recorded.event) };
    let bytes = serde_json::to_vec(&envelope).map_err(|error| CodecError::Unstorable(error.to_string()))?;
    if bytes.len() > MAX_EVENT {
        let most = format!("an event of an incident has {} bytes, and {MAX_EVENT} are allowed", bytes.len());
        return Err(CodecError::Unstorable(most));
    }
    Ok(bytes)
}

/// The event of these bytes.
///
/// # Errors
/// [`CodecError::Newer`] or [`CodecError::Malformed`].
pub fn decode_incident(bytes: &[u8]) -> Result<Recorded, CodecError> {
    match super::version_of(bytes)? {
        1 => {}
        found => return Err(CodecError::Newer { found }),
    }
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| CodecError::Malformed(error.to_string()))?;
    Ok(Recorded { at: read(&envelope.at)?, event: event(envelope.incident)? })
}

fn shape_of(event: &Event) -> Shape {
    match event {
        Event::Opened(opened) => Shape::Opened(Box::new(shape::Opened1::of(opened))),
        Event::Again { source, text, count } => {
            Shape::Again { source: Source1::of(source), text: text.clone(), count: *count }
        }
        Event::Cleared { source, reason } => Shape::Cleared { source: Source1::of(source), reason: reason.clone() },
        Event::Responding { run, runbook, part } => {
            Shape::Responding { run: run.to_string(), runbook: runbook.to_string(), part: part_word(*part).into() }
        }
        Event::PassedOver { runbook, part, reason } => {
            let (runbook, part) = (runbook.to_string(), part_word(*part).into());
            Shape::PassedOver { runbook, part, reason: reason.clone() }
        }
        Event::Stopping { run, reason } => Shape::Stopping { run: run.to_string(), reason: reason.clone() },
        Event::Responded { run, outcome, level, text } => Shape::Responded {
            run: run.to_string(),
            outcome: outcome.map(|outcome| outcome.as_str().into()),
            level: level.as_str().into(),
            text: text.clone(),
        },
        Event::Climbed { level, why, reason } => {
            Shape::Climbed { level: *level, why: why_word(*why).into(), reason: reason.clone() }
        }
        Event::LevelEmpty { level, reason } => Shape::LevelEmpty { level: *level, reason: reason.clone() },
        Event::Round { level, number, turns } => {
            Shape::Round { level: *level, number: *number, turns: turns.iter().map(Turn1::of).collect() }
        }
        Event::Paged(page) => Shape::Paged(Box::new(Page1::of(page))),
        Event::Settled { page, fate, note } => {
            Shape::Settled { page: *page, fate: fate_word(*fate).into(), note: note.clone() }
        }
        Event::Unreached { level, who, reason } => {
            Shape::Unreached { level: *level, who: who.to_string(), reason: reason.clone() }
        }
        Event::Undeliverable { level, reason } => Shape::Undeliverable { level: *level, reason: reason.clone() },
        Event::Exhausted { reason } => Shape::Exhausted { reason: reason.clone() },
        Event::Breached { clock, by } => Shape::Breached { clock: clock.word().into(), by: by.to_string() },
        Event::Lapsed => Shape::Lapsed,
        Event::Woke => Shape::Woke,
        Event::Muted { silence, until } => Shape::Muted { silence: silence.clone(), until: until.to_string() },
        Event::Unmuted { reason } => Shape::Unmuted { reason: reason.clone() },
        Event::Acknowledged { actor, .. }
        | Event::Unacknowledged { actor, .. }
        | Event::Snoozed { actor, .. }
        | Event::Assigned { actor, .. }
        | Event::SeverityChanged { actor, .. }
        | Event::Classified { actor, .. }
        | Event::Noted { actor, .. }
        | Event::Duty { actor, .. }
        | Event::Resolved { actor, .. } => Shape::Said { actor: shape::Actor1::of(actor), deed: Deed::of(event) },
    }
}

fn event(shape: Shape) -> Result<Event, CodecError> {
    Ok(match shape {
        Shape::Opened(opened) => Event::Opened(Box::new(opened.opened()?)),
        Shape::Again { source, text, count } => Event::Again { source: source.source()?, text, count },
        Shape::Cleared { source, reason } => Event::Cleared { source: source.source()?, reason },
        Shape::Responding { run, runbook, part: of } => {
            Event::Responding { run: run_id(&run)?, runbook: name(&runbook)?, part: part(&of)? }
        }
        Shape::PassedOver { runbook, part: of, reason } => {
            Event::PassedOver { runbook: name(&runbook)?, part: part(&of)?, reason }
        }
        Shape::Stopping { run, reason } => Event::Stopping { run: run_id(&run)?, reason },
        Shape::Responded { run, outcome, level, text } => Event::Responded {
            run: run_id(&run)?,
            outcome: outcome.map(|word| Outcome::parse(&word).ok_or_else(|| malformed(&word))).transpose()?,
            level: Level::parse(&level).ok_or_else(|| malformed(&level))?,
            text,
        },
        Shape::Climbed { level, why, reason } => Event::Climbed { level, why: word(&WHYS, why_word, &why)?, reason },
        Shape::LevelEmpty { level, reason } => Event::LevelEmpty { level, reason },
        Shape::Round { level, number, turns } => {
            let turns = turns.into_iter().map(Turn1::turn).collect::<Result<_, _>>()?;
            Event::Round { level, number, turns }
        }
        Shape::Paged(page) => Event::Paged(Box::new(page.page()?)),
        Shape::Settled { page, fate, note } => Event::Settled { page, fate: word(&FATES, fate_word, &fate)?, note },
        Shape::Unreached { level, who, reason } => Event::Unreached { level, who: name(&who)?, reason },
        Shape::Undeliverable { level, reason } => Event::Undeliverable { level, reason },
        Shape::Exhausted { reason } => Event::Exhausted { reason },
        Shape::Breached { clock, by } => {
            let clocks = [Clock::Response, Clock::Escalation];
            Event::Breached { clock: word(&clocks, Clock::word, &clock)?, by: read(&by)? }
        }
        Shape::Lapsed => Event::Lapsed,
        Shape::Woke => Event::Woke,
        Shape::Muted { silence, until } => Event::Muted { silence, until: read(&until)? },
        Shape::Unmuted { reason } => Event::Unmuted { reason },
        Shape::Said { actor, deed } => deed.event(actor.actor()?)?,
    })
}

const WHYS: [Why; 5] = [Why::Time, Why::Early, Why::Nobody, Why::Asked, Why::CaughtUp];

fn why_word(why: Why) -> &'static str {
    match why {
        Why::Time => "time",
        Why::Early => "early",
        Why::Nobody => "nobody",
        Why::Asked => "asked",
        Why::CaughtUp => "caught-up",
    }
}

fn part_word(part: Part) -> &'static str {
    match part {
        Part::Gather => "gather",
        Part::Try => "try",
    }
}

fn part(text: &str) -> Result<Part, CodecError> {
    word(&[Part::Gather, Part::Try], part_word, text)
}

const FATES: [PageFate; 5] =
    [PageFate::Accepted, PageFate::Delivered, PageFate::Read, PageFate::Failed, PageFate::Withdrawn];

fn fate_word(fate: PageFate) -> &'static str {
    match fate {
        PageFate::Accepted => "accepted",
        PageFate::Delivered => "delivered",
        PageFate::Read => "read",
        PageFate::Failed => "failed",
        PageFate::Withdrawn => "withdrawn",
    }
}

const WHATS: [What; 7] =
    [What::Call, What::Reminder, What::Opening, What::Climb, What::Taken, What::End, What::CatchAll];

fn what_word(what: What) -> &'static str {
    match what {
        What::Call => "call",
        What::Reminder => "reminder",
        What::Opening => "opening",
        What::Climb => "climb",
        What::Taken => "taken",
        What::End => "end",
        What::CatchAll => "catch-all",
    }
}

fn word<T: Copy>(all: &[T], show: fn(T) -> &'static str, text: &str) -> Result<T, CodecError> {
    all.iter().copied().find(|known| show(*known) == text).ok_or_else(|| malformed(text))
}

fn name(text: &str) -> Result<Name, CodecError> {
    Name::parse(text).map_err(|_| malformed(text))
}

fn run_id(text: &str) -> Result<RunId, CodecError> {
    RunId::parse(text).map_err(|_| malformed(text))
}

fn incident_id(text: &str) -> Result<IncidentId, CodecError> {
    IncidentId::parse(text).map_err(|_| malformed(text))
}

fn read(text: &str) -> Result<jiff::Timestamp, CodecError> {
    text.parse().map_err(|_| malformed(text))
}

fn malformed(text: &str) -> CodecError {
    CodecError::Malformed(format!("`{text}` does not read"))
}

#[cfg(test)]
mod tests;
