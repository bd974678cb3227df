//! What can happen in a run. The journal holds these, through `store::codec`, and nothing else.

use crate::base::actor::Actor;
use crate::base::address::{Lane, Place};
use crate::base::digest::Digest;
use crate::base::ids::{IncidentId, Name, RunId, StepId};
use crate::base::level::{Level, Outcome};
use crate::base::timekeeping::Reckoning;
use crate::base::value::{Map, Value};
use crate::model::perform::{Failure, Finding, Request, Usage};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// One event with the instant of the decision that made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// When it was decided.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What happened to the run, or to one execution of one step.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The run exists. Always the first event, never another.
    Started(Box<Started>),
    /// It waits for its concurrency group.
    Queued {
        /// The group.
        group: Name,
        /// Runs that hold it.
        holders: Vec<RunId>,
    },
    /// It holds its group and goes on.
    Admitted,
    /// Somebody asked for its end.
    CancelAsked {
        /// Who.
        actor: Actor,
        /// Why.
        reason: String,
    },
    /// It passed its own timeout.
    TimedOut,
    /// The steps are through; a part of the ending begins.
    Entered(Stage),
    /// Somebody set the wall clock, or the machine was started again: from here on dates are by that clock, and spans go on
    /// as if nothing had been.
    ClockSet {
        /// How far it was set, in milliseconds, forward counts up. 0 after a start of the machine: nobody can say.
        by_ms: i64,
        /// By which clock it counts from now on.
        reckoning: Reckoning,
    },
    /// Something about one execution of one step.
    Step {
        /// Which.
        place: Place,
        /// What.
        event: StepEvent,
    },
    /// It ended. Always the last event.
    Ended(Box<Ended>),
}

/// The parts of a run, in order; those without steps are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// `steps`.
    Steps,
    /// `undo` of what had started, newest first.
    Undo,
    /// `on_failure`.
    OnFailure,
    /// `finally`.
    Finally,
}

/// How a run begins: everything it will ever need from outside its own text.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// Its id.
    pub run: RunId,
    /// The runbook.
    pub runbook: Name,
    /// Every text it executes by, by file name, as blobs: its own, called runbooks, thresholds, settings.
    pub texts: BTreeMap<String, Digest>,
    /// Accepted inputs; secret ones are in `sealed`.
    pub inputs: Map<String, Value>,
    /// Secret inputs, sealed, by name. Nothing on this floor can open them.
    pub sealed: BTreeMap<String, String>,
    /// The runbook's `vars`, computed once.
    pub vars: Map<String, Value>,
    /// The names of the environment the runbook lists, as they were.
    pub env: BTreeMap<String, String>,
    /// Who started it.
    pub actor: Actor,
    /// What called for it, as expressions see it (`trigger`).
    pub trigger: Value,
    /// The run and place that called it.
    pub parent: Option<Parent>,
    /// How many runs called one another above it.
    pub depth: u32,
    /// Seed of everything random in it.
    pub seed: u64,
    /// The node that drives it.
    pub node: String,
    /// Whether it only shows what it would do.
    pub dry: bool,
    /// Which of its steps are to run.
    pub selection: Selection,
    /// The run it repeats, with the steps taken over as they ended there (`retry`).
    pub repeats: Option<RunId>,
    /// By which clock it counts; `None` = nobody could say.
    pub reckoning: Option<Reckoning>,
}

/// The caller of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The run.
    pub run: RunId,
    /// The `runbook` step in it.
    pub place: Place,
    /// Its attempt.
    pub attempt: u32,
}

/// `--from`, `--only`, `--skip`: ids of the runbook's own steps. Empty = all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Only these, of the steps of the main list.
    pub only: Vec<StepId>,
    /// Not these.
    pub skip: Vec<StepId>,
}

/// What happened to one execution of one step.
#[derive(Debug, Clone, PartialEq)]
pub enum StepEvent {
    /// It waits for its mutex.
    Held {
        /// The mutex.
        mutex: Name,
        /// The run that holds it.
        holder: Option<RunId>,
    },
    /// It waits for a person's word before it starts, or about what a lost attempt did.
    Asked {
        /// The question.
        question: String,
        /// What is known.
        known: String,
    },
    /// A person answered.
    Answered {
        /// Who.
        actor: Actor,
        /// What: go on (confirmed), it had succeeded, it had failed, try again.
        answer: Answer,
    },
    /// It waits for the yes of people.
    Sought(Box<Sought>),
    /// Those who may approve were told; what could not be delivered.
    Told {
        /// A line for each way that did not work.
        problems: Vec<String>,
    },
    /// Somebody approved or rejected.
    Voted(Box<Vote>),
    /// An attempt of a leaf is ordered; its effect starts once this is durable.
    Attempt {
        /// Which, from 1; it goes on counting after `recover`.
        number: u32,
        /// The rendered request; `None` for kinds the engine computes itself.
        request: Option<Box<Request>>,
        /// When it times out.
        deadline: Option<Timestamp>,
        /// The run a `runbook` step starts.
        child: Option<RunId>,
    },
    /// That attempt ended.
    Attempted {
        /// Which.
        number: u32,
        /// How.
        result: Box<AttemptResult>,
    },
    /// The next attempt is due then.
    Backoff {
        /// When.
        until: Timestamp,
    },
    /// A composite step (group, foreach, watch, remedy, wait) begins, or begins again.
    Opened {
        /// Which pass, from 1.
        pass: u32,
        /// When it times out.
        deadline: Option<Timestamp>,
        /// When a `wait` is over or a `watch` ends.
        until: Option<Timestamp>,
        /// The items of a `foreach`.
        items: Option<Vec<Value>>,
    },
    /// A composite step begins another of its lists.
    Lane(Lane),
    /// A round of a `watch`, or a probe of a `wait` or `remedy`, was judged.
    Judged {
        /// Whether it was good.
        good: bool,
        /// Whether it had data: a step in it came to a result, good or bad.
        data: bool,
    },
    /// A composite step pauses before its next list.
    Rest {
        /// Until when.
        until: Timestamp,
    },
    /// It passed its timeout.
    TimedOut,
    /// It ended as it did in the run that this one repeats; its output is in it.
    TakenOver(Box<StepEnded>),
    /// It ended.
    Ended(Box<StepEnded>),
}

/// What an approval waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// What is to be approved, in words.
    pub message: String,
    /// Who may: contacts, rotations, roles.
    pub by: Vec<String>,
    /// How many different people have to say yes.
    pub quorum: u32,
    /// Until when; `None` = as long as it takes.
    pub until: Option<Timestamp>,
}

/// A vote that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Vote {
    /// Who came in.
    pub actor: Actor,
    /// The contact they are.
    pub person: Option<Name>,
    /// Yes or no.
    pub approve: bool,
    /// What they filled in.
    pub fields: Map<String, Value>,
    /// What they wrote with it.
    pub note: String,
    /// Whether an admin decided past those who may, and past the quorum.
    pub over: bool,
}

/// An answer to [`StepEvent::Asked`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// Start it.
    Go,
    /// Do not start it.
    Stop,
    /// The lost attempt had succeeded.
    Succeeded,
    /// The lost attempt had failed.
    Failed,
    /// Try again.
    Again,
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptResult {
    /// The output; `Null` where there is none.
    pub output: Value,
    /// What went wrong; `None` = nothing.
    pub failure: Option<Failure>,
    /// Whether it was stopped because the engine asked.
    pub stopped: bool,
    /// What lifts the level without failing.
    pub findings: Vec<Finding>,
    /// Samples taken, judged.
    pub samples: Vec<Sample>,
    /// What its process took, and what of its output is not kept.
    pub usage: Option<Usage>,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The declared name.
    pub name: StepId,
    /// Labels, by name.
    pub labels: BTreeMap<String, String>,
    /// In the declared unit; `None` where there was no reading and none is taken for it.
    pub value: Option<f64>,
    /// The declared unit.
    pub unit: Option<String>,
    /// The level the thresholds give it.
    pub level: Level,
    /// Why: the band that says so (`>= 80`), or a note (`no baseline yet (3 of 7)`).
    pub note: Option<String>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq)]
pub struct StepEnded {
    /// The outcome.
    pub outcome: Outcome,
    /// The level.
    pub level: Level,
    /// What went wrong.
    pub failure: Option<Failure>,
    /// Why it was skipped, unreached or cancelled, or what lifted the level: one line for a person.
    pub reason: Option<String>,
    /// The output of a composite step; a leaf's is in its last attempt.
    pub output: Option<Value>,
    /// In a dry run, what it would have asked of the world.
    pub planned: Option<Planned>,
}

/// What a step of a dry run would have asked of the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Planned {
    /// This.
    Request(Box<Request>),
    /// That could not be known, and why.
    Unknown(String),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Succeeded, recovered, failed or cancelled.
    pub outcome: Outcome,
    /// The worst of its steps'.
    pub level: Level,
    /// Why, in a line; never empty.
    pub reason: String,
    /// Its typed outputs.
    pub outputs: Map<String, Value>,
    /// What it says to incidents.
    pub tells: Option<Tells>,
    /// Of a dry run: whether something in it was not done, so that nobody can know how it would have ended.
    pub unknown: bool,
}

/// What the end of a run says to incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tells {
    /// An incident had started it: how it went.
    Response {
        /// Which.
        incident: IncidentId,
    },
    /// The trouble of that key is not there.
    Good {
        /// The runbook's `incident.key`.
        key: String,
    },
    /// It is there.
    Bad {
        /// The runbook's `incident.key`.
        key: String,
        /// The severity that the runbook asks for; `None` = it asks for none, and something is wrong all the same.
        severity: Option<String>,
    },
}
