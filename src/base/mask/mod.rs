//! Keeping secrets out of what is kept (invariant 11): how a value may look, and taking it out of a stream.
//!
//! Knows values and bytes; never where a secret came from or where the masked text goes.

mod stream;
mod variants;

pub use stream::{MASK, Masker};
pub use variants::{MIN_MASKED, variants};
