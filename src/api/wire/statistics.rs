//! What weeks held of incidents, and the report of one, as they are sent.

use crate::api::wire::{BreachRow, DutyRow, IncidentRow, ResponseRow};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The report of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentReport {
    /// In a line.
    pub row: IncidentRow,
    /// What was said of it.
    pub text: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Who told of it: `run`, `alert`, `person`, …
    pub source: String,
    /// From the opening to the first person who took it; left out as long as nobody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_acknowledge_seconds: Option<i64>,
    /// From the opening to the end; left out as long as it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_resolve_seconds: Option<i64>,
    /// How long it stood on each level, in order of time; the last one up to the end, or up to now.
    pub levels: Vec<LevelTime>,
    /// How many messages, by what became of them: `ordered`, `accepted`, `delivered`, `read`, `failed`, `withdrawn`.
    pub pages: BTreeMap<String, u64>,
    /// Levels that were entered late, because nobody drove the incident.
    pub late: Vec<LevelNote>,
    /// Levels that were passed because nobody of them could be told.
    pub gaps: Vec<LevelNote>,
    /// Promises that were not kept.
    pub breaches: Vec<BreachRow>,
    /// Runs about it.
    pub responses: Vec<ResponseRow>,
    /// Duties of every level, and those that are done.
    pub checklist: Vec<DutyRow>,
    /// What happened, oldest first.
    pub timeline: Vec<ReportLine>,
}

/// How long an incident stood on a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LevelTime {
    /// Which.
    pub level: u32,
    /// How long.
    pub seconds: i64,
}

/// Something that is said of a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LevelNote {
    /// Which.
    pub level: u32,
    /// What.
    pub text: String,
}

/// A line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportLine {
    /// When.
    pub at: Timestamp,
    /// How long after the opening.
    pub after_seconds: i64,
    /// What.
    pub text: String,
}

/// What weeks held of incidents. Everything of an incident counts in the week in which it was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentStatistics {
    /// By whose clocks days and weeks are counted: the zone of the book.
    pub zone: String,
    /// Up to when.
    pub until: Timestamp,
    /// There are more incidents than are counted: those that were opened before are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_since: Option<Timestamp>,
    /// Incidents that can't be read and are not counted.
    #[serde(default)]
    pub unread: u64,
    /// Each week, the oldest first; the last one is not over.
    pub weeks: Vec<WeekFigures>,
    /// All of them.
    pub total: IncidentFigures,
}

/// A week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WeekFigures {
    /// Its name (ISO 8601): `2026-W49`.
    pub week: String,
    /// When it begins.
    pub from: Timestamp,
    /// When it is over.
    pub to: Timestamp,
    /// What it held.
    pub figures: IncidentFigures,
}

/// Figures of incidents. Maps have what there was; what is not there is 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentFigures {
    /// How many were opened.
    pub opened: u64,
    /// How many of them are still open.
    pub open: u64,
    /// By the severity they have, or had at the end.
    pub by_severity: BTreeMap<String, u64>,
    /// By the type they have, or had at the end; those without are not here.
    pub by_type: BTreeMap<String, u64>,
    /// How those ended that have: `person`, `cleared`, `mended`, `step`.
    pub ended: BTreeMap<String, u64>,
    /// How many came back within a day after the one before with their key had ended.
    pub recurred: u64,
    /// From the opening to the first person who took it; left out where nobody took any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_acknowledge: Option<Lengths>,
    /// From the opening to the end; left out where none has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_resolve: Option<Lengths>,
    /// All messages by channel, and what became of them: `ordered`, `accepted`, `delivered`, `read`, `failed`, `withdrawn`.
    pub messages: BTreeMap<String, BTreeMap<String, u64>>,
    /// Pages to people: messages to one address each that ask somebody to do something, and went out or are on their way.
    pub pages: u64,
    /// Those of them that were ordered on a Saturday or Sunday, before 08:00 or from 18:00 on.
    pub out_of_hours: u64,
    /// Those of `out_of_hours` that were ordered before 08:00 or from 22:00 on.
    pub at_night: u64,
    /// The same for each person.
    pub people: Vec<PersonFigures>,
    /// Promises that were not kept: `response`, `escalation`.
    pub breaches: BTreeMap<String, u64>,
    /// Levels that were entered late, because nobody drove the incident.
    pub late: u64,
    /// Levels that had nobody, or nobody who could be reached.
    pub gaps: u64,
    /// How often a ladder ended and nobody had answered.
    pub exhausted: u64,
    /// Who told of most incidents, the ten noisiest first.
    pub noisiest: Vec<SourceFigures>,
}

/// Lengths of time. Each is one that was measured: the shortest of which so many of a hundred are not longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lengths {
    /// Of how many incidents.
    pub count: u64,
    /// Fifty of a hundred.
    pub median_seconds: i64,
    /// Ninety of a hundred.
    pub p90_seconds: i64,
}

/// What a person had to do with incidents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PersonFigures {
    /// The contact; who took an incident and is none, as they came in.
    pub who: String,
    /// Pages that went out to them, or are on their way.
    pub pages: u64,
    /// Pages that failed.
    pub failed: u64,
    /// Those of `pages` that were out of hours.
    pub out_of_hours: u64,
    /// Those of them that were at night.
    pub at_night: u64,
    /// Incidents that they took.
    pub taken: u64,
}

/// How much somebody told of trouble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceFigures {
    /// `run`, `step`, `alert`, `inbound`, `deadline`, `heartbeat`, `person` or `engine`.
    pub source: String,
    /// The runbook, the alert, the path, …
    pub name: String,
    /// Incidents that it opened.
    pub incidents: u64,
    /// How often these were told of in all.
    pub told: u64,
    /// Pages to people about them.
    pub pages: u64,
}
