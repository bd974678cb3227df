//! One step as lines: its mark, its title, how it stands, and what is to be said below.

use super::ink::{Line, Tone};
use super::node::{End, Node, State, last_words};
use super::words::{badness, between, human, measure, short, until};
use crate::api::wire::OutlineStep;
use crate::diagnostic::render::Style;
use jiff::Timestamp;

/// Lines of output shown below a failed step.
const LAST_WORDS: usize = 3;
/// Columns of each of them; `logs` has the whole.
const LAST_COLUMNS: usize = 240;
/// Measures that are all right are named up to so many.
const QUIET_MEASURES: usize = 8;

/// Processor milliseconds from which on they are shown.
const LONG: u64 = 1_000;
/// KiB of memory from which on they are shown.
const LARGE: u64 = 256 * 1024;

/// The sign before a title: `(unicode, ascii, tone)`. The ASCII ones are words, all four columns wide.
pub(super) type Mark = (&'static str, &'static str, Tone);

/// The sign of a step that has not begun.
pub(super) const PENDING: Mark = ("·", ".   ", Tone::Dim);

/// Frames of what runs.
const SPIN: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// The sign of an execution.
pub(super) fn mark(node: &Node, now: Timestamp) -> Mark {
    match &node.state {
        State::Running { .. } | State::Open { .. } | State::Between => {
            let frame = usize::try_from(now.as_millisecond() / 100).unwrap_or_default() % SPIN.len();
            (SPIN[frame], "run ", Tone::Busy)
        }
        State::Held { .. } | State::Backoff { .. } | State::Resting { .. } => ("…", "wait", Tone::Notice),
        State::Asked { .. } | State::Polling(_) => ("?", "ASK ", Tone::Warning),
        State::Ended(end) => end_mark(&end.outcome, &end.level),
    }
}

/// The sign of an end.
pub(super) fn end_mark(outcome: &str, level: &str) -> Mark {
    match (outcome, level) {
        ("succeeded", "ok") => ("✔", "ok  ", Tone::Good),
        ("recovered", "ok" | "notice") => ("↻", "fix ", Tone::Notice),
        ("succeeded", "notice") => ("✔", "note", Tone::Notice),
        ("succeeded" | "recovered", "warning") => ("▲", "WARN", Tone::Warning),
        ("succeeded" | "recovered", _) => ("▲", "CRIT", Tone::Bad),
        ("failed", "ok" | "notice" | "warning") => ("✖", "fail", Tone::Warning),
        ("failed", _) => ("✖", "FAIL", Tone::Bad),
        ("skipped", _) => ("–", "skip", Tone::Dim),
        ("unreached", _) => ("○", "-   ", Tone::Dim),
        ("cancelled", _) => ("■", "stop", Tone::Warning),
        _ => ("?", "LOST", Tone::Bad),
    }
}

/// A mark and a blank.
pub(super) fn mark_line(mark: Mark, style: Style) -> Line {
    let (unicode, ascii, tone) = mark;
    Line::new(if style.unicode { unicode } else { ascii }, tone).and(" ", Tone::Plain)
}

/// How a step stands, in a few words behind its title.
pub(super) fn standing(step: &OutlineStep, node: &Node, now: Timestamp) -> Vec<Line> {
    let dim = |text: String| Line::new(&text, Tone::Dim);
    let attempts = (node.attempt > 1).then(|| dim(attempt(step, node)));
    let mut words = match &node.state {
        State::Running { since, deadline } => {
            let limit = deadline.map(|at| format!(" of {}", human(between(*since, at)))).unwrap_or_default();
            let ran = Line::new(&human(between(*since, now)), Tone::Busy).and(&limit, Tone::Dim);
            let child = node.child.as_ref().map(|child| dim(format!("run {}", short(child))));
            [Some(ran), attempts, child].into_iter().flatten().collect()
        }
        State::Open { since, until: None } => vec![Line::new(&human(between(*since, now)), Tone::Busy)],
        State::Open { since, until: Some(at) } => {
            vec![Line::new(&human(between(*since, now)), Tone::Busy), dim(format!("{} left", until(*at, now)))]
        }
        State::Held { since, mutex, holder } => {
            let holder = holder.as_ref().map(|run| format!(", held by run {}", short(run))).unwrap_or_default();
            let since = waited(*since, now);
            vec![Line::new(&format!("waits for mutex {mutex}{holder}{since}"), Tone::Notice)]
        }
        State::Asked { since, question, .. } => {
            let since = waited(*since, now);
            vec![Line::new(&format!("waits for an answer{since}: {question}"), Tone::Warning)]
        }
        State::Polling(poll) => {
            let (since, by) = (waited(poll.since, now), poll.by.join(", "));
            let left = poll.until.map_or(String::new(), |at| format!(", {} left", until(at, now)));
            let have = match (poll.quorum, poll.approvers.len()) {
                (1, 0) => String::new(),
                (quorum, have) => format!(" ({have} of {quorum})"),
            };
            vec![Line::new(&format!("waits for approval by {by}{have}{since}{left}: {}", poll.message), Tone::Warning)]
        }
        State::Backoff { until: at } => {
            // A step made of others has no attempts of its own.
            let failed = if node.attempt == 0 { "failed".into() } else { format!("{} failed", attempt(step, node)) };
            vec![Line::new(&format!("{failed}, again in {}", until(*at, now)), Tone::Notice)]
        }
        State::Resting { until: at } => vec![dim(format!("next look in {}", until(*at, now)))],
        State::Between => attempts.into_iter().collect(),
        State::Ended(end) => ended(step, node, end),
    };
    words.extend(rounds(node));
    words
}

/// For how long, where that is worth saying.
fn waited(since: Timestamp, now: Timestamp) -> String {
    match between(since, now) {
        ..1_000 => String::new(),
        millis => format!(", for {}", human(millis)),
    }
}

fn attempt(step: &OutlineStep, node: &Node) -> String {
    let attempts = step.attempts.max(1);
    if attempts > 1 && node.attempt <= attempts {
        format!("attempt {} of {attempts}", node.attempt)
    } else {
        format!("attempt {}", node.attempt)
    }
}

fn ended(step: &OutlineStep, node: &Node, end: &End) -> Vec<Line> {
    let dim = |text: &str| Line::new(text, Tone::Dim);
    let took = between(node.began, end.at);
    let took = (took > 0).then(|| dim(&human(took)));
    let attempts = (node.attempt > 1).then(|| dim(&attempt(step, node)));
    let because = end.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let (_, _, tone) = end_mark(&end.outcome, &end.level);
    let word = match end.outcome.as_str() {
        "succeeded" => None,
        "failed" if end.level != "critical" => Some(Line::new(&format!("failed, allowed at {}", end.level), tone)),
        "failed" | "recovered" => Some(Line::new(&end.outcome, tone)),
        // A reason that begins with the outcome says it already.
        outcome => match &end.reason {
            Some(reason) if reason.starts_with(outcome) => Some(Line::new(reason, tone)),
            Some(_) | None => Some(Line::new(&format!("{outcome}{because}"), tone)),
        },
    };
    let before = end.taken_over.then(|| dim("as before"));
    let mut words: Vec<Line> = [word, took, attempts, before].into_iter().flatten().collect();
    words.extend(used(node).map(|used| dim(&used)));
    if let ([only], "ok") = (node.measures.as_slice(), end.level.as_str()) {
        words.push(dim(&measure(only)));
    }
    words
}

/// What its process took, where that is worth saying.
fn used(node: &Node) -> Option<String> {
    let (cpu_ms, peak_kib) = node.took;
    let cpu = (cpu_ms >= LONG).then(|| format!("{} of processor", human(i64::try_from(cpu_ms).unwrap_or(i64::MAX))));
    let peak = (peak_kib >= LARGE).then(|| format!("{} MiB", peak_kib / 1024));
    let words: Vec<String> = [cpu, peak].into_iter().flatten().collect();
    (!words.is_empty()).then(|| format!("took {}", words.join(", ")))
}

fn rounds(node: &Node) -> Option<Line> {
    let (good, bad, without) = node.rounds;
    let count = |n: u32, word: &str| (n > 0).then(|| format!("{n} {word}"));
    let words: Vec<String> = [count(good, "good"), count(bad, "bad"), count(without, "bad for want of data")]
        .into_iter()
        .flatten()
        .collect();
    (!words.is_empty()).then(|| Line::new(&words.join(", "), Tone::Dim))
}

/// What is to be said below a step: measures, findings, failures, what is known about a question.
pub(super) fn below(step: &OutlineStep, node: &Node, style: Style) -> Vec<Line> {
    let mut lines = measures(node, style);
    for finding in &node.findings {
        lines.push(Line::new(&format!("{} ({})", finding.message, finding.level), Tone::of_level(&finding.level)));
    }
    match &node.state {
        State::Asked { known, way, .. } => {
            lines.extend((!known.is_empty()).then(|| Line::new(known, Tone::Plain)));
            lines.push(Line::new(way, Tone::Dim));
        }
        State::Polling(poll) => {
            let have = (!poll.approvers.is_empty()).then(|| format!("approved by {}", poll.approvers.join(", ")));
            lines.extend(have.map(|have| Line::new(&have, Tone::Plain)));
            lines.extend(poll.problems.iter().map(|problem| Line::new(problem, Tone::Warning)));
            lines.push(Line::new(&format!("stepladder approve {0}, stepladder reject {0}", poll.way), Tone::Dim));
        }
        State::Backoff { .. } => {
            lines.extend(node.failure.iter().map(|failure| Line::new(&failure.message, Tone::Dim)));
        }
        State::Running { .. } if node.attempt > 1 => {
            let before = |message: &str| Line::new(&format!("attempt {}: {message}", node.attempt - 1), Tone::Dim);
            lines.extend(node.failure.iter().map(|failure| before(&failure.message)));
        }
        State::Ended(end) => lines.extend(said_of_end(step, node, end, style)),
        State::Running { .. } | State::Open { .. } | State::Held { .. } | State::Resting { .. } | State::Between => {}
    }
    lines
}

fn measures(node: &Node, style: Style) -> Vec<Line> {
    let (quiet, mut loud): (Vec<_>, Vec<_>) = node.measures.iter().partition(|measure| measure.level == "ok");
    loud.sort_by_key(|measure| std::cmp::Reverse(badness(&measure.level)));
    let mut lines: Vec<Line> = loud.iter().map(|loud| Line::new(&measure(loud), Tone::of_level(&loud.level))).collect();
    let inline = node.end().is_some_and(|end| end.level == "ok") && node.measures.len() == 1;
    if !quiet.is_empty() && !inline {
        let mut words: Vec<String> = quiet.iter().take(QUIET_MEASURES).map(|quiet| measure(quiet)).collect();
        if quiet.len() > QUIET_MEASURES {
            words.push(format!("and {} more that are ok", quiet.len() - QUIET_MEASURES));
        }
        lines.push(Line::new(&words.join(if style.unicode { " · " } else { ", " }), Tone::Dim));
    }
    lines
}

fn said_of_end(step: &OutlineStep, node: &Node, end: &End, style: Style) -> Vec<Line> {
    let mut lines = Vec::new();
    let inside = !step.body.is_empty() || !step.round.is_empty() || step.foreach;
    let failure = node.failure.as_ref().filter(|failure| !(inside && failure.kind == "steps"));
    if let Some(failure) = failure {
        let (_, _, tone) = end_mark(&end.outcome, &end.level);
        lines.extend(failure.message.lines().map(|line| Line::new(line, tone)));
        let bar = if style.unicode { "│ " } else { "| " };
        let quoted = |line: &String| Line::new(bar, Tone::Dim).and(line, Tone::Dim).bounded(LAST_COLUMNS, style);
        lines.extend(last_words(failure, LAST_WORDS).iter().map(quoted));
    }
    let told =
        !lines.is_empty() || !node.findings.is_empty() || node.measures.iter().any(|measure| measure.level != "ok");
    let wanted = matches!(end.outcome.as_str(), "succeeded" | "recovered" | "failed");
    // Why a failed step is not tried again is said beside what it failed of.
    if let Some(reason) = end.reason.as_ref().filter(|_| wanted && (!told || end.outcome == "failed")) {
        lines.push(Line::new(reason, Tone::of_level(&end.level)));
    }
    lines.extend(node.artifacts.iter().map(|line| Line::new(line, Tone::Dim)));
    lines
}
