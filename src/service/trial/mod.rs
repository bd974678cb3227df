//! Tests of a book: each played, what came of it held against what was expected, and what none of them ever took.
//!
//! Pure data in and out; who shows it is elsewhere. Needs no data directory and no owner.

mod compare;
mod coverage;
mod ladder;
mod line;
mod suggest;
mod trace;

pub use coverage::{Branch, Covered, Taken};
pub use line::Line;

use crate::base::ids::Name;
use crate::base::span::Span;
use crate::diagnostic::{FileId, Spot};
use crate::lang::Loaded;
use crate::model::runbook::Runbook;
use crate::model::step::StepKind;
use crate::model::test::{Incident, Subject, Test};
use crate::runtime::clock;
use crate::runtime::trial::{Halt, Trials};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The tests of a book, ready to be played.
pub struct Tests {
    loaded: Arc<Loaded>,
    trials: Trials,
}

/// One test that was tried.
#[derive(Debug, Clone)]
pub struct Tried {
    /// Which, in the order of the book.
    pub index: usize,
    /// How it went.
    pub verdict: Verdict,
    /// How long its run took, in virtual time.
    pub took: Span,
    /// How long trying it took, in ours.
    pub real: Duration,
    /// What its runs took of what could be taken.
    pub taken: BTreeSet<Taken>,
}

/// How a test went.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// Everything is as expected.
    Passed,
    /// Something is not.
    Failed {
        /// What, in the order written.
        misses: Vec<Miss>,
        /// What happened instead.
        timeline: Vec<Line>,
    },
}

/// Something that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// Where the expectation is written.
    pub spot: Spot,
    /// What is wrong, in a sentence.
    pub message: String,
    /// More about it: a word and a text each.
    pub notes: Vec<(&'static str, String)>,
}

impl Tests {
    /// The tests of a book that was read.
    ///
    /// # Errors
    /// A sentence, when it can't be held in memory.
    pub fn new(loaded: Arc<Loaded>) -> Result<Self, String> {
        let trials = Trials::new(Arc::new(loaded.book.clone())).map_err(|error| error.to_string())?;
        Ok(Self { loaded, trials })
    }

    /// All of them, in the order of their files.
    #[must_use]
    pub fn all(&self) -> &[Test] {
        &self.loaded.book.tests
    }

    /// The book they are of.
    #[must_use]
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// `tests/recovery.yaml:14`.
    #[must_use]
    pub fn place(&self, spot: Spot) -> String {
        let (line, _) = self.loaded.sources.line_column(spot);
        format!("{}:{line}", self.loaded.sources.get(spot.file).name)
    }

    /// Tries one of them; `None` where there is no such test.
    #[must_use]
    pub fn try_one(&self, index: usize) -> Option<Tried> {
        let test = self.all().get(index)?;
        let begun = clock::ticks();
        let tried =
            |verdict, took, taken| Tried { index, verdict, took, real: clock::ticks().saturating_sub(begun), taken };
        let runbook = match &test.subject {
            Subject::Incident(incident) => {
                let (verdict, took) = self.climb(test, incident);
                return Some(tried(verdict, took, BTreeSet::new()));
            }
            Subject::Runbook(name) => match self.sound(&name.value) {
                Ok(runbook) => runbook,
                Err(message) => {
                    let notes = vec![("help", "`stepladder check` shows what is wrong".to_owned())];
                    let misses = vec![Miss { spot: name.spot, message, notes }];
                    let verdict = Verdict::Failed { misses, timeline: Vec::new() };
                    return Some(tried(verdict, Span::ZERO, BTreeSet::new()));
                }
            },
        };
        let played = self.trials.play(test, runbook);
        let misses = compare::misses(&self.loaded, test, runbook, &played);
        let (took, taken) = (trace::took(&played), coverage::taken(&played));
        let verdict = if misses.is_empty() {
            Verdict::Passed
        } else {
            Verdict::Failed { misses, timeline: line::timeline(&played) }
        };
        Some(tried(verdict, took, taken))
    }

    /// Tries a test of the ladder.
    fn climb(&self, test: &Test, incident: &Incident) -> (Verdict, Span) {
        let failed = |misses, timeline| Verdict::Failed { misses, timeline };
        if self.loaded.findings.files_with_errors().iter().any(|file| self.is_ladder(*file)) {
            let message = "`escalation.yaml` does not pass its checks".to_owned();
            let notes = vec![("help", "`stepladder check` shows what is wrong".to_owned())];
            return (failed(vec![Miss { spot: incident.spot, message, notes }], Vec::new()), Span::ZERO);
        }
        match self.trials.climb(test, incident) {
            Err(Halt::Broken(message)) => {
                (failed(vec![Miss { spot: test.spot, message, notes: Vec::new() }], Vec::new()), Span::ZERO)
            }
            Err(_) => (failed(vec![ladder::no_level_1(test.spot)], Vec::new()), Span::ZERO),
            Ok(climbed) => {
                let misses = ladder::misses(test, &climbed);
                let took = ladder::took(&climbed);
                let passed = misses.is_empty();
                (if passed { Verdict::Passed } else { failed(misses, ladder::timeline(&climbed)) }, took)
            }
        }
    }

    fn is_ladder(&self, file: FileId) -> bool {
        self.loaded.sources.get(file).name == "escalation.yaml"
    }

    /// A runbook of which everything passes its checks, what it calls included: nothing else begins at a start, either.
    fn sound(&self, name: &Name) -> Result<&Arc<Runbook>, String> {
        let runbooks = &self.loaded.book.runbooks;
        let bad = |name: &Name| format!("`{name}` does not pass its checks");
        let runbook = runbooks.get(name).ok_or_else(|| bad(name))?;
        let (mut waiting, mut seen) = (vec![runbook], BTreeSet::new());
        while let Some(next) = waiting.pop() {
            if !seen.insert(next.name.clone()) {
                continue;
            }
            for step in next.index.values() {
                let StepKind::Call(call) = &step.kind else { continue };
                let called = runbooks.get(&call.runbook);
                waiting.push(called.ok_or_else(|| format!("it calls {}", bad(&call.runbook)))?);
            }
        }
        Ok(runbook)
    }

    /// What can be taken of each runbook and what was; of every runbook, or only of those that `tried` ran.
    #[must_use]
    pub fn coverage(&self, tried: &[Tried], every: bool) -> Vec<Covered> {
        coverage::covered(&self.loaded, tried, every)
    }
}
