//! The state of one run: what its events so far add up to, and nothing else.

use crate::base::actor::Actor;
use crate::base::address::{Lane, Place};
use crate::base::ids::{Name, RunId};
use crate::base::level::{Level, Outcome};
use crate::base::timekeeping::Reckoning;
use crate::base::value::Value;
use crate::engine::event::{AttemptResult, Ended, Sought, Stage, Started, StepEnded, Vote};
use crate::engine::reckon::Own;
use crate::engine::walked::Walked;
use crate::model::perform::Request;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::ops::Bound;

/// A run, folded from its events. Made by [`crate::engine::evolve`], read by `decide`.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// How many events it is made of: the version of its stream.
    pub version: u64,
    /// How it began.
    pub started: Started,
    /// When it was asked for.
    pub began: Timestamp,
    /// When anything last happened to it, as the clock is set now: no later event is dated earlier.
    pub latest: Timestamp,
    /// Which part of it is at work.
    pub phase: RunPhase,
    /// Whether it has asked for its concurrency group.
    pub asked: bool,
    /// By which clock it counts; `None` = nobody could say.
    pub reckoning: Option<Reckoning>,
    /// How far the wall clock was set since it began, in milliseconds, forward counts up.
    pub(super) set_ms: i64,
    /// When the part at work began; timeouts count from here.
    pub since: Own,
    /// What was asked to stop it, first wish first.
    pub stop: Option<Stop>,
    /// Every execution of every step that is not merely waiting.
    pub steps: BTreeMap<Place, StepRun>,
    /// How far executions that are forgotten counted their attempts, numbers of rounds left out: in a later
    /// pass the same place counts on from there, so that no two attempts ever have the same name.
    pub spent: BTreeMap<Place, u32>,
    /// The same for the passes at work, whose own rounds count from their beginning.
    pub spending: BTreeMap<Place, u32>,
    /// How far the lists were walked last; no part of what the run is.
    pub(super) walked: Walked,
}

/// Which part of a run is at work.
#[derive(Debug, Clone, PartialEq)]
pub enum RunPhase {
    /// Waiting for its concurrency group.
    Queued {
        /// The group.
        group: Name,
        /// Runs that hold it.
        holders: Vec<RunId>,
    },
    /// At work.
    At(Stage),
    /// Over.
    Ended(Box<Ended>),
}

/// What was asked to stop a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// A person or the engine asked.
    Cancelled {
        /// Who.
        actor: Actor,
        /// Why.
        reason: String,
        /// Whether its steps had come to their end by then.
        late: bool,
    },
    /// It passed its own timeout.
    TimedOut,
}

/// One execution of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRun {
    /// What it is doing.
    pub phase: StepPhase,
    /// When it first did anything but wait.
    pub began: Timestamp,
    /// The same by the run's own clock.
    pub begun: Own,
    /// When anything last happened to it.
    pub touched: Own,
    /// The version of the run at that moment: the order of beginnings.
    pub order: u64,
    /// Attempts of a leaf, passes of a composite, so far.
    pub tries: u32,
    /// Up to which number earlier executions at the same place, now forgotten, counted theirs.
    pub before: u32,
    /// The first attempt of this turn; a turn ends with `recover`.
    pub turn: u32,
    /// When the first attempt of this turn began: `retry.for` counts from here.
    pub turn_began: Own,
    /// The items of a `foreach`, kept for whoever asks after its end.
    pub items: Vec<Value>,
    /// The last attempt that ended.
    pub last: Option<Box<AttemptResult>>,
    /// Whether its `recover` steps have been run.
    pub recovering: bool,
    /// Whether a person has said yes to its `confirm`.
    pub confirmed: bool,
    /// Whether it holds its mutex.
    pub holds: bool,
}

/// What one execution of one step is doing.
#[derive(Debug, Clone, PartialEq)]
pub enum StepPhase {
    /// It waits for its mutex.
    Held {
        /// The mutex.
        mutex: Name,
        /// Who holds it.
        holder: Option<RunId>,
        /// Since when.
        since: Timestamp,
    },
    /// It waits for a person.
    Asked {
        /// The question.
        question: String,
        /// What is known.
        known: String,
        /// Since when.
        since: Timestamp,
        /// The lost attempt it is about; `None` for a `confirm`.
        attempt: Option<u32>,
    },
    /// It waits for the yes of people.
    Polling(Box<Poll>),
    /// It may begin: its person said go, or its mutex is held.
    Ready,
    /// An attempt is under way.
    Running(Running),
    /// It waits for its next attempt.
    Backoff {
        /// Until when.
        until: Timestamp,
    },
    /// A composite step is open.
    Open(Open),
    /// Its `recover` steps run.
    Recovering,
    /// Its `on_error` steps run.
    Erring,
    /// It ended.
    Ended(Box<StepEnded>),
}

/// An approval that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Poll {
    /// For what and whom, until when.
    pub sought: Sought,
    /// Since when.
    pub since: Timestamp,
    /// The same by the run's own clock.
    pub waits_since: Own,
    /// What was said so far, each with its instant.
    pub votes: Vec<(Timestamp, Vote)>,
    /// What could not be delivered of the message to those who may; `None` = they were not told yet.
    pub told: Option<Vec<String>>,
}

/// An attempt under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// Which, from 1.
    pub attempt: u32,
    /// When it was ordered.
    pub since: Timestamp,
    /// What was asked; `None` for a child run.
    pub request: Option<Box<Request>>,
    /// When it times out.
    pub deadline: Option<Own>,
    /// The child run.
    pub child: Option<RunId>,
    /// Whether its timeout has passed (a child run is being cancelled).
    pub timed_out: bool,
}

/// An open composite step.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// Which pass, from 1.
    pub pass: u32,
    /// When this pass began.
    pub since: Own,
    /// The list at work; `None` for a `foreach` (its items are) and a `wait` for an instant.
    pub lane: Option<Lane>,
    /// When it times out.
    pub deadline: Option<Own>,
    /// When a `wait` is over or a `watch` ends, as the wall clock was to show it: so where an instant was asked for.
    pub until: Option<Timestamp>,
    /// The same by the run's own clock: so where a length was asked for.
    pub lasts: Option<Own>,
    /// It pauses until then.
    pub rest: Option<Own>,
    /// Whether its timeout has passed.
    pub timed_out: bool,
    /// What its rounds came to.
    pub tally: Tally,
}

/// What the rounds of a composite came to in this pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Judged rounds or probes.
    pub rounds: u32,
    /// Bad ones.
    pub bad: u32,
    /// Rounds that had data.
    pub data: u32,
    /// Good ones in a row, up to now.
    pub row: u32,
}

impl Run {
    /// Whether it is over.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        match &self.phase {
            RunPhase::Ended(ended) => Some(ended),
            RunPhase::Queued { .. } | RunPhase::At(_) => None,
        }
    }

    /// What the execution at `place` is doing; `None` = it waits for others.
    #[must_use]
    pub fn phase(&self, place: &Place) -> Option<&StepPhase> {
        self.steps.get(place).map(|step| &step.phase)
    }

    /// The number of the next attempt or pass at `place`.
    #[must_use]
    pub fn next_try(&self, place: &Place) -> u32 {
        match self.steps.get(place) {
            Some(step) => step.tries.max(step.before) + 1,
            None => self.spent_at(place) + 1,
        }
    }

    /// Up to which number forgotten executions at `place` counted theirs.
    #[must_use]
    pub fn spent_at(&self, place: &Place) -> u32 {
        if self.spent.is_empty() { 0 } else { self.spent.get(&place.of_any_round()).copied().unwrap_or(0) }
    }

    /// How the execution at `place` ended, if it has.
    #[must_use]
    pub fn step_ended(&self, place: &Place) -> Option<&StepEnded> {
        self.steps.get(place).and_then(StepRun::ended)
    }

    /// Whether the execution at `place` takes up one of its list's `parallel` places: it does in work,
    /// and gives it back in every wait, its own or of everything at work inside it.
    #[must_use]
    pub fn works(&self, place: &Place) -> bool {
        let Some(step) = self.steps.get(place) else { return false };
        match &step.phase {
            StepPhase::Running(_) | StepPhase::Ready => true,
            StepPhase::Held { .. }
            | StepPhase::Asked { .. }
            | StepPhase::Polling(_)
            | StepPhase::Backoff { .. }
            | StepPhase::Ended(_) => false,
            StepPhase::Open(Open { rest: Some(_), .. }) => false,
            StepPhase::Open(_) | StepPhase::Recovering | StepPhase::Erring => {
                let mut waits = self.inside(place).filter(|(_, inner)| inner.waits()).peekable();
                let works = || self.inside(place).any(|(_, inner)| matches!(inner.phase, StepPhase::Running(_)));
                waits.peek().is_none() || works()
            }
        }
    }

    /// Executions strictly inside `place`, outermost first: in the order of places they follow it without a gap.
    pub fn inside<'a>(&'a self, place: &'a Place) -> impl Iterator<Item = (&'a Place, &'a StepRun)> {
        let behind = self.steps.range((Bound::Excluded(place), Bound::Unbounded));
        behind.take_while(move |(other, _)| place.holds(other))
    }
}

impl StepRun {
    /// How it ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<&StepEnded> {
        match &self.phase {
            StepPhase::Ended(ended) => Some(ended),
            StepPhase::Held { .. }
            | StepPhase::Asked { .. }
            | StepPhase::Polling(_)
            | StepPhase::Ready
            | StepPhase::Running(_)
            | StepPhase::Backoff { .. }
            | StepPhase::Open(_)
            | StepPhase::Recovering
            | StepPhase::Erring => None,
        }
    }

    /// Whether it waits for a time, a person or a mutex.
    fn waits(&self) -> bool {
        match &self.phase {
            StepPhase::Held { .. } | StepPhase::Asked { .. } | StepPhase::Polling(_) | StepPhase::Backoff { .. } => {
                true
            }
            StepPhase::Open(open) => open.rest.is_some(),
            StepPhase::Ready
            | StepPhase::Running(_)
            | StepPhase::Recovering
            | StepPhase::Erring
            | StepPhase::Ended(_) => false,
        }
    }

    /// The output its users see: a composite's own, else its last attempt's.
    #[must_use]
    pub fn output(&self) -> Value {
        match self.ended().and_then(|ended| ended.output.clone()) {
            Some(output) => output,
            None => self.last.as_ref().map(|last| last.output.clone()).unwrap_or_default(),
        }
    }

    /// The outcome and level, if it has ended.
    #[must_use]
    pub fn verdict(&self) -> Option<(Outcome, Level)> {
        self.ended().map(|ended| (ended.outcome, ended.level))
    }
}
