//! What a batch must fulfil before it is taken: the limits, then its guards in the order given.
//!
//! Knows batches and asks for heads and rows; never how either is kept, so that every journal
//! refuses the same things in the same words.

use crate::base::limits;
use crate::base::limits::MAX_STREAM_NAME;
use crate::base::span::show_size;
use crate::store::{AppendError, Batch, Forget, Guard, Row, StreamId, Version};

/// What a journal is asked while a batch is judged.
pub(crate) trait Held {
    /// The version of a stream, batches already taken in this group included.
    fn version(&self, stream: &StreamId) -> Result<Version, AppendError>;
    /// Whether the index has the row, batches already taken in this group included.
    fn has(&self, row: &Row) -> Result<bool, AppendError>;
    /// The epoch under which the journal is held.
    fn epoch(&self) -> u64;
}

/// What the journal writes for itself has names that begin so.
pub(crate) const OWN: &str = "store/";

/// Whether the batch may be taken now; says why not.
pub(crate) fn admit(batch: &Batch, held: &dyn Held) -> Result<(), AppendError> {
    check_limits(batch)?;
    for forget in &batch.forgets {
        if let Forget::Before(stream, ..) = forget
            && held.version(stream)? > 0
        {
            return Err(AppendError::Conflict(format!("stream `{stream}` has events already")));
        }
    }
    batch.guards.iter().try_for_each(|guard| check_guard(guard, held))
}

fn check_limits(batch: &Batch) -> Result<(), AppendError> {
    let mut total = 0;
    for forget in &batch.forgets {
        let Some(stream) = forget.stream() else { continue };
        check_name(stream)?;
        let whole = matches!(forget, Forget::Whole(_) | Forget::Damaged(_));
        if whole && batch.appends.iter().any(|(appended, _)| appended == stream) {
            return Err(AppendError::Refused(format!("stream `{stream}` is appended to and forgotten at once")));
        }
    }
    for (stream, payloads) in &batch.appends {
        check_name(stream)?;
        if payloads.is_empty() {
            return Err(AppendError::Refused(format!("no event for stream `{stream}`")));
        }
        for payload in payloads {
            total += payload.len();
            if payload.len() > limits::MAX_EVENT {
                return Err(too_large("an event", stream, payload.len(), limits::MAX_EVENT));
            }
        }
        total += stream.as_str().len();
        if total > limits::MAX_BATCH {
            return Err(too_large("a batch", stream, total, limits::MAX_BATCH));
        }
    }
    Ok(())
}

fn check_name(stream: &StreamId) -> Result<(), AppendError> {
    let name = stream.as_str();
    if name.is_empty() || name.len() > MAX_STREAM_NAME || name.starts_with(OWN) {
        return Err(AppendError::Refused(format!("`{stream}` is no name for a stream")));
    }
    Ok(())
}

fn too_large(what: &str, stream: &StreamId, is: usize, most: usize) -> AppendError {
    let (is, most) = (show_size(is as u64), show_size(most as u64));
    AppendError::Refused(format!(
        "{what} for stream `{stream}` has {is}, at most {most} are taken: keep large values as blobs"
    ))
}

fn check_guard(guard: &Guard, held: &dyn Held) -> Result<(), AppendError> {
    match guard {
        Guard::At(stream, want) => {
            let found = held.version(stream)?;
            if found == *want {
                Ok(())
            } else {
                Err(AppendError::Conflict(format!("stream `{stream}` is at version {found}, not {want}")))
            }
        }
        Guard::Absent(row) => {
            if held.has(row)? {
                Err(AppendError::Conflict(format!(
                    "`{}` already has the row `{}`",
                    row.tree,
                    String::from_utf8_lossy(&row.key)
                )))
            } else {
                Ok(())
            }
        }
        Guard::Lease(epoch) if *epoch == held.epoch() => Ok(()),
        Guard::Lease(epoch) => {
            Err(AppendError::Conflict(format!("the data directory is held under epoch {}, not {epoch}", held.epoch())))
        }
    }
}
