//! What was measured, as it is sent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A series and its last sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeasureRow {
    /// The measure.
    pub measure: String,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What it is, for programs: `gauge`, `counter` or `histogram`.
    pub metric: String,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The unit of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The value.
    pub value: f64,
    /// How bad that was: `ok`, `notice`, `warning`, `critical`.
    pub level: String,
    /// When it was measured.
    pub at: jiff::Timestamp,
    /// Whether that is longer ago than a sample says anything.
    pub stale: bool,
}

/// What was measured between two instants, of one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeasurePast {
    /// The measure.
    pub measure: String,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The unit of the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The length of time that one point stands for, in seconds; left out where each sample is a point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_seconds: Option<u64>,
    /// The points, the oldest first; a stretch of time without samples has none.
    pub points: Vec<MeasurePoint>,
    /// Whether there are older samples than fit into an answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// One sample, or the samples of one stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeasurePoint {
    /// When the sample was taken, or the stretch begins.
    pub at: jiff::Timestamp,
    /// How many samples.
    pub count: u32,
    /// The least.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// The greatest.
    pub max: f64,
    /// The last.
    pub last: f64,
    /// The worst level of them: `ok`, `notice`, `warning`, `critical`.
    pub worst: String,
}

/// Which samples are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasureAsked {
    /// From when, included; a day before `to` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<jiff::Timestamp>,
    /// Up to when, not included; now unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<jiff::Timestamp>,
    /// `raw` for every sample, or the length of time that a point stands for: whole minutes, such as `5m`, `1h`, `1d`. One that makes a few hundred points unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Only series with these labels: `name=value`, several with commas between them, `\,` for a comma in a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
}
