//! Who is told: rounds of a level, their pages, broadcasts, and whoever catches all.

use crate::base::ids::Name;
use crate::base::limits::MAX_TURNS;
use crate::base::planted::{self, Bug};
use crate::base::span::Span;
use crate::escalation::decide::{Decider, Effect};
use crate::escalation::event::{Event, Page, PageFate, Turn, What, Why};
use crate::escalation::state::IllegalEvent;
use crate::model::message::Address;
use std::collections::BTreeSet;

/// Who a round would tell.
#[derive(Debug, Default)]
pub(super) struct People {
    /// In order.
    pub(super) turns: Vec<Turn>,
    /// Persons without any address.
    nowhere: Vec<Name>,
}

impl Decider<'_> {
    /// Tells the levels that are to be told, the highest first; whether another level was entered because one has nobody.
    pub(super) fn tell(&mut self) -> Result<bool, IllegalEvent> {
        let mut told: BTreeSet<Name> = BTreeSet::new();
        while let Some(level) = self.call.pop_last() {
            if self.ladder().is_stopped(level) {
                continue;
            }
            let top = level == self.incident.level;
            let mut people = self.people(level, top);
            people.turns.retain(|turn| turn.who.as_ref().is_none_or(|who| !told.contains(who)));
            if !people.turns.is_empty() {
                told.extend(people.turns.iter().filter_map(|turn| turn.who.clone()));
                self.round(level, people)?;
            } else if top && !self.responds(level) && self.nobody(level, &people)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the level has no people by its text, and something else to do.
    fn responds(&self, level: u32) -> bool {
        let runbooks = self.ladder().responder().is_some_and(|(known, _)| known == level);
        !self.ladder().has_people(level) && runbooks
    }

    /// The people of a level with every way to reach them, as it is now.
    pub(super) fn people(&mut self, level: u32, top: bool) -> People {
        let (also, only) = if top { (self.also.take(), std::mem::take(&mut self.only)) } else { (None, false) };
        let targets: Vec<String> = match self.policy.levels.get(&level) {
            Some(level) if !only => level.page.clone(),
            Some(_) | None => Vec::new(),
        };
        let mut people = People::default();
        self.add(&mut people, &targets, None);
        for who in also.into_iter().flatten() {
            self.add_person(&mut people, &who, None);
        }
        people
    }

    /// Adds contacts, rotations and addresses.
    fn add(&self, people: &mut People, targets: &[String], what: Option<What>) {
        for target in targets {
            if let Some(address) = address(target) {
                let known = people.turns.iter().any(|turn| turn.address == address);
                if !known {
                    let what = what.unwrap_or(What::Call);
                    people.turns.push(Turn { who: None, after: Span::ZERO, address, what });
                }
                continue;
            }
            for who in (self.known.who)(&self.meant(target)) {
                self.add_person(people, &who, what);
            }
        }
    }

    fn add_person(&self, people: &mut People, who: &Name, what: Option<What>) {
        let before = self.incident.called.contains(who);
        let what = what.unwrap_or(if before { What::Reminder } else { What::Call });
        let ways = (self.known.reach)(who, &self.incident.severity);
        if ways.is_empty() && !people.nowhere.contains(who) {
            people.nowhere.push(who.clone());
        }
        for (after, address) in ways {
            let known = people.turns.iter().any(|turn| turn.who.as_ref() == Some(who) && turn.address == address);
            if !known {
                people.turns.push(Turn { who: Some(who.clone()), after, address, what });
            }
        }
    }

    /// What a name in the ladder means for this incident: its owner is a rotation or a person.
    pub(super) fn meant(&self, target: &str) -> String {
        match (target, &self.incident.owner) {
            ("on_call.owner", Some(owner)) if self.policy.on_call.contains_key(owner) => format!("on_call.{owner}"),
            ("on_call.owner", Some(owner)) => owner.to_string(),
            (other, _) => other.to_owned(),
        }
    }

    /// A round begins.
    pub(super) fn round(&mut self, level: u32, mut people: People) -> Result<(), IllegalEvent> {
        let beyond = people.turns.split_off(people.turns.len().min(MAX_TURNS));
        let number = self.incident.rungs.get(&level).map_or(0, |rung| rung.rounds) + 1;
        self.push(Event::Round { level, number, turns: people.turns })?;
        self.without_address(level, &people.nowhere)?;
        for who in beyond.into_iter().filter_map(|turn| turn.who) {
            self.unreached(level, &who, format!("a round has {MAX_TURNS} addresses at most"))?;
        }
        Ok(())
    }

    fn without_address(&mut self, level: u32, who: &[Name]) -> Result<(), IllegalEvent> {
        let reason = format!("has no address for {}", self.incident.severity);
        who.iter().try_for_each(|who| self.unreached(level, who, reason.clone()))
    }

    /// Says once of a person of a level that nothing reaches them.
    pub(super) fn unreached(&mut self, level: u32, who: &Name, reason: String) -> Result<(), IllegalEvent> {
        match self.incident.rungs.get(&level).filter(|_| level > 0) {
            Some(rung) if !rung.unreached.contains(who) => {
                self.push(Event::Unreached { level, who: who.clone(), reason })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A level has nobody who could be told: the next is entered at once, or whoever catches all is told. Whether another
    /// level was entered.
    pub(super) fn nobody(&mut self, level: u32, people: &People) -> Result<bool, IllegalEvent> {
        let name = self.ladder().level(level).map(|level| level.name.clone()).unwrap_or_default();
        let reason = match (&people.nowhere[..], self.ladder().has_people(level)) {
            ([], false) => format!("level {level} ({name}) has nobody by its text"),
            ([], true) => format!("nobody is on level {level} ({name}) now"),
            (who, _) => {
                let who: Vec<&str> = who.iter().map(Name::as_str).collect();
                format!("nobody of level {level} ({name}) has an address: {}", who.join(", "))
            }
        };
        if level > 0 {
            if self.incident.rungs.get(&level).is_some_and(|rung| !rung.empty) {
                self.push(Event::LevelEmpty { level, reason: reason.clone() })?;
            }
            self.without_address(level, &people.nowhere)?;
        }
        self.pass_on(level, &reason)
    }

    /// What nobody of a level can be told goes to the next, or to whoever catches all. Whether another level was entered.
    pub(super) fn pass_on(&mut self, level: u32, reason: &str) -> Result<bool, IllegalEvent> {
        match self.ladder().next() {
            Some(next) if !planted::has(Bug::StaysUnreachable) => {
                self.enter(next, Why::Nobody, reason.to_owned()).map(|()| true)
            }
            Some(_) => Ok(false),
            None => self.catch_all(level, reason).map(|()| false),
        }
    }

    /// Whoever catches all is told; the end of the ladder is a loud event.
    pub(super) fn catch_all(&mut self, level: u32, reason: &str) -> Result<(), IllegalEvent> {
        let mut people = People::default();
        self.add_catch_all(&mut people, reason)?;
        self.round(level, people)
    }

    pub(super) fn add_catch_all(&mut self, people: &mut People, reason: &str) -> Result<(), IllegalEvent> {
        if self.incident.exhausted.is_none() {
            self.push(Event::Exhausted { reason: reason.to_owned() })?;
        }
        let targets = self.policy.catch_all.clone();
        self.add(people, &targets, Some(What::CatchAll));
        Ok(())
    }

    /// Everything of the newest rounds whose time has come becomes pages.
    pub(super) fn turns(&mut self) -> Result<(), IllegalEvent> {
        let mut pages = Vec::new();
        for (level, rung) in &self.incident.rungs {
            let Some(round) = self.ladder().live_round(*level, rung) else { continue };
            for (turn, _) in round.turns.iter().filter(|(_, page)| page.is_none()) {
                if self.ladder().turn_due(round, turn) <= self.now {
                    pages.push((*level, round.number, turn.clone()));
                }
            }
        }
        for (level, round, turn) in pages {
            let number = self.incident.pages.last_key_value().map_or(0, |(number, _)| *number) + 1;
            let Turn { who, address: Address { channel, to: address }, what, .. } = turn;
            let page = Page { number, level, who, channel, address, what, round };
            self.push(Event::Paged(Box::new(page.clone())))?;
            self.done.effects.push(Effect::Send(page));
        }
        Ok(())
    }

    /// A message for information to the broadcast sets: its own, and whoever was told that it is open.
    pub(super) fn broadcast(&mut self, what: What) -> Result<(), IllegalEvent> {
        if self.incident.mute.is_some() {
            return Ok(());
        }
        let mut addresses: Vec<Address> = self.ladder().announce().filter_map(broadcast_address).collect();
        match what {
            What::Opening => addresses.retain(|address| !self.incident.announced.contains(address)),
            What::Call | What::Reminder | What::Climb | What::Taken | What::End | What::CatchAll => {
                addresses = self.incident.announced.iter().cloned().collect();
            }
        }
        addresses.dedup();
        if addresses.is_empty() {
            return Ok(());
        }
        let turn = |address| Turn { who: None, after: Span::ZERO, address, what };
        let people = People { turns: addresses.into_iter().map(turn).collect(), nowhere: Vec::new() };
        self.round(0, people)?;
        self.turns()
    }

    /// Pages that have become pointless before they were sent.
    pub(super) fn withdraw(&mut self, which: &dyn Fn(&Page) -> bool, note: &str) -> Result<(), IllegalEvent> {
        if planted::has(Bug::KeepsPages) {
            return Ok(());
        }
        let pages: Vec<u32> = self.incident.unsettled().filter(|page| which(page)).map(|page| page.number).collect();
        for page in pages {
            self.push(Event::Settled { page, fate: PageFate::Withdrawn, note: note.to_owned() })?;
            self.done.effects.push(Effect::Withdraw(page));
        }
        Ok(())
    }

    /// Pages that an answer makes pointless.
    pub(super) fn withdraw_answered(&mut self, note: &str) -> Result<(), IllegalEvent> {
        let stopped: BTreeSet<u32> = self
            .incident
            .unsettled()
            .filter(|page| page.is_a_call() && (page.level == 0 || self.ladder().is_stopped(page.level)))
            .map(|page| page.number)
            .collect();
        self.withdraw(&|page| stopped.contains(&page.number), note)
    }
}

impl Page {
    /// Whether it wants somebody to answer.
    #[must_use]
    pub fn is_a_call(&self) -> bool {
        match self.what {
            What::Call | What::Reminder | What::CatchAll => true,
            What::Opening | What::Climb | What::Taken | What::End => false,
        }
    }
}

/// `slack:#incidents` as an address.
fn address(text: &str) -> Option<Address> {
    let (channel, to) = text.split_once(':')?;
    Some(Address { channel: Name::parse(channel).ok()?, to: to.to_owned() })
}

/// An entry of a broadcast set; a channel's name alone is the channel's only address.
fn broadcast_address(text: &str) -> Option<Address> {
    address(text).or_else(|| Some(Address { channel: Name::parse(text).ok()?, to: String::new() }))
}
