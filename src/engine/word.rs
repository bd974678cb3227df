//! Words for events and states, for messages about streams that do not add up.

use crate::engine::event::{Event, StepEvent};
use crate::engine::run::{RunPhase, StepPhase};

pub(super) fn name(event: &Event) -> String {
    let text = match event {
        Event::Step { place, event } => return format!("{place}: {}", step_event_name(event)),
        Event::Started(_) => "started",
        Event::Queued { .. } => "queued",
        Event::Admitted => "admitted",
        Event::CancelAsked { .. } => "cancel asked",
        Event::TimedOut => "timed out",
        Event::Entered(_) => "entered",
        Event::ClockSet { .. } => "clock set",
        Event::Ended(_) => "ended",
    };
    text.into()
}

fn step_event_name(event: &StepEvent) -> &'static str {
    match event {
        StepEvent::Held { .. } => "held",
        StepEvent::Asked { .. } => "asked",
        StepEvent::Answered { .. } => "answered",
        StepEvent::Sought(_) => "sought",
        StepEvent::Told { .. } => "told",
        StepEvent::Voted(_) => "voted",
        StepEvent::Attempt { .. } => "attempt",
        StepEvent::Attempted { .. } => "attempted",
        StepEvent::Backoff { .. } => "backoff",
        StepEvent::Opened { .. } => "opened",
        StepEvent::Lane(_) => "lane",
        StepEvent::Judged { .. } => "judged",
        StepEvent::Rest { .. } => "rest",
        StepEvent::TimedOut => "timed out",
        StepEvent::TakenOver(_) => "taken over",
        StepEvent::Ended(_) => "ended",
    }
}

pub(super) fn run_state_name(phase: &RunPhase) -> &'static str {
    match phase {
        RunPhase::Queued { .. } => "a queued run",
        RunPhase::At(_) => "a run at work",
        RunPhase::Ended(_) => "an ended run",
    }
}

/// The word for a phase, for messages.
#[must_use]
pub(super) fn state_name(phase: &StepPhase) -> &'static str {
    match phase {
        StepPhase::Held { .. } => "held",
        StepPhase::Asked { .. } => "asked",
        StepPhase::Polling(_) => "waiting for approval",
        StepPhase::Ready => "ready",
        StepPhase::Running(_) => "running",
        StepPhase::Backoff { .. } => "backing off",
        StepPhase::Open(_) => "open",
        StepPhase::Recovering => "recovering",
        StepPhase::Erring => "handling its error",
        StepPhase::Ended(_) => "ended",
    }
}
