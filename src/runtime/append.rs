//! A batch appended by who waits for it.

use crate::store::{AppendError, Batch, Journal};
use std::sync::mpsc::channel;

/// Appends, and returns when it is durable or was not taken.
///
/// # Errors
/// What the journal says.
pub fn append(journal: &dyn Journal, batch: Batch) -> Result<(), AppendError> {
    let (tell, told) = channel();
    journal.append(batch, Box::new(move |answer| drop(tell.send(answer))));
    told.recv().unwrap_or_else(|_| Err(AppendError::Broken("the writer is gone".into()))).map(drop)
}
