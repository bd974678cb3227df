//! Steps made of steps: groups and `foreach`, and what all composites share.

use crate::base::address::{Lane, Place};
use crate::base::level::{Level, Outcome};
use crate::base::limits;
use crate::base::value::{Map, Value};
use crate::engine::begin::{nothing, template_failure};
use crate::engine::event::{AttemptResult, StepEvent};
use crate::engine::evolve::IllegalEvent;
use crate::engine::run::Open;
use crate::engine::scope;
use crate::engine::turn::{Halt, Sum, Turn, ended};
use crate::model::perform::Failure;
use crate::model::policy::{FailureKind, Foreach};
use crate::model::step::{Step, StepKind, Wait};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a pass of a composite came to.
pub(super) struct Pass {
    pub(super) output: Value,
    pub(super) failure: Option<Failure>,
    pub(super) recovered: bool,
    pub(super) cancelled: bool,
    pub(super) level: Level,
    /// Why a dry run cannot know what it would have come to.
    pub(super) unknown: Option<String>,
}

impl<'a> Turn<'a> {
    /// Opens a composite step for its first or next pass.
    pub(super) fn open_composite(&mut self, place: &Place, step: &'a Arc<Step>) -> Result<(), IllegalEvent> {
        let until = match self.opening(place, step) {
            Ok(until) => until,
            Err(failure) if self.run.started.dry => return self.end_unknown(place, step, &failure.message),
            Err(failure) => return self.fail_at_once(place, step, failure),
        };
        let (pass, deadline) = (self.next_try(place), self.deadline(place, step));
        self.emit_step(place, StepEvent::Opened { pass, deadline, until, items: None })?;
        self.go_on(place, step, None)
    }

    /// Opens a `foreach`: its items are computed once a pass; a retry runs only those that failed.
    pub(super) fn open_items(&mut self, place: &Place, step: &'a Arc<Step>) -> Result<(), IllegalEvent> {
        let Some(foreach) = &step.foreach else { return Ok(()) };
        let items = match self.items(place, foreach) {
            Ok(items) => items,
            Err(failure) if self.run.started.dry => {
                return self.end_unknown(place, step, &failure.message);
            }
            Err(failure) => return self.fail_at_once(place, step, failure),
        };
        // A timeout bounds each item; the whole has none of its own.
        let pass = self.next_try(place);
        self.emit_step(place, StepEvent::Opened { pass, deadline: None, until: None, items: Some(items) })?;
        self.go_on(place, step, None)
    }

    pub(super) fn items(&self, place: &Place, foreach: &Foreach) -> Result<Vec<Value>, Failure> {
        let scope = scope::Builder::new(self.book, self.run, place).build_for(&|found| {
            foreach.items.each(&mut |template| found(template.reads()), &mut |expr| found(expr.reads()));
        });
        let rendered = foreach.items.render(&scope).map_err(|error| template_failure("foreach", &error))?;
        let wrong = |message: String| Failure { lasting: true, ..Failure::new(FailureKind::Template, message) };
        let shown = rendered.shown();
        let Value::Array(items) = shown else {
            return Err(wrong(format!("foreach needs a list, not {}", crate::base::value::type_name(&shown))));
        };
        if items.is_empty() && !foreach.allow_empty {
            return Err(wrong("foreach: the list is empty (say `allow_empty: true` if that is good)".into()));
        }
        if items.len() > limits::MAX_ITEMS {
            return Err(wrong(format!("foreach: {} items, at most {} are allowed", items.len(), limits::MAX_ITEMS)));
        }
        if let Some(twice) = twice(&items) {
            return Err(wrong(format!(
                "foreach: `{twice}` is in the list more than once, and a result is found by its item: give each item once"
            )));
        }
        Ok(items)
    }

    /// Takes an open composite as far as it goes.
    pub(super) fn open(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        open: &Open,
        halt: Option<&Halt>,
    ) -> Result<(), IllegalEvent> {
        let mut timed_out = open.timed_out;
        if !timed_out && open.deadline.is_some_and(|deadline| deadline <= self.own_now()) {
            self.emit_step(place, StepEvent::TimedOut)?;
            timed_out = true;
        }
        let late =
            timed_out.then(|| Halt { outcome: Outcome::Cancelled, reason: format!("`{}` took too long", step.id) });
        let halt = halt.cloned().or(late);
        let pass = match &step.kind {
            _ if place.last().item.is_none() && step.foreach.is_some() => {
                self.walk_items(place, step, halt.as_ref())?
            }
            StepKind::Watch(watch) => self.watch_round(place, watch, open, halt.as_ref())?,
            StepKind::Remedy(remedy) => self.remedy_round(place, remedy, open, halt.as_ref())?,
            StepKind::Wait(wait) => self.wait_on(place, wait, open, halt.as_ref())?,
            StepKind::Steps(_)
            | StepKind::Act(_)
            | StepKind::Call(_)
            | StepKind::Compute(_)
            | StepKind::Log { .. }
            | StepKind::Fail(_)
            | StepKind::Pass(_)
            | StepKind::Approval(_) => self.walk_group(place, open, halt.as_ref())?,
        };
        match pass {
            None => Ok(()),
            Some(pass) => self.close(place, step, open, pass, halt.as_ref(), timed_out),
        }
    }

    /// What the probe of a `wait` said last, where it was not what is waited for.
    fn last_look(&self, place: &Place, step: &Step) -> Option<String> {
        let waits = matches!(step.kind, StepKind::Wait(Wait::Probe { .. }));
        let looks = self.run.inside(place).filter(|_| waits).filter_map(|(_, look)| look.ended()?.failure.as_ref());
        looks.last().map(|failure| failure.message.clone())
    }

    /// A pass is through: its result is recorded and it goes the way of every attempt.
    fn close(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        open: &Open,
        mut pass: Pass,
        halt: Option<&Halt>,
        timed_out: bool,
    ) -> Result<(), IllegalEvent> {
        if timed_out {
            let mut message = too_long(step, open);
            message.extend(self.last_look(place, step).map(|said| format!("; the last look: {said}")));
            pass.failure = Some(Failure::new(FailureKind::Timeout, message));
        }
        let (samples, problem) = match pass.failure {
            None if !pass.cancelled => self.samples(place, step, &pass.output),
            None | Some(_) => (Vec::new(), None),
        };
        let failure = pass.failure.or(problem);
        let stopped = pass.cancelled && failure.is_none();
        let result = AttemptResult { output: pass.output, failure, stopped, samples, ..nothing() };
        self.emit_step(place, StepEvent::Attempted { number: open.pass, result: Box::new(result.clone()) })?;
        if let Some(why) = &pass.unknown {
            return self.end_unknown(place, step, why);
        }
        match (&result.failure, stopped, halt) {
            (None, true, halt) => {
                let reason = halt.map_or_else(|| self.why_inside(place), |halt| halt.reason.clone());
                self.end(place, step, ended(Outcome::Cancelled, Some(reason)))
            }
            (None, false, _) => self.succeeded(place, step, &result, pass.recovered, pass.level),
            (Some(failure), _, Some(_)) if !timed_out => self.end(place, step, super::conclude::failed(step, failure)),
            (Some(failure), _, _) => self.failed(place, step, failure),
        }
    }

    /// Why something inside was cancelled, where nobody asked for that from out here.
    fn why_inside(&self, place: &Place) -> String {
        let cancelled = self.run.inside(place).filter_map(|(at, step)| {
            let ended = step.ended().filter(|ended| ended.outcome == Outcome::Cancelled)?;
            Some((at, ended.reason.as_deref()?))
        });
        // The innermost says it; those around it only pass it on.
        let innermost = cancelled.min_by_key(|(at, _)| std::cmp::Reverse(at.segments().len()));
        innermost.map_or_else(
            || "a step inside it was stopped".into(),
            |(at, reason)| format!("`{at}` was stopped: {reason}"),
        )
    }

    fn walk_group(&mut self, place: &Place, open: &Open, halt: Option<&Halt>) -> Result<Option<Pass>, IllegalEvent> {
        let sum = self.walk(Some(place), Lane::Body(open.pass), halt)?;
        Ok(sum.done.then(|| Pass::of(sum, Value::Null)))
    }

    fn walk_items(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        halt: Option<&Halt>,
    ) -> Result<Option<Pass>, IllegalEvent> {
        let Some(foreach) = &step.foreach else { return Ok(None) };
        let count = self.items_of(place).len();
        let known = self.run.walked.take_items(place, count);
        let look = |(number, come): (u32, Option<Come>)| come.unwrap_or_else(|| self.come(&place.item(number)));
        let mut come: Vec<Come> = (0..).zip(known).map(look).collect();
        let mut failed = come.iter().filter(|come| **come == Come::Failed).count();
        let mut works = come.iter().filter(|come| **come == Come::Works).count();
        for (number, come) in (0..).zip(&mut come).filter(|(_, come)| !come.is_over()) {
            let full = foreach.max_failures.filter(|limit| failed >= *limit as usize);
            let stop = halt.cloned().or_else(|| full.map(|limit| too_many(failed, count, limit)));
            let room = works < foreach.max_parallel as usize;
            let begun = *come != Come::Unbegun;
            if !begun && stop.is_none() && !room {
                continue;
            }
            let item = place.item(number);
            match stop {
                _ if begun => self.go_on(&item, step, halt)?,
                Some(stop) => self.end_unstarted(&item, stop.outcome, stop.reason)?,
                None => self.try_again(&item, step)?,
            }
            let before = std::mem::replace(come, self.come(&item));
            failed += usize::from(*come == Come::Failed);
            works = works + usize::from(*come == Come::Works) - usize::from(before == Come::Works);
        }
        let all = come.iter().all(|come| come.is_over());
        self.run.walked.keep_items(place, come);
        Ok(all.then(|| self.sum_items(place)))
    }

    fn items_of(&self, place: &Place) -> &[Value] {
        self.run.steps.get(place).map(|run| run.items.as_slice()).unwrap_or_default()
    }

    /// How far the item at that place has come.
    fn come(&self, item: &Place) -> Come {
        let Some(run) = self.run.steps.get(item) else { return Come::Unbegun };
        match run.verdict() {
            Some((Outcome::Failed | Outcome::Interrupted, _)) => Come::Failed,
            Some(_) => Come::Ended,
            None if self.run.works(item) => Come::Works,
            None => Come::Waits,
        }
    }

    fn sum_items(&self, place: &Place) -> Pass {
        let (mut level, mut recovered, mut cancelled, mut failed) = (Level::Ok, false, false, Vec::new());
        for (number, item) in (0u32..).zip(self.items_of(place)) {
            let Some(ended) = self.run.step_ended(&place.item(number)) else { continue };
            level = level.max(ended.level);
            recovered |= ended.outcome == Outcome::Recovered;
            cancelled |= ended.outcome == Outcome::Cancelled;
            if matches!(ended.outcome, Outcome::Failed | Outcome::Interrupted) {
                failed.push((
                    crate::base::value::plain(item),
                    ended.failure.as_ref().map(|failure| failure.message.clone()),
                ));
            }
        }
        let failure = failed.first().map(|(item, message)| {
            let message = message.as_deref().unwrap_or("failed");
            let others = if failed.len() > 1 { format!(" (and {} more)", failed.len() - 1) } else { String::new() };
            Failure::new(FailureKind::Steps, format!("item `{item}`: {message}{others}"))
        });
        let count = |number: usize| Value::from(number as u64);
        let output = Map::from_iter([
            ("count".to_owned(), count(self.items_of(place).len())),
            ("failed".to_owned(), Value::from(failed.iter().map(|(item, _)| item.clone()).collect::<Vec<_>>())),
        ]);
        Pass { failure, recovered, cancelled, level, ..Pass::good(Value::Object(output)) }
    }
}

/// How far one item of a `foreach` has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Come {
    /// It has not begun.
    Unbegun,
    /// It has, and waits: for a time, a person, a mutex.
    Waits,
    /// It takes up one of the places of `max_parallel`.
    Works,
    /// It has ended well, or never began.
    Ended,
    /// It has ended, and counts for `max_failures`.
    Failed,
}

impl Come {
    fn is_over(self) -> bool {
        matches!(self, Self::Ended | Self::Failed)
    }
}

/// `max_failures`: at the limit no new item starts.
fn too_many(failed: usize, items: usize, limit: u32) -> Halt {
    let reason = format!("{failed} of {items} items failed, the limit is {limit}");
    Halt { outcome: Outcome::Unreached, reason }
}

/// The first item that has the key of one before it.
fn twice(items: &[Value]) -> Option<String> {
    let mut seen = BTreeSet::new();
    items.iter().map(crate::base::value::plain).find(|item| !seen.insert(item.clone()))
}

/// What was over, where a pass was cut off: the step's timeout, or all the time its attempts have together.
fn too_long(step: &Step, open: &Open) -> String {
    let took = open.deadline.map(|deadline| deadline.after(open.since));
    let timeout = step.timeout.filter(|timeout| took.is_none_or(|took| *timeout <= took));
    let within = step.retry.as_ref().and_then(|retry| retry.within);
    match (timeout, within) {
        (None, Some(within)) => format!("`retry.for` of {within} has passed"),
        (Some(timeout), _) => format!("its timeout of {timeout} has passed"),
        (None, None) => "its timeout has passed".into(),
    }
}

impl Pass {
    /// Well, with this output.
    pub(super) fn good(output: Value) -> Self {
        Self { output, failure: None, recovered: false, cancelled: false, level: Level::Ok, unknown: None }
    }

    /// What a list came to, with this output.
    pub(super) fn of(sum: Sum, output: Value) -> Self {
        let failure = sum.failed.map(|(place, failure)| {
            let message = failure.map_or_else(|| "failed".into(), |failure| failure.message);
            Failure::new(FailureKind::Steps, format!("`{}`: {message}", place.step()))
        });
        Self { failure, recovered: sum.recovered, cancelled: sum.cancelled, level: sum.level, ..Self::good(output) }
    }
}
