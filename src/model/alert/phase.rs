//! Where an alert stands at an instant: derived from when its condition held, never remembered.
//!
//! Whether it held is asked of instants that do not depend on who asks nor since when (every fifteenth second), going back
//! until the answer is certain. So an alert stands after a restart where it would have stood without.

use super::{Alert, Missing};
use crate::base::span::Span;
use jiff::{SignedDuration, Timestamp};

/// Milliseconds between two instants an alert is judged at.
pub const STEP: i64 = 15_000;
/// Of shorter times of `for` and `keep_firing_for` so many instants are looked at.
const PARTS: i64 = 4;
/// Milliseconds between two instants at least.
const LEAST: i64 = 1_000;
/// How far back samples may be missing before what was told of the alert is believed.
const BRIDGE: SignedDuration = SignedDuration::from_hours(1);

/// Where an alert stands, for one set of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Its condition does not hold.
    Quiet,
    /// It holds, not for long enough.
    Pending {
        /// Since when.
        since: Timestamp,
    },
    /// It has held for long enough, and ended not long enough ago.
    Firing,
}

/// When an alert fires.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// How long its condition must hold.
    pub holds_for: SignedDuration,
    /// How long it stays on after that last held.
    pub keep: SignedDuration,
    /// What missing samples mean.
    pub missing: Missing,
    /// Between two instants it is judged at, in milliseconds; at least one.
    pub step: i64,
    /// How far back it is looked.
    pub back: SignedDuration,
}

impl Alert {
    /// When it fires.
    #[must_use]
    pub fn rule(&self) -> Rule {
        let (holds_for, keep) = (SignedDuration::from(self.holds_for), SignedDuration::from(self.keep_firing_for));
        let back = holds_for.saturating_add(keep).saturating_add(BRIDGE);
        Rule { holds_for, keep, missing: self.missing, step: step(&[self.holds_for, self.keep_firing_for]), back }
    }
}

/// Milliseconds between instants: less where a whole time to wait would pass unseen.
fn step(waits: &[Span]) -> i64 {
    let millis = |span: &Span| i64::try_from(SignedDuration::from(*span).as_millis()).unwrap_or(i64::MAX);
    let shortest = waits.iter().map(millis).filter(|millis| *millis > 0).min().unwrap_or(i64::MAX);
    let parts = (shortest / PARTS / LEAST) * LEAST;
    parts.clamp(LEAST, STEP)
}

impl Rule {
    /// The last instant up to now that is judged.
    #[must_use]
    pub fn instant(&self, now: Timestamp) -> Timestamp {
        let millis = now.as_millisecond();
        Timestamp::from_millisecond(millis - millis.rem_euclid(self.step)).unwrap_or(now)
    }

    /// Where the alert stands now. `told`: whether it was told of as firing; it counts where no sample that is looked at
    /// says anything else.
    pub fn phase(&self, now: Timestamp, told: bool, mut holds: impl FnMut(Timestamp) -> Option<bool>) -> Phase {
        let mut at = self.instant(now);
        let oldest = now.checked_sub(self.back).unwrap_or(Timestamp::MIN);
        let mut walk =
            Walk { holds_for: self.holds_for, keep: self.keep, end: None, gap: None, newest: true, since: None };
        while at >= oldest {
            let certain = self.read(holds(at)).and_then(|holds| if holds { walk.held(at) } else { walk.did_not(at) });
            if let Some(phase) = certain {
                return phase;
            }
            let Ok(before) = at.checked_sub(SignedDuration::from_millis(self.step)) else { break };
            at = before;
        }
        if told { Phase::Firing } else { walk.without_firing() }
    }

    /// What an instant says; `None` = nothing, the alert stays as it was.
    fn read(&self, holds: Option<bool>) -> Option<bool> {
        match (holds, self.missing) {
            (Some(holds), _) => Some(holds),
            (None, Missing::Keep) => None,
            (None, Missing::Ok) => Some(false),
            (None, Missing::Fire) => Some(true),
        }
    }
}

/// What is known on the way back from now.
struct Walk {
    holds_for: SignedDuration,
    keep: SignedDuration,
    /// The newest instant of the run of those at which it holds.
    end: Option<Timestamp>,
    /// The newest instant of the run of those at which it does not.
    gap: Option<Timestamp>,
    /// Whether nothing but the newest run was seen.
    newest: bool,
    /// Since when it holds, where it does now.
    since: Option<Timestamp>,
}

impl Walk {
    /// It held then: where the alert stands, if that is certain now.
    fn held(&mut self, at: Timestamp) -> Option<Phase> {
        if self.gap.take().is_some_and(|gap| gap.duration_since(at) >= self.keep) {
            return Some(self.without_firing());
        }
        if self.newest {
            self.since = Some(at);
        }
        let end = *self.end.get_or_insert(at);
        (end.duration_since(at) >= self.holds_for).then_some(Phase::Firing)
    }

    /// It did not.
    fn did_not(&mut self, at: Timestamp) -> Option<Phase> {
        (self.end, self.newest) = (None, false);
        let gap = *self.gap.get_or_insert(at);
        // Whatever held before that is too long ago to keep it firing.
        (gap.duration_since(at) >= self.keep).then(|| self.without_firing())
    }

    fn without_firing(&self) -> Phase {
        self.since.map_or(Phase::Quiet, |since| Phase::Pending { since })
    }
}

#[cfg(test)]
#[path = "phase_tests.rs"]
mod tests;
