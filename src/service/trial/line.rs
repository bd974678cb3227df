//! What happened in a test, in virtual time, a line for each thing a person would want to know.

use super::trace::since;
use crate::base::address::Place;
use crate::base::level::{Level, Outcome};
use crate::base::span::Span;
use crate::engine::event::{Event, Stage, StepEnded, StepEvent};
use crate::runtime::trial::{Played, PlayedRun};
use jiff::Timestamp;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How long after the start.
    pub at: Span,
    /// Where: the place of a step, behind the calls that lead to its run; empty for the run itself.
    pub place: String,
    /// How a step ended, or what happened to it.
    pub word: String,
    /// More about it.
    pub what: String,
    /// Whether it did not go well.
    pub bad: bool,
}

/// Everything that happened, oldest first.
pub(super) fn timeline(played: &Played) -> Vec<Line> {
    let mut lines: Vec<(Timestamp, usize, Line)> = Vec::new();
    for (number, run) in played.runs.iter().enumerate() {
        for (index, recorded) in run.events.iter().enumerate() {
            if run.events.get(index + 1).is_some_and(|next| says_the_same(&recorded.event, &next.event)) {
                continue;
            }
            let told = if let Event::Step { place, event } = &recorded.event {
                step(run, place, event)
            } else {
                of_run(run, &recorded.event)
            };
            lines.extend(told.map(|line| (recorded.at, number, Line { at: since(played, recorded.at), ..line })));
        }
    }
    // Of one instant, what called runs did comes before what came of it in their caller.
    lines.sort_by_key(|(at, number, _)| (*at, std::cmp::Reverse(*number)));
    lines.into_iter().map(|(_, _, line)| line).collect()
}

/// Whether what comes next is the end of a step by the very failure that this says.
fn says_the_same(event: &Event, next: &Event) -> bool {
    let Event::Step { place, event: StepEvent::Attempted { result, .. } } = event else { return false };
    let Event::Step { place: other, event: StepEvent::Ended(ended) } = next else { return false };
    place == other && result.failure.is_some() && result.failure == ended.failure
}

fn line(place: String, word: impl Into<String>, what: impl Into<String>, bad: bool) -> Line {
    Line { at: Span::ZERO, place, word: word.into(), what: what.into(), bad }
}

fn of_run(run: &PlayedRun, event: &Event) -> Option<Line> {
    let calls: Vec<&str> = run.calls.iter().map(crate::base::ids::StepId::as_str).collect();
    let whole = calls.join(".");
    match event {
        Event::CancelAsked { actor, reason } => Some(line(whole, "cancel", format!("by {}: {reason}", actor.id), true)),
        Event::TimedOut => Some(line(whole, "timed out", "the run passed its timeout", true)),
        Event::Entered(stage) => {
            let word = match stage {
                Stage::Steps => "steps",
                Stage::Undo => "undo",
                Stage::OnFailure => "on_failure",
                Stage::Finally => "finally",
            };
            Some(line(whole, "enters", format!("`{word}`"), false))
        }
        Event::Ended(ended) => {
            let bad = matches!(ended.outcome, Outcome::Failed | Outcome::Cancelled);
            let level = leveled(ended.level);
            Some(line(whole, format!("run {}{level}", ended.outcome), ended.reason.clone(), bad))
        }
        Event::Started(_) | Event::Queued { .. } | Event::Admitted | Event::ClockSet { .. } | Event::Step { .. } => {
            None
        }
    }
}

fn step(run: &PlayedRun, place: &Place, event: &StepEvent) -> Option<Line> {
    let calls = run.calls.iter().fold(String::new(), |calls, call| calls + call.as_str() + ".");
    let whole = format!("{calls}{place}");
    match event {
        StepEvent::Ended(ended) => Some(end(whole, ended)),
        StepEvent::Attempted { number, result } => {
            let failure = result.failure.as_ref()?;
            let what = format!("({}) {}", failure.kind.as_str(), failure.message);
            Some(line(whole, format!("attempt {number} failed"), what, true))
        }
        StepEvent::Asked { question, .. } => Some(line(whole, "asks", question.clone(), false)),
        StepEvent::Answered { actor, answer } => {
            Some(line(whole, "answered", format!("{} by {}", format!("{answer:?}").to_lowercase(), actor.id), false))
        }
        StepEvent::Sought(sought) => {
            Some(line(whole, "asks for approval", format!("{}: {}", sought.by.join(", "), sought.message), false))
        }
        StepEvent::Voted(vote) => {
            let word = if vote.approve { "approved" } else { "rejected" };
            let note = if vote.note.is_empty() { String::new() } else { format!(": {}", vote.note) };
            Some(line(whole, word, format!("by {}{note}", vote.who()), !vote.approve))
        }
        StepEvent::TimedOut => Some(line(whole, "timed out", "", true)),
        StepEvent::Held { mutex, .. } => Some(line(whole, "waits", format!("for the mutex `{mutex}`"), false)),
        StepEvent::Attempt { .. }
        | StepEvent::Told { .. }
        | StepEvent::Backoff { .. }
        | StepEvent::Opened { .. }
        | StepEvent::Lane(_)
        | StepEvent::Judged { .. }
        | StepEvent::Rest { .. }
        | StepEvent::TakenOver(_) => None,
    }
}

fn end(place: String, ended: &StepEnded) -> Line {
    let failure = ended.failure.as_ref().map(|failure| failure.message.clone());
    let why = failure.or_else(|| ended.reason.clone()).unwrap_or_default();
    let bad = !matches!(ended.outcome, Outcome::Succeeded | Outcome::Recovered | Outcome::Skipped);
    line(place, format!("{}{}", ended.outcome, leveled(ended.level)), why, bad)
}

fn leveled(level: Level) -> String {
    if level == Level::Ok { String::new() } else { format!(" ({level})") }
}
