//! A run as a row and in full.

use crate::api::wire::{Outline, WireEvent};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunRow {
    /// Its id.
    pub run: String,
    /// The runbook's name.
    pub runbook: String,
    /// How it stands.
    pub state: RunState,
    /// When it was started.
    pub started: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// The outcome's word, once it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The level's word, once it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Why it ended so, or what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who started it.
    pub actor: String,
    /// Whether it only showed what it would do.
    #[serde(default)]
    pub dry: bool,
    /// The run it repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<String>,
    /// The run that called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It waits for its concurrency group.
    Queued,
    /// It is driven.
    Running,
    /// It waits for a person.
    Waiting,
    /// Its owner is gone; the next owner drives it on.
    Stranded,
    /// Its events can't be trusted; nobody drives it.
    Quarantined,
    /// It ended.
    Ended,
}

impl RunState {
    /// As it is sent and shown.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Stranded => "stranded",
            Self::Quarantined => "quarantined",
            Self::Ended => "ended",
        }
    }
}

/// One run in full: what `show --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunDetail {
    /// The row.
    pub row: RunRow,
    /// Its runbook as a tree.
    pub outline: Outline,
    /// Everything that happened.
    pub events: Vec<WireEvent>,
}
