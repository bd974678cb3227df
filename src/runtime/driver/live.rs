//! One run that is driven.

use super::Work;
use crate::engine::decide::next_due;
use crate::engine::run::Run;
use crate::model::runbook::Runbook;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// A run that is driven, with what has reached it and was not decided yet.
pub(super) struct Live {
    pub(super) book: Arc<Runbook>,
    pub(super) run: Run,
    pub(super) inbox: VecDeque<Work>,
    pub(super) flight: Option<u64>,
    /// When it was last looked at without anything coming of it, and its version then.
    pub(super) seen: Option<(Timestamp, u64)>,
    /// How far wall time was ahead when it came here.
    pub(super) lead_ms: Option<i64>,
}

impl Live {
    pub(super) fn new(book: Arc<Runbook>, run: Run, lead_ms: Option<i64>) -> Self {
        Self { book, run, inbox: VecDeque::new(), flight: None, seen: None, lead_ms }
    }

    /// When it is next to be looked at by itself.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let seen = self.seen.filter(|(_, version)| *version == self.run.version).map(|(at, _)| at);
        next_due(&self.book, &self.run, seen)
    }
}
