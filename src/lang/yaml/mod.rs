//! YAML as a tree with places: what was written, where, and nothing about what it means.
//!
//! Built from the parser's events (`docs/decisions/0012-yaml-event-parser.md`). Knows no runbooks.

mod header;
mod node;
mod read;
mod tag;
#[cfg(test)]
mod tests;
mod trouble;

pub(crate) use node::{Core, Node, NodeKind, Scalar, Style};
pub(crate) use read::{Comment, Document, Stream, read};
