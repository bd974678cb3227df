//! Approvals: somebody may give them, enough of them, in time, and not in a run that nobody watches.

use super::outline::{Lane, Outline, Standing};
use super::{key_place, ladder, place, rungs};
use crate::base::actor::Role;
use crate::base::ids::Name;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spot};
use crate::lang::Loaded;
use crate::model::approval::{Approval, Lapse};
use crate::model::runbook::Runbook;
use crate::model::step::StepKind;
use crate::model::trigger::{Trigger, TriggerKind};
use std::collections::{BTreeMap, BTreeSet};

/// Keys of every step that mean nothing beside an approval, and why.
const IDLE: &[(&str, &str)] = &[
    ("retry", "it is asked once"),
    ("recover", "nothing mends a no"),
    ("timeout", "`deadline` bounds the wait"),
    ("mutex", "a step that waits for people would keep everybody out"),
    ("confirm", "it asks already"),
];

/// Checks the approvals of one runbook.
pub(super) fn check(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    let own = loaded.spots.get(&outline.runbook.name, None, "allow.approve");
    if let Some(spot) = own {
        people(loaded, &outline.runbook.allow.approve, &|_| spot, findings);
    }
    for standing in outline.iter() {
        let Some(approval) = standing.step.kind.approval() else { continue };
        let at = At { loaded, outline, standing, approval };
        let by = |index: usize| {
            let exact = format!("approval.by[{index}]");
            let found = loaded.spots.get(&outline.runbook.name, Some(&standing.step.id), &exact);
            found.unwrap_or_else(|| at.spot("approval.by"))
        };
        people(loaded, &approval.by, &by, findings);
        at.quorum(findings);
        at.waits(findings);
        at.scheduled(findings);
        at.idle(findings);
        at.lapse(findings);
    }
}

/// Whoever is named is somebody, or a role.
fn people(loaded: &Loaded, names: &[String], spot: &dyn Fn(usize) -> Spot, findings: &mut Diagnostics) {
    for (index, name) in names.iter().enumerate().filter(|(_, name)| Role::parse(name).is_none()) {
        if let Some(finding) = ladder::contact(loaded, name, spot(index)) {
            findings.push(finding);
        }
    }
}

struct At<'a> {
    loaded: &'a Loaded,
    outline: &'a Outline<'a>,
    standing: &'a Standing<'a>,
    approval: &'a Approval,
}

impl At<'_> {
    fn spot(&self, path: &str) -> Spot {
        place(self.loaded, self.outline, Some(&self.standing.step.id), path)
    }

    /// Enough different people may say yes.
    fn quorum(&self, findings: &mut Diagnostics) {
        let by = self.approval.asks(self.outline.runbook);
        let Some(ladder) = &self.loaded.book.escalation else { return };
        if by.is_empty() || by.iter().any(|who| Role::parse(who).is_some() || !rungs::somebody(ladder, who)) {
            return;
        }
        let all: BTreeSet<&str> = by.iter().flat_map(|who| rungs::members(ladder, who)).collect();
        let (quorum, ever) = (self.approval.quorum as usize, all.len());
        let at_once = by.iter().collect::<BTreeSet<_>>().len();
        let id = &self.standing.step.id;
        if quorum > ever {
            let message = format!("`{id}` takes {quorum} different people, and {} are {ever} in all", by.join(", "));
            findings.push(
                Diagnostic::error(Code::NobodyApproves, self.spot("approval.quorum"), message)
                    .help("name more people in `by`, or ask for fewer"),
            );
        } else if quorum > at_once {
            let message = format!(
                "`{id}` takes {quorum} different people, and of {} only {at_once} may at any time",
                by.join(", ")
            );
            findings
                .push(Diagnostic::warning(Code::NobodyApproves, self.spot("approval.quorum"), message).help(
                    "of a rotation only whoever is on call may: name a second one, or people by their own names",
                ));
        }
    }

    /// It ends before what it is in is stopped.
    fn waits(&self, findings: &mut Diagnostics) {
        let runbook = self.outline.runbook;
        let around = self.outline.upwards(&self.standing.step.id);
        let cleanup = around.iter().any(|it| matches!(it.lane, Lane::Undo | Lane::OnFailure | Lane::Finally));
        let whole = if cleanup { Some(("cleaning up", runbook.cleanup_timeout)) } else { None };
        let groups = around.iter().skip(1).filter_map(|it| Some((it.step.id.as_str(), it.step.timeout?)));
        let groups: Vec<(String, Span)> = groups.map(|(id, span)| (format!("`{id}`"), span)).collect();
        let run = runbook.timeout.filter(|_| !cleanup).map(|span| ("the run".to_owned(), span));
        let limits = groups.into_iter().chain(whole.map(|(what, span)| (what.to_owned(), span))).chain(run);
        let Some((what, limit)) = limits.min_by_key(|(_, span)| *span) else { return };
        let id = &self.standing.step.id;
        let (message, path) = match self.approval.deadline {
            Some(deadline) if deadline < limit => return,
            Some(deadline) => {
                (format!("`{id}` may wait {deadline}, and {what} is stopped after {limit}"), "approval.deadline")
            }
            None => (format!("`{id}` waits as long as it takes, and {what} is stopped after {limit}"), "approval"),
        };
        findings.push(
            Diagnostic::error(Code::WaitTooLong, self.spot(path), message)
                .help("give it a `deadline` that ends before, or raise the `timeout` around it"),
        );
    }

    /// Of a runbook that starts by the clock it ends before the next run is due.
    fn scheduled(&self, findings: &mut Diagnostics) {
        let clock = self.outline.runbook.triggers.iter().find(|trigger| by_clock(trigger));
        if let (Some(trigger), None) = (clock, self.approval.deadline) {
            let message = format!(
                "`{}` may wait for ever, and the runs that are due meanwhile find this one in their way",
                self.standing.step.id
            );
            findings.push(
                Diagnostic::error(Code::ConfirmUnattended, self.spot("approval"), message)
                    .note(trigger.spot, "starts it")
                    .help("give it a `deadline`: `approval: { …, deadline: 4h, lapse: reject }`"),
            );
        }
    }

    /// Keys without an effect.
    fn idle(&self, findings: &mut Diagnostics) {
        let step = &self.standing.step;
        let has = |key: &str| match key {
            "retry" => step.retry.is_some(),
            "recover" => !step.recover.is_empty(),
            "timeout" => step.timeout.is_some(),
            "mutex" => step.mutex.is_some(),
            _ => step.confirm.is_some(),
        };
        for (key, why) in IDLE.iter().filter(|(key, _)| has(key)) {
            let spot = key_place(self.loaded, self.outline, Some(&step.id), key);
            findings.push(
                Diagnostic::error(Code::UnknownKey, spot, format!("`{key}` means nothing for an approval: {why}"))
                    .help("take it out"),
            );
        }
    }

    /// A deadline decides what it can.
    fn lapse(&self, findings: &mut Diagnostics) {
        let approval = self.approval;
        let written = self.loaded.spots.get(&self.outline.runbook.name, Some(&self.standing.step.id), "approval.lapse");
        if let (Some(spot), None) = (written, approval.deadline) {
            findings.push(
                Diagnostic::error(Code::UnknownKey, spot, "`lapse` means nothing without a `deadline`")
                    .help("say until when: `deadline: 4h`"),
            );
        }
        let empty = approval.fields.iter().find(|field| field.default.is_none());
        if let (Lapse::Approve, Some(field)) = (approval.lapse, empty) {
            let message = format!("`lapse: approve` would leave the field `{}` without a value", field.name);
            findings.push(
                Diagnostic::error(Code::MissingKey, self.spot("approval.lapse"), message)
                    .help(format!("give it a default: `{}: {{ default: … }}`", field.name)),
            );
        }
    }
}

fn by_clock(trigger: &Trigger) -> bool {
    match trigger.kind {
        TriggerKind::Cron { .. } | TriggerKind::Every(_) | TriggerKind::At { .. } => true,
        TriggerKind::Webhook(_)
        | TriggerKind::Heartbeat(_)
        | TriggerKind::Alert(_)
        | TriggerKind::RunEnded { .. }
        | TriggerKind::File(_)
        | TriggerKind::Startup => false,
    }
}

/// Questions in runs that nobody watches: what level 1 runs, and what runbooks call that start by themselves.
pub(super) fn unattended(loaded: &Loaded, findings: &mut Diagnostics) {
    let runbooks = &loaded.book.runbooks;
    let automatic = loaded.book.escalation.iter().flat_map(|ladder| {
        let levels = ladder.levels.values().flat_map(|level| level.gather.iter().chain(&level.tries));
        levels.chain(ladder.routes.iter().filter_map(|route| route.first_response.as_ref()))
    });
    let mut level_1: BTreeMap<&Name, &Name> = BTreeMap::new();
    automatic.for_each(|name| reached(loaded, name, name, &mut level_1));
    for (name, by) in &level_1 {
        let Some(runbook) = runbooks.get(*name) else { continue };
        let through = if name == by { String::new() } else { format!(", through `{by}`") };
        let why = format!("level 1 runs this runbook by itself{through}, before anybody is called");
        ask(loaded, runbook, &why, true, findings);
    }
    let mut called: BTreeMap<&Name, &Name> = BTreeMap::new();
    for (name, runbook) in runbooks.iter().filter(|(_, runbook)| !runbook.triggers.is_empty()) {
        calls(runbook).for_each(|inner| reached(loaded, inner, name, &mut called));
    }
    for (name, by) in called.iter().filter(|(name, _)| !level_1.contains_key(*name)) {
        let Some(runbook) = runbooks.get(*name).filter(|runbook| runbook.triggers.is_empty()) else { continue };
        ask(loaded, runbook, &format!("`{by}` calls this runbook, and starts by itself"), false, findings);
    }
}

/// The runbook and those it calls, each with the first that leads to it.
fn reached<'a>(loaded: &'a Loaded, name: &'a Name, by: &'a Name, found: &mut BTreeMap<&'a Name, &'a Name>) {
    if found.contains_key(name) {
        return;
    }
    found.insert(name, by);
    if let Some(runbook) = loaded.book.runbooks.get(name) {
        calls(runbook).for_each(|inner| reached(loaded, inner, by, found));
    }
}

fn calls(runbook: &Runbook) -> impl Iterator<Item = &Name> {
    runbook
        .index
        .values()
        .filter_map(|step| if let StepKind::Call(call) = &step.kind { Some(&call.runbook) } else { None })
}

/// Reports the questions of a runbook, and its approvals where those can't be waited for either.
fn ask(loaded: &Loaded, runbook: &Runbook, why: &str, approvals: bool, findings: &mut Diagnostics) {
    let outline = Outline::new(runbook);
    for standing in outline.iter() {
        let id = &standing.step.id;
        let (path, asks) = match (&standing.step.confirm, standing.step.kind.approval()) {
            (Some(_), _) => ("confirm", "asks a question"),
            (None, Some(_)) if approvals => ("approval", "waits for approval"),
            (None, _) => continue,
        };
        findings.push(
            Diagnostic::error(
                Code::ConfirmUnattended,
                place(loaded, &outline, Some(id), path),
                format!("`{id}` {asks}, and {why}"),
            )
            .label("nobody is there to answer")
            .help("take it out; what needs a person belongs into a runbook that whoever is called starts"),
        );
    }
}
