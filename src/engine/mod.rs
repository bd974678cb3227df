//! The run machine: pure, synchronous, the heart of the product.
//!
//! [`decide`](decide::decide) takes a run, an input and the time and says what happens: events up to
//! the next wait, and effects. [`evolve`](evolve::evolve) is a closed table from (state, event) to
//! state. Nothing here reads a clock, draws a random number, waits, or touches the world.
//!
//! `start` makes the first event (`redone` says what a repeated run can't take over); `turn` walks the lists (`walked` remembers them); `gate` says whether a step may begin;
//! `begin` (with what `around` gives), `call`, `composite`, `rounds` do what the kinds ask, `rehearse` only says it, and `unknown` is what follows from that; `approval` asks people; `conclude` retries, recovers and ends;
//! `measure` takes samples, `judge` gives them their level, with `baseline` and what is known of their [`series`]; [`history`] is what is kept of them;
//! `reckon` is the clock its spans are counted by;
//! `stages` takes the run from its steps through undo and handlers to its end, and `tells` is what that says to incidents.

pub mod approval;
mod around;
mod baseline;
mod begin;
mod bounded;
pub mod call;
mod composite;
mod conclude;
pub mod decide;
pub mod event;
pub mod evolve;
mod gate;
pub mod group;
pub mod history;
mod hosts;
mod judge;
mod measure;
pub(crate) mod plot;
pub mod project;
mod reason;
pub mod reckon;
mod redone;
pub mod rehearse;
mod retry;
mod rounds;
pub mod run;
pub mod scope;
pub mod series;
mod stages;
pub mod start;
mod step_table;
mod steps;
pub mod tells;
mod turn;
mod unknown;
mod walked;
mod word;
