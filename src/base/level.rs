//! How a thing ended and how bad that is: two questions, two types.

use std::fmt;

/// How bad: from a measure's band, an expectation with a level, or a failure. Ordered, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Level {
    /// Nothing to see.
    #[default]
    Ok,
    /// Worth knowing, nobody needs to act.
    Notice,
    /// Somebody should look in working hours.
    Warning,
    /// Somebody must look now.
    Critical,
}

impl Level {
    /// Every level, mildest first.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Notice, Self::Warning, Self::Critical];

    /// The word operators write and read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The level of that word, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a step (or a run, which uses four of these) ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It did what it says.
    Succeeded,
    /// It failed, its `recover` steps ran, and then it did.
    Recovered,
    /// It did not.
    Failed,
    /// Its own `when` was false.
    Skipped,
    /// Something it needs did not do what it says.
    Unreached,
    /// A person, a timeout of the run or `fail_fast` stopped it.
    Cancelled,
    /// Nobody can say: its process was lost and nothing is provable.
    Interrupted,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 7] = [
        Self::Succeeded,
        Self::Recovered,
        Self::Failed,
        Self::Skipped,
        Self::Unreached,
        Self::Cancelled,
        Self::Interrupted,
    ];

    /// The word operators write and read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Recovered => "recovered",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Unreached => "unreached",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    /// The outcome of that word, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }

    /// Whether the step did what it says (`steps.x.ok`).
    #[must_use]
    pub fn is_good(self) -> bool {
        match self {
            Self::Succeeded | Self::Recovered => true,
            Self::Failed | Self::Skipped | Self::Unreached | Self::Cancelled | Self::Interrupted => false,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
