//! Runbooks that start runbooks: they exist, get what they ask for, and do not go round in a circle.

use super::inputs::fits;
use super::outline::Outline;
use super::{key_place, known_runbooks, place};
use crate::base::arg::SEALED_INPUT;
use crate::base::ids::Name;
use crate::base::limits::MAX_CALL_DEPTH;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spot};
use crate::lang::Loaded;
use crate::model::input::{Input, InputType};
use crate::model::param::Param;
use crate::model::runbook::Runbook;
use crate::model::step::{Call, Step, StepKind};
use crate::model::trigger::TriggerKind;
use std::collections::{BTreeMap, BTreeSet};

/// Checks the calls of one runbook.
pub(super) fn check(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    for standing in outline.iter() {
        if let StepKind::Call(call) = &standing.step.kind {
            one(loaded, outline, standing.step, call, findings);
        }
    }
    for (index, trigger) in outline.runbook.triggers.iter().enumerate() {
        if let TriggerKind::RunEnded { runbook, .. } = &trigger.kind {
            let spot = place(loaded, outline, None, &format!("triggers[{index}].run_ended.runbook"));
            let spot = if spot == outline.runbook.spot { trigger.spot } else { spot };
            unknown(loaded, runbook, spot, findings);
        }
    }
}

/// Reports a runbook that does not exist; whether it did.
pub(super) fn unknown(loaded: &Loaded, name: &Name, spot: Spot, findings: &mut Diagnostics) -> bool {
    if loaded.book.runbooks.contains_key(name) {
        return false;
    }
    let known = known_runbooks(loaded);
    if known.contains(name.as_str()) {
        return false;
    }
    let finding = Diagnostic::error(Code::UnknownRunbook, spot, format!("unknown runbook `{name}`"));
    let near = crate::diagnostic::closest(name.as_str(), known.iter().copied());
    findings.push(match near {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None if known.len() <= 8 => {
            let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            finding.help(format!("runbooks of this book: {}", names.join(", ")))
        }
        None => finding.help("`stepladder list` shows the runbooks of this book"),
    });
    true
}

fn one(loaded: &Loaded, outline: &Outline, step: &Step, call: &Call, findings: &mut Diagnostics) {
    let spot = place(loaded, outline, Some(&step.id), "runbook.run");
    if unknown(loaded, &call.runbook, spot, findings) {
        return;
    }
    let Some(called) = loaded.book.runbooks.get(&call.runbook) else { return };
    for (name, param) in &call.inputs {
        let path = format!("runbook.inputs.{name}");
        let spot = place(loaded, outline, Some(&step.id), &path);
        let Some(input) = called.inputs.iter().find(|input| input.name == *name) else {
            let spot = key_place(loaded, outline, Some(&step.id), &path);
            let known: Vec<&str> = called.inputs.iter().map(|input| input.name.as_str()).collect();
            findings.push(unknown_input(called, name.as_str(), &known, spot));
            continue;
        };
        if input.ty == InputType::Secret && !is_sealed(param) {
            findings.push(
                Diagnostic::error(
                    Code::WrongType,
                    spot,
                    format!("`{name}` of `{}` is a secret: it takes a secret input of this runbook", called.name),
                )
                .note(called.spot, "the runbook that declares it")
                .help(format!("write `{name}: \"{{{{ inputs.{name} }}}}\"` and declare `{name}: secret` here too")),
            );
        } else if let Some(reason) = fits(input, param) {
            findings.push(
                Diagnostic::error(Code::WrongType, spot, format!("`{name}` of `{}` {reason}", called.name))
                    .note(called.spot, "the runbook that declares it"),
            );
        }
    }
    let missing = called
        .inputs
        .iter()
        .filter(|input| input.default.is_none() && !call.inputs.iter().any(|(name, _)| is_meant(name.as_str(), input)));
    for input in missing {
        findings.push(
            Diagnostic::error(
                Code::MissingKey,
                spot,
                format!("`{}` needs the input `{}`, which is not given", called.name, input.name),
            )
            .help(format!(
                "write `inputs: {{ {}: … }}` ({}), or give it a default in `{}`",
                input.name,
                input.ty.as_a(),
                called.name
            )),
        );
    }
}

/// Whether it is one secret input and nothing else: it is given on as it is, sealed.
fn is_sealed(param: &Param) -> bool {
    match param {
        Param::Text(text) => text.sole_secret().is_some_and(|name| name.starts_with(SEALED_INPUT)),
        Param::Value(_) | Param::Expr(_) | Param::List(_) | Param::Map(_) => false,
    }
}

/// Whether a name is that input, or was probably meant to be: one mistake is told once.
fn is_meant(name: &str, input: &Input) -> bool {
    crate::diagnostic::closest(name, [input.name.as_str()]).is_some()
}

/// An input that the called runbook does not have.
pub(super) fn unknown_input(called: &Runbook, name: &str, known: &[&str], spot: Spot) -> Diagnostic {
    let finding = Diagnostic::error(Code::UnknownName, spot, format!("`{}` has no input `{name}`", called.name));
    let near = crate::diagnostic::closest(name, known.iter().copied());
    match near {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => finding.help("it takes no inputs"),
        None => finding.help(format!("its inputs are {}", known.join(", "))),
    }
}

/// Finds runbooks that start one another, and chains of calls that no run could come to the end of.
pub(super) fn cycles(loaded: &Loaded, findings: &mut Diagnostics) {
    let before = findings.counts();
    super::circles::check(loaded, findings);
    // Of a circle there is no end.
    if findings.counts() == before {
        chains(loaded, findings);
    }
}

/// Finds chains of calls longer than [`MAX_CALL_DEPTH`] runbooks, each from its beginning.
fn chains(loaded: &Loaded, findings: &mut Diagnostics) {
    let mut calls: BTreeMap<&Name, Vec<(&Name, Spot)>> = BTreeMap::new();
    for (name, runbook) in &loaded.book.runbooks {
        let outline = Outline::new(runbook);
        for standing in outline.iter() {
            if let StepKind::Call(call) = &standing.step.kind {
                let spot = place(loaded, &outline, Some(&standing.step.id), "runbook.run");
                calls.entry(name).or_default().push((&call.runbook, spot));
            }
        }
    }
    let called: BTreeSet<&Name> = calls.values().flatten().map(|(next, _)| *next).collect();
    let mut known = BTreeMap::new();
    for first in calls.keys().filter(|name| !called.contains(*name)) {
        if longest(first, &calls, &mut known) <= MAX_CALL_DEPTH {
            continue;
        }
        let (mut name, mut path) = (*first, Vec::new());
        while let Some((next, spot)) =
            calls.get(name).and_then(|next| next.iter().max_by_key(|(next, _)| known.get(next).copied().unwrap_or(1)))
        {
            path.push((name, *spot));
            name = next;
        }
        let names: Vec<String> =
            path.iter().map(|(name, _)| format!("`{name}`")).chain([format!("`{name}`")]).collect();
        let message =
            format!("a chain of {} runbooks, of which at most {MAX_CALL_DEPTH} may call one another", names.len());
        let finding = Diagnostic::error(Code::TooLarge, path[MAX_CALL_DEPTH - 1].1, message)
            .label("one call too many")
            .note(path[0].1, format!("it begins here: {}", names.join(" calls ")))
            .help("call from one runbook, one after the other, what now calls one another");
        findings.push(finding);
    }
}

/// How many runbooks the longest chain has that begins with this one. There is no circle.
fn longest<'a>(
    name: &'a Name,
    calls: &BTreeMap<&'a Name, Vec<(&'a Name, Spot)>>,
    known: &mut BTreeMap<&'a Name, usize>,
) -> usize {
    if let Some(length) = known.get(name) {
        return *length;
    }
    let next = calls.get(name).into_iter().flatten().map(|(next, _)| longest(next, calls, known)).max();
    let length = 1 + next.unwrap_or_default();
    known.insert(name, length);
    length
}
