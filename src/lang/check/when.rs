//! What a `when` asks, and conditions that can never be true.

use super::outline::{Lane, Outline, Standing};
use super::place;
use crate::base::level::Outcome;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expr::Expr;
use crate::lang::Loaded;
use crate::model::graph::Wait;
use crate::model::step::Step;
use std::collections::BTreeSet;

/// Whether it asks about failing, which turns the need of rule 1 into `after: all`.
pub(crate) fn asks_about_failing(when: &Expr) -> bool {
    when.reads().iter().any(|read| {
        let path: Vec<&str> = read.path.iter().map(String::as_str).collect();
        matches!(path[..], ["failed" | "level", ..] | ["steps", _, "failed" | "outcome" | "level" | "error", ..])
    })
}

/// The parts of a condition that must all be true; a condition with alternatives is one part.
fn conjuncts(when: &Expr) -> Vec<&str> {
    let source = when.source();
    if source.contains("||") || source.contains('(') {
        return vec![source.trim()];
    }
    source.split("&&").map(str::trim).collect()
}

/// The steps that its `when` only lets through when they did what they say.
pub(super) fn sure_of(step: &Step) -> BTreeSet<&str> {
    let parts = step.when.iter().flat_map(conjuncts);
    parts
        .filter_map(|part| {
            let (id, rest) = part.strip_prefix("steps.")?.split_once('.')?;
            let rest: String = rest.split_whitespace().collect();
            let good = ["ok", "ok==true", "outcome==\"succeeded\"", "outcome==\"recovered\""];
            good.contains(&rest.as_str()).then_some(id)
        })
        .collect()
}

/// The steps that its `when` only lets through when they failed.
pub(super) fn failed_of(step: &Step) -> BTreeSet<&str> {
    step.when.iter().flat_map(conjuncts).filter_map(failed_step).collect()
}

fn failed_step(part: &str) -> Option<&str> {
    match wants_failed(part)? {
        Failed::Step(id) => Some(id),
        Failed::Anything | Failed::Level | Failed::NotGood(_) => None,
    }
}

/// What has to have failed for a part of a condition to be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failed<'a> {
    /// Something: bare `failed`.
    Anything,
    /// Something, or it was worse than ok: bare `level`.
    Level,
    /// That step.
    Step(&'a str),
    /// That step, or it was skipped.
    NotGood(&'a str),
}

/// What a part of a condition wants to have failed, if it wants that.
fn wants_failed<'a>(part: &'a str) -> Option<Failed<'a>> {
    let squeezed = part.strip_suffix("== true").map_or(part, str::trim_end);
    if squeezed == "failed" {
        return Some(Failed::Anything);
    }
    if let Some(id) = squeezed.strip_prefix("steps.").and_then(|rest| rest.strip_suffix(".failed")) {
        return Some(Failed::Step(id));
    }
    let good = |part: &'a str| part.trim().strip_prefix("steps.").and_then(|rest| rest.strip_suffix(".ok"));
    let not = squeezed.strip_prefix('!').and_then(good);
    if let Some(id) = not.or_else(|| squeezed.strip_suffix("== false").and_then(good)) {
        return Some(Failed::NotGood(id));
    }
    if let Some(rest) = squeezed.strip_prefix("level").map(str::trim_start) {
        let worse = ["> ok", ">= notice", ">= warning", ">= critical", "> notice", "> warning", "!= ok"];
        let equal = ["== notice", "== warning", "== critical"];
        return (worse.contains(&rest) || equal.contains(&rest)).then_some(Failed::Level);
    }
    let (left, right) = squeezed.split_once("==")?;
    let id = left.trim().strip_prefix("steps.")?.strip_suffix(".outcome")?;
    let outcome = Outcome::parse(right.trim().trim_matches('"'))?;
    match outcome {
        Outcome::Failed | Outcome::Unreached | Outcome::Cancelled | Outcome::Interrupted => Some(Failed::Step(id)),
        Outcome::Succeeded | Outcome::Recovered | Outcome::Skipped => None,
    }
}

/// Finds conditions that can never be true: a written need of what has to fail.
pub(super) fn check(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    for standing in outline.iter() {
        let Some(when) = &standing.step.when else { continue };
        for part in conjuncts(when) {
            if let Some(asked) = wants_failed(part) {
                never(loaded, outline, standing, asked, findings);
            }
            if part == "false" {
                let spot = place(loaded, outline, Some(&standing.step.id), "when");
                findings.push(
                    Diagnostic::warning(
                        Code::NeverTrue,
                        spot,
                        format!("`{}` never runs: its `when` is `false`", standing.step.id),
                    )
                    .help("remove the step, or the `when`"),
                );
            }
        }
    }
}

fn never(loaded: &Loaded, outline: &Outline, standing: &Standing, asked: Failed<'_>, findings: &mut Diagnostics) {
    let step = standing.step;
    let Some(list) = standing.list else { return };
    let waits: Vec<_> = list.graph.waits(&step.id).collect();
    let may_fail =
        |id: &crate::base::ids::StepId| outline.get(id).is_none_or(|other| other.step.allow_failure.is_some());
    if waits.is_empty() && matches!(asked, Failed::Anything | Failed::Level) {
        if !in_handler(outline, standing) {
            nothing_above(loaded, outline, step, findings);
        }
        return;
    }
    let culprit = match asked {
        Failed::Step(id) => {
            waits.iter().find(|(other, wait)| other.as_str() == id && *wait == Wait::Satisfied && !may_fail(other))
        }
        // Bare `failed` ranges over what it waits for: never true where all of that has to be good.
        Failed::Anything if waits.iter().all(|(other, wait)| *wait == Wait::Satisfied && !may_fail(other)) => {
            waits.first()
        }
        Failed::NotGood(id) => waits.iter().find(|(other, wait)| {
            let skipped = outline.get(other).is_none_or(|other| other.step.when.is_some());
            other.as_str() == id && *wait == Wait::Satisfied && !may_fail(other) && !skipped
        }),
        Failed::Anything | Failed::Level => None,
    };
    let Some((other, _)) = culprit else { return };
    let spot = place(loaded, outline, Some(&step.id), "when");
    let written = loaded.spots.get(&outline.runbook.name, Some(&step.id), "needs");
    let message = format!("this is never true: `{}` needs `{other}`, so it only runs when that did not fail", step.id);
    let finding = Diagnostic::error(Code::NeverTrue, spot, message).label("never true");
    let output =
        step.when.iter().any(|when| when.reads().iter().any(|read| read.path.iter().any(|part| part == "output")));
    findings.push(match written {
        None if matches!(asked, Failed::NotGood(_)) && !output => {
            finding.help(format!("write `steps.{other}.failed`, which waits for the end of `{other}`, good or bad"))
        }
        Some(needs) => finding
            .note(needs, format!("a need of `{other}`"))
            .help(format!("write `after: [{other}]` instead of `needs`: it waits for the end, good or bad")),
        None => finding.help(format!(
            "`{}` uses the output of `{other}`, which is a need; guard it: `steps.{other}.ok && …` or `{{{{#if steps.{other}.ok}}}}`",
            step.id
        )),
    });
}

/// Whether it stands in a list where bare `failed` ranges over the whole run.
fn in_handler(outline: &Outline, standing: &Standing) -> bool {
    let whole = |lane: Lane| match lane {
        Lane::OnFailure | Lane::Finally | Lane::Recover | Lane::OnError | Lane::Undo => true,
        Lane::Body | Lane::Probe | Lane::Try | Lane::Check => false,
    };
    outline.upwards(&standing.step.id).iter().any(|at| whole(at.lane))
}

/// A question about the steps before one that waits for none.
fn nothing_above(loaded: &Loaded, outline: &Outline, step: &Step, findings: &mut Diagnostics) {
    let spot = place(loaded, outline, Some(&step.id), "when");
    let message = format!("this is never true: `{}` waits for no step that could have failed", step.id);
    let finding = Diagnostic::error(Code::NeverTrue, spot, message).label("never true");
    findings.push(match loaded.spots.get(&outline.runbook.name, Some(&step.id), "needs") {
        Some(needs) => finding
            .note(needs, "it waits for nothing")
            .help("write `after: all` instead of `needs: []`, or take the condition out"),
        None => finding.help("move it behind the steps it asks about, or take the condition out"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_ask_for_a_failure() {
        assert_eq!(wants_failed("steps.build.failed"), Some(Failed::Step("build")));
        assert_eq!(wants_failed("steps.build.outcome == \"failed\""), Some(Failed::Step("build")));
        assert_eq!(wants_failed("failed"), Some(Failed::Anything));
        assert_eq!(wants_failed("steps.build.outcome == \"skipped\""), None);
        assert_eq!(wants_failed("!steps.build.failed"), None);
        assert_eq!(wants_failed("!steps.build.ok"), Some(Failed::NotGood("build")));
        assert_eq!(wants_failed("steps.build.ok == false"), Some(Failed::NotGood("build")));
        assert_eq!(wants_failed("level >= warning"), Some(Failed::Level));
        assert_eq!(wants_failed("level >= ok"), None);
    }
}
