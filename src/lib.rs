//! stepladder: operators' runbooks as durable runs, unanswered trouble as pages that climb a ladder.
//!
//! The floors, lowest first, with what each may know, are in `ARCHITECTURE.md`; a test holds them.

pub mod act;
pub mod api;
pub mod base;
pub mod cli;
pub mod diagnostic;
pub mod engine;
pub mod escalation;
pub mod expr;
pub mod keeper;
pub mod lang;
pub mod model;
pub mod runtime;
pub mod schedule;
pub mod service;
pub mod store;
pub mod template;
