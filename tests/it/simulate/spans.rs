//! Invariant 19: a span passes when it has passed on the clock that nobody sets, not earlier and not much later.

use super::watch::Checked;
use std::collections::{BTreeMap, BTreeSet};
use stepladder::base::address::Place;
use stepladder::base::ids::RunId;
use stepladder::base::level::Outcome;
use stepladder::engine::event::{Event, Recorded, Stage, StepEvent};
use stepladder::engine::run::{Run, RunPhase, StepPhase};
use stepladder::model::runbook::Runbook;
use stepladder::model::step::{StepKind, Wait};

/// What a batch takes on its way, and what nobody minds of a clock that is set.
const EARLY: u64 = 1_000;
/// Until it is looked at, and who was just killed is back.
const LATE: u64 = 4_000;

/// What lasts, and since when on the clock that nobody sets.
#[derive(Default)]
pub(crate) struct Spans {
    /// The part of a run that is at work.
    runs: BTreeMap<RunId, u64>,
    /// Those of them that are past their steps.
    cleaning: BTreeSet<RunId>,
    /// Steps made of others and called runs, with how long they may take.
    steps: BTreeMap<(RunId, Place), (u64, Option<u64>)>,
}

impl Spans {
    pub(crate) fn began(&mut self, run: RunId, now: u64) {
        self.runs.insert(run, now);
    }

    /// Takes an event that has become durable; `run` is as it is after it.
    pub(crate) fn heed(
        &mut self,
        book: &Runbook,
        run: &Run,
        recorded: &Recorded,
        (now, punctual): (u64, bool),
    ) -> Checked {
        let id = run.started.run;
        let since_run = now - self.runs.get(&id).copied().unwrap_or(now);
        let passed = |what: String, took: u64, span: u64| judge(&format!("{what} of run {id}"), took, span, punctual);
        match &recorded.event {
            Event::Admitted => self.began(id, now),
            Event::Entered(_) if self.cleaning.insert(id) => self.began(id, now),
            Event::TimedOut => {
                let span = book.timeout.ok_or_else(|| format!("19: run {id} has no timeout, and passed it"))?;
                return passed("the timeout".into(), since_run, span.millis());
            }
            Event::Step { place, event } => {
                let key = (id, place.clone());
                let began = self.steps.get(&key).copied();
                match event {
                    StepEvent::Opened { deadline, .. } | StepEvent::Attempt { deadline, .. } => {
                        let span = deadline.map(|deadline| deadline.as_millisecond() - recorded.at.as_millisecond());
                        let span = span.map(|span| u64::try_from(span).unwrap_or(0));
                        self.steps.insert(key, (now, span));
                    }
                    StepEvent::TimedOut => {
                        let (began, span) = began.ok_or_else(|| format!("19: `{place}` never began"))?;
                        return passed(format!("the timeout of `{place}`"), now - began, span.unwrap_or(0));
                    }
                    StepEvent::Attempted { result, .. } if result.failure.is_none() && !result.stopped => {
                        let span = match book.step(place.step()).map(|step| &step.kind) {
                            Some(StepKind::Wait(Wait::Span(span))) => *span,
                            Some(StepKind::Watch(watch)) => watch.length,
                            _ => return Ok(()),
                        };
                        let (began, _) = began.ok_or_else(|| format!("19: `{place}` never began"))?;
                        // The last round of a watch may go on behind its end.
                        let took = (now - began).min(span.millis().max(EARLY));
                        return passed(format!("`{place}`"), took, span.millis());
                    }
                    StepEvent::Ended(ended) if ended.outcome == Outcome::Cancelled => {
                        let late = ended.reason.as_ref().is_some_and(|reason| reason.contains("`cleanup_timeout`"));
                        if late && punctual && since_run + EARLY < book.cleanup_timeout.millis() {
                            return Err(format!("19: the `cleanup_timeout` of run {id} passed after {since_run} ms"));
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// That nothing lasts longer than it may.
    pub(crate) fn overdue(&self, book: &Runbook, run: &Run, now: u64) -> Checked {
        let id = run.started.run;
        let since_run = now - self.runs.get(&id).copied().unwrap_or(now);
        if let (RunPhase::At(Stage::Steps), None, Some(span)) = (&run.phase, &run.stop, book.timeout)
            && since_run > span.millis() + LATE
        {
            return Err(format!("19: run {id} is at work after {since_run} ms, and has {span}"));
        }
        for (place, step) in run.steps.iter().filter(|_| run.ended().is_none()) {
            let StepPhase::Open(open) = &step.phase else { continue };
            if let Some((began, Some(span))) = self.steps.get(&(id, place.clone()))
                && !open.timed_out
                && now - began > span + LATE
            {
                return Err(format!("19: `{place}` of run {id} is at work after {} ms, and has {span}", now - began));
            }
        }
        Ok(())
    }
}

fn judge(what: &str, took: u64, span: u64, punctual: bool) -> Checked {
    if punctual && took + EARLY < span {
        return Err(format!("19: {what} passed after {took} of {span} ms"));
    }
    if punctual && took > span + LATE {
        return Err(format!("19: {what} passed after {took} ms, and has {span}"));
    }
    Ok(())
}
