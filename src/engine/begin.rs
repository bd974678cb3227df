//! A step begins, or tries again: what it asks first, and the request its kind makes of the world.

use crate::base::address::Place;
use crate::base::arg::{SEALED_INPUT, SEALED_OUTPUT};
use crate::base::level::{Level, Outcome};
use crate::base::span::Span;
use crate::base::value::{Map, Value};
use crate::engine::conclude::worst;
use crate::engine::decide::Effect;
use crate::engine::event::{AttemptResult, StepEnded, StepEvent};
use crate::engine::evolve::IllegalEvent;
use crate::engine::hosts;
use crate::engine::plot;
use crate::engine::rehearse::Rehearsal;
use crate::engine::retry;
use crate::engine::run::{Running, StepPhase, StepRun};
use crate::engine::scope;
use crate::engine::turn::{Turn, ended};
use crate::expr::{EvalError, Scope};
use crate::model::kind::Kind;
use crate::model::param::Param;
use crate::model::perform::{Failure, Finding, Request};
use crate::model::policy::{FailureKind, Full};
use crate::model::step::{Action, Step, StepKind};
use crate::template::RenderError;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

impl<'a> Turn<'a> {
    /// Begins a step whose gate is open.
    pub(super) fn begin(&mut self, place: &Place, step: &'a Arc<Step>) -> Result<(), IllegalEvent> {
        let whole = place.last().item.is_none();
        let confirmed = self.run.steps.get(place).is_some_and(|run| run.confirmed);
        if whole && !self.run.started.dry {
            if let (Some(question), false) = (&step.confirm, confirmed) {
                let known = format!("the run waits before `{}`", step.id);
                return self.emit_step(place, StepEvent::Asked { question: question.clone(), known });
            }
            if let Some(mutex) = self.wanted_mutex(place, step) {
                self.emit_step(place, StepEvent::Held { mutex: mutex.clone(), holder: None })?;
                self.order(Effect::Acquire { group: mutex, place: Some(place.clone()), limit: 1, full: Full::Queue });
                return Ok(());
            }
        }
        self.try_again(place, step)
    }

    /// The first or the next attempt of a step.
    pub(super) fn try_again(&mut self, place: &Place, step: &'a Arc<Step>) -> Result<(), IllegalEvent> {
        if let Some(check) = self.stands_in(place, step) {
            return self.look_instead(place, step, check);
        }
        if place.last().item.is_none() && step.foreach.is_some() {
            return self.open_items(place, step);
        }
        match &step.kind {
            StepKind::Act(action) => self.act(place, step, action),
            StepKind::Call(call) => self.call(place, step, call),
            StepKind::Approval(approval) => self.seek(place, step, approval),
            StepKind::Steps(_) | StepKind::Watch(_) | StepKind::Remedy(_) | StepKind::Wait(_) => {
                self.open_composite(place, step)
            }
            StepKind::Compute(values) => {
                let mut output = Map::new();
                for (name, expr) in values {
                    let scope = scope::Builder::new(self.book, self.run, place).computed(&output).build(expr.reads());
                    match expr.eval(&scope) {
                        Ok(value) => drop(output.insert(name.as_str().into(), value)),
                        Err(error) => {
                            return self.unsaid(place, step, name.as_str(), &error.into());
                        }
                    }
                }
                self.succeed_at_once(place, step, Value::Object(output), Level::Ok, None)
            }
            StepKind::Log { message, level } => match self.say(place, message) {
                Ok(said) => {
                    self.succeed_at_once(place, step, serde_json::json!({ "message": said }), *level, Some(said))
                }
                Err(error) => self.unsaid(place, step, "log", &error),
            },
            StepKind::Pass(message) => match self.say(place, message) {
                Ok(said) => {
                    self.succeed_at_once(place, step, serde_json::json!({ "message": said }), Level::Ok, Some(said))
                }
                Err(error) => self.unsaid(place, step, "pass", &error),
            },
            StepKind::Fail(message) => {
                let said = self.say(place, message).unwrap_or_else(|error| format!("{} ({error})", message.source()));
                self.fail_at_once(place, step, Failure { lasting: true, ..Failure::new(FailureKind::Fail, said) })
            }
        }
    }

    /// A step of the engine's own whose words or values could not be made: in a dry run they are unknown, else it fails.
    fn unsaid(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        what: &str,
        error: &RenderError,
    ) -> Result<(), IllegalEvent> {
        if self.run.started.dry {
            return self.end_unknown(place, step, &error.to_string());
        }
        self.fail_at_once(place, step, template_failure(what, error))
    }

    fn say(&self, place: &Place, template: &crate::template::Template) -> Result<String, RenderError> {
        let scope = scope::Builder::new(self.book, self.run, place).build(template.reads());
        template.render(&scope).map(|text| text.to_string())
    }

    /// A step that the engine itself did, well. Only where it is measured it has an attempt, which holds the samples.
    pub(super) fn succeed_at_once(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        output: Value,
        level: Level,
        reason: Option<String>,
    ) -> Result<(), IllegalEvent> {
        let (samples, failure) = self.samples(place, step, &output);
        let measured = !samples.is_empty() || failure.is_some();
        let result = AttemptResult { output: output.clone(), failure, samples, ..nothing() };
        if measured {
            let number = self.next_try(place);
            self.emit_step(place, StepEvent::Attempt { number, request: None, deadline: None, child: None })?;
            if result.failure.is_some() {
                return self.attempted(place, step, number, &result);
            }
            self.emit_step(place, StepEvent::Attempted { number, result: Box::new(result.clone()) })?;
        }
        let (level, reason) = match worst(&result) {
            Some((worse, why)) if worse > level => (worse, Some(why)),
            Some(_) | None => (level, reason),
        };
        let output = Some(output);
        self.end(place, step, StepEnded { level, reason, output, ..ended(Outcome::Succeeded, None) })
    }

    /// A step that failed before anything was asked of the world; it still has an attempt, so that handlers run.
    pub(super) fn fail_at_once(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        failure: Failure,
    ) -> Result<(), IllegalEvent> {
        let number = self.next_try(place);
        self.emit_step(place, StepEvent::Attempt { number, request: None, deadline: None, child: None })?;
        self.attempted(place, step, number, &AttemptResult { failure: Some(failure), ..nothing() })
    }

    pub(super) fn next_try(&self, place: &Place) -> u32 {
        self.run.next_try(place)
    }

    /// When an attempt that begins now times out.
    pub(super) fn deadline(&self, place: &Place, step: &Step) -> Option<Timestamp> {
        let longest = self.longest(place, step)?;
        self.now.checked_add(jiff::SignedDuration::from(longest)).ok()
    }

    /// How long an attempt that begins now may take: the step's timeout, and what is left of its `retry.for`.
    pub(super) fn longest(&self, place: &Place, step: &Step) -> Option<Span> {
        let first = |run: &&StepRun| run.tries == 0 || matches!(run.phase, StepPhase::Recovering);
        let began = self.run.steps.get(place).filter(|run| !first(run)).map_or(self.own_now(), |run| run.turn_began);
        let within = step.retry.as_ref().and_then(|retry| retry.within);
        let left = within.map(|within| retry::left(within, began, self.own_now())).filter(|left| *left > Span::ZERO);
        [step.timeout, left].into_iter().flatten().min()
    }

    fn act(&mut self, place: &Place, step: &'a Arc<Step>, action: &'a Action) -> Result<(), IllegalEvent> {
        self.ask_for_plots(place, action);
        match self.rehearsed(step, action) {
            Rehearsal::Perform(step, action) => self.perform(place, step, action),
            Rehearsal::Print => self.print_only(place, step, action),
        }
    }

    /// Orders what a step, or the `check` of the step at that place, asks of the world.
    pub(super) fn perform(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        action: &'a Action,
    ) -> Result<(), IllegalEvent> {
        let number = self.next_try(place);
        let rehearsal = self.run.started.dry && action.rehearses();
        let request = match self.request(place, step, action, number) {
            Ok(request) => Request { rehearsal, ..request },
            Err(_) if rehearsal => return self.print_only(place, step, action),
            Err(error) if self.run.started.dry => {
                let of = self.book.step(place.step()).unwrap_or(step);
                return self.end_unknown(place, of, &error.to_string());
            }
            Err(error) => match self.spoken_anyway(place, step, action, number, &error) {
                Some(request) => request,
                None => return self.fail_at_once(place, step, template_failure(action.kind.name(), &error)),
            },
        };
        let deadline = self.deadline(place, step);
        let request = Box::new(request);
        self.emit_step(place, StepEvent::Attempt { number, request: Some(request.clone()), deadline, child: None })?;
        self.order(Effect::Perform { place: place.clone(), attempt: number, request, deadline });
        Ok(())
    }

    /// What an attempt asks of the world.
    pub(super) fn request(
        &self,
        place: &Place,
        step: &Step,
        action: &Action,
        number: u32,
    ) -> Result<Request, RenderError> {
        let scope = self.with_plots(action, self.scope_of(place, action))?;
        hosts::check(&self.book.allow_hosts, &action.params, &scope)?;
        Ok(Request {
            run: self.run.started.run.to_string(),
            place: place.clone(),
            attempt: number,
            kind: action.kind.name().into(),
            params: plot::left_out(action.params.render(&scope)?, action.kind),
            env: self.env_at(place, step)?,
            workdir: self.workdir_at(place, step)?,
            output: step.output,
            timeout: self.longest(place, step),
            sealed: self.sealed(),
            artifacts: step.artifacts.clone(),
            rehearsal: false,
            listed: None,
        })
    }

    /// What the parameters of an action see.
    pub(super) fn scope_of(&self, place: &Place, action: &Action) -> Scope {
        let builder = scope::Builder::new(self.book, self.run, place);
        builder.build_for(&|found| {
            action.params.each(&mut |template| found(template.reads()), &mut |expr| found(expr.reads()));
        })
    }

    /// Every secret input and output of the run: also what is not named here is masked in what comes back.
    fn sealed(&self) -> BTreeMap<String, String> {
        let sealed = self.run.started.sealed.iter();
        let inputs = sealed.map(|(name, text)| (format!("{SEALED_INPUT}{name}"), text.clone()));
        let seals = if self.book.seals { Some(&self.run.steps) } else { None };
        let outputs = seals.into_iter().flatten().flat_map(|(place, step)| {
            let action = self.book.step(place.step()).and_then(|step| step.kind.action());
            let fields = action.into_iter().flat_map(|action| action.kind.spec().secrets());
            fields.filter_map(move |field| {
                let text = step.last.as_ref()?.output.get(field)?.as_str().filter(|text| !text.is_empty())?;
                Some((format!("{SEALED_OUTPUT}{}.output.{field}", place.step()), text.to_owned()))
            })
        });
        inputs.chain(outputs).collect()
    }

    /// How the words begin that stand in for those a step could not write.
    fn built_in(&self, step: &Step) -> String {
        let (shown, run) = (self.book.shown(), self.run.started.run);
        format!("{shown}: `{run}` reached `{}`, whose own message could not be written: ", step.id)
    }

    /// That what was sent was not what the step wanted to say, and why: somebody was told, and somebody has to look at it.
    pub(super) fn not_its_words(&self, step: &Step, running: &Running) -> Option<Finding> {
        let sent = running.request.as_ref()?.params.get("message")?.shown();
        let why = sent.as_str()?.strip_prefix(&self.built_in(step))?.to_owned();
        let message = format!("its own message could not be written, built-in words were sent: {why}");
        Some(Finding { level: Level::Warning.to_string(), message })
    }

    /// Pages never die of a template: a message that cannot be rendered is sent in built-in words.
    fn spoken_anyway(
        &self,
        place: &Place,
        step: &Step,
        action: &Action,
        number: u32,
        error: &RenderError,
    ) -> Option<Request> {
        let message = |map: &[(String, Param)]| {
            let said = format!("{}{error}", self.built_in(step));
            let plain = map.iter().filter_map(|(key, param)| match param {
                Param::Value(value) => Some((key.clone(), crate::base::arg::Arg::Value(value.clone()))),
                Param::Text(text) => text
                    .literal()
                    .map(|text| (key.clone(), crate::base::arg::Arg::Text(crate::base::arg::Text::lit(text)))),
                Param::Expr(_) | Param::List(_) | Param::Map(_) => None,
            });
            let mut plain: Vec<_> = plain.filter(|(key, _)| key != "message").collect();
            plain.push(("message".into(), crate::base::arg::Arg::Text(crate::base::arg::Text::lit(said))));
            crate::base::arg::Arg::Map(plain)
        };
        let speaks = matches!(action.kind, Kind::Notify | Kind::Escalate);
        let params = match (&action.params, speaks) {
            (Param::Map(map), true) => message(map),
            _ => return None,
        };
        Some(Request {
            run: self.run.started.run.to_string(),
            place: place.clone(),
            attempt: number,
            kind: action.kind.name().into(),
            params,
            env: Vec::new(),
            workdir: None,
            output: step.output,
            timeout: self.longest(place, step),
            sealed: self.sealed(),
            artifacts: Vec::new(),
            rehearsal: false,
            listed: None,
        })
    }
}

/// A result with nothing in it.
pub(super) fn nothing() -> AttemptResult {
    AttemptResult {
        output: Value::Null,
        failure: None,
        stopped: false,
        findings: Vec::new(),
        samples: Vec::new(),
        usage: None,
    }
}

pub(super) fn template_failure(what: &str, error: &RenderError) -> Failure {
    Failure { lasting: true, ..Failure::new(FailureKind::Template, format!("{what}: {error}")) }
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Self {
        Self { lasting: true, ..Self::new(FailureKind::Template, error.to_string()) }
    }
}
