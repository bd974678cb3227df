//! URLs: what is written of one begins as a URL does.

use super::outline::Outline;
use super::place;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spot};
use crate::lang::Loaded;
use crate::model::kind::Kind;
use crate::model::param::Param;
use crate::model::step::StepKind;

/// Keys whose value is the URL of an HTTP request.
pub(super) const KEYS: &[&str] = &["get", "head", "post", "put", "patch", "delete", "url"];

/// Checks the URLs of one runbook. One that begins with a value is looked at when it is known.
pub(super) fn check(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    for standing in outline.iter() {
        let StepKind::Act(action) = &standing.step.kind else { continue };
        if !matches!(action.kind, Kind::Http | Kind::Scrape | Kind::Prometheus) {
            continue;
        }
        for key in KEYS {
            let Some(text) = action.params.get(key).and_then(written) else { continue };
            if ["http://", "https://", "{{"].iter().any(|start| text.starts_with(start)) {
                continue;
            }
            let path = format!("{}.{key}", action.kind.name());
            findings.push(no_url(text, place(loaded, outline, Some(&standing.step.id), &path)));
        }
    }
}

/// The text as it stands in the file.
pub(super) fn written(param: &Param) -> Option<&str> {
    match param {
        Param::Text(template) => Some(template.source()),
        Param::Value(value) => value.as_str(),
        Param::Expr(_) | Param::List(_) | Param::Map(_) => None,
    }
}

fn no_url(text: &str, spot: Spot) -> Diagnostic {
    let finding = Diagnostic::error(Code::BadUrl, spot, format!("`{text}` is not an http or https URL"));
    match text.split_once("://") {
        Some((scheme, _)) => finding.help(format!("`{scheme}` is not spoken here: write http:// or https://")),
        None => finding.help(format!("say how to speak to it: `http://{text}` or `https://{text}`")),
    }
}
