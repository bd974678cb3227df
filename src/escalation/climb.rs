//! What the time does to an incident: silences, lapses, levels, rounds, its end.

use crate::base::actor::Actor;
use crate::base::ids::Name;
use crate::escalation::decide::Decider;
use crate::escalation::event::{Clock, Ending, Event, Part, What, Why};
use crate::escalation::ladder::{IN_TIME, Ladder, after};
use crate::escalation::respond::Verdict;
use crate::escalation::state::{IllegalEvent, Incident};
use crate::escalation::text::{between, length};
use crate::model::escalation::Escalation;
use jiff::{SignedDuration, Timestamp};

/// When an incident is to be looked at by itself; an open one always has such an instant.
#[must_use]
pub fn next_look(policy: &Escalation, incident: &Incident) -> Option<Timestamp> {
    incident.opened.as_ref()?;
    let ladder = Ladder { policy, incident };
    let limit = ladder.limit();
    let going = incident.running().any(|response| response.stopping.is_none());
    let stop = limit.map(|(_, limit)| limit).filter(|_| going);
    if incident.ending.is_some() {
        return stop;
    }
    if let Some(mute) = &incident.mute {
        return Some(stop.map_or(mute.until, |stop| stop.min(mute.until)));
    }
    let lapse = incident.ack.as_ref().map(|ack| after(ack.active, ladder.lapses()));
    let waits = incident.snooze.as_ref().map(|snooze| snooze.until).or(lapse);
    let climbs = ladder.next().and_then(|next| ladder.due(next));
    let gathered = limit.map(|(half, _)| half).filter(|_| ladder.gathers());
    // A try that ended well is believed up to the limit, and only then what is above is told early.
    let believed = limit.map(|(_, limit)| limit).filter(|_| ladder.awaits());
    let turns = incident.rungs.iter().filter_map(|(level, rung)| ladder.live_round(*level, rung)).flat_map(|round| {
        round.turns.iter().filter(|(_, page)| page.is_none()).map(move |(turn, _)| ladder.turn_due(round, turn))
    });
    let clocks = [Clock::Response, Clock::Escalation].into_iter().filter_map(|clock| ladder.clock(clock));
    let single = [stop, waits, climbs, gathered, believed, ladder.next_round()];
    single.into_iter().flatten().chain(turns).chain(clocks).min()
}

/// The promise that is broken next, where nobody does anything before, and when.
#[must_use]
pub fn next_breach(policy: &Escalation, incident: &Incident) -> Option<(Clock, Timestamp)> {
    let ladder = Ladder { policy, incident };
    let clocks = [Clock::Response, Clock::Escalation].into_iter();
    clocks.filter_map(|clock| Some((clock, ladder.clock(clock)?))).min_by_key(|(_, by)| *by)
}

impl Ladder<'_> {
    /// Whether a try has ended well, and what comes next hangs on whether the trouble is over by the limit.
    fn awaits(self) -> bool {
        let here = self.responder().is_some_and(|(level, _)| level == self.incident.level);
        let good = self.incident.responses.iter().any(|known| known.part == Part::Try && known.is_good());
        let above = self.above(self.incident.level).is_some();
        // Where the level has people of its own, its rounds go on whatever the try came to: nothing waits for the limit.
        let alone = self.incident.exhausted.is_none() && !self.has_people(self.incident.level);
        let waits = if above { self.climbs_early() } else { alone };
        here && good && waits && self.incident.held().is_none()
    }
}

impl Decider<'_> {
    /// Everything that is due by now.
    pub(super) fn look(&mut self) -> Result<(), IllegalEvent> {
        if self.incident.opened.is_none() {
            return Ok(());
        }
        if self.is_open() {
            self.mutes()?;
            self.finish()?;
        }
        if !self.is_open() || self.incident.mute.is_some() {
            return self.respond();
        }
        self.broadcast(What::Opening)?;
        self.wake()?;
        self.climb()?;
        self.rounds()?;
        self.turns()?;
        self.breaches()
    }

    fn mutes(&mut self) -> Result<(), IllegalEvent> {
        let Some((_, opened)) = &self.incident.opened else { return Ok(()) };
        let muted = (self.known.muted)(&opened.trouble.labels).filter(|(_, until)| *until > self.now);
        match (muted, self.incident.mute.clone()) {
            (Some((silence, until)), before) => {
                if before.is_some_and(|mute| mute.silence == silence && mute.until == until) {
                    return Ok(());
                }
                self.withdraw(&|_| true, &format!("muted by {silence}"))?;
                self.push(Event::Muted { silence, until })
            }
            (None, Some(mute)) => {
                let over = if mute.until <= self.now { "is over" } else { "was ended early" };
                let reason =
                    format!("{} {over}; it had been muted for {}", mute.silence, between(mute.since, self.now));
                self.push(Event::Unmuted { reason })?;
                if self.incident.held().is_none() && self.ladder().has_people(self.incident.level) {
                    self.call.insert(self.incident.level);
                }
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    /// Whoever told of it says that it is over, and nothing that mends is at work.
    fn finish(&mut self) -> Result<(), IllegalEvent> {
        let in_time = self.ladder().limit().is_some_and(|(_, limit)| self.now < limit);
        let trying = self.incident.running().any(|known| known.part == Part::Try && known.stopping.is_none());
        if !self.incident.is_cleared() || trying && in_time {
            return Ok(());
        }
        let mended = self.incident.responses.iter().any(|known| known.part == Part::Try && known.is_good());
        let last = self.incident.sources.iter().filter_map(|told| told.cleared.clone()).max();
        let reason = last.map(|(_, reason)| reason).unwrap_or_default();
        let how = if mended { Ending::Mended } else { Ending::Cleared };
        self.resolve(Actor::engine("incident"), how, reason)
    }

    /// It ends: nobody is told any more, whoever was told that it is open learns that it is over.
    pub(super) fn resolve(&mut self, actor: Actor, how: Ending, reason: String) -> Result<(), IllegalEvent> {
        let Some((_, opened)) = &self.incident.opened else { return Ok(()) };
        let key = opened.trouble.key.clone();
        self.withdraw(&|page| page.is_a_call(), "it is over")?;
        self.stop_responses(&|known| known.part == Part::Try, "the incident is over")?;
        self.broadcast(What::End)?;
        self.call.clear();
        self.push(Event::Resolved { actor, how, reason, key })
    }

    /// A snooze ends, an acknowledgement lapses: the level that had been answered is told again, and who had answered.
    fn wake(&mut self) -> Result<(), IllegalEvent> {
        let answered = self.incident.held();
        let who = self.incident.ack.as_ref().and_then(|ack| ack.who.clone());
        let lapse = self.incident.ack.as_ref().map(|ack| after(ack.active, self.ladder().lapses()));
        let event = match (&self.incident.snooze, lapse) {
            (Some(snooze), _) if snooze.until <= self.now => Event::Woke,
            (None, Some(lapse)) if lapse <= self.now => Event::Lapsed,
            (Some(_) | None, _) => return Ok(()),
        };
        self.push(event)?;
        self.also = who.map(|who| vec![who]);
        if let Some(level) = answered.filter(|level| *level > 0)
            && (self.also.is_some() || self.ladder().has_people(level))
        {
            self.call.insert(level);
        }
        Ok(())
    }

    /// Enters every level that is due, and tells them.
    fn climb(&mut self) -> Result<(), IllegalEvent> {
        let before = self.incident.climbed;
        loop {
            self.respond()?;
            self.unreachable()?;
            if let Some((level, why, reason)) = self.due() {
                self.enter(level, why, reason)?;
            } else if !self.tell()? {
                break;
            }
        }
        let first = self.done.events.iter().any(|recorded| matches!(recorded.event, Event::Opened(_)));
        if before != self.incident.climbed && !first && self.ladder().has_people(self.incident.level) {
            // Whoever has to answer comes before whoever wants to know.
            self.turns()?;
            self.broadcast(What::Climb)?;
        }
        Ok(())
    }

    /// The level that is to be entered now, and why.
    fn due(&self) -> Option<(u32, Why, String)> {
        let ladder = self.ladder();
        let next = ladder.next()?;
        let here = ladder.responder().is_some_and(|(level, _)| level == self.incident.level);
        let verdict = if here { ladder.verdict(self.now, self.known.holder) } else { Verdict::Open };
        let failed = if let Verdict::Failed(reason) = verdict { Some(reason) } else { None };
        let due = ladder.due(next);
        let late = due.map_or(SignedDuration::ZERO, |due| self.now.duration_since(due.max(ladder.known_since())));
        let early = ladder.climbs_early() && self.incident.held().is_none() && late <= IN_TIME;
        if let Some(reason) = failed.as_ref().filter(|_| early) {
            return Some((next, Why::Early, reason.clone()));
        }
        let due = due.filter(|due| *due <= self.now)?;
        // What was overdue when the way up began anew is one `repeat` behind those who are told now.
        let overdue = ladder.is_overdue(next);
        let told = self.incident.resumed.as_ref().and_then(|resumed| resumed.told).map(|(level, _)| level);
        if overdue && self.call.iter().any(|level| ladder.has_people(*level) && told != Some(*level)) {
            return None;
        }
        let and = |text: String| failed.map_or(text.clone(), |reason| format!("{text}; {reason}"));
        if late > IN_TIME {
            let text = format!("it was due at {due}, {} ago, and nobody drove the incident then", length(late));
            return Some((next, Why::CaughtUp, and(text)));
        }
        let (opened, _) = self.incident.opened.as_ref()?;
        let time = match (overdue, self.incident.raised) {
            (true, _) => "it was due while the incident was held or muted".to_owned(),
            (false, Some(raised)) if raised >= due => format!("it is {} since {raised}", self.incident.severity),
            (false, _) => format!("{} after the opening", between(*opened, due)),
        };
        Some((next, Why::Time, and(time)))
    }

    /// A level is entered; its people are told before the decision ends.
    pub(super) fn enter(&mut self, level: u32, why: Why, reason: String) -> Result<(), IllegalEvent> {
        self.push(Event::Climbed { level, why, reason })?;
        self.call.insert(level);
        Ok(())
    }

    /// Every way to a person, or to everybody of the level it has reached, has failed.
    fn unreachable(&mut self) -> Result<(), IllegalEvent> {
        let level = self.incident.level;
        let Some(rung) = self.incident.rungs.get(&level).filter(|_| level > 0) else { return Ok(()) };
        let Some(round) = self.ladder().live_round(level, rung).cloned() else { return Ok(()) };
        let (number, seen) = (round.number, rung.undeliverable);
        let failed = |who: &Option<Name>| {
            round.turns.iter().filter(|(turn, _)| turn.who == *who).all(|(_, page)| self.incident.has_failed(*page))
        };
        let mut lost: Vec<_> = round.turns.iter().filter_map(|(turn, _)| turn.who.clone()).collect();
        lost.retain(|who| failed(&Some(who.clone())));
        let all = round.turns.iter().all(|(_, page)| self.incident.has_failed(*page)) && !round.turns.is_empty();
        for who in lost {
            self.unreached(level, &who, "every way to them has failed".to_owned())?;
        }
        if !all || seen == Some(number) {
            return Ok(());
        }
        let reason = format!("nobody of level {level} could be reached");
        self.push(Event::Undeliverable { level, reason: reason.clone() })?;
        let caught = round.turns.iter().all(|(turn, _)| turn.what == What::CatchAll);
        if caught { Ok(()) } else { self.pass_on(level, &reason).map(drop) }
    }

    /// The level it has reached is told again; the last one for ever, and whoever catches all learns of it once.
    fn rounds(&mut self) -> Result<(), IllegalEvent> {
        let level = self.incident.level;
        let last = self.ladder().above(level).is_none();
        if last && self.incident.exhausted.is_none() && self.incident.held().is_none() {
            if level == 0 {
                let reason = format!("the ladder has no level for {}", self.incident.severity);
                return self.catch_all(level, &reason);
            }
            let here = self.ladder().responder().is_some_and(|(known, _)| known == level);
            if let Verdict::Failed(reason) = self.ladder().verdict(self.now, self.known.holder)
                && here
                && !self.ladder().has_people(level)
            {
                return self.catch_all(level, &reason);
            }
        }
        if self.ladder().next_round().is_none_or(|at| at > self.now) {
            return Ok(());
        }
        if !self.ladder().has_people(level) {
            return self.catch_all(level, "the ladder has nobody else");
        }
        let mut people = self.people(level, true);
        if people.turns.is_empty() {
            if self.nobody(level, &people)? {
                self.climb()?;
            }
            return Ok(());
        }
        let visits = self.incident.rungs.get(&level).map_or(0, |rung| rung.visits);
        if last && visits > 0 && self.incident.exhausted.is_none() && self.incident.held().is_none() {
            let reason = format!("level {level} is the last, and nobody has answered it");
            self.add_catch_all(&mut people, &reason)?;
        }
        self.round(level, people)
    }
}
