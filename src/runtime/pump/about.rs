//! What is said to the pump about incidents.

use super::{ENDING, Next, Pump};
use crate::base::ids::IncidentId;
use crate::escalation::decide::Input;
use crate::model::silence::SilenceEvent;
use crate::model::trouble::Trouble;
use crate::runtime::incidents::Told;
use crate::runtime::incidents::live::Live;
use crate::store::{AppendError, Version};
use jiff::Timestamp;
use std::sync::Arc;

/// Something about incidents.
pub enum About {
    /// This is the book whose addresses, rotations and runbooks count for incidents from now on.
    Book {
        /// It.
        live: Live,
    },
    /// There is trouble, as somebody tells of it who waits to hear. Answered once it is durable.
    Tell {
        /// What.
        trouble: Box<Trouble>,
        /// The book to go by where there is no newer one.
        by: Option<Live>,
        /// The answer.
        told: Option<Told>,
    },
    /// Something for an incident. Answered once it is durable.
    Incident {
        /// Which.
        id: IncidentId,
        /// What.
        input: Input,
        /// The answer.
        told: Option<Told>,
    },
    /// A batch of an incident was taken or not.
    Appended {
        /// Which.
        id: IncidentId,
        /// Whether.
        result: Result<Vec<Version>, AppendError>,
    },
    /// A silence begins or ends; it is durable already.
    Silence(SilenceEvent),
}

impl Pump {
    pub(super) fn about_incidents(&mut self, about: About, now: Timestamp) -> Next {
        match about {
            About::Book { live } => {
                self.perform.settings(&Arc::new(live.book.settings.clone()));
                self.live = Some(live);
            }
            About::Tell { told, .. } | About::Incident { told, .. } if self.stopping.is_some() => {
                if let Some(told) = told {
                    told(Err(ENDING.into()));
                }
            }
            About::Tell { trouble, by, told } => self.trouble(*trouble, by, told, now),
            About::Incident { id, input, told } => self.ask_incident(id, input, told, now),
            About::Appended { id, result } => return self.incident_answered(id, result, now),
            About::Silence(event) => self.silence(event, now),
        }
        Next::Go
    }
}
