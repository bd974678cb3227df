//! The HTTP side of the house: the shapes, the desk that speaks them, the routes over the owner's socket.
//!
//! Knows the service's plain data and how it looks outside. Never decides anything.

mod desk;
pub mod http;
mod metrics;
pub mod openapi;
pub mod present;
mod route;
pub mod socket;
pub mod wire;

pub use desk::{Desk, Events};
