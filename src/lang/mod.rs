//! The runbook language: texts in, a checked book and everything wrong with it out.
//!
//! Knows YAML, the tables of keys and the rules. Pure: reads no file, no clock, no environment.
//! Never knows how anything is run or stored.

mod check;
mod mention;
mod yaml;

use crate::base::ids::{Name, StepId};
use crate::diagnostic::{Diagnostics, Sources, Spot};
use crate::model::book::Book;
pub use mention::{Formula, Mention, TextSpot};
use std::collections::{BTreeMap, BTreeSet};
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

/// Where values are written, for rules that find fault with one.
#[derive(Debug, Clone, Default)]
pub struct Spots(BTreeMap<(Name, Option<StepId>, String), Spot>);

impl Spots {
    /// Where the value at a path of keys stands: `("daily-check", Some(step), "retry.on")`, `("daily-check", None, "owner")`.
    /// Items of lists are `triggers[0].cron`.
    #[must_use]
    pub fn get(&self, runbook: &Name, step: Option<&StepId>, path: &str) -> Option<Spot> {
        self.0.get(&(runbook.clone(), step.cloned(), path.to_owned())).copied()
    }

    pub(crate) fn put(&mut self, runbook: &Name, step: Option<&StepId>, path: String, spot: Spot) {
        self.0.insert((runbook.clone(), step.cloned(), path), spot);
    }
}

/// Reads the files of a book: their names relative to it (with `/`) and their texts. Finds everything that is wrong in
/// all of them at once; a runbook with errors is left out of the book.
#[must_use]
pub fn load(files: &[(String, Arc<str>)]) -> Loaded {
    let mut loaded = Loaded::default();
    for (name, text) in files {
        loaded.sources.add(name.clone(), Arc::clone(text));
    }
    let found = check::run(&loaded);
    loaded.findings.append(found);
    loaded
}
