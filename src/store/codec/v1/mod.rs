//! Version 1 of the events, as it is written. Never edited after its release: a change is a version 2.
//!
//! `event` holds the shapes, `from` makes them from the engine's events, `into` makes events from
//! them, `request` does both for what an attempt asks of the world.

mod event;
mod from;
mod into;
mod request;

pub(crate) use event::Envelope;

use crate::base::limits;
use crate::base::span::show_size;
use crate::engine::event::Recorded;
use crate::store::codec::CodecError;
use crate::store::codec::held::{Fetch, Spill};

pub(crate) fn write(envelope: &Envelope) -> Result<Vec<u8>, CodecError> {
    serde_json::to_vec(envelope).map_err(|error| CodecError::Unstorable(error.to_string()))
}

pub(crate) fn write_spilling(mut envelope: Envelope, put: &mut Spill<'_>) -> Result<Vec<u8>, CodecError> {
    let whole = write(&envelope)?;
    if whole.len() <= limits::INLINE_OUTPUT {
        return Ok(whole);
    }
    for held in envelope.held(event::Which::ToSpill) {
        held.spill(put)?;
    }
    let lean = write(&envelope)?;
    if lean.len() > limits::MAX_EVENT {
        let (is, most) = (show_size(lean.len() as u64), show_size(limits::MAX_EVENT as u64));
        return Err(CodecError::Unstorable(format!("it has {is} without its large values, at most {most} are kept")));
    }
    Ok(lean)
}

pub(crate) fn read(bytes: &[u8], get: &mut Fetch<'_>) -> Result<Recorded, CodecError> {
    let mut envelope: Envelope =
        serde_json::from_slice(bytes).map_err(|error| CodecError::Malformed(error.to_string()))?;
    for held in envelope.held(event::Which::Elsewhere) {
        held.fetch(get)?;
    }
    Recorded::try_from(envelope)
}
