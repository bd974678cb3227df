//! What steps printed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ask for what one attempt printed on one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputRequest {
    /// The run.
    pub run: String,
    /// Where in the run.
    pub place: String,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Which stream.
    pub stream: OutputStream,
    /// From this byte on; a negative number counts from the end.
    #[serde(default)]
    pub from: i64,
}

/// A stretch of what one attempt printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputChunk {
    /// Where in the run.
    pub place: String,
    /// Which attempt.
    pub attempt: u32,
    /// Which stream.
    pub stream: OutputStream,
    /// The first byte's position in the stream.
    pub offset: u64,
    /// The text, whole characters only; bytes that are no UTF-8 are replaced.
    pub text: String,
    /// How many bytes the text stands for: the next stretch begins at `offset` + `bytes`.
    pub bytes: u64,
    /// How many bytes there are in all by now.
    pub total: u64,
    /// How what there is differs from what was kept: `is gone …`, `is not whole …`, `is not what was kept …`. By its
    /// checksum where the text is the end of the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaw: Option<String>,
    /// Whether anything is recorded of the attempt here. Nothing is of kinds that are no process, and of what an
    /// archive brought.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recorded: bool,
}

/// The two streams of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
