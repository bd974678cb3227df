//! A run on the screen: a pure fold over its events, and pure renderings of what they add up to.
//!
//! The live view, `show` of a past run and the lines of a log come from the same fold and the same
//! words. Nothing here reads a clock, asks a terminal or prints.

mod fold;
mod ink;
mod node;
mod plain;
mod screen;
mod step_row;
mod summary;
mod tree;
mod words;

pub use fold::{Question, View, Wants};
pub use ink::{Line, Tone, harmless};
pub use plain::{heartbeat, lines};
pub use screen::Screen;
pub use tree::Tails;
pub use words::{ago, human, number, quantity, short};

#[cfg(test)]
mod tests;
