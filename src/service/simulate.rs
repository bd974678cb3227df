//! A night before it comes: who would be told when, by what and why, if an incident opened at some instant.
//!
//! The incident machine plays it; from the book alone, nobody is told.

use crate::base::actor::{Actor, Role, Via};
use crate::base::ids::Name;
use crate::base::span::Span;
use crate::escalation::calls::{Call, calls};
use crate::escalation::event::{Event, Page, PageFate, Recorded, What};
use crate::escalation::rehearsal::{Act, LONGEST, Rehearsed, Scene, Stop, between, rehearse};
use crate::escalation::report;
use crate::model::escalation::Escalation;
use crate::model::rehearsal::Mending;
use crate::model::trouble::{self, Source};
use crate::runtime::trial::patience;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Night {
    /// When it opens.
    pub at: Timestamp,
    /// What is wrong.
    pub message: String,
    /// The severity; what the routes say where there is none.
    pub severity: Option<String>,
    /// Its type.
    pub kind: Option<String>,
    /// Labels for the routes.
    pub labels: BTreeMap<String, String>,
    /// Whether a person opens it: then level 1 does not end it.
    pub by_hand: bool,
    /// What level 1 comes to.
    pub level_1: Mending,
    /// What happens besides.
    pub acts: Vec<(Span, Act)>,
    /// Whether whoever takes it goes on working on it.
    pub works: bool,
    /// Channels that deliver nothing.
    pub down: BTreeSet<Name>,
    /// When no daemon runs, after the opening.
    pub away: Option<(Span, Span)>,
    /// How long it is played at most.
    pub most: Option<Span>,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// When it opened.
    pub opened: Timestamp,
    /// The severity it got.
    pub severity: String,
    /// Everything a person wants to see, in order.
    pub rows: Vec<Row>,
    /// Why it was not played on, in a sentence.
    pub stop: &'static str,
    /// Whether somebody who had to answer was told in the end, or nobody had to be.
    pub somebody: bool,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// When.
    pub at: Timestamp,
    /// How long after the opening.
    #[serde(serialize_with = "millis", rename = "after_ms")]
    pub after: Span,
    /// What sort of thing: `opened`, `level`, `page`, `broadcast`, `breach`, `person`, `level 1`, `trouble`, `end`.
    pub kind: &'static str,
    /// What, in words.
    pub what: String,
    /// Why, where that is another thing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// The ways a person is told by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// How often they are told again of the same, and when last after the opening.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
}

/// Somebody is told again of the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Again {
    /// How often.
    pub times: u32,
    /// When last, after the opening.
    #[serde(serialize_with = "millis", rename = "last_ms")]
    pub last: Span,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn millis<S: serde::Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(span.millis())
}

/// Plays it.
///
/// # Errors
/// A sentence where the machine gives up, which is a bug of ours.
pub fn incident(ladder: &Escalation, night: &Night) -> Result<Told, String> {
    let key = "simulated".to_owned();
    let source = if night.by_hand {
        Source::Person(Actor { id: "somebody".into(), via: Via::Cli, role: Role::Operator })
    } else {
        Source::Alert { name: key.clone() }
    };
    let trouble = trouble::Trouble {
        key,
        title: night.message.clone(),
        text: String::new(),
        severity: night.severity.clone(),
        kind: night.kind.clone(),
        labels: night.labels.clone(),
        owner: None,
        source,
        link: None,
    };
    let scene = Scene {
        ladder,
        at: night.at,
        trouble,
        level_1: night.level_1,
        acts: night.acts.clone(),
        works: night.works,
        down: night.down.clone(),
        patience: &patience,
        away: night.away,
        most: night.most.unwrap_or(LONGEST),
    };
    let rehearsed = rehearse(&scene).map_err(|error| error.to_string())?;
    let calls = calls(ladder, &rehearsed.events).map_err(|error| error.to_string())?;
    let (rows, somebody) = rows(ladder, &rehearsed, &calls, night.at);
    let severity = rehearsed.incident.severity.clone();
    Ok(Told { opened: night.at, severity, rows, stop: stop(rehearsed.stop), somebody })
}

fn stop(stop: Stop) -> &'static str {
    match stop {
        Stop::Resolved => "it is resolved",
        Stop::Taken => "somebody has it: nobody else is told while they work on it",
        Stop::Unanswered => "nobody answers, and it would go on like that for ever",
        Stop::Time => "that is as far as it was played",
    }
}

/// Of what, who, whether they have to answer, by which ways.
type Same<'a> = (u32, Option<&'a Name>, bool, Vec<String>);

fn rows(ladder: &Escalation, rehearsed: &Rehearsed, calls: &[Call], opened: Timestamp) -> (Vec<Row>, bool) {
    let mut rows: Vec<Row> = Vec::new();
    let row = |at, kind, what: String, why: String| {
        let after = between(opened, at);
        Row { at, after, kind, what, why, by: Vec::new(), again: None }
    };
    // Told again of the same by the same ways; another way, in its turn, is a row of its own.
    let mut seen: BTreeMap<Same<'_>, usize> = BTreeMap::new();
    let mut called = calls.iter().peekable();
    for recorded in &rehearsed.events {
        if let Event::Paged(page) = &recorded.event {
            // The pages of one call are one row, where the first of them is.
            let Some(call) = called.next_if(|call| is_of(call, page, recorded.at)) else { continue };
            let key = (call.stage, call.who.as_ref(), call.is_a_page(), ways(call));
            if let Some(known) = seen.get(&key).filter(|_| call.who.is_some()) {
                let first = &mut rows[*known];
                let times = first.again.as_ref().map_or(0, |again| again.times) + 1;
                first.again = Some(Again { times, last: between(opened, call.at) });
                continue;
            }
            let kind = if call.is_a_page() { "page" } else { "broadcast" };
            let what = who(ladder, call);
            // A broadcast is one row, whatever it goes to.
            let last = rows.last_mut().filter(|last| call.who.is_none() && last.at == call.at && last.what == what);
            if let Some(last) = last {
                last.by.extend(ways(call));
                continue;
            }
            seen.insert(key, rows.len());
            rows.push(Row { by: ways(call), ..row(call.at, kind, what, String::new()) });
        } else if let Some((kind, what, why)) = said(ladder, recorded) {
            rows.push(row(recorded.at, kind, what, why));
        }
    }
    let good = |call: &Call| {
        call.ways
            .iter()
            .any(|(_, fate)| matches!(fate, Some(PageFate::Accepted | PageFate::Delivered | PageFate::Read)))
    };
    let paged: Vec<&Call> = calls.iter().filter(|call| call.is_a_page()).collect();
    let somebody = paged.is_empty() || paged.iter().any(|call| good(call));
    (rows, somebody)
}

fn is_of(call: &Call, page: &Page, at: Timestamp) -> bool {
    let first = call.ways.first().map(|(address, _)| address);
    let same = first.is_some_and(|address| address.channel == page.channel && address.to == page.address);
    call.at == at && call.who == page.who && call.level == page.level && same
}

fn who(ladder: &Escalation, call: &Call) -> String {
    let name = |who: &Name| match ladder.contacts.get(who) {
        Some(contact) => format!("{who} ({})", contact.name),
        None => who.to_string(),
    };
    let person = call.who.as_ref().map(name);
    match call.what {
        What::Call | What::Reminder => person.unwrap_or_else(|| "the address of the level".to_owned()),
        What::CatchAll => format!("catches all: {}", person.unwrap_or_else(|| "an address".to_owned())),
        What::Opening => "for information: it is open".to_owned(),
        What::Climb => "for information: it climbs".to_owned(),
        What::Taken => "for information: somebody has it".to_owned(),
        What::End => "for information: it is over".to_owned(),
    }
}

fn ways(call: &Call) -> Vec<String> {
    let way = |(address, fate): &(crate::model::message::Address, Option<PageFate>)| {
        let to = if address.to.is_empty() { String::new() } else { format!(" {}", address.to) };
        let failed = if *fate == Some(PageFate::Failed) { " (fails)" } else { "" };
        format!("{}{to}{failed}", address.channel)
    };
    call.ways.iter().map(way).collect()
}

/// What an event says to whoever wants to see the night; what belongs to a page is said with it.
fn said(ladder: &Escalation, recorded: &Recorded) -> Option<(&'static str, String, String)> {
    let line = || report::line(recorded);
    let (kind, what, why) = match &recorded.event {
        Event::Opened(_) => ("opened", line(), ""),
        Event::Climbed { level, reason, .. } => {
            let name = ladder.levels.get(level).map_or("", |level| level.name.as_str());
            ("level", format!("level {level} {name}"), reason.as_str())
        }
        Event::LevelEmpty { .. }
        | Event::Unreached { .. }
        | Event::Undeliverable { .. }
        | Event::Exhausted { .. }
        | Event::Lapsed => ("trouble", line(), ""),
        Event::Breached { clock, .. } => ("breach", format!("the {} that was promised has not come", clock.word()), ""),
        Event::Responding { runbook, part, .. } => {
            let what = match part {
                crate::escalation::event::Part::Gather => "gathers evidence",
                crate::escalation::event::Part::Try => "tries to mend it",
            };
            ("level 1", format!("{runbook} {what}"), "")
        }
        Event::Responded { outcome, .. } => {
            let how = outcome.map_or("never started", crate::base::level::Outcome::as_str);
            ("level 1", format!("that run {how}"), "")
        }
        Event::Stopping { reason, .. } => ("level 1", "that run is being cancelled".to_owned(), reason.as_str()),
        Event::PassedOver { .. } | Event::Cleared { .. } => ("level 1", line(), ""),
        Event::Acknowledged { actor, .. } => ("person", format!("{} takes it", actor.id), ""),
        Event::Unacknowledged { .. }
        | Event::Snoozed { .. }
        | Event::Woke
        | Event::Assigned { .. }
        | Event::SeverityChanged { .. } => ("person", line(), ""),
        Event::Resolved { .. } => ("end", line(), ""),
        Event::Again { .. }
        | Event::Round { .. }
        | Event::Paged(_)
        | Event::Settled { .. }
        | Event::Classified { .. }
        | Event::Noted { .. }
        | Event::Duty { .. }
        | Event::Muted { .. }
        | Event::Unmuted { .. } => return None,
    };
    Some((kind, what, why.to_owned()))
}

/// Rows of one night that the other does not have, in order of time; of the first night with a minus.
#[must_use]
pub fn difference(before: &Told, after: &Told) -> Vec<(char, Row)> {
    let mut lines: Vec<(char, Row)> = Vec::new();
    let key = |row: &Row| (row.after, row.kind, row.what.clone(), row.why.clone(), row.by.clone(), row.again.clone());
    let mut left: Vec<_> = after.rows.iter().map(key).collect();
    for row in &before.rows {
        match left.iter().position(|other| *other == key(row)) {
            Some(at) => drop(left.remove(at)),
            None => lines.push(('-', row.clone())),
        }
    }
    let mut known: Vec<_> = before.rows.iter().map(key).collect();
    for row in &after.rows {
        match known.iter().position(|other| *other == key(row)) {
            Some(at) => drop(known.remove(at)),
            None => lines.push(('+', row.clone())),
        }
    }
    lines.sort_by_key(|(sign, row)| (row.after, *sign != '-'));
    lines
}
