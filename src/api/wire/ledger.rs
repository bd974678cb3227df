//! The fire ledger as it is sent.

use serde::{Deserialize, Serialize};

/// What became of an instant?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyRequest {
    /// Of this runbook's triggers.
    pub runbook: String,
    /// The instant.
    pub at: jiff::Timestamp,
}

/// A row of the ledger: due instants of one trigger, and what became of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Why, where the fate does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The calendar that left them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
}
