//! The time a terminal shows: how long something has been running, when it will go on.
//!
//! Decides nothing that is stored: the engine has its own clock.

/// Now.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "what a terminal shows as elapsed; nothing durable depends on it")]
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
