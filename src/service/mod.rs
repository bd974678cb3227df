//! Use cases in plain data: start, plan, cancel, answer, follow, list, show, output.
//!
//! Everything that any door (command line, socket, API) can ask goes through here, with an
//! `Actor` whose right is checked here and nowhere else (invariant 16).
//! Knows no HTTP, no terminal.

mod access;
mod acts;
mod alarms;
mod alerts;
mod answer;
mod approve;
mod archive;
mod arm;
mod audit;
mod backfill;
pub mod calendar;
mod consent;
mod doctor;
mod drills;
mod duty;
mod files;
mod folded;
mod health;
mod history;
mod incidents;
mod intake;
mod kept;
mod last_words;
mod ledger;
mod measures;
mod mend;
mod once;
mod overdue;
mod past;
mod plan;
mod reach;
mod replies;
mod schedules;
mod select;
mod silences;
pub mod simulate;
mod start;
mod statistics;
mod status;
pub mod trial;
mod trouble;
mod watcher;

pub use access::{Access, Token};
pub use acts::Act;
pub use alarms::OWN;
pub use alerts::Alerts;
pub use approve::{Awaited, Polled, Wish};
pub use backfill::{Missing, MissingRow};
pub use doctor::{Checkup, Grade, Symptom};
pub use drills::{DrillOffer, Held};
pub use duty::{Duty, Stay};
pub use files::Looks;
pub use health::{Finding, Health};
pub use history::{Follow, Output, RUNNING, RunRow, RunState, Runs, Stream};
pub use incidents::verb_label;
pub use incidents::{IncidentView, OpenIncident};
pub use intake::Delivered;
pub use measures::{Latest, Measured};
pub use once::{Claim, Claimed, Keyed, Once};
pub use past::{PastAsked, PastSeries, Step};
pub use reach::{Person, Reach, Reaching};
pub use replies::{Offer, Offered, Posted};
pub use schedules::ScheduleRow;
pub use start::StartRun;
pub use statistics::Counted;
pub use status::{Broken, Gauges, Standing, Status, Unfinished};
pub use trouble::Trouble;
pub use watcher::Watched;

use crate::act::{Secrets, World};
use crate::base::actor::Actor;
use crate::base::ids::RunId;
use crate::engine::decide::Input;
use crate::engine::run::Run;
use crate::lang::Loaded;
use crate::lang::set::Setting;
use crate::model::runbook::Runbook;
use crate::runtime::accepted::Accepted;
use crate::runtime::incidents::board::Board;
use crate::runtime::pager::Pager;
use crate::runtime::pump::{Message, Post};
use crate::runtime::recover;
use crate::runtime::shelf::{BUNDLE, Shelf, Texts};
use crate::runtime::tally::Tally;
use crate::service::trouble::may;
use crate::store::Journal;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// How the incidents that a process drives stand.
#[derive(Debug, Clone)]
pub struct Paging {
    /// What is durable of each.
    pub board: Arc<Board>,
    /// Messages on their way.
    pub pager: Pager,
}

/// The book as its files are now.
#[derive(Debug, Clone)]
pub struct BookNow {
    /// Names and texts.
    pub texts: Texts,
    /// What came of them.
    pub loaded: Arc<Loaded>,
}

/// Reads the files of the book as they are now, or says in a sentence why not.
pub type Files = Arc<dyn Fn() -> Result<BookNow, String> + Send + Sync>;

/// The doors' one way in.
#[derive(Clone)]
pub struct Service {
    /// The journal of the data directory.
    pub journal: Arc<dyn Journal>,
    /// Pinned books.
    pub shelf: Arc<Shelf>,
    /// The pump, where this process drives runs; `None` = it only looks.
    pub pump: Option<Post>,
    /// The book's files.
    pub files: Files,
    /// The environment that runbooks may list names of.
    pub env: BTreeMap<String, String>,
    /// `stepladder.yaml` as it was when this process began.
    pub settings_text: Arc<str>,
    /// What this process goes by beside it: flags and variables.
    pub own: Arc<Vec<Setting>>,
    /// Where the secrets of the book are.
    pub secrets: Arc<Secrets>,
    /// What is durable of the incidents that this process drives, and their messages on their way.
    pub paging: Option<Paging>,
    /// The place from which messages are sent, and to which answers to them come.
    pub world: Arc<World>,
    /// The data directory.
    pub data: PathBuf,
    /// This node.
    pub node: String,
    /// What this process is, where it drives runs.
    pub duty: Option<Arc<Duty>>,
    /// What is counted where runs are driven.
    pub tally: Arc<Tally>,
    /// The idempotency keys, as they were read last.
    pub once: Arc<Once>,
    /// The tokens, as they were read last.
    pub access: Arc<Access>,
    /// The alerts of other systems, as they are known.
    pub alerts: Arc<Alerts>,
    /// What was read of the ways to people.
    pub reaching: Arc<Reaching>,
    /// The book as a daemon has it; elsewhere each start reads the files.
    pub book: Option<Arc<Accepted>>,
}

impl Service {
    /// Asks for the end of a run: undo and `finally` still run.
    ///
    /// # Errors
    /// [`Trouble`] when there is no such run, it has ended, or the actor may not.
    pub fn cancel(&self, run: RunId, actor: Actor, reason: &str) -> Result<(), Trouble> {
        let (runbook, state) = self.unfinished(run)?;
        may(&actor, runbook.allow.cancel, "cancel", state.started.runbook.as_str())?;
        self.send(Message::Input { run, input: Input::Cancel { actor, reason: reason.into() } })
    }

    /// Kills what still runs of a run that is being cancelled, without grace.
    ///
    /// # Errors
    /// As [`Self::cancel`].
    pub fn kill(&self, run: RunId, actor: &Actor) -> Result<(), Trouble> {
        let (runbook, state) = self.unfinished(run)?;
        may(actor, runbook.allow.cancel, "cancel", state.started.runbook.as_str())?;
        self.send(Message::Kill { run })
    }

    fn send(&self, message: Message) -> Result<(), Trouble> {
        let pump = self.pump.as_ref().ok_or(Trouble::NoOwner)?;
        pump.send(message).map_err(|_| Trouble::Stopped("the owner has stopped".into()))
    }

    /// A run as its events add up to.
    ///
    /// # Errors
    /// [`Trouble`] when there is none, or it does not read.
    pub fn run(&self, run: RunId) -> Result<Run, Trouble> {
        recover::read_run(self.journal.as_ref(), run)
            .map_err(|why| Trouble::Quarantined { run: run.to_string(), why })?
            .ok_or_else(|| Trouble::NoRun(run.to_string()))
    }

    /// The runbook a run is pinned to.
    ///
    /// # Errors
    /// [`Trouble`] when its texts are gone or this binary refuses them.
    pub fn pinned(&self, run: &Run) -> Result<Arc<Runbook>, Trouble> {
        let digest =
            run.started.texts.get(BUNDLE).ok_or_else(|| Trouble::Store("the run is pinned to no texts".into()))?;
        let book = self.shelf.book(self.journal.as_ref(), digest).map_err(|error| Trouble::Store(error.to_string()))?;
        let name = &run.started.runbook;
        let found = book.runbooks.get(name).cloned();
        found.ok_or_else(|| {
            Trouble::Store(format!(
                "the text of `{name}` that this run is pinned to does not pass this binary's checks"
            ))
        })
    }

    fn unfinished(&self, run: RunId) -> Result<(Arc<Runbook>, Run), Trouble> {
        let state = self.run(run)?;
        if let Some(ended) = state.ended() {
            return Err(Trouble::Ended { run: run.to_string(), outcome: ended.outcome.to_string() });
        }
        self.is_driven_on(run)?;
        Ok((self.pinned(&state)?, state))
    }
}
