//! Order: steps that nothing can reach, order where there is none, waits longer than what holds them.

use super::outline::Outline;
use super::place;
use crate::base::ids::StepId;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::lang::Loaded;
use crate::model::graph::Wait as Waits;
use crate::model::step::{List, Step, StepKind, Wait};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Checks the lists of one runbook.
pub(super) fn check(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    if let Some(limit) = outline.runbook.timeout {
        let mut late = Vec::new();
        ends(&outline.runbook.steps, Span::ZERO, limit, &mut late);
        for (step, end) in late {
            add_up(loaded, outline, step, (end, limit), findings);
        }
    }
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
            | StepKind::Approval(_)
            | StepKind::Log { .. } => return None,
        };
        (step.when.is_none() && step.allow_failure.is_none()).then_some(word)
    };
    let ends: BTreeMap<&StepId, (&Arc<Step>, &str)> =
        list.steps.iter().filter_map(|step| Some((&step.id, (step, ends(step)?)))).collect();
    if ends.is_empty() {
        return;
    }
    for step in &list.steps {
        let mut waits = list.graph.waits(&step.id).filter(|(_, wait)| *wait == Waits::Satisfied);
        let end = waits.find_map(|(id, _)| ends.get(id));
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
    let finding = match (lasts(step), step.timeout) {
        (Some((span, path)), _) if span > limit => {
            let message = format!("`{}` lasts {span}, and the run is stopped after {limit}", step.id);
            Diagnostic::error(Code::WaitTooLong, place(loaded, outline, Some(&step.id), path), message)
        }
        (None, Some(span)) if span > limit => {
            let message = format!("`{}` may take {span}, and the run is stopped after {limit}", step.id);
            let spot = place(loaded, outline, Some(&step.id), "timeout");
            // A probe is waited for until that time is over; what works for itself may well be done before.
            match step.kind {
                StepKind::Wait(_) => Diagnostic::error(Code::WaitTooLong, spot, message),
                StepKind::Act(_)
                | StepKind::Steps(_)
                | StepKind::Watch(_)
                | StepKind::Remedy(_)
                | StepKind::Call(_)
                | StepKind::Compute(_)
                | StepKind::Log { .. }
                | StepKind::Fail(_)
                | StepKind::Pass(_)
                | StepKind::Approval(_) => Diagnostic::warning(Code::WaitTooLong, spot, message),
            }
        }
        (Some(_) | None, _) => return,
    };
    findings
        .push(beside_the_timeout(loaded, outline, finding).help("raise the `timeout` of the runbook, or shorten this"));
}

/// How long a step lasts by what is written in it, and where that is written.
fn lasts(step: &Step) -> Option<(Span, &'static str)> {
    match &step.kind {
        StepKind::Wait(Wait::Span(span)) => Some((*span, "wait.for")),
        StepKind::Watch(watch) => Some((watch.length, "watch.for")),
        StepKind::Wait(_)
        | StepKind::Act(_)
        | StepKind::Steps(_)
        | StepKind::Remedy(_)
        | StepKind::Call(_)
        | StepKind::Compute(_)
        | StepKind::Log { .. }
        | StepKind::Fail(_)
        | StepKind::Pass(_)
        | StepKind::Approval(_) => None,
    }
}

/// The finding with the place of the run's timeout, where that is written.
fn beside_the_timeout(loaded: &Loaded, outline: &Outline, finding: Diagnostic) -> Diagnostic {
    match loaded.spots.get(&outline.runbook.name, None, "timeout") {
        Some(timeout) => finding.note(timeout, "the run's timeout"),
        None => finding,
    }
}

/// The earliest end of a list that begins at `start`, by the waits that are written in it; what ends past the limit though
/// it is short enough itself is put into `late`.
fn ends<'a>(list: &'a List, start: Span, limit: Span, late: &mut Vec<(&'a Step, Span)>) -> Span {
    let mut done: Vec<(&str, Span)> = Vec::new();
    for step in &list.steps {
        let before = list
            .graph
            .waits(&step.id)
            .filter_map(|(id, _)| done.iter().find(|(known, _)| *known == id.as_str()).map(|(_, end)| *end));
        let begin = before.max().unwrap_or(start).max(start);
        let own = |span: Span| Span::from_millis(begin.millis().saturating_add(span.millis()));
        let length = lasts(step).map(|(length, _)| length);
        let end = match (length, &step.kind) {
            (Some(length), _) => own(length),
            (None, StepKind::Steps(inner)) => ends(inner, begin, limit, late),
            (None, _) => begin,
        };
        if length.is_some_and(|length| length <= limit) && begin <= limit && end > limit {
            late.push((step, end));
        }
        // What may be skipped delays nothing for sure.
        done.push((step.id.as_str(), if step.when.is_some() { begin } else { end }));
    }
    done.into_iter().map(|(_, end)| end).max().unwrap_or(start)
}

fn add_up(loaded: &Loaded, outline: &Outline, step: &Step, (end, limit): (Span, Span), findings: &mut Diagnostics) {
    let Some((_, path)) = lasts(step) else { return };
    let spot = place(loaded, outline, Some(&step.id), path);
    let message = format!(
        "with the waits before it `{}` ends {end} after the start at the earliest, and the run is stopped after {limit}",
        step.id
    );
    let finding = Diagnostic::error(Code::WaitTooLong, spot, message);
    findings.push(
        beside_the_timeout(loaded, outline, finding).help("raise the `timeout` of the runbook, or shorten the waits"),
    );
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
