//! The pump: one thread that feeds the driver, makes its batches durable, and lets effects out after that.
//!
//! Everything that happens reaches it as a [`Message`]; it alone holds the driver, so nothing async
//! happens while state changes. A batch that is not taken is decided again from what the journal holds
//! (`refusal`); a journal that can't go on ends it: the runs are stranded, truthfully, and the next
//! owner goes on with them.

mod batch;
mod called;
mod child;
mod effect;
mod incident;
mod owed;
mod refusal;
mod schedule;
mod speak;
mod sweep;
mod trouble;

pub use trouble::Tidings;

use crate::base::address::Place;
use crate::base::ids::{IncidentId, RunId};
use crate::engine::decide::Input;
use crate::engine::event::{Event, Recorded};
use crate::escalation::decide::Input as IncidentInput;
use crate::escalation::event::Page;
use crate::model::perform::Request;
use crate::model::runbook::Runbook;
use crate::model::silence::SilenceEvent;
use crate::model::trouble::{Source, Trouble};
use crate::runtime::driver::{Driver, Order, Repair, Suspects};
use crate::runtime::incidents::board::Board;
use crate::runtime::incidents::live::Live;
use crate::runtime::incidents::silences::Silences;
use crate::runtime::incidents::{Incidents, Told as Listener};
use crate::runtime::recall::Recall;
use crate::runtime::recover;
use crate::runtime::schedules::{Armed, Heard, Schedules};
use crate::runtime::shelf::Shelf;
use crate::runtime::tally::Tally;
use crate::schedule::decide::{Input as ScheduleInput, Obstacle};
use crate::schedule::key::ScheduleId;
use crate::store::{AppendError, Batch, Done, Journal, Version};
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
    /// Send a page of an incident of that severity. `again` = an earlier owner ordered it and may have sent it.
    fn page(&self, incident: IncidentId, page: &Page, severity: &str, again: bool);
    /// Do not start sending a page any more.
    fn withdraw(&self, incident: IncidentId, page: u32);
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
    /// These are the schedules of the book, from now on all of them. Answered once each is armed.
    Arm {
        /// All of them.
        armed: Vec<Armed>,
        /// The answer.
        told: oneshot::Sender<()>,
    },
    /// Something for a schedule. Answered once it is durable.
    Schedule {
        /// Which.
        id: ScheduleId,
        /// What.
        input: ScheduleInput,
        /// The answer.
        told: Heard,
    },
    /// A batch of a schedule alone was taken or not.
    Scheduled {
        /// Which.
        id: ScheduleId,
        /// Whether.
        result: Result<Vec<Version>, AppendError>,
    },
    /// The files that a trigger watches, as they are now, each with what tells one state of it from another.
    Files {
        /// Which.
        id: ScheduleId,
        /// All of which that is known.
        files: BTreeMap<String, String>,
        /// Those of which it is not known yet.
        unsettled: BTreeSet<String>,
    },
    /// Trouble has begun or is over; what told of it is durable.
    Trouble(Tidings),
    /// This is the book whose addresses, rotations and runbooks count for incidents from now on.
    Book {
        /// It.
        live: Live,
    },
    /// There is trouble, as somebody tells of it who waits to hear. Answered once it is durable.
    Tell {
        /// What.
        trouble: Box<Trouble>,
        /// The book to go by where there is no newer one.
        by: Option<Live>,
        /// The answer.
        told: Option<Listener>,
    },
    /// Whoever told of the trouble of a key says that it is over.
    Cleared {
        /// The key.
        key: String,
        /// Who.
        source: Source,
        /// In a line.
        reason: String,
    },
    /// Something for an incident. Answered once it is durable.
    Incident {
        /// Which.
        id: IncidentId,
        /// What.
        input: IncidentInput,
        /// The answer.
        told: Option<Listener>,
    },
    /// A batch of an incident was taken or not.
    IncidentAppended {
        /// Which.
        id: IncidentId,
        /// Whether.
        result: Result<Vec<Version>, AppendError>,
    },
    /// A silence begins or ends; it is durable already.
    Silence(SilenceEvent),
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
    /// What starts some of them.
    pub schedules: Schedules,
    /// What climbs the ladder.
    pub incidents: Incidents,
    /// What is durable of each, for whoever sends its pages.
    pub board: Arc<Board>,
    /// The environment that the runbooks about incidents may list names of.
    pub env: BTreeMap<String, String>,
    /// Whether no incident is opened, and `escalate`, `resolve` and `silence` are performed as other steps are: in trials.
    pub without_incidents: bool,
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
    callees: called::Callees,
    suspects: Suspects,
    swept: Option<Timestamp>,
    /// The book that counts for incidents.
    live: Option<Live>,
    silences: Silences,
    /// What incidents were told and is not written down yet.
    paid: Vec<owed::Paid>,
    /// Everything a sweep had to put right, oldest first.
    pub repairs: Vec<Repair>,
}

/// What is said of what comes too late.
const ENDING: &str = "the owner is shutting down";
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
            schedules: Schedules::default(),
            incidents: Incidents::default(),
            board: Arc::default(),
            env: BTreeMap::new(),
            without_incidents: false,
            live: None,
            silences: Silences::default(),
            paid: Vec::new(),
            tally: Arc::default(),
            broken,
            followers,
            starting,
            outbox: Vec::new(),
            stopping: None,
            held: BTreeSet::new(),
            tried: None,
            full: None,
            callees: called::Callees::default(),
            suspects: Suspects::new(),
            swept: None,
            repairs: Vec::new(),
        }
    }

    /// With that board for its incidents, and the environment their runbooks may list names of.
    #[must_use]
    pub fn about(self, board: Arc<Board>, env: BTreeMap<String, String>) -> Self {
        Self { board, env, ..self }
    }

    /// Takes up what an earlier owner left, then pumps until stopped or broken.
    pub fn run(mut self, inbox: &Receiver<Message>) {
        self.begin();
        loop {
            let wait = self.next_due().map_or(LOOK, |due| {
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

    /// When something is due by itself.
    #[must_use]
    pub fn next_due(&mut self) -> Option<Timestamp> {
        [self.driver.next_due(), self.schedules.next_due(), self.incidents.next_due()].into_iter().flatten().min()
    }

    /// Takes up what an earlier owner left.
    pub fn begin(&mut self) {
        let now = (self.clock)();
        let orders = recover::recover(&mut self.driver, self.journal.as_ref(), &self.shelf, now);
        for run in self.driver.runs() {
            self.schedules.began(&run.started);
        }
        self.carry_out(orders);
        self.silences = Silences::read(self.journal.as_ref()).unwrap_or_else(|why| {
            tracing::error!(%why, "the silences can't be read: nothing is muted");
            Silences::default()
        });
        self.restore_incidents(now);
        self.pay_debts(now);
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
            self.look_at_schedules(now);
            self.look_at_incidents(now);
            self.settle_debts(now, false);
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
            Message::Stop(done) => {
                self.settle_debts(now, true);
                self.stopping = Some(done);
            }
            Message::Appended { number, result: Ok(_) } => {
                self.full = None;
                let row = self.driver.flight(number).and_then(|flight| Some((flight.run, flight.schedule.clone()?.id)));
                let orders = self.driver.appended(number, now);
                if let Some((run, _)) = &row
                    && let Some(run) = self.driver.run(*run)
                {
                    self.schedules.began(&run.started);
                }
                self.carry_out(orders);
                if let Some((_, id)) = row {
                    self.schedule_landed(&id, now);
                }
            }
            Message::Appended { number, result: Err(error) } => return self.refused(number, &error, now),
            Message::Start { told, .. } if self.stopping.is_some() => {
                let _ = told.send(Err(ENDING.into()));
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
            Message::Arm { armed, told } => {
                self.arm(armed, now);
                let _ = told.send(());
            }
            Message::Schedule { told, .. } if self.stopping.is_some() => {
                told.badly(Obstacle::NoSpace(ENDING.into()));
            }
            Message::Schedule { id, input, told } => self.ask_schedule(id, input, told, now),
            Message::Scheduled { id, result } => return self.schedule_answered(&id, result, now),
            Message::Files { .. } if self.stopping.is_some() => {}
            Message::Files { id, files, unsettled } => self.files_seen(&id, &files, &unsettled),
            Message::Trouble(_) if self.stopping.is_some() => {}
            Message::Trouble(tidings) => self.tidings(tidings, now),
            Message::Book { live } => self.live = Some(live),
            Message::Tell { told, .. } if self.stopping.is_some() => {
                told.into_iter().for_each(|told| told(Err(ENDING.into())))
            }
            Message::Tell { trouble, by, told } => self.trouble(*trouble, by, told, now),
            Message::Cleared { key, source, reason } => drop(self.cleared(&key, source, reason, now)),
            Message::Incident { told, .. } if self.stopping.is_some() => {
                told.into_iter().for_each(|told| told(Err(ENDING.into())))
            }
            Message::Incident { id, input, told } => self.ask_incident(id, input, told, now),
            Message::IncidentAppended { id, result } => return self.incident_answered(id, result, now),
            Message::Silence(event) => self.silence(event, now),
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
                    self.schedules.gone(run);
                    self.perform.gone(run);
                }
                Order::Quarantined(run, reason) => {
                    tracing::error!(%run, %reason, "a run is quarantined: it is not driven any further, everything else is");
                    self.followers.remove(&run);
                    self.schedules.gone(run);
                    self.answer_start(run, Err(reason));
                }
            }
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
