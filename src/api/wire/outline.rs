//! A runbook as an ordered tree of titles: what a view needs to draw events on.

use crate::model::runbook::Runbook;
use crate::model::step::{List, Step, StepKind, Wait};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A runbook's lists in the order written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Outline {
    /// The runbook's name.
    pub runbook: String,
    /// What people read; the name where no title is written.
    pub title: String,
    /// `steps`.
    pub steps: Vec<OutlineStep>,
    /// `on_failure`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_failure: Vec<OutlineStep>,
    /// `finally`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finally: Vec<OutlineStep>,
}

/// One step of the text with the lists inside it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct OutlineStep {
    /// Its id.
    pub id: String,
    /// What people read; the id where no title is written.
    pub title: String,
    /// The key that chose its kind: `shell`, `steps`, `remedy` …
    pub kind: String,
    /// Whether it is executed once for each item.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreach: bool,
    /// How many attempts it has at most.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub attempts: u32,
    /// Steps of a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<OutlineStep>,
    /// The probe of a `wait` or a `remedy`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub until: Vec<OutlineStep>,
    /// The remedies of a `remedy`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", rename = "try")]
    pub tries: Vec<OutlineStep>,
    /// One round of a `watch`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub round: Vec<OutlineStep>,
    /// `recover`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recover: Vec<OutlineStep>,
    /// `on_error`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_error: Vec<OutlineStep>,
    /// `undo`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<OutlineStep>,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_one(n: &u32) -> bool {
    *n == 1
}

impl From<&Runbook> for Outline {
    fn from(runbook: &Runbook) -> Self {
        Self {
            runbook: runbook.name.to_string(),
            title: runbook.shown().into(),
            steps: list(&runbook.steps),
            on_failure: list(&runbook.on_failure),
            finally: list(&runbook.finally),
        }
    }
}

fn list(list: &List) -> Vec<OutlineStep> {
    list.steps.iter().map(step).collect()
}

fn step(step: &Arc<Step>) -> OutlineStep {
    let mut outline = OutlineStep {
        id: step.id.to_string(),
        title: step.shown().into(),
        kind: step.kind.name().into(),
        foreach: step.foreach.is_some(),
        attempts: step.retry.as_ref().map_or(1, |retry| retry.attempts),
        recover: list(&step.recover),
        on_error: list(&step.on_error),
        undo: list(&step.undo),
        ..OutlineStep::default()
    };
    match &step.kind {
        StepKind::Steps(steps) => outline.body = list(steps),
        StepKind::Watch(watch) => outline.round = list(&watch.steps),
        StepKind::Remedy(remedy) => {
            outline.until = vec![self::step(&remedy.until)];
            outline.tries = list(&remedy.tries);
        }
        StepKind::Wait(Wait::Probe { probe, .. }) => outline.until = vec![self::step(probe)],
        StepKind::Wait(Wait::Span(_) | Wait::Until(_))
        | StepKind::Act(_)
        | StepKind::Call(_)
        | StepKind::Compute(_)
        | StepKind::Log { .. }
        | StepKind::Fail(_)
        | StepKind::Pass(_)
        | StepKind::Approval(_) => {}
    }
    outline
}
