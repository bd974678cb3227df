//! How well what is watched is.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All that is watched, in a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthWord {
    /// `healthy`, `degraded`, `unknown` or `unhealthy`.
    pub status: String,
}

/// Everything that is watched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct WholeHealth {
    /// The worst of all: `healthy`, `degraded`, `unknown` or `unhealthy`.
    pub status: String,
    /// By name.
    pub components: BTreeMap<String, ComponentHealth>,
}

/// One component, as the worst of its runbooks found it last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ComponentHealth {
    /// Its name.
    pub component: String,
    /// `healthy`, `degraded`, `unknown` or `unhealthy`.
    pub status: String,
    /// How old the reading is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<i64>,
    /// When it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The runbook that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Its run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
