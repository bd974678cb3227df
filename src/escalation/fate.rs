//! The words that are stored, sent and shown for what a page says and what becomes of it, and how loud an event is in a log.

use crate::base::level::Level;
use crate::escalation::event::{Event, PageFate, What};
use crate::model::message::Sent;

impl What {
    /// The word sent and shown.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Reminder => "reminder",
            Self::Opening => "opening",
            Self::Climb => "climb",
            Self::Taken => "taken",
            Self::End => "end",
            Self::CatchAll => "catch-all",
        }
    }
}

impl PageFate {
    /// The word sent and shown.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What became of a page, by what a channel says of it; the note has the provider's own id first, then what `earlier` tries
/// had come to.
#[must_use]
pub fn of_sent(sent: &Sent, earlier: &[String]) -> (PageFate, String) {
    let (fate, note) = match sent.clone() {
        Sent::Accepted { id } => (PageFate::Accepted, id.unwrap_or_default()),
        Sent::Delivered { id } => (PageFate::Delivered, id.unwrap_or_default()),
        Sent::Later { reason, .. } | Sent::Refused { reason } => (PageFate::Failed, reason),
    };
    if earlier.is_empty() {
        return (fate, note);
    }
    let tries = earlier.len() + 1;
    (fate, format!("{note} (try {tries}; before: {})", earlier.join("; ")).trim_start().to_owned())
}

/// How loud an event is in a log: what nobody may overlook is critical.
#[must_use]
pub fn loudness(event: &Event) -> Level {
    match event {
        Event::Opened(_)
        | Event::Unreached { .. }
        | Event::Undeliverable { .. }
        | Event::LevelEmpty { .. }
        | Event::Exhausted { .. }
        | Event::Breached { .. } => Level::Critical,
        Event::Climbed { .. } | Event::Lapsed | Event::Unmuted { .. } | Event::Woke => Level::Warning,
        Event::Settled { fate: PageFate::Failed, .. } => Level::Warning,
        Event::Cleared { .. }
        | Event::Responding { .. }
        | Event::PassedOver { .. }
        | Event::Stopping { .. }
        | Event::Responded { .. }
        | Event::Acknowledged { .. }
        | Event::Unacknowledged { .. }
        | Event::Snoozed { .. }
        | Event::Assigned { .. }
        | Event::SeverityChanged { .. }
        | Event::Classified { .. }
        | Event::Muted { .. }
        | Event::Resolved { .. } => Level::Notice,
        Event::Again { .. }
        | Event::Round { .. }
        | Event::Paged(_)
        | Event::Settled { .. }
        | Event::Noted { .. }
        | Event::Duty { .. } => Level::Ok,
    }
}
