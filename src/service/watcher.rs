//! The watcher outside (`dead_man`): called as long as somebody comes back to everything (invariant 17), and not otherwise.
//!
//! A daemon that is there and does not work is worse than none: whoever waits for the calls has to miss them then.

use crate::act::{Secrets, World, channel};
use crate::runtime::clock;
use crate::runtime::pump::{Message, Proof};
use crate::service::Service;
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long the thread that drives the runs may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How old its last proof may be: it makes one each minute.
const FRESH: SignedDuration = SignedDuration::from_secs(150);
/// The shortest time between two calls, whatever the settings say.
const LEAST: Duration = Duration::from_secs(1);

/// What became of one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// The settings name no watcher.
    Nobody,
    /// It was called.
    Called,
    /// It was not reached, and why.
    Unreached(String),
    /// It was not called, because something is wrong here.
    Withheld(String),
}

impl Service {
    /// Calls the watcher of the settings as they are now, where all is well; returns what became of it, and when the next
    /// call is due where there is a watcher.
    pub async fn call_watcher(&self) -> (Watched, Option<Duration>) {
        let settings = match self.current_book() {
            Ok(book) => Arc::new(book.settings.clone()),
            Err(_) => Arc::clone(&self.world.settings),
        };
        let Some(dead_man) = &settings.dead_man else { return (Watched::Nobody, None) };
        let every = Duration::from_millis(dead_man.every.millis()).max(LEAST);
        let watched = if let Err(why) = self.is_well().await {
            Watched::Withheld(why)
        } else {
            let sources = settings.secrets.clone();
            let secrets = Secrets { sources, ..(*self.world.secrets).clone() }.into();
            let world =
                World { now: clock::now(), settings: Arc::clone(&settings), secrets, ..World::clone(&self.world) };
            match channel::call_watcher(&dead_man.url, &world).await {
                Ok(()) => Watched::Called,
                Err(why) => Watched::Unreached(why),
            }
        };
        self.tally.watched(match &watched {
            Watched::Nobody => "nobody",
            Watched::Called => "called",
            Watched::Unreached(_) => "unreached",
            Watched::Withheld(_) => "withheld",
        });
        (watched, Some(every))
    }

    /// Whether somebody comes back to everything, as far as the thread that drives the runs can prove it.
    async fn is_well(&self) -> Result<(), String> {
        let gone = || "the thread that drives the runs does not answer".to_owned();
        let (told, proof) = oneshot::channel();
        let pump = self.pump.as_ref().ok_or_else(gone)?;
        pump.send(Message::Prove(told)).map_err(|_| gone())?;
        let Proof { at, failing } = timeout(PATIENCE, proof).await.map_err(|_| gone())?.map_err(|_| gone())?;
        if let Some(why) = failing.first() {
            return Err(format!("nobody comes back to everything: {why}"));
        }
        let age = at.map(|at| clock::now().duration_since(at));
        match age {
            Some(age) if age <= FRESH => Ok(()),
            Some(_) | None => Err("nothing has been proved for too long".to_owned()),
        }
    }
}
