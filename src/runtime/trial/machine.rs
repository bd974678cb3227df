//! One test under way: the pump, its journal, what is on its way to it, and the clock.

use super::cast::{self, Answer, Cast};
use super::hands::{Call, Calls, Key, pump, taken};
use super::wait::waits;
use super::{Halt, NotGiven, Played, PlayedRun, Spoken, Trials, run_of};
use crate::act::{self, Seat, World};
use crate::base::actor::{Actor, Role, Via};
use crate::base::address::Place;
use crate::base::ids::{RunId, StepId};
use crate::base::span::Span;
use crate::base::value::{Map, Value, json, plain};
use crate::engine::decide::Input;
use crate::engine::event::{Answer as Word, Event, Recorded, Selection, StepEvent};
use crate::engine::evolve::replay;
use crate::engine::start::{Ask, start};
use crate::model::input::InputType;
use crate::model::perform::{Reply, Request};
use crate::model::runbook::Runbook;
use crate::model::test::{Saying, StepPath, Test};
use crate::runtime::index::projection;
use crate::runtime::pump::{Inbox, Message, Pump};
use crate::runtime::recover::read_events;
use crate::store::Journal;
use crate::store::memory::Memory;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// More looks at a run than any that ends needs.
const MOST_TURNS: u32 = 200_000;

/// What is on its way.
pub(super) enum Due<'t> {
    Reply(Key, Reply),
    Answer(RunId, Place, Word),
    Vote(RunId, Place, &'t Saying),
    Cancel,
    Crash,
}

/// An attempt that somebody is at.
struct Attempt {
    /// Whether it lives in the process that drives the run, and dies with it.
    here: bool,
    /// What its next owner is told again.
    again: Option<(Span, Reply)>,
}

pub(super) struct Machine<'t> {
    pub(super) trials: &'t Trials,
    pub(super) test: &'t Test,
    pub(super) runbook: &'t Arc<Runbook>,
    run: RunId,
    began: Timestamp,
    clock: Arc<AtomicI64>,
    journal: Arc<Memory>,
    calls: Calls,
    pub(super) pump: Pump,
    inbox: Inbox,
    cast: Cast<'t>,
    due: BTreeMap<(i64, u64), Due<'t>>,
    order: u64,
    attempts: BTreeMap<Key, Attempt>,
    /// The calls that lead to each run.
    paths: BTreeMap<RunId, Vec<StepId>>,
    pub(super) answered: BTreeSet<(RunId, Place, u64)>,
    /// Why what somebody says does not count.
    refused: Option<String>,
    spoken: Vec<Spoken>,
    not_given: Vec<NotGiven>,
}

impl<'t> Machine<'t> {
    pub(super) fn new(trials: &'t Trials, test: &'t Test, runbook: &'t Arc<Runbook>) -> Self {
        let began = trials.began(test);
        let run = run_of(began);
        let clock = Arc::new(AtomicI64::new(began.as_millisecond()));
        let journal = Arc::new(Memory::new(projection()));
        let calls = Calls::default();
        let (pump, inbox) = pump(trials, &journal, &calls, &clock);
        Self {
            trials,
            test,
            runbook,
            run,
            began,
            clock,
            journal,
            calls,
            pump,
            inbox,
            cast: Cast::new(&trials.book, runbook, test),
            due: BTreeMap::new(),
            order: 0,
            attempts: BTreeMap::new(),
            paths: BTreeMap::from([(run, Vec::new())]),
            answered: BTreeSet::new(),
            refused: None,
            spoken: Vec::new(),
            not_given: Vec::new(),
        }
    }

    pub(super) fn play(mut self) -> Played {
        let halt = self.start().err().or_else(|| self.go_on().err());
        let runs = self.runs();
        let ended = runs.first().is_some_and(|run| run.run.ended().is_some());
        let halt =
            halt.or_else(|| (!ended).then(|| Halt::Broken("the run was set aside: its events do not add up".into())));
        Played { began: self.began, runs, spoken: self.spoken, halt, unasked: self.cast.unasked() }
    }

    fn start(&mut self) -> Result<(), Halt> {
        let given = &self.test.given;
        let is_secret = |name: &str| {
            self.runbook.inputs.iter().any(|input| input.name.as_str() == name && input.ty == InputType::Secret)
        };
        let (sealed, plain): (Vec<_>, Vec<_>) = given.inputs.iter().partition(|(name, _)| is_secret(&name.value));
        let mut trigger = Map::from_iter([("kind".to_owned(), json!("manual")), ("by".to_owned(), json!("test"))]);
        trigger.extend(given.trigger.clone());
        let ask = Ask {
            run: self.run,
            texts: self.trials.texts.clone(),
            inputs: plain.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect(),
            // Nothing ever opens it: a secret input is only known by its name here.
            sealed: sealed.iter().map(|(name, _)| (name.value.clone(), String::new())).collect(),
            env: given.env.iter().map(|(name, value)| (name.value.clone(), value.clone())).collect(),
            actor: actor(),
            trigger: Value::Object(trigger),
            parent: None,
            depth: 0,
            node: "test".into(),
            dry: false,
            selection: Selection::default(),
            repeats: None,
        };
        let first = start(self.runbook, ask, self.began).map_err(|cannot| Halt::NotStarted(cannot.to_string()))?;
        if let Some(after) = given.cancel {
            self.later(after, Due::Cancel);
        }
        if let Some(after) = given.crash {
            self.later(after, Due::Crash);
        }
        let (told, _) = tokio::sync::oneshot::channel();
        self.pump.take(Message::Start { book: Arc::clone(self.runbook), first: vec![first], told });
        self.settle();
        Ok(())
    }

    /// Lets time jump from one due instant to the next until no run is left.
    fn go_on(&mut self) -> Result<(), Halt> {
        for _ in 0..MOST_TURNS {
            if !self.not_given.is_empty() {
                return Err(Halt::NotGiven(std::mem::take(&mut self.not_given)));
            }
            if self.pump.driver.runs().next().is_none() {
                return Ok(());
            }
            if let Some(why) = self.refused.take() {
                return Err(Halt::Broken(why));
            }
            self.hear_questions();
            let ours = self.due.keys().next().map(|(at, _)| *at);
            let theirs = self.pump.driver.next_due().map(Timestamp::as_millisecond);
            let Some(next) = ours.into_iter().chain(theirs).min() else {
                return Err(Halt::Waits(self.pump.driver.runs().flat_map(waits).collect()));
            };
            self.clock.fetch_max(next, Ordering::SeqCst);
            if ours == Some(next)
                && let Some((_, due)) = self.due.pop_first()
            {
                self.deliver(due);
            }
            self.pump.tick();
            self.settle();
        }
        Err(Halt::Endless(self.since()))
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clock.load(Ordering::SeqCst)).unwrap_or(self.began)
    }

    /// How long it is since the start.
    fn since(&self) -> Span {
        since(self.began, self.now())
    }

    pub(super) fn later(&mut self, after: Span, due: Due<'t>) {
        self.order += 1;
        let at = self.now().as_millisecond().saturating_add(i64::try_from(after.millis()).unwrap_or(i64::MAX));
        self.due.insert((at, self.order), due);
    }

    fn deliver(&mut self, due: Due<'t>) {
        let message = match due {
            Due::Reply((run, place, attempt), reply) => {
                self.attempts.remove(&(run, place.clone(), attempt));
                Message::Input { run, input: Input::Replied { place, attempt, reply, usage: None } }
            }
            Due::Answer(run, place, answer) => {
                Message::Input { run, input: Input::Answer { place, actor: actor(), answer } }
            }
            Due::Vote(run, place, saying) => match self.vote(run, &place, saying) {
                Ok(message) => message,
                Err(why) => return self.refused = Some(why),
            },
            Due::Cancel => {
                let input = Input::Cancel { actor: actor(), reason: "the test says so".into() };
                Message::Input { run: self.run, input }
            }
            Due::Crash => return self.crash(),
        };
        self.pump.take(message);
        self.settle();
    }

    /// The process that drives the run is gone, and with it the reads in it; children live on under the keeper.
    fn crash(&mut self) {
        let here: Vec<Key> =
            self.attempts.iter().filter(|(_, attempt)| attempt.here).map(|(key, _)| key.clone()).collect();
        for key in here {
            self.forget_reply(&key);
        }
        self.journal = Arc::new(self.journal.reopened());
        drop(taken(&self.calls));
        let (pump, inbox) = pump(self.trials, &self.journal, &self.calls, &self.clock);
        (self.pump, self.inbox) = (pump, inbox);
        self.pump.begin();
        self.settle();
    }

    /// Lets everything happen that takes no time.
    fn settle(&mut self) {
        loop {
            let calls = taken(&self.calls);
            let idle = calls.is_empty();
            for call in calls {
                match call {
                    Call::Perform(run, request, deadline) => self.perform(run, &request, deadline),
                    Call::Stop(key) => self.stop(key),
                }
            }
            match self.inbox.try_recv() {
                Ok(message) => drop(self.pump.take(message)),
                Err(_) if idle => return,
                Err(_) => {}
            }
        }
    }

    fn perform(&mut self, run: RunId, request: &Request, deadline: Option<Timestamp>) {
        let key = (run, request.place.clone(), request.attempt);
        if let Some(known) = self.attempts.get_mut(&key) {
            // A child goes on by itself; a read is done again and comes to the same.
            if let Some((takes, reply)) = known.again.take() {
                self.later(takes, Due::Reply(key, reply));
            }
            return;
        }
        let calls = self.path(run);
        let path: StepPath = (calls.clone(), request.place.step().clone());
        let item = self.item(run, &request.place);
        let at = self.since();
        self.spoken.extend(cast::spoken(request, &calls, at));
        let world = World { now: self.now(), ..self.trials.world.clone() };
        let reply = match self.cast.next(&path, item.as_deref(), &request.kind) {
            Answer::Spoken => Some((Span::ZERO, cast::delivered(request, &world))),
            Answer::Given(result) => cast::reply(request, result, self.left(request, deadline), &world),
            Answer::Nothing => {
                self.not_given.push(cast::not_given(request, path, item, at));
                None
            }
        };
        let here = act::seat(request) == Seat::Here;
        self.attempts.insert(key.clone(), Attempt { here, again: None });
        if let Some((takes, reply)) = reply {
            self.later(takes, Due::Reply(key, reply));
        }
    }

    /// How long an attempt may take.
    fn left(&self, request: &Request, deadline: Option<Timestamp>) -> Option<Span> {
        let by_clock = deadline.map(|deadline| since(self.now(), deadline));
        [by_clock, request.timeout].into_iter().flatten().min()
    }

    fn stop(&mut self, key: Key) {
        if self.attempts.contains_key(&key) {
            self.due.retain(|_, due| !matches!(due, Due::Reply(other, _) if *other == key));
            self.later(Span::ZERO, Due::Reply(key, Reply::Stopped { output: Value::Null }));
        }
    }

    /// Takes a reply off its way; whoever asks again is told it again.
    fn forget_reply(&mut self, key: &Key) {
        let now = self.now();
        let found = self.due.iter().find(|(_, due)| matches!(due, Due::Reply(other, _) if other == key));
        let Some(at) = found.map(|(at, _)| *at) else { return };
        if let (Some(Due::Reply(_, reply)), Some(attempt)) = (self.due.remove(&at), self.attempts.get_mut(key)) {
            let at = Timestamp::from_millisecond(at.0).unwrap_or(now);
            attempt.again = Some((since(now, at), reply));
        }
    }

    /// The calls that lead to a run.
    pub(super) fn path(&mut self, run: RunId) -> Vec<StepId> {
        if let Some(path) = self.paths.get(&run) {
            return path.clone();
        }
        let parent = self.pump.driver.run(run).and_then(|run| run.started.parent.clone());
        let mut path = parent.as_ref().map(|parent| self.path(parent.run)).unwrap_or_default();
        path.extend(parent.map(|parent| parent.place.step().clone()));
        self.paths.insert(run, path.clone());
        path
    }

    /// The item of the innermost `foreach` that a place is in.
    fn item(&self, run: RunId, place: &Place) -> Option<String> {
        let run = self.pump.driver.run(run)?;
        let mut here = Some(place.clone());
        while let Some(at) = here {
            if let (Some(number), Some(whole)) = (at.last().item, at.item_of()) {
                return run.steps.get(&whole)?.items.get(usize::try_from(number).ok()?).map(plain);
            }
            here = at.parent();
        }
        None
    }

    /// The run and those it called, each with its events.
    fn runs(&self) -> Vec<PlayedRun> {
        let mut found = Vec::new();
        let mut waiting = vec![(self.run, Vec::new())];
        while let Some((id, calls)) = waiting.pop() {
            let events = read_events(self.journal.as_ref() as &dyn Journal, id, 0).unwrap_or_default();
            let events: Vec<Recorded> = events.into_iter().map(|(_, event)| event).collect();
            let Ok(run) = replay(&events) else { continue };
            let Some(runbook) = self.trials.book.runbooks.get(&run.started.runbook) else { continue };
            let called = events.iter().filter_map(|recorded| {
                let Event::Step { place, event: StepEvent::Attempt { child: Some(child), .. } } = &recorded.event
                else {
                    return None;
                };
                Some((*child, calls.iter().cloned().chain([place.step().clone()]).collect()))
            });
            let called: Vec<(RunId, Vec<StepId>)> = called.collect();
            waiting.extend(called.into_iter().rev());
            found.push(PlayedRun { calls, runbook: Arc::clone(runbook), events, run });
        }
        found
    }
}

fn since(from: Timestamp, to: Timestamp) -> Span {
    let passed = to.duration_since(from).max(SignedDuration::ZERO);
    Span::from_millis(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
}

fn actor() -> Actor {
    Actor { id: "test".into(), via: Via::Cli, role: Role::Admin }
}
