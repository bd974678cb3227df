//! The production pump over a journal in memory, a scripted world and a virtual clock.

use jiff::{SignedDuration, Timestamp};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use stepladder::base::actor::{Actor, Role, Via};
use stepladder::base::address::Place;
use stepladder::base::ids::{IncidentId, Name, RunId};
use stepladder::base::span::Span;
use stepladder::base::value::{Map, Value};
use stepladder::engine::approval::Ballot;
use stepladder::engine::decide::{Input, decide};
use stepladder::engine::event::{Answer, Event, Recorded, Selection, StepEvent};
use stepladder::engine::series::Known;
use stepladder::engine::start::{Ask, start};
use stepladder::escalation::event::Page;
use stepladder::lang;
use stepladder::model::book::Book;
use stepladder::model::book::Settings;
use stepladder::model::perform::{Failure, Finding, Reply, Request};
use stepladder::model::policy::FailureKind;
use stepladder::runtime::index::projection;
use stepladder::runtime::pump::{Inbox, Message, Next, Perform, Pump, post_box};
use stepladder::runtime::recover::read_events;
use stepladder::runtime::shelf::{BUNDLE, Shelf, Texts};
use stepladder::store::Journal;
use stepladder::store::memory::Memory;

/// What a step answers, one entry an execution; the last repeats.
#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    pub(crate) takes: Span,
    pub(crate) reply: Reply,
}

/// Something done to the run from outside at a time.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Cancel,
    Answer(Place, Answer),
    Vote(Place, Ballot),
}

/// A case: files of a book, a script, things that happen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    pub(crate) replies: BTreeMap<String, Vec<Scripted>>,
    pub(crate) acts: Vec<(Span, Act)>,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) dry: bool,
}

type Calls = Arc<Mutex<Vec<Call>>>;

enum Call {
    Perform(RunId, Box<Request>, Option<Timestamp>, bool),
    Stop(RunId, Place, u32),
}

struct World(Calls);

impl Perform for World {
    fn perform(&self, run: RunId, request: Request, deadline: Option<Timestamp>, again: bool) {
        self.0.lock().unwrap().push(Call::Perform(run, Box::new(request), deadline, again));
    }
    fn stop(&self, run: RunId, place: &Place, attempt: u32) {
        self.0.lock().unwrap().push(Call::Stop(run, place.clone(), attempt));
    }
    fn kill(&self, _run: RunId) {}
    fn gone(&self, _run: RunId) {}
    fn page(&self, _: IncidentId, _: &Page, _: &str, _: bool) {}

    fn settings(&self, _settings: &Arc<Settings>) {}

    fn withdraw(&self, _: IncidentId, _: u32) {}

    fn has(&self, _run: RunId, _place: &Place, _attempt: u32) -> bool {
        true
    }
}

/// One simulated machine, which can crash and come back.
pub(crate) struct Sim {
    pub(crate) journal: Arc<Memory>,
    shelf: Arc<Shelf>,
    book: Arc<Book>,
    texts: Texts,
    script: Script,
    clock: Arc<AtomicI64>,
    pump: Pump,
    inbox: Inbox,
    calls: Calls,
    /// Replies on their way: due, order, run, place, attempt.
    due: BTreeMap<(i64, u64), (RunId, Place, u32, Reply)>,
    /// Attempts whose effect has begun in the world, whoever drives.
    pub(crate) begun: Rc<RefCell<BTreeMap<(RunId, Place, u32), u32>>>,
    counts: BTreeMap<String, usize>,
    stopped: BTreeSet<(RunId, Place, u32)>,
    order: u64,
    pub(crate) run: RunId,
    /// Crash when so many batches have been made durable.
    pub(crate) crash_at: Option<u64>,
}

pub(crate) const BEGAN: i64 = 1_700_000_000_000;

impl Sim {
    pub(crate) fn new(files: &[(String, Arc<str>)], script: Script) -> Self {
        let loaded = lang::load(files);
        if loaded.findings.has_errors() {
            let style = stepladder::diagnostic::render::Style { color: false, unicode: true, width: 120 };
            panic!("{}", stepladder::diagnostic::render::people(&loaded.sources, &loaded.findings, style));
        }
        let journal = Arc::new(Memory::new(projection()));
        let clock = Arc::new(AtomicI64::new(BEGAN));
        let shelf = Arc::new(Shelf::default());
        let calls = Calls::default();
        let (pump, inbox) = pump(&journal, &shelf, &calls, &clock);
        Self {
            journal,
            shelf,
            book: Arc::new(loaded.book),
            texts: files.iter().cloned().collect(),
            script,
            clock,
            pump,
            inbox,
            calls,
            due: BTreeMap::new(),
            begun: Rc::default(),
            counts: BTreeMap::new(),
            stopped: BTreeSet::new(),
            order: 0,
            run: RunId::new(u64::try_from(BEGAN).unwrap(), 7),
            crash_at: None,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clock.load(Ordering::SeqCst)).unwrap()
    }

    /// Nothing happens until so long after the beginning.
    pub(crate) fn skip_to(&mut self, at: Span) {
        self.clock.fetch_max(BEGAN + i64::try_from(at.millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn start(&mut self, runbook: &str) {
        let run = self.run;
        self.start_as(runbook, run);
    }

    pub(crate) fn start_as(&mut self, runbook: &str, run: RunId) {
        let digest = self.shelf.pin(self.journal.as_ref(), &self.texts, &self.book).unwrap();
        let book = Arc::clone(&self.book.runbooks[&Name::parse(runbook).unwrap()]);
        let ask = Ask {
            run,
            texts: BTreeMap::from([(BUNDLE.to_owned(), digest)]),
            inputs: self.script.inputs.clone(),
            sealed: BTreeMap::new(),
            env: BTreeMap::new(),
            actor: Actor { id: "tester".into(), via: Via::Cli, role: Role::Admin },
            trigger: Value::Null,
            parent: None,
            depth: 0,
            node: "sim".into(),
            dry: self.script.dry,
            selection: Selection::default(),
            repeats: None,
        };
        let first = start(&book, ask, self.now()).unwrap();
        let (told, _answer) = tokio::sync::oneshot::channel();
        self.take(Message::Start { book, first: vec![first], told });
    }

    fn take(&mut self, message: Message) {
        assert_eq!(self.pump.take(message), Next::Go, "the pump must not end by itself");
        self.drain();
    }

    /// Lets everything happen that needs no time.
    fn drain(&mut self) {
        loop {
            if self.crash_at.is_some_and(|at| self.journal.appends() >= at) {
                self.crash_at = None;
                self.crash();
            }
            let calls = std::mem::take(&mut *self.calls.lock().unwrap());
            let idle = calls.is_empty();
            for call in calls {
                self.call(call);
            }
            match self.inbox.try_recv() {
                Ok(message) => assert_eq!(self.pump.take(message), Next::Go, "the pump must not end by itself"),
                Err(_) if idle => return,
                Err(_) => {}
            }
        }
    }

    fn call(&mut self, call: Call) {
        match call {
            Call::Perform(run, request, deadline, again) => {
                let key = (run, request.place.clone(), request.attempt);
                let pending = self.due.values().any(|(r, p, a, _)| (*r, p.clone(), *a) == key);
                if pending || (again && self.begun.borrow().contains_key(&key)) {
                    // The keeper still has it: the true reply comes.
                    if !pending {
                        self.reply(&request, run, deadline);
                    }
                    return;
                }
                *self.begun.borrow_mut().entry(key).or_insert(0) += 1;
                self.reply(&request, run, deadline);
            }
            Call::Stop(run, place, attempt) => {
                if self.stopped.insert((run, place.clone(), attempt)) {
                    self.due.retain(|_, (r, p, a, _)| !(*r == run && *p == place && *a == attempt));
                    let now = self.now();
                    self.later(now, run, place, attempt, Reply::Stopped { output: Value::Null });
                }
            }
        }
    }

    fn reply(&mut self, request: &Request, run: RunId, deadline: Option<Timestamp>) {
        let id = request.place.step().to_string();
        let count = self.counts.entry(id.clone()).or_insert(0);
        let scripted = self.script.replies.get(&id).map(|replies| replies[(*count).min(replies.len() - 1)].clone());
        *count += 1;
        let scripted = scripted.unwrap_or_else(|| Scripted { takes: Span::ZERO, reply: done(serde_json::json!({})) });
        let at = self.now() + SignedDuration::from(scripted.takes);
        let (at, reply) = match deadline {
            Some(deadline) if at > deadline => {
                (deadline, Reply::Failed(Failure::new(FailureKind::Timeout, "its time was up")))
            }
            Some(_) | None => (at, scripted.reply),
        };
        self.later(at, run, request.place.clone(), request.attempt, reply);
    }

    fn later(&mut self, at: Timestamp, run: RunId, place: Place, attempt: u32, reply: Reply) {
        self.order += 1;
        self.due.insert((at.as_millisecond(), self.order), (run, place, attempt, reply));
    }

    /// The process dies; another one takes over. Children live on.
    pub(crate) fn crash(&mut self) {
        self.journal = Arc::new(self.journal.reopened());
        self.shelf = Arc::new(Shelf::default());
        self.calls.lock().unwrap().clear();
        let (pump, inbox) = pump(&self.journal, &self.shelf, &self.calls, &self.clock);
        self.pump = pump;
        self.inbox = inbox;
        self.pump.begin();
    }

    /// Runs until nothing is left to happen, or `limit` passes. True = the run ended.
    pub(crate) fn play(&mut self, limit: Span) -> bool {
        let end = BEGAN + i64::try_from(limit.millis()).unwrap();
        let mut acts: Vec<_> = self.script.acts.clone();
        acts.sort_by_key(|(at, _)| *at);
        let mut acts = std::collections::VecDeque::from(acts);
        self.drain();
        while self.pump.driver.runs().next().is_some() {
            let reply = self.due.keys().next().map(|(at, _)| *at);
            let act = acts.front().map(|(at, _)| BEGAN + i64::try_from(at.millis()).unwrap());
            let due = self.pump.driver.next_due().map(jiff::Timestamp::as_millisecond);
            let Some(next) = [reply, act, due].into_iter().flatten().min() else { return false };
            if next > end {
                return false;
            }
            self.clock.fetch_max(next, Ordering::SeqCst);
            if act == Some(next) {
                let (_, act) = acts.pop_front().unwrap();
                let run = self.run;
                let actor = Actor { id: "ivanova".into(), via: Via::Cli, role: Role::Operator };
                let input = match act {
                    Act::Cancel => Input::Cancel { actor, reason: "enough".into() },
                    Act::Answer(place, answer) => Input::Answer { place, actor, answer },
                    Act::Vote(place, ballot) => Input::Vote { place, ballot: Box::new(ballot) },
                };
                self.take(Message::Input { run, input });
            } else if reply == Some(next) {
                let (_, (run, place, attempt, reply)) = self.due.pop_first().unwrap();
                self.take(Message::Input { run, input: Input::Replied { place, attempt, reply, usage: None } });
            }
            self.pump.tick();
            self.drain();
            self.nothing_is_left();
        }
        true
    }

    /// A copy of a run remembers no walk over its lists: what it would decide now, the run itself must have decided.
    fn nothing_is_left(&self) {
        if self.pump.driver.in_flight() > 0 {
            return;
        }
        for run in self.pump.driver.runs() {
            let book = self.pump.driver.book(run.started.run).unwrap();
            let decision = decide(book, &mut run.clone(), Input::Tick, &Known::new(), self.now()).unwrap();
            assert_eq!(decision.events, [], "left undone by a run that remembers how far it walked");
        }
    }

    pub(crate) fn events(&self, run: RunId) -> Vec<Recorded> {
        read_events(self.journal.as_ref() as &dyn Journal, run, 0)
            .unwrap()
            .into_iter()
            .map(|(_, event)| event)
            .collect()
    }

    /// Children of the run, in the order of their starts.
    pub(crate) fn children(&self) -> Vec<RunId> {
        let child = |recorded: &Recorded| match &recorded.event {
            Event::Step { event: StepEvent::Attempt { child, .. }, .. } => *child,
            _ => None,
        };
        self.events(self.run).iter().filter_map(child).collect()
    }
}

fn pump(journal: &Arc<Memory>, shelf: &Arc<Shelf>, calls: &Calls, clock: &Arc<AtomicI64>) -> (Pump, Inbox) {
    let (sender, inbox) = post_box();
    let journal: Arc<dyn Journal> = Arc::clone(journal) as Arc<dyn Journal>;
    let world = Box::new(World(Arc::clone(calls)));
    let broken = Box::new(|_: &str| {});
    let mut pump = Pump::new(journal, Arc::clone(shelf), world, sender, "sim".into(), broken);
    let clock = Arc::clone(clock);
    pump.clock = Arc::new(move || Timestamp::from_millisecond(clock.load(Ordering::SeqCst)).unwrap());
    (pump, inbox)
}

pub(crate) fn done(output: Value) -> Reply {
    Reply::Done { output, findings: Vec::new() }
}

/// A reply as a fixture writes it: `ok`, `ok {"json": …}`, `warns TEXT`, `fails KIND TEXT`, `lost`, with `takes 5s` in front.
pub(crate) fn parse_reply(text: &str) -> Scripted {
    let text = text.trim();
    let (takes, rest) = match text.strip_prefix("takes ") {
        Some(rest) => {
            let (span, rest) = rest.trim().split_once(' ').unwrap_or((rest, "ok"));
            (Span::parse(span).unwrap(), rest.trim())
        }
        None => (Span::ZERO, text),
    };
    let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let reply = match word {
        "ok" if rest.is_empty() => done(serde_json::json!({})),
        "ok" => done(serde_json::from_str(rest).unwrap_or_else(|error| panic!("{rest}: {error}"))),
        "warns" => {
            let findings = vec![Finding { level: "warning".into(), message: rest.into() }];
            Reply::Done { output: serde_json::json!({}), findings }
        }
        "fails" => {
            let (kind, message) = rest.split_once(' ').unwrap_or((rest, "no"));
            Reply::Failed(Failure::new(FailureKind::parse(kind).unwrap_or_else(|| panic!("no kind {kind}")), message))
        }
        "lost" => Reply::Lost { known: "its process is gone".into() },
        other => panic!("no reply `{other}`"),
    };
    Scripted { takes, reply }
}
