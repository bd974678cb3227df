//! Incidents under chance: a virtual clock, pages that fail, persons who answer, crashes at any point. After each turn what
//! `ARCHITECTURE.md` says of pages and ladders holds (invariants 2, 8, 9, 10, 17, 18).

use super::chance::Chance;
use crate::ladder_world::{World, name, opening, person, policy, source, trouble};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use stepladder::base::ids::RunId;
use stepladder::base::level::{Level, Outcome};
use stepladder::escalation::decide::{Decision, Effect, Input, next_breach, next_look};
use stepladder::escalation::event::{Ending, Event, Page, PageFate, Recorded, What};
use stepladder::escalation::state::Incident;
use stepladder::escalation::words::{Links, words};
use stepladder::model::escalation::{Escalation, Unless};

const SOURCES: &[&str] = &["run", "HighErrorRate", "inbound", "person", "step"];
const PEOPLE: &[&str] = &["ivanova", "petrov", "senior", "manager"];
const CHANNELS: &[&str] = &["slack", "email", "sms"];

pub(super) struct Life {
    chance: Chance,
    pub(super) policy: Escalation,
    world: World,
    pub(super) incident: Incident,
    pub(super) events: Vec<Recorded>,
    pub(super) now: Timestamp,
    /// Pages ordered and not yet at their end: what a sender holds in memory.
    sending: BTreeMap<u32, Page>,
    /// Runs that go on.
    running: BTreeSet<RunId>,
    /// Pages whose sending has begun at least once.
    begun: BTreeSet<u32>,
    down: BTreeSet<&'static str>,
    told: u64,
    pub(super) counted: u64,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut policy = policy();
        if chance.one_in(4) {
            policy.levels.get_mut(&1).unwrap().tries.clear();
        }
        if chance.one_in(8) {
            policy.catch_all.clear();
        }
        if chance.one_in(40) {
            policy = Escalation::default();
        }
        Self {
            chance,
            policy,
            world: World::new(),
            incident: Incident::default(),
            events: Vec::new(),
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            sending: BTreeMap::new(),
            running: BTreeSet::new(),
            begun: BTreeSet::new(),
            down: BTreeSet::new(),
            told: 0,
            counted: 0,
        }
    }

    /// One input: decided twice the same, folded the same, and everything that must hold does.
    fn take(&mut self, input: Input) -> Result<(), String> {
        let (before, mut other) = (self.incident.clone(), self.incident.clone());
        let decision = self.world.decide(&self.policy, &mut self.incident, input.clone(), self.now)?;
        let again = self.world.decide(&self.policy, &mut other, input.clone(), self.now)?;
        if again != decision || other.version != self.incident.version {
            return Err(format!("3: {input:?} was decided two ways"));
        }
        self.events.extend(decision.events.iter().cloned());
        let looked = self.world.decide(&self.policy, &mut other, Input::Tick, self.now)?;
        let settles = |recorded: &Recorded| matches!(recorded.event, Event::Settled { .. });
        if let Some(recorded) = looked.events.iter().find(|recorded| !settles(recorded)) {
            return Err(format!("17: {input:?} left something due: {:?}", recorded.event));
        }
        self.check(&before, &input, &decision)?;
        self.perform(decision);
        Ok(())
    }

    fn perform(&mut self, decision: Decision) {
        for effect in decision.effects {
            match effect {
                Effect::Send(page) => drop(self.sending.insert(page.number, page)),
                Effect::Withdraw(page) => drop(self.sending.remove(&page)),
                Effect::Start { run, .. } => drop(self.running.insert(run)),
                Effect::Cancel { run, .. } => {
                    // It ends in its own time.
                    self.running.insert(run);
                }
            }
        }
    }

    /// The owner dies: what was in memory is gone, and what the events say is done again.
    fn crash(&mut self) -> Result<(), String> {
        let replayed = Incident::replay(&self.events).map_err(|error| format!("2: {error}"))?;
        if replayed != self.incident {
            return Err("2: what is replayed is not what was".into());
        }
        self.incident = replayed;
        let lost = std::mem::take(&mut self.sending);
        self.sending = self.incident.unsettled().map(|page| (page.number, page.clone())).collect();
        if let Some(page) = lost.keys().find(|page| !self.sending.contains_key(page)) {
            return Err(format!("8: page {page} was lost in a crash"));
        }
        self.running = self.incident.running().map(|response| response.run).collect();
        Ok(())
    }

    /// A sender takes a page: it reads the state again right before (invariant 8).
    fn send(&mut self) -> Result<(), String> {
        let Some(number) = self.sending.keys().next().copied() else { return Ok(()) };
        let page = self.sending.remove(&number).unwrap();
        let ordered = &self.incident.pages[&number];
        let level = self.policy.levels.get(&page.level);
        let stops = level.is_none_or(|level| level.unless == Unless::Acknowledged);
        if page.is_a_call() && stops && self.incident.held().is_some() && ordered.fate.is_none() {
            return Err(format!("8: page {number} is sent after the answer that stops it"));
        }
        self.begun.insert(number);
        let links = Links { incident: None, act: &|verb, version| Some((format!("{verb:?}{version}"), None)) };
        let message = words(&self.policy, &self.incident, &page, &links);
        if message.title.is_empty() || message.actions.iter().any(|action| action.token.len() > 64) {
            return Err(format!("page {number} says nothing"));
        }
        let failed = self.down.contains(page.channel.as_str());
        let fate =
            if failed { PageFate::Failed } else { *self.chance.pick(&[PageFate::Accepted, PageFate::Delivered]) };
        self.take(Input::Settled { page: number, fate, note: String::new() })
    }

    fn open(&mut self) -> Result<(), String> {
        (self.told, self.counted) = (1, 1);
        if self.chance.one_in(4) {
            self.down.extend(CHANNELS);
        }
        if self.chance.one_in(6) {
            self.world.broken.insert(name("auto-recovery"));
        }
        let severity = ["P1", "P2", "P3", "P9"];
        let severity = *self.chance.pick(&severity);
        let by = *self.chance.pick(SOURCES);
        self.take(opening(trouble(source(by, 1), Some(severity), &[("component", "api")]), None))
    }

    /// A person wants something.
    fn person(&mut self) -> Result<(), String> {
        let actor = person(*self.chance.pick(PEOPLE));
        let who = Some(name(&actor.id));
        let reason = "r".to_owned();
        match self.chance.below(10) {
            0 => self.take(Input::Acknowledge { actor, who, note: String::new(), as_of: None }),
            1 => self.take(Input::Unacknowledge { actor, reason }),
            2 => {
                let until = self.now + SignedDuration::from_mins(i64::try_from(self.chance.between(1, 90)).unwrap());
                self.take(Input::Snooze { actor, until, reason })
            }
            3 => {
                let to = name(*self.chance.pick(&["ivanova", "petrov", "platform"]));
                self.take(Input::Assign { actor, to })
            }
            4 => {
                let to = (*self.chance.pick(&["P1", "P2", "P3"])).to_owned();
                self.take(Input::Severity { actor, to, reason })
            }
            5 => {
                let as_of = self.chance.one_in(2).then(|| self.chance.below(self.incident.version + 1));
                self.take(Input::Escalate { actor, reason, as_of })
            }
            6 => self.take(Input::Note { actor, text: reason }),
            7 => {
                let (level, index) =
                    (u32::try_from(self.chance.below(5)).unwrap(), u32::try_from(self.chance.below(3)).unwrap());
                let done = self.chance.one_in(2);
                self.take(Input::Duty { actor, level, index, done })
            }
            8 if !self.chance.one_in(3) => Ok(()),
            8 => self.take(Input::Resolve { actor, how: Ending::Person, reason }),
            _ => {
                let kind = (*self.chance.pick(&["api", "sip"])).to_owned();
                self.take(Input::Classify { actor, kind })
            }
        }
    }

    fn turn(&mut self) -> Result<(), String> {
        let reason = "r".to_owned();
        match self.chance.below(40) {
            0..=8 => self.person(),
            9 | 10 => {
                let by = *self.chance.pick(SOURCES);
                self.told += u64::from(!self.chance.one_in(4));
                let severity = self.chance.one_in(5).then_some("P1");
                self.take(Input::Told(Box::new(trouble(source(by, self.told), severity, &[]))))
            }
            11 | 12 => {
                let by = *self.chance.pick(SOURCES);
                self.take(Input::Cleared { source: source(by, self.told), reason })
            }
            13 => {
                let until = self.now + SignedDuration::from_mins(i64::try_from(self.chance.between(1, 60)).unwrap());
                self.world.mute = self.chance.one_in(2).then(|| ("a silence".to_owned(), until));
                self.take(Input::Tick)
            }
            14 => {
                let channel = *self.chance.pick(CHANNELS);
                if !self.down.remove(channel) {
                    self.down.insert(channel);
                }
                Ok(())
            }
            15 => {
                let who = name(*self.chance.pick(PEOPLE));
                let people = if self.chance.one_in(3) { vec![] } else { vec![who] };
                self.world.on_call.insert("on_call.platform".into(), people);
                Ok(())
            }
            16 => {
                let who = name(*self.chance.pick(PEOPLE));
                if !self.world.nowhere.remove(&who) {
                    self.world.nowhere.insert(who);
                }
                Ok(())
            }
            17 => self.crash(),
            18 => {
                let Some(number) = self.begun.iter().next_back().copied() else { return Ok(()) };
                let fate = *self.chance.pick(&[PageFate::Failed, PageFate::Read]);
                self.take(Input::Settled { page: number, fate, note: "later".into() })
            }
            19..=22 => {
                let Some(run) = self.running.pop_first() else { return Ok(()) };
                let outcome = *self.chance.pick(&[Some(Outcome::Succeeded), Some(Outcome::Failed), None]);
                self.take(Input::Responded { run, outcome, level: Level::Ok, text: String::new() })
            }
            23..=29 => self.send(),
            31 => {
                let runbook = name(*self.chance.pick(&["auto-recovery", "restart-all", "diagnose"]));
                if self.chance.one_in(2) {
                    self.world.broken.insert(runbook);
                } else {
                    self.world.ran.insert(runbook, (RunId::new(1, 1), self.now));
                }
                Ok(())
            }
            _ => self.wait(),
        }
    }

    /// Time passes: to the next look, or past it, as if nobody had driven the incident meanwhile.
    fn wait(&mut self) -> Result<(), String> {
        let look = next_look(&self.policy, &self.incident);
        let some = SignedDuration::from_secs(i64::try_from(self.chance.between(1, 7_200)).unwrap());
        let asleep = self.chance.one_in(6);
        let next = look.filter(|look| *look > self.now && !asleep);
        self.now = next.unwrap_or(self.now + some).min(look.filter(|_| !asleep).unwrap_or(Timestamp::MAX));
        if asleep {
            self.crash()?;
        }
        self.take(Input::Tick)
    }
}

/// One life of an incident; how many events it has, by kind.
pub(crate) fn play(seed: u64) -> Result<BTreeMap<String, u64>, String> {
    let mut life = Life::new(seed);
    life.open()?;
    for _ in 0..60 {
        life.turn()?;
    }
    life.crash()?;
    let mut kinds = BTreeMap::new();
    for recorded in &life.events {
        let kind = format!("{:?}", recorded.event);
        let kind = kind.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned();
        *kinds.entry(kind).or_default() += 1;
    }
    Ok(kinds)
}

#[test]
fn incidents_keep_their_promises_whatever_happens() {
    let most = super::wish("INCIDENT_SEEDS").unwrap_or(2_000);
    let from = super::wish("FROM_SEED").unwrap_or(0);
    let (mut bad, mut kinds) = (Vec::new(), BTreeMap::<String, u64>::new());
    for seed in from..from + most {
        match play(seed) {
            Ok(more) => more.into_iter().for_each(|(kind, count)| *kinds.entry(kind).or_default() += count),
            Err(why) => bad.push(format!("seed {seed}: {why}")),
        }
        assert!(bad.len() < 5, "{}", bad.join("\n"));
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    println!("{most} lives: {kinds:?}");
    assert_eq!(kinds.len(), 29, "every kind of event happens: {kinds:?}");
}
