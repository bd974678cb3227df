//! How findings look: to people, as JSON, as SARIF, as GitHub annotations.
//!
//! Every rendering is text out of values; nothing here prints, asks a terminal or reads a file.

mod excerpt;
mod github;
mod json;
mod people;
mod sarif;
mod wrap;

pub use github::github;
pub use json::json;
pub use people::{Style, people, summary};
pub use sarif::sarif;

#[cfg(test)]
mod tests;
