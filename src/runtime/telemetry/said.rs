//! Of an event what a span needs of it: little, for it is made on the thread that drives the runs.

use crate::base::address::Place;
use crate::base::ids::RunId;
use crate::base::level::{Level, Outcome};
use crate::base::value::Value;
use crate::engine::event::{Event, Parent, Recorded, Started, StepEvent};
use crate::engine::tells::cut;
use jiff::Timestamp;

/// Something happened in a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    /// Which.
    pub(super) run: RunId,
    /// The number of the event.
    pub(super) version: u64,
    /// When.
    pub(super) at: Timestamp,
    /// What.
    pub(super) what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// The run began.
    Began(Box<Began>),
    /// An attempt was ordered.
    Attempt {
        /// Where.
        place: Place,
        /// Which.
        number: u32,
        /// What it does.
        kind: String,
    },
    /// It ended.
    Attempted {
        /// Where.
        place: Place,
        /// Which.
        number: u32,
        /// What went wrong: its kind, and a sentence.
        failure: Option<(String, String)>,
        /// Whether it was stopped because that was asked for.
        stopped: bool,
    },
    /// The step ended.
    StepEnded {
        /// Where.
        place: Place,
        /// How.
        outcome: Outcome,
        /// How bad.
        level: Level,
    },
    /// The run ended.
    Ended {
        /// How.
        outcome: Outcome,
        /// How bad.
        level: Level,
        /// Why.
        reason: String,
    },
}

/// How a run began.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Began {
    /// The runbook.
    pub(super) runbook: String,
    /// What called for it.
    pub(super) trigger: Value,
    /// Who.
    pub(super) actor: String,
    /// The step that called it.
    pub(super) parent: Option<Parent>,
    /// The run it repeats.
    pub(super) repeats: Option<RunId>,
    /// Whether it only shows what it would do.
    pub(super) dry: bool,
}

/// Keys of what called for a run that a span shows: the rest may be anything.
const SHOWN: &[&str] = &["kind", "id", "run", "incident", "traceparent", "path", "delivery"];

impl Said {
    /// Of that event; `None` = no span needs it.
    pub(super) fn of(run: RunId, version: u64, recorded: &Recorded) -> Option<Self> {
        let what = match &recorded.event {
            Event::Started(started) => What::Began(Box::new(began(started))),
            Event::Ended(ended) => {
                What::Ended { outcome: ended.outcome, level: ended.level, reason: cut(ended.reason.clone()) }
            }
            Event::Step { place, event } => of_step(place, event)?,
            Event::Queued { .. }
            | Event::Admitted
            | Event::CancelAsked { .. }
            | Event::TimedOut
            | Event::Entered(_)
            | Event::ClockSet { .. } => {
                return None;
            }
        };
        Some(Self { run, version, at: recorded.at, what })
    }

    /// Whether a span ends by it.
    pub(super) fn ends_a_span(&self) -> bool {
        match self.what {
            What::Attempted { .. } | What::Ended { .. } => true,
            What::Began(_) | What::Attempt { .. } | What::StepEnded { .. } => false,
        }
    }
}

fn of_step(place: &Place, event: &StepEvent) -> Option<What> {
    let place = place.clone();
    if let StepEvent::Attempt { number, request, child, .. } = event {
        let kind = match (request, child) {
            (Some(request), _) => request.kind.clone(),
            (None, Some(_)) => "runbook".to_owned(),
            (None, None) => "engine".to_owned(),
        };
        return Some(What::Attempt { place, number: *number, kind });
    }
    if let StepEvent::Attempted { number, result } = event {
        let failure = result.failure.as_ref();
        let failure = failure.map(|failure| (failure.kind.as_str().to_owned(), cut(failure.message.clone())));
        return Some(What::Attempted { place, number: *number, failure, stopped: result.stopped });
    }
    let StepEvent::Ended(ended) = event else { return None };
    Some(What::StepEnded { place, outcome: ended.outcome, level: ended.level })
}

fn began(started: &Started) -> Began {
    let shown = SHOWN.iter().filter_map(|key| Some(((*key).to_owned(), started.trigger.get(*key)?.clone())));
    // How a run ended that this one follows is told with all it put out: its id is enough.
    let shown = shown.map(|(key, value)| match value.get("id") {
        Some(id) => (key, id.clone()),
        None => (key, value),
    });
    Began {
        runbook: started.runbook.to_string(),
        trigger: Value::Object(shown.collect()),
        actor: started.actor.id.clone(),
        parent: started.parent.clone(),
        repeats: started.repeats,
        dry: started.dry,
    }
}
