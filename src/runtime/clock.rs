//! The only doorway to clocks and chance.

use crate::base::ids::RunId;
use crate::base::timekeeping::Timekeeping;
use crate::keeper;
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// Wall time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the only doorway to the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Monotonic time since some fixed instant, for latencies.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the only doorway to the clock")]
pub fn ticks() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// How well the machine's clock is kept.
///
/// # Errors
/// When the kernel does not say.
pub fn timekeeping() -> std::io::Result<Timekeeping> {
    keeper::timekeeping()
}

/// Thirty-two bytes that nobody can guess; none where the machine has no source of chance.
#[must_use]
pub fn unguessable() -> Option<[u8; 32]> {
    let mut chance = [0; 32];
    getrandom::fill(&mut chance).is_ok().then_some(chance)
}

/// A new id for a run that begins at `now`.
#[must_use]
pub fn new_run(now: Timestamp) -> RunId {
    let mut chance = [0; 16];
    if getrandom::fill(&mut chance).is_err() {
        // No source of chance at all: the clock's nanoseconds and our own number still tell runs of one machine apart.
        let nanos = ticks().as_nanos() ^ (u128::from(std::process::id()) << 64);
        chance = nanos.to_le_bytes();
    }
    RunId::new(u64::try_from(now.as_millisecond()).unwrap_or_default(), u128::from_le_bytes(chance))
}
