//! What a played test did, read from its events.

use crate::base::address::Place;
use crate::base::ids::StepId;
use crate::base::level::Outcome;
use crate::base::span::Span;
use crate::base::value::Value;
use crate::engine::event::{Event, StepEnded, StepEvent};
use crate::model::step::{Step, StepKind, Wait};
use crate::model::test::StepPath;
use crate::runtime::trial::{Played, PlayedRun};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// How long the run took, in virtual time; up to its last event where it did not end.
pub(super) fn took(played: &Played) -> Span {
    let last = played.runs.first().and_then(|run| run.events.last()).map_or(played.began, |recorded| recorded.at);
    since(played, last)
}

/// How long after the start.
pub(super) fn since(played: &Played, at: Timestamp) -> Span {
    Span::from_millis(u64::try_from(at.as_millisecond() - played.began.as_millisecond()).unwrap_or_default())
}

/// Whether a step does something itself, and is not made of other steps.
fn is_doing(step: &Step) -> bool {
    match &step.kind {
        StepKind::Steps(_) | StepKind::Watch(_) | StepKind::Remedy(_) | StepKind::Wait(Wait::Probe { .. }) => false,
        StepKind::Wait(Wait::Span(_) | Wait::Until(_))
        | StepKind::Act(_)
        | StepKind::Call(_)
        | StepKind::Compute(_)
        | StepKind::Log { .. }
        | StepKind::Fail(_)
        | StepKind::Pass(_)
        | StepKind::Approval(_) => true,
    }
}

/// Whether an event is the beginning of an execution.
fn begins(event: &StepEvent) -> bool {
    match event {
        StepEvent::Attempt { .. } | StepEvent::Opened { .. } => true,
        StepEvent::Ended(ended) => {
            matches!(ended.outcome, Outcome::Succeeded | Outcome::Recovered | Outcome::Failed)
        }
        StepEvent::Held { .. }
        | StepEvent::Asked { .. }
        | StepEvent::Answered { .. }
        | StepEvent::Sought(_)
        | StepEvent::Told { .. }
        | StepEvent::Voted(_)
        | StepEvent::Attempted { .. }
        | StepEvent::Backoff { .. }
        | StepEvent::Lane(_)
        | StepEvent::Judged { .. }
        | StepEvent::Rest { .. }
        | StepEvent::TimedOut
        | StepEvent::TakenOver(_) => false,
    }
}

/// The steps of a run that began, in that order, with every repetition.
pub(super) fn begun(run: &PlayedRun) -> Vec<&StepId> {
    steps(run).filter(|(_, event)| begins(event)).map(|(place, _)| place.step()).collect()
}

/// Whether a step began in any of the runs.
pub(super) fn did_begin(played: &Played, (calls, step): &StepPath) -> bool {
    played.runs.iter().filter(|run| run.calls == *calls).any(|run| begun(run).contains(&step))
}

/// What a plain list of `ran` is held against: steps that do something, repeats folded.
pub(super) fn ran(run: &PlayedRun) -> Vec<String> {
    let mut open: BTreeSet<&Place> = BTreeSet::new();
    let mut ran: Vec<String> = Vec::new();
    for (place, event) in steps(run) {
        let Some(step) = run.runbook.step(place.step()).filter(|step| is_doing(step)) else { continue };
        if place.last().item.is_none() && step.foreach.is_some() {
            continue;
        }
        // One execution is told once, however often it is tried; one that takes no time only has an end.
        let new = match event {
            StepEvent::Ended(_) => !open.remove(place) && begins(event),
            StepEvent::Attempt { .. }
            | StepEvent::Opened { .. }
            | StepEvent::Held { .. }
            | StepEvent::Asked { .. }
            | StepEvent::Answered { .. }
            | StepEvent::Sought(_)
            | StepEvent::Told { .. }
            | StepEvent::Voted(_)
            | StepEvent::Attempted { .. }
            | StepEvent::Backoff { .. }
            | StepEvent::Lane(_)
            | StepEvent::Judged { .. }
            | StepEvent::Rest { .. }
            | StepEvent::TimedOut
            | StepEvent::TakenOver(_) => begins(event) && open.insert(place),
        };
        if new && ran.last().is_none_or(|last| last != place.step().as_str()) {
            ran.push(place.step().to_string());
        }
    }
    ran
}

/// Events of steps, in order.
pub(super) fn steps(run: &PlayedRun) -> impl Iterator<Item = (&Place, &StepEvent)> {
    run.events.iter().filter_map(|recorded| {
        if let Event::Step { place, event } = &recorded.event { Some((place, event)) } else { None }
    })
}

/// How a step ended the last time, how many attempts it had, and what it put out.
pub(super) struct Ending<'p> {
    /// How.
    pub(super) ended: &'p StepEnded,
    /// Attempts in all.
    pub(super) attempts: u32,
    /// The output.
    pub(super) output: Value,
}

/// The last end of a step.
pub(super) fn ending<'p>(played: &'p Played, (calls, step): &StepPath) -> Option<Ending<'p>> {
    let runs = played.runs.iter().filter(|run| run.calls == *calls);
    let (mut found, mut attempts, mut output) = (None, 0, Value::Null);
    for (_, event) in runs.flat_map(steps).filter(|(place, _)| place.step() == step) {
        if let StepEvent::Attempt { .. } = event {
            attempts += 1;
        } else if let StepEvent::Attempted { result, .. } = event {
            output = result.output.clone();
        } else if let StepEvent::Ended(ended) = event {
            // Of a `foreach` the whole ends behind its items.
            found = Some(ended);
        }
    }
    let ended = found?;
    Some(Ending { ended, attempts, output: ended.output.clone().unwrap_or(output) })
}
