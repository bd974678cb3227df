//! The client's side for the ways to people.

use crate::api::wire::{DrillReply, DrillRequest, ReachReport};
use crate::cli::client::{Client, body};
use crate::cli::trouble::Trouble;
use hyper::Method;

impl Client {
    /// Who can be reached, and by what.
    ///
    /// # Errors
    /// When the store can't be read or the owner does not answer.
    pub async fn reach(&self) -> Result<ReachReport, Trouble> {
        self.ask(Method::GET, "/contacts", Vec::new()).await
    }

    /// Holds a drill now.
    ///
    /// # Errors
    /// Why it was not held.
    pub async fn hold_drill(&self, asked: &DrillRequest) -> Result<DrillReply, Trouble> {
        self.ask(Method::POST, "/contacts/drill", body(asked)).await
    }
}
