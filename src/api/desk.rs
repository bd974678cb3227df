//! Every use case in the shapes that are sent: the one desk behind the socket's routes and, within the
//! owner's process, the command line itself. So both answer alike.

mod access;
mod approvals;
mod duty;
mod incidents;
mod intake;
mod measures;
mod people;
mod schedules;
mod watched;

pub(in crate::api) use incidents::VERBS;

use crate::api::present;
use crate::api::wire::{
    AnswerRequest, CancelMode, CancelRequest, Carried, CarryRequest, Checkup, LedgerRow, Outline, OutputChunk,
    OutputRequest, Problem, RetryRequest, RunDetail, RunRow, RunsRequest, StartReply, StartRequest, What, WhyRequest,
    WireEvent,
};
use crate::base::actor::Actor;
use crate::base::ids::RunId;
use crate::base::limits::{MAX_BEHIND, MAX_ROWS};
use crate::base::value::Value;
use crate::engine::event::Recorded;
use crate::model::runbook::Runbook;
use crate::runtime::pump::Feed;
use crate::service::{RUNNING, Runs, Service, Trouble};
use std::path::Path;
use std::sync::Arc;

/// Events of a run, the first one first. Ends behind `run_ended`; an earlier end is the owner's, or
/// the reader was too slow.
pub struct Events {
    past: std::vec::IntoIter<(u64, Recorded)>,
    feed: Option<Feed>,
    seen: u64,
}

/// The service, spoken to in wire shapes. A copy costs nothing: every route has one.
#[derive(Clone)]
pub struct Desk {
    service: Arc<Service>,
}

impl Desk {
    /// A desk before that service.
    #[must_use]
    pub fn new(service: Service) -> Self {
        Self { service: Arc::new(service) }
    }

    /// Starts a run.
    ///
    /// # Errors
    /// Why it was not started.
    pub async fn start(&self, actor: Actor, asked: StartRequest) -> Result<StartReply, Problem> {
        let started = self.service.start(present::start(asked, actor)).await.map_err(told)?;
        Ok(reply(started.0, &started.1))
    }

    /// Runs again what failed in a run.
    ///
    /// # Errors
    /// Why it was not started.
    pub async fn retry(&self, actor: Actor, asked: &RetryRequest) -> Result<StartReply, Problem> {
        let started = self
            .service
            .retry(run_id(&asked.run)?, asked.new.as_deref().map(run_id).transpose()?, actor)
            .await
            .map_err(told)?;
        Ok(reply(started.0, &started.1))
    }

    /// Asks for the end of a run.
    ///
    /// # Errors
    /// When there is no such run, it has ended, or the actor may not.
    pub fn cancel(&self, actor: Actor, asked: &CancelRequest) -> Result<(), Problem> {
        let run = run_id(&asked.run)?;
        match asked.mode {
            CancelMode::Gentle => self.service.cancel(run, actor, &asked.reason).map_err(told),
            CancelMode::Now => {
                self.service.cancel(run, actor.clone(), &asked.reason).map_err(told)?;
                self.service.kill(run, &actor).map_err(told)
            }
        }
    }

    /// Answers a question that a step waits with.
    ///
    /// # Errors
    /// As [`Self::cancel`].
    pub fn answer(&self, actor: Actor, asked: &AnswerRequest) -> Result<(), Problem> {
        let (run, place, answer) = present::answer(asked).map_err(told)?;
        self.service.answer(run, &place, actor, answer).map_err(told)
    }

    /// Whether this process drives a run that has not ended, or an incident that climbs.
    pub async fn drives_any(&self) -> bool {
        let wanted = Runs { dry: true, limit: MAX_ROWS, outcome: vec![RUNNING.into()], ..Runs::default() };
        if self.service.has_incidents() {
            return true;
        }
        for row in self.service.runs(&wanted).unwrap_or_default() {
            // One that was set aside is in the list for good, and nobody drives it.
            if self.service.drives(row.run).await {
                return true;
            }
        }
        false
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn runs(&self, asked: RunsRequest) -> Result<Vec<RunRow>, Problem> {
        let asked = RunsRequest { limit: asked.limit.clamp(1, u32::try_from(MAX_ROWS).unwrap_or(u32::MAX)), ..asked };
        let rows = self.service.runs(&present::runs(asked).map_err(told)?).map_err(told)?;
        Ok(rows.into_iter().map(present::row).collect())
    }

    /// What became of an instant: the rows of the ledger that have it, or those next to it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn why(&self, asked: &WhyRequest) -> Result<Vec<LedgerRow>, Problem> {
        let rows = self.service.why(&asked.runbook, asked.at).map_err(told)?;
        Ok(rows.into_iter().map(present::ledger_row).collect())
    }

    /// One run in full.
    ///
    /// # Errors
    /// When there is no such run or the store cannot be read.
    pub fn run(&self, run: &str) -> Result<RunDetail, Problem> {
        present::detail(&self.service, run_id(run)?).map_err(told)
    }

    /// That a run was not set aside.
    ///
    /// # Errors
    /// Why it was.
    pub fn is_driven_on(&self, run: &str) -> Result<(), Problem> {
        self.service.is_driven_on(run_id(run)?).map_err(told)
    }

    /// The plan that a finished dry run makes.
    ///
    /// # Errors
    /// When there is no such run, or none that a plan can be made of.
    pub fn plan(&self, run: &str) -> Result<Value, Problem> {
        self.service.plan(run_id(run)?).map_err(told)
    }

    /// The whole id of the run that begins or ends with `text`, or of the newest for `last`.
    ///
    /// # Errors
    /// When none fits, or several do.
    pub fn find(&self, text: &str) -> Result<String, Problem> {
        self.service.find_run(text).map(|run| run.to_string()).map_err(told)
    }

    /// Events of a run behind number `from`, and those to come.
    ///
    /// # Errors
    /// When there is no such run or the store cannot be read.
    pub async fn events(&self, run: &str, from: u64) -> Result<Events, Problem> {
        let follow = self.service.follow(run_id(run)?, from).await.map_err(told)?;
        Ok(Events { past: follow.past.into_iter(), feed: follow.feed, seen: from })
    }

    /// Examines the data directory, or mends it.
    ///
    /// # Errors
    /// When it can't be read, or is to be mended while somebody drives its runs.
    pub fn doctor(&self, actor: &Actor, repair: bool) -> Result<Checkup, Problem> {
        self.service.doctor(actor, repair).map(present::checkup).map_err(told)
    }

    /// Writes an archive of everything.
    ///
    /// # Errors
    /// When it can't be read or written.
    pub fn export(&self, actor: &Actor, asked: &CarryRequest) -> Result<Carried, Problem> {
        let (counts, unread) = self.service.export(actor, Path::new(&asked.to)).map_err(told)?;
        Ok(Carried { events: counts.events, blobs: counts.blobs, unread, ..Carried::default() })
    }

    /// Takes an archive into an empty data directory; says, too, whether that is held then.
    ///
    /// # Errors
    /// With the line that is not what was written.
    pub fn import(&self, actor: &Actor, from: &Path) -> Result<(Carried, bool), Problem> {
        let (counts, held) = self.service.import(actor, from).map_err(told)?;
        Ok((Carried { events: counts.events, blobs: counts.blobs, ..Carried::default() }, held))
    }

    /// Copies the data directory.
    ///
    /// # Errors
    /// When it can't be read or written.
    pub fn backup(&self, actor: &Actor, asked: &CarryRequest) -> Result<Carried, Problem> {
        let copied = self.service.backup(actor, Path::new(&asked.to)).map_err(told)?;
        Ok(Carried { files: copied.files, bytes: copied.bytes, ..Carried::default() })
    }

    /// What an attempt printed on one stream.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn output(&self, asked: &OutputRequest) -> Result<OutputChunk, Problem> {
        present::output(&self.service, asked).map_err(told)
    }
}

impl Events {
    /// The next one.
    pub async fn recv(&mut self) -> Option<WireEvent> {
        if let Some((version, event)) = self.past.next() {
            self.seen = self.seen.max(version);
            return Some(WireEvent::new(version, &event));
        }
        loop {
            let feed = self.feed.as_mut()?;
            let (version, event) = feed.seen().await?;
            if feed.behind() > MAX_BEHIND {
                self.feed = None;
            } else if version > self.seen {
                self.seen = version;
                let event = WireEvent::new(version, &event);
                if matches!(event.what, What::RunEnded { .. }) {
                    self.feed = None;
                }
                return Some(event);
            }
        }
    }
}

fn reply(run: RunId, runbook: &Runbook) -> StartReply {
    StartReply { run: run.to_string(), outline: Outline::from(runbook) }
}

fn run_id(text: &str) -> Result<RunId, Problem> {
    RunId::parse(text).map_err(|_| told(Trouble::NoRun(text.into())))
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map_err` as it is")]
fn told(trouble: Trouble) -> Problem {
    present::problem(&trouble)
}
