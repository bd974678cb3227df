//! The desk's side for schedules.

use crate::api::desk::{Desk, told};
use crate::api::present;
use crate::api::wire::{
    BackfillReply, BackfillRequest, Missing, MissingRequest, MissingRow, PauseRequest, Paused, Problem, ScheduleRow,
};
use crate::base::actor::Actor;
use crate::schedule::event::Instant;
use crate::schedule::key::ScheduleId;
use crate::schedule::nominal::Nominal;
use crate::service::{self, Trouble};

impl Desk {
    /// Every schedule of the book.
    ///
    /// # Errors
    /// When the book or the store can't be read.
    pub fn schedules(&self) -> Result<Vec<ScheduleRow>, Problem> {
        Ok(self.service.schedules().map_err(told)?.into_iter().map(present::schedule).collect())
    }

    /// Pauses the schedules of a runbook, or one of them.
    ///
    /// # Errors
    /// When there is none, no daemon serves the book, or the actor may not.
    pub async fn pause(&self, actor: &Actor, runbook: &str, asked: &PauseRequest) -> Result<Paused, Problem> {
        let done = self.service.pause(actor, runbook, asked.trigger.as_deref(), &asked.reason).await;
        done.map(paused).map_err(told)
    }

    /// Goes on with them.
    ///
    /// # Errors
    /// As [`Self::pause`].
    pub async fn resume(&self, actor: &Actor, runbook: &str, asked: &PauseRequest) -> Result<Paused, Problem> {
        self.service.resume(actor, runbook, asked.trigger.as_deref()).await.map(paused).map_err(told)
    }

    /// What did not run between two instants.
    ///
    /// # Errors
    /// When there is no such runbook or trigger, or the ledger can't be read.
    pub fn missing(&self, asked: &MissingRequest) -> Result<Missing, Problem> {
        let MissingRequest { runbook, trigger, from, to } = asked;
        let found = self.service.missing(runbook, trigger.as_deref(), *from, *to).map_err(told)?;
        let service::Missing { rows, more, ran, waiting, left_out } = found;
        let row = |row: service::MissingRow| MissingRow {
            trigger: row.id.trigger.to_string(),
            nominal: row.nominal.to_string(),
            due: row.due,
            fate: row.fate,
        };
        Ok(Missing { rows: rows.into_iter().map(row).collect(), more, ran, waiting, left_out })
    }

    /// Starts the run of an instant that did not run.
    ///
    /// # Errors
    /// When it would not have started, is still to come, or the actor may not.
    pub async fn backfill(
        &self,
        actor: &Actor,
        runbook: &str,
        asked: &BackfillRequest,
    ) -> Result<BackfillReply, Problem> {
        let unread = || told(Trouble::Input(format!("`{}` is no name of a due instant", asked.nominal)));
        let due = Instant { nominal: Nominal::parse(&asked.nominal).ok_or_else(unread)?, at: asked.due };
        let (run, started) = self.service.backfill(actor, runbook, &asked.trigger, due).await.map_err(told)?;
        Ok(BackfillReply { run: run.map(|run| run.to_string()), started })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map` as it is")]
fn paused(ids: Vec<ScheduleId>) -> Paused {
    Paused { triggers: ids.iter().map(|id| id.trigger.to_string()).collect() }
}
