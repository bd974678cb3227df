//! The desk's side for the owner itself.

use crate::api::desk::{Desk, told};
use crate::api::wire::Problem;
use crate::base::actor::Actor;

impl Desk {
    /// Asks the owner to let another one drive its runs.
    ///
    /// # Errors
    /// When it lasts itself, or the actor may not.
    pub fn make_room(&self, actor: &Actor) -> Result<(), Problem> {
        self.service.make_room(actor).map_err(told)
    }

    /// Whether the thread that drives the runs answers.
    pub async fn beats(&self) -> bool {
        self.service.beats().await
    }
}
