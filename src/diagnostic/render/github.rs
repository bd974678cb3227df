//! Findings as GitHub workflow commands: annotations beside the changed lines of a pull request.

use super::json::word;
use crate::diagnostic::{Diagnostics, Sources, Spot};
use std::fmt::Write;

/// One `::error …` or `::warning …` line for each finding.
#[must_use]
pub fn github(sources: &Sources, findings: &Diagnostics) -> String {
    let mut text = String::new();
    for finding in findings.sorted() {
        let (line, column) = sources.line_column(finding.spot);
        let (end_line, end_column) =
            sources.line_column(Spot { start: finding.spot.end.max(finding.spot.start), ..finding.spot });
        let file = property(&sources.get(finding.spot.file).name);
        let mut message = finding.message.clone();
        if let Some(help) = &finding.help {
            message.push_str("\nhelp: ");
            message.push_str(help);
        }
        for note in &finding.notes {
            let (line, column) = sources.line_column(note.spot);
            let _ = write!(message, "\nsee {}:{line}:{column}: {}", sources.get(note.spot.file).name, note.text);
        }
        let _ = writeln!(
            text,
            "::{} file={file},line={line},endLine={end_line},col={column},endColumn={end_column},title={}::{}",
            word(finding.severity),
            property(finding.code.as_str()),
            data(&message),
        );
    }
    text
}

/// A message: `%` and line breaks would end or change the command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property: commas and colons separate these as well.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
