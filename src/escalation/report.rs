//! An incident told afterwards: its timeline line by line, and the figures of its report. Plain values.

use crate::base::actor::Actor;
use crate::base::ids::Name;
use crate::base::level::Outcome;
use crate::escalation::event::{Clock, Event, PageFate, Part, Recorded, What, Why};
use crate::escalation::state::{IllegalEvent, Incident, Status};
use crate::escalation::text::{between, first_line};
use crate::model::escalation::Escalation;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// How long after the opening.
    pub after: SignedDuration,
    /// What happened, without markup.
    pub text: String,
}

/// One level of the checklist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duties {
    /// Which level.
    pub level: u32,
    /// Its name.
    pub name: String,
    /// Each duty with who did it and when.
    pub duties: Vec<(String, Option<(String, Timestamp)>)>,
}

/// The figures of an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When it began.
    pub opened: Timestamp,
    /// What it is now.
    pub status: Status,
    /// From the opening to the first person who took it.
    pub to_acknowledge: Option<SignedDuration>,
    /// From the opening to the end.
    pub to_resolve: Option<SignedDuration>,
    /// How long it stood on each level, in order of time; the last one up to the end, or up to now.
    pub levels: Vec<(u32, SignedDuration)>,
    /// How many pages were ordered, by what became of them; `None` = it is not known.
    pub pages: BTreeMap<Option<PageFate>, u32>,
    /// Pages of levels that were entered late, because nobody drove the incident: level and how late in words.
    pub late: Vec<(u32, String)>,
    /// Levels that were passed because nobody of them could be told.
    pub gaps: Vec<(u32, String)>,
    /// Promises that were not kept: which, and by when they should have been.
    pub breaches: Vec<(Clock, Timestamp)>,
    /// Duties by level.
    pub checklist: Vec<Duties>,
    /// What happened, line by line.
    pub timeline: Vec<Line>,
}

/// The report of an incident's events up to now.
///
/// # Errors
/// [`IllegalEvent`] where they do not add up.
pub fn report(policy: &Escalation, events: &[Recorded], now: Timestamp) -> Result<Option<Report>, IllegalEvent> {
    let incident = Incident::replay(events)?;
    let Some((opened, _)) = incident.opened.as_ref() else { return Ok(None) };
    let end = incident.ending.as_ref().map(|ending| ending.at);
    let mut pages: BTreeMap<Option<PageFate>, u32> = BTreeMap::new();
    for ordered in incident.pages.values() {
        *pages.entry(ordered.fate.as_ref().map(|(fate, ..)| *fate)).or_default() += 1;
    }
    let (mut steps, mut late, mut gaps) = (Vec::new(), Vec::new(), Vec::new());
    for recorded in events {
        if let Event::Climbed { level, why, reason } = &recorded.event {
            steps.push((*level, recorded.at));
            late.extend((*why == Why::CaughtUp).then(|| (*level, reason.clone())));
        }
        if let Event::LevelEmpty { level, reason } | Event::Undeliverable { level, reason } = &recorded.event {
            gaps.push((*level, reason.clone()));
        }
    }
    let ends = steps.iter().skip(1).map(|(_, at)| *at).chain([end.unwrap_or(now)]);
    let levels = steps.iter().zip(ends).map(|((level, from), to)| (*level, to.duration_since(*from))).collect();
    let checklist = policy.levels.iter().filter(|(_, level)| !level.duties.is_empty()).map(|(number, level)| {
        let done = |index| incident.checklist.get(&(*number, index)).map(|(actor, at)| (actor.id.clone(), *at));
        let duties = (0u32..).zip(&level.duties).map(|(index, duty)| (duty.clone(), done(index))).collect();
        Duties { level: *number, name: level.name.clone(), duties }
    });
    Ok(Some(Report {
        opened: *opened,
        status: incident.status(),
        to_acknowledge: incident.responded.map(|at| at.duration_since(*opened)),
        to_resolve: end.map(|at| at.duration_since(*opened)),
        levels,
        pages,
        late,
        gaps,
        breaches: incident.breaches.iter().map(|(clock, by, _)| (*clock, *by)).collect(),
        checklist: checklist.collect(),
        timeline: timeline(events),
    }))
}

/// What happened, line by line.
#[must_use]
pub fn timeline(events: &[Recorded]) -> Vec<Line> {
    let opened = events.first().map_or(Timestamp::UNIX_EPOCH, |recorded| recorded.at);
    let line =
        |recorded: &Recorded| Line { at: recorded.at, after: recorded.at.duration_since(opened), text: line(recorded) };
    events.iter().map(line).collect()
}

fn by(actor: &Actor) -> String {
    format!("{} ({})", actor.id, actor.via.as_str())
}

fn because(reason: &str) -> String {
    if reason.trim().is_empty() { String::new() } else { format!(": {}", reason.trim()) }
}

/// One event in a line.
#[must_use]
pub fn line(recorded: &Recorded) -> String {
    match &recorded.event {
        Event::Opened(opened) => {
            let again =
                opened.recurs.map_or(String::new(), |(before, number)| format!(", time {number} after {before}"));
            let (trouble, severity) = (&opened.trouble, &opened.severity);
            format!("opened as {severity} by {}: {}{again}", trouble.source.word(), trouble.title)
        }
        Event::Again { source, count, .. } => format!("told of again by {}, {count} times in all", source.word()),
        Event::Cleared { source, reason } => format!("over, says {}{}", source.word(), because(reason)),
        Event::Responding { run, runbook, part } => format!("{runbook} starts {}, run {run}", purpose(*part)),
        Event::PassedOver { runbook, reason, .. } => format!("{runbook} is left out: {reason}"),
        Event::Stopping { run, reason } => format!("run {run} is being cancelled: {reason}"),
        Event::Responded { run, outcome, text, .. } => {
            let how = outcome.map_or("never started", Outcome::as_str);
            format!("run {run} {how}{}", because(first_line(text)))
        }
        Event::Climbed { level, why, reason } => format!("level {level} ({}){}", word(*why), because(reason)),
        Event::LevelEmpty { level, reason } => format!("level {level} is empty{}", because(reason)),
        Event::Round { level: 0, number, turns } => format!("broadcast {number} to {}", count(turns.len(), "address")),
        Event::Round { level, number, turns } => {
            let later = turns.iter().filter(|turn| turn.after.millis() > 0).count();
            let later = if later == 0 { String::new() } else { format!(", {later} of them later") };
            format!("round {number} of level {level}: {}{later}", count(turns.len(), "address"))
        }
        Event::Paged(page) => {
            let to = page.who.as_ref().map_or(String::new(), |who| format!("{who} by "));
            format!("page {}: {} to {to}{} {}", page.number, says(page.what), page.channel, page.address)
        }
        Event::Settled { page, fate, note } => format!("page {page} {}{}", fate_word(*fate), because(note)),
        Event::Unreached { level, who, reason } => format!("{who} of level {level} is not reached{}", because(reason)),
        Event::Undeliverable { reason, .. } => reason.clone(),
        Event::Exhausted { reason } => format!("the ladder has ended{}", because(reason)),
        Event::Breached { clock, by } => format!("the {} promised by {by} did not come", clock.word()),
        spoken @ (Event::Acknowledged { .. }
        | Event::Unacknowledged { .. }
        | Event::Lapsed
        | Event::Snoozed { .. }
        | Event::Woke
        | Event::Assigned { .. }
        | Event::SeverityChanged { .. }
        | Event::Classified { .. }
        | Event::Noted { .. }
        | Event::Duty { .. }
        | Event::Muted { .. }
        | Event::Unmuted { .. }
        | Event::Resolved { .. }) => spoken_line(recorded.at, spoken),
    }
}

fn spoken_line(at: Timestamp, event: &Event) -> String {
    match event {
        Event::Acknowledged { actor, who, note } => {
            let who = who.as_ref().map_or(String::new(), |who: &Name| format!(" as {who}"));
            format!("taken by {}{who}{}", by(actor), because(note))
        }
        Event::Unacknowledged { actor, reason } => format!("given back by {}{}", by(actor), because(reason)),
        Event::Lapsed => "the acknowledgement has lapsed: nothing was done for too long".to_owned(),
        Event::Snoozed { actor, until, reason } => {
            format!("left alone for {}, says {}{}", between(at, *until), by(actor), because(reason))
        }
        Event::Woke => "it is not left alone any more".to_owned(),
        Event::Assigned { actor, to } => format!("given to {to} by {}", by(actor)),
        Event::SeverityChanged { actor, to, reason } => format!("now {to}, says {}{}", by(actor), because(reason)),
        Event::Classified { actor, kind } => format!("of type {kind}, says {}", by(actor)),
        Event::Noted { actor, text } => format!("note of {}{}", by(actor), because(text)),
        Event::Duty { actor, level, index, done } => {
            let how = if *done { "done" } else { "not done after all" };
            format!("duty {} of level {level} {how}, says {}", index + 1, by(actor))
        }
        Event::Muted { silence, until } => format!("muted by {silence} until {until}"),
        Event::Unmuted { reason } => format!("not muted any more{}", because(reason)),
        Event::Resolved { actor, how, reason, .. } => {
            format!("resolved by {} ({}){}", by(actor), how.word(), because(reason))
        }
        Event::Opened(_)
        | Event::Again { .. }
        | Event::Cleared { .. }
        | Event::Responding { .. }
        | Event::PassedOver { .. }
        | Event::Stopping { .. }
        | Event::Responded { .. }
        | Event::Climbed { .. }
        | Event::LevelEmpty { .. }
        | Event::Round { .. }
        | Event::Paged(_)
        | Event::Settled { .. }
        | Event::Unreached { .. }
        | Event::Undeliverable { .. }
        | Event::Exhausted { .. }
        | Event::Breached { .. } => crate::escalation::evolve::word(event).to_owned(),
    }
}

fn count(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}es") }
}

fn purpose(part: Part) -> &'static str {
    match part {
        Part::Gather => "to gather evidence",
        Part::Try => "to mend it",
    }
}

fn word(why: Why) -> &'static str {
    match why {
        Why::Time => "its time has come",
        Why::Early => "early",
        Why::Nobody => "the one before has nobody",
        Why::Asked => "asked for",
        Why::CaughtUp => "late",
    }
}

fn says(what: What) -> &'static str {
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

fn fate_word(fate: PageFate) -> &'static str {
    match fate {
        PageFate::Accepted => "accepted by the provider",
        PageFate::Delivered => "delivered",
        PageFate::Read => "read",
        PageFate::Failed => "failed",
        PageFate::Withdrawn => "withdrawn",
    }
}
