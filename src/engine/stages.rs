//! The run as a whole: steps, then `undo`, `on_failure` and `finally`, then the end.

use crate::base::address::{Lane, Place};
use crate::base::ids::{Name, RunId};
use crate::base::level::{Level, Outcome};
use crate::base::planted::{self, Bug};
use crate::base::value::{Map, Value};
use crate::engine::decide::Effect;
use crate::engine::event::{Ended, Event, Stage, StepEvent};
use crate::engine::evolve::IllegalEvent;
use crate::engine::reason;
use crate::engine::reckon::Own;
use crate::engine::run::{Run, RunPhase, StepPhase, Stop};
use crate::engine::scope;
use crate::engine::tells;
use crate::engine::turn::{Halt, Sum, Turn};
use crate::engine::unknown;
use crate::model::policy::Full;
use crate::model::runbook::Runbook;
use crate::model::step::{StepKind, Wait};
use jiff::Timestamp;

impl Turn<'_> {
    /// Takes the run as far as it goes.
    pub(super) fn settle(&mut self) -> Result<(), IllegalEvent> {
        self.ask_for_group()?;
        if self.is_queued() {
            return match self.run.stop {
                Some(_) => self.finish_run(Outcome::Cancelled, Level::Ok, reason::of_run(self.book, self.run)),
                None => Ok(()),
            };
        }
        if self.run.stop.is_none() && self.run_ends().is_some_and(|end| end <= self.own_now()) {
            self.emit(Event::TimedOut)?;
        }
        while let RunPhase::At(stage) = self.run.phase {
            if !self.stage(stage)? {
                return Ok(());
            }
            match self.following(stage) {
                Some(next) => self.emit(Event::Entered(next))?,
                None => return self.conclude_run(),
            }
        }
        Ok(())
    }

    /// A run with a `concurrency` group asks for it before its first step; a child shares its parent's.
    fn ask_for_group(&mut self) -> Result<(), IllegalEvent> {
        let fresh = !self.run.asked && self.run.stop.is_none() && matches!(self.run.phase, RunPhase::At(Stage::Steps));
        let Some(group) = self.book.concurrency.as_ref().filter(|_| fresh && !self.run.started.dry) else {
            return Ok(());
        };
        self.emit(Event::Queued { group: group.group.clone(), holders: Vec::new() })?;
        self.order(Effect::Acquire { group: group.group.clone(), place: None, limit: group.limit, full: group.full });
        Ok(())
    }

    /// Walks one stage; true = it is through.
    fn stage(&mut self, stage: Stage) -> Result<bool, IllegalEvent> {
        let late = self.cleanup_late().map(|reason| Halt { outcome: Outcome::Cancelled, reason });
        match stage {
            Stage::Steps => {
                let halt = self
                    .run
                    .stop
                    .is_some()
                    .then(|| Halt { outcome: Outcome::Cancelled, reason: reason::of_run(self.book, self.run) });
                Ok(self.walk(None, Lane::Body(1), halt.as_ref())?.done)
            }
            Stage::Undo => {
                for place in self.undoable() {
                    if !self.walk(Some(&place), Lane::Undo, late.as_ref())?.done {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Stage::OnFailure => Ok(self.walk(None, Lane::OnFailure, late.as_ref())?.done),
            Stage::Finally => Ok(self.walk(None, Lane::Finally, late.as_ref())?.done),
        }
    }

    /// Steps and groups that began and say how to undo them, newest first.
    fn undoable(&self) -> Vec<Place> {
        let began = self.run.steps.iter().filter(|(place, run)| {
            let main = place
                .segments()
                .iter()
                .all(|segment| !matches!(segment.lane, Lane::Undo | Lane::OnFailure | Lane::Finally));
            let undo = self.book.step(place.step()).is_some_and(|step| !step.undo.is_empty());
            main && undo && run.tries > 0 && place.last().item.is_none()
        });
        let mut began: Vec<_> = began.map(|(place, run)| (run.order, place.clone())).collect();
        began.sort_by(|a, b| b.cmp(a));
        began.into_iter().map(|(_, place)| place).collect()
    }

    fn following(&self, stage: Stage) -> Option<Stage> {
        let main = self.main();
        let failed = main.failed.is_some() || matches!(self.run.stop, Some(Stop::TimedOut));
        let undone = failed || main.cancelled || self.run.stop.is_some();
        let has = |next: Stage| match next {
            Stage::Steps => false,
            Stage::Undo => undone && !self.undoable().is_empty(),
            Stage::OnFailure => {
                let cancelled = matches!(self.run.stop, Some(Stop::Cancelled { late: false, .. }));
                failed && !cancelled && !self.book.on_failure.is_empty()
            }
            Stage::Finally => !self.book.finally.is_empty(),
        };
        [Stage::Undo, Stage::OnFailure, Stage::Finally].into_iter().find(|next| *next > stage && has(*next))
    }

    fn main(&self) -> Sum {
        self.sum(None, Lane::Body(1), &self.list(None, Lane::Body(1)))
    }

    /// Every stage is through: what did it all come to?
    fn conclude_run(&mut self) -> Result<(), IllegalEvent> {
        let main = self.main();
        let finally = self.sum(None, Lane::Finally, &self.list(None, Lane::Finally));
        let undone: Vec<_> = self
            .undoable()
            .into_iter()
            .map(|place| {
                let sum = self.sum(Some(&place), Lane::Undo, &self.list(Some(&place), Lane::Undo));
                (place, sum)
            })
            .collect();
        let bad_undo = undone.iter().find(|(_, sum)| sum.failed.is_some() && matches!(self.run.phase, RunPhase::At(_)));
        let outcome = match &self.run.stop {
            // What failed before somebody asked for its end has failed.
            Some(Stop::Cancelled { late: true, .. }) if main.failed.is_some() => Outcome::Failed,
            Some(Stop::Cancelled { .. }) => Outcome::Cancelled,
            Some(Stop::TimedOut) => Outcome::Failed,
            None if main.failed.is_some() || finally.failed.is_some() => Outcome::Failed,
            None if main.cancelled => Outcome::Cancelled,
            None if main.recovered => Outcome::Recovered,
            None => Outcome::Succeeded,
        };
        let mut reason = reason::of_run(self.book, self.run);
        if let (Some((place, failure)), None) = (&finally.failed, &main.failed) {
            let message = failure.as_ref().map_or("", |failure| failure.message.as_str());
            reason = format!("`{}` in `finally` failed: {message}", place.step());
        }
        if let Some((place, _)) = bad_undo {
            reason = format!("{reason}; undoing `{}` failed too", place.step());
        }
        let failed = outcome == Outcome::Failed || bad_undo.is_some();
        let level = if failed { Level::Critical } else { main.level.max(finally.level) };
        self.end_run(outcome, level, reason, bad_undo.is_some())
    }

    fn finish_run(&mut self, outcome: Outcome, level: Level, reason: String) -> Result<(), IllegalEvent> {
        self.end_run(outcome, level, reason, false)
    }

    fn end_run(&mut self, outcome: Outcome, level: Level, reason: String, undone: bool) -> Result<(), IllegalEvent> {
        let outputs = self.outputs();
        let unknown = outcome != Outcome::Failed && unknown::of_run(self.book, self.run).is_some();
        let tells = tells::tells(self.book, self.run, outcome, level, undone);
        let kept = planted::has(Bug::KeepsGroup) && outcome == Outcome::Cancelled;
        self.emit(Event::Ended(Box::new(Ended { outcome, level, reason, outputs, tells, unknown })))?;
        if let Some(group) = self.book.concurrency.as_ref().filter(|_| !self.run.started.dry && !kept) {
            self.order(Effect::Release { group: group.group.clone(), place: None });
        }
        Ok(())
    }

    /// The typed outputs; what cannot be computed any more is null.
    fn outputs(&self) -> Map<String, Value> {
        let value = |expr: &crate::expr::Expr| {
            let scope = scope::Builder::of_run(self.book, self.run).build(expr.reads());
            expr.eval(&scope).unwrap_or_default()
        };
        self.book.outputs.iter().map(|(name, expr)| (name.to_string(), value(expr))).collect()
    }

    /// When the run times out.
    pub(super) fn run_ends(&self) -> Option<Own> {
        run_ends(self.book, self.run)
    }

    /// That `undo`, `on_failure` and `finally` took too long, if they did.
    fn cleanup_late(&self) -> Option<String> {
        let late = cleanup_ends(self.book, self.run).is_some_and(|end| end <= self.own_now());
        late.then(|| format!("the `cleanup_timeout` of {} has passed", self.book.cleanup_timeout))
    }

    /// Why what is at work at a place is stopped, as far as the run or a timeout around it says so.
    pub(super) fn why_stopped(&self, place: &Place) -> Option<String> {
        let stopped = self.run.stop.is_some() && matches!(self.run.phase, RunPhase::At(Stage::Steps));
        let late = |place: &Place| match self.run.phase(place) {
            Some(StepPhase::Open(open)) => open.timed_out,
            Some(_) | None => false,
        };
        let whole = std::iter::successors(place.parent(), Place::parent).find(late);
        let whole = whole.map(|whole| format!("`{}` took too long", whole.step()));
        self.cleanup_late().or_else(|| stopped.then(|| reason::of_run(self.book, self.run))).or(whole)
    }

    /// A mutex is held now.
    pub(super) fn granted(&mut self, place: &Place) -> Result<(), IllegalEvent> {
        let book = self.book;
        let held = matches!(self.run.phase(place), Some(StepPhase::Held { .. }));
        match (held, book.step(place.step())) {
            (true, Some(step)) => self.try_again(place, step),
            (true, None) | (false, _) => Ok(()),
        }
    }

    /// Somebody else holds the group or mutex.
    pub(super) fn waiting(&mut self, place: Option<Place>, holders: Vec<RunId>) -> Result<(), IllegalEvent> {
        if planted::has(Bug::NamelessWait) {
            return Ok(());
        }
        match place {
            None => match &self.run.phase {
                RunPhase::Queued { group, holders: known } if *known != holders => {
                    let group = group.clone();
                    self.emit(Event::Queued { group, holders })
                }
                RunPhase::Queued { .. } | RunPhase::At(_) | RunPhase::Ended(_) => Ok(()),
            },
            Some(place) => match self.run.phase(&place) {
                Some(StepPhase::Held { mutex, holder, .. }) if *holder != holders.first().copied() => {
                    let mutex = mutex.clone();
                    self.emit_step(&place, StepEvent::Held { mutex, holder: holders.first().copied() })
                }
                _ => Ok(()),
            },
        }
    }

    /// The group is full and the run does not wait for it.
    pub(super) fn group_full(
        &mut self,
        group: &Name,
        full: Full,
        holders: &[(RunId, Option<Name>)],
    ) -> Result<(), IllegalEvent> {
        if !self.is_queued() {
            return Ok(());
        }
        let holder = |(run, runbook): &(RunId, Option<Name>)| match runbook {
            Some(runbook) => format!("`{runbook}` (run {run})"),
            None => format!("run {run}"),
        };
        let held = holders.iter().map(holder).collect::<Vec<_>>().join(", ");
        let reason = |word: &str| {
            format!(
                "group `{group}` is held by {held}, and `full: {word}` does not wait: start it again once that has ended, or write `full: queue`"
            )
        };
        match full {
            Full::Queue => Ok(()),
            Full::Skip => self.finish_run(Outcome::Cancelled, Level::Ok, reason("skip")),
            Full::Fail => self.finish_run(Outcome::Failed, Level::Critical, reason("fail")),
        }
    }
}

/// When a run times out.
fn run_ends(book: &Runbook, run: &Run) -> Option<Own> {
    match run.phase {
        RunPhase::At(Stage::Steps) => book.timeout.map(|timeout| run.since.later(timeout)),
        RunPhase::At(Stage::Undo | Stage::OnFailure | Stage::Finally)
        | RunPhase::Queued { .. }
        | RunPhase::Ended(_) => None,
    }
}

fn cleanup_ends(book: &Runbook, run: &Run) -> Option<Own> {
    match run.phase {
        RunPhase::At(Stage::Undo | Stage::OnFailure | Stage::Finally) => Some(run.since.later(book.cleanup_timeout)),
        RunPhase::At(Stage::Steps) | RunPhase::Queued { .. } | RunPhase::Ended(_) => None,
    }
}

/// When a run is next to be looked at by itself, timeouts of children included.
#[must_use]
pub(super) fn next_due(book: &Runbook, run: &Run, seen: Option<Timestamp>) -> Option<Timestamp> {
    if run.ended().is_some() {
        return None;
    }
    let new = |due: &Timestamp| seen.is_none_or(|seen| *due > seen);
    let ends = run_ends(book, run).filter(|_| run.stop.is_none());
    let ends = [ends, cleanup_ends(book, run)].into_iter().flatten().map(|end| run.wall(end));
    let steps = run.steps.iter().flat_map(|(place, step)| due(book, run, place, &step.phase)).flatten();
    steps.chain(ends).filter(new).min()
}

/// When something is due by itself of an execution: instants as they were given, the end of what lasts as the clock is set now.
fn due(book: &Runbook, run: &Run, place: &Place, phase: &StepPhase) -> [Option<Timestamp>; 3] {
    let wall = |own: Own| run.wall(own);
    match phase {
        StepPhase::Backoff { until } => [Some(*until), None, None],
        StepPhase::Polling(poll) => [poll.sought.until, None, None],
        StepPhase::Running(running) if !running.timed_out => {
            [running.child.and(running.deadline).map(wall), None, None]
        }
        StepPhase::Open(open) => {
            let instant =
                matches!(book.step(place.step()).map(|step| &step.kind), Some(StepKind::Wait(Wait::Until(_))));
            let until = if instant { open.until } else { open.lasts.map(wall) };
            [open.deadline.filter(|_| !open.timed_out).map(wall), until, open.rest.map(wall)]
        }
        StepPhase::Held { .. }
        | StepPhase::Asked { .. }
        | StepPhase::Ready
        | StepPhase::Running(_)
        | StepPhase::Recovering
        | StepPhase::Erring
        | StepPhase::Ended(_) => [None; 3],
    }
}
