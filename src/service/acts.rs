//! What a person does about an incident, as plain data.

use jiff::Timestamp;

/// What a person does about an incident.
#[derive(Debug, Clone)]
pub enum Act {
    /// Takes it; the contact they are, where they say so.
    Acknowledge {
        /// The contact.
        who: Option<String>,
        /// What they say.
        note: String,
    },
    /// Gives it back.
    Unacknowledge {
        /// Why.
        reason: String,
    },
    /// Leaves it alone until then.
    Snooze {
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// Hands it to a rotation or a person.
    Assign {
        /// Whom.
        to: String,
    },
    /// Gives it another severity.
    Severity {
        /// Which.
        to: String,
        /// Why.
        reason: String,
    },
    /// Gives it another type.
    Classify {
        /// Which.
        kind: String,
    },
    /// Wants the next level now.
    Escalate {
        /// Why.
        reason: String,
    },
    /// Writes something down.
    Note {
        /// What.
        text: String,
    },
    /// Ticks a duty off, or takes that back.
    Duty {
        /// Of which level.
        level: u32,
        /// Which of its duties, from 1.
        number: u32,
        /// Whether it is done.
        done: bool,
    },
    /// Ends it.
    Resolve {
        /// Why.
        reason: String,
    },
}

impl Act {
    /// The verb of it, for a refusal.
    pub(super) fn verb(&self) -> &'static str {
        match self {
            Self::Acknowledge { .. } => "take",
            Self::Unacknowledge { .. } => "give back",
            Self::Snooze { .. } => "snooze",
            Self::Assign { .. } => "assign",
            Self::Severity { .. } | Self::Classify { .. } => "change",
            Self::Escalate { .. } => "escalate",
            Self::Note { .. } => "write to",
            Self::Duty { .. } => "tick duties of",
            Self::Resolve { .. } => "resolve",
        }
    }
}
