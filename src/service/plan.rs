//! Plans: what a dry run came to as a document, and whether such a document still fits the book.
//!
//! A plan holds hashes of the texts that its run may use and of each of their lines, so that a change is
//! told with its place wherever the plan was made. No secret is in it.

use crate::base::address::{Lane, Place};
use crate::base::digest::Digest;
use crate::base::ids::{Name, RunId};
use crate::base::value::{Map, Value, json, plain};
use crate::engine::event::{Event, Planned, StepEnded, StepEvent};
use crate::engine::rehearse::{not_come_to, touches};
use crate::engine::run::Run;
use crate::lang::{self, Loaded};
use crate::model::input::InputType;
use crate::model::plan::{Allowed, Touch, does, is_judged};
use crate::model::runbook::Runbook;
use crate::model::step::StepKind;
use crate::runtime::clock;
use crate::runtime::shelf::{self, BUNDLE, Texts};
use crate::service::{Service, StartRun, Trouble};
use std::collections::BTreeSet;

/// The version of plans that this release writes and reads.
const VERSION: u64 = 1;
/// Where a plan says its version.
const MARK: &str = "stepladder_plan";
/// Files that every run uses.
const SHARED: &[&str] = &["stepladder.yaml", "thresholds.yaml", "escalation.yaml"];

/// A plan, read.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    value: Value,
    /// The runbook.
    pub(super) runbook: String,
    /// What its run may do.
    pub(super) allowed: Allowed,
}

impl Service {
    /// The plan that a finished dry run makes.
    ///
    /// # Errors
    /// [`Trouble`] when there is no such run, or it was no dry run, or has not ended.
    pub fn plan(&self, run: RunId) -> Result<Value, Trouble> {
        let state = self.run(run)?;
        if !state.started.dry || state.ended().is_none() {
            return Err(Trouble::Input(format!("run `{run}` is no dry run that has ended: no plan can be made of it")));
        }
        let mut allowed = Allowed::default();
        self.touches(run, &mut allowed)?;
        let store = |error: shelf::ShelfError| Trouble::Store(error.to_string());
        let bundle = state.started.texts.get(BUNDLE);
        let bundle = bundle.ok_or_else(|| Trouble::Store("the run is pinned to no texts".into()))?;
        let texts = shelf::texts(self.journal.as_ref(), bundle).map_err(store)?;
        let started = &state.started;
        let names = used(&load(&texts), &started.runbook);
        let texts: Map<_, _> =
            names.iter().filter_map(|name| Some((name.clone(), print_of(texts.get(name)?)))).collect();
        let ids = |ids: &[crate::base::ids::StepId]| ids.iter().map(|id| Value::from(id.as_str())).collect::<Value>();
        Ok(json!({
            (MARK): VERSION,
            "runbook": started.runbook.as_str(),
            "made": clock::now().to_string(),
            "by": started.actor.id,
            "run": run.to_string(),
            "inputs": started.inputs,
            "secret_inputs": started.sealed.keys().collect::<Vec<_>>(),
            "only": ids(&started.selection.only),
            "skip": ids(&started.selection.skip),
            "touches": allowed.to_value(),
            "texts": texts,
        }))
    }

    /// Adds what a dry run, and those it called, would have done.
    fn touches(&self, run: RunId, allowed: &mut Allowed) -> Result<(), Trouble> {
        let state = self.run(run)?;
        let book = self.pinned(&state)?;
        let more = not_come_to(&book, &state, clock::now());
        for (_, recorded) in self.events(run, 0)? {
            let Event::Step { place, event } = recorded.event else { continue };
            if let StepEvent::Attempt { child: Some(child), .. } = event {
                self.touches(child, allowed)?;
            } else if let StepEvent::Ended(ended) = event {
                let shown = is_shown(&book, &state, &more, &place, &ended);
                ended.planned.filter(|_| shown).into_iter().for_each(|planned| list(&book, &place, planned, allowed));
            }
        }
        for (place, planned) in more {
            list(&book, &place, planned, allowed);
        }
        Ok(())
    }
}

impl Plan {
    /// The plan that a document is.
    ///
    /// # Errors
    /// A sentence, where it is none that this release reads.
    pub(super) fn read(value: &Value) -> Result<Self, Trouble> {
        let none = |why: &str| Trouble::Input(format!("this is no plan of stepladder: {why}"));
        match value.get(MARK).and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(version) => {
                let why = format!("the plan has version {version}, this release reads {VERSION}: make it anew");
                return Err(Trouble::Input(why));
            }
            None => return Err(none(&format!("it has no `{MARK}`"))),
        }
        let runbook = value.get("runbook").and_then(Value::as_str).ok_or_else(|| none("it names no `runbook`"))?;
        let touches = value.get("touches").and_then(Allowed::from_value);
        let allowed = touches.ok_or_else(|| none("its `touches` are no list of what is done"))?;
        for key in ["texts", "inputs"] {
            value.get(key).and_then(Value::as_object).ok_or_else(|| none(&format!("it has no `{key}`")))?;
        }
        Ok(Self { value: value.clone(), runbook: runbook.to_owned(), allowed })
    }

    /// The wish as the plan has it: its inputs and its steps.
    ///
    /// # Errors
    /// A sentence, where the book or what was asked for is not what the plan was made of.
    pub(super) fn wish(&self, wish: StartRun, loaded: &Loaded, texts: &Texts) -> Result<StartRun, Trouble> {
        if !wish.runbook.is_empty() && wish.runbook != self.runbook {
            let why = format!("the plan is one of `{}`, not of `{}`", self.runbook, wish.runbook);
            return Err(Trouble::Input(why));
        }
        if wish.dry || wish.from.is_some() || !wish.only.is_empty() || !wish.skip.is_empty() {
            return Err(Trouble::Input("a plan says itself which steps run: leave out what selects them".into()));
        }
        let changed = self.changes(loaded, texts);
        if !changed.is_empty() {
            return Err(Trouble::Input(format!(
                "the book is not what the plan was made of: {}; make a new one with `stepladder plan {} --plan-out FILE`",
                changed.join(", "),
                self.runbook
            )));
        }
        let list = |key: &str| self.value[key].as_array().into_iter().flatten().map(plain).collect();
        let inputs = self.inputs(&wish.inputs, loaded)?;
        Ok(StartRun { runbook: self.runbook.clone(), inputs, only: list("only"), skip: list("skip"), ..wish })
    }

    /// What is no longer as it was, with the first line that differs.
    fn changes(&self, loaded: &Loaded, texts: &Texts) -> Vec<String> {
        let empty = Map::new();
        let prints = self.value["texts"].as_object().unwrap_or(&empty);
        let mut changed = Vec::new();
        for (name, print) in prints {
            match texts.get(name) {
                None => changed.push(format!("`{name}` is gone")),
                Some(text) if print_of(text)["sha256"] == print["sha256"] => {}
                Some(text) => changed.push(format!("`{name}` has changed, first in line {}", first_line(text, print))),
            }
        }
        let new = used_by(loaded, &self.runbook).into_iter().filter(|name| texts.contains_key(name));
        changed.extend(new.filter(|name| !prints.contains_key(name)).map(|name| format!("`{name}` is new")));
        changed
    }

    /// The plan's inputs, secret ones as they were given now.
    fn inputs(&self, given: &Map<String, Value>, loaded: &Loaded) -> Result<Map<String, Value>, Trouble> {
        let mut inputs = self.value["inputs"].as_object().cloned().unwrap_or_default();
        let runbook = loaded.book.runbooks.iter().find(|(name, _)| name.as_str() == self.runbook);
        for (name, value) in given {
            let declared =
                runbook.and_then(|(_, runbook)| runbook.inputs.iter().find(|input| input.name.as_str() == name));
            let accepted = declared.and_then(|input| input.ty.accept(value).ok());
            let secret = declared.is_some_and(|input| input.ty == InputType::Secret);
            match inputs.get(name) {
                _ if secret => drop(inputs.insert(name.clone(), value.clone())),
                Some(planned) if Some(planned) == accepted.as_ref() => {}
                Some(planned) => {
                    return Err(Trouble::Input(format!(
                        "input `{name}` is `{}`, and the plan was made with `{}`",
                        plain(value),
                        plain(planned)
                    )));
                }
                None => return Err(Trouble::Input(format!("the plan was made without the input `{name}`"))),
            }
        }
        Ok(inputs)
    }
}

/// Whether what a step came to is a line of the plan: what changes nothing is none, nor what has lines for all that is in it.
fn is_shown(book: &Runbook, run: &Run, more: &[(Place, Planned)], place: &Place, ended: &StepEnded) -> bool {
    let Some(step) = book.step(place.step()) else { return true };
    let body = |inner: &Place| {
        let at = inner.segments().get(place.depth()).map(|segment| segment.lane);
        inner != place && place.holds(inner) && !matches!(at, Some(Lane::Recover | Lane::OnError | Lane::Undo))
    };
    let gone_into = run.inside(place).any(|(inner, _)| body(inner)) || more.iter().any(|(inner, _)| body(inner));
    let called = matches!(step.kind, StepKind::Call(_)) && run.steps.get(place).is_some_and(|run| run.tries > 0);
    let unknown = matches!(ended.planned, Some(Planned::Unknown(_)));
    !unknown || (touches(&step.kind) && !gone_into && !called)
}

fn list(book: &Runbook, place: &Place, planned: Planned, allowed: &mut Allowed) {
    let step = place.step();
    let kind = book.step(step).map_or("steps", |step| step.kind.name()).to_owned();
    let (what, lists) = match planned {
        Planned::Request(request) if !is_judged(&request) => return,
        Planned::Request(request) => (Ok(does(&request)), request.listed),
        Planned::Unknown(why) => (Err(why), None),
    };
    let (runbook, place, step) = (book.name.to_string(), place.to_string(), step.to_string());
    let touch = Touch { runbook, place, step, kind, what, lists };
    if !allowed.0.contains(&touch) {
        allowed.0.push(touch);
    }
}

fn load(texts: &Texts) -> Loaded {
    let files: Vec<_> = texts.iter().map(|(name, text)| (name.clone(), text.clone())).collect();
    lang::load(&files)
}

fn used_by(loaded: &Loaded, runbook: &str) -> BTreeSet<String> {
    Name::parse(runbook).map_or_else(|_| BTreeSet::new(), |name| used(loaded, &name))
}

/// Names of the files that a run of that runbook uses: the shared ones, its own, those of runbooks it calls.
fn used(loaded: &Loaded, runbook: &Name) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = SHARED.iter().map(|name| (*name).to_owned()).collect();
    let mut called = vec![runbook.clone()];
    while let Some(name) = called.pop() {
        let Some(file) = loaded.book.files.get(&name) else { continue };
        if names.insert(loaded.sources.get(*file).name.clone())
            && let Some(runbook) = loaded.book.runbooks.get(&name)
        {
            called.extend(calls(runbook));
        }
    }
    names
}

fn calls(runbook: &Runbook) -> Vec<Name> {
    let call = |kind: &StepKind| if let StepKind::Call(call) = kind { Some(call.runbook.clone()) } else { None };
    runbook.index.values().filter_map(|step| call(&step.kind)).collect()
}

/// The hash of a text, and short ones of its lines.
fn print_of(text: &str) -> Value {
    json!({ "sha256": Digest::of(text.as_bytes()).to_string(), "lines": lines(text).join(" ") })
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| Digest::of(line.as_bytes()).to_string()[..8].to_owned()).collect()
}

/// The first line that is not as it was.
fn first_line(text: &str, print: &Value) -> usize {
    let now = lines(text);
    let then: Vec<&str> =
        print["lines"].as_str().unwrap_or_default().split(' ').filter(|word| !word.is_empty()).collect();
    let same = now.iter().zip(&then).take_while(|(now, then)| now.as_str() == **then).count();
    // What differs may be the very end of the text, behind its last line.
    (same + 1).min(now.len().max(then.len()).max(1))
}
