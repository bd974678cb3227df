//! Findings as one JSON document, for programs. Its shape is a promise: it may grow, never shrink.

use crate::base::value::{Value, json as value};
use crate::diagnostic::{Diagnostics, Severity, Sources, Spot};

/// The findings as a JSON document: `version`, `errors`, `warnings`, `findings` in the order of places.
#[must_use]
pub fn json(sources: &Sources, findings: &Diagnostics) -> String {
    let sorted = findings.sorted();
    let errors = sorted.iter().filter(|finding| finding.severity == Severity::Error).count();
    let listed: Vec<Value> = sorted
        .iter()
        .map(|finding| {
            let notes: Vec<Value> = finding
                .notes
                .iter()
                .map(|note| value!({ "text": note.text, "at": place(sources, note.spot) }))
                .collect();
            value!({
                "code": finding.code.as_str(),
                "severity": word(finding.severity),
                "message": finding.message,
                "at": place(sources, finding.spot),
                "label": finding.label,
                "notes": notes,
                "help": finding.help,
            })
        })
        .collect();
    let document = value!({ "version": 1, "errors": errors, "warnings": sorted.len() - errors, "findings": listed });
    format!("{document:#}\n")
}

/// The word of a severity, in every rendering for programs.
pub(super) fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn place(sources: &Sources, spot: Spot) -> Value {
    let (line, column) = sources.line_column(spot);
    let (end_line, end_column) = sources.line_column(Spot { start: spot.end.max(spot.start), ..spot });
    value!({
        "file": sources.get(spot.file).name,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "start": spot.start,
        "end": spot.end,
    })
}
