//! Whether a step may begin: what it waits for, its own `when`, and what stops its list from within.

use crate::base::address::{Lane, Place};
use crate::base::level::Outcome;
use crate::engine::scope;
use crate::engine::turn::{GateOf, Halt, Steps, Turn, is_bad};
use crate::model::graph::Wait;
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
    pub(super) fn list_halt(&self, owner: Option<&Place>, lane: Lane, steps: &Steps<'_>) -> Option<Halt> {
        let children = || {
            steps.steps.iter().filter_map(|step| {
                let place = Place::within(owner, lane, step.id.clone());
                self.run.step_ended(&place).map(|ended| (step, ended))
            })
        };
        let passed = children()
            .find(|(step, ended)| matches!(step.kind, StepKind::Pass(_)) && ended.outcome == Outcome::Succeeded);
        if let Some((step, _)) = passed {
            return Some(Halt { outcome: Outcome::Skipped, reason: format!("`{}` ended the list well", step.id) });
        }
        let failed = steps.fail_fast.then(|| children().find(|(step, ended)| is_bad(step, ended))).flatten();
        failed.map(|(step, _)| Halt {
            outcome: Outcome::Cancelled,
            reason: format!("`{}` failed and the list is fail_fast", step.id),
        })
    }

    pub(super) fn gate(&self, of: &GateOf<'_>, place: &Place, step: &Step) -> Gate {
        let GateOf { owner, lane, steps, number, ends } = *of;
        if owner.is_none()
            && lane == Lane::Body(1)
            && let Some(reason) = self.deselected(step)
        {
            return Gate::Skip(reason);
        }
        let mut closed = false;
        for (other, wait) in steps.graph.map_or(&[][..], |graph| graph.waits_of(number)) {
            match ends.get(*other).copied().flatten() {
                Some(end) if *wait == Wait::Satisfied && !end.satisfied => {
                    return Gate::Unreached(format!("`{}` {}", steps.steps[*other].id, end.outcome));
                }
                Some(_) => {}
                None => closed = true,
            }
        }
        match &step.when {
            _ if closed => Gate::Closed,
            None => Gate::Open,
            Some(when) => {
                let scope =
                    scope::Builder::new(self.book, self.run, place).waits(owner, lane, steps.graph).build(when.reads());
                match when.eval_bool(&scope) {
                    Ok(true) => Gate::Open,
                    Ok(false) => Gate::Skip(format!("`{}` is false", when.source())),
                    Err(error) if self.run.started.dry => Gate::Unknown(format!("`{}` ({error})", when.source())),
                    Err(error) => {
                        Gate::Broken(Failure::new(FailureKind::Template, format!("when `{}`: {error}", when.source())))
                    }
                }
            }
        }
    }

    fn deselected(&self, step: &Step) -> Option<String> {
        let selection = &self.run.started.selection;
        if selection.skip.contains(&step.id) {
            return Some("left out by --skip".into());
        }
        (!selection.only.is_empty() && !selection.only.contains(&step.id))
            .then(|| "left out by the selection of steps".into())
    }
}
