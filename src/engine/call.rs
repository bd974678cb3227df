//! A runbook that calls another: what the child is given, and which run it is.
//!
//! Secret inputs are given on sealed, as the caller got them: nothing here can open one.

use crate::base::address::Place;
use crate::base::arg::SEALED_INPUT;
use crate::base::digest::Digest;
use crate::base::ids::RunId;
use crate::base::value::{Map, Value};
use crate::engine::begin::template_failure;
use crate::engine::decide::Effect;
use crate::engine::event::StepEvent;
use crate::engine::evolve::IllegalEvent;
use crate::engine::run::Run;
use crate::engine::scope;
use crate::engine::turn::Turn;
use crate::model::param::Param;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use crate::model::runbook::Runbook;
use crate::model::step::{Call, Step, StepKind};
use crate::template::RenderError;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a run is given to begin with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Given {
    /// Inputs for all to see.
    pub plain: Map<String, Value>,
    /// Secret ones, sealed.
    pub sealed: BTreeMap<String, String>,
}

impl<'a> Turn<'a> {
    /// A `runbook` step: a child run of its own.
    pub(super) fn call(&mut self, place: &Place, step: &'a Arc<Step>, call: &Call) -> Result<(), IllegalEvent> {
        if self.run.started.depth + 1 >= u32::try_from(crate::base::limits::MAX_CALL_DEPTH).unwrap_or(u32::MAX) {
            let message = format!("runbooks have called one another {} deep", self.run.started.depth + 1);
            return self.fail_at_once(
                place,
                step,
                Failure { lasting: true, ..Failure::new(FailureKind::Other, message) },
            );
        }
        let inputs = match call_inputs(self.book, self.run, place, call) {
            Ok(inputs) => inputs,
            Err(error) if self.run.started.dry => return self.end_unknown(place, step, &error.to_string()),
            Err(error) => return self.fail_at_once(place, step, template_failure("runbook", &error)),
        };
        let attempt = self.next_try(place);
        let child = child_id(self.run, place, attempt, self.now);
        let deadline = self.deadline(place, step);
        self.emit_step(place, StepEvent::Attempt { number: attempt, request: None, deadline, child: Some(child) })?;
        let (place, runbook) = (place.clone(), call.runbook.clone());
        self.order(Effect::StartChild { place, attempt, child, runbook, inputs });
        Ok(())
    }
}

fn call_inputs(book: &Runbook, run: &Run, place: &Place, call: &Call) -> Result<Given, RenderError> {
    let scope = scope::Builder::new(book, run, place).build_for(&|found| {
        for (_, param) in &call.inputs {
            param.each(&mut |template| found(template.reads()), &mut |expr| found(expr.reads()));
        }
    });
    let filled = |param: &Param| {
        let arg = param.render(&scope)?;
        arg.fill(&mut |secret| Err(RenderError(format!("`{}` can't be an input of a runbook", secret.written()))))
    };
    let mut given = Given::default();
    for (name, param) in &call.inputs {
        let name = name.as_str().to_owned();
        match sealed_input(param).and_then(|input| run.started.sealed.get(input)) {
            Some(sealed) => drop(given.sealed.insert(name, sealed.clone())),
            None => drop(given.plain.insert(name, filled(param)?)),
        }
    }
    Ok(given)
}

/// The secret input that a param is, and nothing else: it is given on as it is.
fn sealed_input(param: &Param) -> Option<&str> {
    match param {
        Param::Text(text) => text.sole_secret()?.strip_prefix(SEALED_INPUT),
        Param::Value(_) | Param::Expr(_) | Param::List(_) | Param::Map(_) => None,
    }
}

/// The start of a child run, ordered again after a crash.
pub(super) fn child_start(book: &Runbook, run: &Run, place: &Place, attempt: u32, child: RunId) -> Option<Effect> {
    let StepKind::Call(call) = &book.step(place.step())?.kind else { return None };
    let inputs = call_inputs(book, run, place, call).ok()?;
    Some(Effect::StartChild { place: place.clone(), attempt, child, runbook: call.runbook.clone(), inputs })
}

/// The same child for the same attempt, however often it is ordered.
fn child_id(run: &Run, place: &Place, attempt: u32, now: Timestamp) -> RunId {
    let digest = Digest::of_parts(&[
        run.started.run.to_string().as_bytes(),
        place.to_string().as_bytes(),
        &attempt.to_le_bytes(),
    ]);
    let mut chance = [0; 16];
    chance.copy_from_slice(&digest.bytes()[..16]);
    RunId::new(u64::try_from(now.as_millisecond()).unwrap_or_default(), u128::from_le_bytes(chance))
}
