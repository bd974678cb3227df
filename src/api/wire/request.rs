//! What is asked of the service.

use crate::api::wire::Outline;
use crate::base::value::{Map, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Start a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// The runbook's name.
    pub runbook: String,
    /// Its inputs, typed.
    #[serde(default)]
    pub inputs: Map<String, Value>,
    /// Whether it only shows what it would do.
    #[serde(default)]
    pub dry: bool,
    /// Begin at this step of the main list: what is written above it does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Of the main list only these steps; empty = all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Not these steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<String>,
    /// A plan: the run does what it lists and nothing else. It says which runbook, inputs and steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Value>,
    /// The id that the run is to have, made by who asks again where the answer was lost: then it is the same run. Counts
    /// over the owner's own socket alone; elsewhere an idempotency key does the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// What came of a start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StartReply {
    /// The run's id.
    pub run: String,
    /// Its runbook as a tree, to draw the events on.
    pub outline: Outline,
}

/// Run again what failed, with the same pinned text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryRequest {
    /// The run to repeat.
    pub run: String,
    /// The id that the new run is to have, which counts over the socket alone, as that of a start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

/// End a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// The run.
    pub run: String,
    /// Why, for the record.
    pub reason: String,
    /// How much patience its children get.
    #[serde(default)]
    pub mode: CancelMode,
}

/// How a cancel stops the children of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelMode {
    /// TERM, a grace period, KILL; `undo` and `finally` run.
    #[default]
    Gentle,
    /// KILL at once; `undo` and `finally` still run.
    Now,
}

/// Answer a question that a step waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerRequest {
    /// The run.
    pub run: String,
    /// The place that asks.
    pub place: String,
    /// `go`, `stop`, `succeeded`, `failed` or `again`.
    pub answer: String,
}

/// List runs, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct RunsRequest {
    /// Of this runbook only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// With these outcomes only; empty = all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcome: Vec<String>,
    /// Started at or after this instant only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<jiff::Timestamp>,
    /// Whether dry runs are listed too.
    #[serde(default)]
    pub dry: bool,
    /// At most so many.
    pub limit: u32,
    /// Only those older than this run: the last one of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}
