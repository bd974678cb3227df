//! The first event of a run: inputs accepted, vars computed, everything from outside written down.

use crate::base::actor::Actor;
use crate::base::address::{Lane, Place};
use crate::base::digest::Digest;
use crate::base::ids::RunId;
use crate::base::level::Outcome;
use crate::base::value::{Map, Value};
use crate::diagnostic::closest;
use crate::engine::approval::is_approval;
use crate::engine::event::{Event, Parent, Recorded, Selection, Started, StepEnded, StepEvent};
use crate::engine::redone::Redone;
use crate::engine::run::Run;
use crate::expr::Scope;
use crate::model::input::InputType;
use crate::model::runbook::Runbook;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Everything a start brings along.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The run's id.
    pub run: RunId,
    /// The texts it is pinned to.
    pub texts: BTreeMap<String, Digest>,
    /// Inputs as given, typed JSON.
    pub inputs: Map<String, Value>,
    /// Secret inputs, sealed.
    pub sealed: BTreeMap<String, String>,
    /// The environment of the owner, cut down to what the runbook lists.
    pub env: BTreeMap<String, String>,
    /// Who.
    pub actor: Actor,
    /// What called for it.
    pub trigger: Value,
    /// The caller.
    pub parent: Option<Parent>,
    /// How many runs called one another above it.
    pub depth: u32,
    /// The node.
    pub node: String,
    /// Whether it only shows what it would do.
    pub dry: bool,
    /// Which steps.
    pub selection: Selection,
    /// The run it repeats.
    pub repeats: Option<RunId>,
}

/// Why a run can't start: every trouble at once, each a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct CannotStart(pub Vec<String>);

/// The first event of a run.
///
/// # Errors
/// [`CannotStart`] with everything that is wrong with the inputs, or a var that can't be computed.
pub fn start(book: &Runbook, ask: Ask, now: Timestamp) -> Result<Recorded, CannotStart> {
    let inputs = accept(book, &ask)?;
    finds_env(book, &ask)?;
    let vars = vars(book, &inputs, &ask)?;
    let started = Started {
        run: ask.run,
        runbook: book.name.clone(),
        texts: ask.texts,
        inputs,
        sealed: ask.sealed,
        vars,
        env: ask.env,
        actor: ask.actor,
        trigger: ask.trigger,
        parent: ask.parent,
        depth: ask.depth,
        seed: ask.run.seed(),
        node: ask.node,
        dry: ask.dry,
        selection: ask.selection,
        repeats: ask.repeats,
        reckoning: None,
    };
    Ok(Recorded { at: now, event: Event::Started(Box::new(started)) })
}

/// Inputs as the runbook's types accept them, defaults filled in.
fn accept(book: &Runbook, ask: &Ask) -> Result<Map<String, Value>, CannotStart> {
    let given = &ask.inputs;
    let mut accepted = Map::new();
    let mut wrong = Vec::new();
    for input in &book.inputs {
        let name = input.name.as_str();
        let value = given.get(name).filter(|value| !value.is_null()).or(input.default.as_ref());
        match value {
            Some(_) if input.ty == InputType::Secret => {
                wrong.push(format!("input `{name}` is a secret and came unsealed: nothing was kept of it"));
            }
            None if input.ty == InputType::Secret && ask.sealed.contains_key(name) => {}
            Some(value) => match input.ty.accept(value) {
                Ok(value) => drop(accepted.insert(name.into(), value)),
                Err(reason) => wrong.push(format!("input `{name}` {reason}")),
            },
            None if input.ty == InputType::Secret => {
                wrong.push(format!(
                    "input `{name}` is missing: give it with `--input {name}=@FILE` or `--input {name}=-`"
                ));
            }
            None => wrong.push(format!("input `{name}` is missing: give it with `--input {name}=…`")),
        }
    }
    let names = || book.inputs.iter().map(|input| input.name.as_str());
    for name in given.keys().chain(ask.sealed.keys()).filter(|name| names().all(|known| known != name.as_str())) {
        let hint = match closest(name, names()) {
            Some(near) => format!(": did you mean `{near}`?"),
            None if book.inputs.is_empty() => ": it has none".into(),
            None => format!(": it has {}", names().collect::<Vec<_>>().join(", ")),
        };
        wrong.push(format!("`{}` has no input `{name}`{hint}", book.name));
    }
    if wrong.is_empty() { Ok(accepted) } else { Err(CannotStart(wrong)) }
}

/// A name of the environment that is read without a default is as needed as an input without one.
fn finds_env(book: &Runbook, ask: &Ask) -> Result<(), CannotStart> {
    let unset = book.env_needed.iter().filter(|name| !ask.env.contains_key(*name));
    let wrong: Vec<_> = unset
        .map(|name| {
            format!(
                "`env.{name}` is read by `{}` and `{name}` is not set in the environment of stepladder: set it there, or \
                 write what is taken without it, `env.{name} ?? \"…\"` in an expression, `{{{{ default env.{name} \"…\" }}}}` in a \
                 template",
                book.name
            )
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(CannotStart(wrong)) }
}

fn vars(book: &Runbook, inputs: &Map<String, Value>, ask: &Ask) -> Result<Map<String, Value>, CannotStart> {
    let mut vars = Map::new();
    for (name, expr) in &book.vars {
        let mut scope = Map::new();
        scope.insert("inputs".into(), Value::Object(inputs.clone()));
        scope.insert("vars".into(), Value::Object(vars.clone()));
        scope.insert("env".into(), serde_json::json!(ask.env));
        scope.insert("trigger".into(), ask.trigger.clone());
        scope.insert(
            "run".into(),
            serde_json::json!({ "id": ask.run.to_string(), "runbook": book.name.as_str(), "title": book.shown() }),
        );
        match expr.eval(&Scope::of(scope)) {
            Ok(value) => drop(vars.insert(name.to_string(), value)),
            Err(error) => return Err(CannotStart(vec![format!("var `{name}` can't be computed: {error}")])),
        }
    }
    Ok(vars)
}

/// What a run that repeats another takes over: every step that was good, with its output, outermost only.
/// What was undone is not there any more, nor is what stood on it: both are done again.
#[must_use]
pub fn take_over(book: &Runbook, old: &Run) -> Vec<Event> {
    let mut taken: Vec<Place> = Vec::new();
    let mut redone = Redone::new(book, old);
    let mut events = Vec::new();
    for (place, step) in &old.steps {
        let main = place.segments().iter().all(|segment| segment.lane == Lane::Body(1));
        let known = book.step(place.step()).is_some();
        let inside = taken.iter().any(|outer| outer.holds(place));
        let Some(ended) = step.ended().filter(|ended| main && known && !inside && is_good(ended.outcome)) else {
            continue;
        };
        let asks = book.step(place.step()).is_some_and(|step| is_approval(step));
        if asks || redone.is_redone(place) {
            continue;
        }
        taken.push(place.clone());
        let output = Some(step.output()).filter(|output| !output.is_null());
        let ended = StepEnded { output, ..ended.clone() };
        events.push(Event::Step { place: place.clone(), event: StepEvent::TakenOver(Box::new(ended)) });
    }
    events
}

fn is_good(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Succeeded | Outcome::Recovered)
}
