//! Words that a condition compares with: an outcome, a kind of failure or an option that does not exist is never met.

use super::outline::Outline;
use crate::base::level::Outcome;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::lang::{Formula, Mention};
use crate::model::input::InputType;
use crate::model::policy::FailureKind;
use regex::Regex;
use std::sync::LazyLock;

/// `path == "word"`, either way round is rare enough to leave to the type check.
static COMPARED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"([a-z_][a-z0-9_.]*)\s*[!=]=\s*"([^"]*)""#).ok());

/// Checks the words that the expressions of one runbook compare with.
pub(super) fn check(outline: &Outline, mentions: &[&Mention], findings: &mut Diagnostics) {
    for mention in mentions {
        let Formula::Expr(expr) = &mention.what else { continue };
        if !expr.source().contains('"') {
            continue;
        }
        // Few runbooks compare with a word: those that do not need no pattern.
        let Some(compared) = COMPARED.as_ref() else { return };
        for found in compared.captures_iter(expr.source()) {
            let (Some(path), Some(word)) = (found.get(1), found.get(2)) else { continue };
            let Some((what, known)) = words(outline, path.as_str()) else { continue };
            if known.iter().any(|known| known == word.as_str()) {
                continue;
            }
            let spot = mention.text.spot(word.start(), word.len());
            let message = format!("`{}` is no {what}: this comparison never meets it", word.as_str());
            findings.push(
                Diagnostic::error(Code::NeverTrue, spot, message)
                    .help(format!("it is one of {}", known.join(", ")))
                    .did_you_mean(word.as_str(), known.iter().map(String::as_str)),
            );
        }
    }
}

/// What a path holds, and the words it can be.
fn words(outline: &Outline, path: &str) -> Option<(&'static str, Vec<String>)> {
    let parts: Vec<&str> = path.split('.').collect();
    match parts[..] {
        ["steps", _, "outcome"] => {
            Some(("outcome of a step", Outcome::ALL.map(|word| word.as_str().to_owned()).to_vec()))
        }
        ["run", "outcome"] => {
            let ends = [Outcome::Succeeded, Outcome::Recovered, Outcome::Failed, Outcome::Cancelled];
            Some(("outcome of a run", ends.map(|word| word.as_str().to_owned()).to_vec()))
        }
        ["error", "kind"] | ["steps", _, "error", "kind"] => {
            Some(("kind of failure", FailureKind::ALL.map(|kind| kind.as_str().to_owned()).to_vec()))
        }
        ["inputs", name] => {
            outline.runbook.inputs.iter().find(|input| input.name.as_str() == name).and_then(|input| match &input.ty {
                InputType::Choice(options) => Some(("option of this input", options.clone())),
                InputType::Text { .. }
                | InputType::Integer { .. }
                | InputType::Number { .. }
                | InputType::Boolean
                | InputType::Url
                | InputType::Duration
                | InputType::List
                | InputType::Json
                | InputType::Secret => None,
            })
        }
        _ => None,
    }
}
