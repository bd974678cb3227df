//! What starts a runbook by itself. Parsed and checked; a daemon obeys it. `called` has what is not set off by a clock.

use crate::base::ids::Name;
use crate::base::span::Span;
use crate::diagnostic::Spot;
use crate::model::param::Param;
use crate::model::schedule::Policy;

/// One entry of `triggers:`.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// `id:`, which keeps the ledger's identity when the expression changes.
    pub id: Option<Name>,
    /// Where it is written.
    pub spot: Spot,
    /// What it is.
    pub kind: TriggerKind,
    /// Inputs given to the run.
    pub inputs: Vec<(String, Param)>,
    /// When and how it counts.
    pub policy: Policy,
}

/// The kinds of trigger.
#[derive(Debug, Clone)]
pub enum TriggerKind {
    /// crontab(5) or six fields, in a zone.
    Cron {
        /// As written.
        expression: String,
        /// IANA name.
        timezone: String,
    },
    /// Aligned to the epoch.
    Every(Span),
    /// A local date and time, once.
    At {
        /// As written.
        when: String,
        /// IANA name.
        timezone: String,
    },
    /// A call from outside; the decoded map.
    Webhook(Param),
    /// A call that must come; the decoded map.
    Heartbeat(Param),
    /// An alert; the decoded map.
    Alert(Param),
    /// Another runbook's end.
    RunEnded {
        /// Which.
        runbook: Name,
        /// Which ends; empty = all.
        outcome: Vec<String>,
    },
    /// A file that appears or changes; the decoded map.
    File(Param),
    /// The daemon's start.
    Startup,
}

impl TriggerKind {
    /// The key it is written with.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Cron { .. } => "cron",
            Self::Every(_) => "every",
            Self::At { .. } => "at",
            Self::Webhook(_) => "webhook",
            Self::Heartbeat(_) => "heartbeat",
            Self::Alert(_) => "alert",
            Self::RunEnded { .. } => "run_ended",
            Self::File(_) => "file",
            Self::Startup => "startup",
        }
    }
}
