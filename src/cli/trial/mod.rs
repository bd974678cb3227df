//! How tests went, for people and for programs.

pub mod coverage;
pub mod json;
pub mod junit;
pub mod people;

use crate::service::trial::{Covered, Tests, Tried, Verdict};
use std::time::Duration;

/// Everything that was tried.
pub struct Session {
    /// The tests of the book.
    pub tests: Tests,
    /// Those that were tried.
    pub tried: Vec<Tried>,
    /// What they took of the runbooks.
    pub covered: Vec<Covered>,
    /// How long all of it took.
    pub real: Duration,
    /// Errors in files of tests.
    pub unreadable: usize,
}

impl Session {
    /// How many did not pass.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.tried.iter().filter(|tried| matches!(tried.verdict, Verdict::Failed { .. })).count()
    }

    /// Branches that were taken, of all that were looked at, in whole percent.
    #[must_use]
    pub fn percent(&self) -> usize {
        let taken: usize = self.covered.iter().map(|covered| covered.taken).sum();
        let branches: usize = self.covered.iter().map(|covered| covered.branches).sum();
        (taken * 100).checked_div(branches).unwrap_or(100)
    }
}

/// Milliseconds with as many digits as say something: `0.42 ms`, `8.1 ms`, `1240 ms`.
pub(super) fn millis(real: Duration) -> String {
    let millis = real.as_secs_f64() * 1_000.0;
    match millis {
        small if small < 1.0 => format!("{small:.2} ms"),
        some if some < 10.0 => format!("{some:.1} ms"),
        many => format!("{many:.0} ms"),
    }
}

/// A length of virtual time.
pub(super) fn span(span: crate::base::span::Span) -> String {
    if span.millis() == 0 { "0s".into() } else { span.to_string() }
}
