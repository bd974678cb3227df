//! What steps printed.

use serde::{Deserialize, Serialize};

/// Ask for output of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutputRequest {
    /// The run.
    pub run: String,
    /// Of this place and what is inside it only; empty = all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Of this attempt only; the last one where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Bytes of each stream that were already seen.
    #[serde(default)]
    pub from: u64,
    /// At most the last so many bytes of each stream; 0 = all.
    #[serde(default)]
    pub tail: u64,
}

/// A stretch of what one attempt printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputChunk {
    /// Where in the run.
    pub place: String,
    /// Which attempt.
    pub attempt: u32,
    /// Which stream.
    pub stream: OutputStream,
    /// The first byte's position in the stream.
    pub offset: u64,
    /// The text; bytes that are no UTF-8 are replaced.
    pub text: String,
    /// How many bytes the text stands for.
    pub bytes: u64,
    /// How many further bytes were counted but not kept (`output_limit`).
    #[serde(default)]
    pub dropped: u64,
}

/// The two streams of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
