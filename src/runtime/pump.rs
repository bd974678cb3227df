//! The pump: it feeds the driver, makes its batches durable, and lets effects out after that, on one thread at a time (`post`).
//!
//! Everything that happens reaches it as a [`Message`]; it alone holds the driver, so nothing async
//! happens while state changes. A batch that is not taken is decided again from what the journal holds
//! (`refusal`); a journal that can't go on ends it: the runs are stranded, truthfully, and the next
//! owner goes on with them.

mod about;
mod asks;
mod batch;
mod called;
mod child;
mod depth;
mod effect;
mod feed;
mod incident;
mod look;
mod message;
mod owed;
mod post;
mod refusal;
mod schedule;
mod speak;
mod sweep;
mod trouble;

pub use about::About;
pub use feed::{Feed, Follower, feed};
pub use message::{Message, Perform};
pub use post::{Closed, Inbox, Post, post_box};
pub use sweep::Proof;
pub use trouble::Tidings;

use crate::base::ids::RunId;
use crate::engine::event::Event;
use crate::runtime::clock::{BootClock, LOOK};
use crate::runtime::driver::{Driver, Order, Repair, Suspects};
use crate::runtime::incidents::Incidents;
use crate::runtime::incidents::board::Board;
use crate::runtime::incidents::live::Live;
use crate::runtime::incidents::silences::Silences;
use crate::runtime::recall::Recall;
use crate::runtime::recover;
use crate::runtime::schedules::Schedules;
use crate::runtime::shelf::Shelf;
use crate::runtime::tally::Tally;
use crate::runtime::telemetry::Telemetry;
use crate::schedule::decide::Obstacle;
use crate::schedule::key::ScheduleId;
use crate::store::{Batch, Done, Journal};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

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
    pub sender: Post,
    /// The clock.
    pub clock: Clock,
    /// The clock beside it that nobody sets; `None` = whether the other was set is not known.
    pub boot: Option<BootClock>,
    /// When it was last looked at.
    looked: Timestamp,
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
    /// Where traces are made of what happens.
    pub telemetry: Telemetry,
    /// Called once when the journal can't go on.
    pub broken: Box<dyn Fn(&str) + Send>,
    followers: BTreeMap<RunId, Vec<Follower>>,
    starting: BTreeMap<RunId, oneshot::Sender<Result<(), String>>>,
    /// Batches of the messages at hand, on their way to the journal together.
    outbox: Vec<(Batch, Done)>,
    stopping: Option<oneshot::Sender<()>>,
    /// Runs of which a batch may have been taken or not.
    in_doubt: BTreeSet<RunId>,
    /// Batches that wait for room, by number, and when they were last tried.
    held: BTreeSet<u64>,
    tried: Option<Timestamp>,
    /// Whether the clock says a year in which nobody can have set it.
    clock_unset: bool,
    /// Why no new run is taken: there is no space.
    full: Option<String>,
    /// The same by the look at the disk: less is free than the book wants to keep.
    tight: Option<String>,
    callees: called::Callees,
    suspects: Suspects,
    swept: Option<Timestamp>,
    /// What was put right and nobody was told of yet.
    untold: Vec<Repair>,
    /// Runs and schedules set aside that an incident was opened for, by its key.
    told_aside: BTreeSet<String>,
    /// When an incident was told last that calls of a trigger start too many runs.
    storms: BTreeMap<ScheduleId, Timestamp>,
    /// Questions that incidents were told of.
    asked: BTreeSet<String>,
    /// What the last sweep could not put right.
    failing: Vec<String>,
    /// Schedules whose streams can't be read, and why.
    schedules_aside: BTreeMap<ScheduleId, String>,
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
/// Messages whose batches go to the journal together.
const TOGETHER: usize = 256;

impl Pump {
    /// A pump over these parts.
    #[must_use]
    pub fn new(
        journal: Arc<dyn Journal>,
        shelf: Arc<Shelf>,
        perform: Box<dyn Perform>,
        sender: Post,
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
            boot: None,
            looked: Timestamp::UNIX_EPOCH,
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
            telemetry: Telemetry::default(),
            broken,
            followers,
            starting,
            outbox: Vec::new(),
            stopping: None,
            in_doubt: BTreeSet::new(),
            held: BTreeSet::new(),
            tried: None,
            clock_unset: false,
            full: None,
            tight: None,
            callees: called::Callees::default(),
            suspects: Suspects::new(),
            swept: None,
            untold: Vec::new(),
            told_aside: BTreeSet::new(),
            storms: BTreeMap::new(),
            asked: BTreeSet::new(),
            failing: Vec::new(),
            schedules_aside: BTreeMap::new(),
            repairs: Vec::new(),
        }
    }

    /// With that board for its incidents, and the environment their runbooks may list names of.
    #[must_use]
    pub fn about(self, board: Arc<Board>, env: BTreeMap<String, String>) -> Self {
        Self { board, env, ..self }
    }

    /// Takes up what an earlier owner left, then pumps until stopped or broken.
    pub fn run(mut self, inbox: Inbox) {
        self.begin();
        inbox.drive(self);
    }

    /// How long nothing is due by itself.
    fn rest(&mut self) -> Duration {
        let Some(due) = self.next_due() else { return LOOK };
        Duration::try_from(due.duration_since((self.clock)())).unwrap_or_default().min(LOOK)
    }

    /// When something is due by itself.
    #[must_use]
    pub fn next_due(&mut self) -> Option<Timestamp> {
        let schedules = if self.clock_unset { None } else { self.schedules.next_due() };
        [self.driver.next_due(), schedules, self.incidents.next_due()].into_iter().flatten().min()
    }

    /// Takes up what an earlier owner left.
    pub fn begin(&mut self) {
        let now = self.look();
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
            let now = self.look();
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
            let (journal, batches) = (Arc::clone(&self.journal), std::mem::take(&mut self.outbox));
            let alone = batches.len() == 1;
            journal.append_here(batches, &mut || {
                if alone {
                    self.prepare();
                }
            });
        }
    }

    fn heed(&mut self, message: Message) -> Next {
        let now = self.look();
        match message {
            Message::Stop(done) => {
                self.settle_debts(now, true);
                self.stopping = Some(done);
            }
            Message::Appended { number, result: Ok(_) } => {
                self.full = None;
                self.in_doubt.clear();
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
            Message::ExpectChildren | Message::Input { .. } if self.stopping.is_some() => {}
            Message::ExpectChildren => self.perform.expect_children(),
            Message::Input { run, input } => {
                let orders = self.driver.input(run, input, now);
                self.carry_out(orders);
            }
            Message::Arm { armed, told } => {
                self.arm(armed, now);
                let _ = told.send(());
            }
            Message::Schedule { told, .. } | Message::Backfill { told, .. } if self.stopping.is_some() => {
                told.badly(Obstacle::NoSpace(ENDING.into()));
            }
            Message::Schedule { id, input, told } => self.ask_schedule(&id, input, told, now),
            Message::Backfill { armed, fill, told } => self.backfill(*armed, fill, told, now),
            Message::Scheduled { id, result } => return self.schedule_answered(&id, result, now),
            Message::Files { .. } if self.stopping.is_some() => {}
            Message::Files { id, files, unsettled } => self.files_seen(&id, &files, &unsettled),
            Message::Space(tight) => self.heed_space(tight),
            Message::Trouble(_) if self.stopping.is_some() => {}
            Message::Trouble(tidings) => self.tidings(tidings, now),
            Message::About(about) => return self.about_incidents(about, now),
            Message::Prove(told) => drop(told.send(self.proof())),
            Message::Kill { run } => self.perform.kill(run),
            Message::Follow { run, follower, held } => {
                let live = self.driver.run(run).is_some();
                if live {
                    self.followers.entry(run).or_default().push(follower);
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
                Order::Append(flight) => self.append(&flight),
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
                    self.tell_set_aside(run, reason.clone());
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
