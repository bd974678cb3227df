//! A test of `tests/*.yaml`: what the world answers, and what must have come of it.

use crate::base::ids::{Name, StepId};
use crate::base::level::{Level, Outcome};
use crate::base::span::Span;
use crate::base::value::{Map, Value};
use crate::diagnostic::Spot;
use crate::model::book::Book;
use crate::model::perform::Finding;
use crate::model::policy::FailureKind;
use crate::model::rehearsal::{ExpectIncident, GivenIncident};
use crate::model::runbook::{Runbook, walk_step};
use crate::model::step::{Step, StepKind, Wait};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something with the place it is written at.
#[derive(Debug, Clone, PartialEq)]
pub struct Written<T> {
    /// What.
    pub value: T,
    /// Where.
    pub spot: Spot,
}

/// One test.
#[derive(Debug, Clone)]
pub struct Test {
    /// Where its title is written.
    pub spot: Spot,
    /// What it shows.
    pub title: String,
    /// What it tries.
    pub subject: Subject,
    /// What the world answers.
    pub given: Given,
    /// What must have come of it.
    pub expect: Expect,
}

/// What a test tries.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A runbook.
    Runbook(Written<Name>),
    /// The ladder, by an incident that is opened.
    Incident(Incident),
}

/// The incident that a test of the ladder opens.
#[derive(Debug, Clone)]
pub struct Incident {
    /// Where it is written.
    pub spot: Spot,
    /// Its severity; what the routes say where there is none.
    pub severity: Option<Written<String>>,
    /// When it opens.
    pub at: Option<Timestamp>,
    /// What is wrong.
    pub message: Option<String>,
    /// The key of which one incident is open.
    pub key: Option<String>,
    /// Its type: `api`, `sip`.
    pub kind: Option<String>,
    /// Labels for the routes.
    pub labels: BTreeMap<String, String>,
}

/// What is given to a test.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// When the run is started; a Monday morning where nothing is said.
    pub at: Option<Timestamp>,
    /// Inputs of the run, each with the place of its value.
    pub inputs: Vec<(Written<String>, Written<Value>)>,
    /// Names of the environment.
    pub env: Vec<(Written<String>, String)>,
    /// What called for the run, as expressions see it (`trigger`).
    pub trigger: Map<String, Value>,
    /// What effects come to.
    pub steps: Vec<Script>,
    /// What people answer.
    pub answers: Vec<Reaction>,
    /// Somebody cancels the run, so long after its start.
    pub cancel: Option<Span>,
    /// The process that drives the run dies and the next one takes over, so long after its start.
    pub crash: Option<Span>,
    /// What is given to an incident.
    pub incident: GivenIncident,
    /// Keys of it that were written, with their places.
    pub keys: Vec<Written<&'static str>>,
}

impl Given {
    /// With what `shared` gives besides: name by name, what is written here stays.
    #[must_use]
    pub fn over(mut self, shared: &Self) -> Self {
        fn add<T: Clone>(own: &mut Vec<T>, shared: &[T], name: impl Fn(&T) -> &str) {
            let new: Vec<T> =
                shared.iter().filter(|one| !own.iter().any(|other| name(other) == name(one))).cloned().collect();
            own.extend(new);
        }
        add(&mut self.inputs, &shared.inputs, |(name, _)| &name.value);
        add(&mut self.env, &shared.env, |(name, _)| &name.value);
        add(&mut self.steps, &shared.steps, |script| &script.step.value);
        add(&mut self.answers, &shared.answers, |answer| &answer.step.value);
        add(&mut self.keys, &shared.keys, |key| key.value);
        for (name, value) in &shared.trigger {
            self.trigger.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self.at = self.at.or(shared.at);
        self.cancel = self.cancel.or(shared.cancel);
        self.crash = self.crash.or(shared.crash);
        self
    }
}

/// What the executions of one step come to.
#[derive(Debug, Clone)]
pub struct Script {
    /// The step, as written: `redis`, `heal.until`, `deploy.restart`.
    pub step: Written<String>,
    /// One for each execution, the last repeats; empty where only items are given.
    pub results: Vec<GivenResult>,
    /// The same for single items of a `foreach`.
    pub items: Vec<(Written<String>, Vec<GivenResult>)>,
}

/// What one execution comes to.
#[derive(Debug, Clone)]
pub struct GivenResult {
    /// Where it is written.
    pub spot: Spot,
    /// How long it takes.
    pub takes: Span,
    /// How it ends.
    pub how: How,
}

/// How an execution ends.
#[derive(Debug, Clone, PartialEq)]
pub enum How {
    /// The world answers with this; the step's own expectations judge it.
    Ok {
        /// Fields of the output that are written.
        output: Vec<(Written<String>, Value)>,
        /// What lifts the level without failing.
        finds: Vec<Finding>,
    },
    /// It fails.
    Fails {
        /// How; what is usual for the step's kind where nothing is said.
        kind: Option<FailureKind>,
        /// What is said.
        message: String,
        /// What there is of an output.
        output: Value,
    },
    /// Its process is lost and nobody can say what it did.
    Lost(String),
    /// It does not end by itself.
    Hangs,
}

/// What a person says when a step asks.
#[derive(Debug, Clone)]
pub struct Reaction {
    /// The step that asks, as written.
    pub step: Written<String>,
    /// What is said; only an approval hears more than the first.
    pub says: Vec<Saying>,
}

/// One thing that somebody says.
#[derive(Debug, Clone)]
pub struct Saying {
    /// What.
    pub say: Say,
    /// How long after the question.
    pub after: Span,
    /// Which contact says it; of an approval the next of those who may where nobody is named.
    pub by: Option<Written<String>>,
    /// What they fill in.
    pub fields: Map<String, Value>,
    /// What they write with it.
    pub note: String,
}

/// The words a person can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Say {
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
    /// Yes, to an approval.
    Approve,
    /// No, to an approval.
    Reject,
}

/// What must have come of it; what is not written is not looked at.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    /// The outcome of the run.
    pub outcome: Option<Written<Outcome>>,
    /// Its level.
    pub level: Option<Written<Level>>,
    /// What its reason contains.
    pub reason: Option<Written<String>>,
    /// The first step that failed.
    pub failed_step: Option<Written<String>>,
    /// Outputs of the run, by name.
    pub outputs: Vec<(Written<String>, Value)>,
    /// How single steps ended.
    pub steps: Vec<ExpectStep>,
    /// Which steps ran.
    pub ran: Option<Written<Listed<String>>>,
    /// What was said to channels and contacts.
    pub notified: Option<Written<Listed<Said>>>,
    /// What was said to the ladder.
    pub paged: Option<Written<Listed<Said>>>,
    /// How long it took.
    pub took: Option<Written<Bounds>>,
    /// What must have come of an incident.
    pub incident: ExpectIncident,
    /// Keys of it that were written, with their places.
    pub keys: Vec<Written<&'static str>>,
}

/// How one step must have ended.
#[derive(Debug, Clone)]
pub struct ExpectStep {
    /// The step, as written.
    pub step: Written<String>,
    /// Its outcome.
    pub outcome: Option<Outcome>,
    /// Its level.
    pub level: Option<Level>,
    /// What its reason or failure contains.
    pub reason: Option<String>,
    /// How many attempts it had.
    pub attempts: Option<u32>,
    /// Fields of its output.
    pub output: Map<String, Value>,
}

/// What a list must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Listed<T> {
    /// These, in this order, repeats folded.
    Exactly(Vec<Written<T>>),
    /// Some of it.
    Partly {
        /// These are among them.
        includes: Vec<Written<T>>,
        /// These are not.
        never: Vec<Written<T>>,
    },
}

/// A message as it must have been; what is not written is not looked at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Said {
    /// How long after the start.
    pub at: Option<Span>,
    /// The channel it went to.
    pub channel: Option<String>,
    /// The contact it went to.
    pub contact: Option<String>,
    /// The ways it went.
    pub by: Vec<String>,
    /// The severity it named.
    pub severity: Option<String>,
    /// The key it named.
    pub key: Option<String>,
    /// What its heading contains.
    pub title: Option<String>,
    /// What it contains.
    pub message: Option<String>,
}

/// How long something must have taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Not less.
    pub at_least: Span,
    /// Not more; no bound where there is none.
    pub at_most: Option<Span>,
}

/// A step that a test names: the `runbook` steps that lead to its run, outermost first, then the step.
pub type StepPath = (Vec<StepId>, StepId);

/// A name of a step that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoStep {
    /// What is there instead, as a sentence.
    pub message: String,
    /// The part that is not known.
    pub part: String,
    /// What would be known there.
    pub known: Vec<String>,
}

/// Words in a path that stand for one of a step's lists and lead nowhere by themselves.
const LISTS: &[&str] = &["recover", "on_error", "undo", "try", "steps"];

/// The step that `text` means in a runbook: an id, or ids from outside in with dots between them. Behind a `remedy` or
/// `wait`, `until` and `probe` are its probe; behind a `runbook` step comes a step of what it calls.
///
/// # Errors
/// [`NoStep`].
pub fn resolve<'b>(book: &'b Book, runbook: &'b Arc<Runbook>, text: &str) -> Result<(StepPath, &'b Arc<Step>), NoStep> {
    let (mut calls, mut here, mut found): (Vec<StepId>, &Arc<Runbook>, Option<&Arc<Step>>) =
        (Vec::new(), runbook, None);
    for part in text.split('.') {
        let next = match found {
            None => here.index.values().find(|step| step.id.as_str() == part),
            Some(step) => match (&step.kind, part) {
                (StepKind::Remedy(remedy), "until" | "probe") => Some(&remedy.until),
                (StepKind::Wait(Wait::Probe { probe, .. }), "until" | "probe") => Some(probe),
                (StepKind::Call(call), part) => match book.runbooks.get(&call.runbook) {
                    Some(called) => {
                        calls.push(step.id.clone());
                        here = called;
                        here.index.values().find(|step| step.id.as_str() == part)
                    }
                    None => None,
                },
                (_, part) => inside(step).into_iter().find(|step| step.id.as_str() == part),
            },
        };
        match next {
            Some(step) => found = Some(step),
            // The list between a step and one inside it may be named. A step may be called by the same word.
            None if found.is_some() && LISTS.contains(&part) => {}
            None => return Err(no_step(here, found, part)),
        }
    }
    match found {
        Some(step) => Ok(((calls, step.id.clone()), step)),
        None => Err(no_step(here, None, text)),
    }
}

fn inside(step: &Arc<Step>) -> Vec<&Arc<Step>> {
    let mut all = Vec::new();
    walk_step(step, &mut |found| all.push(found));
    all.into_iter().skip(1).collect()
}

fn no_step(runbook: &Runbook, outer: Option<&Arc<Step>>, part: &str) -> NoStep {
    let within = outer.filter(|step| !matches!(step.kind, StepKind::Call(_)));
    let known = match within {
        Some(step) => inside(step).iter().map(|step| step.id.to_string()).collect(),
        None => runbook.index.keys().map(ToString::to_string).collect(),
    };
    let message = match within {
        Some(step) => format!("`{}` has no step `{part}` inside it", step.id),
        None => format!("runbook `{}` has no step `{part}`", runbook.name),
    };
    NoStep { message, part: part.into(), known }
}
