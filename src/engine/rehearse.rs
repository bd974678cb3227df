//! Dry runs: what changes something is not done but said, and kept for the plan that is made of it.
//!
//! A plan lists requests. What a dry run cannot know (it depends on the output of a step that was not
//! done) is kept as unknown, with the reason: a run under the plan refuses it.

use crate::base::address::{Lane, Place};
use crate::base::level::Outcome;
use crate::base::value::{Value, plain};
use crate::engine::event::{Planned, StepEnded};
use crate::engine::evolve::IllegalEvent;
use crate::engine::run::Run;
use crate::engine::series::Known;
use crate::engine::turn::{Turn, ended};
use crate::model::perform::Request;
use crate::model::runbook::Runbook;
use crate::model::step::{Action, List, Step, StepKind};
use jiff::Timestamp;
use std::sync::Arc;

/// What a dry run does with a step.
pub(super) enum Rehearsal<'a> {
    /// It performs this: it reads, or it says itself what it would do.
    Perform(&'a Arc<Step>, &'a Action),
    /// It says what would be done.
    Print,
}

impl<'a> Turn<'a> {
    /// In a dry run, what changes something is only printed, unless the step says what to run instead.
    pub(super) fn rehearsed(&self, step: &'a Arc<Step>, action: &'a Action) -> Rehearsal<'a> {
        let dry = self.run.started.dry;
        match (&step.check, action.reads()) {
            _ if !dry => Rehearsal::Perform(step, action),
            (Some(check), _) => {
                check.kind.action().map_or(Rehearsal::Print, |instead| Rehearsal::Perform(check, instead))
            }
            (None, false) if !action.rehearses() => Rehearsal::Print,
            (None, _) => Rehearsal::Perform(step, action),
        }
    }

    /// Says what would be done, and ends.
    pub(super) fn print_only(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        action: &Action,
    ) -> Result<(), IllegalEvent> {
        let asks = step.confirm.as_ref().map(|question| format!("would ask `{question}`, then ")).unwrap_or_default();
        let (shown, planned) = match self.request(place, step, action, 1) {
            Ok(request) => (format!("would run {}", in_words(&request)), Planned::Request(Box::new(request))),
            Err(error) => (
                format!("would run `{}`, with values that are unknown in a dry run ({error})", action.kind.name()),
                Planned::Unknown(error.to_string()),
            ),
        };
        let shown = format!("{asks}{shown}");
        self.end(place, step, StepEnded { planned: Some(planned), ..ended(Outcome::Skipped, Some(shown)) })
    }

    /// Ends a step of which a dry run cannot know whether, or for what, it would run.
    pub(super) fn end_unknown(&mut self, place: &Place, step: &Step, reason: &str) -> Result<(), IllegalEvent> {
        let planned = self.planned(place, step, reason);
        let reason = Some(format!("unknown in a dry run: {reason}"));
        self.end(place, step, StepEnded { planned, ..ended(Outcome::Skipped, reason) })
    }

    /// What a `check:` or a rehearsal stands for: the plan lists the step, not what was run instead.
    pub(super) fn stood_for(&self, place: &Place, step: &Step) -> Option<Planned> {
        let whole = place.last().item.is_none() && step.foreach.is_some();
        let instead = step.check.is_some() || step.kind.action().is_some_and(Action::rehearses);
        let asked = self.run.started.dry && instead && !whole;
        asked.then(|| self.planned(place, step, "it could not be said what it would do")).flatten()
    }

    /// What a step would ask of the world; `None` where it changes nothing.
    fn planned(&self, place: &Place, step: &Step, unknown: &str) -> Option<Planned> {
        let unknown = || Some(Planned::Unknown(unknown.to_owned()));
        match &step.kind {
            StepKind::Act(action) if action.reads() => None,
            StepKind::Act(_) if place.last().item.is_none() && step.foreach.is_some() => unknown(),
            StepKind::Act(action) => match self.request(place, step, action, 1) {
                Ok(request) => Some(Planned::Request(Box::new(request))),
                Err(error) => Some(Planned::Unknown(error.to_string())),
            },
            StepKind::Steps(_) | StepKind::Watch(_) | StepKind::Remedy(_) | StepKind::Call(_) => unknown(),
            StepKind::Wait(_)
            | StepKind::Compute(_)
            | StepKind::Log { .. }
            | StepKind::Fail(_)
            | StepKind::Pass(_)
            | StepKind::Approval(_) => None,
        }
    }

    /// What the steps of a list that did not run would ask, were it run now.
    fn of_list(&self, owner: Option<&Place>, lane: Lane, list: &List, found: &mut Vec<(Place, Planned)>) {
        for step in &list.steps {
            let place = Place::within(owner, lane, step.id.clone());
            if self.run.steps.contains_key(&place) {
                continue;
            }
            if let (StepKind::Steps(inner), None) = (&step.kind, &step.foreach) {
                self.of_list(Some(&place), Lane::Body(1), inner, found);
            } else {
                let planned = self.planned(&place, step, "it runs only when something fails");
                found.extend(planned.map(|planned| (place, planned)));
            }
        }
    }
}

/// What a request would do, as a person would say it: `shell: rm -rf build`, `http: post URL, body …`.
fn in_words(request: &Request) -> String {
    let shown = request.params.shown();
    let words = match &shown {
        Value::Object(params) => {
            let word = |(name, value): (&String, &Value)| match (name.as_str(), value) {
                (_, Value::Null) => None,
                ("sh" | "argv" | "script", value) => Some(listed(value)),
                (name, value) => Some(format!("{name} {}", listed(value))),
            };
            params.iter().filter_map(word).collect::<Vec<_>>().join(", ")
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => listed(other),
    };
    format!("{}: {words}", request.kind)
}

/// A value in a line: the words of a list with blanks between them.
fn listed(value: &Value) -> String {
    match value {
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(" "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => plain(value),
    }
}

/// What a finished dry run did not come to: handlers (`recover`, `on_error`, `undo`, `on_failure`) and the
/// remedies that were not needed. A run under the plan may come to them.
#[must_use]
pub fn not_come_to(book: &Runbook, run: &Run, now: Timestamp) -> Vec<(Place, Planned)> {
    let mut found = Vec::new();
    let mut copy = run.clone();
    // Nothing is measured here, so nothing has to be known.
    let known = Known::new();
    let turn = Turn::new(book, &mut copy, &known, now);
    for place in run.steps.keys() {
        let Some(step) = book.step(place.step()) else { continue };
        for (lane, list) in [(Lane::Recover, &step.recover), (Lane::OnError, &step.on_error), (Lane::Undo, &step.undo)]
        {
            turn.of_list(Some(place), lane, list, &mut found);
        }
        if let StepKind::Remedy(remedy) = &step.kind {
            for (number, one) in (1..).zip(&remedy.tries.steps) {
                let single = List { steps: vec![Arc::clone(one)], ..List::default() };
                turn.of_list(Some(place), Lane::Try(number), &single, &mut found);
            }
        }
    }
    turn.of_list(None, Lane::OnFailure, &book.on_failure, &mut found);
    found
}
