//! Effects of runs, let out once the event that orders them is durable.

use super::Pump;
use crate::base::ids::RunId;
use crate::engine::decide::{Effect, Input};
use crate::engine::event::Parent;
use crate::runtime::driver::Order;
use crate::runtime::plan::refusal;

impl Pump {
    pub(super) fn effect(&mut self, run: RunId, effect: Effect, again: bool) -> Vec<Order> {
        match effect {
            Effect::Perform { request, deadline, .. } => {
                let started = self.driver.run(run).map(|run| &run.started);
                let journal = self.journal.as_ref();
                if let Some(failure) = started.and_then(|started| refusal(&self.shelf, journal, started, &request)) {
                    return self.replied(run, request.place, request.attempt, failure);
                }
                self.perform.perform(run, *request, deadline, again);
                Vec::new()
            }
            Effect::Stop { place, attempt } => {
                self.perform.stop(run, &place, attempt);
                Vec::new()
            }
            Effect::CancelChild { child, reason } => {
                let actor = crate::base::actor::Actor::engine("caller");
                self.driver.input(child, Input::Cancel { actor, reason }, (self.clock)())
            }
            Effect::StartChild { place, attempt, child, runbook, inputs } => {
                let parent = Parent { run, place, attempt };
                self.start_child(parent, child, &runbook, inputs)
            }
            // Group effects never leave the driver.
            Effect::Acquire { .. } | Effect::Release { .. } => Vec::new(),
        }
    }
}
