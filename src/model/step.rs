//! A step: what every step may ask for, around exactly one kind.

use crate::base::ids::{Name, StepId};
use crate::base::level::Level;
use crate::base::span::Span;
use crate::diagnostic::Spot;
use crate::expr::Expr;
use crate::model::approval::Approval;
use crate::model::graph::Graph;
use crate::model::kind::Kind;
use crate::model::measure::Measure;
use crate::model::param::Param;
use crate::model::policy::{Foreach, OnInterrupt, OutputForm, Retry};
use crate::template::Template;
use std::sync::Arc;

/// A list of steps with its own order.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// As written.
    pub steps: Vec<Arc<Step>>,
    /// What waits for what, rules 1-5 of *Order* applied.
    pub graph: Graph,
    /// Which steps can't do without the output of which: the reader first.
    pub reads: Vec<(StepId, StepId)>,
    /// `parallel: N`.
    pub parallel: Option<u32>,
    /// Whether a failure cancels the rest.
    pub fail_fast: bool,
}

impl List {
    /// Whether nothing is written here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its id, unique in the runbook.
    pub id: StepId,
    /// What people read; the id where none is written.
    pub title: Option<String>,
    /// Where it is written.
    pub spot: Spot,
    /// What it does.
    pub kind: StepKind,
    /// Its own condition.
    pub when: Option<Expr>,
    /// Bounds one attempt.
    pub timeout: Option<Span>,
    /// Attempts.
    pub retry: Option<Retry>,
    /// Run on failure, then the step again.
    pub recover: List,
    /// Run once it failed for good.
    pub on_error: List,
    /// Run when the run fails after this started.
    pub undo: List,
    /// Failed, but the run goes on, at that level.
    pub allow_failure: Option<Level>,
    /// Samples to take.
    pub measure: Vec<Measure>,
    /// Once for each item.
    pub foreach: Option<Foreach>,
    /// Environment of its children.
    pub env: Vec<(String, Template)>,
    /// Working directory of its children.
    pub workdir: Option<Template>,
    /// What a lost attempt means.
    pub on_interrupt: OnInterrupt,
    /// Held while it runs.
    pub mutex: Option<Name>,
    /// What a dry run runs instead.
    pub check: Option<Arc<Step>>,
    /// Asked before it starts.
    pub confirm: Option<String>,
    /// How text becomes a value.
    pub output: OutputForm,
    /// Files kept with the run.
    pub artifacts: Vec<String>,
}

impl Step {
    /// What people read: the title, or the id.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.title.as_deref().unwrap_or_else(|| self.id.as_str())
    }

    /// Calls `found` with every template of what it asks of the world.
    pub fn templates<'a>(&'a self, found: &mut dyn FnMut(&'a Template)) {
        if let StepKind::Act(action) = &self.kind {
            action.params.each(found, &mut |_| {});
        }
        self.env.iter().map(|(_, template)| template).chain(&self.workdir).for_each(found);
    }
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum StepKind {
    /// Something in the outside world, performed by `act`.
    Act(Action),
    /// `steps:` a group.
    Steps(List),
    /// `watch:` rounds of steps for a time.
    Watch(Watch),
    /// `remedy:` remedies until healthy.
    Remedy(Remedy),
    /// `wait:` a duration, an instant, a probe.
    Wait(Wait),
    /// `runbook:` another runbook.
    Call(Call),
    /// `approval:` the yes of people.
    Approval(Approval),
    /// `rhai:` computed values, by name.
    Compute(Vec<(StepId, Expr)>),
    /// `log:` a line in the run, at a level.
    Log {
        /// The line.
        message: Template,
        /// The level the step gets.
        level: Level,
    },
    /// `fail:` ends failed with this message.
    Fail(Template),
    /// `pass:` ends the list it is in, well, with this message.
    Pass(Template),
}

impl StepKind {
    /// The key that chooses it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Act(action) => action.kind.name(),
            Self::Steps(_) => "steps",
            Self::Watch(_) => "watch",
            Self::Remedy(_) => "remedy",
            Self::Wait(_) => "wait",
            Self::Call(_) => "runbook",
            Self::Approval(_) => "approval",
            Self::Compute(_) => "rhai",
            Self::Log { .. } => "log",
            Self::Fail(_) => "fail",
            Self::Pass(_) => "pass",
        }
    }

    /// What people are asked to approve; `None` where it is no approval.
    #[must_use]
    pub fn approval(&self) -> Option<&Approval> {
        if let Self::Approval(approval) = self { Some(approval) } else { None }
    }

    /// What is performed in the outside world; `None` where the engine does it all.
    #[must_use]
    pub fn action(&self) -> Option<&Action> {
        match self {
            Self::Act(action) => Some(action),
            Self::Steps(_)
            | Self::Watch(_)
            | Self::Remedy(_)
            | Self::Wait(_)
            | Self::Call(_)
            | Self::Approval(_)
            | Self::Compute(_)
            | Self::Log { .. }
            | Self::Fail(_)
            | Self::Pass(_) => None,
        }
    }
}

/// A kind performed by `act`, with its decoded parameters.
#[derive(Debug, Clone)]
pub struct Action {
    /// The kind.
    pub kind: Kind,
    /// What stood behind its key, as a map by the kind's table (a short form is already put under its key).
    pub params: Param,
}

impl Action {
    /// Whether it changes nothing, as its keys say.
    #[must_use]
    pub fn reads(&self) -> bool {
        self.kind.reads(&|key| self.params.get(key).is_some())
    }

    /// Whether a dry run asks it what it would do.
    #[must_use]
    pub fn rehearses(&self) -> bool {
        self.kind.rehearses() && !self.reads()
    }
}

/// `watch:`
#[derive(Debug, Clone)]
pub struct Watch {
    /// For how long.
    pub length: Span,
    /// Pause between the starts of two rounds.
    pub every: Span,
    /// When a round is bad.
    pub bad: Expr,
    /// How many bad rounds are borne.
    pub tolerate: u32,
    /// How many rounds must have had data (a step in it came to a result, good or bad).
    pub at_least: u32,
    /// One round.
    pub steps: List,
}

/// `remedy:`
#[derive(Debug, Clone)]
pub struct Remedy {
    /// The probe: good = healthy.
    pub until: Arc<Step>,
    /// Remedies in order.
    pub tries: List,
    /// Pause after a remedy before the probe.
    pub settle: Span,
    /// How many good probes in a row are healthy.
    pub stable: u32,
    /// Pause between probes that have to be stable.
    pub every: Span,
}

/// `wait:`
#[derive(Debug, Clone)]
pub enum Wait {
    /// `for: 5m`
    Span(Span),
    /// `until: "2026-12-31T09:00"`: an instant as text, perhaps templated; a time without a zone is in the book's zone.
    Until(Template),
    /// A probe, every so often, until it is good.
    Probe {
        /// Good = done.
        probe: Arc<Step>,
        /// Pause between two probes.
        every: Span,
    },
}

/// `runbook:` a call.
#[derive(Debug, Clone)]
pub struct Call {
    /// The runbook's name.
    pub runbook: Name,
    /// Its inputs.
    pub inputs: Vec<(StepId, Param)>,
}
