//! Why a run is as it is, in a line.

use crate::base::address::{Lane, Place};
use crate::base::level::{Level, Outcome};
use crate::engine::event::StepEnded;
use crate::engine::run::{Run, RunPhase, Stop};
use crate::engine::turn::is_bad;
use crate::model::runbook::Runbook;
use crate::model::step::Step;
use std::sync::Arc;

/// Why the run is as it is, in a line; never empty.
#[must_use]
pub(super) fn of_run(book: &Runbook, run: &Run) -> String {
    match (&run.stop, &run.phase) {
        (_, RunPhase::Ended(ended)) => return ended.reason.clone(),
        (Some(Stop::Cancelled { actor, reason, late }), _) => {
            let failed = ended_in(run, &book.steps.steps, Lane::Body(1)).find(|(step, ended)| is_bad(step, ended));
            return match failed.filter(|_| *late) {
                Some((step, ended)) => why_failed(step.id.as_str(), ended),
                None => format!("cancelled by {}: {reason}", actor.id),
            };
        }
        (Some(Stop::TimedOut), _) => {
            let limit = book.timeout.map_or(String::new(), |limit| format!(" of {limit}"));
            return format!("the run passed its timeout{limit}");
        }
        (None, RunPhase::Queued { .. } | RunPhase::At(_)) => {}
    }
    let (mut failed, mut stopped) = (None, None);
    for (step, ended) in ended_in(run, &book.steps.steps, Lane::Body(1)) {
        if is_bad(step, ended) {
            failed = failed.or_else(|| Some(why_failed(step.id.as_str(), ended)));
        } else if ended.outcome == Outcome::Cancelled {
            let why = ended.reason.as_deref().unwrap_or("no reason was given");
            stopped = stopped.or_else(|| Some(format!("`{}` was cancelled: {why}", step.id)));
        }
    }
    let lifted = || {
        let main = lifted(run, &book.steps.steps, Lane::Body(1));
        let last = lifted(run, &book.finally.steps, Lane::Finally);
        let last = last.filter(|(level, _)| main.as_ref().is_none_or(|(before, _)| level > before));
        last.map(|(_, reason)| format!("in `finally`: {reason}")).or_else(|| main.map(|(_, reason)| reason))
    };
    failed.or(stopped).or_else(lifted).unwrap_or_else(|| "every step did what it says".into())
}

/// The steps of a list of the runbook that have ended, in the order written.
fn ended_in<'a>(
    run: &'a Run,
    steps: &'a [Arc<Step>],
    lane: Lane,
) -> impl Iterator<Item = (&'a Arc<Step>, &'a StepEnded)> {
    steps.iter().filter_map(move |step| Some((step, run.step_ended(&Place::root(lane, step.id.clone()))?)))
}

/// The worst level past notice of a list of steps, and the first that has it, in a line.
fn lifted(run: &Run, steps: &[Arc<Step>], lane: Lane) -> Option<(Level, String)> {
    let mut worst: Option<(Level, String)> = None;
    for (step, ended) in ended_in(run, steps, lane).filter(|(_, ended)| ended.level > Level::Notice) {
        if worst.as_ref().is_none_or(|(level, _)| ended.level > *level) {
            let why = ended.failure.as_ref().map(|failure| failure.message.clone()).or_else(|| ended.reason.clone());
            let why = why.map_or(String::new(), |why| format!(": {why}"));
            worst = Some((ended.level, format!("`{}` is {}{why}", step.id, ended.level)));
        }
    }
    worst
}

fn why_failed(id: &str, ended: &StepEnded) -> String {
    let message = ended.failure.as_ref().map(|failure| failure.message.as_str()).or(ended.reason.as_deref());
    format!("`{id}` failed: {}", message.unwrap_or("no reason was given"))
}
