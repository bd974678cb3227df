//! The desk's side for the ways to people.

use crate::api::desk::{Desk, told};
use crate::api::present;
use crate::api::wire::{DrillReply, DrillRequest, Fault, Problem, ReachReport};
use crate::base::actor::Actor;
use crate::base::ids::Name;
use crate::service::Trouble;
use std::sync::Arc;
use std::time::Duration;

impl Desk {
    /// Who can be reached, and by what.
    ///
    /// # Errors
    /// When the book or the store can't be read.
    pub fn reach(&self) -> Result<ReachReport, Problem> {
        self.service.reach().map(present::reach).map_err(told)
    }

    /// Holds a drill now.
    ///
    /// # Errors
    /// When the actor may not, no daemon serves the book, or something in it is not right.
    pub async fn hold_drill(&self, actor: Actor, asked: &DrillRequest) -> Result<DrillReply, Problem> {
        let name = |text: &String| {
            let known = self.service.world.settings.channels.keys().find(|name| name.as_str() == text);
            let unknown = || Problem::new(Fault::Input, format!("`{text}` is no channel of stepladder.yaml"));
            known.cloned().or_else(|| Name::parse(text).ok()).ok_or_else(unknown)
        };
        let channels = asked.channels.iter().map(name).collect::<Result<Vec<_>, _>>()?;
        let held = self.service.hold_drill(actor, &asked.who, &channels).await.map_err(told)?;
        Ok(DrillReply { drill: held.drill.to_string(), pages: held.pages as u64 })
    }

    /// Returns once something became known of a way to somebody.
    pub async fn heard_of_ways(&self) {
        self.service.heard_of_ways().await;
    }

    /// Tells of runs that take or wait too long and of schedules that start nothing any more.
    ///
    /// # Errors
    /// When the book or the store can't be read.
    pub async fn look_at_overdue(&self) -> Result<(), Problem> {
        let service = Arc::clone(&self.service);
        let looked = tokio::task::spawn_blocking(move || service.look_at_overdue()).await;
        looked.unwrap_or_else(|error| Err(Trouble::Stopped(error.to_string()))).map_err(told)
    }

    /// Holds the drill that is due, and tells of people who can't be reached; how long to wait until the next look.
    ///
    /// # Errors
    /// When the book or the store can't be read.
    pub async fn look_at_drills(&self) -> Result<Duration, Problem> {
        self.service.look_at_drills().await.map_err(told)
    }
}
