//! A runbook as a drawing: what the drawing holds, and one renderer a file. Pure: values in, text out.

mod dot;
mod mermaid;
mod sheet;
mod svg;
mod terminal;

pub use dot::dot;
pub use mermaid::mermaid;
pub use sheet::Sheet;
pub use svg::svg;
pub use terminal::terminal;

#[cfg(test)]
mod tests;
