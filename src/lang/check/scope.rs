//! The names that a place in a runbook can see, with their types.
//!
//! Says what the engine will put there: change one, change the other (`engine/scope.rs`).

use super::outline::{Lane, Outline, Standing};
use super::outputs::output;
use super::started;
use crate::base::ids::StepId;
use crate::expr::{Expr, Type, Types};
use crate::lang::{Loaded, Mention};
use crate::model::input::{Input, InputType};
use crate::model::param::Param;
use crate::model::step::{Step, StepKind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A step that a place may mention.
pub(super) struct Visible<'a> {
    /// Where it stands.
    pub(super) standing: &'a Standing<'a>,
    /// Why its output may be missing there; `None` = it is certain.
    pub(super) unsure: Option<String>,
    /// Whether it certainly failed, so that there is an error to read.
    pub(super) failed: bool,
}

/// What a place asks of its scope beside the step it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Own {
    /// Not even the item of its own `foreach` (`when`, `foreach`).
    Outside,
    /// Nothing of its own step.
    Before,
    /// Its own output (`measure`; of a `rhai` step what it computed so far).
    Output,
    /// Its own output and why it failed (`retry.unless`).
    Failure,
    /// Its own output, the items of `each:` as `it`.
    Item,
    /// The steps of one of its rounds (`watch.bad`).
    Round,
}

/// The scopes of one runbook. Each is made once, and what several of them hold is made once and shared.
pub(super) struct Scopes<'a> {
    loaded: &'a Loaded,
    outline: &'a Outline<'a>,
    roots: Types,
    made: BTreeMap<(Option<&'a StepId>, Own), Types>,
    /// What a step is to those that see it: by its id, why its output may be missing, whether it failed.
    records: BTreeMap<(&'a StepId, Option<String>, bool), Type>,
}

impl<'a> Scopes<'a> {
    /// None made yet.
    pub(super) fn new(loaded: &'a Loaded, outline: &'a Outline<'a>) -> Self {
        let (made, records) = (BTreeMap::new(), BTreeMap::new());
        Self { loaded, outline, roots: roots(outline), made, records }
    }

    /// The scope at one step, or at the runbook's own keys where there is none.
    pub(super) fn at(&mut self, step: Option<&'a StepId>, own: Own) -> &Types {
        if !self.made.contains_key(&(step, own)) {
            let types = self.types(step, own);
            self.made.insert((step, own), types);
        }
        &self.made[&(step, own)]
    }

    fn types(&mut self, step: Option<&StepId>, own: Own) -> Types {
        let mut types = self.roots.clone();
        let mut visible = visible(self.outline, step);
        if own == Own::Round {
            rounds(self.outline, step, &mut visible);
        }
        let records: Vec<(&str, Type)> =
            visible.into_iter().map(|seen| (seen.standing.step.id.as_str(), self.record(&seen))).collect();
        types.insert("steps".into(), Type::record(records));
        if let Some(step) = step {
            inside(self.loaded, self.outline, step, own, &mut types);
        }
        types
    }

    fn record(&mut self, seen: &Visible<'a>) -> Type {
        let (loaded, outline) = (self.loaded, self.outline);
        let key = (&seen.standing.step.id, seen.unsure.clone(), seen.failed);
        self.records.entry(key).or_insert_with(|| record(loaded, outline, seen)).clone()
    }
}

/// The names that every place of a runbook sees.
pub(super) fn roots(outline: &Outline) -> Types {
    let runbook = outline.runbook;
    let mut types = Types::new();
    let inputs = runbook.inputs.iter().filter(|input| input.ty != InputType::Secret);
    types.insert("inputs".into(), Type::record(inputs.map(|input| (input.name.as_str(), input_type(input)))));
    let env = runbook.env.iter().map(|name| (name.clone(), Type::Text));
    types.insert("env".into(), Type::record(env));
    types.insert("run".into(), fixed(&run_fields()));
    types.insert("book".into(), fixed(&[("timezone", Type::Text)]));
    types.insert("runbook".into(), fixed(&[("id", Type::Text), ("title", Type::Text)]));
    types.insert("trigger".into(), started::trigger(runbook));
    types.insert("incident".into(), started::incident());
    types.insert("level".into(), Type::Level);
    types.insert("failed".into(), Type::Bool);
    types.insert("vars".into(), Type::Record(Arc::default()));
    for (name, expr) in &runbook.vars {
        let ty = expr.type_of(&types);
        if let Some(Type::Record(vars)) = types.get_mut("vars") {
            Arc::make_mut(vars).insert(name.to_string(), ty);
        }
    }
    types
}

/// The scope of the `index`th entry of `vars:`: inputs and the vars above it.
pub(super) fn of_var(outline: &Outline, index: usize) -> Types {
    let mut types = roots(outline);
    let names = outline.runbook.vars.iter().take(index).map(|(name, _)| name.to_string());
    let known: Vec<String> = names.collect();
    if let Some(Type::Record(vars)) = types.get_mut("vars") {
        Arc::make_mut(vars).retain(|name, _| known.contains(name));
    }
    for later in ["level", "failed", "incident", "book", "runbook"] {
        types.remove(later);
    }
    types.insert("run".into(), fixed(&[("id", Type::Text), ("runbook", Type::Text), ("title", Type::Text)]));
    types
}

fn run_fields() -> [(&'static str, Type); 11] {
    [
        ("id", Type::Text),
        ("runbook", Type::Text),
        ("title", Type::Text),
        ("started", Type::Text),
        ("actor", Type::Text),
        ("dry", Type::Bool),
        ("outcome", Type::Text),
        ("level", Type::Level),
        ("reason", Type::Text),
        ("failed_steps", Type::List(Box::new(Type::Text))),
        ("failed_step", maybe(Type::Text, "a run may end without a failed step")),
    ]
}

/// The scope of `inputs:` of a trigger: what came from outside.
pub(super) fn of_trigger() -> Types {
    ["body", "headers", "query", "alert", "trigger", "incident", "run", "file"]
        .map(|root| (root.to_owned(), Type::Any))
        .into()
}

/// The steps that a mention may read: those of its step, and the rounds of its own `watch`.
pub(super) fn visible_to<'a>(outline: &'a Outline<'a>, mention: &Mention) -> Vec<Visible<'a>> {
    let mut seen = visible(outline, mention.step.as_ref());
    if mention.key == "watch" && mention.path.ends_with("bad") {
        rounds(outline, mention.step.as_ref(), &mut seen);
    }
    seen
}

/// The steps of a round, which the `bad:` of their `watch` may ask about.
fn rounds<'a>(outline: &'a Outline<'a>, watch: Option<&StepId>, seen: &mut Vec<Visible<'a>>) {
    let inner = outline.iter().filter(|standing| {
        standing.lane == Lane::Body && standing.parent.is_some_and(|parent| Some(&parent.id) == watch)
    });
    seen.extend(inner.map(|standing| Visible {
        standing,
        unsure: Some("a round may fail before it".into()),
        failed: false,
    }));
}

/// What a step sees of itself and of what it is inside of.
fn inside(loaded: &Loaded, outline: &Outline, step: &StepId, own: Own, types: &mut Types) {
    let upwards = outline.upwards(step);
    for (depth, standing) in upwards.iter().enumerate().rev() {
        let owner = standing.step;
        if let Some(foreach) = owner.foreach.as_ref().filter(|_| depth > 0 || own != Own::Outside) {
            types.insert(foreach.item.to_string(), item_type(&foreach.items, types));
        }
        let fails = match depth.checked_sub(1).and_then(|inner| upwards.get(inner)) {
            Some(inner) => matches!(inner.lane, Lane::Recover | Lane::OnError),
            None => own == Own::Failure,
        };
        if fails {
            types.insert("error".into(), error());
        }
    }
    if let (Own::Output | Own::Failure | Own::Item, Some(standing)) = (own, outline.get(step)) {
        types.insert("output".into(), output(loaded, outline, standing.step));
    }
    if own == Own::Item {
        types.insert("it".into(), Type::Any);
    }
}

/// The type of one item of the list that an expression gives.
pub(super) fn item_of(list: &Expr, types: &Types) -> Type {
    match list.type_of(types) {
        Type::List(item) => *item,
        Type::Any
        | Type::Bool
        | Type::Int
        | Type::Number
        | Type::Text
        | Type::Map(_)
        | Type::Record(_)
        | Type::Level
        | Type::Maybe(..) => Type::Any,
    }
}

fn item_type(items: &Param, types: &Types) -> Type {
    match items {
        Param::Expr(expr) => item_of(expr, types),
        Param::List(list) if list.iter().all(|item| matches!(item, Param::Text(_))) => Type::Text,
        Param::Value(_) | Param::Text(_) | Param::List(_) | Param::Map(_) => Type::Any,
    }
}

/// The steps a place may mention: those above it in its list and in every list around it; in handlers, what ran before.
pub(super) fn visible<'a>(outline: &'a Outline<'a>, step: Option<&StepId>) -> Vec<Visible<'a>> {
    let mut seen = Vec::new();
    let Some(step) = step else {
        all_of(outline, Lane::Body, "the run may have ended before it", &mut seen);
        return seen;
    };
    for at in outline.upwards(step) {
        above(outline, at, &mut seen);
        let Some(parent) = at.parent else {
            match at.lane {
                Lane::OnFailure => all_of(outline, Lane::Body, "this runs however far the steps came", &mut seen),
                Lane::Finally => {
                    all_of(outline, Lane::Body, "this runs however far the steps came", &mut seen);
                    all_of(outline, Lane::OnFailure, "this runs when nothing failed too", &mut seen);
                }
                Lane::Body | Lane::Recover | Lane::OnError | Lane::Undo | Lane::Probe | Lane::Try | Lane::Check => {}
            }
            continue;
        };
        // `on_error` and `undo` run once their step has ended.
        if let (Lane::OnError | Lane::Undo, Some(standing)) = (at.lane, outline.get(&parent.id)) {
            let unsure = Some(format!("`{}` may have failed before it put anything out", parent.id));
            seen.push(Visible { standing, unsure, failed: at.lane == Lane::OnError });
        }
    }
    seen
}

fn all_of<'a>(outline: &'a Outline<'a>, lane: Lane, why: &str, seen: &mut Vec<Visible<'a>>) {
    for standing in outline.iter().filter(|standing| standing.parent.is_none() && standing.lane == lane) {
        seen.push(Visible { standing, unsure: Some(why.into()), failed: false });
    }
}

fn above<'a>(outline: &'a Outline<'a>, at: &Standing, seen: &mut Vec<Visible<'a>>) {
    let Some(list) = at.list else { return };
    let relaxed = at.step.when.as_ref().is_some_and(super::when::asks_about_failing);
    let sure = super::when::sure_of(at.step);
    let failed = super::when::failed_of(at.step);
    for other in list.steps.iter().take(at.index) {
        let Some(standing) = outline.get(&other.id) else { continue };
        let id = &other.id;
        let unsure = if sure.contains(id.as_str()) {
            None
        } else if other.when.is_some() {
            Some(format!("`{id}` is skipped when its `when` is false"))
        } else if other.allow_failure.is_some() {
            Some(format!("`{id}` may fail: it has `allow_failure`"))
        } else if relaxed {
            Some(format!("`{id}` may have failed: the `when` of `{}` asks about that", at.step.id))
        } else {
            None
        };
        seen.push(Visible { standing, unsure, failed: failed.contains(id.as_str()) });
    }
}

/// What `steps.ID` is.
fn record(loaded: &Loaded, outline: &Outline, seen: &Visible) -> Type {
    let step = seen.standing.step;
    let may = |ty: Type| match &seen.unsure {
        Some(why) => Type::Maybe(Box::new(ty), why.clone()),
        None => ty,
    };
    let mut fields = vec![
        ("outcome", Type::Text),
        ("ok", Type::Bool),
        ("failed", Type::Bool),
        ("skipped", Type::Bool),
        ("level", Type::Level),
        ("attempts", Type::Int),
        ("duration_ms", Type::Int),
        (
            "error",
            if seen.failed { error() } else { maybe(error(), &format!("`{}` has one only if it failed", step.id)) },
        ),
        ("reason", maybe(Type::Text, "not every end has one")),
    ];
    if step.foreach.is_some() {
        fields.push(("items", may(Type::Map(Box::new(item(loaded, outline, step))))));
    } else {
        fields.push(("output", may(output(loaded, outline, step))));
    }
    fixed(&fields)
}

/// One item of a `foreach`: for a group its steps by id, for anything else the step's own record.
fn item(loaded: &Loaded, outline: &Outline, step: &Step) -> Type {
    let single = |step: &Step| {
        vec![
            ("outcome", Type::Text),
            ("ok", Type::Bool),
            ("failed", Type::Bool),
            ("skipped", Type::Bool),
            ("level", Type::Level),
            ("attempts", Type::Int),
            ("duration_ms", Type::Int),
            ("error", maybe(error(), "an item has one only if it failed")),
            ("output", maybe(output(loaded, outline, step), "an item may have failed")),
        ]
    };
    let mut fields: BTreeMap<String, Type> = single(step).into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect();
    if let StepKind::Steps(list) = &step.kind {
        fields.extend(list.steps.iter().map(|inner| (inner.id.to_string(), fixed(&single(inner)))));
    }
    Type::record(fields)
}

/// The type of an input as expressions see it.
pub(super) fn input_type(input: &Input) -> Type {
    match input.ty {
        InputType::Text { .. } | InputType::Choice(_) | InputType::Url => Type::Text,
        InputType::Integer { .. } => Type::Int,
        InputType::Number { .. } | InputType::Duration => Type::Number,
        InputType::Boolean => Type::Bool,
        InputType::List => Type::List(Box::new(Type::Text)),
        InputType::Json | InputType::Secret => Type::Any,
    }
}

fn error() -> Type {
    fixed(&[("kind", Type::Text), ("message", Type::Text), ("attempts", Type::Int)])
}

pub(super) fn maybe(ty: Type, why: &str) -> Type {
    Type::Maybe(Box::new(ty), why.into())
}

pub(super) fn fixed(fields: &[(&str, Type)]) -> Type {
    Type::record(fields.iter().map(|(name, ty)| (*name, ty.clone())))
}
