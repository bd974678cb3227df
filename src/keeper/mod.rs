//! The keeper: the small process whose children the steps are.
//!
//! The binary re-executed before any runtime. It starts, drains, masks, stops and buries children with
//! or without an owner, and tells the truth on disk first (invariant 6). Knows processes, bytes and
//! files; never runs, steps or what a child is for. Its reasons are in
//! `docs/decisions/0004-keeper-protocol.md`.

mod child;
mod drain;
mod evidence;
mod launch;
mod line;
mod link;
mod minder;
mod output;
mod process;
pub mod protocol;
mod record;
mod start;
mod startup;
mod sys;
mod turn;
mod unminded;

pub use evidence::{Evidence, disown, doubt, evidence};
pub use launch::{Identity, clear_dead, connect, identity, keepers, launch, socket};
pub use output::{Flaw, Printed, end, flaw, flaw_of_bytes, printed};
pub use process::boot_id;
pub use record::{has_lost, is_recorded, part, read_exit};
pub use startup::{build, main_loop};
pub use sys::timekeeping;
pub use turn::boot_clock;
pub use unminded::{Ending, Unminded, unminded};

/// The hidden first argument that makes the binary a keeper.
pub const ARGUMENT: &str = "keeper";
