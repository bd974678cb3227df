//! Runs hear that the wall clock was set before they hear anything else, so that nothing is decided by a clock they do not know.

use super::{Driver, Live, Order};
use crate::base::timekeeping::Reckoning;
use crate::engine::decide::Input;
use crate::engine::event::{Event, Recorded};
use jiff::Timestamp;

impl Driver {
    /// By which clock runs count; `None` = nobody can say.
    #[must_use]
    pub fn reckoning(&self) -> Option<&Reckoning> {
        self.reckoning.as_ref()
    }

    /// Runs count by that clock from now on; those at work hear it.
    pub fn reckon(&mut self, reckoning: Reckoning, now: Timestamp) -> Vec<Order> {
        let behind = |live: &Live| live.run.is_behind(&reckoning);
        let runs: Vec<_> = self.runs.iter().filter(|(_, live)| behind(live)).map(|(run, _)| *run).collect();
        self.reckoning = Some(reckoning);
        runs.into_iter().flat_map(|run| self.turn(run, now)).collect()
    }

    /// What a run has to hear first.
    pub(super) fn news(&self, live: &Live) -> Option<Input> {
        let reckoning = self.reckoning.clone().filter(|reckoning| live.run.is_behind(reckoning))?;
        Some(Input::ClockSet { reckoning, before_ms: live.lead_ms })
    }

    /// How far wall time is ahead, as far as anybody can say.
    pub(super) fn lead_ms(&self) -> Option<i64> {
        self.reckoning.as_ref().map(|reckoning| reckoning.lead_ms)
    }

    /// The first events of a run, which say by which clock it counts.
    pub(super) fn dated(&self, mut first: Vec<Recorded>) -> Vec<Recorded> {
        if let Some(Recorded { event: Event::Started(started), .. }) = first.first_mut()
            && started.reckoning.is_none()
        {
            started.reckoning.clone_from(&self.reckoning);
        }
        first
    }
}
