//! The driver: every unfinished run in memory, one batch in flight for each, effects after durability.
//!
//! Synchronous and without a clock: messages and the time go in, [`Order`]s come out. `pump` carries
//! them out; a simulator can do the same.

use crate::base::address::Place;
use crate::base::ids::{Name, RunId};
use crate::engine::decide::{Decision, Effect, Input, next_due};
use crate::engine::event::{Ended, Parent, Recorded};
use crate::engine::evolve::{IllegalEvent, replay};
use crate::engine::group::{Answer, Group, GroupEvent, Holder};
use crate::engine::run::Run;
use crate::model::policy::Full;
use crate::model::runbook::Runbook;
use crate::runtime::recall::Recall;
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What is to be done, in this order.
#[derive(Debug)]
pub enum Order {
    /// Make these events durable, all or nothing, and say so with [`Driver::appended`].
    Append(Flight),
    /// Do this in the world. `again` = it was ordered before a crash and may have been done.
    Effect {
        /// For whom.
        run: RunId,
        /// What.
        effect: Effect,
        /// Whether it may have been done.
        again: bool,
    },
    /// Tell whoever follows the run: these are durable. The number is each event's version.
    Told {
        /// Which run.
        run: RunId,
        /// What happened.
        events: Vec<(u64, Recorded)>,
    },
    /// The run is over and no longer held.
    Gone(RunId),
    /// The machine refused its own event: the run is quarantined.
    Quarantined(RunId, IllegalEvent),
}

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
}

/// Something waiting to be decided.
#[derive(Debug, Clone)]
enum Work {
    Input(Input),
    Ask { group: Name, place: Option<Place>, limit: u32, full: Full },
}

struct Live {
    book: Arc<Runbook>,
    run: Run,
    inbox: VecDeque<Work>,
    flight: Option<u64>,
}

struct InFlight {
    flight: Flight,
    effects: Vec<Effect>,
    nudges: Vec<Name>,
    again: bool,
}

/// Every unfinished run and every group.
#[derive(Default)]
pub struct Driver {
    runs: BTreeMap<RunId, Live>,
    groups: BTreeMap<Name, Group>,
    flights: BTreeMap<u64, InFlight>,
    last_flight: u64,
    recall: Recall,
}

impl Driver {
    /// A driver of nothing yet, which looks the past of series up there.
    #[must_use]
    pub fn recalling(recall: Recall) -> Self {
        Self { recall, ..Self::default() }
    }

    /// Takes a group as its stream left it.
    pub fn restore_group(&mut self, name: Name, group: Group) {
        self.groups.insert(name, group);
    }

    /// Takes a run that an earlier owner left, and goes on with it.
    pub fn restore(&mut self, book: Arc<Runbook>, mut run: Run, now: Timestamp) -> Vec<Order> {
        let id = run.started.run;
        match self.recall.resume(&book, &mut run, now) {
            Ok(decision) => {
                self.runs.insert(id, Live { book, run, inbox: VecDeque::new(), flight: None });
                let base = self.runs[&id].run.version - decision.events.len() as u64;
                self.depart(id, base, decision, true)
            }
            Err(illegal) => vec![Order::Quarantined(id, illegal)],
        }
    }

    /// Starts a run with its first events; what follows from them is in the same batch.
    pub fn start(&mut self, book: Arc<Runbook>, first: Vec<Recorded>, now: Timestamp) -> Vec<Order> {
        let Ok(mut run) = replay(&first) else { return Vec::new() };
        let id = run.started.run;
        if self.runs.contains_key(&id) {
            return Vec::new();
        }
        match self.recall.decide(&book, &mut run, Input::Tick, now) {
            Ok(mut decision) => {
                decision.events.splice(0..0, first);
                self.runs.insert(id, Live { book, run, inbox: VecDeque::new(), flight: None });
                self.depart(id, 0, decision, false)
            }
            Err(illegal) => vec![Order::Quarantined(id, illegal)],
        }
    }

    /// Something has reached a run. Unknown and ended runs ignore it.
    pub fn input(&mut self, run: RunId, input: Input, now: Timestamp) -> Vec<Order> {
        match self.runs.get_mut(&run) {
            Some(live) => live.inbox.push_back(Work::Input(input)),
            None => return Vec::new(),
        }
        self.turn(run, now)
    }

    /// A batch is durable: its effects may begin.
    pub fn appended(&mut self, number: u64, now: Timestamp) -> Vec<Order> {
        let Some(done) = self.flights.remove(&number) else { return Vec::new() };
        let run = done.flight.run;
        let numbered = (done.flight.base + 1..).zip(done.flight.events).collect();
        let mut orders = vec![Order::Told { run, events: numbered }];
        let again = done.again;
        orders.extend(done.effects.into_iter().map(|effect| Order::Effect { run, effect, again }));
        if let Some(live) = self.runs.get_mut(&run) {
            live.flight = None;
            if let Some(ended) = live.run.ended().cloned() {
                let parent = live.run.started.parent.clone();
                self.runs.remove(&run);
                orders.push(Order::Gone(run));
                if let Some(parent) = parent {
                    orders.extend(self.input(parent.run, child_ended(&parent, &ended), now));
                }
            } else {
                orders.extend(self.turn(run, now));
            }
        }
        for group in done.nudges {
            orders.extend(self.nudge(&group, now));
        }
        orders
    }

    /// A batch was not taken, and the run has been read again from the journal.
    pub fn refused(&mut self, number: u64) -> Option<RunId> {
        let flight = self.flights.remove(&number)?;
        self.runs.remove(&flight.flight.run);
        Some(flight.flight.run)
    }

    /// Looks at every run that is due.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Order> {
        let due: Vec<_> = self
            .runs
            .iter()
            .filter(|(_, live)| live.flight.is_none() && next_due(&live.book, &live.run).is_some_and(|due| due <= now))
            .map(|(run, _)| *run)
            .collect();
        due.into_iter().flat_map(|run| self.input(run, Input::Tick, now)).collect()
    }

    /// When the next run is due by itself.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.runs.values().filter(|live| live.flight.is_none()).filter_map(|live| next_due(&live.book, &live.run)).min()
    }

    /// A run as it is now.
    #[must_use]
    pub fn run(&self, run: RunId) -> Option<&Run> {
        self.runs.get(&run).map(|live| &live.run)
    }

    /// Every run that is held, oldest first.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.values().map(|live| &live.run)
    }

    /// Whether nothing is on its way to the journal.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.flights.is_empty()
    }

    /// Decides everything that waits for a run, unless a batch of it is in flight.
    fn turn(&mut self, id: RunId, now: Timestamp) -> Vec<Order> {
        let Some(live) = self.runs.get_mut(&id) else { return Vec::new() };
        if live.flight.is_some() {
            return Vec::new();
        }
        let base = live.run.version;
        let mut all = Decision::default();
        while let Some(work) = live.inbox.pop_front() {
            let input = match work {
                Work::Input(input) => input,
                Work::Ask { group, place, limit, full } => {
                    all.effects.push(Effect::Acquire { group, place, limit, full });
                    continue;
                }
            };
            match self.recall.decide(&live.book, &mut live.run, input, now) {
                Ok(decision) => {
                    all.events.extend(decision.events);
                    all.effects.extend(decision.effects);
                }
                Err(illegal) => {
                    self.runs.remove(&id);
                    return vec![Order::Quarantined(id, illegal)];
                }
            }
        }
        let base = if all.events.is_empty() { live.run.version } else { base };
        self.depart(id, base, all, false)
    }

    /// Group effects become events of the same batch; the rest waits until it is durable.
    fn depart(&mut self, id: RunId, base: u64, decision: Decision, again: bool) -> Vec<Order> {
        let mut events = decision.events;
        let mut queue: VecDeque<Effect> = decision.effects.into();
        let (mut effects, mut nudges) = (Vec::new(), Vec::new());
        let mut groups: BTreeMap<Name, (u64, Vec<GroupEvent>)> = BTreeMap::new();
        let now = events.last().map(|recorded| recorded.at);
        while let Some(effect) = queue.pop_front() {
            match effect {
                Effect::Acquire { group, place, limit, full } => {
                    let answer = self.ask(id, &group, place.as_ref(), (limit, full), &mut groups);
                    let Some(live) = self.runs.get_mut(&id) else { return Vec::new() };
                    let at = now.unwrap_or(live.run.began);
                    let input = match answer {
                        Answer::Granted => Input::Granted { place },
                        Answer::Wait(holders) => Input::Waiting { place, holders },
                        Answer::Full(holders) => Input::GroupFull { full, holders },
                    };
                    match self.recall.decide(&live.book, &mut live.run, input, at) {
                        Ok(more) => {
                            events.extend(more.events);
                            more.effects.into_iter().rev().for_each(|effect| queue.push_front(effect));
                        }
                        Err(illegal) => return vec![Order::Quarantined(id, illegal)],
                    }
                }
                Effect::Release { group, place } => {
                    self.leave(id, &group, place, &mut groups);
                    nudges.push(group);
                }
                other @ (Effect::Perform { .. }
                | Effect::Stop { .. }
                | Effect::StartChild { .. }
                | Effect::CancelChild { .. }) => {
                    effects.push(other);
                }
            }
        }
        let groups: Vec<_> = groups
            .into_iter()
            .filter(|(_, (_, events))| !events.is_empty())
            .map(|(name, (base, events))| (name, base, events))
            .collect();
        if events.is_empty() && groups.is_empty() {
            return effects.into_iter().map(|effect| Order::Effect { run: id, effect, again }).collect();
        }
        self.last_flight += 1;
        let flight = Flight { number: self.last_flight, run: id, base, events, groups };
        if let Some(live) = self.runs.get_mut(&id) {
            live.flight = Some(flight.number);
        }
        self.flights.insert(flight.number, InFlight { flight: flight.clone(), effects, nudges, again });
        vec![Order::Append(flight)]
    }

    fn ask(
        &mut self,
        run: RunId,
        name: &Name,
        place: Option<&Place>,
        (limit, full): (u32, Full),
        groups: &mut BTreeMap<Name, (u64, Vec<GroupEvent>)>,
    ) -> Answer {
        if place.is_none() && self.parent_holds(run, name) {
            return Answer::Granted;
        }
        let group = self.groups.entry(name.clone()).or_default();
        let base = group.version;
        let (events, answer) = group.ask(&Holder { run, place: place.cloned() }, limit, full);
        record(group, name, base, events, groups);
        answer
    }

    /// A child run shares its parent's group.
    fn parent_holds(&self, run: RunId, name: &Name) -> bool {
        let mut here = self.runs.get(&run).and_then(|live| live.run.started.parent.as_ref().map(|parent| parent.run));
        let group = self.groups.get(name);
        while let Some(parent) = here {
            if group.is_some_and(|group| group.holders.contains(&Holder { run: parent, place: None })) {
                return true;
            }
            here = self.runs.get(&parent).and_then(|live| live.run.started.parent.as_ref().map(|parent| parent.run));
        }
        false
    }

    fn leave(
        &mut self,
        run: RunId,
        name: &Name,
        place: Option<Place>,
        groups: &mut BTreeMap<Name, (u64, Vec<GroupEvent>)>,
    ) {
        let group = self.groups.entry(name.clone()).or_default();
        let base = group.version;
        let events = group.leave(&Holder { run, place });
        record(group, name, base, events, groups);
    }

    /// There may be room in a group: who is next asks again.
    fn nudge(&mut self, name: &Name, now: Timestamp) -> Vec<Order> {
        let Some(next) = self.groups.get(name).and_then(Group::next).cloned() else { return Vec::new() };
        let Some(live) = self.runs.get_mut(&next.run) else { return Vec::new() };
        let (limit, full) = match (&next.place, &live.book.concurrency) {
            (None, Some(concurrency)) => (concurrency.limit, concurrency.full),
            (Some(_), _) | (None, None) => (1, Full::Queue),
        };
        live.inbox.push_back(Work::Ask { group: name.clone(), place: next.place, limit, full });
        self.turn(next.run, now)
    }
}

fn record(
    group: &mut Group,
    name: &Name,
    base: u64,
    events: Vec<GroupEvent>,
    groups: &mut BTreeMap<Name, (u64, Vec<GroupEvent>)>,
) {
    let slot = groups.entry(name.clone()).or_insert((base, Vec::new()));
    for event in events {
        if group.evolve(&event).is_ok() {
            slot.1.push(event);
        }
    }
}

/// What a caller hears when a run it called has ended.
#[must_use]
pub fn child_ended(parent: &Parent, ended: &Ended) -> Input {
    Input::ChildEnded {
        place: parent.place.clone(),
        attempt: parent.attempt,
        outcome: ended.outcome,
        level: ended.level,
        reason: ended.reason.clone(),
        outputs: ended.outputs.clone(),
    }
}
