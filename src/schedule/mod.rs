//! When something is due: instants. Pure.
//!
//! `walk` takes a pattern of local times through every change of a zone's clock; `timetable` says of each instant whether
//! it fires under the trigger's `dst` and `except` (invariant 5); `nominal` is its name, with which `key` makes the key of
//! its row in the ledger and its jitter; `spec` puts a trigger's text and every default together.
//! Knows no clock, no journal, no run.

pub mod key;
pub mod nominal;
pub mod spec;
pub mod timetable;
pub mod walk;
