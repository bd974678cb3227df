//! What expressions and templates of a run can see, built from its state: no more than they read.

use crate::base::address::{Lane, Place};
use crate::base::ids::StepId;
use crate::base::level::{Level, Outcome};
use crate::base::value::{Map, Value, json};
use crate::engine::reason;
use crate::engine::run::{Run, StepRun, Stop};
use crate::engine::turn::is_bad;
use crate::engine::unknown;
use crate::expr::{Read, Scope, Unknown};
use crate::model::graph::Graph;
use crate::model::perform::Failure;
use crate::model::runbook::Runbook;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Takes note of what a template or expression reads.
pub type Found<'a> = &'a dyn Fn(&[Read]);

/// Builds the scope of one expression or template at one place of a run.
#[derive(Debug, Clone)]
pub struct Builder<'a> {
    book: &'a Runbook,
    run: &'a Run,
    place: Option<&'a Place>,
    own: Map<String, Value>,
    /// Of `own`, what a dry run cannot know.
    unknown: Vec<Unknown>,
}

impl<'a> Builder<'a> {
    /// What is seen by the step at `place`.
    #[must_use]
    pub fn new(book: &'a Runbook, run: &'a Run, place: &'a Place) -> Self {
        Self { book, run, place: Some(place), own: Map::new(), unknown: Vec::new() }
    }

    /// What is seen by the runbook's own expressions (`outputs`).
    #[must_use]
    pub fn of_run(book: &'a Runbook, run: &'a Run) -> Self {
        Self { book, run, place: None, own: Map::new(), unknown: Vec::new() }
    }

    /// With the step's own output.
    #[must_use]
    pub fn output(mut self, output: &Value) -> Self {
        self.own.insert("output".into(), output.clone());
        self
    }

    /// With what a `rhai` step has computed so far, as its output.
    #[must_use]
    pub fn computed(self, values: &Map<String, Value>) -> Self {
        self.output(&Value::Object(values.clone()))
    }

    /// With one element of a measure's `each`.
    #[must_use]
    pub fn it(mut self, item: &Value) -> Self {
        self.own.insert("it".into(), item.clone());
        self
    }

    /// With the failure at hand.
    #[must_use]
    pub fn error(mut self, failure: &Failure) -> Self {
        let attempts = self.place.and_then(|place| self.run.steps.get(place)).map_or(0, |run| run.tries);
        self.own.insert("error".into(), error_value(failure, attempts));
        self.output(&failure.output.clone())
    }

    /// With that `level` and `failed`; where a dry run cannot know them, with the reason.
    #[must_use]
    pub fn level(mut self, level: Level, failed: bool, why: Option<&str>) -> Self {
        self.own.insert("level".into(), level.as_str().into());
        self.own.insert("failed".into(), failed.into());
        self.unknown.extend(unknown::levels(&[], level, failed, why));
        self
    }

    /// With `level` and `failed` over the steps that this one waits for.
    #[must_use]
    pub fn waits(self, owner: Option<&Place>, lane: Lane, graph: Option<&Graph>) -> Self {
        let Some(step) = self.place.map(Place::step) else { return self };
        if matches!(lane, Lane::OnFailure | Lane::Finally) && owner.is_none() {
            return self;
        }
        let waits = graph.into_iter().flat_map(|graph| graph.waits(step)).map(|(id, _)| id);
        let (mut level, mut failed, mut why) = (Level::Ok, false, None);
        for id in waits {
            let there = Place::within(owner, lane, id.clone());
            why = why.or_else(|| unknown::of_step(self.run, &there));
            if let (Some(ended), Some(step)) = (self.run.step_ended(&there), self.book.step(id)) {
                level = level.max(ended.level);
                failed |= is_bad(step, ended);
            }
        }
        self.level(level, failed, why.as_deref())
    }

    /// The scope with all that these paths read.
    #[must_use]
    pub fn build(self, reads: &[Read]) -> Scope {
        self.build_for(&|found| found(reads))
    }

    /// The scope with all that is read by whatever `each` calls its argument with.
    #[must_use]
    pub fn build_for(self, each: &dyn Fn(Found<'_>)) -> Scope {
        let roots = RefCell::new(BTreeSet::new());
        let steps = RefCell::new(BTreeSet::new());
        each(&|reads: &[Read]| {
            for read in reads {
                let root = read.path.first().cloned().unwrap_or_default();
                if root == "steps" {
                    steps.borrow_mut().insert(read.path.get(1).cloned().unwrap_or_else(|| "*".into()));
                }
                roots.borrow_mut().insert(root);
            }
        });
        // Helpers such as `date` go by the book's zone, and no expression names it.
        roots.borrow_mut().insert("book".to_owned());
        let (roots, steps) = (roots.into_inner(), steps.into_inner());
        let mut scope = Map::new();
        for root in &roots {
            if let Some(value) = self.root(root, &steps) {
                scope.insert(root.clone(), value);
            }
        }
        if let Some(place) = self.place {
            for (name, item) in items_of(self.book, self.run, place) {
                if roots.contains(&name) {
                    scope.insert(name, item);
                }
            }
        }
        let mut unknown = self.unknown(&roots, &steps);
        scope.extend(self.own);
        unknown.extend(self.unknown);
        Scope { values: scope, unknown }
    }

    /// Of what these names lead to, what a dry run cannot know.
    fn unknown(&self, roots: &BTreeSet<String>, steps: &BTreeSet<String>) -> Vec<Unknown> {
        if !self.run.started.dry {
            return Vec::new();
        }
        let ids = self.wanted(steps).filter_map(|id| Some((id, unknown::of_step(self.run, &self.seen(id))?)));
        let mut found: Vec<Unknown> =
            ids.map(|(id, why)| Unknown { path: vec!["steps".into(), id.to_string()], why }).collect();
        let own = |root: &str| self.own.contains_key(root);
        if roots.contains("run") || (roots.contains("level") || roots.contains("failed")) && !own("level") {
            let (level, failed) = overall(self.book, self.run);
            let why = unknown::of_run(self.book, self.run);
            let at: [&[&str]; 2] = [&["run"], &[]];
            let at = at.into_iter().take(if own("level") { 1 } else { 2 });
            found.extend(at.flat_map(|under| unknown::levels(under, level, failed, why.as_deref())));
        }
        found
    }

    fn root(&self, root: &str, steps: &BTreeSet<String>) -> Option<Value> {
        let started = &self.run.started;
        match root {
            "inputs" => Some(Value::Object(started.inputs.clone())),
            "vars" => Some(Value::Object(started.vars.clone())),
            "trigger" => Some(started.trigger.clone()),
            "env" => Some(json!(started.env)),
            "incident" => Some(started.trigger.get("incident").cloned().unwrap_or_default()),
            "run" => Some(self.run_value()),
            "book" => Some(json!({ "timezone": self.book.timezone })),
            "runbook" => Some(json!({ "id": self.book.name.as_str(), "title": self.book.shown() })),
            "level" => Some(overall(self.book, self.run).0.as_str().into()),
            "failed" => Some(overall(self.book, self.run).1.into()),
            "error" => self.handled_error(),
            "output" => self.place.and_then(|place| self.run.steps.get(place)).map(StepRun::output),
            "steps" => Some(Value::Object(self.steps(steps))),
            _ => None,
        }
    }

    /// In an `on_error` or `recover` list, the failure of the step it belongs to.
    fn handled_error(&self) -> Option<Value> {
        let mut here = self.place.cloned();
        while let Some(place) = here {
            let handles = matches!(place.last().lane, Lane::OnError | Lane::Recover);
            here = place.parent();
            if let (true, Some(owner)) = (handles, &here) {
                let run = self.run.steps.get(owner)?;
                let failure = run.last.as_ref().and_then(|last| last.failure.as_ref())?;
                return Some(error_value(failure, run.tries));
            }
        }
        None
    }

    fn run_value(&self) -> Value {
        let started = &self.run.started;
        let failed = failed_steps(self.book, self.run);
        let (level, _) = overall(self.book, self.run);
        let mut value = json!({
            "id": started.run.to_string(),
            "runbook": self.book.name.as_str(),
            "title": self.book.shown(),
            "started": started_at(self.run),
            "actor": started.actor.id,
            "dry": started.dry,
            "level": level.as_str(),
            "outcome": if failed.is_empty() { "succeeded" } else { "failed" },
            "reason": reason::of_run(self.book, self.run),
            "failed_steps": failed,
        });
        if let (Some(first), Value::Object(map)) = (failed.first(), &mut value) {
            map.insert("failed_step".into(), first.clone().into());
        }
        value
    }

    fn steps(&self, wanted: &BTreeSet<String>) -> Map<String, Value> {
        self.wanted(wanted).map(|id| (id.to_string(), self.step_value(&self.seen(id)))).collect()
    }

    fn wanted<'s>(&'s self, wanted: &'s BTreeSet<String>) -> impl Iterator<Item = &'s StepId> {
        let every = wanted.contains("*");
        self.book.index.keys().filter(move |id| every || wanted.contains(id.as_str()))
    }

    /// Where the step of that id is, seen from here: in this list or one around it.
    fn seen(&self, id: &StepId) -> Place {
        let mut here = self.place.cloned();
        while let Some(place) = here {
            let last = place.last().clone();
            let around = place.parent();
            let owner = if last.item.is_some() { around.and_then(|whole| whole.parent()) } else { around };
            let beside = Place::within(owner.as_ref(), last.lane, id.clone());
            if self.run.steps.contains_key(&beside) {
                return beside;
            }
            here = owner;
        }
        Place::root(Lane::Body(1), id.clone())
    }

    fn step_value(&self, place: &Place) -> Value {
        let Some(run) = self.run.steps.get(place) else {
            return json!({ "outcome": "waiting", "ok": false, "failed": false, "skipped": false, "level": "ok", "attempts": 0, "output": null });
        };
        let mut value = step_value(run);
        let whole =
            place.last().item.is_none() && self.book.step(place.step()).is_some_and(|step| step.foreach.is_some());
        if let (Value::Object(map), true) = (&mut value, whole) {
            map.insert("items".into(), Value::Object(self.item_values(place)));
        }
        value
    }

    /// `steps.fleet.items["h1"].restart.outcome`: each item's own result, with the steps inside it by id.
    fn item_values(&self, place: &Place) -> Map<String, Value> {
        let mut values = Map::new();
        for (name, item) in all_items(self.run, place) {
            let Some(run) = self.run.steps.get(&item) else { continue };
            let mut value = step_value(run);
            if let Value::Object(map) = &mut value {
                for (inner, run) in self.run.inside(&item).filter(|(inner, _)| inner.depth() == item.depth() + 1) {
                    map.insert(inner.step().to_string(), step_value(run));
                }
            }
            values.insert(name, value);
        }
        values
    }
}

fn step_value(run: &StepRun) -> Value {
    let verdict = run.verdict();
    let outcome = verdict.map_or("running", |(outcome, _)| outcome.as_str());
    let is = |wanted: &[Outcome]| verdict.is_some_and(|(outcome, _)| wanted.contains(&outcome));
    let mut value = json!({
        "outcome": outcome,
        "ok": verdict.is_some_and(|(outcome, _)| outcome.is_good()),
        "failed": is(&[Outcome::Failed, Outcome::Interrupted]),
        "skipped": is(&[Outcome::Skipped]),
        "level": verdict.map_or(Level::Ok, |(_, level)| level).as_str(),
        "attempts": run.tries,
        "duration_ms": run.touched.after(run.begun).millis(),
        "output": run.output(),
        "reason": run.ended().and_then(|ended| ended.reason.clone()),
    });
    let failure = run.ended().and_then(|ended| ended.failure.as_ref());
    let failure = failure.or_else(|| run.last.as_ref().and_then(|last| last.failure.as_ref()));
    if let (Some(failure), Value::Object(map)) = (failure, &mut value) {
        map.insert("error".into(), error_value(failure, run.tries));
    }
    value
}

fn error_value(failure: &Failure, attempts: u32) -> Value {
    json!({ "kind": failure.kind.as_str(), "message": failure.message, "attempts": attempts })
}

fn started_at(run: &Run) -> String {
    let seconds = run.began.as_second();
    jiff::Timestamp::from_second(seconds).map_or_else(|_| run.began.to_string(), |began| began.to_string())
}

/// Names and values of the `foreach` items around a place.
#[must_use]
pub fn items_of(book: &Runbook, run: &Run, place: &Place) -> Vec<(String, Value)> {
    let mut items = Vec::new();
    let mut here = Some(place.clone());
    while let Some(at) = here {
        here = at.parent();
        let (Some(number), Some(whole)) = (at.last().item, &here) else { continue };
        let name = book.step(at.step()).and_then(|step| step.foreach.as_ref()).map(|foreach| foreach.item.to_string());
        let value = run.steps.get(whole).and_then(|step| step.items.get(number as usize).cloned());
        items.extend(name.zip(value));
    }
    items
}

fn all_items(run: &Run, place: &Place) -> Vec<(String, Place)> {
    let items = run.steps.get(place).map(|step| step.items.as_slice()).unwrap_or_default();
    (0u32..).zip(items).map(|(number, item)| (crate::base::value::plain(item), place.item(number))).collect()
}

/// The worst level and whether anything failed, over all of the runbook's own steps.
#[must_use]
pub fn overall(book: &Runbook, run: &Run) -> (Level, bool) {
    let (mut level, mut failed) = (Level::Ok, matches!(run.stop, Some(Stop::TimedOut)));
    for step in &book.steps.steps {
        if let Some(ended) = run.step_ended(&Place::root(Lane::Body(1), step.id.clone())) {
            level = level.max(ended.level);
            failed |= is_bad(step, ended);
        }
    }
    (level, failed)
}

/// Ids of the runbook's own steps that failed, in the order written.
#[must_use]
pub fn failed_steps(book: &Runbook, run: &Run) -> Vec<String> {
    let bad = book.steps.steps.iter().filter(|step| {
        run.step_ended(&Place::root(Lane::Body(1), step.id.clone())).is_some_and(|ended| is_bad(step, ended))
    });
    bad.map(|step| step.id.to_string()).collect()
}
