//! What holds of an incident after every turn, as `incidents` plays it.

use super::incidents::Life;
use jiff::{SignedDuration, Timestamp};
use stepladder::escalation::decide::{Decision, Input, next_breach, next_look};
use stepladder::escalation::event::{Event, Page, Recorded, What};
use stepladder::escalation::state::Incident;
use stepladder::model::escalation::Unless;
use stepladder::model::trouble::Source;

impl Life {
    /// What holds after every turn.
    pub(super) fn check(&mut self, before: &Incident, input: &Input, decision: &Decision) -> Result<(), String> {
        let look = next_look(&self.policy, &self.incident);
        if self.incident.opened.is_some() && self.incident.ending.is_none() && look.is_none() {
            return Err("17: an open incident has nothing to come".into());
        }
        if look.is_some_and(|look| look <= self.now) {
            return Err(format!("17: it wants to be looked at at {look:?} again"));
        }
        if next_breach(&self.policy, &self.incident)
            .is_some_and(|(_, by)| by <= self.now && self.incident.mute.is_none())
        {
            return Err("17: a broken promise was not seen".into());
        }
        if let Input::Told(trouble) = input
            && before.ending.is_none()
        {
            let once = before.sources.iter().any(|told| told.source == trouble.source) && !can_repeat(&trouble.source);
            self.counted += u64::from(!once);
            if self.incident.count != self.counted {
                return Err(format!("10: told of {} times, and {} counted", self.counted, self.incident.count));
            }
        }
        let mut state = before.clone();
        for recorded in &decision.events {
            self.check_event(&state, recorded)?;
            state.evolve(recorded).map_err(|error| format!("2: {error}"))?;
        }
        if state != self.incident {
            return Err("2: what is folded is not what was decided".into());
        }
        self.reached()?;
        self.bounded()
    }

    fn check_event(&self, state: &Incident, recorded: &Recorded) -> Result<(), String> {
        let opened = state.opened.as_ref().map(|(at, _)| *at);
        match &recorded.event {
            Event::Paged(page) => {
                let level = self.policy.levels.get(&page.level);
                let stops = level.is_none_or(|level| level.unless == Unless::Acknowledged);
                if page.is_a_call() && page.level > 0 && state.held().is_some() && stops {
                    return Err(format!("8: page {} of level {} though it is taken", page.number, page.level));
                }
                let twin = |other: &Page| {
                    (other.level, other.round, &other.who, &other.channel, &other.address)
                        == (page.level, page.round, &page.who, &page.channel, &page.address)
                };
                if state.pages.values().any(|ordered| twin(&ordered.page)) {
                    return Err(format!("8: page {} is a second of its round", page.number));
                }
                if state.mute.is_some() {
                    return Err(format!("8: page {} though it is muted", page.number));
                }
            }
            Event::Climbed { level, why, .. } => {
                let climb = self.policy.severities.get(&state.severity).map(|severity| &severity.climb);
                let offset = climb.and_then(|climb| climb.get(level)).copied();
                let due = opened.zip(offset).map(|(at, offset)| at + SignedDuration::from(offset));
                let by_time = matches!(format!("{why:?}").as_str(), "Time" | "CaughtUp");
                if by_time && due.is_none_or(|due| due > recorded.at) {
                    return Err(format!("17: level {level} was entered early: {why:?}"));
                }
            }
            Event::Exhausted { .. } if state.held().is_some() => {
                let level = self.policy.levels.get(&state.level);
                if level.is_none_or(|level| level.unless == Unless::Acknowledged) {
                    return Err("8: the ladder ends though somebody has taken it".into());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whoever could not be reached is not waited for (invariant 9).
    fn reached(&self) -> Result<(), String> {
        let incident = &self.incident;
        let open = incident.ending.is_none() && incident.mute.is_none() && incident.held().is_none();
        let resumed = incident.resumed.as_ref().map_or(Timestamp::MIN, |resumed| resumed.at);
        let Some(round) = incident.rungs.get(&incident.level).and_then(|rung| rung.round.as_ref()) else {
            return Ok(());
        };
        if !open || incident.level == 0 || round.turns.is_empty() || round.at < resumed {
            return Ok(());
        }
        let failed = |page: &Option<u32>| incident.has_failed(*page);
        let caught = round.turns.iter().all(|(turn, _)| turn.what == What::CatchAll);
        if !caught && round.turns.iter().all(|(_, page)| failed(page)) {
            return Err(format!("9: nobody of level {} can be reached, and nothing comes of it", incident.level));
        }
        for (turn, page) in round.turns.iter().filter(|(turn, _)| turn.who.is_some()) {
            let mut earlier =
                round.turns.iter().filter(|(other, _)| other.who == turn.who && other.after < turn.after).peekable();
            if page.is_none() && earlier.peek().is_some() && earlier.all(|(_, page)| failed(page)) {
                return Err(format!("9: every address of {:?} before {:?} has failed", turn.who, turn.address));
            }
        }
        Ok(())
    }

    /// No response outlasts its limit by more than its cancelling (invariant 18).
    fn bounded(&self) -> Result<(), String> {
        let limit = SignedDuration::from_mins(15);
        let late = |at: Timestamp| self.now.duration_since(at) > limit;
        let mut going = self.incident.running().filter(|known| known.stopping.is_none());
        match going.find(|known| late(known.at)) {
            Some(known) => Err(format!("18: {} goes on past its limit", known.runbook)),
            None => Ok(()),
        }
    }
}

/// Whether the same source may tell of its trouble again and again.
fn can_repeat(source: &Source) -> bool {
    !matches!(source.word(), "run" | "step" | "deadline")
}
