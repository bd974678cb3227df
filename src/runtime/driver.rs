//! The driver: every unfinished run in memory, one batch in flight for each, effects after durability.
//!
//! Synchronous and without a clock: messages and the time go in, [`Order`]s come out. `pump` carries
//! them out; a simulator can do the same. `reread` decides again what the journal did not take;
//! `sweep` looks for what nobody would come back to.

mod flight;
mod holding;
mod live;
mod reckon;
mod reread;
mod runs;
mod sweep;

pub use flight::{Flight, ScheduleEvents};
pub use reread::Heads;
pub use sweep::{Repair, Suspects, Witness};

use crate::base::address::Place;
use crate::base::ids::{Name, RunId};
use crate::base::planted::{self, Bug};
use crate::base::timekeeping::Reckoning;
use crate::engine::decide::{Decision, Effect, Input};
use crate::engine::event::{Ended, Parent, Recorded};
use crate::engine::evolve::replay;
use crate::engine::group::{Answer, Group, GroupEvent};
use crate::engine::run::Run;
use crate::model::policy::Full;
use crate::model::runbook::Runbook;
use crate::runtime::recall::Recall;
use jiff::Timestamp;
use live::Live;
use runs::Runs;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
    /// The run can't go on, for this reason: it is set aside, and nothing else is.
    Quarantined(RunId, String),
}

/// Something waiting to be decided.
#[derive(Debug, Clone)]
enum Work {
    Input(Input),
    Ask { group: Name, place: Option<Place>, limit: u32, full: Full },
}

/// What a batch was decided from, so that it can be decided again.
#[derive(Debug, Clone)]
enum Origin {
    /// The first events of a new run.
    Started(Vec<Recorded>),
    /// The first events of a new run, and the row of the instant it is for.
    Due(ScheduleEvents),
    /// What reached a run.
    Work(Vec<Work>),
    /// The events of a run that an earlier owner left.
    Resumed,
    /// A group alone.
    Group,
}

struct InFlight {
    flight: Flight,
    effects: Vec<Effect>,
    nudges: Vec<Name>,
    again: bool,
    origin: Origin,
}

/// Every unfinished run and every group.
#[derive(Default)]
pub struct Driver {
    runs: Runs,
    groups: BTreeMap<Name, Group>,
    flights: BTreeMap<u64, InFlight>,
    last_flight: u64,
    /// Groups left by who was not known to be in them: the sweep reads their streams.
    doubted: BTreeSet<Name>,
    /// Runs that are set aside, each with its reason.
    quarantined: BTreeMap<RunId, String>,
    recall: Recall,
    /// By which clock runs count.
    reckoning: Option<Reckoning>,
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
    pub fn restore(&mut self, book: Arc<Runbook>, run: Run, now: Timestamp) -> Vec<Order> {
        let id = run.started.run;
        let mut live = Live::new(book, run, self.lead_ms());
        let first = self.news(&live).unwrap_or(Input::Tick);
        match self.recall.resume(&live.book, &mut live.run, &first, now) {
            Ok(decision) => {
                let version = live.run.version;
                let base = version - decision.events.len() as u64;
                live.seen = decision.events.is_empty().then_some((now, version));
                self.runs.insert(id, live);
                self.depart(id, base, decision, Origin::Resumed, now)
            }
            Err(illegal) => self.quarantine(id, illegal.to_string()),
        }
    }

    /// Starts a run with its first events; what follows from them is in the same batch.
    pub fn start(&mut self, book: Arc<Runbook>, first: Vec<Recorded>, now: Timestamp) -> Vec<Order> {
        let first = self.dated(first);
        self.begin(book, first.clone(), Origin::Started(first), now)
    }

    /// Starts the run of a due instant: its first events and the row of the instant are one batch.
    pub fn start_due(
        &mut self,
        book: Arc<Runbook>,
        first: Recorded,
        row: ScheduleEvents,
        now: Timestamp,
    ) -> Vec<Order> {
        self.begin(book, self.dated(vec![first]), Origin::Due(row), now)
    }

    fn begin(&mut self, book: Arc<Runbook>, first: Vec<Recorded>, origin: Origin, now: Timestamp) -> Vec<Order> {
        let Ok(mut run) = replay(&first) else { return Vec::new() };
        let id = run.started.run;
        if self.runs.contains_key(&id) {
            return Vec::new();
        }
        match self.recall.decide(&book, &mut run, Input::Tick, now) {
            Ok(mut decision) => {
                decision.events.splice(0..0, first);
                self.runs.insert(id, Live::new(book, run, self.lead_ms()));
                self.depart(id, 0, decision, origin, now)
            }
            Err(illegal) => self.quarantine(id, illegal.to_string()),
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
        if self.runs.get(&run).is_some_and(|live| live.flight != Some(number)) {
            // Of one who had lost sight of the run: whoever took it up knows nothing of this. The sweep reads it anew.
            self.runs.remove(&run);
            return Vec::new();
        }
        let numbered = (done.flight.base + 1..).zip(done.flight.events).collect();
        let again = done.again;
        let mut orders: Vec<_> = done.effects.into_iter().map(|effect| Order::Effect { run, effect, again }).collect();
        // Who only looks on is told last: waking it must not make the work wait.
        orders.push(Order::Told { run, events: numbered });
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
        for group in done.nudges.into_iter().filter(|_| !planted::has(Bug::NoNudge)) {
            orders.extend(self.nudge(&group, now));
        }
        orders
    }

    /// A batch that is on its way.
    #[must_use]
    pub fn flight(&self, number: u64) -> Option<&Flight> {
        self.flights.get(&number).map(|flight| &flight.flight)
    }

    /// Sets a run aside: it is not driven any further, and nothing else is harmed.
    pub fn quarantine(&mut self, run: RunId, reason: String) -> Vec<Order> {
        self.runs.remove(&run);
        self.quarantined.insert(run, reason.clone());
        vec![Order::Quarantined(run, reason)]
    }

    /// Looks at every run that is due.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Order> {
        let due = if planted::has(Bug::ForgetsDue) { BTreeSet::new() } else { self.runs.due(now) };
        let mut orders = Vec::new();
        for run in due {
            orders.extend(self.input(run, Input::Tick, now));
            if let Some(live) = self.runs.get_mut(&run).filter(|live| live.flight.is_none()) {
                // An instant in the past that changes nothing (what it stops has not stopped) is no reason to spin.
                live.seen = Some((now, live.run.version));
            }
        }
        orders
    }

    /// When the next run is due by itself.
    pub fn next_due(&mut self) -> Option<Timestamp> {
        self.runs.next_due()
    }

    /// A run as it is now.
    #[must_use]
    pub fn run(&self, run: RunId) -> Option<&Run> {
        self.runs.get(&run).map(|live| &live.run)
    }

    /// The text that a run executes.
    #[must_use]
    pub fn book(&self, run: RunId) -> Option<&Arc<Runbook>> {
        self.runs.get(&run).map(|live| &live.book)
    }

    /// Every run that is held, oldest first.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().map(|(_, live)| &live.run)
    }

    /// A group as it will be once everything on its way to the journal is there.
    #[must_use]
    pub fn group(&self, name: &Name) -> Option<&Group> {
        self.groups.get(name)
    }

    /// How many batches are on their way to the journal.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Decides everything that waits for a run, unless a batch of it is in flight.
    fn turn(&mut self, id: RunId, now: Timestamp) -> Vec<Order> {
        let news = self.runs.get(&id).and_then(|live| self.news(live));
        let Some(live) = self.runs.get_mut(&id) else { return Vec::new() };
        if live.flight.is_some() {
            return Vec::new();
        }
        let base = live.run.version;
        let mut all = Decision::default();
        let works: Vec<Work> = live.inbox.drain(..).collect();
        for work in news.map(Work::Input).into_iter().chain(works.iter().cloned()) {
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
                Err(illegal) => return self.quarantine(id, illegal.to_string()),
            }
        }
        self.depart(id, base, all, Origin::Work(works), now)
    }

    /// Group effects become events of the same batch; the rest waits until it is durable.
    fn depart(&mut self, id: RunId, base: u64, decision: Decision, origin: Origin, now: Timestamp) -> Vec<Order> {
        let again = matches!(origin, Origin::Resumed) && !planted::has(Bug::StartsAgain);
        let mut events = decision.events;
        let mut queue: VecDeque<Effect> = decision.effects.into();
        let (mut effects, mut nudges) = (Vec::new(), Vec::new());
        let mut groups: BTreeMap<Name, (u64, Vec<GroupEvent>)> = BTreeMap::new();
        while let Some(effect) = queue.pop_front() {
            match effect {
                Effect::Acquire { group, place, limit, full } => {
                    let answer = self.ask(id, &group, place.as_ref(), (limit, full), &mut groups);
                    let named = |run: RunId| (run, self.runs.get(&run).map(|live| live.book.name.clone()));
                    let input = match answer {
                        Answer::Granted => Input::Granted { place },
                        Answer::Wait(holders) => Input::Waiting { place, holders },
                        Answer::Full(holders) => {
                            Input::GroupFull { group, full, holders: holders.into_iter().map(named).collect() }
                        }
                    };
                    let Some(live) = self.runs.get_mut(&id) else { return Vec::new() };
                    match self.recall.decide(&live.book, &mut live.run, input, now) {
                        Ok(more) => {
                            events.extend(more.events);
                            more.effects.into_iter().rev().for_each(|effect| queue.push_front(effect));
                        }
                        Err(illegal) => return self.quarantine(id, illegal.to_string()),
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
        let flight = Flight { number: 0, run: id, base, events, groups, schedule: None };
        if planted::has(Bug::EarlyEffect) {
            let early = std::mem::take(&mut effects).into_iter().map(|effect| Order::Effect { run: id, effect, again });
            let order = self.launch(InFlight { flight, effects, nudges, again, origin });
            return std::iter::once(order).chain(early).collect();
        }
        vec![self.launch(InFlight { flight, effects, nudges, again, origin })]
    }

    /// Sends a batch on its way, under the next number.
    fn launch(&mut self, mut batch: InFlight) -> Order {
        self.last_flight += 1;
        batch.flight.number = self.last_flight;
        if let Origin::Due(row) = &batch.origin
            && !planted::has(Bug::RowApart)
        {
            batch.flight.schedule = Some(row.clone());
        }
        if let Some(live) = self.runs.get_mut(&batch.flight.run) {
            live.flight = Some(self.last_flight);
        }
        let flight = batch.flight.clone();
        self.flights.insert(self.last_flight, batch);
        Order::Append(flight)
    }
}

/// What a caller hears when a run it called has ended.
#[must_use]
pub fn child_ended(parent: &Parent, ended: &Ended) -> Input {
    Input::ChildEnded { place: parent.place.clone(), attempt: parent.attempt, ended: Box::new(ended.clone()) }
}
