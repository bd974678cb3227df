//! Dry runs: what changes something is not done but said, and kept for the plan that is made of it.
//!
//! A plan lists requests. What a dry run cannot know (it depends on the output of a step that was not
//! done) is kept as unknown, with the reason: a run under the plan refuses it.

use crate::base::address::{Lane, Place};
use crate::base::level::Outcome;
use crate::base::value::{Value, plain};
use crate::engine::event::{Planned, StepEnded, StepEvent};
use crate::engine::evolve::IllegalEvent;
use crate::engine::run::{Run, StepRun};
use crate::engine::series::Known;
use crate::engine::turn::{Turn, ended};
use crate::model::kind::Kind;
use crate::model::perform::Request;
use crate::model::plan::{is_judged, lists};
use crate::model::runbook::Runbook;
use crate::model::step::{Action, List, Step, StepKind};
use jiff::Timestamp;
use std::sync::Arc;

/// Why a plan cannot say what a step would do for which something else was run.
const UNSAID: &str = "it could not be said what it would do";

/// How the reason of a step begins that a dry run cannot know.
pub(super) const UNKNOWN: &str = "unknown in a dry run";

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

    /// In a dry run, the `check` that stands for a step made of others, or for every item of one.
    pub(super) fn stands_in(&self, place: &Place, step: &'a Arc<Step>) -> Option<&'a Arc<Step>> {
        let made_of_others = step.foreach.is_some() || step.kind.action().is_none();
        let asked = self.run.started.dry && place.last().item.is_none() && made_of_others;
        step.check.as_ref().filter(|_| asked)
    }

    /// Does what stands for a step made of others.
    pub(super) fn look_instead(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        check: &'a Arc<Step>,
    ) -> Result<(), IllegalEvent> {
        match &check.kind {
            StepKind::Act(action) => self.perform(place, check, action),
            StepKind::Steps(_)
            | StepKind::Watch(_)
            | StepKind::Remedy(_)
            | StepKind::Wait(_)
            | StepKind::Call(_)
            | StepKind::Compute(_)
            | StepKind::Log { .. }
            | StepKind::Fail(_)
            | StepKind::Pass(_)
            | StepKind::Approval(_) => {
                let said = format!("would run `{}`", step.kind.name());
                let planned = Some(Planned::Unknown(UNSAID.into()));
                self.end(place, step, StepEnded { planned, ..ended(Outcome::Skipped, Some(said)) })
            }
        }
    }

    /// Says what would be done, and ends.
    pub(super) fn print_only(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        action: &Action,
    ) -> Result<(), IllegalEvent> {
        let (shown, planned) = match self.request(place, step, action, 1) {
            Ok(request) => (format!("would run {}", in_words(&request)), Planned::Request(Box::new(request))),
            Err(error) => (
                format!("would run `{}`, with values that are unknown in a dry run ({error})", action.kind.name()),
                Planned::Unknown(error.to_string()),
            ),
        };
        self.end(place, step, StepEnded { planned: Some(planned), ..ended(Outcome::Skipped, Some(shown)) })
    }

    /// Ends a step of which a dry run cannot know whether, for what, or how well it would run.
    pub(super) fn end_unknown(&mut self, place: &Place, step: &Step, why: &str) -> Result<(), IllegalEvent> {
        let ended = asking(place, step, self.unknown_end(place, step, why, None));
        self.emit_step(place, StepEvent::Ended(Box::new(ended)))
    }

    fn unknown_end(&self, place: &Place, step: &Step, why: &str, said: Option<&str>) -> StepEnded {
        let planned = self.stood_for(place, step).or_else(|| self.planned(place, step, why));
        let planned = planned.unwrap_or_else(|| Planned::Unknown(why.to_owned()));
        let would = match (&planned, said) {
            (_, Some(said)) => format!("; {said}"),
            (Planned::Request(request), None) => format!("; it would run {}", in_words(request)),
            (Planned::Unknown(_), None) => String::new(),
        };
        let reason = Some(format!("{UNKNOWN}: {why}{would}"));
        StepEnded { planned: Some(planned), ..ended(Outcome::Skipped, reason) }
    }

    /// The end of a step in a dry run. What may be owed to something that was not done is unknown.
    pub(super) fn end_of_rehearsal(&self, place: &Place, step: &Step, ended: StepEnded) -> StepEnded {
        let why = match ended.outcome {
            Outcome::Failed | Outcome::Interrupted => {
                self.unsure(place, step).or_else(|| self.doubt(place, step, &ended))
            }
            Outcome::Succeeded | Outcome::Recovered | Outcome::Skipped => self.unsure(place, step),
            Outcome::Cancelled | Outcome::Unreached => None,
        };
        let ended = if let Some(why) = why {
            // What a rehearsal said of itself says more than its request.
            let said = ended.reason.as_deref().filter(|_| step.kind.action().is_some_and(Action::rehearses));
            self.unknown_end(place, step, &why, said)
        } else {
            let planned = ended.planned.clone().or_else(|| self.stood_for(place, step));
            StepEnded { planned, ..ended }
        };
        asking(place, step, ended)
    }

    /// Why a failure says little: something before it, which may have made what it needs, was not done.
    fn doubt(&self, place: &Place, step: &Step, ended: &StepEnded) -> Option<String> {
        let asks = match &step.kind {
            StepKind::Act(_) | StepKind::Call(_) | StepKind::Wait(_) | StepKind::Watch(_) => true,
            StepKind::Steps(_)
            | StepKind::Remedy(_)
            | StepKind::Compute(_)
            | StepKind::Log { .. }
            | StepKind::Fail(_)
            | StepKind::Pass(_)
            | StepKind::Approval(_) => false,
        };
        let undone = |other: &Place, run: &StepRun| {
            !place.holds(other)
                && self.comes_after(place, other)
                && run.ended().and_then(|ended| ended.planned.as_ref()).is_some_and(|planned| match planned {
                    Planned::Request(request) => is_judged(request),
                    Planned::Unknown(_) => self.book.step(other.step()).is_some_and(|step| touches(&step.kind)),
                })
        };
        let (before, _) = self.run.steps.iter().filter(|_| asks).find(|(other, run)| undone(other, run))?;
        let said = ended.failure.as_ref().map_or("it failed", |failure| failure.message.as_str());
        Some(format!("it fails now ({said}), and `{}` before it was not done", before.step()))
    }

    /// Whether a step is executed after another, because what it is in waits for what that is in. Of what stands in other
    /// lists, as handlers do, nothing is known to stand beside it.
    fn comes_after(&self, place: &Place, other: &Place) -> bool {
        let pairs = place.segments().iter().zip(other.segments());
        let Some((depth, (ours, theirs))) = pairs.enumerate().find(|(_, (ours, theirs))| ours != theirs) else {
            return true;
        };
        if ours.lane != theirs.lane || ours.step == theirs.step {
            return true;
        }
        let mut owner = place.parent();
        while let Some(inner) = owner.take_if(|owner| owner.depth() > depth) {
            owner = inner.parent();
        }
        let graph = self.list(owner.as_ref(), ours.lane).graph;
        graph.is_none_or(|graph| graph.comes_after(&ours.step, &theirs.step))
    }

    /// What a `check:` or a rehearsal stands for: the plan lists the step, not what was run instead.
    fn stood_for(&self, place: &Place, step: &Step) -> Option<Planned> {
        let whole = place.last().item.is_none() && step.foreach.is_some();
        let instead = step.check.is_some() || step.kind.action().is_some_and(|action| action.rehearses() && !whole);
        let planned = instead.then(|| self.planned(place, step, UNSAID)).flatten()?;
        Some(match planned {
            Planned::Request(request) if step.check.is_none() => self.with_list(place, request),
            planned @ (Planned::Request(_) | Planned::Unknown(_)) => planned,
        })
    }

    /// A request with what its rehearsal listed.
    fn with_list(&self, place: &Place, request: Box<Request>) -> Planned {
        let said = self.run.steps.get(place).and_then(|run| run.last.as_ref()).filter(|last| last.failure.is_none());
        let listed = said.and_then(|said| lists(&request.kind, &said.output));
        Planned::Request(Box::new(Request { listed, ..*request }))
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

    /// What a group, or each item of a list, would ask, for which its `check` was run.
    fn behind_check(&mut self, place: &Place, step: &Step, found: &mut Vec<(Place, Planned)>) {
        match (&step.foreach, &step.kind) {
            (None, StepKind::Steps(list)) => self.of_list(Some(place), Lane::Body(1), list, found),
            (Some(foreach), StepKind::Act(_)) => {
                let Ok(items) = self.items(place, foreach) else { return };
                let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
                if let Some(run) = self.run.steps.get_mut(place) {
                    run.items = items;
                }
                let items = (0..count).map(|number| place.item(number));
                found.extend(items.filter_map(|item| Some((item.clone(), self.planned(&item, step, UNSAID)?))));
            }
            (None | Some(_), _) => {}
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

/// Whether a dry run goes into a step to show what is in it, also where it cannot know whether a run would.
pub(super) fn is_gone_into(step: &Step) -> bool {
    let made_of_others = match &step.kind {
        StepKind::Steps(_) | StepKind::Watch(_) | StepKind::Remedy(_) | StepKind::Call(_) => true,
        StepKind::Act(_)
        | StepKind::Wait(_)
        | StepKind::Compute(_)
        | StepKind::Log { .. }
        | StepKind::Fail(_)
        | StepKind::Pass(_)
        | StepKind::Approval(_) => false,
    };
    made_of_others || step.foreach.is_some() || step.kind.action().is_some_and(Action::rehearses)
}

/// Whether a step of that kind may change something: a plan has a say in it.
#[must_use]
pub fn touches(kind: &StepKind) -> bool {
    match kind {
        StepKind::Act(action) => {
            !action.reads() && !matches!(action.kind, Kind::Notify | Kind::Escalate | Kind::Resolve)
        }
        StepKind::Steps(_) | StepKind::Watch(_) | StepKind::Remedy(_) | StepKind::Call(_) => true,
        StepKind::Wait(_)
        | StepKind::Compute(_)
        | StepKind::Log { .. }
        | StepKind::Fail(_)
        | StepKind::Pass(_)
        | StepKind::Approval(_) => false,
    }
}

/// With the question that a run would ask before it.
fn asking(place: &Place, step: &Step, ended: StepEnded) -> StepEnded {
    let asked = place.last().item.is_none() && (ended.outcome.is_good() || ended.outcome == Outcome::Skipped);
    let Some(question) = step.confirm.as_ref().filter(|_| asked) else { return ended };
    let reason = match &ended.reason {
        Some(then) if then.starts_with(UNKNOWN) => format!("{then}; it would ask `{question}` first"),
        Some(then) => format!("would ask `{question}`, then {then}"),
        None => format!("would ask `{question}` first"),
    };
    StepEnded { reason: Some(reason), ..ended }
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
    let mut turn = Turn::new(book, &mut copy, &known, now);
    for place in run.steps.keys() {
        let Some(step) = book.step(place.step()) else { continue };
        for (lane, list) in [(Lane::Recover, &step.recover), (Lane::OnError, &step.on_error), (Lane::Undo, &step.undo)]
        {
            turn.of_list(Some(place), lane, list, &mut found);
        }
        if step.check.is_some() {
            turn.behind_check(place, step, &mut found);
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
