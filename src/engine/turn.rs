//! One decision under way: the run as it moves, the events and effects so far, and the walk over lists.

use crate::base::address::{Lane, Place};
use crate::base::ids::Name;
use crate::base::level::{Level, Outcome};
use crate::engine::bounded::bounded;
use crate::engine::decide::{Decision, Effect};
use crate::engine::event::{Event, Recorded, StepEnded, StepEvent};
use crate::engine::evolve::{IllegalEvent, evolve};
use crate::engine::gate::Gate;
use crate::engine::rehearse::is_gone_into;
use crate::engine::run::{Run, RunPhase, StepPhase, StepRun};
use crate::engine::series::{Known, Point, Question, Series};
use crate::engine::steps::{Above, Steps};
use crate::model::perform::Failure;
use crate::model::runbook::Runbook;
use crate::model::step::{Step, StepKind, Wait};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A decision under way.
pub(super) struct Turn<'a> {
    pub(super) book: &'a Runbook,
    pub(super) run: &'a mut Run,
    pub(super) now: Timestamp,
    /// What has been looked up of series.
    pub(super) known: &'a Known,
    /// What must be looked up before this counts as a decision.
    pub(super) questions: Vec<Question>,
    /// The last samples of this decision.
    pub(super) fresh: BTreeMap<Series, Point>,
    events: Vec<Recorded>,
    effects: Vec<Effect>,
}

/// Why nothing new may start, and what has not started ends as.
#[derive(Debug, Clone)]
pub(super) struct Halt {
    pub(super) outcome: Outcome,
    pub(super) reason: String,
}

/// How a step of the list at hand has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) satisfied: bool,
    level: Level,
    pub(super) bad: bool,
}

/// How far a step of the list at hand has come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Far {
    /// It has not begun.
    Unbegun,
    /// It is at it.
    Begun,
    /// It has ended.
    Ended(End),
}

/// Everything a gate is judged by: the list, the step's number in it, and how far the others have come.
pub(super) struct GateOf<'a> {
    pub(super) owner: Option<&'a Place>,
    pub(super) lane: Lane,
    pub(super) steps: &'a Steps<'a>,
    pub(super) number: usize,
    pub(super) far: &'a [Far],
    /// What the steps above it have come to, where steps are taken in the order written.
    pub(super) above: Option<&'a Above>,
}

/// What a list has come to.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is so or not, whatever the others are")]
pub(super) struct Sum {
    /// Every step has ended.
    pub(super) done: bool,
    /// The worst level.
    pub(super) level: Level,
    /// A step recovered.
    pub(super) recovered: bool,
    /// A step was stopped.
    pub(super) cancelled: bool,
    /// The first step that did not do what it says, and is not allowed to.
    pub(super) failed: Option<(Place, Option<Failure>)>,
    /// All steps are satisfied.
    pub(super) satisfied: bool,
}

impl<'a> Turn<'a> {
    pub(super) fn new(book: &'a Runbook, run: &'a mut Run, known: &'a Known, now: Timestamp) -> Self {
        let (questions, fresh) = (Vec::new(), BTreeMap::new());
        Self { book, run, now, known, questions, fresh, events: Vec::new(), effects: Vec::new() }
    }

    pub(super) fn finish(self) -> Decision {
        Decision { events: self.events, effects: self.effects }
    }

    /// Records an event; the state moves with it. Where the clock was set back unnoticed, it is dated like the one before.
    pub(super) fn emit(&mut self, event: Event) -> Result<(), IllegalEvent> {
        let recorded = Recorded { at: self.now.max(self.run.earliest(&event)), event: bounded(event) };
        evolve(self.run, &recorded)?;
        self.events.push(recorded);
        Ok(())
    }

    /// Records an event of one step.
    pub(super) fn emit_step(&mut self, place: &Place, event: StepEvent) -> Result<(), IllegalEvent> {
        self.emit(Event::Step { place: place.clone(), event })
    }

    /// Orders an effect.
    pub(super) fn order(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// The steps executed in `lane` of `owner`, or of the run.
    pub(super) fn list(&self, owner: Option<&Place>, lane: Lane) -> Steps<'a> {
        let book = self.book;
        let Some(owner) = owner else {
            return Steps::of(match lane {
                Lane::OnFailure => &book.on_failure,
                Lane::Finally => &book.finally,
                Lane::Body(_)
                | Lane::Recover
                | Lane::OnError
                | Lane::Undo
                | Lane::Until(_)
                | Lane::Try(_)
                | Lane::Round(_) => &book.steps,
            });
        };
        let Some(step) = book.step(owner.step()) else { return Steps::none() };
        match (lane, &step.kind) {
            (Lane::Recover, _) => Steps::of(&step.recover),
            (Lane::OnError, _) => Steps::of(&step.on_error),
            (Lane::Undo, _) => Steps::of(&step.undo),
            (Lane::Body(_), StepKind::Steps(list)) => Steps::of(list),
            (Lane::Round(_), StepKind::Watch(watch)) => Steps::of(&watch.steps),
            (Lane::Until(_), StepKind::Remedy(remedy)) => Steps::one(&remedy.until),
            (Lane::Until(_), StepKind::Wait(Wait::Probe { probe, .. })) => Steps::one(probe),
            (Lane::Try(n), StepKind::Remedy(remedy)) => {
                remedy.tries.steps.get(n as usize - 1).map_or_else(Steps::none, Steps::one)
            }
            (
                Lane::Body(_) | Lane::Until(_) | Lane::Try(_) | Lane::Round(_) | Lane::OnFailure | Lane::Finally,
                StepKind::Act(_)
                | StepKind::Steps(_)
                | StepKind::Watch(_)
                | StepKind::Remedy(_)
                | StepKind::Wait(_)
                | StepKind::Call(_)
                | StepKind::Compute(_)
                | StepKind::Log { .. }
                | StepKind::Fail(_)
                | StepKind::Pass(_)
                | StepKind::Approval(_),
            ) => Steps::none(),
        }
    }

    /// Takes every step of a list as far as it goes and says what the list has come to.
    pub(super) fn walk(&mut self, owner: Option<&Place>, lane: Lane, halt: Option<&Halt>) -> Result<Sum, IllegalEvent> {
        let steps = self.list(owner, lane);
        let place = |number: usize| Place::within(owner, lane, steps.all[number].id.clone());
        let list = (owner.cloned(), lane);
        let known = self.run.walked.take(&list, steps.all);
        let look = |(number, far): (usize, Option<Far>)| {
            far.unwrap_or_else(|| self.how_far(steps.all, number, &place(number)))
        };
        let mut far: Vec<Far> = known.into_iter().enumerate().map(look).collect();
        let works = |number: &usize| matches!(far[*number], Far::Begun) && self.run.works(&place(*number));
        let mut busy = steps.parallel.map_or(0, |_| (0..far.len()).filter(works).count());
        let (order, as_written) = steps.ordered();
        let mut above = Above::default();
        let may_halt = steps.fail_fast || steps.all.iter().any(|step| matches!(step.kind, StepKind::Pass(_)));
        let mut own = if may_halt { Self::list_halt(&steps, &far) } else { None };
        for number in order {
            above.read(&far, number);
            let begun = match far[number] {
                Far::Ended(_) => continue,
                Far::Begun => true,
                Far::Unbegun => false,
            };
            let step = &steps.all[number];
            let halt = halt.or(own.as_ref());
            let room = steps.parallel.is_none_or(|limit| busy < limit as usize);
            if begun || halt.is_some() || room {
                let gate =
                    GateOf { owner, lane, steps: &steps, number, far: &far, above: as_written.then_some(&above) };
                if !begun && halt.is_none() && self.is_closed(&gate, step) {
                    continue;
                }
                let place = place(number);
                let worked = begun && self.run.works(&place);
                if begun {
                    self.go_on(&place, step, halt)?;
                } else {
                    self.start(&place, step, &gate, halt)?;
                }
                far[number] = self.how_far(steps.all, number, &place);
                if steps.parallel.is_some() {
                    busy = busy + usize::from(self.run.works(&place)) - usize::from(worked);
                }
                if may_halt && far[number].end().is_some() {
                    own = Self::list_halt(&steps, &far);
                }
            }
        }
        let sum = self.summed((owner, lane), &steps, &far);
        self.run.walked.keep(list, far);
        Ok(sum)
    }

    /// How far the step of that number, at `place`, has come.
    fn how_far(&self, steps: &[Arc<Step>], number: usize, place: &Place) -> Far {
        match self.run.steps.get(place).map(StepRun::ended) {
            None => Far::Unbegun,
            Some(None) => Far::Begun,
            Some(Some(ended)) => Far::Ended(End::of(&steps[number], ended)),
        }
    }

    /// Takes a step that has not begun as far as it goes.
    fn start(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        gate: &GateOf<'_>,
        halt: Option<&Halt>,
    ) -> Result<(), IllegalEvent> {
        if let Some(halt) = halt {
            return self.end_unstarted(place, halt.outcome, halt.reason.clone());
        }
        match self.gate(gate, place, step) {
            Gate::Closed => Ok(()),
            Gate::Unreached(reason) => self.end_unstarted(place, Outcome::Unreached, reason),
            Gate::Skip(reason) => self.end_unstarted(place, Outcome::Skipped, reason),
            // Both branches are listed: what has steps of its own is walked as if its condition were true.
            Gate::Unknown(_) if is_gone_into(step) => self.begin(place, step),
            Gate::Unknown(reason) => self.end_unknown(place, step, &reason),
            Gate::Broken(failure) => self.fail_at_once(place, step, failure),
            Gate::Open => self.begin(place, step),
        }
    }

    /// Takes a step that has begun as far as it goes.
    pub(super) fn go_on(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        halt: Option<&Halt>,
    ) -> Result<(), IllegalEvent> {
        let Some(phase) = self.run.phase(place).cloned() else { return Ok(()) };
        match (phase, halt) {
            (StepPhase::Ended(_), _) => Ok(()),
            (StepPhase::Running(running), halt) => self.watch_running(place, &running, halt),
            (StepPhase::Open(open), halt) => self.open(place, step, &open, halt),
            (StepPhase::Recovering, halt) => self.recovering(place, step, halt),
            (StepPhase::Erring, halt) => self.erring(place, step, halt),
            (
                StepPhase::Held { .. }
                | StepPhase::Asked { attempt: None, .. }
                | StepPhase::Polling(_)
                | StepPhase::Backoff { .. }
                | StepPhase::Ready,
                Some(halt),
            ) => self.end(place, step, ended(Outcome::Cancelled, Some(halt.reason.clone()))),
            (StepPhase::Asked { attempt: Some(_), .. }, Some(halt)) => {
                let reason = format!("nobody said what the lost attempt did: {}", halt.reason);
                self.end(place, step, StepEnded { level: Level::Critical, ..ended(Outcome::Interrupted, Some(reason)) })
            }
            (StepPhase::Polling(poll), None) if poll.sought.until.is_some_and(|until| until <= self.now) => {
                self.lapsed(place, step, &poll)
            }
            (StepPhase::Backoff { until }, None) if until <= self.now => self.try_again(place, step),
            (StepPhase::Ready, None) => self.begin(place, step),
            (
                StepPhase::Held { .. } | StepPhase::Asked { .. } | StepPhase::Polling(_) | StepPhase::Backoff { .. },
                None,
            ) => Ok(()),
        }
    }

    /// Ends a step that never began.
    pub(super) fn end_unstarted(
        &mut self,
        place: &Place,
        outcome: Outcome,
        reason: String,
    ) -> Result<(), IllegalEvent> {
        self.emit_step(place, StepEvent::Ended(Box::new(ended(outcome, Some(reason)))))
    }

    /// Ends a step, giving back what it holds.
    pub(super) fn end(&mut self, place: &Place, step: &Step, ended: StepEnded) -> Result<(), IllegalEvent> {
        let held = self
            .run
            .steps
            .get(place)
            .filter(|run| run.holds || matches!(run.phase, StepPhase::Held { .. }))
            .and(step.mutex.clone());
        let ended = if self.run.started.dry { self.end_of_rehearsal(place, step, ended) } else { ended };
        self.emit_step(place, StepEvent::Ended(Box::new(ended)))?;
        if let Some(group) = held {
            self.order(Effect::Release { group, place: Some(place.clone()) });
        }
        Ok(())
    }

    /// What the steps of a list have come to so far.
    pub(super) fn sum(&self, owner: Option<&Place>, lane: Lane, steps: &Steps<'_>) -> Sum {
        let place = |number: usize| Place::within(owner, lane, steps.all[number].id.clone());
        let far: Vec<Far> =
            (0..steps.all.len()).map(|number| self.how_far(steps.all, number, &place(number))).collect();
        self.summed((owner, lane), steps, &far)
    }

    fn summed(&self, (owner, lane): (Option<&Place>, Lane), steps: &Steps<'_>, far: &[Far]) -> Sum {
        let mut sum = Sum { done: true, satisfied: true, ..Sum::default() };
        for (step, far) in steps.all.iter().zip(far) {
            let Some(end) = far.end() else {
                sum.done = false;
                continue;
            };
            sum.level = sum.level.max(end.level);
            sum.recovered |= end.outcome == Outcome::Recovered;
            sum.cancelled |= end.outcome == Outcome::Cancelled;
            sum.satisfied &= end.satisfied;
            if end.bad && sum.failed.is_none() {
                let place = Place::within(owner, lane, step.id.clone());
                let failure = self.run.step_ended(&place).and_then(|ended| ended.failure.clone());
                sum.failed = Some((place, failure));
            }
        }
        sum.satisfied &= sum.done;
        sum
    }

    /// Whether the run is held up by its group.
    pub(super) fn is_queued(&self) -> bool {
        matches!(self.run.phase, RunPhase::Queued { .. })
    }

    /// The mutex of a step, where it still has to be asked for.
    pub(super) fn wanted_mutex(&self, place: &Place, step: &Step) -> Option<Name> {
        let held = self.run.steps.get(place).is_some_and(|run| run.holds);
        step.mutex.clone().filter(|_| !held)
    }
}

impl Far {
    /// How it has ended, if it has.
    pub(super) fn end(self) -> Option<End> {
        match self {
            Self::Ended(end) => Some(end),
            Self::Unbegun | Self::Begun => None,
        }
    }
}

impl End {
    fn of(step: &Step, ended: &StepEnded) -> Self {
        let (satisfied, bad) = (is_satisfied(step, ended), is_bad(step, ended));
        Self { outcome: ended.outcome, satisfied, level: ended.level, bad }
    }
}

/// Rule 3: whether what needs this step may go on.
fn is_satisfied(step: &Step, ended: &StepEnded) -> bool {
    match ended.outcome {
        Outcome::Succeeded | Outcome::Recovered | Outcome::Skipped => true,
        Outcome::Failed => step.allow_failure.is_some(),
        Outcome::Unreached | Outcome::Cancelled | Outcome::Interrupted => false,
    }
}

/// Whether the step makes its list fail. What was unreached or cancelled did so because of something else.
pub(super) fn is_bad(step: &Step, ended: &StepEnded) -> bool {
    match ended.outcome {
        Outcome::Failed => step.allow_failure.is_none(),
        Outcome::Interrupted => true,
        Outcome::Succeeded | Outcome::Recovered | Outcome::Skipped | Outcome::Unreached | Outcome::Cancelled => false,
    }
}

/// An ending with nothing but its outcome and reason.
pub(super) fn ended(outcome: Outcome, reason: Option<String>) -> StepEnded {
    StepEnded { outcome, level: Level::Ok, failure: None, reason, output: None, planned: None }
}
