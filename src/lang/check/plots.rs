//! Plots of reports: of measures that are declared, each of one series, under names that a template can say.

use super::outline::Outline;
use super::{key_place, place};
use crate::base::ids::StepId;
use crate::base::limits;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, closest};
use crate::expr::Type;
use crate::lang::{Loaded, Mention};
use crate::model::param::Param;
use crate::model::plot::{self, Form};
use crate::model::step::Step;

/// Checks the plots of one runbook.
pub(super) fn check(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    for standing in outline.iter() {
        let step = standing.step.as_ref();
        let plots = plot::written(step);
        if plots.len() > limits::MAX_PLOTS {
            let message = format!("{} plots in one report, at most {} are drawn", plots.len(), limits::MAX_PLOTS);
            let spot = key_place(loaded, outline, Some(&step.id), "report.plots");
            findings.push(Diagnostic::error(Code::TooLarge, spot, message).help("make two reports of it"));
        }
        for (name, written) in plots {
            named(loaded, outline, step, name, findings);
            one(loaded, outline, step, (name, written), findings);
        }
    }
}

/// What a text of a report sees of its plots; `None` where it sees none.
pub(super) fn seen(outline: &Outline, mention: &Mention) -> Option<Type> {
    if mention.key != "report" {
        return None;
    }
    let body = mention.path.split(['.', '[']).nth(1)?;
    let (_, form) = Form::BODIES.into_iter().find(|(key, _)| *key == body)?;
    let plots = plot::written(outline.get(mention.step.as_ref()?)?.step);
    let ty = match form {
        Form::Drawing | Form::Line => Type::Text,
        Form::Data => Type::List(Box::new(Type::Any)),
    };
    (!plots.is_empty()).then(|| Type::record(plots.iter().map(|(name, _)| (name.as_str(), ty.clone()))))
}

fn named(loaded: &Loaded, outline: &Outline, step: &Step, name: &str, findings: &mut Diagnostics) {
    if let Err(bad) = StepId::parse(name) {
        let spot = key_place(loaded, outline, Some(&step.id), &format!("report.plots.{name}"));
        let finding = Diagnostic::error(Code::BadName, spot, format!("`{name}` is not a name here: {bad}"));
        findings.push(finding.help("a template says it as `{{ plots.NAME }}`: letters a-z, digits and `_`"));
    }
}

fn one(loaded: &Loaded, outline: &Outline, step: &Step, (name, written): (&str, &Param), findings: &mut Diagnostics) {
    let path = |rest: &str| format!("report.plots.{name}{rest}");
    let Some(measure) = written.get("measure").and_then(Param::value).and_then(|name| name.as_str()) else { return };
    let thresholds = &loaded.book.thresholds;
    let Some(threshold) = thresholds.values().find(|threshold| threshold.name.as_str() == measure) else {
        let spot = place(loaded, outline, Some(&step.id), &path(".measure"));
        let message = format!("`{measure}` is not declared in thresholds.yaml");
        let finding = Diagnostic::error(Code::UnknownThreshold, spot, message);
        findings.push(match closest(measure, thresholds.keys().map(StepId::as_str)) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help("name a measure that is declared there, and that a step takes"),
        });
        return;
    };
    let given: Vec<&str> = match written.get("labels") {
        Some(Param::Map(labels)) => labels.iter().map(|(label, _)| label.as_str()).collect(),
        Some(Param::Value(_) | Param::Text(_) | Param::Expr(_) | Param::List(_)) | None => Vec::new(),
    };
    let known: Vec<&str> = threshold.labels.iter().map(StepId::as_str).collect();
    for label in given.iter().filter(|label| !known.contains(*label)) {
        let spot = key_place(loaded, outline, Some(&step.id), &path(&format!(".labels.{label}")));
        let finding =
            Diagnostic::error(Code::UnknownName, spot, format!("`{measure}` is not declared with a label `{label}`"));
        findings.push(match closest(label, known.iter().copied()) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help(format!("declare it in thresholds.yaml: `labels: [{label}]`")),
        });
    }
    let missing: Vec<&str> = known.iter().filter(|label| !given.contains(label)).copied().collect();
    // One that is misspelt is missing too, which says nothing new.
    if !missing.is_empty() && given.iter().all(|label| known.contains(label)) {
        let spot = key_place(loaded, outline, Some(&step.id), &path(""));
        let message = format!("`{measure}` has a series for each {}: say which is drawn", missing.join(", "));
        let labels: Vec<String> = missing.iter().map(|label| format!("{label}: …")).collect();
        let help =
            format!("write `labels: {{ {} }}`; an empty text is the series without that label", labels.join(", "));
        findings.push(Diagnostic::error(Code::MissingKey, spot, message).help(help));
    }
}
