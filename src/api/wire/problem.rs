//! What a refusal looks like: RFC 9457, `application/problem+json`.

use serde::{Deserialize, Serialize};

/// Why something asked for was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// A stable word for programs: `no-such-runbook`, `bad-input`, `forbidden`, `no-such-run`, `not-possible-now`, `internal`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of refusal, for people.
    pub title: String,
    /// The HTTP status that goes with it.
    pub status: u16,
    /// What exactly, and what to do.
    pub detail: String,
}

impl Problem {
    /// A refusal.
    #[must_use]
    pub fn new(status: u16, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        Self { kind: kind.into(), title: title.into(), status, detail: detail.into() }
    }
}
