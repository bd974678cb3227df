//! The door's side for what did not run.

use crate::api::wire::{BackfillReply, BackfillRequest, Missing, MissingRequest};
use crate::cli::door::home::Way;
use crate::cli::door::{Door, said};
use crate::cli::trouble::Trouble;

impl Door {
    /// What did not run between two instants.
    ///
    /// # Errors
    /// When there is no such runbook or trigger, or the store can't be read.
    pub async fn missing(&self, asked: &MissingRequest) -> Result<Missing, Trouble> {
        asked!(self, desk => desk.missing(asked), client => client.missing(asked).await)
    }

    /// Starts the run of an instant that did not run. Asked again after an owner was lost, it finds the run that one began.
    ///
    /// # Errors
    /// Why it was not started.
    pub async fn backfill(&self, runbook: &str, asked: &BackfillRequest) -> Result<BackfillReply, Trouble> {
        asked!(self, desk => desk.backfill(&self.actor(), runbook, asked).await,
            client => client.backfill(runbook, asked).await)
    }
}
