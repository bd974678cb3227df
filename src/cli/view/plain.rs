//! The run as a log: one line for each event worth one, in the words of the tree.

use super::fold::View;
use super::ink::{LONGEST, Line, Tone};
use super::node::State;
use super::step_row::{below, end_mark, standing};
use super::words::{between, human, short};
use crate::api::wire::{OutlineStep, What, WireEvent};
use crate::base::address::{Lane, Place};
use crate::diagnostic::render::Style;
use jiff::Timestamp;

/// The lines for an event that `view` has already taken in; most events are worth none.
#[must_use]
pub fn lines(view: &View, event: &WireEvent, style: Style) -> Vec<Line> {
    told(view, event, style).into_iter().map(|line| line.bounded(LONGEST, style)).collect()
}

fn told(view: &View, event: &WireEvent, style: Style) -> Vec<Line> {
    let said = |text: String, tone| vec![stamp(view, event.at).and(&text, tone)];
    match &event.what {
        What::RunStarted { run, runbook, actor, dry, .. } => {
            let dry = if *dry { ", a dry run: nothing is changed" } else { "" };
            said(format!("{runbook} begins, run {}, started by {actor}{dry}", short(run)), Tone::Strong)
        }
        What::RunQueued { group, holders } => {
            // Whether it is free at once is not known yet: the next event says it.
            let holders: Vec<&str> = holders.iter().map(|run| short(run)).collect();
            if holders.is_empty() {
                return Vec::new();
            }
            said(format!("waits for group {group}, held by run {}", holders.join(", ")), Tone::Notice)
        }
        What::CancelAsked { actor, reason } => said(format!("being cancelled by {actor}: {reason}"), Tone::Warning),
        What::RunTimedOut => said("the run passed its timeout".into(), Tone::Bad),
        What::RunClockSet { by_ms } if *by_ms != 0 => {
            let way = if *by_ms < 0 { "back" } else { "forward" };
            said(
                format!("the clock was set {way} by {}: timeouts count on", human(by_ms.saturating_abs())),
                Tone::Notice,
            )
        }
        What::StageEntered { stage } if stage != "steps" => {
            said(format!("{} begins", stage.replace('_', " ")), Tone::Dim)
        }
        What::RunEnded { .. } => view.summary(style),
        What::StepHeld { holder: None, .. } => Vec::new(),
        What::StepHeld { place, .. }
        | What::StepAsked { place, .. }
        | What::ApprovalSought { place, .. }
        | What::StepBackoff { place, .. } => step_lines(view, place, event.at, style),
        What::AttemptStarted { place, attempt, .. } if *attempt > 1 => {
            said(format!("{place}: attempt {attempt} begins"), Tone::Dim)
        }
        What::StepEnded { place, .. } | What::StepTakenOver { place, .. } => step_lines(view, place, event.at, style),
        What::ApprovalVoted { place, actor, person, approve, note, over, .. } => {
            let word = if *approve { "approved" } else { "rejected" };
            let past = if *over { ", past those who may" } else { "" };
            let note = if note.is_empty() { String::new() } else { format!(": {note}") };
            let who = person.as_ref().unwrap_or(actor);
            said(format!("{place} {word} by {who}{past}{note}"), if *approve { Tone::Plain } else { Tone::Warning })
        }
        What::ApprovalTold { place, problems } => {
            problems.iter().flat_map(|problem| said(format!("{place}: {problem}"), Tone::Warning)).collect()
        }
        What::RunAdmitted
        | What::StageEntered { .. }
        | What::RunClockSet { .. }
        | What::StepAnswered { .. }
        | What::AttemptStarted { .. }
        | What::AttemptEnded { .. }
        | What::StepOpened { .. }
        | What::LaneEntered { .. }
        | What::StepRested { .. }
        | What::RoundJudged { .. }
        | What::StepTimedOut { .. }
        | What::Unknown => Vec::new(),
    }
}

/// What is said when nothing else was for a while.
#[must_use]
pub fn heartbeat(view: &View, now: Timestamp) -> Option<Line> {
    let running: Vec<String> = view
        .nodes
        .iter()
        .filter_map(|(place, node)| match &node.state {
            State::Running { since, .. } => Some(format!("{place} ({})", human(between(*since, now)))),
            State::Open { .. }
            | State::Held { .. }
            | State::Asked { .. }
            | State::Polling(_)
            | State::Backoff { .. }
            | State::Resting { .. }
            | State::Between
            | State::Ended(_) => None,
        })
        .collect();
    (!running.is_empty()).then(|| stamp(view, now).and(&format!("still runs: {}", running.join(", ")), Tone::Dim))
}

/// How far into the run: `[  4.2s] `.
fn stamp(view: &View, at: Timestamp) -> Line {
    let since = view.started.map_or(0, |started| between(started, at));
    Line::new(&format!("[{:>7}] ", human(since)), Tone::Dim)
}

fn step_lines(view: &View, place: &str, at: Timestamp, style: Style) -> Vec<Line> {
    let Ok(place) = Place::parse(place) else { return Vec::new() };
    let (Some(node), Some(step)) = (view.nodes.get(&place), find(view, &place)) else { return Vec::new() };
    let mut line = stamp(view, at).and(&place.to_string(), Tone::Plain);
    let item = place.last().item.and_then(|item| item_name(view, &place, item));
    if let Some(item) = item {
        line = line.and(&format!(" {item}"), Tone::Plain);
    }
    let outcome = node.end().map(|end| (end.outcome.as_str(), end_mark(&end.outcome, &end.level).2));
    if let Some(("succeeded", tone)) = outcome {
        line = line.and(" succeeded", tone);
    }
    for word in standing(step, node, at) {
        line = line.and(" ", Tone::Plain).join(word);
    }
    if step.title != step.id && outcome.is_some() && place.last().item.is_none() {
        line = line.and(&format!("  ({})", step.title), Tone::Dim);
    }
    let indent = |line| Line::new("            ", Tone::Plain).join(line);
    std::iter::once(line).chain(below(step, node, style).into_iter().map(indent)).collect()
}

fn item_name(view: &View, place: &Place, item: u32) -> Option<String> {
    let whole = place.parent()?;
    view.nodes.get(&whole)?.items.as_ref()?.get(usize::try_from(item).ok()?).cloned()
}

/// The step of the text that a place executes.
fn find<'a>(view: &'a View, place: &Place) -> Option<&'a OutlineStep> {
    let outline = &view.outline;
    let mut found: Option<&OutlineStep> = None;
    for segment in place.segments() {
        let list = match (found, segment.lane) {
            (None, Lane::OnFailure) => &outline.on_failure,
            (None, Lane::Finally) => &outline.finally,
            (None, _) => &outline.steps,
            (Some(step), Lane::Body(_)) => &step.body,
            (Some(step), Lane::Recover) => &step.recover,
            (Some(step), Lane::OnError) => &step.on_error,
            (Some(step), Lane::Undo) => &step.undo,
            (Some(step), Lane::Until(_)) => &step.until,
            (Some(step), Lane::Try(_)) => &step.tries,
            (Some(step), Lane::Round(_)) => &step.round,
            (Some(_), Lane::OnFailure | Lane::Finally) => return None,
        };
        found = Some(list.iter().find(|step| step.id == segment.step.as_str())?);
    }
    found
}
