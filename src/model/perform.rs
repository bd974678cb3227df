//! What the engine asks of the outside world and what comes back: plain serialisable values.
//!
//! The one set of engine types that may be serialised as they are: they travel to a `step-host`
//! process on its standard input and back on a pipe, and a rendered request is kept in its event.

use crate::base::address::Place;
use crate::base::arg::{Arg, Text};
use crate::base::span::{Span, show_size};
use crate::base::value::Value;
use crate::model::policy::{FailureKind, OutputForm};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One attempt of one step, as `act` is asked to perform it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The run, as text.
    pub run: String,
    /// Where in the run.
    pub place: Place,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The kind's name, as in the table.
    pub kind: String,
    /// Its rendered parameters.
    pub params: Arg,
    /// Environment beside the engine's own (`RUN_ID`, `RUN_DIR`, `STEP_ID`, `ATTEMPT`, `BOOK_DIR`, `STEPLADDER_KEY`).
    pub env: Vec<(String, Text)>,
    /// Working directory; the book where there is none.
    pub workdir: Option<Text>,
    /// How text becomes `output.value`.
    pub output: OutputForm,
    /// Bounds the attempt.
    pub timeout: Option<Span>,
    /// The run's secret inputs, sealed, by the names of their holes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sealed: BTreeMap<String, String>,
    /// Patterns of the files kept of it, relative to its working directory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,
    /// Only to say what would be done: nothing may change. Set in dry runs, for kinds that can say it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rehearsal: bool,
    /// What the run's plan lists for it: nothing else is touched. In a dry run what its rehearsal listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<Vec<String>>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It did what it says; the output fits the kind's table.
    Done {
        /// The output.
        output: Value,
        /// Findings that are no failure but lift the level (an `expect` with a `level:`), worst last.
        #[serde(default)]
        findings: Vec<Finding>,
    },
    /// It did not.
    Failed(Failure),
    /// It was stopped because the engine asked for it.
    Stopped {
        /// What there was of an output.
        output: Value,
    },
    /// Its process was lost and nothing is provable.
    Lost {
        /// What is known, for a person.
        known: String,
    },
}

/// What a process took, with the children it waited for, and what of its output took more room than there was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time, in milliseconds, of all processors together.
    pub cpu_ms: u64,
    /// The largest resident set of one of its processes, in KiB; `None` = not known, and small.
    pub peak_kib: Option<u64>,
    /// Output that is not kept, for each stream that had any.
    pub unkept: Vec<Unkept>,
}

/// How much of a stream of output is not kept, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unkept {
    /// `stdout` or `stderr`.
    pub stream: String,
    /// Bytes kept.
    pub kept: u64,
    /// Bytes not kept.
    pub more: u64,
    /// Why they could not be; `None` = they are past `output_limit`.
    pub why: Option<String>,
}

impl std::fmt::Display for Unkept {
    /// Such as: `printed 3.0 MiB on stdout, of which 1.0 MiB is kept (output_limit) and 2.0 MiB is not`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [all, kept, more] = [self.kept + self.more, self.kept, self.more].map(show_size);
        write!(f, "printed {all} on {}, of which {kept} is kept", self.stream)?;
        match &self.why {
            None => write!(f, " (`output_limit`) and {more} is not"),
            Some(why) => write!(f, " and {more} is lost: {why}"),
        }
    }
}

/// Something that lifts a step's level without failing it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The level's word.
    pub level: String,
    /// What was found.
    pub message: String,
}

/// Why an attempt failed: data, not an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Which kind of failure, as `retry.on` names it.
    pub kind: FailureKind,
    /// What happened, for a person: what, where, why.
    pub message: String,
    /// What there was of an output (a body of a wrong status, stderr of a command).
    #[serde(default)]
    pub output: Value,
    /// How many seconds the other side asked to wait (`Retry-After`).
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// Whether trying again could never help (4xx but 408 and 429, a missing command).
    #[serde(default)]
    pub lasting: bool,
}

impl Failure {
    /// A failure with nothing but its kind and message.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), output: Value::Null, retry_after: None, lasting: false }
    }

    /// A failure that trying again could never help.
    #[must_use]
    pub fn lasting(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { lasting: true, ..Self::new(kind, message) }
    }
}
