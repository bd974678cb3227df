//! The door's side for the ways to people.

use crate::api::wire::{DrillReply, DrillRequest, ReachReport};
use crate::cli::door::home::Way;
use crate::cli::door::{Door, said};
use crate::cli::trouble::Trouble;

impl Door {
    /// Who can be reached, and by what.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn reach(&self) -> Result<ReachReport, Trouble> {
        asked!(self, desk => desk.reach(), client => client.reach().await)
    }

    /// Holds a drill now.
    ///
    /// # Errors
    /// Why it was not held.
    pub async fn hold_drill(&self, asked: &DrillRequest) -> Result<DrillReply, Trouble> {
        asked!(self, desk => desk.hold_drill(self.actor(), asked).await, client => client.hold_drill(asked).await)
    }
}
