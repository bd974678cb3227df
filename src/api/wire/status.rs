//! How everything stands: the owner, what is unfinished, the book.

use crate::api::wire::RunState;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How everything stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// Who drives the runs; nobody where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerStatus>,
    /// What has not ended, oldest first.
    pub runs: Vec<UnfinishedRun>,
    /// Since when the book is as it counts; left out where each run reads the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub book_since: Option<Timestamp>,
    /// Files that count.
    pub files: u64,
    /// Files that do not count as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<BrokenFile>,
    /// Runbooks that are gone and whose runs have not ended, and how many those are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub orphans: BTreeMap<String, u64>,
    /// Whether settings have changed that count after a restart.
    #[serde(default)]
    pub restart: bool,
    /// Triggers that this release starts nothing by, each with its runbook.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unobeyed: Vec<String>,
    /// What is set aside because it can't be trusted, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aside: Vec<String>,
    /// People who may be paged within a week and can't be reached, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreached: Vec<String>,
}

/// Who drives the runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OwnerStatus {
    /// Its process.
    pub process: u32,
    /// Whether it stays when nothing is unfinished: a daemon.
    pub stays: bool,
    /// Since when it is there.
    pub since: Timestamp,
    /// Its release.
    pub version: String,
}

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnfinishedRun {
    /// Its id.
    pub run: String,
    /// The runbook.
    pub runbook: String,
    /// Where it stands.
    pub state: RunState,
    /// What it waits for, and who holds that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// When it was asked for.
    pub started: Timestamp,
}

/// A file that does not count as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BrokenFile {
    /// Its name in the book.
    pub file: String,
    /// Whether an earlier text of it counts.
    pub kept: bool,
    /// Since when.
    pub since: Timestamp,
    /// What is wrong, one a line.
    pub findings: Vec<String>,
}

/// What came of reading the files again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Reloaded {
    /// Files whose new text counts, or that are gone.
    pub changed: Vec<String>,
    /// Files that do not count as they are.
    pub broken: Vec<BrokenFile>,
    /// Whether settings have changed that count after a restart.
    #[serde(default)]
    pub restart: bool,
}

/// A setting, what counts of it and where that comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SettingRow {
    /// Its key: `keep.runs`, `channels.slack.token`, `log`, `$PATH`.
    pub key: String,
    /// What counts, as it would be written; left out where nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `file`, `environment`, `flag`, `default`, or `nobody` where nothing counts.
    #[schemars(extend("enum" = ["file", "environment", "flag", "default", "nobody"]))]
    pub from: String,
    /// The line of `stepladder.yaml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The variable or the flag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether a part of the value is hidden, because it may be a secret.
    #[serde(default)]
    pub masked: bool,
    /// The line of a value that is wrong, for which something else counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong: Option<u64>,
    /// Whether a daemon obeys a change of it at once; else after a restart.
    #[serde(default)]
    pub live: bool,
    /// What it does.
    pub about: String,
    /// What whoever drives the runs goes by, where that is something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Box<SettingRow>>,
}

/// The texts that count.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct BookTexts {
    /// By the names of their files.
    pub texts: BTreeMap<String, String>,
}
