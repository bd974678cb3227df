//! An attempt has ended: tried again, recovered, handled, or over.

use crate::base::address::{Lane, Place};
use crate::base::ids::RunId;
use crate::base::level::{Level, Outcome};
use crate::base::planted::{self, Bug};
use crate::base::value::{Map, Value};
use crate::engine::begin::nothing;
use crate::engine::decide::Effect;
use crate::engine::event::{Answer, AttemptResult, Ended, Planned, Stage, StepEnded, StepEvent};
use crate::engine::evolve::IllegalEvent;
use crate::engine::reckon::Own;
use crate::engine::retry::{self, Next};
use crate::engine::run::{RunPhase, Running, StepPhase};
use crate::engine::scope;
use crate::engine::turn::{Halt, Turn, ended};
use crate::model::measure::figure;
use crate::model::perform::{Failure, Finding, Reply, Usage};
use crate::model::policy::{FailureKind, OnInterrupt};
use crate::model::step::Step;
use std::sync::Arc;

impl<'a> Turn<'a> {
    /// The world has answered.
    pub(super) fn replied(
        &mut self,
        place: &Place,
        attempt: u32,
        reply: Reply,
        usage: Option<Usage>,
    ) -> Result<(), IllegalEvent> {
        let book = self.book;
        if let Some(StepPhase::Polling(poll)) = self.run.phase(place) {
            return if poll.told.is_none() { self.told(place, reply) } else { Ok(()) };
        }
        let (Some(StepPhase::Running(running)), Some(step)) = (self.run.phase(place), book.step(place.step())) else {
            return Ok(());
        };
        if running.attempt != attempt {
            return Ok(());
        }
        let unkept = usage.iter().flat_map(|usage| &usage.unkept);
        let unkept = unkept.map(|unkept| Finding { level: Level::Notice.to_string(), message: unkept.to_string() });
        let unkept: Vec<Finding> = unkept.collect();
        let result = match reply {
            Reply::Done { output, mut findings } => {
                findings.extend(unkept);
                findings.extend(self.not_its_words(step, running));
                let (samples, problem) = self.samples(place, step, &output);
                if !self.questions.is_empty() {
                    return Ok(());
                }
                let failure = problem.map(|problem| Failure { output: output.clone(), ..problem });
                AttemptResult { output, failure, stopped: false, findings, samples, usage }
            }
            Reply::Failed(failure) => AttemptResult {
                output: failure.output.clone(),
                failure: Some(failure),
                findings: unkept,
                usage,
                ..nothing()
            },
            Reply::Stopped { output } => AttemptResult { output, stopped: true, findings: unkept, usage, ..nothing() },
            Reply::Lost { known } => return self.lost(place, step, attempt, known),
        };
        self.attempted(place, step, attempt, &result)
    }

    /// Nobody can say what the attempt did: `on_interrupt` decides.
    fn lost(&mut self, place: &Place, step: &'a Arc<Step>, attempt: u32, known: String) -> Result<(), IllegalEvent> {
        let failure = Failure::new(FailureKind::Interrupted, known.clone());
        match if planted::has(Bug::RetriesLost) { OnInterrupt::Retry } else { step.on_interrupt } {
            OnInterrupt::Ask => {
                let question = format!("what did attempt {attempt} of `{}` do before it was lost?", step.id);
                self.emit_step(place, StepEvent::Asked { question, known })
            }
            OnInterrupt::Retry => {
                let result = AttemptResult { failure: Some(failure), ..nothing() };
                self.emit_step(place, StepEvent::Attempted { number: attempt, result: Box::new(result) })?;
                self.emit_step(place, StepEvent::Backoff { until: self.now })
            }
            OnInterrupt::Fail => {
                let result = AttemptResult { failure: Some(failure.clone()), ..nothing() };
                self.emit_step(place, StepEvent::Attempted { number: attempt, result: Box::new(result) })?;
                self.give_up(place, step, &failure, None)
            }
        }
    }

    /// A person has said what a lost attempt did, or whether to start.
    pub(super) fn answered(&mut self, place: &Place, answer: Answer) -> Result<(), IllegalEvent> {
        let book = self.book;
        let Some(step) = book.step(place.step()) else { return Ok(()) };
        match answer {
            Answer::Go => Ok(()),
            Answer::Again => self.emit_step(place, StepEvent::Backoff { until: self.now }),
            Answer::Succeeded => {
                self.end(place, step, ended(Outcome::Succeeded, Some("a person said it had succeeded".into())))
            }
            Answer::Failed => {
                let failure = Failure::new(FailureKind::Interrupted, "a person said it had failed");
                self.give_up(place, step, &failure, None)
            }
            Answer::Stop => {
                self.end(place, step, ended(Outcome::Cancelled, Some("a person said no".into())))?;
                if !self.may_be_cancelled() {
                    return Ok(());
                }
                let actor = crate::base::actor::Actor::engine("confirm");
                let reason = format!("`{}` was not confirmed", step.id);
                self.emit(crate::engine::event::Event::CancelAsked { actor, reason })
            }
        }
    }

    /// Whether a no ends the run: once it has failed or is being ended, what is left of it says no word about that.
    pub(super) fn may_be_cancelled(&self) -> bool {
        self.run.stop.is_none() && matches!(self.run.phase, RunPhase::At(Stage::Steps))
    }

    /// A child run has ended.
    pub(super) fn child_ended(&mut self, place: &Place, attempt: u32, came: Ended) -> Result<(), IllegalEvent> {
        let Ended { outcome, level, reason, outputs, tells: _, unknown } = came;
        let book = self.book;
        let (Some(StepPhase::Running(running)), Some(step)) = (self.run.phase(place), book.step(place.step())) else {
            return Ok(());
        };
        let (Some(child), true) = (running.child, running.attempt == attempt) else { return Ok(()) };
        let timed_out = running.timed_out;
        let output = child_output(child, outcome, level, outputs);
        let findings = (level > Level::Ok && outcome != Outcome::Failed)
            .then(|| Finding { level: level.to_string(), message: reason.clone() });
        let failure = match outcome {
            Outcome::Succeeded | Outcome::Recovered | Outcome::Skipped => None,
            Outcome::Cancelled if timed_out => {
                Some(Failure::new(FailureKind::Timeout, "the runbook it called took too long"))
            }
            Outcome::Cancelled => None,
            Outcome::Failed | Outcome::Unreached | Outcome::Interrupted => {
                Some(Failure::new(FailureKind::Steps, reason.as_str()))
            }
        };
        let stopped = outcome == Outcome::Cancelled && !timed_out;
        if unknown && failure.is_none() {
            let result = AttemptResult { output, stopped, ..nothing() };
            self.emit_step(place, StepEvent::Attempted { number: attempt, result: Box::new(result) })?;
            let planned = Some(Planned::Unknown(format!("what `{}` does is not done", step.id)));
            return self.end(place, step, StepEnded { level, planned, ..ended(outcome, Some(reason)) });
        }
        if stopped {
            let result = AttemptResult { output, stopped, findings: findings.into_iter().collect(), ..nothing() };
            self.emit_step(place, StepEvent::Attempted { number: attempt, result: Box::new(result) })?;
            // Stopped from here, or for a reason of its own, such as a group that is full.
            let why = self.why_stopped(place).unwrap_or(reason);
            return self.end(place, step, ended(Outcome::Cancelled, Some(why)));
        }
        let (samples, problem) =
            if failure.is_none() { self.samples(place, step, &output) } else { (Vec::new(), None) };
        if !self.questions.is_empty() {
            return Ok(());
        }
        let failure = failure.or(problem);
        let findings = findings.into_iter().collect();
        let result = AttemptResult { output, failure, stopped: false, findings, samples, usage: None };
        self.attempted(place, step, attempt, &result)
    }

    /// Records how an attempt ended and goes on from there.
    pub(super) fn attempted(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        number: u32,
        result: &AttemptResult,
    ) -> Result<(), IllegalEvent> {
        self.emit_step(place, StepEvent::Attempted { number, result: Box::new(result.clone()) })?;
        match (&result.failure, result.stopped) {
            (_, true) => {
                let reason = self.why_stopped(place).unwrap_or_else(|| "it was stopped".into());
                self.end(place, step, ended(Outcome::Cancelled, Some(reason)))
            }
            (Some(failure), false) => self.failed(place, step, failure),
            (None, false) => self.succeeded(place, step, result, false, Level::Ok),
        }
    }

    /// An attempt did what it says. `recovered` and `inner` are what the steps inside it came to.
    pub(super) fn succeeded(
        &mut self,
        place: &Place,
        step: &Step,
        result: &AttemptResult,
        recovered: bool,
        inner: Level,
    ) -> Result<(), IllegalEvent> {
        let recovered = recovered || self.run.steps.get(place).is_some_and(|run| run.recovering);
        let (own, reason) = worst(result)
            .map_or_else(|| (Level::Ok, summary(step, &result.output)), |(level, reason)| (level, Some(reason)));
        let least = if recovered { Level::Notice } else { Level::Ok };
        let outcome = if recovered { Outcome::Recovered } else { Outcome::Succeeded };
        let ended = StepEnded { level: own.max(inner).max(least), ..ended(outcome, reason) };
        self.end(place, step, ended)
    }

    /// An attempt failed: again, recover, or give up.
    pub(super) fn failed(&mut self, place: &Place, step: &'a Arc<Step>, failure: &Failure) -> Result<(), IllegalEvent> {
        let recovered = self.run.steps.get(place).is_none_or(|run| run.recovering);
        let reason = match self.next_attempt(place, step, failure, self.own_now()) {
            Next::At(until) => {
                let until = self.run.wall(until);
                if let Some(group) = step.mutex.clone().filter(|_| planted::has(Bug::MutexPerAttempt)) {
                    self.order(Effect::Release { group, place: Some(place.clone()) });
                }
                return self.emit_step(place, StepEvent::Backoff { until });
            }
            Next::NoMore => None,
            Next::Refused(reason) => Some(reason),
        };
        if !step.recover.is_empty() && !recovered && place_allows_handlers(place, step) {
            self.emit_step(place, StepEvent::Lane(Lane::Recover))?;
            return self.go_on(place, step, None);
        }
        self.give_up(place, step, failure, reason)
    }

    /// Whether a step that failed at `now` is tried again, and when.
    fn next_attempt(&self, place: &Place, step: &Step, failure: &Failure, now: Own) -> Next {
        let (Some(run), Some(policy)) = (self.run.steps.get(place), retry::policy(step.retry.as_ref(), failure)) else {
            return Next::NoMore;
        };
        // Items have attempts of their own: the whole is not tried again because of them.
        if step.foreach.is_some() && place.last().item.is_none() && !run.items.is_empty() {
            return Next::NoMore;
        }
        let attempted = retry::Attempted {
            seed: self.run.started.seed,
            place,
            nth: run.tries + 1 - run.turn,
            began: run.turn_began,
            timeout: step.timeout,
            run_ends: self.run_ends(),
            now,
        };
        match retry::next(&policy, failure, &attempted) {
            Next::At(_) if self.refuses_again(place, step, failure) => {
                Next::Refused("not tried again: `retry.unless` is true".into())
            }
            next @ (Next::At(_) | Next::NoMore | Next::Refused(_)) => next,
        }
    }

    /// `retry.unless`; what cannot be evaluated refuses nothing.
    fn refuses_again(&self, place: &Place, step: &Step, failure: &Failure) -> bool {
        let unless = step.retry.as_ref().and_then(|retry| retry.unless.as_ref());
        unless.is_some_and(|expr| {
            let scope = scope::Builder::new(self.book, self.run, place).error(failure).build(expr.reads());
            expr.eval_bool(&scope).unwrap_or(false)
        })
    }

    /// It failed for good: `on_error`, then the end. `reason` is why it is not tried again.
    fn give_up(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        failure: &Failure,
        reason: Option<String>,
    ) -> Result<(), IllegalEvent> {
        if !step.on_error.is_empty() && place.last().item.is_none() {
            self.emit_step(place, StepEvent::Lane(Lane::OnError))?;
            return self.go_on(place, step, None);
        }
        self.end(place, step, StepEnded { reason, ..failed(step, failure) })
    }

    /// Its `recover` steps are at work.
    pub(super) fn recovering(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        halt: Option<&Halt>,
    ) -> Result<(), IllegalEvent> {
        let sum = self.walk(Some(place), Lane::Recover, halt)?;
        if !sum.done {
            return Ok(());
        }
        match halt {
            Some(halt) => self.end(place, step, ended(Outcome::Cancelled, Some(halt.reason.clone()))),
            None if self.run.started.dry => {
                let message = self.last_failure(place).message;
                let why =
                    format!("it fails now ({message}), and its recovery is not done: it would be tried again after it");
                self.end_unknown(place, step, &why)
            }
            None if sum.failed.is_none() && !sum.cancelled => self.try_again(place, step),
            None => {
                let mut failure = self.last_failure(place);
                if let Some((inner, _)) = &sum.failed {
                    failure.message = format!("{}; its recovery failed too, at `{}`", failure.message, inner.step());
                }
                self.give_up(place, step, &failure, None)
            }
        }
    }

    /// Its `on_error` steps are at work; whatever they do, it stays failed.
    pub(super) fn erring(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        halt: Option<&Halt>,
    ) -> Result<(), IllegalEvent> {
        let sum = self.walk(Some(place), Lane::OnError, halt)?;
        if sum.done {
            let failure = self.last_failure(place);
            let gave_up = self.run.steps.get(place).map_or(self.own_now(), |run| run.touched);
            let reason = match self.next_attempt(place, step, &failure, gave_up) {
                Next::Refused(reason) => Some(reason),
                Next::At(_) | Next::NoMore => None,
            };
            return self.end(place, step, StepEnded { reason, ..failed(step, &failure) });
        }
        Ok(())
    }

    pub(super) fn last_failure(&self, place: &Place) -> Failure {
        let last = self.run.steps.get(place).and_then(|run| run.last.as_ref()).and_then(|last| last.failure.clone());
        last.unwrap_or_else(|| Failure::new(FailureKind::Other, "it failed"))
    }

    /// An attempt is under way: stop it when asked, or when a child run takes too long.
    pub(super) fn watch_running(
        &mut self,
        place: &Place,
        running: &Running,
        halt: Option<&Halt>,
    ) -> Result<(), IllegalEvent> {
        let late = running.child.is_some() && running.deadline.is_some_and(|deadline| deadline <= self.own_now());
        match (running.child, halt) {
            (Some(child), Some(halt)) => self.order(Effect::CancelChild { child, reason: halt.reason.clone() }),
            (Some(child), None) if late && !running.timed_out => {
                self.emit_step(place, StepEvent::TimedOut)?;
                self.order(Effect::CancelChild { child, reason: "its caller's timeout has passed".into() });
            }
            (None, Some(_)) => self.order(Effect::Stop { place: place.clone(), attempt: running.attempt }),
            (_, None) => {}
        }
        Ok(())
    }
}

/// What a step about files says of itself, in a sentence.
fn summary(step: &Step, output: &Value) -> Option<String> {
    step.kind.action().filter(|action| action.rehearses())?;
    output.get("summary").and_then(Value::as_str).map(str::to_owned)
}

/// Items of a `foreach` recover each by itself; handlers of the whole belong to the whole.
fn place_allows_handlers(place: &Place, step: &Step) -> bool {
    step.foreach.is_none() || place.last().item.is_some()
}

/// The ending of a step that failed for good.
pub(super) fn failed(step: &Step, failure: &Failure) -> StepEnded {
    let outcome = if failure.kind == FailureKind::Interrupted { Outcome::Interrupted } else { Outcome::Failed };
    let level = step.allow_failure.unwrap_or(Level::Critical);
    StepEnded { level, failure: Some(failure.clone()), ..ended(outcome, None) }
}

fn child_output(child: RunId, outcome: Outcome, level: Level, outputs: Map<String, Value>) -> Value {
    let mut output = outputs;
    output.insert("run".into(), child.to_string().into());
    output.insert("outcome".into(), outcome.as_str().into());
    output.insert("level".into(), level.as_str().into());
    Value::Object(output)
}

/// The worst of what an attempt found and measured, where that is not ok, in a line.
pub(super) fn worst(result: &AttemptResult) -> Option<(Level, String)> {
    let found =
        result.findings.iter().filter_map(|finding| Some((Level::parse(&finding.level)?, finding.message.clone())));
    let measured = result.samples.iter().map(|sample| (sample.level, describe(sample)));
    found.chain(measured).filter(|(level, _)| *level > Level::Ok).max_by_key(|(level, _)| *level)
}

/// A sample in a line: `disk_used{mount="/"} = 91 % (> 90)`.
pub(super) fn describe(sample: &crate::engine::event::Sample) -> String {
    let labels: Vec<_> = sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("[{}]", labels.join(" ")) };
    let unit = sample.unit.as_deref().map_or(String::new(), |unit| format!(" {unit}"));
    let note = sample.note.as_deref().map_or(String::new(), |note| format!(" ({note})"));
    let value = sample.value.map_or("missing".to_owned(), |value| format!("{}{unit}", figure(value)));
    format!("{}{labels} is {value}{note}", sample.name)
}
