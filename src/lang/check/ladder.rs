//! Who is told: contacts, rotations, channels and severities that are named exist, and can be reached.

use super::outline::Outline;
use super::place;
use crate::base::ids::Name;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spot};
use crate::lang::Loaded;
use crate::lang::keys::syntax;
use crate::model::escalation::Escalation;
use crate::model::param::Param;
use crate::model::step::{Action, Step, StepKind};

/// Channels that need no settings.
const BUILT_IN: &[&str] = &["terminal", "file"];

/// Checks the names of people and channels in one runbook.
pub(super) fn check(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    let runbook = outline.runbook;
    if let Some(owner) = &runbook.owner {
        let spot = place(loaded, outline, None, "owner");
        match &loaded.book.escalation {
            Some(ladder) if !ladder.on_call.contains_key(owner) => findings.push(
                Diagnostic::error(Code::UnknownContact, spot, format!("escalation.yaml has no rotation `{owner}`"))
                    .help("an owner is a name below `on_call`")
                    .did_you_mean(owner.as_str(), ladder.on_call.keys().map(Name::as_str)),
            ),
            Some(_) => {}
            None => findings.push(
                Diagnostic::warning(
                    Code::UnknownContact,
                    spot,
                    format!("`{owner}` is nobody yet: this book has no escalation.yaml"),
                )
                .help("write one with `on_call:`, or take `owner` out"),
            ),
        }
    }
    for (_, name) in runbook.incident.open.iter().flatten() {
        severity(loaded, name, place(loaded, outline, None, "incident.open"), findings);
    }
    for standing in outline.iter() {
        if let StepKind::Act(action) = &standing.step.kind {
            match action.kind.name() {
                "notify" => notify(loaded, outline, standing.step, action, findings),
                "escalate" => {
                    if let Some(name) = action.params.get("severity").and_then(literal) {
                        let spot = place(loaded, outline, Some(&standing.step.id), "escalate.severity");
                        severity(loaded, name, spot, findings);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Reports a severity that `escalation.yaml` does not have.
pub(in crate::lang) fn severity(loaded: &Loaded, name: &str, spot: Spot, findings: &mut Diagnostics) {
    let Some(ladder) = &loaded.book.escalation else { return };
    if ladder.severities.is_empty() || ladder.severities.contains_key(name) {
        return;
    }
    let known: Vec<&str> = ladder.severities.keys().map(String::as_str).collect();
    findings.push(
        Diagnostic::error(Code::UnknownName, spot, format!("unknown severity `{name}`"))
            .help(format!("escalation.yaml declares {}", known.join(", "))),
    );
}

/// The text of a parameter, where nothing is put into it.
pub(super) fn literal(param: &Param) -> Option<&str> {
    match param {
        Param::Value(value) => value.as_str(),
        Param::Text(template) => template.literal(),
        Param::Expr(_) | Param::List(_) | Param::Map(_) => None,
    }
}

fn items(param: Option<&Param>) -> Vec<&Param> {
    match param {
        Some(Param::List(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

fn notify(loaded: &Loaded, outline: &Outline, step: &Step, action: &Action, findings: &mut Diagnostics) {
    let spot = |path: &str| place(loaded, outline, Some(&step.id), path);
    for (key, index) in [("channel", true), ("contact", false)] {
        let listed = items(action.params.get(key));
        for (number, item) in listed.iter().enumerate() {
            let Some(text) = literal(item) else { continue };
            let exact = loaded.spots.get(&outline.runbook.name, Some(&step.id), &format!("notify.{key}[{number}]"));
            let at = exact.unwrap_or_else(|| spot(&format!("notify.{key}")));
            let found = if index { channel(loaded, text, at) } else { contact(loaded, text, at) };
            if let Some(finding) = found {
                findings.push(finding);
            }
        }
    }
}

/// A finding for an address whose channel does not exist: `slack:#alerts`.
pub(super) fn channel(loaded: &Loaded, text: &str, spot: Spot) -> Option<Diagnostic> {
    let name = text.split(':').next().unwrap_or(text).trim();
    let known: Vec<&str> =
        loaded.book.settings.channels.keys().map(Name::as_str).chain(BUILT_IN.iter().copied()).collect();
    if known.contains(&name) {
        return mailed(loaded, name, text, spot);
    }
    let finding = Diagnostic::error(Code::UnknownChannel, spot, format!("unknown channel `{name}`")).help(format!(
        "stepladder.yaml declares {}; `terminal` and `file:NAME` are always there",
        shown(&loaded.book.settings.channels.keys().map(Name::as_str).collect::<Vec<_>>())
    ));
    Some(finding.did_you_mean(name, known.iter().copied()))
}

/// A finding for what is no mail address, behind the name of a channel of mail.
fn mailed(loaded: &Loaded, name: &str, text: &str, spot: Spot) -> Option<Diagnostic> {
    let mut channels = loaded.book.settings.channels.iter();
    let mail = channels.any(|(channel, param)| channel.as_str() == name && param.get("smtp").is_some());
    let to = text.split_once(':').map(|(_, to)| to.trim()).filter(|to| mail && !to.is_empty() && !to.contains("{{"))?;
    let bad = to.split(',').find_map(|one| (syntax::MAIL.test)(one).err())?;
    let help = format!("write it like `{name}:{}`", syntax::MAIL.example);
    Some(Diagnostic::error(Code::BadAddress, spot, bad).help(help))
}

fn shown(names: &[&str]) -> String {
    if names.is_empty() { "no channels".into() } else { names.join(", ") }
}

/// A finding for a person or rotation that does not exist: `ivanova`, `on_call.platform`.
pub(super) fn contact(loaded: &Loaded, text: &str, spot: Spot) -> Option<Diagnostic> {
    let Some(ladder) = &loaded.book.escalation else {
        return Some(
            Diagnostic::error(
                Code::UnknownContact,
                spot,
                format!("`{text}` is nobody: this book has no escalation.yaml"),
            )
            .help("declare people there below `contacts:`, or use `channel`"),
        );
    };
    if super::rungs::somebody(ladder, text) {
        return None;
    }
    let known = people(ladder);
    Some(
        Diagnostic::error(Code::UnknownContact, spot, format!("unknown contact `{text}`"))
            .help(format!("escalation.yaml declares {}", shown(&known.iter().map(String::as_str).collect::<Vec<_>>())))
            .did_you_mean(text, known.iter().map(String::as_str)),
    )
}

fn people(ladder: &Escalation) -> Vec<String> {
    let rotations = ladder.on_call.keys().map(|name| format!("on_call.{name}"));
    ladder.contacts.keys().map(ToString::to_string).chain(rotations).collect()
}
