//! The pump: one thread that feeds the driver, makes its batches durable, and lets effects out after that.
//!
//! Everything that happens reaches it as a [`Message`]; it alone holds the driver, so nothing async
//! happens while state changes. A batch that is not taken is decided again from what the journal holds
//! (`refusal`); a journal that can't go on ends it: the runs are stranded, truthfully, and the next
//! owner goes on with them.

mod child;
mod refusal;
mod sweep;

use crate::base::address::Place;
use crate::base::ids::RunId;
use crate::base::planted::{self, Bug};
use crate::engine::decide::{Effect, Input};
use crate::engine::event::{Event, Parent, Recorded};
use crate::model::perform::Request;
use crate::model::runbook::Runbook;
use crate::runtime::clock;
use crate::runtime::driver::{Driver, Flight, Order, Repair, Suspects};
use crate::runtime::index::{group_stream, run_stream};
use crate::runtime::plan::refusal;
use crate::runtime::recall::Recall;
use crate::runtime::recover;
use crate::runtime::shelf::Shelf;
use crate::runtime::tally::Tally;
use crate::store::codec::CodecError;
use crate::store::{AppendError, Batch, Done, Guard, Journal, Version, codec};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// The port to the outside world. Each call returns at once; what comes of it arrives as a message.
pub trait Perform: Send {
    /// Perform an attempt. `again` = an earlier owner ordered it and may have done it.
    fn perform(&self, run: RunId, request: Request, deadline: Option<Timestamp>, again: bool);
    /// Stop an attempt; its reply still comes.
    fn stop(&self, run: RunId, place: &Place, attempt: u32);
    /// Kill everything that still runs of a run, without grace; replies still come.
    fn kill(&self, run: RunId);
    /// The run is over: what it kept beside its output can go.
    fn gone(&self, run: RunId);
    /// Whether somebody is at that attempt; who can't say says yes.
    fn has(&self, run: RunId, place: &Place, attempt: u32) -> bool;
}

/// Events as they become durable, each with its version. Ends after the run's last.
pub type Feed = mpsc::UnboundedReceiver<(u64, Recorded)>;

/// What reaches the pump.
pub enum Message {
    /// Start a run. Answered once its first event is durable.
    Start {
        /// By this.
        book: Arc<Runbook>,
        /// With these first events: `Started`, and what it takes over.
        first: Vec<Recorded>,
        /// The answer.
        told: oneshot::Sender<Result<(), String>>,
    },
    /// Something for a run.
    Input {
        /// Which.
        run: RunId,
        /// What.
        input: Input,
    },
    /// Kill what still runs of a run.
    Kill {
        /// Which.
        run: RunId,
    },
    /// A batch was taken or not.
    Appended {
        /// Its number.
        number: u64,
        /// Whether.
        result: Result<Vec<Version>, AppendError>,
    },
    /// Somebody wants to see what happens in a run from now on. Answered with whether it is held.
    Follow {
        /// Which.
        run: RunId,
        /// Where to.
        feed: mpsc::UnboundedSender<(u64, Recorded)>,
        /// The answer.
        held: oneshot::Sender<bool>,
    },
    /// No more: drive nothing further. Answered when the last batch is through.
    Stop(oneshot::Sender<()>),
}

/// A clock: the machine's, or a simulated one.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The pump's parts.
pub struct Pump {
    /// Where events go.
    pub journal: Arc<dyn Journal>,
    /// Pinned books.
    pub shelf: Arc<Shelf>,
    /// The world.
    pub perform: Box<dyn Perform>,
    /// Back to itself.
    pub sender: Sender<Message>,
    /// The clock.
    pub clock: Clock,
    /// This node.
    pub node: String,
    /// The runs.
    pub driver: Driver,
    /// What is counted.
    pub tally: Arc<Tally>,
    /// Called once when the journal can't go on.
    pub broken: Box<dyn Fn(&str) + Send>,
    followers: BTreeMap<RunId, Vec<mpsc::UnboundedSender<(u64, Recorded)>>>,
    starting: BTreeMap<RunId, oneshot::Sender<Result<(), String>>>,
    /// Batches of the messages at hand, on their way to the journal together.
    outbox: Vec<(Batch, Done)>,
    stopping: Option<oneshot::Sender<()>>,
    /// Batches that wait for room, by number, and when they were last tried.
    held: BTreeSet<u64>,
    tried: Option<Timestamp>,
    /// Why no new run is taken: there is no space.
    full: Option<String>,
    suspects: Suspects,
    swept: Option<Timestamp>,
    /// Everything a sweep had to put right, oldest first.
    pub repairs: Vec<Repair>,
}

/// The longest the clock is not looked at: steps of it, suspend and a late machine are seen by then.
const LOOK: Duration = Duration::from_secs(1);
/// Messages whose batches go to the journal together, beside the first.
const TOGETHER: usize = 255;

impl Pump {
    /// A pump over these parts.
    #[must_use]
    pub fn new(
        journal: Arc<dyn Journal>,
        shelf: Arc<Shelf>,
        perform: Box<dyn Perform>,
        sender: Sender<Message>,
        node: String,
        broken: Box<dyn Fn(&str) + Send>,
    ) -> Self {
        let clock: Clock = Arc::new(crate::runtime::clock::now);
        let (followers, starting) = (BTreeMap::new(), BTreeMap::new());
        let driver = Driver::recalling(Recall::of(Arc::clone(&journal)));
        Self {
            journal,
            shelf,
            perform,
            sender,
            clock,
            node,
            driver,
            tally: Arc::default(),
            broken,
            followers,
            starting,
            outbox: Vec::new(),
            stopping: None,
            held: BTreeSet::new(),
            tried: None,
            full: None,
            suspects: Suspects::new(),
            swept: None,
            repairs: Vec::new(),
        }
    }

    /// Takes up what an earlier owner left, then pumps until stopped or broken.
    pub fn run(mut self, inbox: &Receiver<Message>) {
        self.begin();
        loop {
            let wait = self.driver.next_due().map_or(LOOK, |due| {
                Duration::try_from(due.duration_since((self.clock)())).unwrap_or_default().min(LOOK)
            });
            match inbox.recv_timeout(wait) {
                Ok(message) => {
                    let more = std::iter::from_fn(|| inbox.try_recv().ok()).take(TOGETHER);
                    for message in std::iter::once(message).chain(more) {
                        if self.heed(message) == Next::End {
                            return;
                        }
                    }
                    self.send_off();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.tick() == Next::End {
                return;
            }
        }
    }

    /// Takes up what an earlier owner left.
    pub fn begin(&mut self) {
        let now = (self.clock)();
        let orders = recover::recover(&mut self.driver, self.journal.as_ref(), &self.shelf, now);
        self.carry_out(orders);
        self.sweep(now);
        self.send_off();
    }

    /// Looks at everything that is due.
    pub fn tick(&mut self) -> Next {
        if self.stopping.is_none() {
            let now = (self.clock)();
            self.try_held(now);
            let orders = self.driver.tick(now);
            self.carry_out(orders);
            self.sweep_when_due(now);
            self.send_off();
        } else if self.driver.in_flight() <= self.held.len() {
            self.stopping.take().map(|done| done.send(()));
            return Next::End;
        }
        Next::Go
    }

    /// Takes one message.
    pub fn take(&mut self, message: Message) -> Next {
        let next = self.heed(message);
        self.send_off();
        next
    }

    /// Hands the batches over that have come together.
    fn send_off(&mut self) {
        if !self.outbox.is_empty() {
            self.journal.append_here(std::mem::take(&mut self.outbox));
        }
    }

    fn heed(&mut self, message: Message) -> Next {
        let now = (self.clock)();
        match message {
            Message::Stop(done) => self.stopping = Some(done),
            Message::Appended { number, result: Ok(_) } => {
                self.full = None;
                let orders = self.driver.appended(number, now);
                self.carry_out(orders);
            }
            Message::Appended { number, result: Err(error) } => return self.refused(number, &error, now),
            Message::Start { told, .. } if self.stopping.is_some() => {
                let _ = told.send(Err("the owner is shutting down".into()));
            }
            Message::Start { told, .. } if self.full.is_some() => {
                let _ = told.send(Err(self.full.clone().unwrap_or_default()));
            }
            Message::Start { book, first, told } => {
                if let Some(Event::Started(started)) = first.first().map(|first| &first.event) {
                    self.starting.insert(started.run, told);
                }
                let orders = self.driver.start(book, first, now);
                self.carry_out(orders);
            }
            Message::Input { .. } if self.stopping.is_some() => {}
            Message::Input { run, input } => {
                let orders = self.driver.input(run, input, now);
                self.carry_out(orders);
            }
            Message::Kill { run } => self.perform.kill(run),
            Message::Follow { run, feed, held } => {
                let live = self.driver.run(run).is_some();
                if live {
                    self.followers.entry(run).or_default().push(feed);
                }
                let _ = held.send(live);
            }
        }
        Next::Go
    }

    fn carry_out(&mut self, orders: Vec<Order>) {
        let mut orders: std::collections::VecDeque<_> = orders.into();
        while let Some(order) = orders.pop_front() {
            match order {
                Order::Append(flight) => self.append(flight),
                Order::Effect { run, effect, again } => orders.extend(self.effect(run, effect, again)),
                Order::Told { run, events } => self.tell(run, events),
                Order::Gone(run) => {
                    self.followers.remove(&run);
                    self.perform.gone(run);
                }
                Order::Quarantined(run, reason) => {
                    tracing::error!(%run, %reason, "a run is quarantined: it is not driven any further, everything else is");
                    self.followers.remove(&run);
                    self.answer_start(run, Err(reason));
                }
            }
        }
    }

    fn append(&mut self, flight: Flight) {
        let number = flight.number;
        let sender = self.sender.clone();
        let (tally, begun) = (Arc::clone(&self.tally), clock::ticks());
        let answer = move |result: Result<_, _>| {
            tally.appended(result.is_ok(), clock::ticks().saturating_sub(begun));
            drop(sender.send(Message::Appended { number, result }));
        };
        match self.batch(flight) {
            Ok(batch) => self.outbox.push((batch, Box::new(answer))),
            Err(CodecError::Put(error)) => answer(Err(error)),
            Err(error) => answer(Err(AppendError::Refused(error.to_string()))),
        }
    }

    fn batch(&self, flight: Flight) -> Result<Batch, CodecError> {
        let mut batch = Batch { guards: vec![Guard::Lease(self.journal.epoch())], ..Batch::default() };
        let guarded = !planted::has(Bug::NoGuard);
        let mut put = |bytes: &[u8]| self.journal.put_blob(bytes);
        if !flight.events.is_empty() {
            let stream = run_stream(flight.run);
            batch.guards.push(Guard::At(stream.clone(), flight.base));
            let events = flight.events.iter().map(|event| codec::encode_spilling(event, &mut put));
            batch.appends.push((stream, events.collect::<Result<_, _>>()?));
        }
        for (name, base, events) in &flight.groups {
            let stream = group_stream(name.as_str());
            batch.guards.push(Guard::At(stream.clone(), *base));
            let events = events.iter().map(codec::encode_group);
            batch.appends.push((stream, events.collect::<Result<_, _>>()?));
        }
        batch.guards.retain(|_| guarded);
        Ok(batch)
    }

    fn answer_start(&mut self, run: RunId, answer: Result<(), String>) {
        if let Some(told) = self.starting.remove(&run) {
            let _ = told.send(answer);
        }
    }

    fn tell(&mut self, run: RunId, events: Vec<(u64, Recorded)>) {
        self.answer_start(run, Ok(()));
        self.tally.told(&events);
        let Some(followers) = self.followers.get_mut(&run) else { return };
        for event in events {
            followers.retain(|feed| feed.send(event.clone()).is_ok());
        }
    }

    fn effect(&mut self, run: RunId, effect: Effect, again: bool) -> Vec<Order> {
        match effect {
            Effect::Perform { request, deadline, .. } => {
                let started = self.driver.run(run).map(|run| &run.started);
                let journal = self.journal.as_ref();
                if let Some(failure) = started.and_then(|started| refusal(&self.shelf, journal, started, &request)) {
                    return self.replied(run, request.place, request.attempt, failure);
                }
                self.perform.perform(run, *request, deadline, again);
                Vec::new()
            }
            Effect::Stop { place, attempt } => {
                self.perform.stop(run, &place, attempt);
                Vec::new()
            }
            Effect::CancelChild { child, reason } => {
                let actor = crate::base::actor::Actor::engine("caller");
                self.driver.input(child, Input::Cancel { actor, reason }, (self.clock)())
            }
            Effect::StartChild { place, attempt, child, runbook, inputs } => {
                let parent = Parent { run, place, attempt };
                self.start_child(parent, child, &runbook, inputs)
            }
            // Group effects never leave the driver.
            Effect::Acquire { .. } | Effect::Release { .. } => Vec::new(),
        }
    }
}

/// Whether the pump goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It does.
    Go,
    /// It is over.
    End,
}
