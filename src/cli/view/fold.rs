//! The fold: what the events of a run add up to.

use super::node::{End, Node, Polling, State, artifacts};
use super::words::{between, human, moved, short};
use crate::api::wire::{Outline, What, WireEvent, WireFailure};
use crate::base::address::{Lane, Place};
use crate::base::value::{Value, plain};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A run as far as its events tell.
#[derive(Debug, Clone)]
pub struct View {
    pub(super) outline: Outline,
    pub(super) run: String,
    pub(super) dry: bool,
    pub(super) repeats: Option<String>,
    pub(super) started: Option<Timestamp>,
    pub(super) queued: Option<Queued>,
    pub(super) cancel: Option<(String, String)>,
    pub(super) timed_out: bool,
    pub(super) ended: Option<RunEnd>,
    /// The last event that said that the clock was set.
    clock_set: Option<u64>,
    pub(super) nodes: BTreeMap<Place, Node>,
    /// Which lists of a place (or of the runbook) anything happened in.
    pub(super) lanes: BTreeMap<Option<Place>, BTreeSet<Lane>>,
}

/// What a step wants to know from a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Where.
    pub place: String,
    /// What is asked.
    pub question: String,
    /// What is known.
    pub known: String,
    /// What is wanted of the person.
    pub wants: Wants,
}

/// What a question wants of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// May it begin?
    Word,
    /// What did a lost attempt do?
    Fate,
    /// Is it approved?
    Approval,
}

/// What a queued run waits for.
#[derive(Debug, Clone)]
pub(super) struct Queued {
    pub group: String,
    pub holders: Vec<String>,
    pub since: Timestamp,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub(super) struct RunEnd {
    pub at: Timestamp,
    pub outcome: String,
    pub level: String,
    pub reason: String,
    pub outputs: Vec<(String, String)>,
}

impl View {
    /// A run of which nothing is known but its text.
    #[must_use]
    pub fn new(outline: Outline) -> Self {
        Self {
            outline,
            run: String::new(),
            dry: false,
            repeats: None,
            started: None,
            queued: None,
            cancel: None,
            timed_out: false,
            ended: None,
            clock_set: None,
            nodes: BTreeMap::new(),
            lanes: BTreeMap::new(),
        }
    }

    /// The outcome's and the level's word, once the run ended.
    #[must_use]
    pub fn ended(&self) -> Option<(&str, &str)> {
        self.ended.as_ref().map(|end| (end.outcome.as_str(), end.level.as_str()))
    }

    /// Attempts that run now, by place and number: those whose output is worth a look.
    #[must_use]
    pub fn running(&self) -> Vec<(String, u32)> {
        let runs = |node: &&Node| matches!(node.state, State::Running { .. });
        let running = self.nodes.iter().filter(|(_, node)| runs(node));
        running.map(|(place, node)| (place.to_string(), node.attempt)).collect()
    }

    /// Runs that steps called, by place; whether the step went wrong.
    #[must_use]
    pub fn called(&self) -> Vec<(String, String, bool)> {
        let called = self.nodes.iter().filter_map(|(place, node)| Some((place, node, node.child.clone()?)));
        called.map(|(place, node, child)| (place.to_string(), child, node.is_bad())).collect()
    }

    /// Runs that steps wait for right now, by place.
    #[must_use]
    pub fn calls(&self) -> Vec<(String, String)> {
        let waits = |node: &Node| matches!(node.state, State::Running { .. });
        let calls = self.nodes.iter().filter(|(_, node)| waits(node));
        calls.filter_map(|(place, node)| Some((place.to_string(), node.child.clone()?))).collect()
    }

    /// Whether the run only shows what it would do.
    #[must_use]
    pub fn is_dry(&self) -> bool {
        self.dry
    }

    /// The first question that waits for a person.
    #[must_use]
    pub fn question(&self) -> Option<Question> {
        self.questions().into_iter().next()
    }

    /// Every question that waits for a person.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        let asked = self.nodes.iter().filter_map(|(place, node)| match &node.state {
            State::Asked { question, known, .. } => Some(Question {
                place: place.to_string(),
                question: question.clone(),
                known: known.clone(),
                wants: if node.attempt > 0 { Wants::Fate } else { Wants::Word },
            }),
            State::Polling(poll) => Some(Question {
                place: place.to_string(),
                question: poll.message.clone(),
                known: String::new(),
                wants: Wants::Approval,
            }),
            State::Running { .. }
            | State::Open { .. }
            | State::Held { .. }
            | State::Backoff { .. }
            | State::Resting { .. }
            | State::Between
            | State::Ended(_) => None,
        });
        asked.collect()
    }

    /// Takes an event in. One that was seen before, or that this version does not know, changes nothing.
    pub fn apply(&mut self, event: &WireEvent) {
        let at = event.at;
        match &event.what {
            What::RunStarted { run, dry, repeats, .. } => {
                self.run.clone_from(run);
                self.dry = *dry;
                self.repeats.clone_from(repeats);
                self.started = Some(at);
            }
            What::RunQueued { group, holders } => {
                self.queued = Some(Queued { group: group.clone(), holders: holders.clone(), since: at });
            }
            What::RunAdmitted => self.queued = None,
            What::CancelAsked { actor, reason } => self.cancel = Some((actor.clone(), reason.clone())),
            What::RunTimedOut => self.timed_out = true,
            What::RunEnded { outcome, level, reason, outputs } => {
                let outputs = outputs.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
                let (outcome, level, reason) = (outcome.clone(), level.clone(), reason.clone());
                self.ended = Some(RunEnd { at, outcome, level, reason, outputs });
                self.queued = None;
            }
            What::RunClockSet { by_ms } if self.clock_set.is_none_or(|seen| seen < event.seq) => {
                self.clock_set = Some(event.seq);
                self.set_by(*by_ms);
            }
            What::RunClockSet { .. } | What::StageEntered { .. } | What::Unknown => {}
            What::StepHeld { place, .. }
            | What::StepAsked { place, .. }
            | What::StepAnswered { place, .. }
            | What::ApprovalSought { place, .. }
            | What::ApprovalTold { place, .. }
            | What::ApprovalVoted { place, .. }
            | What::AttemptStarted { place, .. }
            | What::AttemptEnded { place, .. }
            | What::StepBackoff { place, .. }
            | What::StepOpened { place, .. }
            | What::LaneEntered { place, .. }
            | What::StepRested { place, .. }
            | What::RoundJudged { place, .. }
            | What::StepTimedOut { place }
            | What::StepTakenOver { place, .. }
            | What::StepEnded { place, .. } => {
                if let Ok(place) = Place::parse(place) {
                    self.apply_step(place, at, &event.what);
                }
            }
        }
    }

    /// The clock was set: what has lasted so far goes on being as long as it was.
    fn set_by(&mut self, by_ms: i64) {
        let queued = self.queued.as_mut().map(|queued| &mut queued.since);
        for at in self.started.iter_mut().chain(queued) {
            *at = moved(*at, by_ms);
        }
        self.nodes.values_mut().filter(|node| node.end().is_none()).for_each(|node| node.set_by(by_ms));
    }

    fn apply_step(&mut self, place: Place, at: Timestamp, what: &What) {
        if !self.nodes.contains_key(&place) {
            // An item of a foreach is no list of its own: it is found through its step.
            let last = place.last();
            if last.item.is_none() {
                self.lanes.entry(place.parent()).or_default().insert(last.lane);
            }
        }
        let named = format!("{} {place}", short(&self.run));
        let node = self.nodes.entry(place).or_insert_with(|| Node::new(at));
        node.apply(at, what);
        let waits = node.until.map_or(0, |until| between(at, until));
        if let (State::Ended(end), true) = (&mut node.state, self.dry && waits > 0) {
            // A dry run waits for nothing, which is no success.
            (end.outcome, end.reason) = ("skipped".into(), Some(format!("would wait {}", human(waits))));
        }
        if let State::Polling(poll) = &mut node.state {
            poll.way.clone_from(&named);
        }
        if let State::Asked { way: told, .. } = &mut node.state {
            *told = format!("stepladder answer {named}")
                + if node.attempt > 0 { " succeeded|failed|again" } else { " go|stop" };
        }
    }
}

impl Node {
    fn apply(&mut self, at: Timestamp, what: &What) {
        match what {
            What::StepHeld { mutex, holder, .. } => {
                self.state = State::Held { since: at, mutex: mutex.clone(), holder: holder.clone() };
            }
            What::StepAsked { question, known, .. } => {
                self.state =
                    State::Asked { since: at, question: question.clone(), known: known.clone(), way: String::new() };
            }
            What::StepAnswered { .. } | What::StepTimedOut { .. } => self.state = State::Between,
            What::ApprovalSought { .. } | What::ApprovalTold { .. } | What::ApprovalVoted { .. } => self.poll(at, what),
            What::AttemptStarted { attempt, deadline, child, .. } => {
                self.attempt = *attempt;
                self.child.clone_from(child);
                self.measures.clear();
                self.findings.clear();
                self.artifacts.clear();
                self.state = State::Running { since: at, deadline: *deadline };
            }
            What::AttemptEnded { failure, findings, measures, output, cpu_ms, peak_kib, .. } => {
                self.took = (cpu_ms.unwrap_or_default(), peak_kib.unwrap_or_default());
                self.artifacts =
                    artifacts(failure.as_ref().map_or(output, |failure| &failure.output), failure.is_some());
                self.failure.clone_from(failure);
                self.findings.clone_from(findings);
                self.measures.clone_from(measures);
                self.state = State::Between;
            }
            What::StepBackoff { until, .. } => self.state = State::Backoff { until: *until },
            What::StepOpened { until, items, .. } => {
                if let Some(items) = items {
                    self.items = Some(items.iter().map(item_name).collect());
                }
                self.until = *until;
                self.state = State::Open { since: at, until: *until };
            }
            What::LaneEntered { .. } => self.state = State::Open { since: at, until: None },
            What::StepRested { until, .. } => self.state = State::Resting { until: *until },
            What::RoundJudged { good, data, .. } => match (good, data) {
                (_, false) => self.rounds.2 += 1,
                (true, true) => self.rounds.0 += 1,
                (false, true) => self.rounds.1 += 1,
            },
            What::StepTakenOver { outcome, level, .. } => self.end_with(at, outcome, level, None, None, true),
            What::StepEnded { outcome, level, failure, reason, .. } => {
                self.end_with(at, outcome, level, failure.as_ref(), reason.clone(), false);
            }
            What::RunStarted { .. }
            | What::RunQueued { .. }
            | What::RunAdmitted
            | What::CancelAsked { .. }
            | What::RunTimedOut
            | What::StageEntered { .. }
            | What::RunClockSet { .. }
            | What::RunEnded { .. }
            | What::Unknown => {}
        }
    }

    /// What happens to an approval that waits.
    fn poll(&mut self, at: Timestamp, what: &What) {
        if let What::ApprovalSought { message, by, quorum, until, .. } = what {
            self.state = State::Polling(Polling {
                since: at,
                message: message.clone(),
                by: by.clone(),
                quorum: *quorum,
                until: *until,
                approvers: Vec::new(),
                problems: Vec::new(),
                way: String::new(),
            });
        }
        let State::Polling(poll) = &mut self.state else { return };
        if let What::ApprovalTold { problems, .. } = what {
            poll.problems.clone_from(problems);
        } else if let What::ApprovalVoted { actor, person, approve: true, .. } = what {
            poll.approvers.push(person.as_ref().unwrap_or(actor).clone());
        }
    }

    fn end_with(
        &mut self,
        at: Timestamp,
        outcome: &str,
        level: &str,
        failure: Option<&WireFailure>,
        reason: Option<String>,
        taken_over: bool,
    ) {
        match (failure, outcome) {
            // The attempt's own failure has the output with it; the step's repeats its message.
            (Some(failure), _) if self.failure.as_ref().is_none_or(|known| known.message != failure.message) => {
                self.failure = Some(failure.clone());
            }
            (Some(_), _) | (None, "failed" | "interrupted" | "cancelled") => {}
            (None, _) => self.failure = None,
        }
        let (outcome, level) = (outcome.to_owned(), level.to_owned());
        self.state = State::Ended(End { at, outcome, level, reason, taken_over });
    }
}

/// What an item is called: itself where it is a word, its `name` or `id` where it is a map.
fn item_name(item: &Value) -> String {
    match item {
        Value::Object(map) => {
            ["name", "id", "host"].into_iter().find_map(|key| map.get(key)).map_or_else(|| item.to_string(), plain)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => plain(item),
    }
}
