//! What is known of one execution of one step.

use super::words::moved;
use crate::api::wire::{WireFailure, WireFinding, WireMeasure};
use crate::base::span::show_size;
use crate::base::value::{Value, plain};
use jiff::Timestamp;

/// One execution of one step.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// How it stands.
    pub state: State,
    /// When its first sign of life was.
    pub began: Timestamp,
    /// The attempt it is at; 0 for steps made of others and those that never began.
    pub attempt: u32,
    /// When its `wait` is over.
    pub until: Option<Timestamp>,
    /// Names of the items of a `foreach`.
    pub items: Option<Vec<String>>,
    /// Rounds or probes: good, bad, without data.
    pub rounds: (u32, u32, u32),
    /// The run a `runbook` step started.
    pub child: Option<String>,
    /// Samples of the last attempt.
    pub measures: Vec<WireMeasure>,
    /// Processor milliseconds and peak KiB of the last attempt's process.
    pub took: (u64, u64),
    /// What lifted the level in the last attempt.
    pub findings: Vec<WireFinding>,
    /// What became of the files of the last attempt.
    pub artifacts: Vec<String>,
    /// What went wrong last.
    pub failure: Option<WireFailure>,
}

/// How an execution stands.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// An attempt runs.
    Running { since: Timestamp, deadline: Option<Timestamp> },
    /// A step made of others is under way.
    Open { since: Timestamp, until: Option<Timestamp> },
    /// It waits for its mutex.
    Held { since: Timestamp, mutex: String, holder: Option<String> },
    /// It waits for a person.
    Asked { since: Timestamp, question: String, known: String, way: String },
    /// It waits for the yes of people.
    Polling(Polling),
    /// The next attempt is due then.
    Backoff { until: Timestamp },
    /// Its next list begins then.
    Resting { until: Timestamp },
    /// An attempt ended and the next event says what that means.
    Between,
    /// It ended.
    Ended(End),
}

/// An approval that waits.
#[derive(Debug, Clone)]
pub(super) struct Polling {
    pub since: Timestamp,
    pub message: String,
    pub by: Vec<String>,
    pub quorum: u32,
    pub until: Option<Timestamp>,
    /// Who has said yes.
    pub approvers: Vec<String>,
    /// What could not be delivered of the message to those who may.
    pub problems: Vec<String>,
    /// The end of the run's id and the place, as commands take them.
    pub way: String,
}

/// How an execution ended.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub at: Timestamp,
    pub outcome: String,
    pub level: String,
    pub reason: Option<String>,
    /// Whether this is how it ended in the run that is repeated.
    pub taken_over: bool,
}

impl Node {
    /// A node at its first sign of life.
    pub(super) fn new(began: Timestamp) -> Self {
        Self {
            state: State::Between,
            began,
            attempt: 0,
            until: None,
            items: None,
            rounds: (0, 0, 0),
            child: None,
            measures: Vec::new(),
            took: (0, 0),
            findings: Vec::new(),
            artifacts: Vec::new(),
            failure: None,
        }
    }

    /// The clock was set: dates of what lasts move with it. Instants that are waited for stay as they were asked for.
    pub(super) fn set_by(&mut self, by_ms: i64) {
        self.began = moved(self.began, by_ms);
        match &mut self.state {
            State::Running { since, deadline } => {
                *since = moved(*since, by_ms);
                *deadline = deadline.map(|deadline| moved(deadline, by_ms));
            }
            State::Open { since, .. } | State::Held { since, .. } | State::Asked { since, .. } => {
                *since = moved(*since, by_ms);
            }
            State::Polling(poll) => poll.since = moved(poll.since, by_ms),
            State::Resting { until } => *until = moved(*until, by_ms),
            State::Backoff { .. } | State::Between | State::Ended(_) => {}
        }
    }

    /// How it ended, if it did.
    pub(super) fn end(&self) -> Option<&End> {
        match &self.state {
            State::Ended(end) => Some(end),
            State::Running { .. }
            | State::Open { .. }
            | State::Held { .. }
            | State::Asked { .. }
            | State::Polling(_)
            | State::Backoff { .. }
            | State::Resting { .. }
            | State::Between => None,
        }
    }

    /// Whether it ended as nobody wants: failed, lost, stopped, never reached.
    pub(super) fn is_bad(&self) -> bool {
        self.end().is_some_and(|end| matches!(end.outcome.as_str(), "failed" | "interrupted"))
    }

    /// Whether anything lifted its level.
    pub(super) fn is_lifted(&self) -> bool {
        self.end().is_some_and(|end| end.level != "ok" && !self.is_bad())
    }
}

/// What became of the files of an attempt, a line each: those kept with their size and where they are, those not kept.
pub(super) fn artifacts(output: &Value, failed: bool) -> Vec<String> {
    let list = |name: &str| output.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let shown = |file: &Value| {
        let masked = if file["masked"] == true { ", secrets masked" } else { "" };
        Some(format!("{} ({}{masked})", file["name"].as_str()?, show_size(file["bytes"].as_u64()?)))
    };
    let files = list("artifacts");
    let mut lines = Vec::new();
    if let Some((name, path)) = files.first().and_then(|file| Some((file["name"].as_str()?, file["path"].as_str()?))) {
        let names: Vec<String> = files.iter().filter_map(shown).collect();
        let below = path.strip_suffix(name).unwrap_or(path).trim_end_matches('/');
        lines.push(format!("artifacts: {} in {below}", names.join(", ")));
    }
    // Of a good attempt it is a finding, which is shown as such.
    let not: Vec<String> = list("not_kept").iter().map(plain).collect();
    if failed && !not.is_empty() {
        lines.push(format!("artifacts not kept: {}", not.join("; ")));
    }
    lines
}

/// The last lines of what a failed attempt printed, at most `count`, without those the message has.
pub(super) fn last_words(failure: &WireFailure, count: usize) -> Vec<String> {
    let field = |name: &str| failure.output.get(name).map(plain).filter(|text| !text.trim().is_empty());
    let text = match &failure.output {
        Value::String(text) => Some(text.clone()),
        Value::Object(_) => ["stderr", "stdout", "text"].into_iter().find_map(field),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    };
    let text = text.unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && !failure.message.contains(line.trim()))
        .collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
}
