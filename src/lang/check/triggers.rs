//! Triggers: instants that come, zones and calendars that exist, callers who prove who they are, inputs that fit.

use super::outline::Outline;
use super::{cron, inputs, place};
use crate::base::ids::Name;
use crate::base::value::Value;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spot};
use crate::lang::Loaded;
use crate::model::param::Param;
use crate::model::step::Step;
use crate::model::trigger::{Trigger, TriggerKind};
use std::collections::BTreeMap;

/// Checks the triggers of one runbook.
pub(super) fn check(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    for (index, trigger) in outline.runbook.triggers.iter().enumerate() {
        let at = At { loaded, outline, trigger, index };
        at.kind(findings);
        at.inputs(findings);
        at.calendars(findings);
        at.severity(findings);
    }
    unattended(loaded, outline, findings);
    silent(loaded, outline, findings);
}

/// A finding for a zone that does not exist.
pub(super) fn zone(name: &str, spot: Spot) -> Option<Diagnostic> {
    if crate::base::zone::zone(name).is_some() {
        return None;
    }
    let finding = Diagnostic::error(Code::BadZone, spot, format!("unknown time zone `{name}`"));
    let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.as_str().to_owned()).collect();
    let city = known.iter().find(|zone| zone.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(name)));
    let near = city.map(String::as_str).or_else(|| crate::diagnostic::closest(name, known.iter().map(String::as_str)));
    Some(match near {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help("zones are named as in the IANA list: `Europe/Moscow`, `UTC`"),
    })
}

struct At<'a> {
    loaded: &'a Loaded,
    outline: &'a Outline<'a>,
    trigger: &'a Trigger,
    index: usize,
}

impl At<'_> {
    fn spot(&self, key: &str) -> Spot {
        let path = format!("triggers[{}].{key}", self.index);
        self.loaded.spots.get(&self.outline.runbook.name, None, &path).unwrap_or(self.trigger.spot)
    }

    fn kind(&self, findings: &mut Diagnostics) {
        match &self.trigger.kind {
            TriggerKind::Cron { expression, timezone } => {
                if let Some((message, help)) = cron::problem(expression) {
                    findings.push(Diagnostic::error(Code::BadCron, self.spot("cron"), message).help(help));
                }
                self.zone(timezone, findings);
            }
            TriggerKind::At { when, timezone } => {
                if when.parse::<jiff::civil::DateTime>().is_err() && when.parse::<jiff::Timestamp>().is_err() {
                    findings.push(
                        Diagnostic::error(Code::BadDate, self.spot("at"), format!("`{when}` is not a date and time"))
                            .help("write it like `2026-12-31 09:00`"),
                    );
                }
                self.zone(timezone, findings);
            }
            TriggerKind::Webhook(webhook) => self.webhook(webhook, findings),
            TriggerKind::Every(_)
            | TriggerKind::Heartbeat(_)
            | TriggerKind::Alert(_)
            | TriggerKind::RunEnded { .. }
            | TriggerKind::File(_)
            | TriggerKind::Startup => {}
        }
    }

    fn zone(&self, timezone: &str, findings: &mut Diagnostics) {
        let written = format!("triggers[{}].timezone", self.index);
        let spot = self.loaded.spots.get(&self.outline.runbook.name, None, &written);
        // A zone that is not written here comes from the settings, which are checked themselves.
        if let Some(finding) = spot.and_then(|spot| zone(timezone, spot)) {
            findings.push(finding);
        }
    }

    fn webhook(&self, webhook: &Param, findings: &mut Diagnostics) {
        let open = webhook.get("unauthenticated").and_then(Param::value) == Some(&Value::Bool(true));
        match webhook.get("verify") {
            None if !open => findings.push(
                Diagnostic::error(Code::OpenWebhook, self.spot("webhook"), "anybody who finds this address could start the runbook")
                    .label("no `verify`")
                    .help("say how callers prove who they are: `verify: { github: SECRET_NAME }` (or slack, stripe, standard, token); if really anybody may: `unauthenticated: true`"),
            ),
            Some(verify) => self.listed_secret(verify, findings),
            None => {}
        }
    }

    fn listed_secret(&self, verify: &Param, findings: &mut Diagnostics) {
        let Param::Map(pairs) = verify else { return };
        for (how, secret) in pairs {
            let name = match secret {
                Param::Value(Value::String(name)) => name.as_str(),
                Param::Text(template) => template.literal().unwrap_or_default(),
                Param::Value(_) | Param::Expr(_) | Param::List(_) | Param::Map(_) => continue,
            };
            let listed = &self.outline.runbook.secrets;
            if !listed.iter().any(|known| known == name) {
                let spot = self.spot(&format!("webhook.verify.{how}"));
                let message = format!("the secret `{name}` is not listed in `secrets:` of this runbook");
                findings.push(
                    Diagnostic::error(Code::UnknownSecret, spot, message)
                        .help(format!("add it: `secrets: [{name}]`"))
                        .did_you_mean(name, listed.iter().map(String::as_str)),
                );
            }
        }
    }

    fn inputs(&self, findings: &mut Diagnostics) {
        let runbook = self.outline.runbook;
        let known: Vec<&str> = runbook.inputs.iter().map(|input| input.name.as_str()).collect();
        for (name, param) in &self.trigger.inputs {
            let spot = self.spot(&format!("inputs.{name}"));
            let Some(input) = runbook.inputs.iter().find(|input| input.name.as_str() == name) else {
                let path = format!("triggers[{}].inputs.{name}", self.index);
                let spot = self.loaded.spots.key(&runbook.name, None, &path).unwrap_or(spot);
                findings.push(super::calls::unknown_input(runbook, name, &known, spot));
                continue;
            };
            if let Some(reason) = inputs::fits(input, param) {
                findings.push(Diagnostic::error(Code::WrongType, spot, format!("`{name}` {reason}")));
            }
        }
        let given = |name: &str| self.trigger.inputs.iter().any(|(given, _)| given == name);
        for input in runbook.inputs.iter().filter(|input| input.default.is_none() && !given(input.name.as_str())) {
            findings.push(
                Diagnostic::error(
                    Code::MissingKey,
                    self.trigger.spot,
                    format!("a run started by this trigger would lack the input `{}`", input.name),
                )
                .label("nobody is there to ask")
                .help(format!("give it here, `inputs: {{ {}: … }}`, or give it a default", input.name)),
            );
        }
    }

    fn calendars(&self, findings: &mut Diagnostics) {
        let known = || self.loaded.book.settings.calendars.keys().map(crate::base::ids::Name::as_str);
        let names = self.trigger.policy.except.iter().map(crate::base::ids::Name::as_str);
        for name in names.filter(|name| !known().any(|calendar| calendar == *name)) {
            let message = format!("stepladder.yaml declares no calendar `{name}`");
            findings.push(
                Diagnostic::error(Code::UnknownCalendar, self.spot("except"), message)
                    .help(format!("declare it there: `calendars: {{ {name}: {{ dates: [\"2027-01-01\"] }} }}`"))
                    .did_you_mean(name, known()),
            );
        }
    }

    fn severity(&self, findings: &mut Diagnostics) {
        let deadline = self.trigger.policy.deadline.as_ref();
        if let Some(severity) = deadline.and_then(|deadline| deadline.severity.as_deref()) {
            super::ladder::severity(self.loaded, severity, self.spot("deadline.severity"), findings);
        }
    }
}

/// Two webhooks under one path: whoever calls it means one of them.
pub(super) fn paths(loaded: &Loaded, findings: &mut Diagnostics) {
    let mut seen: BTreeMap<Name, (&Name, Spot)> = BTreeMap::new();
    for (runbook, text) in &loaded.book.runbooks {
        for (index, trigger) in text.triggers.iter().enumerate() {
            let Some(hook) = trigger.webhook() else { continue };
            let written = format!("triggers[{index}].webhook.path");
            let spot = loaded.spots.get(runbook, None, &written).unwrap_or(trigger.spot);
            if let Some((other, first)) = seen.get(&hook.path) {
                let message = format!("`{}` is the path of a webhook of `{other}` already", hook.path);
                let finding = Diagnostic::error(Code::SamePath, spot, message).note(*first, "the other one");
                findings.push(
                    finding.help(
                        "give one of them another path; one call that starts both starts a runbook that calls both",
                    ),
                );
            } else {
                seen.insert(hook.path, (runbook, spot));
            }
        }
    }
}

/// A question in a runbook that something else than a person starts.
fn unattended(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    let Some(trigger) = outline.runbook.triggers.first() else { return };
    for standing in outline.iter().filter(|standing| standing.step.confirm.is_some()) {
        let id = &standing.step.id;
        let spot = place(loaded, outline, Some(id), "confirm");
        findings.push(
            Diagnostic::error(
                Code::ConfirmUnattended,
                spot,
                format!("`{id}` asks a question, and this runbook starts by itself"),
            )
            .label("nobody is there to answer")
            .note(trigger.spot, "starts it")
            .help("take the question out, or the trigger: a run that a person starts may ask"),
        );
    }
}

/// A runbook that starts by itself and whose failures tell nobody.
fn silent(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    let runbook = outline.runbook;
    let never = runbook.incident.open.as_ref().is_some_and(Vec::is_empty);
    if runbook.triggers.is_empty() || !never {
        return;
    }
    let tells =
        |step: &Step| step.kind.action().is_some_and(|action| matches!(action.kind.name(), "notify" | "escalate"));
    if !outline.iter().any(|standing| tells(standing.step)) {
        let spot = place(loaded, outline, None, "incident.open");
        findings.push(
            Diagnostic::warning(
                Code::NoIncident,
                spot,
                format!("`{}` starts by itself, and nobody hears when it fails", runbook.name),
            )
            .help("let it open an incident (`incident: { open: { failed: P3 } }`), or add a `notify` to `on_failure`"),
        );
    }
}
