//! What is answered to calls from outside.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What came of a call: it is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delivery {
    /// The runbook.
    pub runbook: String,
    /// Its trigger.
    pub trigger: String,
    /// The instant that the call was given: `stepladder why RUNBOOK INSTANT` says what became of it.
    pub delivery: String,
    /// What became of it, in the ledger's word, or `waiting`; not there for a delivery that had come before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<String>,
    /// Its run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Why, where the word does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether it had come before: nothing was done again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// The call that must come has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Beat {
    /// The runbooks that wait for it.
    pub runbooks: Vec<String>,
}

/// Alerts were taken: they are durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Taken {
    /// How many.
    pub alerts: u64,
}

/// An alert of another system, as it is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertRow {
    /// Who tells of it.
    pub source: String,
    /// What tells it apart.
    pub fingerprint: String,
    /// The group it is in.
    pub group: String,
    /// Whether it goes on.
    pub firing: bool,
    /// How often it was told since it fires.
    pub count: u64,
    /// Since when it fires, or fired.
    pub since: Timestamp,
    /// When it was told last.
    pub last: Timestamp,
    /// A line for people.
    pub title: String,
    /// How bad it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// `pending` (only alerts of the book), `firing`, or `over`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// What was measured, of an alert of the book that is not over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}
