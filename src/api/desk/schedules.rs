//! The desk's side for schedules.

use crate::api::desk::{Desk, told};
use crate::api::present;
use crate::api::wire::{PauseRequest, Paused, Problem, ScheduleRow};
use crate::base::actor::Actor;
use crate::schedule::key::ScheduleId;

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
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map` as it is")]
fn paused(ids: Vec<ScheduleId>) -> Paused {
    Paused { triggers: ids.iter().map(|id| id.trigger.to_string()).collect() }
}
