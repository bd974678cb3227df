//! Tests of runbooks, played: the production pump over a journal in memory, a world that answers as the test says, and
//! a clock that jumps to whatever is due next.
//!
//! Nothing here decides what a run does: that is the machine of every run. Touches no file, no network, no real clock.

mod cast;
mod hands;
mod ladder;
mod machine;
mod people;
mod wait;

pub use ladder::{Climbed, patience};

use crate::act::World;
use crate::act::channel::Posted;
use crate::base::ids::{RunId, StepId};
use crate::base::span::Span;
use crate::base::value::Value;
use crate::engine::event::Recorded;
use crate::engine::run::Run;
use crate::model::book::Book;
use crate::model::runbook::Runbook;
use crate::model::test::{StepPath, Test, Written};
use crate::runtime::clock;
use crate::runtime::shelf::{BUNDLE, Shelf, ShelfError, Texts};
use crate::store::memory::Memory;
use jiff::Timestamp;
use machine::Machine;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// A book whose tests can be played, any number of them at once.
pub struct Trials {
    book: Arc<Book>,
    shelf: Arc<Shelf>,
    texts: BTreeMap<String, crate::base::digest::Digest>,
    world: World,
}

/// What came of one test.
pub struct Played {
    /// When its run was started, by the virtual clock.
    pub began: Timestamp,
    /// The run, and behind it the runs it called.
    pub runs: Vec<PlayedRun>,
    /// What was said to channels, contacts and the ladder.
    pub spoken: Vec<Spoken>,
    /// Why it was not played to its end.
    pub halt: Option<Halt>,
    /// Results that were given and that nothing asked for, by step.
    pub unasked: Vec<Written<String>>,
}

/// One run of a test.
pub struct PlayedRun {
    /// The `runbook` steps that led to it; empty for the run itself.
    pub calls: Vec<StepId>,
    /// What it ran.
    pub runbook: Arc<Runbook>,
    /// Everything that happened.
    pub events: Vec<Recorded>,
    /// What that adds up to.
    pub run: Run,
}

/// A message for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    /// How long after the start.
    pub at: Span,
    /// The step that said it; an incident says it itself.
    pub step: Option<StepPath>,
    /// Whether it went to the ladder (`escalate`) instead of to a channel (`notify`).
    pub pages: bool,
    /// The channels it went to.
    pub channels: Vec<String>,
    /// The contacts it went to.
    pub contacts: Vec<String>,
    /// Its severity, key, title and message, where it has them; secrets are names in braces.
    pub severity: Option<String>,
    /// The key of the incident.
    pub key: Option<String>,
    /// The heading.
    pub title: Option<String>,
    /// The words.
    pub message: String,
}

/// Why a test was not played to its end.
#[derive(Debug, Clone, PartialEq)]
pub enum Halt {
    /// The run could not be started.
    NotStarted(String),
    /// It asked for what the test gives no result for.
    NotGiven(Vec<NotGiven>),
    /// Nothing would ever happen any more: what it waits for, a line each.
    Waits(Vec<String>),
    /// It did not come to an end in a long time.
    Endless(Span),
    /// The ladder has a level that runs something, and it is not said what that comes to.
    NoLevel1,
    /// The machine itself gave up.
    Broken(String),
}

/// An effect without a result.
#[derive(Debug, Clone, PartialEq)]
pub struct NotGiven {
    /// How long after the start.
    pub at: Span,
    /// Whose.
    pub step: StepPath,
    /// The item of the `foreach` around it.
    pub item: Option<String>,
    /// Which attempt.
    pub attempt: u32,
    /// The kind.
    pub kind: String,
    /// Its rendered parameters; secrets are names in braces.
    pub params: Value,
}

impl Trials {
    /// A book whose tests can be played.
    ///
    /// # Errors
    /// [`ShelfError`] when the texts can't be kept in memory.
    pub fn new(book: Arc<Book>) -> Result<Self, ShelfError> {
        let shelf = Arc::new(Shelf::default());
        // The book stands on the shelf by this digest; no run of a test ever reads it from a journal.
        let digest = shelf.pin(&Memory::default(), &Texts::new(), &book)?;
        let world = World {
            book_dir: PathBuf::new(),
            run_dir: PathBuf::new(),
            settings: Arc::new(book.settings.clone()),
            secrets: Arc::default(),
            base_env: Vec::new(),
            now: Timestamp::UNIX_EPOCH,
            ticks: clock::ticks,
            timekeeping: clock::timekeeping,
            say: Arc::new(|_| true),
            ladder: Arc::new(book.escalation.clone().unwrap_or_default()),
            posted: Posted::default(),
        };
        Ok(Self { book, shelf, texts: BTreeMap::from([(BUNDLE.to_owned(), digest)]), world })
    }

    /// Plays a test of this runbook.
    #[must_use]
    pub fn play(&self, test: &Test, runbook: &Arc<Runbook>) -> Played {
        Machine::new(self, test, runbook).play()
    }

    /// When a test starts its run: when it says so, else on a Monday morning of the book.
    fn began(&self, test: &Test) -> Timestamp {
        let monday = jiff::civil::date(2026, 1, 5).at(9, 0, 0, 0);
        let zone = crate::base::zone::zone(&self.book.settings.timezone).unwrap_or(jiff::tz::TimeZone::UTC);
        let usual = || zone.to_ambiguous_zoned(monday).compatible().ok().map(|zoned| zoned.timestamp());
        let began = test.given.at.or_else(usual).unwrap_or(Timestamp::UNIX_EPOCH);
        Timestamp::from_millisecond(began.as_millisecond()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// The id of a test's run: the same each time, so that jitter is.
fn run_of(began: Timestamp) -> RunId {
    RunId::new(u64::try_from(began.as_millisecond()).unwrap_or_default(), 7)
}
