//! One simulated machine: the production pump, its journal and its world, driven by one script.

use super::book::{Edition, edition};
use super::chance::{drawn, fold};
use super::script::{Deed, Item, ReplyFault, Script};
use super::store::{Session, Store};
use super::watch::{Checked, Watch};
use super::world::{Call, Hands, Key, World};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use stepladder::base::actor::{Actor, Role, Via};
use stepladder::base::digest::Digest;
use stepladder::base::ids::{Name, RunId};
use stepladder::base::value::{Map, Value};
use stepladder::engine::approval::Ballot;
use stepladder::engine::decide::Input;
use stepladder::engine::event::{Answer, Recorded, Selection};
use stepladder::engine::run::Run;
use stepladder::engine::start::{Ask, start, take_over};
use stepladder::model::perform::Reply;
use stepladder::model::runbook::Runbook;
use stepladder::runtime::clock::BootClock;
use stepladder::runtime::pump::{Inbox, Message, Next, Pump, post_box};
use stepladder::runtime::shelf::{BUNDLE, Shelf};
use stepladder::store::Journal;
use tokio::sync::oneshot;

/// The wall clock at the beginning: the evening before clocks in Europe go back.
const BEGAN: i64 = 1_792_879_200_000;

/// More turns than any good case takes.
const MOST_TURNS: u64 = 5_000;

/// A minute and a bit: a sweep is due.
const SWEEP: u64 = 61_000;

/// One owner and its ways in and out.
struct Owner {
    pump: Pump,
    inbox: Inbox,
    hands: Hands,
}

pub(crate) struct Machine {
    script: Script,
    store: Arc<Store>,
    shelf: Arc<Shelf>,
    now: u64,
    wall: Arc<AtomicI64>,
    /// The clock that nobody sets, and how often the machine was started.
    ticks: Arc<AtomicU64>,
    boots: u32,
    owner: Owner,
    stale: Option<Owner>,
    world: World,
    watch: Watch,
    deeds: VecDeque<(u64, Deed)>,
    answers: BTreeMap<(u64, u64), Input2>,
    asked: BTreeSet<String>,
    starts: Vec<(RunId, Option<oneshot::Receiver<Result<(), String>>>, Option<Result<(), String>>)>,
    edition: u32,
    crash_at: Option<u64>,
    /// Stop the process when so many batches have become durable: for the enumeration of crash points.
    pub(crate) stop_at: Vec<(u64, usize)>,
    repairs: Vec<String>,
    /// Whether every event is printed: `TRACE=1`, for one script.
    trace: bool,
    turns: u64,
}

type Input2 = (RunId, Input);

/// What a good case came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Played {
    pub(crate) hash: u64,
    pub(crate) batches: u64,
    pub(crate) events: u64,
    /// What the sweep put right.
    pub(crate) repairs: Vec<String>,
    /// How each started run ended, by when it was started.
    pub(crate) ends: Vec<String>,
}

/// Plays a script to its end; an error names the invariant that did not hold.
pub(crate) fn play(script: &Script) -> Result<Played, String> {
    Machine::new(script).play()
}

impl Machine {
    pub(crate) fn new(script: &Script) -> Self {
        let mut deeds = Vec::new();
        let (mut batches, mut replies) = (BTreeMap::new(), BTreeMap::new());
        for item in &script.items {
            match item {
                Item::At(at, deed) => deeds.push((*at, deed.clone())),
                Item::Batch(number, fault) => drop(batches.insert(*number, *fault)),
                Item::Reply(number, fault) => drop(replies.insert(*number, *fault)),
            }
        }
        deeds.sort_by_key(|(at, _)| *at);
        let store = Store::new(batches);
        let shelf = Arc::new(Shelf::default());
        let wall = Arc::new(AtomicI64::new(BEGAN + i64::try_from(script.seed % 4).unwrap() * 3_600_000));
        let ticks = Arc::new(AtomicU64::new(0));
        let owner = Owner::open(store.session(), &shelf, &wall, (1, &ticks));
        Self {
            store,
            shelf,
            now: 0,
            wall,
            ticks,
            boots: 1,
            owner,
            stale: None,
            world: World::new(script.seed, replies),
            watch: Watch::new(script.is_punctual()),
            deeds: deeds.into(),
            answers: BTreeMap::new(),
            asked: BTreeSet::new(),
            starts: Vec::new(),
            edition: 1,
            crash_at: None,
            stop_at: Vec::new(),
            repairs: Vec::new(),
            trace: std::env::var_os("TRACE").is_some(),
            turns: 0,
            script: script.clone(),
        }
    }

    /// Plays, and takes note of every kind of state and event that occurred.
    pub(crate) fn play_noting(mut self, seen: &mut BTreeSet<(String, String)>) -> Result<Played, String> {
        self.watch.seen = Some(std::mem::take(seen));
        let (played, noted) = self.play_whole();
        *seen = noted;
        played
    }

    pub(crate) fn play(self) -> Result<Played, String> {
        self.play_whole().0
    }

    fn play_whole(mut self) -> (Result<Played, String>, BTreeSet<(String, String)>) {
        let played = self.go_on();
        let seen = self.watch.seen.take().unwrap_or_default();
        (played.and_then(|()| self.finish()), seen)
    }

    fn go_on(&mut self) -> Checked {
        let mut quiet = 0;
        loop {
            self.settle()?;
            let Some(next) = self.next() else {
                // Nothing will happen by itself: only a sweep can find what is left.
                if self.watch.finish().is_ok() || quiet > 12 {
                    break;
                }
                quiet += 1;
                self.asked.clear();
                self.pass(self.now + SWEEP);
                self.tick()?;
                continue;
            };
            self.pass(next);
            while self.store.turn() {
                self.settle()?;
            }
            self.ends()?;
            while self.answers.keys().next().is_some_and(|(at, _)| *at <= self.now) {
                let (_, (run, input)) = self.answers.pop_first().unwrap();
                self.take(Message::Input { run, input })?;
            }
            while self.deeds.front().is_some_and(|(at, _)| *at <= self.now) {
                let (_, deed) = self.deeds.pop_front().unwrap();
                self.deed(deed)?;
                self.settle()?;
            }
            self.tick()?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Played, String> {
        self.watch.finish()?;
        self.repairs.append(&mut self.owner.pump.repairs);
        let forgiven = self.script.items.iter().any(|item| {
            matches!(item, Item::At(_, Deed::Lose(_) | Deed::LoseHolders) | Item::Reply(_, ReplyFault::Lost))
        });
        if let Some(repair) = self.repairs.first().filter(|_| !forgiven) {
            return Err(format!("17: the sweep had to put something right: {repair}"));
        }
        for (run, _, answer) in &self.starts {
            let there = self.watch.runs.contains_key(run);
            match answer {
                Some(Ok(())) if !there => return Err(format!("1: run {run} was acknowledged and is not there")),
                Some(Err(why)) if there => return Err(format!("13: run {run} was refused ({why}) and is there")),
                Some(_) | None => {}
            }
        }
        if let Some((run, _)) = self.watch.runs.iter().find(|(run, _)| self.world.is_alive(**run)) {
            return Err(format!("6: run {run} has ended and something of it is alive"));
        }
        let ends = self.starts.iter().map(|(run, ..)| {
            self.watch
                .runs
                .get(run)
                .and_then(|run| run.ended())
                .map_or_else(|| "never was".into(), |ended| format!("{} {}", ended.outcome, ended.level))
        });
        let ends = ends.collect();
        let hash = fold(self.watch.hash, &self.world.hash().to_le_bytes());
        let (batches, events, repairs) = (self.store.batches(), self.watch.events, self.repairs);
        Ok(Played { hash, batches, events, repairs, ends })
    }

    fn wall(&self) -> i64 {
        self.wall.load(Ordering::SeqCst)
    }

    /// Time passes.
    fn pass(&mut self, to: u64) {
        let by = to.saturating_sub(self.now);
        self.now += by;
        self.wall.fetch_add(i64::try_from(by).unwrap(), Ordering::SeqCst);
        self.store.set_now(self.now);
        self.ticks.store(self.now, Ordering::SeqCst);
        self.watch.now = self.now;
    }

    /// The next instant at which anything happens by itself.
    fn next(&mut self) -> Option<u64> {
        let due = self.owner.pump.driver.next_due();
        let by_wall = |due: Timestamp| self.now + u64::try_from(due.as_millisecond() - self.wall()).unwrap_or(0);
        let held =
            (self.owner.pump.driver.in_flight() > 0 && self.store.next_due().is_none()).then(|| self.now + 1_000);
        [
            self.store.next_due(),
            self.world.next_due(),
            self.answers.keys().next().map(|(at, _)| *at),
            self.deeds.front().map(|(at, _)| *at),
            due.map(by_wall),
            held,
        ]
        .into_iter()
        .flatten()
        .min()
        .map(|next| next.max(self.now))
    }

    fn tick(&mut self) -> Checked {
        self.turns += 1;
        if self.turns > MOST_TURNS {
            let next = self.owner.pump.driver.next_due().map(|due| due.as_millisecond() - self.wall());
            let flights = self.owner.pump.driver.in_flight();
            return Err(format!(
                "17: it never comes to rest at {} ms: next due in {next:?} ms, {flights} in flight, {}",
                self.now,
                self.watch.show()
            ));
        }
        if self.owner.pump.tick() == Next::End {
            self.reopen(0)?;
        }
        self.tick_stale();
        self.settle()
    }

    fn tick_stale(&mut self) {
        if let Some(stale) = &mut self.stale {
            let mut goes = stale.pump.tick() == Next::Go;
            while let (true, Ok(message)) = (goes, stale.inbox.try_recv()) {
                goes = stale.pump.take(message) == Next::Go;
            }
            if !goes {
                self.stale = None;
            }
        }
    }

    fn take(&mut self, message: Message) -> Checked {
        if self.owner.pump.take(message) == Next::End {
            self.pass(self.now + 1_000);
            return self.reopen(0);
        }
        self.settle()
    }

    /// Lets everything happen that takes no time, and looks at it.
    fn settle(&mut self) -> Checked {
        loop {
            for (stream, version, bytes) in self.store.fresh() {
                if self.trace {
                    let text: String = String::from_utf8_lossy(&bytes).chars().take(300).collect();
                    println!("{:>8} ms {stream} {version} {text}", self.now);
                }
                self.watch.commit(self.store.journal(), stream.as_str(), &bytes)?;
            }
            if self.stop_at.first().is_some_and(|(at, _)| self.store.batches() > *at) {
                let (_, kept) = self.stop_at.remove(0);
                self.reopen(kept)?;
                continue;
            }
            if self.crash_at.is_some_and(|at| self.store.batches() >= at) {
                self.crash_at = None;
                self.reopen(0)?;
                continue;
            }
            let mut idle = self.calls()?;
            if let Ok(message) = self.owner.inbox.try_recv() {
                idle = false;
                if self.owner.pump.take(message) == Next::End {
                    self.pass(self.now + 1_000);
                    self.reopen(0)?;
                }
            }
            self.hear();
            self.watch.turn(&self.owner.pump)?;
            if idle {
                self.ask();
                self.vote();
                return Ok(());
            }
        }
    }

    /// Whoever asked for a start hears of it.
    fn hear(&mut self) {
        for (_, told, answer) in &mut self.starts {
            if let Some(Ok(said)) = told.as_mut().map(oneshot::Receiver::try_recv) {
                *answer = Some(said);
                *told = None;
            }
        }
    }

    fn calls(&mut self) -> Result<bool, String> {
        let mut calls: Vec<(Call, bool)> = Vec::new();
        calls
            .extend(std::mem::take(&mut *self.owner.hands.calls.lock().unwrap()).into_iter().map(|call| (call, false)));
        if let Some(stale) = &self.stale {
            calls.extend(std::mem::take(&mut *stale.hands.calls.lock().unwrap()).into_iter().map(|call| (call, true)));
        }
        let idle = calls.is_empty();
        for (call, stale) in calls {
            match call {
                Call::Perform(run, request, deadline, again) => {
                    self.watch.ordered(run, &request, stale)?;
                    // What begins now has all of its time.
                    let deadline = deadline.filter(|_| again);
                    let left = deadline.map(|deadline| u64::try_from(deadline - self.wall()).unwrap_or(0));
                    let whole = request.timeout.map(stepladder::base::span::Span::millis);
                    let left = [left, whole].into_iter().flatten().min();
                    self.world.perform((run, &request), left, (again, stale), self.now)?;
                }
                Call::Stop(run, place, attempt) => self.world.stop((run, place, attempt), self.now),
            }
        }
        Ok(idle)
    }

    /// Attempts end, and their owner hears of it, or not.
    fn ends(&mut self) -> Checked {
        while let Some((key, replies)) = self.world.end(self.now) {
            self.told(&key);
            for reply in replies {
                let (run, place, attempt) = key.clone();
                if matches!(reply, Reply::Lost { .. }) {
                    self.watch.is_lost(run, &place);
                }
                self.take(Message::Input { run, input: Input::Replied { place, attempt, reply, usage: None } })?;
            }
        }
        Ok(())
    }

    fn told(&self, key: &Key) {
        if self.world.is_silent(key) {
            self.owner.hands.busy.lock().unwrap().remove(key);
        }
    }

    /// People answer what they are asked, some of them twice, some of them wrongly.
    fn ask(&mut self) {
        for (run, place, lost, key) in self.watch.questions() {
            if !self.asked.insert(key.clone()) {
                continue;
            }
            let mut chance = drawn(self.script.seed, &format!("answer {place} {lost}"));
            let at = self.now + chance.between(1_000, 90_000);
            let answers: &[Answer] = if lost {
                &[Answer::Again, Answer::Succeeded, Answer::Failed, Answer::Again]
            } else {
                &[Answer::Go, Answer::Go, Answer::Go, Answer::Stop]
            };
            let actor = || Actor { id: "ivanova".into(), via: Via::Cli, role: Role::Operator };
            let mut say = vec![*chance.pick(answers)];
            if chance.one_in(4) {
                say.push(say[0]);
            }
            if chance.one_in(6) {
                say.insert(0, if lost { Answer::Go } else { Answer::Again });
            }
            let last = say[say.len() - 1];
            for (nth, answer) in say.into_iter().enumerate() {
                let order = self.asked.len() as u64 * 10 + nth as u64;
                let input = Input::Answer { place: place.clone(), actor: actor(), answer };
                self.answers.insert((at, order), (run, input));
            }
            // Whoever was asked and got no answer through (a crash) is asked by another key only later: say it again.
            let order = self.asked.len() as u64 * 10 + 9;
            let input = Input::Answer { place, actor: actor(), answer: last };
            self.answers.insert((at + 300_000, order), (run, input));
        }
    }

    /// People vote, one after the other: some say no, some started it, some never come. Whoever was not heard says it again.
    fn vote(&mut self) {
        for (run, place, key, voted) in self.watch.polls() {
            let mut chance = drawn(self.script.seed, &format!("vote {place}"));
            let plan: Vec<(u64, Ballot)> = (0..chance.below(4))
                .map(|nth| {
                    let ballot = Ballot {
                        actor: Actor { id: format!("person {nth}"), via: Via::Socket, role: Role::Operator },
                        person: None,
                        starter: chance.one_in(6),
                        approve: !chance.one_in(6),
                        fields: Map::new(),
                        note: String::new(),
                        over: chance.one_in(10),
                    };
                    (chance.between(1_000, 15_000), ballot)
                })
                .collect();
            let counts = |ballot: &Ballot| !ballot.starter || !ballot.approve || ballot.over;
            let next = plan.into_iter().find(|(_, ballot)| counts(ballot) && !voted.contains(&ballot.actor.id));
            let Some((after, ballot)) = next else { continue };
            let on_its_way = self.answers.values().any(|(other, input)| {
                matches!(input, Input::Vote { place: at, ballot: it } if *other == run && *at == place && it.actor == ballot.actor)
            });
            if on_its_way {
                continue;
            }
            let first = self.asked.insert(format!("{key} {}", ballot.actor.id));
            let order = self.asked.len() as u64 * 10;
            let input = Input::Vote { place, ballot: Box::new(ballot) };
            self.answers.insert((self.now + if first { after } else { 500 }, order), (run, input));
        }
    }

    fn deed(&mut self, deed: Deed) -> Checked {
        match deed {
            Deed::Start(runbook) => return self.start(&runbook),
            Deed::Repeat(nth) => return self.repeat(usize::try_from(nth).unwrap()),
            Deed::Cancel(nth, times) => {
                let Some((run, ..)) = self.starts.get(usize::try_from(nth).unwrap()) else { return Ok(()) };
                let run = *run;
                for _ in 0..times {
                    let actor = Actor { id: "ivanova".into(), via: Via::Cli, role: Role::Operator };
                    self.take(Message::Input { run, input: Input::Cancel { actor, reason: "enough".into() } })?;
                }
            }
            Deed::Reload => self.edition = 2,
            Deed::Crash(kept) => return self.reopen(usize::try_from(kept).unwrap()),
            Deed::CrashTwice(batches) => {
                self.crash_at = Some(self.store.batches() + batches);
                return self.reopen(0);
            }
            Deed::Reboot => {
                self.world.reboot();
                self.boots += 1;
                return self.reopen(0);
            }
            Deed::Takeover => return self.take_over(),
            Deed::Clock(by) => drop(self.wall.fetch_add(by, Ordering::SeqCst)),
            Deed::Full(millis) => self.store.full_until(self.now + millis),
            Deed::Rebuild => self.store.rebuild(),
            Deed::Lose(nth) => {
                if let Some((run, ..)) = self.starts.get(usize::try_from(nth).unwrap()) {
                    self.owner.pump.driver.lose(*run);
                }
            }
            Deed::LoseHolders => {
                self.watch.blind = true;
                self.owner.pump.driver.lose_holders();
            }
        }
        Ok(())
    }

    /// Starts an ended run again: the same text, what was good taken over.
    fn repeat(&mut self, nth: usize) -> Checked {
        let Some(old) = self.starts.get(nth).and_then(|(run, ..)| self.watch.runs.get(run)).cloned() else {
            return Ok(());
        };
        if old.ended().is_none() {
            return Ok(());
        }
        let runbook = Arc::new(self.watch.runbook(&old).clone());
        let ask = Ask { repeats: Some(old.started.run), ..self.wish(old.started.texts.clone()) };
        self.begin(runbook, ask, &old)
    }

    fn begin(&mut self, runbook: Arc<Runbook>, ask: Ask, old: &Run) -> Checked {
        let now = Timestamp::from_millisecond(self.wall()).unwrap();
        let run = ask.run;
        let mut first = vec![start(&runbook, ask, now).unwrap()];
        first.extend(take_over(&runbook, old).into_iter().map(|event| Recorded { at: now, event }));
        let (told, answer) = oneshot::channel();
        self.starts.push((run, Some(answer), None));
        self.take(Message::Start { book: runbook, first, told })
    }

    fn wish(&self, texts: BTreeMap<String, Digest>) -> Ask {
        let chance = u128::from(self.script.seed) << 8 | self.starts.len() as u128;
        Ask {
            run: RunId::new(u64::try_from(self.wall()).unwrap(), chance),
            texts,
            inputs: Map::new(),
            sealed: BTreeMap::new(),
            env: BTreeMap::new(),
            actor: Actor { id: "tester".into(), via: Via::Cli, role: Role::Admin },
            trigger: Value::Null,
            parent: None,
            depth: 0,
            node: "sim".into(),
            dry: false,
            selection: Selection::default(),
            repeats: None,
        }
    }

    fn start(&mut self, runbook: &str) -> Checked {
        let Edition { texts, book } = edition(runbook, self.edition);
        let digest = self.shelf.pin(self.store.journal(), &texts, &book).map_err(|error| error.to_string())?;
        self.watch.knows(digest.to_string(), Arc::clone(&book), self.edition);
        let ask = self.wish(BTreeMap::from([(BUNDLE.to_owned(), digest)]));
        let run = ask.run;
        let runbook = Arc::clone(&book.runbooks[&Name::parse(runbook).unwrap()]);
        let first = start(&runbook, ask, Timestamp::from_millisecond(self.wall()).unwrap()).unwrap();
        let (told, answer) = oneshot::channel();
        self.starts.push((run, Some(answer), None));
        self.take(Message::Start { book: runbook, first: vec![first], told })
    }

    /// The process is gone; the next one takes up what it left.
    fn reopen(&mut self, kept: usize) -> Checked {
        self.store.crash(kept);
        self.world.owner_gone();
        self.stale = None;
        self.replace()?;
        Ok(())
    }

    /// The next process comes while the last one still thinks that it is the owner.
    fn take_over(&mut self) -> Checked {
        let old = self.replace()?;
        self.stale = Some(old);
        Ok(())
    }

    fn replace(&mut self) -> Result<Owner, String> {
        for (stream, _, bytes) in self.store.fresh() {
            self.watch.commit(self.store.journal(), stream.as_str(), &bytes)?;
        }
        let mut next = Owner::open(self.store.session(), &self.shelf, &self.wall, (self.boots, &self.ticks));
        std::mem::swap(&mut self.owner, &mut next);
        self.repairs.append(&mut next.pump.repairs);
        self.owner.pump.begin();
        Ok(next)
    }
}

impl Owner {
    fn open(
        journal: Arc<Session>,
        shelf: &Arc<Shelf>,
        wall: &Arc<AtomicI64>,
        (boot, ticks): (u32, &Arc<AtomicU64>),
    ) -> Self {
        let (sender, inbox) = post_box();
        let hands = Hands::default();
        let journal: Arc<dyn Journal> = journal;
        let broken = Box::new(|_: &str| {});
        let mut pump = Pump::new(journal, Arc::clone(shelf), Box::new(hands.clone()), sender, "sim".into(), broken);
        let wall = Arc::clone(wall);
        pump.clock = Arc::new(move || Timestamp::from_millisecond(wall.load(Ordering::SeqCst)).unwrap());
        let ticks = Arc::clone(ticks);
        let now = move || Duration::from_millis(ticks.load(Ordering::SeqCst));
        pump.boot = Some(BootClock { boot: format!("boot {boot}"), now: Box::new(now) });
        Self { pump, inbox, hands }
    }
}
