//! One event of a run as it is sent: `{ "seq": 7, "at": "…", "event": "step_ended", "place": "check", … }`.

use crate::base::value::{Map, Value};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One event, with its number in the run and its instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WireEvent {
    /// Its number in the run, from 1.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened; the word stands in the field `event`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// The run exists.
    RunStarted {
        /// Its id.
        run: String,
        /// The runbook's name.
        runbook: String,
        /// Its inputs; secret ones are sealed.
        inputs: Map<String, Value>,
        /// Who started it.
        actor: String,
        /// The door they came through.
        via: String,
        /// What called for it.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        trigger: Value,
        /// The run that called it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<String>,
        /// Whether it only shows what it would do.
        #[serde(default)]
        dry: bool,
        /// Of the main list only these steps; empty = all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        only: Vec<String>,
        /// Not these steps.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        skip: Vec<String>,
        /// The run it repeats.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repeats: Option<String>,
    },
    /// It waits for its concurrency group.
    RunQueued {
        /// The group.
        group: String,
        /// Runs that hold it.
        holders: Vec<String>,
    },
    /// It holds its group and goes on.
    RunAdmitted,
    /// Somebody asked for its end.
    CancelAsked {
        /// Who.
        actor: String,
        /// Why.
        reason: String,
    },
    /// It passed its own timeout.
    RunTimedOut,
    /// A part of the run begins: `steps`, `undo`, `on_failure`, `finally`.
    StageEntered {
        /// Which.
        stage: String,
    },
    /// Somebody set the wall clock, or the machine was started again: dates are by the clock as it is now, timeouts count on
    /// as if nothing had been.
    RunClockSet {
        /// How far it was set, in milliseconds, forward counts up; 0 after a start of the machine, when nobody can say.
        by_ms: i64,
    },
    /// A step waits for its mutex.
    StepHeld {
        /// Where.
        place: String,
        /// The mutex.
        mutex: String,
        /// The run that holds it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        holder: Option<String>,
    },
    /// A step waits for a person's word.
    StepAsked {
        /// Where.
        place: String,
        /// The question.
        question: String,
        /// What is known.
        known: String,
    },
    /// A person answered.
    StepAnswered {
        /// Where.
        place: String,
        /// Who.
        actor: String,
        /// `go`, `stop`, `succeeded`, `failed` or `again`.
        answer: String,
    },
    /// An approval begins to wait.
    ApprovalSought {
        /// Where.
        place: String,
        /// What is to be approved.
        message: String,
        /// Who may: contacts, rotations, roles.
        by: Vec<String>,
        /// How many different people have to say yes.
        quorum: u32,
        /// Until when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// Those who may approve were told.
    ApprovalTold {
        /// Where.
        place: String,
        /// What could not be delivered.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        problems: Vec<String>,
    },
    /// Somebody approved or rejected.
    ApprovalVoted {
        /// Where.
        place: String,
        /// Who came in.
        actor: String,
        /// The contact they are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<String>,
        /// Yes or no.
        approve: bool,
        /// What they filled in.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        fields: Map<String, Value>,
        /// What they wrote with it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
        /// Whether an admin decided past those who may, and past the quorum.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        over: bool,
    },
    /// An attempt begins.
    AttemptStarted {
        /// Where.
        place: String,
        /// Which, from 1.
        attempt: u32,
        /// What is asked of the world, secrets as `<secrets.NAME>`.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        request: Value,
        /// When it times out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        /// The run that a `runbook` step starts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        child: Option<String>,
    },
    /// An attempt ended.
    AttemptEnded {
        /// Where.
        place: String,
        /// Which.
        attempt: u32,
        /// The output.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        output: Value,
        /// What went wrong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<WireFailure>,
        /// Whether it was stopped because the engine asked.
        #[serde(default)]
        stopped: bool,
        /// What lifts the level without failing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        findings: Vec<WireFinding>,
        /// Samples taken, judged.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        measures: Vec<WireMeasure>,
        /// Processor time its process took, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cpu_ms: Option<u64>,
        /// The largest resident set of one of its processes, in KiB.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peak_kib: Option<u64>,
        /// What it printed that is not kept.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unkept: Vec<WireUnkept>,
    },
    /// The next attempt is due then.
    StepBackoff {
        /// Where.
        place: String,
        /// When.
        until: Timestamp,
    },
    /// A step made of others (group, foreach, watch, remedy, wait) begins, or begins again.
    StepOpened {
        /// Where.
        place: String,
        /// Which pass, from 1.
        pass: u32,
        /// When it times out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        /// When a `wait` is over or a `watch` ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// The items of a `foreach`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        items: Option<Vec<Value>>,
    },
    /// A step made of others begins another of its lists.
    LaneEntered {
        /// Where.
        place: String,
        /// Which list: `recover`, `on_error`, `undo`, `body`, `until`, `try`, `round`.
        lane: String,
        /// Which time, from 1.
        number: u32,
    },
    /// A step made of others pauses before its next list.
    StepRested {
        /// Where.
        place: String,
        /// Until when.
        until: Timestamp,
    },
    /// A round of a `watch`, or a probe of a `wait` or `remedy`, was judged.
    RoundJudged {
        /// Where.
        place: String,
        /// Whether it was good.
        good: bool,
        /// Whether it had data.
        data: bool,
    },
    /// A step passed its timeout.
    StepTimedOut {
        /// Where.
        place: String,
    },
    /// A step ended as it did in the run that this one repeats.
    StepTakenOver {
        /// Where.
        place: String,
        /// The outcome's word.
        outcome: String,
        /// The level's word.
        level: String,
    },
    /// A step ended.
    StepEnded {
        /// Where.
        place: String,
        /// The outcome's word.
        outcome: String,
        /// The level's word.
        level: String,
        /// What went wrong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<WireFailure>,
        /// Why it was skipped, unreached or cancelled, or what lifted the level.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The output of a step made of others.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        output: Value,
    },
    /// The run ended.
    RunEnded {
        /// `succeeded`, `recovered`, `failed` or `cancelled`.
        outcome: String,
        /// The worst of its steps'.
        level: String,
        /// Why, in a line.
        reason: String,
        /// Its typed outputs.
        outputs: Map<String, Value>,
    },
    /// An event that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WireFailure {
    /// Which kind, as `retry.on` names it.
    pub kind: String,
    /// What happened, where, why.
    pub message: String,
    /// What there was of an output.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub output: Value,
}

/// Something that lifts a step's level without failing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WireFinding {
    /// The level's word.
    pub level: String,
    /// What was found.
    pub message: String,
}

/// How much of a stream of output is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WireUnkept {
    /// `stdout` or `stderr`.
    pub stream: String,
    /// Bytes kept.
    pub kept: u64,
    /// Bytes not kept.
    pub more: u64,
    /// Why they could not be; none = they are past `output_limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The same in a sentence without its subject.
    pub message: String,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WireMeasure {
    /// The declared name.
    pub name: String,
    /// Labels, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// In that unit; nothing where it is not a finite number.
    pub value: Option<f64>,
    /// The declared unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The level's word.
    pub level: String,
    /// The band that says so (`>= 80`), or a note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
