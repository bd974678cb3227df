//! Incidents and silences as they are sent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An incident in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentRow {
    /// Its id.
    pub incident: String,
    /// `triggered`, `acknowledged`, `snoozed`, `muted` or `resolved`.
    pub status: String,
    /// `P1`.
    pub severity: String,
    /// What is wrong.
    pub title: String,
    /// One is open per key.
    pub key: String,
    /// `api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The rotation or person that answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it was opened.
    pub opened: jiff::Timestamp,
    /// How often it was told of.
    pub count: u64,
    /// The level it has reached; 0 = none yet.
    pub level: u32,
    /// The name of that level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_name: Option<String>,
    /// Who has taken it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<jiff::Timestamp>,
    /// Until when it is left alone or muted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<jiff::Timestamp>,
    /// When it was resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<jiff::Timestamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The one before it with the same key, where it is a recurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurs: Option<String>,
    /// The how-manieth time this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Its version: what an act may be compared with.
    pub version: u64,
    /// When something of it is due next by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<jiff::Timestamp>,
    /// The promise that is broken next, where nobody does anything before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_breach: Option<BreachRow>,
}

/// An incident in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentDetail {
    /// In a line.
    pub row: IncidentRow,
    /// What was said of it.
    pub text: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Who told of it: `run`, `alert`, `person`, …
    pub source: String,
    /// What happened, oldest first.
    pub timeline: Vec<Moment>,
    /// Every message and what became of it.
    pub pages: Vec<PageRow>,
    /// Runs about it.
    pub responses: Vec<ResponseRow>,
    /// Duties of the levels it has reached.
    pub duties: Vec<DutyRow>,
    /// Promises that were not kept.
    pub breaches: Vec<BreachRow>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Moment {
    /// When.
    pub at: jiff::Timestamp,
    /// What, in a word: the kind of event.
    pub what: String,
    /// In a line.
    pub text: String,
}

/// A message to one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PageRow {
    /// Its number.
    pub number: u32,
    /// When it was ordered.
    pub at: jiff::Timestamp,
    /// For which level; 0 = a broadcast.
    pub level: u32,
    /// The person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// The channel.
    pub channel: String,
    /// The address on it.
    pub address: String,
    /// What it said: `call`, `reminder`, `opening`, …
    pub what: String,
    /// `ordered`, `accepted`, `delivered`, `read`, `failed` or `withdrawn`.
    pub fate: String,
    /// In the provider's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// When that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<jiff::Timestamp>,
}

/// A run about an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResponseRow {
    /// The run.
    pub run: String,
    /// Of which runbook.
    pub runbook: String,
    /// `gather` or `try`.
    pub part: String,
    /// When it was started.
    pub at: jiff::Timestamp,
    /// How it ended; left out while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// A duty of a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DutyRow {
    /// Of which level.
    pub level: u32,
    /// Which of its duties, from 1.
    pub number: u32,
    /// What.
    pub text: String,
    /// Whether it is done.
    pub done: bool,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<jiff::Timestamp>,
}

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BreachRow {
    /// `response` or `escalation`.
    pub clock: String,
    /// When it should have been.
    pub by: jiff::Timestamp,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReportFormat {
    /// For people and wikis.
    #[default]
    Markdown,
    /// A page.
    Html,
    /// For programs.
    Json,
}

/// Open an incident by hand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenRequest {
    /// What is wrong, in a line.
    #[schemars(length(min = 1))]
    pub title: String,
    /// More of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// `P1`; what the routes say where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// One open incident per key; made of the title where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `api`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// For the routes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The rotation that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// What came of telling of trouble, or of an act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentReply {
    /// The incident.
    pub incident: String,
    /// Whether it was opened by this.
    pub opened: bool,
}

/// What a person does about an incident; which of these count depends on the act.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActRequest {
    /// `note` of an acknowledgement, `reason` of everything else, `text` of a note: what is said.
    #[serde(default, alias = "note", alias = "text", skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The contact who takes it.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Until when it is snoozed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<jiff::Timestamp>,
    /// The severity, type, rotation or person it gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The level of a duty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
    /// The number of a duty, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// Whether the duty is not done after all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undone: bool,
    /// The version that whoever acts has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<u64>,
}

/// A silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SilenceRow {
    /// Its id.
    pub silence: String,
    /// Labels that all have to be so; `*` stands for any text.
    #[serde(rename = "match")]
    pub matches: BTreeMap<String, String>,
    /// From then on.
    pub from: jiff::Timestamp,
    /// Until then.
    pub until: jiff::Timestamp,
    /// Who wants it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Mute troubles with those labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SilenceRequest {
    /// Labels that all have to be so.
    #[serde(rename = "match")]
    pub matches: BTreeMap<String, String>,
    /// Until then.
    pub until: jiff::Timestamp,
    /// Why.
    pub reason: String,
}
