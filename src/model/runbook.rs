//! A runbook: what it is for, what starts it, what it needs, what it does.

use crate::base::actor::Role;
use crate::base::ids::{Name, StepId};
use crate::base::level::{Level, Outcome};
use crate::base::span::Span;
use crate::diagnostic::Spot;
use crate::expr::Expr;
use crate::model::input::{Input, InputType};
use crate::model::kind::Kind;
use crate::model::measure::Threshold;
use crate::model::plot;
use crate::model::policy::Concurrency;
use crate::model::step::{List, Step, StepKind};
use crate::model::trigger::Trigger;
use crate::template::Template;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A checked runbook, with everything of the book that it pins.
#[derive(Debug, Clone)]
pub struct Runbook {
    /// Its name.
    pub name: Name,
    /// Where the name is written.
    pub spot: Spot,
    /// What people read.
    pub title: Option<String>,
    /// Why it exists and what to do when it fails; Markdown.
    pub description: Option<String>,
    /// An `on_call` of `escalation.yaml`.
    pub owner: Option<Name>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What starts it.
    pub triggers: Vec<Trigger>,
    /// What a start may or must give.
    pub inputs: Vec<Input>,
    /// Computed once, at start, in this order.
    pub vars: Vec<(StepId, Expr)>,
    /// What callers get.
    pub outputs: Vec<(StepId, Expr)>,
    /// Secrets it may use.
    pub secrets: Vec<String>,
    /// Names of the environment copied into the run.
    pub env: Vec<String>,
    /// Those of them that are read where nothing stands in for one that is not set: a run needs them to start.
    pub env_needed: Vec<String>,
    /// Who may do what.
    pub allow: Allow,
    /// Exclusion.
    pub concurrency: Option<Concurrency>,
    /// Bounds the run.
    pub timeout: Option<Span>,
    /// Bounds `undo`, `on_failure` and `finally` together.
    pub cleanup_timeout: Span,
    /// What opens and closes an incident by itself.
    pub incident: Incident,
    /// How long finished runs are kept.
    pub keep: Keep,
    /// The steps.
    pub steps: List,
    /// Run when the run failed.
    pub on_failure: List,
    /// Run at the end, however it went.
    pub finally: List,
    /// The thresholds of the measures it takes, by name.
    pub thresholds: BTreeMap<StepId, Threshold>,
    /// Where values from outside may lead an `http` step, as `stepladder.yaml` says.
    pub allow_hosts: Vec<String>,
    /// The book's time zone (an IANA name): what `date` renders in and a time without a zone means.
    pub timezone: String,
    /// Every step of every list, by id.
    pub index: BTreeMap<StepId, Arc<Step>>,
    /// Whether a report of it draws stored measures.
    pub has_plots: bool,
    /// Whether a step of it puts out secrets.
    pub seals: bool,
    /// Whether a step of it starts a process.
    pub starts_children: bool,
}

/// `allow:` of a runbook: the least role for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    /// To start it.
    pub start: Role,
    /// To cancel it.
    pub cancel: Role,
    /// To approve: a role, or names of contacts and rotations.
    pub approve: Vec<String>,
}

impl Default for Allow {
    fn default() -> Self {
        Self { start: Role::Operator, cancel: Role::Operator, approve: vec!["operator".into()] }
    }
}

/// `incident:` of a runbook.
#[derive(Debug, Clone, Default)]
pub struct Incident {
    /// The severity (`P2`) for an outcome or level; `None` = the default of a triggered runbook, `{ failed: P3 }`.
    pub open: Option<Vec<(Opens, String)>>,
    /// Bad runs before it opens.
    pub in_a_row: u32,
    /// Good runs in a row that resolve it.
    pub clear: u32,
    /// One open incident per key.
    pub key: Option<Template>,
    /// Classification.
    pub kind: Option<String>,
}

/// What opens an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opens {
    /// A run that ended so.
    Outcome(Outcome),
    /// A run at this level.
    Level(Level),
}

/// `keep:` of a runbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// How many finished runs.
    pub runs: Option<u32>,
    /// How old.
    pub age: Option<Span>,
}

impl Runbook {
    /// The step of that id, in whichever list it is.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<&Arc<Step>> {
        self.index.get(id)
    }

    /// Whether the input of that name is a secret.
    #[must_use]
    pub fn is_sealed(&self, name: &str) -> bool {
        self.inputs.iter().any(|input| input.name.as_str() == name && input.ty == InputType::Secret)
    }

    /// The listed secrets that a run can't do without: not those that are only named by steps under `allow_failure`.
    #[must_use]
    pub fn needed_secrets(&self) -> BTreeSet<&str> {
        let (mut needed, mut spared) = (BTreeSet::new(), BTreeSet::new());
        for step in self.index.values() {
            let names = if step.allow_failure.is_some() { &mut spared } else { &mut needed };
            step.templates(&mut |template| {
                names.extend(template.secrets().iter().filter_map(|read| read.path.get(1).map(String::as_str)));
            });
        }
        // One that no step names is for something else.
        let listed = self.secrets.iter().map(String::as_str);
        listed.filter(|name| needed.contains(name) || !spared.contains(name)).collect()
    }

    /// What people read: the title, or the name.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.title.as_deref().unwrap_or_else(|| self.name.as_str())
    }

    /// Fills `index` from the lists; called once by whoever builds a runbook.
    pub fn reindex(&mut self) {
        let mut index = BTreeMap::new();
        for list in [&self.steps, &self.on_failure, &self.finally] {
            walk(list, &mut |step| drop(index.insert(step.id.clone(), Arc::clone(step))));
        }
        let seals =
            |step: &Arc<Step>| step.kind.action().is_some_and(|action| action.kind.spec().secrets().next().is_some());
        self.seals = index.values().any(seals);
        let starts = |step: &Arc<Step>| {
            step.kind.action().is_some_and(|action| matches!(action.kind, Kind::Shell | Kind::Exec | Kind::Script))
        };
        self.starts_children = index.values().any(starts);
        self.has_plots = index.values().any(|step| !plot::measures(step).is_empty());
        self.index = index;
    }
}

/// Calls `found` with every step of a list, the inner ones behind their parent.
pub fn walk<'a>(list: &'a List, found: &mut dyn FnMut(&'a Arc<Step>)) {
    list.steps.iter().for_each(|step| walk_step(step, found));
}

/// Calls `found` with a step and every step inside it.
pub fn walk_step<'a>(step: &'a Arc<Step>, found: &mut dyn FnMut(&'a Arc<Step>)) {
    found(step);
    match &step.kind {
        StepKind::Steps(list) => walk(list, found),
        StepKind::Watch(watch) => walk(&watch.steps, found),
        StepKind::Remedy(remedy) => {
            walk_step(&remedy.until, found);
            walk(&remedy.tries, found);
        }
        StepKind::Wait(crate::model::step::Wait::Probe { probe, .. }) => walk_step(probe, found),
        StepKind::Wait(_)
        | StepKind::Act(_)
        | StepKind::Call(_)
        | StepKind::Compute(_)
        | StepKind::Log { .. }
        | StepKind::Fail(_)
        | StepKind::Pass(_)
        | StepKind::Approval(_) => {}
    }
    for list in [&step.recover, &step.on_error, &step.undo] {
        walk(list, found);
    }
    step.check.iter().for_each(|check| walk_step(check, found));
}
