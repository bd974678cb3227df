//! Schedules: the clock is handed what the book asks for, whenever the book has changed.

use crate::model::book::Book;
use crate::model::runbook::Runbook;
use crate::runtime::pump::Message;
use crate::runtime::schedules::Armed;
use crate::service::{Service, Trouble};
use std::sync::Arc;
use tokio::sync::oneshot;

impl Service {
    /// Hands the thread that drives the runs every schedule of the book as it counts now, unless it has them. Only a daemon
    /// has a clock: whoever drives a run and ends starts nothing by itself.
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
        for trigger in unobeyed(&book) {
            tracing::warn!(trigger, "this release starts nothing by this trigger");
        }
        let armed = Armed::all(&book, digest, &self.env);
        let count = armed.len();
        let (told, answer) = oneshot::channel();
        self.send(Message::Arm { armed, told })?;
        answer.await.map_err(|_| Trouble::Stopped("the owner has stopped".into()))?;
        duty.armed(digest);
        tracing::info!(count, "the schedules of the book are armed");
        Ok(())
    }
}

/// The triggers that nothing comes of: `deploy: webhook`.
pub(super) fn unobeyed(book: &Book) -> Vec<String> {
    let of = |runbook: &Arc<Runbook>| {
        let left: Vec<_> = runbook.triggers.iter().filter(|trigger| !trigger.kind.is_obeyed()).collect();
        left.into_iter().map(|trigger| format!("{}: {}", runbook.name, trigger.kind.word())).collect::<Vec<_>>()
    };
    book.runbooks.values().flat_map(of).collect()
}
