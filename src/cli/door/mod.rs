//! The one way from the command line to the runs: the service in this process, or the owner's socket.
//!
//! Speaks `api::wire` only. Which of the two it is decides the data directory's lock, never a command:
//! whoever holds the lock is the owner, everybody else follows. When an owner is lost, whoever follows
//! a run becomes the next one and goes on with it.

/// Asks the desk or the owner, and whoever comes next where the owner is lost.
macro_rules! asked {
    ($door:ident, $desk:ident => $here:expr, $client:ident => $there:expr) => {
        loop {
            let tried = match $door.home.way() {
                Way::Here($desk) => said($here),
                Way::There($client) => $there,
            };
            match tried {
                Err(trouble) if trouble.is_lost() => $door.home.again().await?,
                result => break result,
            }
        }
    };
}

mod accepted;
mod ground;
mod home;
mod incidents;
mod lasting;
mod measures;
mod notice;
mod people;
mod schedules;
mod serving;
mod standing;
mod store;

use crate::act::World;
use crate::api;
use crate::api::wire::{
    AnswerRequest, ApprovalRow, CancelRequest, LedgerRow, OutputChunk, OutputRequest, Problem, RetryRequest, RunDetail,
    RunRow, RunsRequest, StartReply, StartRequest, VoteReply, VoteRequest, What, WhyRequest, WireEvent,
};
use crate::base::actor::{Actor, Role, Via};
use crate::base::value::Value;
use crate::cli::door::home::{Home, Way};
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::runtime::clock;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, Sender, channel};

pub use accepted::accepted;
pub use lasting::drive;
pub use serving::serve;
pub use standing::settings_of_owner;

/// The place in which messages are sent without any run: to test the ways to people.
///
/// # Errors
/// When there is no book, or it can't be read.
pub fn world(settings: &Settings) -> Result<World, Trouble> {
    ground::world(settings, &settings.book()?)
}

/// What the door is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To start and drive runs: this process becomes the owner where there is none.
    Drive,
    /// To start runs that go on without this process.
    Leave,
    /// To stay, whatever there is to drive: who drives now makes room.
    Serve,
    /// To look at what is there; nothing is driven on.
    Look,
    /// The same, and a data directory of another machine is taken over.
    Adopt,
}

/// Events of a run as they become durable, the first one first. The channel ends behind `run_ended`;
/// a lost connection is a last item that says so.
pub type Events = Receiver<Result<WireEvent, Trouble>>;

/// An open door.
#[derive(Clone)]
pub struct Door {
    home: Arc<Home>,
    user: String,
}

/// How many events wait for a slow reader.
const EVENTS: usize = 256;

impl Door {
    /// Opens the door of the book in that directory.
    ///
    /// # Errors
    /// A sentence when the data directory cannot be used or its owner does not answer.
    pub async fn open(settings: &Settings, book: &Path, purpose: Purpose) -> Result<Self, Trouble> {
        let home = Arc::new(Home::open(settings, book, purpose).await?);
        let (duty, weak) = (home.duty(), Arc::downgrade(&home));
        tokio::spawn(async move {
            duty.asked_for_room().await;
            // Once is enough: who has made room follows from then on.
            if let Some(home) = weak.upgrade() {
                home.make_room().await;
            }
        });
        Ok(Self { home, user: settings.user.clone() })
    }

    /// Gives up what this process owns. What it drives and has not ended goes on under an owner that lasts.
    pub async fn close(self) {
        if self.drives_any().await
            && let Err(trouble) = self.home.leave().await
        {
            output::aside(&trouble.to_string());
        }
        self.home.close().await;
    }

    /// Where what is kept of runs is.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.home.data()
    }

    /// Whether this process is the owner.
    #[must_use]
    pub fn owns(&self) -> bool {
        self.home.owns()
    }

    /// Whether this process drives a run that has not ended.
    async fn drives_any(&self) -> bool {
        match self.home.way() {
            Way::Here(desk) if self.home.owns() => desk.drives_any().await,
            Way::Here(_) | Way::There(_) => false,
        }
    }

    fn actor(&self) -> Actor {
        Actor { id: self.user.clone(), via: Via::Cli, role: Role::Admin }
    }

    /// Starts a run. It goes on when this returns; nothing of it is lost when nobody listens.
    ///
    /// # Errors
    /// Why it was not started.
    pub async fn start(&self, request: StartRequest) -> Result<StartReply, Trouble> {
        // An owner may begin it and die before it says so: who is asked next finds it by this.
        let run = request.run.clone().unwrap_or_else(|| clock::new_run(clock::now()).to_string());
        let request = StartRequest { run: Some(run), ..request };
        asked!(self, desk => desk.start(self.actor(), request.clone()).await, client => client.start(&request).await)
    }

    /// Runs again what failed in a run.
    ///
    /// # Errors
    /// Why it was not started.
    pub async fn retry(&self, request: RetryRequest) -> Result<StartReply, Trouble> {
        // As for one that repeats nothing.
        let new = request.new.clone().unwrap_or_else(|| clock::new_run(clock::now()).to_string());
        let request = RetryRequest { new: Some(new), ..request };
        asked!(self, desk => desk.retry(self.actor(), &request).await, client => client.retry(&request).await)
    }

    /// Everything that happened in a run and everything that will; where there is no such run, that.
    pub fn events(&self, run: &str) -> Events {
        let (sender, events) = channel(EVENTS);
        let (door, run) = (self.clone(), run.to_owned());
        tokio::spawn(async move { door.pass_on(&run, &sender).await });
        events
    }

    /// Passes events on, over any number of owners, until the run has ended or nobody listens.
    async fn pass_on(&self, run: &str, to: &Sender<Result<WireEvent, Trouble>>) {
        let mut seen = 0;
        loop {
            let way = self.home.way();
            let there = matches!(way, Way::There(_));
            let passed = match way {
                Way::Here(desk) => match desk.events(run, seen).await {
                    Ok(mut events) => pass_all(&mut events, &mut seen, to).await,
                    Err(problem) => Passed::Trouble(problem.into()),
                },
                Way::There(client) => match client.events(run, seen).await {
                    Ok(events) => pass_there(events, &mut seen, to).await,
                    Err(trouble) if trouble.is_lost() => Passed::Lost,
                    Err(trouble) => Passed::Trouble(trouble),
                },
            };
            let trouble = match passed {
                Passed::All => return,
                Passed::Trouble(trouble) => trouble,
                Passed::Lost if there || self.home.handed() => match self.home.again().await {
                    Ok(()) => continue,
                    Err(trouble) => trouble,
                },
                Passed::Lost => match self.home.way() {
                    Way::Here(desk) if desk.run(run).is_err_and(|problem| problem.kind == "quarantined") => {
                        said(desk.run(run)).err().unwrap_or(Trouble::ReaderGone)
                    }
                    Way::Here(desk) if desk.is_driven_on(run).is_err() => {
                        said(desk.is_driven_on(run)).err().unwrap_or(Trouble::ReaderGone)
                    }
                    Way::Here(_) | Way::There(_) => {
                        let why = self.home.broken().unwrap_or_else(|| "nobody drives it right now".into());
                        Trouble::new(why).help("`stepladder drive` goes on with it")
                    }
                },
            };
            let _ = to.send(Err(trouble)).await;
            return;
        }
    }

    /// Asks for the end of a run.
    ///
    /// # Errors
    /// When there is no such run or it has ended.
    pub async fn cancel(&self, request: CancelRequest) -> Result<(), Trouble> {
        asked!(self, desk => desk.cancel(self.actor(), &request), client => client.cancel(&request).await)
    }

    /// Answers a question that a step waits for.
    ///
    /// # Errors
    /// When nothing waits there.
    pub async fn answer(&self, request: AnswerRequest) -> Result<(), Trouble> {
        asked!(self, desk => desk.answer(self.actor(), &request), client => client.answer(&request).await)
    }

    /// What waits for the yes of people, in all runs or in one.
    ///
    /// # Errors
    /// When the store or the book cannot be read.
    pub async fn approvals(&self, run: Option<&str>) -> Result<Vec<ApprovalRow>, Trouble> {
        asked!(self, desk => desk.approvals(&self.actor(), run), client => client.approvals(run).await)
    }

    /// Approves or rejects; durable when this returns.
    ///
    /// # Errors
    /// When nothing waits there, or it does not count.
    pub async fn vote(&self, request: VoteRequest) -> Result<VoteReply, Trouble> {
        asked!(self, desk => desk.vote(self.actor(), request.clone()).await, client => client.vote(&request).await)
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn runs(&self, request: RunsRequest) -> Result<Vec<RunRow>, Trouble> {
        asked!(self, desk => desk.runs(request.clone()), client => client.runs(&request).await)
    }

    /// What became of an instant: the rows of the ledger that have it, or those next to it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn why(&self, request: WhyRequest) -> Result<Vec<LedgerRow>, Trouble> {
        asked!(self, desk => desk.why(&request), client => client.why(&request).await)
    }

    /// One run in full, by its whole id.
    ///
    /// # Errors
    /// When there is no such run or the store cannot be read.
    pub async fn run(&self, run: &str) -> Result<RunDetail, Trouble> {
        asked!(self, desk => desk.run(run), client => client.run(run).await)
    }

    /// The plan that a finished dry run makes.
    ///
    /// # Errors
    /// When none can be made of it.
    pub async fn plan(&self, run: &str) -> Result<Value, Trouble> {
        asked!(self, desk => desk.plan(run), client => client.plan(run).await)
    }

    /// The whole id of the run that begins or ends with `text`, or of the newest for `last`.
    ///
    /// # Errors
    /// When none fits, or several do.
    pub async fn find(&self, text: &str) -> Result<String, Trouble> {
        asked!(self, desk => desk.find(text), client => client.find(text).await)
    }

    /// What an attempt printed on one stream; an empty stretch where nothing is kept.
    ///
    /// # Errors
    /// When there is no such run or the output cannot be read.
    pub async fn output(&self, request: OutputRequest) -> Result<OutputChunk, Trouble> {
        asked!(self, desk => desk.output(&request), client => client.output(&request).await)
    }

    /// Lets a run go on without this process: nothing to do where another process owns it.
    ///
    /// # Errors
    /// When nobody could be found to drive it.
    pub async fn leave(&self, run: &str) -> Result<(), Trouble> {
        tracing::debug!(run, "the run is left to another owner");
        self.home.leave().await
    }
}

/// How passing events on ended.
enum Passed {
    /// The run has ended and all of it was passed on, or nobody listens any more.
    All,
    /// There is nothing to pass on.
    Trouble(Trouble),
    /// Whoever drove the run is gone.
    Lost,
}

async fn pass_all(events: &mut api::Events, seen: &mut u64, to: &Sender<Result<WireEvent, Trouble>>) -> Passed {
    while let Some(event) = events.recv().await {
        if pass(event, seen, to).await {
            return Passed::All;
        }
    }
    Passed::Lost
}

async fn pass_there(mut events: Events, seen: &mut u64, to: &Sender<Result<WireEvent, Trouble>>) -> Passed {
    while let Some(Ok(event)) = events.recv().await {
        if pass(event, seen, to).await {
            return Passed::All;
        }
    }
    Passed::Lost
}

/// Passes one event on, once; true = that was the last, or nobody listens.
async fn pass(event: WireEvent, seen: &mut u64, to: &Sender<Result<WireEvent, Trouble>>) -> bool {
    if event.seq <= *seen {
        return false;
    }
    *seen = event.seq;
    let last = matches!(event.what, What::RunEnded { .. });
    to.send(Ok(event)).await.is_err() || last
}

fn said<T>(result: Result<T, Problem>) -> Result<T, Trouble> {
    result.map_err(Trouble::from)
}
