//! Measures: declared in `thresholds.yaml`, in a unit that is known, with labels that are declared.

use super::outline::Outline;
use super::{key_place, place};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spot};
use crate::expr::Expr;
use crate::lang::Loaded;
use crate::model::measure::{Measure, Threshold, convert};
use crate::model::shape::{Field, FieldType};
use crate::model::step::{Step, StepKind};

/// Checks the measures that one runbook takes.
pub(super) fn check(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    for standing in outline.iter() {
        for measure in &standing.step.measure {
            one(loaded, outline, standing.step, measure, findings);
        }
    }
}

fn one(loaded: &Loaded, outline: &Outline, step: &Step, measure: &Measure, findings: &mut Diagnostics) {
    let path = |rest: &str| format!("measure.{}{rest}", measure.name);
    let whole = place(loaded, outline, Some(&step.id), &path(""));
    let Some(threshold) = loaded.book.thresholds.get(&measure.name) else {
        let known = loaded.book.thresholds.keys().map(crate::base::ids::StepId::as_str);
        let message = format!("`{}` is not declared in thresholds.yaml", measure.name);
        let spot = key_place(loaded, outline, Some(&step.id), &path(""));
        let finding = Diagnostic::error(Code::UnknownThreshold, spot, message);
        findings.push(match crate::diagnostic::closest(measure.name.as_str(), known) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding
                .help(format!("add it there: `{}: {{}}` is enough, `warning:` and `critical:` judge it", measure.name)),
        });
        return;
    };
    let value = loaded.spots.get(&outline.runbook.name, Some(&step.id), &path(".value")).unwrap_or(whole);
    let unit = loaded.spots.get(&outline.runbook.name, Some(&step.id), &path(".unit")).unwrap_or(value);
    let known = unit_known(outline, step, measure);
    units(measure, known, threshold, (value, unit), findings);
    for (label, _) in &measure.labels {
        if !threshold.labels.contains(label) {
            let spot = key_place(loaded, outline, Some(&step.id), &path(&format!(".labels.{label}")));
            let message = format!("`{}` is not declared with a label `{label}`", measure.name);
            let known: Vec<&str> = threshold.labels.iter().map(crate::base::ids::StepId::as_str).collect();
            let finding = Diagnostic::error(Code::UnknownName, spot, message);
            findings.push(match crate::diagnostic::closest(label.as_str(), known.iter().copied()) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(format!(
                    "declare it in thresholds.yaml: `labels: [{}]`",
                    known.iter().copied().chain([label.as_str()]).collect::<Vec<_>>().join(", ")
                )),
            });
        }
    }
}

fn units(
    measure: &Measure,
    known: Option<&'static str>,
    threshold: &Threshold,
    (value, unit): (Spot, Spot),
    findings: &mut Diagnostics,
) {
    let name = &measure.name;
    match (&threshold.unit, &measure.unit) {
        (None, Some(given)) => findings.push(
            Diagnostic::error(
                Code::BadUnit,
                unit,
                format!("`{name}` is declared without a unit, so `{given}` cannot be converted"),
            )
            .help(format!("declare it in thresholds.yaml: `unit: {given}`")),
        ),
        (Some(declared), Some(given)) if convert(given, declared).is_none() => findings.push(
            Diagnostic::error(
                Code::BadUnit,
                unit,
                format!("`{given}` cannot be converted to `{declared}`, the unit of `{name}`"),
            )
            .help("give the unit the value really has; time, bytes and shares convert among themselves"),
        ),
        (Some(_), Some(given)) => contradicted(measure, known, given, unit, findings),
        (None, None) => {}
        (Some(declared), None) => bare(measure, known, declared, value, findings),
    }
}

/// A unit beside a field whose name says another: the value would be converted from what it is not.
fn contradicted(measure: &Measure, known: Option<&'static str>, given: &str, unit: Spot, findings: &mut Diagnostics) {
    let [read] = measure.value.reads() else { return };
    let source = measure.value.source().trim();
    if source != read.path.join(".") {
        return;
    }
    if let Some(known) = known.filter(|known| *known != given)
        && convert(known, given).is_some()
    {
        findings.push(
            Diagnostic::error(Code::BadUnit, unit, format!("`{source}` is in `{known}`, not in `{given}`"))
                .help(format!("write `unit: {known}`: it is converted to that of `{}`", measure.name)),
        );
    }
}

/// A value without a unit under a threshold that has one: its field's name may say it.
fn bare(measure: &Measure, known: Option<&'static str>, declared: &str, value: Spot, findings: &mut Diagnostics) {
    let name = &measure.name;
    match known {
        Some(known) if known == declared => {}
        Some(known) if convert(known, declared).is_some() => findings.push(
            Diagnostic::error(
                Code::BadUnit,
                value,
                format!("this is in `{known}`, and `{name}` is kept in `{declared}`"),
            )
            .help(format!(
                "say so and it is converted: `{name}: {{ value: {}, unit: {known} }}`",
                measure.value.source()
            )),
        ),
        Some(_) | None => findings.push(
            Diagnostic::error(
                Code::BadUnit,
                value,
                format!("a number without a unit: `{name}` is kept in `{declared}`"),
            )
            .help(format!("say what it is in: `{name}: {{ value: {}, unit: {declared} }}`", measure.value.source())),
        ),
    }
}

/// The unit that a measure's value carries in the name of the field it is, where that is a field of a kind: a name in JSON
/// from outside promises nothing.
fn unit_known(outline: &Outline, step: &Step, measure: &Measure) -> Option<&'static str> {
    let [read] = measure.value.reads() else { return None };
    let path: Vec<&str> = read.path.iter().map(String::as_str).collect();
    let each: Vec<&str> = match measure.each.as_ref().map(Expr::reads) {
        Some([list]) if path.first() == Some(&"it") => list.path.iter().map(String::as_str).chain(["*"]).collect(),
        Some(_) | None => Vec::new(),
    };
    let path = if each.is_empty() { path } else { [&each[..], &path[1..]].concat() };
    let (step, names) = match path.as_slice() {
        ["output", names @ ..] => (step, names),
        ["steps", id, "output", names @ ..] => {
            (outline.iter().find(|it| it.step.id.as_str() == *id)?.step.as_ref(), names)
        }
        _ => return None,
    };
    let StepKind::Act(action) = &step.kind else { return None };
    field(action.kind.spec().output, names).and_then(unit_of)
}

/// The name of the field to which these lead, all the way through what the tables of kinds promise.
fn field<'n>(fields: &[Field], names: &[&'n str]) -> Option<&'n str> {
    let (name, rest) = names.split_first()?;
    let field = fields.iter().find(|field| field.name == *name)?;
    if rest.is_empty() { Some(name) } else { within(&field.ty, rest) }
}

fn within<'n>(ty: &FieldType, names: &[&'n str]) -> Option<&'n str> {
    match ty {
        FieldType::Record(fields) => self::field(fields, names),
        FieldType::List(of) | FieldType::Map(of) => within(of, names.get(1..)?),
        FieldType::Maybe(of) => within(of, names),
        FieldType::Any | FieldType::Bool | FieldType::Int | FieldType::Number | FieldType::Text | FieldType::Secret => {
            None
        }
    }
}

/// The unit that an output field carries in its name.
fn unit_of(field: &str) -> Option<&'static str> {
    const ENDINGS: &[(&str, &str)] = &[
        ("_ms", "ms"),
        ("_seconds", "s"),
        ("_s", "s"),
        ("_percent", "%"),
        ("_bytes", "B"),
        ("_days", "d"),
        ("days_left", "d"),
    ];
    let percent = field == "percent";
    let found = ENDINGS.iter().find(|(ending, _)| field.ends_with(ending) || field == ending.trim_start_matches('_'));
    if percent { Some("%") } else { found.map(|(_, unit)| *unit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_carry_units() {
        for (field, unit) in [
            ("latency_ms", Some("ms")),
            ("used_percent", Some("%")),
            ("days_left", Some("d")),
            ("free_bytes", Some("B")),
            ("status", None),
        ] {
            assert_eq!(unit_of(field), unit, "{field}");
        }
    }
}
