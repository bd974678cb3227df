//! A batch on its way to the journal, in the words of the machines whose events it has.

use crate::base::ids::{Name, RunId};
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
