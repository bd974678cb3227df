//! Effects of runs, let out once the event that orders them is durable, and who hears of it.

use super::Pump;
use crate::base::ids::RunId;
use crate::engine::decide::{Effect, Input};
use crate::engine::event::{Event, Parent, Recorded, StepEvent};
use crate::engine::run::StepPhase;
use crate::model::kind::Kind;
use crate::runtime::driver::Order;
use crate::runtime::plan::allowed;

impl Pump {
    pub(super) fn effect(&mut self, run: RunId, effect: Effect, again: bool) -> Vec<Order> {
        match effect {
            Effect::Perform { mut request, deadline, .. } => {
                let known = self.driver.run(run);
                // What tells those who may approve is no step of its own: no plan lists it, and none forbids it.
                let asks = known.is_some_and(|run| matches!(run.phase(&request.place), Some(StepPhase::Polling(_))));
                let started = known.map(|run| &run.started).filter(|_| !asks);
                let journal = self.journal.as_ref();
                match started.map_or(Ok(None), |started| allowed(&self.shelf, journal, started, &request)) {
                    Ok(listed) => request.listed = listed,
                    Err(failure) => return self.replied(run, request.place, request.attempt, failure),
                }
                match Kind::parse(&request.kind) {
                    Some(kind @ (Kind::Escalate | Kind::Resolve | Kind::Silence)) if !self.without_incidents => {
                        self.speak(run, kind, &request);
                    }
                    Some(_) | None => self.perform.perform(run, *request, deadline, again),
                }
                Vec::new()
            }
            Effect::Stop { place, attempt } => {
                self.perform.stop(run, &place, attempt);
                Vec::new()
            }
            Effect::CancelChild { child, reason } => {
                let actor = crate::base::actor::Actor::engine("caller");
                self.driver.input(child, Input::Cancel { actor, reason }, self.looked)
            }
            Effect::StartChild { place, attempt, child, runbook, inputs } => {
                let parent = Parent { run, place, attempt };
                self.start_child(&parent, child, &runbook, inputs)
            }
            // Group effects never leave the driver.
            Effect::Acquire { .. } | Effect::Release { .. } => Vec::new(),
        }
    }

    /// Where one batch alone is about to become durable and orders one attempt, whoever performs it can make ready meanwhile.
    pub(super) fn prepare(&self) {
        if let Some((run, Effect::Perform { request, .. })) = self.driver.about_to_order() {
            self.perform.prepare(run, request);
        }
    }

    pub(super) fn answer_start(&mut self, run: RunId, answer: Result<(), String>) {
        if let Some(told) = self.starting.remove(&run) {
            let _ = told.send(answer);
        }
    }

    pub(super) fn tell(&mut self, run: RunId, events: Vec<(u64, Recorded)>) {
        self.answer_start(run, Ok(()));
        self.tally.told(&events);
        self.telemetry.told(run, &events);
        if events.iter().any(|(_, recorded)| matches!(recorded.event, Event::Ended(_))) {
            self.run_ended(run);
            self.heed_end(run, &events, self.looked);
        }
        if events.iter().any(|(_, recorded)| is_about_a_question(&recorded.event)) {
            self.tell_questions(self.looked);
        }
        let Some(followers) = self.followers.get_mut(&run) else { return };
        for (version, event) in events {
            followers.retain(|follower| follower.tell(version, event.clone()));
        }
    }
}

/// Whether somebody is asked what became of a lost attempt, or has answered.
fn is_about_a_question(event: &Event) -> bool {
    let Event::Step { event, .. } = event else { return false };
    matches!(event, StepEvent::Asked { .. } | StepEvent::Answered { .. })
}
