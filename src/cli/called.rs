//! Runs that a run called: what they would do, and which of their steps went wrong.

use crate::cli::door::Door;
use crate::cli::view::{Line, Question, Tone, View, short};
use crate::diagnostic::render::Style;
use crate::runtime::clock;

/// Calls within calls that are looked into.
const DEPTH: usize = 16;

/// What is to be said of the runs that a run called: all of it for a dry run, else of those that went wrong what did.
/// One that can't be read says nothing; the step that called it said how it ended.
pub(super) async fn called(door: &Door, view: &View, style: Style) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut left: Vec<_> = view.called().into_iter().rev().map(|found| (1, found)).collect();
    while let Some((depth, (place, child, bad))) = left.pop() {
        if !(bad || view.is_dry()) || depth > DEPTH {
            continue;
        }
        let Ok(detail) = door.run(&child).await else { continue };
        let mut inner = View::new(detail.outline);
        detail.events.iter().for_each(|event| inner.apply(event));
        let said = if view.is_dry() { inner.tree(style, clock::now()) } else { inner.wrong(style) };
        let word = if view.is_dry() { "would be" } else { "was" };
        lines
            .push(Line::new(&format!("  {place} {word} run {} of {}", short(&child), detail.row.runbook), Tone::Plain));
        lines.extend(said.into_iter().map(|line| Line::new("    ", Tone::Plain).join(line)));
        left.extend(inner.called().into_iter().rev().map(|found| (depth + 1, found)));
    }
    lines
}

/// The question that a run waits with which this one called, and that run.
pub(super) async fn question(door: &Door, view: &View) -> Option<(String, Question)> {
    let mut left = view.calls();
    for _ in 0..DEPTH {
        let (_, child) = left.pop()?;
        let detail = door.run(&child).await.ok()?;
        let mut inner = View::new(detail.outline);
        detail.events.iter().for_each(|event| inner.apply(event));
        if let Some(question) = inner.question() {
            return Some((child, question));
        }
        left.extend(inner.calls());
    }
    None
}
