//! Order: steps that nothing can reach, order where there is none, waits longer than what holds them.

use super::outline::Outline;
use super::place;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::lang::Loaded;
use crate::model::graph::Wait as Waits;
use crate::model::step::{List, Step, StepKind, Wait};
use std::sync::Arc;

/// Checks the lists of one runbook.
pub(super) fn check(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    for standing in outline.iter() {
        waits(loaded, outline, standing.step, findings);
        retries(loaded, outline, standing.step, findings);
        if standing.index == 0
            && let Some(list) = standing.list
        {
            unreachable(list, findings);
            parallel(loaded, outline, list, findings);
        }
    }
}

/// Steps behind one that always ends the list.
fn unreachable(list: &List, findings: &mut Diagnostics) {
    let ends = |step: &Step| {
        let word = match step.kind {
            StepKind::Fail(_) => "fail",
            StepKind::Pass(_) => "pass",
            StepKind::Act(_)
            | StepKind::Steps(_)
            | StepKind::Watch(_)
            | StepKind::Remedy(_)
            | StepKind::Wait(_)
            | StepKind::Call(_)
            | StepKind::Compute(_)
            | StepKind::Log { .. } => return None,
        };
        (step.when.is_none() && step.allow_failure.is_none()).then_some(word)
    };
    for step in &list.steps {
        let end = list.graph.waits(&step.id).filter(|(_, wait)| *wait == Waits::Satisfied);
        let end = end
            .filter_map(|(id, _)| list.steps.iter().find(|other| other.id == *id))
            .find_map(|other| Some((other, ends(other)?)));
        if let Some((other, word)) = end {
            let message = format!("`{}` can never run: `{}` above it always ends the steps", step.id, other.id);
            findings.push(
                Diagnostic::error(Code::Unreachable, step.spot, message)
                    .label("never reached")
                    .note(other.spot, format!("`{word}` without a `when`"))
                    .help(format!("give `{}` a `when`, or move it behind `{}`", other.id, step.id)),
            );
        }
    }
}

/// `parallel: N` says that the steps do not need one another; a written need says they do.
fn parallel(loaded: &Loaded, outline: &Outline, list: &List, findings: &mut Diagnostics) {
    if list.parallel.is_none() {
        return;
    }
    for step in &list.steps {
        let Some((other, _)) = list.graph.waits(&step.id).next() else { continue };
        let written =
            ["needs", "after"].into_iter().find_map(|key| loaded.spots.get(&outline.runbook.name, Some(&step.id), key));
        let message =
            format!("`{}` waits for `{other}`, and `parallel` says that these steps do not need one another", step.id);
        findings.push(Diagnostic::error(Code::ParallelNeeds, written.unwrap_or(step.spot), message).help(
            "take `parallel` out (steps with `needs: []` start at once), or put what belongs together into a group",
        ));
    }
}

/// Waits that may outlast what holds them.
fn waits(loaded: &Loaded, outline: &Outline, step: &Arc<Step>, findings: &mut Diagnostics) {
    let Some(limit) = outline.runbook.timeout else { return };
    let lasts = match &step.kind {
        StepKind::Wait(Wait::Span(span)) => Some((*span, "wait", "wait.for")),
        StepKind::Watch(watch) => Some((watch.length, "watch", "watch.for")),
        StepKind::Wait(_)
        | StepKind::Act(_)
        | StepKind::Steps(_)
        | StepKind::Remedy(_)
        | StepKind::Call(_)
        | StepKind::Compute(_)
        | StepKind::Log { .. }
        | StepKind::Fail(_)
        | StepKind::Pass(_) => None,
    };
    let own = step.timeout.map(|timeout| (timeout, "its timeout", "timeout"));
    let bounds: [Option<(Span, &str, &str)>; 2] = [lasts, own.filter(|_| lasts.is_none())];
    for (span, what, path) in bounds.into_iter().flatten().filter(|(span, ..)| *span > limit) {
        let spot = place(loaded, outline, Some(&step.id), path);
        let message = match what {
            "its timeout" => format!("`{}` may take {span}, and the run is stopped after {limit}", step.id),
            _ => format!("`{}` lasts {span}, and the run is stopped after {limit}", step.id),
        };
        let finding = if lasts.is_some() {
            Diagnostic::error(Code::WaitTooLong, spot, message)
        } else {
            Diagnostic::warning(Code::WaitTooLong, spot, message)
        };
        let finding = match loaded.spots.get(&outline.runbook.name, None, "timeout") {
            Some(timeout) => finding.note(timeout, "the run's timeout"),
            None => finding,
        };
        findings.push(finding.help("raise the `timeout` of the runbook, or shorten this"));
    }
}

/// Retries that could never happen.
fn retries(loaded: &Loaded, outline: &Outline, step: &Step, findings: &mut Diagnostics) {
    let Some(retry) = &step.retry else { return };
    let spot = |path: &str| place(loaded, outline, Some(&step.id), path);
    if retry.attempts == 1 {
        findings.push(
            Diagnostic::warning(
                Code::BadNumber,
                spot("retry.attempts"),
                format!("`{}` is never retried: `attempts` counts the first", step.id),
            )
            .help("write `attempts: 2` for one retry, or take `retry` out"),
        );
    }
    if let Some(within) = retry.within.filter(|within| *within < retry.backoff) {
        let message = format!(
            "`{}` is never retried: `for` ({within}) ends before the first wait ({}) does",
            step.id, retry.backoff
        );
        findings.push(
            Diagnostic::warning(Code::BadNumber, spot("retry.for"), message).help("raise `for`, or shorten `backoff`"),
        );
    }
}
