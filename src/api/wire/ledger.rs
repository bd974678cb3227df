//! The fire ledger as it is sent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of an instant?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhyRequest {
    /// Of this runbook's triggers.
    pub runbook: String,
    /// The instant.
    pub at: jiff::Timestamp,
}

/// A row of the ledger: due instants of one trigger, and what became of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerRow {
    /// The runbook.
    pub runbook: String,
    /// The trigger: its `id`, or the one made of its time.
    pub trigger: String,
    /// The name of the first instant: what the clock shows.
    pub from: String,
    /// The name of the last.
    pub to: String,
    /// When the first was due.
    pub due: jiff::Timestamp,
    /// When the last was.
    pub until: jiff::Timestamp,
    /// How many they are.
    pub count: u64,
    /// What became of them; `waiting` where nothing has yet.
    pub fate: String,
    /// When that was decided.
    pub decided: jiff::Timestamp,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// How it ran, where it was not by its time: `backfill`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// Who made up for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, where the fate does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The calendar that left them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
}

/// A schedule of the book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleRow {
    /// The runbook.
    pub runbook: String,
    /// The trigger: its `id`, or the one made of its time.
    pub trigger: String,
    /// What its time is made of.
    pub time: String,
    /// Its zone.
    pub zone: String,
    /// When it starts something next; left out where never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<jiff::Timestamp>,
    /// Who paused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_by: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_since: Option<jiff::Timestamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_why: Option<String>,
    /// Due instants that wait for the run before them.
    pub waiting: u64,
    /// What became of the last instants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LedgerRow>,
    /// Why it is set aside: its stream can't be read, and it starts nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<String>,
}

/// Pause or resume the schedules of a runbook.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// Only this trigger; all of the runbook's where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// Why it is paused.
    #[serde(default)]
    pub reason: String,
}

/// Which schedules were paused or resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Paused {
    /// Their triggers.
    pub triggers: Vec<String>,
}

/// What did not run?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingRequest {
    /// Of this runbook's triggers.
    pub runbook: String,
    /// Only of this one; of all of them where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// From this instant on.
    pub from: jiff::Timestamp,
    /// Up to this one, which is included.
    pub to: jiff::Timestamp,
}

/// What did not run between two instants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missing {
    /// Oldest first, as many as one backfill makes up for.
    pub rows: Vec<MissingRow>,
    /// How many more there are.
    pub more: u64,
    /// How many ran.
    pub ran: u64,
    /// How many wait for the run before them.
    pub waiting: u64,
    /// How many a calendar or a change of the clock leaves out.
    pub left_out: u64,
}

/// A due instant that did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MissingRow {
    /// The trigger.
    pub trigger: String,
    /// Its name: what the clock showed.
    pub nominal: String,
    /// When it was due.
    pub due: jiff::Timestamp,
    /// What became of it, in the ledger's word; left out where it has no row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<String>,
}

/// Start what should have run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackfillRequest {
    /// The trigger.
    pub trigger: String,
    /// The name of the instant.
    #[schemars(length(min = 1))]
    pub nominal: String,
    /// When it was due.
    pub due: jiff::Timestamp,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackfillReply {
    /// The run of the instant; left out where it ran so long ago that nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Whether it was started now; else it had run.
    pub started: bool,
}
