//! Secrets: only where `act` may put one, and only those the runbook lists.

use super::outline::Outline;
use crate::base::arg::{SEALED_INPUT, SEALED_OUTPUT};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::lang::{Formula, Loaded, Mention};
use crate::model::kind::Kind;
use crate::model::step::StepKind;

/// Checks the secrets that the templates of one runbook name.
pub(super) fn check(loaded: &Loaded, outline: &Outline, mentions: &[&Mention], findings: &mut Diagnostics) {
    let listed = &outline.runbook.secrets;
    for mention in mentions {
        let Formula::Template(template) = &mention.what else { continue };
        for read in template.secrets() {
            let spot = mention.text.spot(read.offset, read.len);
            let name = read.path.get(1).map_or("", String::as_str);
            if let Some(input) = name.strip_prefix(SEALED_INPUT) {
                if !may_hold(mention) && !is_passed_on(loaded, outline, mention) {
                    findings.push(misplaced(mention, &Named { written: name, bare: input }, spot));
                }
                continue;
            }
            if name.starts_with(SEALED_OUTPUT) {
                if !may_hold(mention) {
                    findings.push(misplaced(mention, &Named { written: name, bare: name }, spot));
                }
                continue;
            }
            if !may_hold(mention) {
                findings.push(misplaced(mention, &Named::listed(name, &format!("secrets.{name}")), spot));
            }
            if !listed.iter().any(|known| known == name) {
                let finding = Diagnostic::error(
                    Code::UnknownSecret,
                    spot,
                    format!("the secret `{name}` is not listed in `secrets:` of this runbook"),
                );
                let finding = match loaded.spots.get(&outline.runbook.name, None, "secrets") {
                    Some(list) => finding.note(list, "the list"),
                    None => finding,
                };
                findings.push(match crate::diagnostic::closest(name, listed.iter().map(String::as_str)) {
                    Some(near) => finding.help(format!("did you mean `{near}`?")),
                    None => finding.help(format!("add it: `secrets: [{}]`", with(listed, name))),
                });
            }
        }
    }
}

/// Checks the secrets that templates of the whole book name: only settings that are for a way out hold any.
pub(super) fn check_book(mention: &Mention, findings: &mut Diagnostics) {
    let Formula::Template(template) = &mention.what else { return };
    let path = mention.path.as_str();
    if mention.key == "channels" || path == "dead_man.url" || path.starts_with("telemetry.headers.") {
        return;
    }
    for read in template.secrets() {
        let name = read.path.get(1).map_or("", String::as_str);
        let written = format!("secrets.{name}");
        findings.push(misplaced(mention, &Named::listed(name, &written), mention.text.spot(read.offset, read.len)));
    }
}

fn with(listed: &[String], name: &str) -> String {
    listed.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(", ")
}

/// Whether a value that stands here is given to the world without being seen on the way.
fn may_hold(mention: &Mention) -> bool {
    if mention.key == "env" {
        return true;
    }
    let Some(kind) = Kind::parse(mention.key) else { return false };
    let key = mention.path.split(['.', '[']).nth(1).unwrap_or_default();
    kind.secret_keys().contains(&key)
}

/// Whether it is given on, sealed, to a runbook that takes a secret there.
fn is_passed_on(loaded: &Loaded, outline: &Outline, mention: &Mention) -> bool {
    let step = mention.step.as_ref().and_then(|id| outline.get(id)).map(|standing| &standing.step.kind);
    let (Some(StepKind::Call(call)), Some(input)) = (step, mention.path.strip_prefix("runbook.inputs.")) else {
        return false;
    };
    loaded.book.runbooks.get(&call.runbook).is_some_and(|called| called.is_sealed(input))
}

/// A secret as its finding calls it.
struct Named<'a> {
    /// `secrets.TOKEN`, `inputs.token`.
    written: &'a str,
    /// `TOKEN`, `token`.
    bare: &'a str,
}

impl<'a> Named<'a> {
    fn listed(bare: &'a str, written: &'a str) -> Self {
        Self { written, bare }
    }
}

fn misplaced(mention: &Mention, named: &Named<'_>, spot: crate::diagnostic::Spot) -> Diagnostic {
    let Named { written, bare } = *named;
    let name = bare.rsplit('.').next().unwrap_or(bare).to_ascii_uppercase();
    let help = match mention.key {
        "shell" | "exec" => {
            format!(
                "put it into `env: {{ {name}: \"{{{{ {written} }}}}\" }}` of the step and use \"${name}\" in the command"
            )
        }
        "script" | "sql" => format!("put it into `env: {{ {name}: \"{{{{ {written} }}}}\" }}` of the step"),
        _ => "secrets go into `env`, HTTP headers, body and auth, passwords, and settings of channels, `telemetry.headers` and `dead_man.url`, nowhere else"
            .into(),
    };
    let message = format!("the secret `{bare}` may not stand in `{}`: it would be seen", mention.path);
    Diagnostic::error(Code::SecretPlace, spot, message).label("not here").help(help)
}
