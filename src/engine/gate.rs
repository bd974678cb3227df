//! Whether a step may begin: what it waits for, and its own `when`.

use crate::base::address::{Lane, Place};
use crate::engine::scope;
use crate::engine::turn::{Steps, Turn, is_satisfied};
use crate::model::graph::Wait;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use crate::model::step::Step;

/// Whether a step may begin.
pub(super) enum Gate {
    /// Not yet: something it waits for has not ended.
    Closed,
    /// Never: something it needs did not do what it says.
    Unreached(String),
    /// No: its condition is false.
    Skip(String),
    /// Its condition could not be evaluated.
    Broken(Failure),
    /// Yes.
    Open,
}

impl Turn<'_> {
    pub(super) fn gate(
        &self,
        owner: Option<&Place>,
        lane: Lane,
        steps: &Steps<'_>,
        place: &Place,
        step: &Step,
    ) -> Gate {
        if owner.is_none()
            && lane == Lane::Body(1)
            && let Some(reason) = self.deselected(step)
        {
            return Gate::Skip(reason);
        }
        let mut closed = false;
        for (other, wait) in steps.graph.into_iter().flat_map(|graph| graph.waits(&step.id)) {
            let there = Place::within(owner, lane, other.clone());
            let definition = steps.steps.iter().find(|step| step.id == *other);
            match (self.run.step_ended(&there), definition) {
                (Some(ended), Some(definition)) if wait == Wait::Satisfied && !is_satisfied(definition, ended) => {
                    return Gate::Unreached(format!("`{other}` {}", ended.outcome));
                }
                (Some(_), _) => {}
                (None, _) => closed = true,
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
                    Err(error) if self.run.started.dry => {
                        Gate::Skip(format!("unknown in a dry run: `{}` ({error})", when.source()))
                    }
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
