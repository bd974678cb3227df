//! What somebody did to an incident, in JSON: the deed apart from who did it.

use super::shape::{some, text};
use super::{CodecError, Ending, Event, name, read, word};
use crate::base::actor::Actor;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Deed {
    Acknowledged {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        who: Option<String>,
        note: String,
    },
    Unacknowledged {
        reason: String,
    },
    Snoozed {
        until: String,
        reason: String,
    },
    Assigned {
        to: String,
    },
    SeverityChanged {
        to: String,
        reason: String,
    },
    Classified {
        kind: String,
    },
    Noted {
        text: String,
    },
    Duty {
        level: u32,
        index: u32,
        done: bool,
    },
    Resolved {
        how: String,
        reason: String,
        key: String,
    },
}

const ENDINGS: [Ending; 4] = [Ending::Person, Ending::Cleared, Ending::Mended, Ending::Step];

impl Deed {
    /// What was done; of what nobody did, an empty note, which `shape` never asks for.
    pub(super) fn of(event: &Event) -> Self {
        if let Event::Acknowledged { who, note, .. } = event {
            return Self::Acknowledged { who: text(who.as_ref()), note: note.clone() };
        }
        if let Event::Unacknowledged { reason, .. } = event {
            return Self::Unacknowledged { reason: reason.clone() };
        }
        if let Event::Snoozed { until, reason, .. } = event {
            return Self::Snoozed { until: until.to_string(), reason: reason.clone() };
        }
        if let Event::Assigned { to, .. } = event {
            return Self::Assigned { to: to.to_string() };
        }
        if let Event::SeverityChanged { to, reason, .. } = event {
            return Self::SeverityChanged { to: to.clone(), reason: reason.clone() };
        }
        if let Event::Classified { kind, .. } = event {
            return Self::Classified { kind: kind.clone() };
        }
        if let Event::Duty { level, index, done, .. } = event {
            return Self::Duty { level: *level, index: *index, done: *done };
        }
        if let Event::Resolved { how, reason, key, .. } = event {
            return Self::Resolved { how: how.word().into(), reason: reason.clone(), key: key.clone() };
        }
        let text = if let Event::Noted { text, .. } = event { text.clone() } else { String::new() };
        Self::Noted { text }
    }

    pub(super) fn event(self, actor: Actor) -> Result<Event, CodecError> {
        Ok(match self {
            Self::Acknowledged { who, note } => Event::Acknowledged { actor, who: some(who)?, note },
            Self::Unacknowledged { reason } => Event::Unacknowledged { actor, reason },
            Self::Snoozed { until, reason } => Event::Snoozed { actor, until: read(&until)?, reason },
            Self::Assigned { to } => Event::Assigned { actor, to: name(&to)? },
            Self::SeverityChanged { to, reason } => Event::SeverityChanged { actor, to, reason },
            Self::Classified { kind } => Event::Classified { actor, kind },
            Self::Noted { text } => Event::Noted { actor, text },
            Self::Duty { level, index, done } => Event::Duty { actor, level, index, done },
            Self::Resolved { how, reason, key } => {
                Event::Resolved { actor, how: word(&ENDINGS, Ending::word, &how)?, reason, key }
            }
        })
    }
}
