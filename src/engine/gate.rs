//! Whether a step may begin: what it waits for, its own `when`, and what stops its list from within.

use crate::base::address::{Lane, Place};
use crate::base::level::Outcome;
use crate::engine::scope;
use crate::engine::steps::Steps;
use crate::engine::turn::{Far, GateOf, Halt, Turn};
use crate::expr::{EvalError, Expr};
use crate::model::graph::{Graph, Wait};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use crate::model::step::{Step, StepKind};

/// Whether a step may begin.
pub(super) enum Gate {
    /// Not yet: something it waits for has not ended.
    Closed,
    /// Never: something it needs did not do what it says.
    Unreached(String),
    /// No: its condition is false.
    Skip(String),
    /// That depends on what a dry run did not do, and why.
    Unknown(String),
    /// Its condition could not be evaluated.
    Broken(Failure),
    /// Yes.
    Open,
}

impl Turn<'_> {
    /// What stops a list from within: `fail_fast`, or a `pass` step.
    pub(super) fn list_halt(steps: &Steps<'_>, far: &[Far]) -> Option<Halt> {
        let children = || steps.all.iter().zip(far).filter_map(|(step, far)| far.end().map(|end| (step, end)));
        let passed =
            children().find(|(step, end)| matches!(step.kind, StepKind::Pass(_)) && end.outcome == Outcome::Succeeded);
        if let Some((step, _)) = passed {
            return Some(Halt { outcome: Outcome::Skipped, reason: format!("`{}` ended the list well", step.id) });
        }
        let failed = steps.fail_fast.then(|| children().find(|(_, end)| end.bad)).flatten();
        failed.map(|(step, _)| Halt {
            outcome: Outcome::Cancelled,
            reason: format!("`{}` failed and the list is fail_fast", step.id),
        })
    }

    pub(super) fn gate(&self, of: &GateOf<'_>, place: &Place, step: &Step) -> Gate {
        let GateOf { owner, lane, steps, .. } = *of;
        if let Some(reason) = self.deselected(of, step) {
            return Gate::Skip(reason);
        }
        let closed = match waits(of) {
            Ok(closed) => closed,
            Err((other, outcome)) => return Gate::Unreached(format!("`{}` {outcome}", steps.all[other].id)),
        };
        match &step.when {
            _ if closed => Gate::Closed,
            None => Gate::Open,
            Some(when) => match self.holds(when, place, (owner, lane), steps.graph) {
                Ok(true) => Gate::Open,
                Ok(false) => Gate::Skip(format!("`{}` is false", when.source())),
                Err(error) if self.run.started.dry => Gate::Unknown(format!("`{}` ({error})", when.source())),
                Err(error) => {
                    Gate::Broken(Failure::new(FailureKind::Template, format!("when `{}`: {error}", when.source())))
                }
            },
        }
    }

    /// Whether a step waits for something that has not ended, so that nothing comes of a look at it yet. Most steps of a long
    /// list do.
    pub(super) fn is_closed(&self, of: &GateOf<'_>, step: &Step) -> bool {
        self.deselected(of, step).is_none() && matches!(waits(of), Ok(true))
    }

    fn holds(
        &self,
        when: &Expr,
        place: &Place,
        (owner, lane): (Option<&Place>, Lane),
        graph: Option<&Graph>,
    ) -> Result<bool, EvalError> {
        let scope = scope::Builder::new(self.book, self.run, place).waits(owner, lane, graph).build(when.reads());
        when.eval_bool(&scope)
    }

    /// Why a dry run, which went into the step at `place`, cannot know whether a run would.
    pub(super) fn unsure(&self, place: &Place, step: &Step) -> Option<String> {
        let when = step.when.as_ref().filter(|_| self.run.started.dry && place.last().item.is_none())?;
        let (owner, lane) = (place.parent(), place.last().lane);
        let graph = self.list(owner.as_ref(), lane).graph;
        let error = self.holds(when, place, (owner.as_ref(), lane), graph).err()?;
        Some(format!("`{}` ({error})", when.source()))
    }

    /// Why the step is left out by who started the run, who chooses among the steps of the main list.
    fn deselected(&self, of: &GateOf<'_>, step: &Step) -> Option<String> {
        if of.owner.is_some() || of.lane != Lane::Body(1) {
            return None;
        }
        let selection = &self.run.started.selection;
        if selection.skip.contains(&step.id) {
            return Some("left out by --skip".into());
        }
        (!selection.only.is_empty() && !selection.only.contains(&step.id))
            .then(|| "left out by the selection of steps".into())
    }
}

/// Whether something that the step waits for has not ended; or which of it ended so that it can never begin.
fn waits(of: &GateOf<'_>) -> Result<bool, (usize, Outcome)> {
    let Some(graph) = of.steps.graph else { return Ok(false) };
    let end = |other: usize| of.far.get(other).and_then(|far| far.end());
    // The order most steps have is looked at once for all of them.
    if let Some(above) = of.above.filter(|_| graph.needs_all_above(of.number)) {
        return match above.unsatisfied.and_then(|other| Some((other, end(other)?.outcome))) {
            Some(never) => Err(never),
            None => Ok(above.open),
        };
    }
    let mut closed = false;
    for (other, wait) in graph.waits_of(of.number) {
        match end(*other) {
            Some(end) if *wait == Wait::Satisfied && !end.satisfied => return Err((*other, end.outcome)),
            Some(_) => {}
            None => closed = true,
        }
    }
    Ok(closed)
}
