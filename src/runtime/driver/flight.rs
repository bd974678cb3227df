//! A batch on its way to the journal, in the words of the machines whose events it has.

use super::Driver;
use crate::base::ids::{Name, RunId};
use crate::engine::decide::Effect;
use crate::engine::event::Recorded;
use crate::engine::group::GroupEvent;
use crate::schedule::event as schedule;
use crate::schedule::key::ScheduleId;
use crate::schedule::nominal::Nominal;

/// A batch on its way to the journal.
#[derive(Debug, Clone)]
pub struct Flight {
    /// Its number.
    pub number: u64,
    /// The run.
    pub run: RunId,
    /// The version of the run before these events.
    pub base: u64,
    /// Its events.
    pub events: Vec<Recorded>,
    /// Events of groups, each with its group's version before them.
    pub groups: Vec<(Name, u64, Vec<GroupEvent>)>,
    /// Events of the schedule that starts the run.
    pub schedule: Option<ScheduleEvents>,
}

/// Events of a schedule in a batch (invariant 4: the row of an instant is in the batch of its run).
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleEvents {
    /// The schedule.
    pub id: ScheduleId,
    /// Its version before these events.
    pub base: u64,
    /// Its events.
    pub events: Vec<schedule::Recorded>,
    /// Instants whose rows must not be there yet.
    pub fresh: Vec<Nominal>,
}

impl Driver {
    /// What the one batch that is on its way orders, if it is one thing alone and nobody can have done it.
    #[must_use]
    pub fn about_to_order(&self) -> Option<(RunId, &Effect)> {
        let mut flights = self.flights.values();
        let (Some(flight), None) = (flights.next(), flights.next()) else { return None };
        match flight.effects.as_slice() {
            [effect] if !flight.again => Some((flight.flight.run, effect)),
            _ => None,
        }
    }
}
