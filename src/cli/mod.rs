//! What a person types and sees: arguments, settings, one file per command, one printing file.
//!
//! Knows the shapes that are sent (`api::wire`), the checker and the model. Never runs a step and
//! never opens the store: that is behind [`door`].

pub mod args;
pub mod ask;
mod called;
pub mod client;
pub mod command;
pub mod complete;
pub mod door;
pub mod exit;
pub mod graph;
mod hardening;
pub mod inputs;
pub mod interrupt;
pub mod log;
pub mod output;
pub mod plan;
pub mod settings;
pub mod shelf;
pub mod spread;
mod start;
pub mod systemd;
pub mod table;
pub mod trial;
pub mod trouble;
pub mod variables;
pub mod view;
pub mod watch;

pub use start::main;
