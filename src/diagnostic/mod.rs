//! Findings about what operators wrote: a stable code, a place, a reason and a way out.
//!
//! Data here (`code`, `finding`, `source`); how it looks to people and programs is in `render`.
//! Knows nothing of runbooks: whoever finds something says what and where.

mod code;
mod finding;
pub mod render;
mod source;

pub use code::Code;
pub use finding::{Diagnostic, Diagnostics, Note, Severity, closest};
pub use source::{FileId, Source, Sources, Spot};
