//! What a step may ask for around its kind: retries, interruption, iteration, exclusion.

use crate::base::ids::StepId;
use crate::base::span::Span;
use crate::expr::Expr;
use crate::model::param::Param;

/// Why an attempt failed, as `retry.on` names it and `error.kind` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// It took longer than its timeout.
    Timeout,
    /// No connection: refused, unreachable, no such host, TLS.
    Connect,
    /// A status that was not expected (HTTP and the like).
    Status,
    /// A process exited with another code than 0, or by a signal.
    Exit,
    /// It answered, and an expectation did not hold.
    Expect,
    /// It could not be started: no such command, no permission.
    Start,
    /// A template or expression could not be evaluated.
    Template,
    /// A secret, file or other thing it needs is not there.
    Missing,
    /// A step inside it failed.
    Steps,
    /// Its process was lost and nothing is provable.
    Interrupted,
    /// A `fail` step.
    Fail,
    /// A person said no.
    Rejected,
    /// Anything else the world said.
    Other,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Timeout,
        Self::Connect,
        Self::Status,
        Self::Exit,
        Self::Expect,
        Self::Start,
        Self::Template,
        Self::Missing,
        Self::Steps,
        Self::Interrupted,
        Self::Fail,
        Self::Rejected,
        Self::Other,
    ];

    /// The word operators write and read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Status => "status",
            Self::Exit => "exit",
            Self::Expect => "expect",
            Self::Start => "start",
            Self::Template => "template",
            Self::Missing => "missing",
            Self::Steps => "steps",
            Self::Interrupted => "interrupted",
            Self::Fail => "fail",
            Self::Rejected => "rejected",
            Self::Other => "other",
        }
    }

    /// The kind of that word, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// `retry:` of a step.
#[derive(Debug, Clone)]
pub struct Retry {
    /// How often in all, the first included; at least 1.
    pub attempts: u32,
    /// The first wait.
    pub backoff: Span,
    /// The longest wait; equal to `backoff` where the wait is fixed, else waits double up to it.
    pub cap: Span,
    /// Whether each wait is drawn between nothing and its length (the default).
    pub jitter: bool,
    /// Bounds all attempts together.
    pub within: Option<Span>,
    /// Which failures are tried again; empty = all that can be.
    pub on: Vec<FailureKind>,
    /// Not again when this is true (over `error` and `output`).
    pub unless: Option<Expr>,
}

/// `on_interrupt:` of a step whose attempt was lost and is not provably dead or done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInterrupt {
    /// Try again: it only reads, or doing it twice does no harm.
    Retry,
    /// It has failed.
    Fail,
    /// A person looks and says.
    Ask,
}

/// `foreach:` of a step.
#[derive(Debug, Clone)]
pub struct Foreach {
    /// The items: an expression, or a list that may be templated.
    pub items: Param,
    /// The name of the item in expressions and templates.
    pub item: StepId,
    /// How many at once.
    pub max_parallel: u32,
    /// At how many failed items no new one starts; `None` = never stop.
    pub max_failures: Option<u32>,
    /// Whether an empty list is good.
    pub allow_empty: bool,
}

/// How the text a child printed becomes `output.value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputForm {
    /// As it is.
    Text,
    /// One JSON document.
    Json,
    /// A list of lines.
    Lines,
    /// One number.
    Number,
    /// `key=value` lines.
    Kv,
}

/// `concurrency:` of a runbook.
#[derive(Debug, Clone)]
pub struct Concurrency {
    /// The group.
    pub group: crate::base::ids::Name,
    /// How many runs may hold it.
    pub limit: u32,
    /// What happens to the next one.
    pub full: Full,
}

/// What happens to a run that finds its group full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// It waits.
    Queue,
    /// It ends at once as cancelled.
    Skip,
    /// It fails.
    Fail,
}
