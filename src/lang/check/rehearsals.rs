//! Tests of incidents speak of severities, people, levels and channels that are there.

use super::given::{foreign, names};
use crate::base::ids::Name;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, closest};
use crate::lang::Loaded;
use crate::model::escalation::Escalation;
use crate::model::rehearsal::Acknowledged;
use crate::model::test::{Incident, Test, Written};

/// Keys of `given` that belong to tests of incidents.
pub(super) const GIVEN: &[&str] = &["level_1", "acknowledged", "resolved", "cleared", "away", "channels"];
/// Keys of `expect` that do.
pub(super) const EXPECTED: &[&str] = &["levels", "status", "breached"];
/// Keys of `given` that belong to tests of runbooks.
const OF_RUNS: &[&str] = &["env", "trigger", "inputs", "steps", "answers", "cancel", "crash", "at"];
/// Keys of `expect` that do.
const OF_THEIR_ENDS: &[&str] = &["outcome", "level", "reason", "failed_step", "outputs", "steps", "ran", "took"];

/// Checks a test of an incident.
pub(super) fn check(loaded: &Loaded, test: &Test, incident: &Incident, findings: &mut Diagnostics) {
    foreign(test, OF_RUNS, OF_THEIR_ENDS, "a test of an incident", findings);
    let Some(ladder) = &loaded.book.escalation else {
        let finding =
            Diagnostic::error(Code::MissingKey, incident.spot, "a test of an incident in a book without a ladder");
        return findings.push(finding.help("write `escalation.yaml`, or test a runbook"));
    };
    severity(ladder, incident, findings);
    people(ladder, test, findings);
    levels(ladder, test, findings);
    let channels: Vec<&str> = loaded.book.settings.channels.keys().map(Name::as_str).collect();
    for (channel, _) in &test.given.incident.channels {
        if !channels.contains(&channel.value.as_str()) {
            unknown(Code::UnknownName, "channel", channel, &channels, "channels of `stepladder.yaml`", findings);
        }
    }
}

fn severity(ladder: &Escalation, incident: &Incident, findings: &mut Diagnostics) {
    let Some(severity) = &incident.severity else { return };
    let known: Vec<&str> = ladder.severities.keys().map(String::as_str).collect();
    if !known.contains(&severity.value.as_str()) {
        let message = format!("unknown severity `{}`", severity.value);
        let finding = Diagnostic::error(Code::UnknownName, severity.spot, message);
        findings.push(finding.help(format!("severities of `escalation.yaml` are {}", known.join(", "))));
    }
}

/// Whoever is paged, takes it or ends it is a person of the ladder.
fn people(ladder: &Escalation, test: &Test, findings: &mut Diagnostics) {
    let known: Vec<&str> = ladder.contacts.keys().map(Name::as_str).collect();
    let given = &test.given.incident;
    let takes = match &given.acknowledged {
        Some(Acknowledged::After { by, .. }) => by.clone(),
        Some(Acknowledged::Never) | None => None,
    };
    let ends = given.resolved.as_ref().and_then(|resolved| resolved.by.clone());
    let lists = [&test.expect.notified, &test.expect.paged].into_iter().flatten();
    let said = lists.flat_map(|list| names(&list.value)).filter_map(|said| {
        let contact = said.value.contact.clone()?;
        Some(Written { value: contact, spot: said.spot })
    });
    for contact in takes.into_iter().chain(ends).chain(said) {
        if !known.contains(&contact.value.as_str()) {
            unknown(Code::UnknownContact, "contact", &contact, &known, "contacts of `escalation.yaml`", findings);
        }
    }
}

fn levels(ladder: &Escalation, test: &Test, findings: &mut Diagnostics) {
    for (level, _) in &test.expect.incident.levels {
        if !ladder.levels.contains_key(&level.value) {
            let known: Vec<String> = ladder.levels.keys().map(ToString::to_string).collect();
            let message = format!("the ladder has no level {}", level.value);
            let finding = Diagnostic::error(Code::UnknownName, level.spot, message);
            findings.push(finding.help(format!("levels of `escalation.yaml` are {}", known.join(", "))));
        }
    }
}

fn unknown(code: Code, what: &str, name: &Written<String>, known: &[&str], whose: &str, findings: &mut Diagnostics) {
    let finding = Diagnostic::error(code, name.spot, format!("unknown {what} `{}`", name.value));
    findings.push(match closest(&name.value, known.iter().copied()) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help(format!("{whose} are {}", known.join(", "))),
    });
}
