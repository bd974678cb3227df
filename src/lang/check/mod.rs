//! The rules over a book that was read: names, types, order, places. One file per rule.
//!
//! Sees what [`crate::lang::Loaded`] holds and nothing of YAML.

use crate::diagnostic::Diagnostics;
use crate::lang::Loaded;

/// Everything that is wrong with a book that parses.
pub(crate) fn run(loaded: &Loaded) -> Diagnostics {
    let _ = loaded;
    Diagnostics::default()
}
