//! The client's side for what did not run.

use crate::api::wire::{BackfillReply, BackfillRequest, Missing, MissingRequest};
use crate::cli::client::{Client, body, part};
use crate::cli::trouble::Trouble;
use hyper::Method;

impl Client {
    /// What did not run between two instants.
    ///
    /// # Errors
    /// As [`Self::runs`], or when there is no such runbook or trigger.
    pub async fn missing(&self, asked: &MissingRequest) -> Result<Missing, Trouble> {
        let (from, to) = (asked.from.to_string(), asked.to.to_string());
        let trigger = asked.trigger.as_ref().map(|trigger| format!("&trigger={}", part(trigger))).unwrap_or_default();
        let path =
            format!("/schedules/{}/missing?from={}&to={}{trigger}", part(&asked.runbook), part(&from), part(&to));
        self.ask(Method::GET, &path, Vec::new()).await
    }

    /// Starts the run of an instant that did not run.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn backfill(&self, runbook: &str, asked: &BackfillRequest) -> Result<BackfillReply, Trouble> {
        self.ask(Method::POST, &format!("/schedules/{}/backfill", part(runbook)), body(asked)).await
    }
}
