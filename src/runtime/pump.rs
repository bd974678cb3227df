//! The pump: one thread that feeds the driver, makes its batches durable, and lets effects out after that.
//!
//! Everything that happens reaches it as a [`Message`]; it alone holds the driver, so nothing async
//! happens while state changes. A journal that can't write ends it: the runs are stranded, truthfully,
//! and the next owner goes on with them.

use crate::base::address::Place;
use crate::base::ids::{Name, RunId};
use crate::engine::decide::{Effect, Input};
use crate::engine::event::{Event, Parent, Recorded, Started};
use crate::engine::start::{Ask, start};
use crate::model::perform::{Failure, Reply, Request};
use crate::model::policy::FailureKind;
use crate::model::runbook::Runbook;
use crate::runtime::driver::{Driver, Flight, Order, child_ended};
use crate::runtime::index::{group_stream, run_stream};
use crate::runtime::recall::Recall;
use crate::runtime::recover;
use crate::runtime::shelf::{BUNDLE, Shelf};
use crate::store::{AppendError, Batch, Guard, Journal, Version, codec};
use jiff::Timestamp;
use std::collections::BTreeMap;
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
    /// Called once when the journal can't go on.
    pub broken: Box<dyn Fn(&str) + Send>,
    followers: BTreeMap<RunId, Vec<mpsc::UnboundedSender<(u64, Recorded)>>>,
    starting: BTreeMap<RunId, oneshot::Sender<Result<(), String>>>,
    stopping: Option<oneshot::Sender<()>>,
}

/// The longest the clock is not looked at: steps of it, suspend and a late machine are seen by then.
const LOOK: Duration = Duration::from_secs(1);

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
        Self { journal, shelf, perform, sender, clock, node, driver, broken, followers, starting, stopping: None }
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
                    if self.take(message) == Next::End {
                        return;
                    }
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
    }

    /// Looks at everything that is due.
    pub fn tick(&mut self) -> Next {
        if self.stopping.is_none() {
            let orders = self.driver.tick((self.clock)());
            self.carry_out(orders);
        } else if self.driver.is_settled() {
            self.stopping.take().map(|done| done.send(()));
            return Next::End;
        }
        Next::Go
    }

    /// Takes one message.
    pub fn take(&mut self, message: Message) -> Next {
        let now = (self.clock)();
        match message {
            Message::Stop(done) => self.stopping = Some(done),
            Message::Appended { number, result: Ok(_) } => {
                let orders = self.driver.appended(number, now);
                self.carry_out(orders);
            }
            Message::Appended { number, result: Err(error) } => {
                if let Some(told) = self.driver.refused(number).and_then(|run| self.starting.remove(&run)) {
                    let _ = told.send(Err(error.to_string()));
                }
                tracing::error!(%error, "the journal did not take a batch; its runs are left to the next owner");
                (self.broken)(&error.to_string());
                return Next::End;
            }
            Message::Start { told, .. } if self.stopping.is_some() => {
                let _ = told.send(Err("the owner is shutting down".into()));
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
                Order::Quarantined(run, illegal) => {
                    tracing::error!(%run, %illegal, "a run is quarantined: its stream does not add up");
                    self.followers.remove(&run);
                    if let Some(told) = self.starting.remove(&run) {
                        let _ = told.send(Err(illegal.to_string()));
                    }
                }
            }
        }
    }

    fn append(&self, flight: Flight) {
        let number = flight.number;
        let sender = self.sender.clone();
        let answer = move |result| drop(sender.send(Message::Appended { number, result }));
        match self.batch(flight) {
            Ok(batch) => self.journal.append(batch, Box::new(answer)),
            Err(reason) => answer(Err(AppendError::Broken(reason))),
        }
    }

    fn batch(&self, flight: Flight) -> Result<Batch, String> {
        let mut batch = Batch::default();
        let mut put = |bytes: &[u8]| self.journal.put_blob(bytes);
        if !flight.events.is_empty() {
            let stream = run_stream(flight.run);
            batch.guards.push(Guard::At(stream.clone(), flight.base));
            let events = flight.events.iter().map(|event| codec::encode_spilling(event, &mut put));
            batch.appends.push((stream, events.collect::<Result<_, _>>().map_err(|error| error.to_string())?));
        }
        for (name, base, events) in &flight.groups {
            let stream = group_stream(name.as_str());
            batch.guards.push(Guard::At(stream.clone(), *base));
            let events = events.iter().map(codec::encode_group);
            batch.appends.push((stream, events.collect::<Result<_, _>>().map_err(|error| error.to_string())?));
        }
        Ok(batch)
    }

    fn tell(&mut self, run: RunId, events: Vec<(u64, Recorded)>) {
        if let Some(told) = self.starting.remove(&run) {
            let _ = told.send(Ok(()));
        }
        let Some(followers) = self.followers.get_mut(&run) else { return };
        for event in events {
            followers.retain(|feed| feed.send(event.clone()).is_ok());
        }
    }

    fn effect(&mut self, run: RunId, effect: Effect, again: bool) -> Vec<Order> {
        match effect {
            Effect::Perform { request, deadline, .. } => {
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

    /// Starts a child run, or takes note of one that was started before a crash.
    fn start_child(
        &mut self,
        parent: Parent,
        child: RunId,
        name: &Name,
        inputs: crate::base::value::Map<String, crate::base::value::Value>,
    ) -> Vec<Order> {
        let now = (self.clock)();
        if self.driver.run(child).is_some() {
            return Vec::new();
        }
        match recover::read_run(self.journal.as_ref(), child) {
            Ok(Some(run)) => {
                let ended = run.ended().cloned();
                return ended
                    .map_or_else(Vec::new, |ended| self.driver.input(parent.run, child_ended(&parent, &ended), now));
            }
            Ok(None) => {}
            Err(error) => return self.child_failed(&parent, &error, now),
        }
        let Some(caller) = self.driver.run(parent.run).map(|run| run.started.clone()) else { return Vec::new() };
        match self.first_of_child(&caller, &parent, child, name, inputs, now) {
            Ok((book, first)) => self.driver.start(book, vec![first], now),
            Err(reason) => self.child_failed(&parent, &reason, now),
        }
    }

    fn first_of_child(
        &self,
        caller: &Started,
        parent: &Parent,
        child: RunId,
        name: &Name,
        inputs: crate::base::value::Map<String, crate::base::value::Value>,
        now: Timestamp,
    ) -> Result<(Arc<Runbook>, Recorded), String> {
        let digest = caller.texts.get(BUNDLE).ok_or("the caller is pinned to no texts")?;
        let book = self.shelf.book(self.journal.as_ref(), digest).map_err(|error| error.to_string())?;
        let runbook = book.runbooks.get(name).ok_or_else(|| format!("there is no runbook `{name}`"))?;
        let ask = Ask {
            run: child,
            texts: caller.texts.clone(),
            inputs,
            env: caller
                .env
                .iter()
                .filter(|(name, _)| runbook.env.contains(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            actor: caller.actor.clone(),
            trigger: crate::base::value::json!({ "kind": "runbook", "run": caller.run.to_string(), "runbook": caller.runbook.as_str() }),
            parent: Some(parent.clone()),
            depth: caller.depth + 1,
            node: self.node.clone(),
            dry: caller.dry,
            selection: crate::engine::event::Selection::default(),
            repeats: None,
        };
        let first = start(runbook, ask, now).map_err(|error| error.to_string())?;
        Ok((Arc::clone(runbook), first))
    }

    fn child_failed(&mut self, parent: &Parent, reason: &str, now: Timestamp) -> Vec<Order> {
        let failure = Failure { lasting: true, ..Failure::new(FailureKind::Start, reason) };
        let (place, attempt) = (parent.place.clone(), parent.attempt);
        self.driver.input(parent.run, Input::Replied { place, attempt, reply: Reply::Failed(failure) }, now)
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
