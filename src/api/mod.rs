//! The HTTP side of the house. For now the shapes alone; routes, tokens and OpenAPI join them here.
//!
//! Knows the service's plain data and how it looks outside. Never decides anything.

pub mod present;
pub mod wire;
