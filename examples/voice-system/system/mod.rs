//! The stand-in itself, as a part that `voice-system` and `demo` share.
//!
//! Knows nothing of runbooks or of this project; it is what a team's own voice system would look
//! like from outside.

pub(crate) mod faults;
mod health;
mod redis;
mod server;
mod traffic;
mod work;

pub(crate) use server::{Config, start};
