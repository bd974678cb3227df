//! What the tests took of each runbook, and what none of them ever took.

use super::Session;
use crate::cli::table::{Cell, table};
use crate::cli::view::{Line, Tone};
use crate::diagnostic::render::Style;
use crate::service::trial::Branch;

/// The coverage of every runbook that was looked at, as text.
#[must_use]
pub fn told(session: &Session, style: Style) -> String {
    if session.covered.is_empty() {
        return String::new();
    }
    let mut rows = vec![head(&["coverage", "branches", "", "steps"])];
    for covered in &session.covered {
        let tone = match covered.percent() {
            100 => Tone::Good,
            0 => Tone::Bad,
            _ => Tone::Warning,
        };
        rows.push(vec![
            Cell::new(covered.runbook.as_str(), Tone::Plain),
            Cell::new(&format!("{} of {}", covered.taken, covered.branches), Tone::Plain),
            Cell::new(&format!("{} %", covered.percent()), tone),
            Cell::new(&format!("{} of {}", covered.steps.1, covered.steps.0), Tone::Plain),
        ]);
    }
    let mut never = vec![head(&["never taken", "step", "what"])];
    for covered in &session.covered {
        for branch in &covered.never {
            never.push(vec![
                Cell::new(&session.tests.place(branch.spot), Tone::Dim),
                Cell::new(branch.step.as_str(), Tone::Plain),
                Cell::new(&what(branch.branch, branch.handler), Tone::Plain),
            ]);
        }
    }
    let mut text = format!("\n{}", table(&rows, style));
    if never.len() > 1 {
        text.push('\n');
        text.push_str(&table(&never, style));
    } else {
        text.push_str(&Line::new("every branch was taken", Tone::Good).text(style));
        text.push('\n');
    }
    text
}

fn head(names: &[&str]) -> Vec<Cell> {
    names.iter().map(|name| Cell::new(name, Tone::Strong)).collect()
}

/// What was never taken, in words.
pub(super) fn what(branch: Branch, handler: Option<&str>) -> String {
    let word = match branch {
        Branch::Runs => "it runs",
        Branch::WhenFalse => "its `when` is false",
        Branch::Fails => "it fails for good",
    };
    handler.map_or_else(|| word.to_owned(), |handler| format!("{word} (`{handler}`)"))
}
