//! Triggers: the thread that drives the runs is handed what the book asks for, whenever the book has changed.

use crate::runtime::incidents::live::Live;
use crate::runtime::pump::{About, Message};
use crate::runtime::schedules::Armed;
use crate::service::{Service, Trouble};
use std::sync::Arc;
use tokio::sync::oneshot;

impl Service {
    /// Hands the thread that drives the runs every trigger of the book as it counts now, unless it has them. Only a daemon
    /// obeys them: whoever drives a run and ends starts nothing by itself.
    ///
    /// # Errors
    /// [`Trouble::Store`] when the pinned book can't be read; [`Trouble::Stopped`].
    pub async fn arm(&self) -> Result<(), Trouble> {
        let (Some(book), Some(duty)) = (&self.book, &self.duty) else { return Ok(()) };
        let Some(digest) = book.stand().digest else { return Ok(()) };
        if duty.has_armed(digest) {
            return Ok(());
        }
        let book =
            self.shelf.book(self.journal.as_ref(), &digest).map_err(|error| Trouble::Store(error.to_string()))?;
        self.send(Message::About(About::Book { live: Live { book: Arc::clone(&book), digest } }))?;
        let armed = Armed::all(&book, digest, &self.env);
        let callable: Vec<Armed> = armed.iter().filter(|armed| !armed.spec.is_timed()).cloned().collect();
        let (count, called) = (armed.len(), callable.len());
        let (told, answer) = oneshot::channel();
        self.send(Message::Arm { armed, told })?;
        answer.await.map_err(|_| Trouble::Stopped("the owner has stopped".into()))?;
        duty.armed(digest, callable);
        tracing::info!(count, called, "the triggers of the book are obeyed");
        Ok(())
    }
}
