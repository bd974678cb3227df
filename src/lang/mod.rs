//! The runbook language: texts in, a checked book and everything wrong with it out.
//!
//! Knows YAML, the tables of keys and the rules. Pure: reads no file, no clock, no environment.
//! Never knows how anything is run or stored.

mod check;
mod decode;
pub mod format;
pub mod glance;
mod half;
pub mod import;
mod keys;
mod lower;
pub mod manual;
mod mention;
pub mod schema;
pub mod set;
mod spots;
mod yaml;

use crate::base::ids::{Name, StepId};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Sources, Spot};
use crate::model::book::Book;
use crate::model::escalation::Escalation;
use jiff::Timestamp;
pub use lower::piece::Piece;
pub use mention::{Formula, Mention, TextSpot};
pub use spots::Spots;
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
    /// Codes about names of a file that was not read whole, with that file.
    pub(crate) half: BTreeMap<Code, String>,
    /// The files that may be the ladder, each behind its rank; the first of them is.
    pub(crate) ladders: BTreeSet<(u8, FileId)>,
    /// Tests with a mistake in them: looked at for others, and left out of the book.
    pub(crate) wrong_tests: BTreeSet<Spot>,
}

impl Loaded {
    /// Without where expressions, keys and steps stand: what is wrong was found with them already.
    #[must_use]
    pub fn without_places(self) -> Self {
        Self { mentions: Vec::new(), spots: Spots::default(), ..self }
    }
}

/// Reads the files of a book: their names relative to it (with `/`) and their texts. Finds everything that is wrong in
/// all of them at once; a runbook with errors is left out of the book.
#[must_use]
pub fn load(files: &[(String, Arc<str>)]) -> Loaded {
    let reading = Reading::new(files);
    let pieces = (0..reading.count()).map(|index| reading.read(index)).collect();
    let checking = reading.join(pieces);
    let found = (0..checking.count()).map(|index| checking.check(index)).collect();
    checking.finish(found)
}

/// What will be wrong with the ladder of a book in the 90 days after an instant: times at which a level has nobody, and
/// quiet hours in which nobody is told. It is not in [`Loaded::findings`], for it depends on the time.
#[must_use]
pub fn ahead(loaded: &Loaded, now: Timestamp) -> Diagnostics {
    check::ahead(loaded, now)
}

/// The text of the file that is the ladder of a book.
#[must_use]
pub fn ladder_text(files: &BTreeMap<String, Arc<str>>) -> Option<&Arc<str>> {
    let named = files.iter().filter_map(|(name, text)| Some((half::ladder_rank(name)?, name, text)));
    named.min().map(|(_, _, text)| text)
}

/// What is wrong with the change from one ladder to another, found in the later book: members that change the turns of
/// everybody, because `since` is the same as before.
#[must_use]
pub fn reshuffled(before: &Escalation, loaded: &Loaded) -> Diagnostics {
    check::reshuffled(before, loaded)
}

/// A file of a book that could not be read.
#[derive(Debug, Clone)]
pub struct Unread {
    /// Its name relative to the book.
    pub name: String,
    /// As much of its text as is text.
    pub text: String,
    /// The place in it where it stops being readable.
    pub at: usize,
    /// Why it can't be read.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// A book whose runbooks are yet to be read, each on its own: in any order, by whoever has time.
#[derive(Debug)]
pub struct Reading {
    loaded: Loaded,
    runbooks: Vec<FileId>,
}

impl Reading {
    /// Reads everything of a book but its runbooks. The files are those of [`load`].
    #[must_use]
    pub fn new(files: &[(String, Arc<str>)]) -> Self {
        let mut loaded = Loaded::default();
        for (name, text) in files {
            let id = loaded.sources.add(name.clone(), Arc::clone(text));
            loaded.ladders.extend(half::ladder_rank(name).map(|rank| (rank, id)));
        }
        lower::others(&mut loaded);
        let runbooks = lower::runbooks(&loaded);
        Self { loaded, runbooks }
    }

    /// A file that could not be read is a finding of its own; everything else goes on without it.
    pub fn unread(&mut self, file: Unread) {
        self.loaded.half.extend(half::codes(&file.name).iter().map(|code| (*code, file.name.clone())));
        let rank = half::ladder_rank(&file.name);
        let id = self.loaded.sources.add(file.name, Arc::from(file.text));
        self.loaded.ladders.extend(rank.map(|rank| (rank, id)));
        let spot = Spot { file: id, start: file.at, end: file.at };
        self.loaded.findings.push(Diagnostic::error(Code::UnreadableFile, spot, file.message).help(file.help));
    }

    /// How many runbooks there are to read.
    #[must_use]
    pub fn count(&self) -> usize {
        self.runbooks.len()
    }

    /// Reads one of them.
    #[must_use]
    pub fn read(&self, index: usize) -> Piece {
        let file = self.runbooks[index];
        lower::piece::read(&self.loaded.book, file, &self.loaded.sources.get(file).text)
    }

    /// Takes up what was read, in the order of the indexes.
    #[must_use]
    pub fn join(mut self, pieces: Vec<Piece>) -> Checking {
        lower::piece::join(&mut self.loaded, pieces);
        let runbooks = self.loaded.book.runbooks.keys().cloned().collect();
        let mentions = check::by_runbook(&self.loaded);
        Checking { loaded: self.loaded, runbooks, mentions }
    }
}

/// A book that was read, whose runbooks are yet to be checked, again each on its own.
#[derive(Debug)]
pub struct Checking {
    loaded: Loaded,
    runbooks: Vec<Name>,
    mentions: BTreeMap<Name, Vec<usize>>,
}

impl Checking {
    /// How many runbooks there are to check.
    #[must_use]
    pub fn count(&self) -> usize {
        self.runbooks.len()
    }

    /// Everything that is wrong with one of them.
    #[must_use]
    pub fn check(&self, index: usize) -> Diagnostics {
        let name = &self.runbooks[index];
        let mentions = self.mentions.get(name).map_or(&[][..], Vec::as_slice);
        check::runbook(&self.loaded, name, mentions)
    }

    /// Checks what concerns the book as a whole and takes up what was found, in the order of the indexes.
    #[must_use]
    pub fn finish(self, found: Vec<Diagnostics>) -> Loaded {
        let mut loaded = self.loaded;
        let whole = check::book(&loaded);
        found.into_iter().chain([whole]).for_each(|found| loaded.findings.append(found));
        let wrong: BTreeSet<FileId> = loaded.findings.files_with_errors();
        let files = &loaded.book.files;
        loaded.book.runbooks.retain(|name, _| files.get(name).is_none_or(|file| !wrong.contains(file)));
        let wrong = &loaded.wrong_tests;
        loaded.book.tests.retain(|test| !wrong.contains(&test.spot));
        if !loaded.half.is_empty() {
            loaded.findings = half::judged(&loaded.findings, &loaded.sources, &loaded.half);
        }
        loaded
    }
}
