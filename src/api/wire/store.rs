//! What is said of the data directory: a checkup, a copy, an archive.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Symptom {
    /// `mended`, `notice` (nothing is lost) or `damage`.
    pub grade: String,
    /// What.
    pub what: String,
    /// What to do, or why nothing can be done.
    pub way: String,
}

/// What the doctor found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checkup {
    /// What is not as it should be; empty = all is well.
    pub symptoms: Vec<Symptom>,
    /// Streams read from the first event to the last, hash for hash.
    pub streams: u64,
    /// Their events.
    pub events: u64,
    /// Rows of the index compared with what the events make.
    pub rows: u64,
    /// Blobs read.
    pub blobs: u64,
    /// Those of them that no event names.
    #[serde(default)]
    pub garbage: u64,
}

/// Where something is to go, as an absolute path of the owner's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CarryRequest {
    /// The path.
    pub to: String,
}

/// What was carried there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Carried {
    /// Events of an archive.
    #[serde(default)]
    pub events: u64,
    /// Blobs of an archive.
    #[serde(default)]
    pub blobs: u64,
    /// Files of a copy.
    #[serde(default)]
    pub files: u64,
    /// Their bytes.
    #[serde(default)]
    pub bytes: u64,
    /// Streams that can't be read and are not in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}
