//! What this owner is: whether it stays, since when it drives, and how another asks it to make room.

use crate::base::actor::Actor;
use crate::base::digest::Digest;
use crate::base::ids::RunId;
use crate::runtime::pump::Message;
use crate::service::{Service, Trouble};
use jiff::Timestamp;
use std::sync::{Mutex, PoisonError};
use tokio::sync::{Notify, mpsc, oneshot};

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
    /// The book whose schedules the clock has.
    armed: Mutex<Option<Digest>>,
}

impl Duty {
    /// The standing of a process that begins now.
    #[must_use]
    pub fn new(stay: Stay, since: Timestamp) -> Self {
        Self { stay, since, room: Notify::new(), armed: Mutex::default() }
    }

    /// Whether the clock has the schedules of that book.
    pub(super) fn has_armed(&self, book: Digest) -> bool {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) == Some(book)
    }

    /// The clock has the schedules of that book.
    pub(super) fn armed(&self, book: Digest) {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = Some(book);
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
        self.admin(actor, "take over")?;
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
        let (feed, _unheard) = mpsc::unbounded_channel();
        let (held, answer) = oneshot::channel();
        let nobody = RunId::new(0, 0);
        pump.send(Message::Follow { run: nobody, feed, held }).is_ok() && answer.await.is_ok()
    }
}
