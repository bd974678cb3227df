//! The keepers, as an owner sees them: ask for children, hear of their ends.
//!
//! Knows attempts, frames and spool files; never runs or steps. What a keeper says only makes an
//! answer come sooner: the files and the kernel decide (`crate::keeper::evidence`).

mod ahead;
mod client;
mod ear;
mod instead;
mod seat;
mod silence;
mod watchdog;

pub use ahead::Ahead;
pub use client::{Adopted, End, Hears, KeeperClient, Report};
