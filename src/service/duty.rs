//! What this owner is: whether it stays, since when it drives, and how another asks it to make room.

use crate::base::actor::Actor;
use crate::base::digest::Digest;
use crate::base::ids::RunId;
use crate::runtime::pump::{Message, feed};
use crate::runtime::schedules::Armed;
use crate::service::trouble::admin;
use crate::service::{Service, Trouble};
use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, oneshot};

/// How long an owner stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stay {
    /// Until it is ended: a daemon.
    Lasting,
    /// Until its own run, or whatever is unfinished, has ended. It makes room for one that lasts.
    Passing,
}

/// One owner's standing.
#[derive(Debug)]
pub struct Duty {
    /// How long it stays.
    pub stay: Stay,
    /// Since when this process is here.
    pub since: Timestamp,
    room: Notify,
    /// The book whose triggers are obeyed, and those of them that can be called.
    armed: Mutex<Option<(Digest, Arc<Vec<Armed>>)>>,
}

impl Duty {
    /// The standing of a process that begins now.
    #[must_use]
    pub fn new(stay: Stay, since: Timestamp) -> Self {
        Self { stay, since, room: Notify::new(), armed: Mutex::default() }
    }

    /// Whether the triggers of that book are obeyed.
    pub(super) fn has_armed(&self, book: Digest) -> bool {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|(armed, _)| *armed == book)
    }

    /// The triggers of that book are obeyed; these of them can be called.
    pub(super) fn armed(&self, book: Digest, callable: Vec<Armed>) {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = Some((book, Arc::new(callable)));
    }

    /// The triggers that can be called; `None` = none is obeyed here.
    pub(super) fn callable(&self) -> Option<Arc<Vec<Armed>>> {
        let armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        armed.as_ref().map(|(_, callable)| Arc::clone(callable))
    }

    /// Returns when another process has asked this one to make room.
    pub async fn asked_for_room(&self) {
        self.room.notified().await;
    }
}

impl Service {
    /// Asks this owner to let another one, that lasts, drive its runs. It lets go a moment later.
    ///
    /// # Errors
    /// [`Trouble::Serving`] from an owner that lasts itself; [`Trouble::Forbidden`].
    pub fn make_room(&self, actor: &Actor) -> Result<(), Trouble> {
        admin(actor, "take over")?;
        let duty = self.duty.as_ref().ok_or(Trouble::NoOwner)?;
        match duty.stay {
            Stay::Lasting => Err(Trouble::Serving { process: std::process::id(), since: duty.since }),
            Stay::Passing => {
                tracing::info!(by = %actor.id, "another process takes over the runs");
                duty.room.notify_one();
                Ok(())
            }
        }
    }

    /// Whether the thread that drives the runs answers.
    pub async fn beats(&self) -> bool {
        let Some(pump) = &self.pump else { return false };
        let (follower, _unheard) = feed();
        let (held, answer) = oneshot::channel();
        let nobody = RunId::new(0, 0);
        pump.send(Message::Follow { run: nobody, follower, held }).is_ok() && answer.await.is_ok()
    }
}
