//! How tests went as JSON: a line for each test, one for all of them at the end.

use super::Session;
use super::coverage::what;
use crate::base::value::{Map, Value, json};
use crate::model::test::Subject;
use crate::service::trial::{Branch, Covered, Line, Miss, Tried, Verdict};
use std::fmt::Write as _;

/// The lines.
#[must_use]
pub fn lines(session: &Session, coverage: bool) -> String {
    let mut text: String =
        session.tried.iter().filter_map(|tried| one(session, tried)).map(|row| format!("{row}\n")).collect();
    let passed = session.tried.len() - session.failed();
    let mut summary = json!({
        "tests": session.tried.len(),
        "passed": passed,
        "failed": session.failed(),
        "errors": session.unreadable,
        "real_ms": real(session.real),
    });
    if coverage {
        let rows: Vec<Value> = session.covered.iter().map(|covered| of_runbook(session, covered)).collect();
        summary["coverage"] = json!({ "percent": session.percent(), "runbooks": rows });
    }
    let _ = writeln!(text, "{summary}");
    text
}

fn one(session: &Session, tried: &Tried) -> Option<Value> {
    let test = session.tests.all().get(tried.index)?;
    let (line, _) = session.tests.loaded().sources.line_column(test.spot);
    let result = match &tried.verdict {
        Verdict::Passed => "passed",
        Verdict::Failed { .. } => "failed",
    };
    let mut row = json!({
        "test": test.title,
        "file": session.tests.loaded().sources.get(test.spot.file).name,
        "line": line,
        "result": result,
        "virtual_ms": tried.took.millis(),
        "real_ms": real(tried.real),
    });
    if let Subject::Runbook(name) = &test.subject {
        row["runbook"] = json!(name.value.as_str());
    }
    if let Verdict::Failed { misses, timeline } = &tried.verdict {
        row["misses"] = misses.iter().map(|miss| missed(session, miss)).collect();
        row["timeline"] = timeline.iter().map(happened).collect();
    }
    Some(row)
}

fn missed(session: &Session, miss: &Miss) -> Value {
    let notes: Map<String, Value> = miss.notes.iter().map(|(word, text)| ((*word).to_owned(), json!(text))).collect();
    json!({ "at": session.tests.place(miss.spot), "message": miss.message, "notes": notes })
}

fn happened(line: &Line) -> Value {
    json!({ "at_ms": line.at.millis(), "place": line.place, "what": line.word, "why": line.what })
}

fn of_runbook(session: &Session, covered: &Covered) -> Value {
    let never = covered.never.iter().map(|never| {
        let branch = match never.branch {
            Branch::Runs => "runs",
            Branch::WhenFalse => "when_false",
            Branch::Fails => "fails",
        };
        let place = session.tests.place(never.spot);
        json!({ "at": place, "step": never.step.as_str(), "branch": branch, "what": what(never.branch, never.handler) })
    });
    json!({
        "runbook": covered.runbook.as_str(),
        "percent": covered.percent(),
        "branches": covered.branches,
        "taken": covered.taken,
        "steps": covered.steps.0,
        "steps_ran": covered.steps.1,
        "never": never.collect::<Vec<_>>(),
    })
}

fn real(real: std::time::Duration) -> Value {
    json!((real.as_secs_f64() * 100_000.0).round() / 100.0)
}
