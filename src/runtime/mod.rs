//! Where tokio lives: clock, driver, performing, recovery, the keeper's client, ownership.
//!
//! `driver` is synchronous and knows no clock; `pump` is the thread that feeds it, makes its batches
//! durable and only then lets effects out (invariant 1). `history` keeps samples whose runs go, and reads them with those that are still there; `recall` looks up what a decision must know of them. `perform` does the effects. `owner` opens a
//! data directory and brings back what an earlier owner left.

pub mod accepted;
pub mod adopt;
pub mod alerts;
pub mod append;
pub mod artifacts;
pub mod clock;
pub mod drills;
pub mod driver;
pub mod history;
pub mod incidents;
pub mod index;
pub mod keeper;
pub mod links;
pub mod owner;
pub mod pager;
pub mod perform;
pub mod plan;
pub mod pump;
pub mod recall;
pub mod recover;
pub mod retention;
pub mod room;
pub mod schedules;
pub mod shelf;
pub mod spool;
pub mod step_host;
pub mod tally;
pub mod telemetry;
pub mod trial;
