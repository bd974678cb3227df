//! What the tests of a book took of what its runbooks can do, and what none of them ever took.

use super::Tried;
use super::trace::{begun, steps};
use crate::base::ids::{Name, StepId};
use crate::base::level::Outcome;
use crate::diagnostic::Spot;
use crate::engine::event::StepEvent;
use crate::lang::Loaded;
use crate::model::runbook::{Runbook, walk_step};
use crate::model::step::{List, Step, StepKind, Wait};
use crate::runtime::trial::Played;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Something of a runbook that a test can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Branch {
    /// A step runs; with a `when`, it was true.
    Runs,
    /// Its `when` is false.
    WhenFalse,
    /// It fails for good: after its last attempt, or under `allow_failure`.
    Fails,
}

/// A branch that was taken: of which runbook, which step, what.
pub type Taken = (Name, StepId, Branch);

/// A runbook with its branches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The runbook.
    pub runbook: Name,
    /// How many branches it has.
    pub branches: usize,
    /// How many of them were taken.
    pub taken: usize,
    /// How many of its steps there are, and how many ran.
    pub steps: (usize, usize),
    /// Those that no test took, each with the place that says so, and in which of the lists it is.
    pub never: Vec<Never>,
}

/// A branch that no test took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Never {
    /// Where it is written.
    pub spot: Spot,
    /// The step.
    pub step: StepId,
    /// What.
    pub branch: Branch,
    /// The list that the step is in, where it is one that only runs because of how others ended.
    pub handler: Option<&'static str>,
}

/// A branch that there is.
struct Point<'a> {
    step: &'a Arc<Step>,
    branch: Branch,
    handler: Option<&'static str>,
}

impl Covered {
    /// Taken of all, in whole percent; a runbook without a branch is covered.
    #[must_use]
    pub fn percent(&self) -> usize {
        (self.taken * 100).checked_div(self.branches).unwrap_or(100)
    }
}

/// What the runs of one test took.
pub(super) fn taken(played: &Played) -> BTreeSet<Taken> {
    let mut taken = BTreeSet::new();
    for run in &played.runs {
        let name = &run.runbook.name;
        let mut take = |step: &StepId, branch| {
            taken.insert((name.clone(), step.clone(), branch));
        };
        for step in begun(run) {
            take(step, Branch::Runs);
        }
        for (place, event) in steps(run) {
            let StepEvent::Ended(ended) = event else { continue };
            let when = run.runbook.step(place.step()).and_then(|step| step.when.as_ref());
            let asked = when.map(|when| format!("`{}` is false", when.source()));
            match ended.outcome {
                Outcome::Skipped if asked.is_some() && asked == ended.reason => take(place.step(), Branch::WhenFalse),
                Outcome::Failed => take(place.step(), Branch::Fails),
                Outcome::Succeeded
                | Outcome::Recovered
                | Outcome::Skipped
                | Outcome::Unreached
                | Outcome::Cancelled
                | Outcome::Interrupted => {}
            }
        }
    }
    taken
}

/// The branches of each runbook, and which of them were taken.
pub(super) fn covered(loaded: &Loaded, tried: &[Tried], every: bool) -> Vec<Covered> {
    let all: BTreeSet<&Taken> = tried.iter().flat_map(|tried| &tried.taken).collect();
    let ran = |name: &Name| all.iter().any(|(runbook, ..)| runbook == name);
    let runbooks = loaded.book.runbooks.values().filter(|runbook| every || ran(&runbook.name));
    runbooks.map(|runbook| of_runbook(loaded, runbook, &all)).collect()
}

fn of_runbook(loaded: &Loaded, runbook: &Arc<Runbook>, all: &BTreeSet<&Taken>) -> Covered {
    let points = points(runbook);
    let is_taken = |point: &&Point<'_>| all.contains(&(runbook.name.clone(), point.step.id.clone(), point.branch));
    let never = points.iter().filter(|point| !is_taken(point)).map(|point| {
        let key = match point.branch {
            Branch::Runs => None,
            Branch::WhenFalse => Some("when"),
            Branch::Fails => Some(if point.step.allow_failure.is_some() { "allow_failure" } else { "retry" }),
        };
        let written = key.and_then(|key| loaded.spots.key(&runbook.name, Some(&point.step.id), key));
        let spot = written.unwrap_or(point.step.spot);
        Never { spot, step: point.step.id.clone(), branch: point.branch, handler: point.handler }
    });
    let mut never: Vec<Never> = never.collect();
    never.sort_by_key(|never| (never.spot, never.branch));
    let runs = || points.iter().filter(|point| point.branch == Branch::Runs);
    Covered {
        runbook: runbook.name.clone(),
        branches: points.len(),
        taken: points.iter().filter(is_taken).count(),
        steps: (runs().count(), runs().filter(is_taken).count()),
        never,
    }
}

/// Every branch of a runbook. What only a dry run runs (`check:`) is none.
fn points(runbook: &Runbook) -> Vec<Point<'_>> {
    let mut points = Vec::new();
    list(&runbook.steps, None, &mut points);
    list(&runbook.on_failure, Some("on_failure"), &mut points);
    list(&runbook.finally, Some("finally"), &mut points);
    let mut rehearsed = BTreeSet::new();
    for step in runbook.index.values() {
        if let Some(check) = &step.check {
            walk_step(check, &mut |inner| {
                rehearsed.insert(&inner.id);
            });
        }
    }
    points.retain(|point| !rehearsed.contains(&point.step.id));
    points
}

fn list<'a>(list: &'a List, handler: Option<&'static str>, points: &mut Vec<Point<'a>>) {
    list.steps.iter().for_each(|step| one(step, handler, points));
}

fn one<'a>(step: &'a Arc<Step>, handler: Option<&'static str>, points: &mut Vec<Point<'a>>) {
    let fails = step.allow_failure.is_some() || step.retry.as_ref().is_some_and(|retry| retry.attempts > 1);
    let branches = [(true, Branch::Runs), (step.when.is_some(), Branch::WhenFalse), (fails, Branch::Fails)];
    points.extend(branches.into_iter().filter(|(there, _)| *there).map(|(_, branch)| Point { step, branch, handler }));
    match &step.kind {
        StepKind::Steps(inner) => list(inner, handler, points),
        StepKind::Watch(watch) => list(&watch.steps, handler, points),
        StepKind::Remedy(remedy) => {
            one(&remedy.until, handler, points);
            list(&remedy.tries, Some("try"), points);
        }
        StepKind::Wait(Wait::Probe { probe, .. }) => one(probe, handler, points),
        StepKind::Wait(Wait::Span(_) | Wait::Until(_))
        | StepKind::Act(_)
        | StepKind::Call(_)
        | StepKind::Compute(_)
        | StepKind::Log { .. }
        | StepKind::Fail(_)
        | StepKind::Pass(_)
        | StepKind::Approval(_) => {}
    }
    for (inner, word) in [(&step.recover, "recover"), (&step.on_error, "on_error"), (&step.undo, "undo")] {
        list(inner, Some(word), points);
    }
}
