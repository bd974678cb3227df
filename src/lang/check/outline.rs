//! Where each step of a runbook stands: its list, what is above it, what it is inside of.

use crate::base::ids::StepId;
use crate::model::runbook::Runbook;
use crate::model::step::{List, Step, StepKind, Wait};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which list of its parent (or of the runbook) a step stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// `steps:` of the runbook or of a group, or of a `watch`.
    Body,
    /// `recover:`.
    Recover,
    /// `on_error:`.
    OnError,
    /// `undo:`.
    Undo,
    /// `on_failure:` of the runbook.
    OnFailure,
    /// `finally:` of the runbook.
    Finally,
    /// The one step of a probe: `until:` of a `wait` or a `remedy`.
    Probe,
    /// `try:` of a `remedy`.
    Try,
    /// `check:`, which a dry run runs instead.
    Check,
}

/// Where one step stands.
#[derive(Debug, Clone)]
pub(super) struct Standing<'a> {
    /// The step.
    pub(super) step: &'a Arc<Step>,
    /// The step it is inside of; `None` in the runbook's own lists.
    pub(super) parent: Option<&'a Arc<Step>>,
    /// In which of its lists.
    pub(super) lane: Lane,
    /// The list, but for a probe or a `check`, which stand alone.
    pub(super) list: Option<&'a List>,
    /// Its place in the list.
    pub(super) index: usize,
}

/// All steps of a runbook with where they stand.
#[derive(Debug, Clone)]
pub(super) struct Outline<'a> {
    /// The runbook.
    pub(super) runbook: &'a Runbook,
    steps: BTreeMap<&'a StepId, Standing<'a>>,
    /// In the order written, the inner ones behind their parent.
    order: Vec<&'a StepId>,
}

impl<'a> Outline<'a> {
    /// The outline of a runbook. Of two steps with one id the first is kept: the second was reported.
    pub(super) fn new(runbook: &'a Runbook) -> Self {
        let mut outline = Self { runbook, steps: BTreeMap::new(), order: Vec::new() };
        outline.list(None, Lane::Body, &runbook.steps);
        outline.list(None, Lane::OnFailure, &runbook.on_failure);
        outline.list(None, Lane::Finally, &runbook.finally);
        outline
    }

    /// Where the step of that id stands.
    pub(super) fn get(&self, id: &StepId) -> Option<&Standing<'a>> {
        self.steps.get(id)
    }

    /// The step of that id as text.
    pub(super) fn named(&self, id: &str) -> Option<&Standing<'a>> {
        self.steps.iter().find(|(known, _)| known.as_str() == id).map(|(_, standing)| standing)
    }

    /// Every step, in the order written.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Standing<'a>> {
        self.order.iter().filter_map(|id| self.steps.get(*id))
    }

    /// The step itself and every step it is inside of, innermost first.
    pub(super) fn upwards(&self, id: &StepId) -> Vec<&Standing<'a>> {
        let mut found = Vec::new();
        let mut at = self.steps.get(id);
        while let Some(standing) = at {
            found.push(standing);
            at = standing.parent.and_then(|parent| self.steps.get(&parent.id));
        }
        found
    }

    fn list(&mut self, parent: Option<&'a Arc<Step>>, lane: Lane, list: &'a List) {
        for (index, step) in list.steps.iter().enumerate() {
            self.step(Standing { step, parent, lane, list: Some(list), index });
        }
    }

    fn alone(&mut self, parent: &'a Arc<Step>, lane: Lane, step: &'a Arc<Step>) {
        self.step(Standing { step, parent: Some(parent), lane, list: None, index: 0 });
    }

    fn step(&mut self, standing: Standing<'a>) {
        let step = standing.step;
        if self.steps.contains_key(&step.id) {
            return;
        }
        self.steps.insert(&step.id, standing);
        self.order.push(&step.id);
        match &step.kind {
            StepKind::Steps(list) => self.list(Some(step), Lane::Body, list),
            StepKind::Watch(watch) => self.list(Some(step), Lane::Body, &watch.steps),
            StepKind::Remedy(remedy) => {
                self.alone(step, Lane::Probe, &remedy.until);
                self.list(Some(step), Lane::Try, &remedy.tries);
            }
            StepKind::Wait(Wait::Probe { probe, .. }) => self.alone(step, Lane::Probe, probe),
            StepKind::Wait(Wait::Span(_) | Wait::Until(_))
            | StepKind::Act(_)
            | StepKind::Call(_)
            | StepKind::Compute(_)
            | StepKind::Log { .. }
            | StepKind::Fail(_)
            | StepKind::Pass(_)
            | StepKind::Approval(_) => {}
        }
        self.list(Some(step), Lane::Recover, &step.recover);
        self.list(Some(step), Lane::OnError, &step.on_error);
        self.list(Some(step), Lane::Undo, &step.undo);
        if let Some(check) = &step.check {
            self.alone(step, Lane::Check, check);
        }
    }
}
