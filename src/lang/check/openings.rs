//! The incidents that runs of a runbook open: how bad, with which labels, and whether each run opens another.
//!
//! Says what `engine/tells.rs` and `runtime/pump/speak.rs` will say: change one, change the other.

use super::circles::Manner;
use super::ladder::literal;
use super::outline::{Lane, Outline};
use super::place;
use crate::base::ids::{Name, StepId};
use crate::base::value::{Value, plain};
use crate::diagnostic::Spot;
use crate::lang::Loaded;
use crate::model::input::InputType;
use crate::model::kind::Kind;
use crate::model::param::Param;
use crate::model::runbook::Runbook;
use crate::model::step::{Action, StepKind};
use crate::model::trigger::TriggerKind;
use crate::template::Template;
use std::collections::{BTreeMap, BTreeSet};

/// The severity of a triggered runbook that failed and says nothing about it.
const BY_DEFAULT: &str = "P3";
/// What may be asked of a step without looking at what it put out: of few answers.
const QUESTIONS: [&str; 5] = ["ok", "outcome", "failed", "skipped", "level"];
/// What is another thing of each run; what else a run knows of itself is one of a few.
const OF_EACH_RUN: [&str; 3] = ["id", "started", "reason"];

/// The severity that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    /// None: the route says.
    Nothing,
    /// This.
    Severity(&'a str),
    /// Only the run knows.
    Anything,
}

/// An incident that a run may open.
#[derive(Debug, Clone)]
pub(super) struct Opening<'a> {
    /// The place that says so.
    pub(super) spot: Spot,
    /// How bad.
    pub(super) asked: Asked<'a>,
    /// Its labels; without a value where only the run knows it.
    pub(super) labels: BTreeMap<String, Option<String>>,
    /// Whether the key of each run is another, so that each opens another incident.
    pub(super) fresh: bool,
    /// Runs that open it.
    pub(super) manners: &'static [Manner],
}

/// What the runs of a runbook may open.
pub(super) fn openings<'a>(loaded: &'a Loaded, outline: &Outline<'a>) -> Vec<Opening<'a>> {
    let runbook = outline.runbook;
    let own = runbook.labels.iter().map(|(name, value)| (name.clone(), Some(value.clone())));
    let labels: BTreeMap<String, Option<String>> =
        own.chain([("runbook".to_owned(), Some(runbook.name.to_string()))]).collect();
    let own_key = runbook.incident.key.as_ref().is_some_and(|key| Keys { loaded }.template(runbook, key));
    let mut asked: Vec<Asked<'_>> = match &runbook.incident.open {
        Some(rules) => rules.iter().map(|(_, severity)| Asked::Severity(severity)).collect(),
        None => vec![Asked::Severity(BY_DEFAULT)],
    };
    // An `undo` that fails opens one, whatever the rules are.
    if runbook.index.values().any(|step| !step.undo.steps.is_empty()) {
        asked.push(Asked::Nothing);
    }
    let spot = place(loaded, outline, None, "incident.key");
    let by_end = |asked| Opening { spot, asked, labels: labels.clone(), fresh: own_key, manners: &[Manner::Triggered] };
    let mut found: Vec<Opening<'_>> = asked.into_iter().map(by_end).collect();
    // A `check` is performed in dry runs only.
    for standing in outline.iter().filter(|standing| standing.lane != Lane::Check) {
        let StepKind::Act(action) = &standing.step.kind else { continue };
        if action.kind != Kind::Escalate {
            continue;
        }
        let key = action.params.get("key");
        found.push(Opening {
            spot: place(loaded, outline, Some(&standing.step.id), "escalate.key"),
            asked: match action.params.get("severity") {
                Some(param) => literal(param).map_or(Asked::Anything, Asked::Severity),
                None => Asked::Nothing,
            },
            labels: labelled(labels.clone(), action),
            fresh: key.map_or(own_key, |key| Keys { loaded }.param(runbook, key)),
            manners: &[Manner::Triggered, Manner::Called],
        });
    }
    found
}

fn labelled(mut labels: BTreeMap<String, Option<String>>, action: &Action) -> BTreeMap<String, Option<String>> {
    match action.params.get("labels") {
        Some(Param::Map(map)) => {
            labels.extend(map.iter().map(|(name, param)| (name.clone(), literal(param).map(str::to_owned))));
        }
        Some(Param::Value(Value::Object(map))) => {
            labels.extend(map.iter().map(|(name, value)| (name.clone(), Some(plain(value)))));
        }
        Some(Param::Value(_) | Param::Text(_) | Param::Expr(_) | Param::List(_)) | None => {}
    }
    labels
}

/// The runbooks that end incidents by a `resolve` step, their own or one of a runbook they call.
pub(super) fn resolvers(loaded: &Loaded) -> BTreeSet<&Name> {
    let runbooks = &loaded.book.runbooks;
    let resolves = |runbook: &Runbook| {
        let mut actions = runbook.index.values().filter_map(|step| step.kind.action());
        actions.any(|action| action.kind == Kind::Resolve)
    };
    let mut found: BTreeSet<&Name> =
        runbooks.iter().filter(|(_, runbook)| resolves(runbook)).map(|(name, _)| name).collect();
    loop {
        let calls = |runbook: &Runbook| {
            runbook
                .index
                .values()
                .any(|step| matches!(&step.kind, StepKind::Call(call) if found.contains(&call.runbook)))
        };
        let more: Vec<&Name> = runbooks
            .iter()
            .filter(|(name, runbook)| !found.contains(name) && calls(runbook))
            .map(|(name, _)| name)
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// Whether values differ from run to run. What has few values, however many runs there are, does not.
#[derive(Clone, Copy)]
struct Keys<'a> {
    loaded: &'a Loaded,
}

impl Keys<'_> {
    fn template(self, runbook: &Runbook, template: &Template) -> bool {
        template.reads().iter().any(|read| self.path(runbook, &read.path, &mut BTreeSet::new()))
    }

    fn param(self, runbook: &Runbook, param: &Param) -> bool {
        given(param, &mut |path| self.path(runbook, path, &mut BTreeSet::new()))
    }

    /// Whether what stands at a path of names is another thing in each run. `seen` are the inputs that were asked about.
    fn path(self, runbook: &Runbook, path: &[String], seen: &mut BTreeSet<(Name, String)>) -> bool {
        let word = |index: usize| path.get(index).map(String::as_str);
        match word(0).unwrap_or_default() {
            // A run that opens one was started by none.
            "runbook" | "book" | "env" | "secrets" | "level" | "failed" | "incident" => false,
            "run" => word(1).is_none_or(|field| OF_EACH_RUN.contains(&field)),
            "trigger" => match word(1) {
                Some("kind" | "id") => false,
                Some("run") => word(2).is_none_or(|field| !matches!(field, "runbook" | "outcome" | "level")),
                Some(_) | None => true,
            },
            "steps" => path.last().is_none_or(|last| !QUESTIONS.contains(&last.as_str())),
            "inputs" => word(1).is_none_or(|input| self.input(runbook, input, seen)),
            "vars" => word(1).is_none_or(|var| self.var(runbook, var, seen)),
            item => self.item(runbook, item, seen),
        }
    }

    /// An input of a run that others start: whether one of them gives it what differs. An incident gives none.
    fn input(self, runbook: &Runbook, name: &str, seen: &mut BTreeSet<(Name, String)>) -> bool {
        let Some(input) = runbook.inputs.iter().find(|input| input.name.as_str() == name) else { return true };
        if matches!(input.ty, InputType::Boolean | InputType::Choice { .. })
            || !seen.insert((runbook.name.clone(), name.to_owned()))
        {
            return false;
        }
        let ends = runbook.triggers.iter().filter(|trigger| matches!(trigger.kind, TriggerKind::RunEnded { .. }));
        let by_end = ends.flat_map(|trigger| &trigger.inputs).filter(|(known, _)| known == name).any(|(_, param)| {
            let few =
                |path: &[String]| path.get(1).is_some_and(|it| matches!(it.as_str(), "runbook" | "outcome" | "level"));
            given(param, &mut |path| !few(path))
        });
        let called = |caller: &Runbook, seen: &mut BTreeSet<(Name, String)>| {
            let calls = caller.index.values().filter_map(|step| {
                let StepKind::Call(call) = &step.kind else { return None };
                (call.runbook == runbook.name).then_some(call)
            });
            let mut inputs = calls.flat_map(|call| &call.inputs).filter(|(known, _)| known.as_str() == name);
            inputs.any(|(_, param)| given(param, &mut |path| self.path(caller, path, seen)))
        };
        by_end || self.loaded.book.runbooks.values().any(|caller| called(caller, seen))
    }

    /// A var: those above it are all that it may mention.
    fn var(self, runbook: &Runbook, name: &str, seen: &mut BTreeSet<(Name, String)>) -> bool {
        let Some((_, expr)) = runbook.vars.iter().find(|(known, _)| known.as_str() == name) else { return true };
        if !seen.insert((runbook.name.clone(), format!("vars.{name}"))) {
            return false;
        }
        expr.reads().iter().any(|read| self.path(runbook, &read.path, seen))
    }

    /// The item of a `foreach`: one of a list that is written down, or of one that is made in the run.
    fn item(self, runbook: &Runbook, name: &str, seen: &mut BTreeSet<(Name, String)>) -> bool {
        let is_it = |item: &StepId| item.as_str() == name;
        let mut lists =
            runbook.index.values().filter_map(|step| step.foreach.as_ref()).filter(|each| is_it(&each.item)).peekable();
        if lists.peek().is_none() || !seen.insert((runbook.name.clone(), format!("item {name}"))) {
            return lists.peek().is_none();
        }
        lists.any(|each| given(&each.items, &mut |path| self.path(runbook, path, seen)))
    }
}

/// Whether something differs that is read in what is given.
fn given(param: &Param, differs: &mut dyn FnMut(&[String]) -> bool) -> bool {
    let mut paths: Vec<&[String]> = Vec::new();
    let (mut texts, mut exprs) = (Vec::new(), Vec::new());
    param.each(&mut |text| texts.push(text), &mut |expr| exprs.push(expr));
    paths.extend(texts.iter().flat_map(|text| text.reads()).map(|read| read.path.as_slice()));
    paths.extend(exprs.iter().flat_map(|expr| expr.reads()).map(|read| read.path.as_slice()));
    paths.into_iter().any(differs)
}
