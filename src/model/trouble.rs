//! Trouble, as whoever notices it tells of it: what an incident is opened by, added to, and cleared by.

use crate::base::actor::Actor;
use crate::base::ids::{Name, RunId};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Something is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Trouble {
    /// One open incident per key; at most [`MAX_KEY`](crate::base::limits::MAX_INCIDENT_KEY) bytes.
    pub key: String,
    /// A line for people; never empty.
    pub title: String,
    /// More of it, perhaps many lines, perhaps none.
    pub text: String,
    /// The severity asked for (`P1`); the route may know better, and gives one where none is asked for.
    pub severity: Option<String>,
    /// What kind of trouble: `api`, `sip`, …
    pub kind: Option<String>,
    /// What routes match: `severity`, `component`, …
    pub labels: BTreeMap<String, String>,
    /// The rotation that answers, where whoever tells knows it.
    pub owner: Option<Name>,
    /// Who tells.
    pub source: Source,
    /// Where more is to be seen: an address.
    pub link: Option<String>,
}

/// Who noticed it; it is also who can say that it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A run ended badly.
    Run {
        /// The runbook.
        runbook: Name,
        /// The run.
        run: RunId,
    },
    /// An `escalate` step of a run.
    Step {
        /// The runbook.
        runbook: Name,
        /// The run.
        run: RunId,
        /// The step, and its attempt: the same told twice is told once.
        step: String,
    },
    /// An alert of `alerts.yaml`.
    Alert {
        /// Its name.
        name: String,
    },
    /// An alert that another system sent.
    Inbound {
        /// Which intake: `alertmanager`, `pagerduty`, …
        intake: String,
        /// The alert's own identity.
        fingerprint: String,
    },
    /// The deadline of a trigger has passed.
    Deadline {
        /// The runbook.
        runbook: Name,
        /// The trigger.
        trigger: String,
        /// The instant that was due.
        due: Timestamp,
    },
    /// A call that had to come did not.
    Heartbeat {
        /// Its path.
        path: String,
    },
    /// A person.
    Person(Actor),
    /// The engine about itself: its sweep, a failing undo, a disk without room.
    Engine {
        /// Which part.
        part: String,
    },
}

impl Source {
    /// The word stored and shown.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Step { .. } => "step",
            Self::Alert { .. } => "alert",
            Self::Inbound { .. } => "inbound",
            Self::Deadline { .. } => "deadline",
            Self::Heartbeat { .. } => "heartbeat",
            Self::Person(_) => "person",
            Self::Engine { .. } => "engine",
        }
    }

    /// Whether it can say that its trouble is over. What a person or a step told of, only a person ends, or another step.
    #[must_use]
    pub fn can_clear(&self) -> bool {
        match self {
            Self::Run { .. }
            | Self::Alert { .. }
            | Self::Inbound { .. }
            | Self::Deadline { .. }
            | Self::Heartbeat { .. } => true,
            Self::Step { .. } | Self::Person(_) | Self::Engine { .. } => false,
        }
    }
}
