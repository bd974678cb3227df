//! The runbook language: texts in, a checked book and everything wrong with it out.
//!
//! Knows YAML, the tables of keys and the rules. Pure: reads no file, no clock, no environment.
//! Never knows how anything is run or stored.

mod check;
mod decode;
pub mod format;
pub mod glance;
mod keys;
mod lower;
pub mod manual;
mod mention;
pub mod schema;
mod spots;
mod yaml;

use crate::base::ids::{Name, StepId};
use crate::diagnostic::{Diagnostics, FileId, Severity, Sources};
use crate::model::book::Book;
pub use mention::{Formula, Mention, TextSpot};
pub use spots::Spots;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What came of reading the files of a book.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The texts that findings point into.
    pub sources: Sources,
    /// What passed. (While the rules run: everything that could be lowered at all.)
    pub book: Book,
    /// Everything that is wrong.
    pub findings: Diagnostics,
    /// Every place where an expression or template stands.
    pub mentions: Vec<Mention>,
    /// Where the keys of runbooks and steps are written.
    pub spots: Spots,
    /// Steps that could not be lowered and stand in their lists without their kind: what they put out is unknown.
    pub broken: BTreeSet<(Name, StepId)>,
}

/// Reads the files of a book: their names relative to it (with `/`) and their texts. Finds everything that is wrong in
/// all of them at once; a runbook with errors is left out of the book.
#[must_use]
pub fn load(files: &[(String, Arc<str>)]) -> Loaded {
    let mut loaded = Loaded::default();
    for (name, text) in files {
        loaded.sources.add(name.clone(), Arc::clone(text));
    }
    lower::lower(&mut loaded);
    let found = check::run(&loaded);
    loaded.findings.append(found);
    let wrong: BTreeSet<FileId> = loaded
        .findings
        .sorted()
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.spot.file)
        .collect();
    let files = &loaded.book.files;
    loaded.book.runbooks.retain(|name, _| files.get(name).is_none_or(|file| !wrong.contains(file)));
    loaded
}
