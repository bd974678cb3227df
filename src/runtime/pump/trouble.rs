//! Trouble that is noticed outside of runs: alerts that other systems send, calls that do not come.
//!
//! Here it is handed on to incidents, which are opened, added to or cleared by it.

use super::Pump;
use crate::base::span::Span;
use crate::model::called::Heartbeat;
use crate::model::trouble::{Source, Trouble};
use crate::schedule::key::ScheduleId;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What is told of trouble.
#[derive(Debug, Clone, PartialEq)]
pub enum Tidings {
    /// It has begun, or goes on.
    Began(Box<Trouble>),
    /// It is over.
    Over {
        /// The key it was told with.
        key: String,
        /// Who says so.
        source: Source,
    },
}

impl Pump {
    /// Trouble has begun or is over; what told of it is durable.
    pub(super) fn tidings(&mut self, tidings: Tidings, now: Timestamp) {
        match tidings {
            Tidings::Began(trouble) => self.trouble(*trouble, None, None, now),
            Tidings::Over { key, source } => {
                let reason = format!("{} says that it is over", source.word());
                self.cleared(&key, source, reason, now);
            }
        }
    }
}

/// The key of the trouble of a heartbeat.
pub(super) fn silence_key(id: &ScheduleId) -> String {
    format!("heartbeat/{id}")
}

/// A call that had to come by then has not.
pub(super) fn of_silence(id: &ScheduleId, heartbeat: &Heartbeat, by: Timestamp) -> Trouble {
    let Heartbeat { path, every, grace, severity } = heartbeat;
    let late = if *grace == Span::ZERO { String::new() } else { format!(", {grace} late at most") };
    Trouble {
        key: silence_key(id),
        title: format!("`{path}` has not called"),
        text: format!("It must call every {every}{late}, and had to by {by}."),
        severity: Some(severity.clone()),
        kind: Some("heartbeat".into()),
        labels: BTreeMap::from([
            ("runbook".to_owned(), id.runbook.to_string()),
            ("heartbeat".to_owned(), path.to_string()),
        ]),
        owner: None,
        source: Source::Heartbeat { path: path.to_string() },
        link: None,
    }
}
