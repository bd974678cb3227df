//! Words every floor shares: names, addresses, time as data, values, secret holes, limits.
//!
//! Knows nothing of runbooks, storage or the outside world, and reads no clock: every instant and
//! every random number arrives as an argument from the floors above.

pub mod actor;
pub mod address;
pub mod arg;
pub mod digest;
pub mod ids;
pub mod level;
pub mod limits;
pub mod mask;
pub mod planted;
pub mod span;
pub mod timekeeping;
pub mod value;
pub mod zone;
