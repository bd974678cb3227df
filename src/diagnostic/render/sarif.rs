//! Findings as SARIF 2.1.0, for code scanning.

use super::json::word;
use crate::base::value::{Value, json};
use crate::diagnostic::{Code, Diagnostics, Sources, Spot};
use std::fmt::Write;

/// One SARIF log with one run; its rules are the codes that were found.
#[must_use]
pub fn sarif(sources: &Sources, findings: &Diagnostics) -> String {
    let sorted = findings.sorted();
    let mut codes: Vec<Code> = sorted.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| rule(*code)).collect();
    let results: Vec<Value> = sorted
        .iter()
        .map(|finding| {
            let text = match &finding.help {
                Some(help) => format!("{}\n{help}", finding.message),
                None => finding.message.clone(),
            };
            let related: Vec<Value> =
                finding.notes.iter().map(|note| location(sources, note.spot, Some(&note.text))).collect();
            json!({
                "ruleId": finding.code.as_str(),
                "ruleIndex": codes.iter().position(|code| *code == finding.code),
                "level": word(finding.severity),
                "message": { "text": text },
                "locations": [location(sources, finding.spot, None)],
                "relatedLocations": related,
            })
        })
        .collect();
    let driver = json!({ "name": "stepladder", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results }],
    });
    format!("{log:#}\n")
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.as_str(),
        "shortDescription": { "text": code.title() },
        "help": { "text": code.page(), "markdown": code.page() },
    })
}

fn location(sources: &Sources, spot: Spot, text: Option<&str>) -> Value {
    let (line, column) = sources.line_column(spot);
    let (end_line, end_column) = sources.line_column(Spot { start: spot.end.max(spot.start), ..spot });
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&sources.get(spot.file).name) },
            "region": { "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column },
        },
    });
    if let Some(text) = text {
        location["message"] = json!({ "text": text });
    }
    location
}

/// A relative path as a URI reference.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}
