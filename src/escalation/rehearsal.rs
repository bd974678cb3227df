//! An incident rehearsed: the machine of every incident, a clock that jumps to whatever is due next, and a world that does
//! as it is told. Nobody is paged. Pure: who is on call and how they are reached is read from the ladder at each instant.

use crate::base::actor::{Actor, Role, Via};
use crate::base::ids::{IncidentId, Name, RunId};
use crate::base::level::{Level, Outcome};
use crate::base::limits::{MAX_REHEARSED_DAYS, MAX_REHEARSED_EVENTS};
use crate::base::span::Span;
use crate::escalation::climb::{next_breach, next_look};
use crate::escalation::decide::{Decision, Effect, Input, Known, Opening, decide};
use crate::escalation::event::{Ending, Event, PageFate, Part, Recorded};
use crate::escalation::ladder::{Ladder, after};
use crate::escalation::state::{IllegalEvent, Incident};
use crate::model::escalation::Escalation;
use crate::model::message::Address;
use crate::model::rehearsal::Mending;
use crate::model::trouble::Trouble;
use crate::model::{oncall, reach};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The longest time that is played, in virtual time: whoever has not answered by then will not.
pub const LONGEST: Span = Span::from_secs(MAX_REHEARSED_DAYS as u64 * 24 * 3600);

/// What is played.
pub struct Scene<'a> {
    /// The ladder.
    pub ladder: &'a Escalation,
    /// When it begins.
    pub at: Timestamp,
    /// What is wrong; its source decides whether level 1 may end it.
    pub trouble: Trouble,
    /// What level 1 comes to.
    pub level_1: Mending,
    /// What happens besides, each so long after the opening.
    pub acts: Vec<(Span, Act)>,
    /// Whether whoever takes it goes on working on it, so that their acknowledgement does not lapse.
    pub works: bool,
    /// Channels that deliver nothing.
    pub down: BTreeSet<Name>,
    /// How long a page is tried on such a channel before it is given up, by severity.
    pub patience: &'a dyn Fn(&str) -> Span,
    /// When nobody drives the incident: from and to, after the opening.
    pub away: Option<(Span, Span)>,
    /// How long it is played at most.
    pub most: Span,
}

/// What happens to the incident from outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Somebody takes it; `None` = whoever was told last.
    Acknowledge(Option<Name>),
    /// Somebody ends it.
    Resolve(Option<Name>),
    /// Whoever told of it says that it is over.
    Clear,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rehearsed {
    /// How it stands at the end.
    pub incident: Incident,
    /// Everything that happened.
    pub events: Vec<Recorded>,
    /// What people were refused, and when.
    pub refused: Vec<(Timestamp, String)>,
    /// Why it was not played on.
    pub stop: Stop,
}

/// Why a rehearsal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The incident is resolved.
    Resolved,
    /// Somebody has it and works on it, and nobody else is told while that is so.
    Taken,
    /// The last level was told again, whoever catches all too, and nobody answers: it would go on like that for ever.
    Unanswered,
    /// That was long enough.
    Time,
}

/// Plays it.
///
/// # Errors
/// [`IllegalEvent`], which is a bug of ours.
pub fn rehearse(scene: &Scene<'_>) -> Result<Rehearsed, IllegalEvent> {
    let mut player = Player::new(scene);
    let stop = player.play()?;
    let Player { incident, events, refused, .. } = player;
    Ok(Rehearsed { incident, events, refused, stop })
}

struct Player<'a> {
    scene: &'a Scene<'a>,
    incident: Incident,
    events: Vec<Recorded>,
    refused: Vec<(Timestamp, String)>,
    /// What is on its way, in the order in which it was sent off.
    coming: BTreeMap<(Timestamp, u64), Coming>,
    next: u64,
    /// When the first try of level 1 began.
    tried: Option<Timestamp>,
}

#[derive(Debug, Clone)]
enum Coming {
    Input(Box<Input>),
    Act(Act),
}

impl<'a> Player<'a> {
    fn new(scene: &'a Scene<'a>) -> Self {
        let mut player = Self {
            scene,
            incident: Incident::default(),
            events: Vec::new(),
            refused: Vec::new(),
            coming: BTreeMap::new(),
            next: 0,
            tried: None,
        };
        for (at, act) in &scene.acts {
            player.later(after(scene.at, *at), Coming::Act(act.clone()));
        }
        player
    }

    fn later(&mut self, at: Timestamp, coming: Coming) {
        self.next += 1;
        self.coming.insert((at, self.next), coming);
    }

    fn play(&mut self) -> Result<Stop, IllegalEvent> {
        let id = IncidentId::new(u64::try_from(self.scene.at.as_millisecond()).unwrap_or_default(), 7);
        let trouble = self.scene.trouble.clone();
        let opening = Opening { id, trouble, texts: BTreeMap::new(), recurs: None };
        let end = after(self.scene.at, self.scene.most.min(LONGEST));
        let mut now = self.scene.at;
        self.decide(Input::Open(Box::new(opening)), now)?;
        loop {
            if let Some(stop) = self.stops() {
                return Ok(stop);
            }
            let look = next_look(self.scene.ladder, &self.incident).map(|at| at.max(now));
            let (kept, lapse) = (self.works_on(), self.lapses_at());
            let first = self.coming.first_key_value().map(|((at, _), _)| (*at).max(now));
            let Some(due) = [look, first].into_iter().flatten().min() else { return Ok(Stop::Time) };
            let due = self.once_back(due);
            if due > end || self.events.len() >= MAX_REHEARSED_EVENTS {
                return Ok(Stop::Time);
            }
            // A look at an instant that is past and changes nothing would go on for ever.
            let (stood, seen) = (due == now, self.events.len());
            now = due;
            let arrives = self.coming.first_key_value().is_some_and(|((at, _), _)| *at <= now);
            let input = match kept.filter(|_| lapse.is_some_and(|lapse| lapse <= now)) {
                Some(actor) => Input::Note { actor, text: "works on it".into() },
                None if arrives => self.arrived(),
                None => Input::Tick,
            };
            let ticks = input == Input::Tick;
            self.decide(input, now)?;
            if stood && ticks && self.events.len() == seen {
                return Ok(Stop::Time);
            }
        }
    }

    /// An instant at which nobody drives the incident is seen to when somebody does again.
    fn once_back(&self, at: Timestamp) -> Timestamp {
        let back = self.scene.away.map(|(from, to)| (after(self.scene.at, from), after(self.scene.at, to)));
        back.filter(|(from, to)| *from <= at && at < *to).map_or(at, |(_, to)| to)
    }

    fn stops(&self) -> Option<Stop> {
        let ladder = Ladder { policy: self.scene.ladder, incident: &self.incident };
        let acts = self.coming.values().any(|coming| matches!(coming, Coming::Act(_)));
        if self.incident.is_over() {
            return Some(Stop::Resolved);
        }
        if acts || self.incident.ending.is_some() || !self.coming.is_empty() {
            return None;
        }
        let quiet = self.works_on().is_some() && ladder.next().is_none();
        if quiet && self.incident.running().next().is_none() {
            return Some(Stop::Taken);
        }
        // Whoever has their turn later in the last round, and a promise that is still to be broken, are told of too.
        let turns = self.incident.rungs.iter().filter_map(|(level, rung)| ladder.live_round(*level, rung));
        let waits = turns.flat_map(|round| &round.turns).any(|(_, page)| page.is_none());
        let promised = next_breach(self.scene.ladder, &self.incident).is_some();
        let told = self.incident.exhausted.is_some() && self.incident.held().is_none() && !waits && !promised;
        (told && ladder.above(self.incident.level).is_none()).then_some(Stop::Unanswered)
    }

    /// Whoever has it, where they go on working on it.
    fn works_on(&self) -> Option<Actor> {
        self.incident.ack.as_ref().filter(|_| self.scene.works).map(|ack| ack.actor.clone())
    }

    fn lapses_at(&self) -> Option<Timestamp> {
        let ladder = Ladder { policy: self.scene.ladder, incident: &self.incident };
        self.incident.ack.as_ref().map(|ack| after(ack.active, ladder.lapses()))
    }

    /// The first thing that has arrived, as an input.
    fn arrived(&mut self) -> Input {
        let Some((_, coming)) = self.coming.pop_first() else { return Input::Tick };
        match coming {
            Coming::Input(input) => *input,
            Coming::Act(Act::Acknowledge(who)) => {
                let who = who.or_else(|| self.told_last());
                Input::Acknowledge { actor: person(who.as_ref()), who, note: String::new(), as_of: None }
            }
            Coming::Act(Act::Resolve(who)) => {
                let who = who.or_else(|| self.incident.ack.as_ref().and_then(|ack| ack.who.clone()));
                let who = who.or_else(|| self.told_last());
                let reason = "it is mended".to_owned();
                Input::Resolve { actor: person(who.as_ref()), how: Ending::Person, reason }
            }
            Coming::Act(Act::Clear) => self.clear("its source says so"),
        }
    }

    fn clear(&self, why: &str) -> Input {
        Input::Cleared { source: self.scene.trouble.source.clone(), reason: why.to_owned() }
    }

    fn told_last(&self) -> Option<Name> {
        self.incident.pages.values().rev().find_map(|ordered| ordered.page.who.clone())
    }

    fn decide(&mut self, input: Input, now: Timestamp) -> Result<(), IllegalEvent> {
        let (ladder, owner) = (self.scene.ladder, self.incident.owner.clone());
        let known = Known {
            who: &|target| oncall::resolve(ladder, target, owner.as_ref(), now),
            reach: &|contact, severity| {
                let steps = reach::reach(ladder, contact, severity, now).steps.into_iter();
                steps.map(|step| (step.after, Address { channel: step.channel, to: step.address })).collect()
            },
            ran: &|_| None,
            startable: &|_| Ok(()),
            holder: &|_| None,
            muted: &|_| None,
        };
        let Decision { events, effects, refused } = decide(ladder, &mut self.incident, input, &known, now)?;
        self.events.extend(events);
        self.refused.extend(refused.map(|why| (now, why)));
        for effect in effects {
            self.carry_out(effect, now);
        }
        Ok(())
    }

    fn carry_out(&mut self, effect: Effect, now: Timestamp) {
        match effect {
            Effect::Send(page) => {
                let (fate, note, takes) = if self.scene.down.contains(&page.channel) {
                    let takes = (self.scene.patience)(&self.incident.severity);
                    (PageFate::Failed, format!("{} is down", page.channel), takes)
                } else {
                    (PageFate::Accepted, String::new(), Span::ZERO)
                };
                let settled = Input::Settled { page: page.number, fate, note };
                self.later(after(now, takes), Coming::Input(Box::new(settled)));
            }
            Effect::Withdraw(page) => {
                let settles = |coming: &Coming| matches!(coming, Coming::Input(input) if matches!(**input, Input::Settled { page: other, .. } if other == page));
                let before = self.coming.len();
                self.coming.retain(|_, coming| !settles(coming));
                if before > self.coming.len() {
                    let note = "it was still on its way".to_owned();
                    let input = Input::Settled { page, fate: PageFate::Withdrawn, note };
                    self.later(now, Coming::Input(Box::new(input)));
                }
            }
            Effect::Start { run, part, .. } => self.respond(run, part, now),
            Effect::Cancel { run, reason } => self.responded(run, Outcome::Cancelled, &reason, now),
        }
    }

    /// A runbook about the incident: evidence is gathered at once, and what mends comes to what the scene says.
    fn respond(&mut self, run: RunId, part: Part, now: Timestamp) {
        if part == Part::Gather {
            return self.responded(run, Outcome::Succeeded, "evidence", now);
        }
        let began = *self.tried.get_or_insert(now);
        match self.scene.level_1 {
            Mending::Hangs => {}
            Mending::Fails(takes) => {
                self.responded(run, Outcome::Failed, "it did not help", after(began, takes).max(now));
            }
            Mending::Helps(takes) => {
                let at = after(began, takes).max(now);
                self.responded(run, Outcome::Recovered, "it helped", at);
                self.later(at, Coming::Input(Box::new(self.clear("level 1 mended it"))));
            }
        }
    }

    fn responded(&mut self, run: RunId, outcome: Outcome, text: &str, at: Timestamp) {
        let level = if outcome.is_good() { Level::Notice } else { Level::Critical };
        let input = Input::Responded { run, outcome: Some(outcome), level, text: text.to_owned() };
        self.later(at, Coming::Input(Box::new(input)));
    }
}

fn person(who: Option<&Name>) -> Actor {
    Actor { id: who.map_or_else(|| "somebody".to_owned(), ToString::to_string), via: Via::Cli, role: Role::Operator }
}

/// When each level was first entered, after the opening.
#[must_use]
pub fn levels(events: &[Recorded]) -> BTreeMap<u32, Span> {
    let opened = events.first().map_or(Timestamp::UNIX_EPOCH, |recorded| recorded.at);
    let mut levels = BTreeMap::new();
    for recorded in events {
        if let Event::Climbed { level, .. } = &recorded.event {
            levels.entry(*level).or_insert_with(|| between(opened, recorded.at));
        }
    }
    levels
}

/// How long after the first the second instant is.
#[must_use]
pub fn between(from: Timestamp, to: Timestamp) -> Span {
    Span::from_millis(u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::escalation::{LadderLevel, Severity};
    use crate::model::trouble::Source;

    /// A ladder whose only level both mends and pages.
    fn ladder() -> Escalation {
        let name = |text: &str| Name::parse(text).expect("a name");
        let mut ladder = Escalation::default();
        let level = LadderLevel {
            name: "All".into(),
            page: vec!["anna".into()],
            tries: vec![name("mend")],
            ..LadderLevel::default()
        };
        ladder.levels.insert(1, level);
        let severity = Severity {
            title: "Critical".into(),
            respond_within: Some(Span::from_secs(900)),
            climb: BTreeMap::from([(1, Span::ZERO)]),
            climb_early: true,
            repeat: Some(Span::from_secs(3_600)),
            ack_lapses: None,
            announce: None,
            reach: None,
        };
        ladder.severities.insert("P1".into(), severity);
        ladder
    }

    fn played(source: Source, level_1: Mending) -> Rehearsed {
        let trouble = Trouble {
            key: "k".into(),
            title: "t".into(),
            text: String::new(),
            severity: Some("P1".into()),
            kind: None,
            labels: BTreeMap::new(),
            owner: None,
            source,
            link: None,
        };
        let scene = Scene {
            ladder: &ladder(),
            at: Timestamp::UNIX_EPOCH,
            trouble,
            level_1,
            acts: Vec::new(),
            works: true,
            down: BTreeSet::new(),
            patience: &|_| Span::ZERO,
            away: None,
            most: LONGEST,
        };
        rehearse(&scene).expect("legal")
    }

    /// Whatever the try came to, the next look is one in which something is due: nobody looks again and again at once.
    #[test]
    fn a_level_that_mends_and_pages_is_not_looked_at_for_ever() {
        let by_hand = Source::Person(Actor { id: "a".into(), via: Via::Cli, role: Role::Operator });
        for mending in [Mending::Helps(Span::from_secs(120)), Mending::Fails(Span::from_secs(120)), Mending::Hangs] {
            let rehearsed = played(by_hand.clone(), mending);
            let last = rehearsed.events.last().map(|recorded| recorded.at).expect("something happened");
            assert!(rehearsed.incident.breaches.len() == 1, "{mending:?}: the promise is broken at its time");
            assert_ne!(rehearsed.stop, Stop::Resolved, "{mending:?}: only a person ends what a person opened");
            let look = next_look(&ladder(), &rehearsed.incident).expect("it is open");
            assert!(look > last, "{mending:?}: the next look at {look} is behind {last}");
        }
    }
}
