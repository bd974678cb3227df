//! Every schedule of the book in memory: what it asks for, where it stands, and when it is next looked at.
//!
//! The next looks stand in order, so that of a hundred thousand only those are touched that are due. Synchronous and without
//! a clock, as the driver is; `pump` carries out what comes of it. `ledger` reads what the journal holds.

mod armed;
mod fired;
mod heard;
pub mod ledger;

pub use armed::{Armed, Standing, Start, schedule_of};
pub use fired::Fired;
pub use heard::{Heard, Told};

use crate::base::digest::Digest;
use crate::base::ids::RunId;
use crate::base::value::Value;
use crate::engine::event::Started;
use crate::runtime::driver::ScheduleEvents;
use crate::schedule::backfill::Had;
use crate::schedule::call::{Accepted, Call};
use crate::schedule::decide::{Decision, Effect, Input, Known, Obstacle, decide, next_look, startable};
use crate::schedule::event::{Event, Instant, Recorded};
use crate::schedule::key::ScheduleId;
use crate::schedule::nominal::Nominal;
use crate::schedule::state::{IllegalEvent, Schedule};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// When something that changed nothing, or was not taken, is looked at again.
const SOON: SignedDuration = SignedDuration::from_secs(1);

/// Batches of schedules on their way to the journal at most, which takes a few thousand in all.
const IN_FLIGHT: usize = 2_048;

/// Calls that are accepted in one batch at most.
const TOGETHER: usize = 16;

/// One schedule.
struct Held {
    armed: Arc<Armed>,
    state: Schedule,
    look: Option<Timestamp>,
    /// Whether a batch of it is on its way.
    flight: bool,
    live: BTreeSet<RunId>,
    /// What those of them are about that are about something.
    of: BTreeMap<RunId, Digest>,
    inbox: VecDeque<(Input, Option<Heard>)>,
    /// To be done, and to be told, once the batch is durable.
    after: After,
}

/// What follows from a batch.
#[derive(Default)]
struct After {
    cancels: Vec<RunId>,
    fired: Fired,
    told: Vec<(Heard, Option<crate::schedule::call::Answer>)>,
}

/// What comes of a look at a schedule.
#[derive(Debug)]
pub struct Planned {
    /// Its events.
    pub row: ScheduleEvents,
    /// The run that starts with them.
    pub start: Option<Start>,
}

/// All of them.
#[derive(Default)]
pub struct Schedules {
    all: BTreeMap<ScheduleId, Held>,
    looks: BTreeSet<(Timestamp, ScheduleId)>,
    of_run: BTreeMap<RunId, ScheduleId>,
    /// Runs of schedules that are not here: not yet, or not any more.
    strays: BTreeMap<ScheduleId, BTreeSet<RunId>>,
    /// How many have a batch on its way.
    in_flight: usize,
}

impl Schedules {
    /// Takes a schedule, as its stream left it, or with what its text asks for from now on.
    pub fn arm(&mut self, armed: Armed, state: impl FnOnce() -> Schedule) {
        let id = armed.spec.id.clone();
        if let Some(held) = self.all.get_mut(&id) {
            held.armed = Arc::new(armed);
        } else {
            let held = Held {
                armed: Arc::new(armed),
                state: state(),
                look: None,
                flight: false,
                live: self.strays.remove(&id).unwrap_or_default(),
                of: BTreeMap::new(),
                inbox: VecDeque::new(),
                after: After::default(),
            };
            self.all.insert(id.clone(), held);
        }
        self.plan_look(&id);
    }

    /// Every schedule there is, but those.
    #[must_use]
    pub fn others(&self, than: &BTreeSet<ScheduleId>) -> Vec<ScheduleId> {
        self.all.keys().filter(|id| !than.contains(*id)).cloned().collect()
    }

    /// Whether there is that schedule.
    #[must_use]
    pub fn has(&self, id: &ScheduleId) -> bool {
        self.all.contains_key(id)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What a schedule asks for.
    #[must_use]
    pub fn armed(&self, id: &ScheduleId) -> Option<Arc<Armed>> {
        self.all.get(id).map(|held| Arc::clone(&held.armed))
    }

    /// Where a schedule stands once everything on its way to the journal is there.
    #[must_use]
    pub fn state(&self, id: &ScheduleId) -> Option<&Schedule> {
        self.all.get(id).map(|held| &held.state)
    }

    /// When the next of them is to be looked at.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        // With no room left it is a batch that is durable which makes some.
        self.looks.first().map(|(at, _)| *at).filter(|_| self.in_flight < IN_FLIGHT)
    }

    /// Those that are to be looked at, and no more of them than may have a batch on its way at the same time: of a book of a
    /// hundred thousand that is new all are due at once, and the journal takes them one after the other.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Vec<ScheduleId> {
        let room = IN_FLIGHT.saturating_sub(self.in_flight);
        self.looks.iter().take_while(|(at, _)| *at <= now).take(room).map(|(_, id)| id.clone()).collect()
    }

    /// Something for a schedule; it is decided when no batch of it is on its way.
    pub fn ask(&mut self, id: &ScheduleId, input: Input, told: Option<Heard>) {
        if let Some(held) = self.all.get_mut(id) {
            held.inbox.push_back((input, told));
            self.plan_look(id);
        }
    }

    /// Decides what waits for a schedule, or that time has passed. `None` = nothing came of it.
    ///
    /// # Errors
    /// [`IllegalEvent`]: it is set aside, and nothing else is.
    pub fn decide(
        &mut self,
        id: &ScheduleId,
        world: &World<'_>,
        now: Timestamp,
    ) -> Result<Option<Planned>, IllegalEvent> {
        let Some(held) = self.all.get_mut(id).filter(|held| !held.flight) else { return Ok(None) };
        let base = held.state.version;
        let last = held.state.last.clone();
        let silent = held.state.life.as_ref().is_some_and(|life| life.silent);
        let turn = match held.turn(world, now) {
            Ok(turn) => turn,
            Err(illegal) => {
                self.set_look(id, None);
                self.all.remove(id);
                return Err(illegal);
            }
        };
        let Turn { events, fresh, start, cancels, told } = turn;
        if events.is_empty() {
            for (heard, answer) in told {
                heard.well(answer);
            }
            self.plan_look(id);
            // An instant in the past that changes nothing is no reason to spin.
            if let Some(look) = self.look(id).filter(|look| *look <= now) {
                self.set_look(id, Some(now.checked_add(SOON).unwrap_or(look)));
            }
            return Ok(None);
        }
        held.flight = true;
        self.in_flight += 1;
        let mut fired = Fired::of(&held.armed.spec, last.as_ref(), &events);
        fired.back = silent && events.iter().any(|recorded| recorded.event == Event::Beat);
        held.after = After { cancels, fired, told };
        self.set_look(id, None);
        Ok(Some(Planned { row: ScheduleEvents { id: id.clone(), base, events, fresh }, start }))
    }

    /// The batch of a schedule is durable: runs to be cancelled, and what became of its instants.
    pub fn landed(&mut self, id: &ScheduleId) -> (Vec<RunId>, Fired) {
        let Some(held) = self.all.get_mut(id) else { return (Vec::new(), Fired::default()) };
        self.in_flight -= usize::from(std::mem::take(&mut held.flight));
        let After { cancels, fired, told } = std::mem::take(&mut held.after);
        for (heard, answer) in told {
            heard.well(answer);
        }
        if held.state.life.is_none() && held.inbox.is_empty() && held.armed.standing == Standing::Withdrawn {
            if let Some(held) = self.all.remove(id) {
                self.strays.insert(id.clone(), held.live);
            }
        } else {
            self.plan_look(id);
        }
        (cancels, fired)
    }

    /// What the journal holds of a schedule whose batch was not taken, or may not have been.
    pub fn reread(&mut self, id: &ScheduleId, state: Schedule, why: &str, now: Timestamp) {
        let Some(held) = self.all.get_mut(id) else { return };
        self.in_flight -= usize::from(std::mem::take(&mut held.flight));
        held.state = state;
        for (heard, _) in std::mem::take(&mut held.after).told {
            heard.badly(Obstacle::NoSpace(why.to_owned()));
        }
        if held.armed.standing == Standing::Asked && held.inbox.is_empty() {
            return;
        }
        self.set_look(id, now.checked_add(SOON).ok());
    }

    /// What the journal holds of a schedule can't be read: it is not here any more, and whoever waits for it hears why.
    pub fn lose(&mut self, id: &ScheduleId, why: &str) {
        self.set_look(id, None);
        let Some(held) = self.all.remove(id) else { return };
        self.in_flight -= usize::from(held.flight);
        let asked = held.inbox.into_iter().filter_map(|(_, heard)| heard);
        for heard in held.after.told.into_iter().map(|(heard, _)| heard).chain(asked) {
            heard.badly(Obstacle::Failed(format!("schedule `{id}` can't be read: {why}")));
        }
        if !held.live.is_empty() {
            self.strays.insert(id.clone(), held.live);
        }
    }

    /// A run has begun; it may be one of a schedule.
    pub fn began(&mut self, started: &Started) {
        let Some(id) = schedule_of(started) else { return };
        self.of_run.insert(started.run, id.clone());
        match self.all.get_mut(&id) {
            Some(held) => {
                held.of.extend(subject_of(started).map(|subject| (started.run, subject)));
                held.live.insert(started.run)
            }
            None => self.strays.entry(id).or_default().insert(started.run),
        };
    }

    /// A run is over: what waits for it may start.
    pub fn gone(&mut self, run: RunId) {
        let Some(id) = self.of_run.remove(&run) else { return };
        if let Some(held) = self.all.get_mut(&id) {
            held.live.remove(&run);
            held.of.remove(&run);
            self.plan_look(&id);
        } else if let Some(runs) = self.strays.get_mut(&id) {
            runs.remove(&run);
            if runs.is_empty() {
                self.strays.remove(&id);
            }
        }
    }

    fn look(&self, id: &ScheduleId) -> Option<Timestamp> {
        self.all.get(id).and_then(|held| held.look)
    }

    fn plan_look(&mut self, id: &ScheduleId) {
        let Some(held) = self.all.get(id) else { return };
        let look = match (held.flight, held.inbox.is_empty()) {
            (true, _) => None,
            (false, false) => Some(Timestamp::MIN),
            (false, true) if held.armed.standing == Standing::Asked => None,
            (false, true) => {
                let blocked = startable(&held.state, &held.live, &held.of).is_none();
                next_look(&held.armed.spec, &held.state, blocked)
            }
        };
        self.set_look(id, look);
    }

    fn set_look(&mut self, id: &ScheduleId, look: Option<Timestamp>) {
        let Some(held) = self.all.get_mut(id) else { return };
        if let Some(old) = std::mem::replace(&mut held.look, look) {
            self.looks.remove(&(old, id.clone()));
        }
        if let Some(look) = look {
            self.looks.insert((look, id.clone()));
        }
    }
}

/// What comes of everything that is decided together.
#[derive(Default)]
struct Turn {
    events: Vec<Recorded>,
    fresh: Vec<Nominal>,
    start: Option<Start>,
    cancels: Vec<RunId>,
    told: Vec<(Heard, Option<crate::schedule::call::Answer>)>,
}

impl Held {
    /// Decides what waits, or that time has passed: one thing, or several calls of which one starts something.
    fn turn(&mut self, world: &World<'_>, now: Timestamp) -> Result<Turn, IllegalEvent> {
        let (mut turn, mut keys) = (Turn::default(), BTreeSet::new());
        for round in 0..TOGETHER {
            let again = match self.inbox.front() {
                // Whether it is known can be told once this batch is durable.
                Some((Input::Called(call), _)) => keys.insert(call.key),
                Some(_) | None => round == 0,
            };
            if !again {
                break;
            }
            if self.inbox.is_empty() && self.armed.standing == Standing::Asked {
                break;
            }
            let (input, heard) = self.inbox.pop_front().unwrap_or((Input::Tick, None));
            let called = matches!(input, Input::Called(_));
            let known = Known {
                live: &self.live,
                of: &self.of,
                ready: world.ready,
                called: world.called,
                has_row: world.has_row,
                row: world.row,
                ended: world.ended,
            };
            let Decision { events, effects, fresh, call, by, answer } =
                decide(&self.armed.spec, &mut self.state, input, &known, now)?;
            turn.events.extend(events);
            turn.fresh.extend(fresh);
            for effect in effects {
                match effect {
                    Effect::Start(run, due) => {
                        turn.start = Some(Start { run, due, call: call.clone(), by: by.clone() });
                    }
                    Effect::Cancel(run) => turn.cancels.push(run),
                }
            }
            match (heard, answer) {
                (Some(heard), Some(Err(obstacle))) => heard.badly(obstacle),
                (Some(heard), Some(Ok(answer))) => turn.told.push((heard, Some(answer))),
                (Some(heard), None) => turn.told.push((heard, None)),
                (None, _) => {}
            }
            if !called || turn.start.is_some() {
                break;
            }
        }
        Ok(turn)
    }
}

/// What a run of a call is about.
fn subject_of(started: &Started) -> Option<Digest> {
    started.trigger.get("subject").and_then(Value::as_str).and_then(Digest::parse)
}

/// Whom a decision asks about what the schedules can't know.
pub struct World<'a> {
    /// Whether a run could be started now, for that call where there is one.
    pub ready: &'a dyn Fn(Option<&Call>) -> Result<(), Obstacle>,
    /// A call that was accepted with that key, or the last about that subject that started something.
    pub called: &'a dyn Fn(&Digest) -> Option<Accepted>,
    /// Whether an instant has its row.
    pub has_row: &'a dyn Fn(Nominal) -> bool,
    /// The row that has an instant; an error = it can't be known.
    pub row: &'a dyn Fn(Instant) -> Result<Option<Had>, String>,
    /// How a run ended: whether well, and when.
    pub ended: &'a dyn Fn(RunId) -> Option<(bool, Timestamp)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang;
    use tokio::sync::oneshot;

    #[test]
    fn one_that_can_not_be_read_keeps_no_place_and_who_waits_for_it_hears() {
        let text = "runbook: tick\ntriggers: [ { id: fast, every: 1m } ]\nsteps: [ { id: a, shell: 'true' } ]\n";
        let book = lang::load(&[("runbooks/tick.yaml".to_owned(), text.into())]).book;
        let armed = Armed::all(&book, Digest::of_parts(&[b"it"]), &BTreeMap::new()).remove(0);
        let id = armed.spec.id.clone();
        let mut all = Schedules::default();
        all.arm(armed, Schedule::default);
        let (on_its_way, first) = oneshot::channel();
        all.ask(&id, Input::Tick, Some(Heard::Done(on_its_way)));
        let world =
            World { ready: &|_| Ok(()), called: &|_| None, has_row: &|_| false, row: &|_| Ok(None), ended: &|_| None };
        let now = Timestamp::from_second(1_800_000_000).expect("an instant");
        assert!(all.decide(&id, &world, now).expect("it adds up").is_some());
        let (waits, second) = oneshot::channel();
        all.ask(&id, Input::Tick, Some(Heard::Done(waits)));
        assert_eq!(all.in_flight, 1);
        all.lose(&id, "it is damaged");
        assert_eq!((all.in_flight, all.has(&id), all.next_due()), (0, false, None));
        for mut heard in [first, second] {
            let why = format!("schedule `{id}` can't be read: it is damaged");
            assert_eq!(heard.try_recv(), Ok(Err(why)));
        }
    }
}
