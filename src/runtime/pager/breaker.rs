//! The circuit breaker of one provider: after failures in a row pages fail at once, until one that is tried goes through.

use std::time::Duration;
use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES: u32 = 5;

/// How long it stays open before one page is tried.
const REST: Duration = Duration::from_secs(30);

/// How a provider is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Breaker {
    /// It works, after so many failures in a row.
    #[default]
    Fresh,
    /// It works or does not: so many failures in a row.
    Failing(u32),
    /// It does not: pages fail at once until then.
    Open(Instant),
    /// One page is being tried.
    Probing,
}

/// What the breaker says to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Go.
    Pass,
    /// Go, and tell whether it works again.
    Probe,
    /// Fail at once.
    Fail,
}

impl Breaker {
    /// What it says to a page now; the most urgent are always tried.
    pub(super) fn ask(&mut self, urgent: bool, now: Instant) -> Verdict {
        match *self {
            Self::Fresh | Self::Failing(_) => Verdict::Pass,
            Self::Open(until) if urgent || now >= until => {
                *self = Self::Probing;
                Verdict::Probe
            }
            Self::Probing if urgent => Verdict::Probe,
            Self::Open(_) | Self::Probing => Verdict::Fail,
        }
    }

    /// The provider answered, whatever it said.
    pub(super) fn answered(&mut self) {
        *self = Self::Fresh;
    }

    /// The provider did not answer, or only that it can't.
    pub(super) fn failed(&mut self, now: Instant) {
        *self = match *self {
            Self::Fresh => Self::Failing(1),
            Self::Failing(times) if times + 1 < FAILURES => Self::Failing(times + 1),
            Self::Failing(_) | Self::Probing => Self::Open(now + REST),
            // A try that had begun before it opened says nothing new.
            open @ Self::Open(_) => open,
        };
    }

    /// The page that was to tell was not sent.
    pub(super) fn untold(&mut self, now: Instant) {
        if *self == Self::Probing {
            *self = Self::Open(now);
        }
    }

    /// Whether pages are tried again if they fail.
    pub(super) fn works(self) -> bool {
        matches!(self, Self::Fresh | Self::Failing(_))
    }

    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Fresh | Self::Failing(_) => "closed",
            Self::Open(_) => "open",
            Self::Probing => "half-open",
        }
    }
}
