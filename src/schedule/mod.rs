//! When something is due, and what became of it: instants, and the schedule machine. Pure.
//!
//! `walk` takes a pattern of local times through every change of a zone's clock; `timetable` says of each instant whether
//! it fires under the trigger's `dst` and `except` (invariant 5); `nominal` is its name, with which `key` makes the key of
//! its row in the ledger and its jitter; `spec` puts a trigger's text and every default together.
//!
//! The machine: [`decide`](decide::decide) takes a schedule, an input and the time and says what happens, [`state`] is the
//! closed table of what may follow what, `project` makes the ledger (invariant 4).
//! Knows no clock, no journal, no run.

pub mod backfill;
pub mod call;
pub mod decide;
pub mod event;
pub mod key;
pub mod nominal;
pub mod project;
pub mod spec;
pub mod state;
pub mod timetable;
pub mod walk;
