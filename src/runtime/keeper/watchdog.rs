//! Whether the keepers that have children of ours still answer: one that was stopped, or hangs, neither starts what it is
//! asked for nor tells of what has ended.
//!
//! New children go to another keeper then, and so does what the silent one has never begun: the record of an attempt is
//! made by whoever begins it, so the silent one refuses it if it ever goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often keepers with children are asked.
pub(super) const EVERY: Duration = Duration::from_secs(2);
/// How long an answer is waited for; a machine under load takes its time.
const PATIENCE: Duration = Duration::from_secs(8);

/// Who was asked and has not answered. Instants are of a clock that only goes forward.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    asked: BTreeMap<PathBuf, Duration>,
    silent: BTreeSet<PathBuf>,
}

/// What a look at a keeper comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// It is to be asked.
    Ask,
    /// Its answer may still come.
    Wait,
    /// It has just been given up.
    Silent,
}

impl Watchdog {
    /// Looks at a keeper that has children of ours.
    pub(super) fn look(&mut self, dir: &Path, now: Duration) -> Look {
        match self.asked.get(dir) {
            None => {
                self.asked.insert(dir.into(), now);
                Look::Ask
            }
            Some(asked) if now.saturating_sub(*asked) > PATIENCE && self.silent.insert(dir.into()) => Look::Silent,
            Some(_) => Look::Wait,
        }
    }

    /// It has said something; true where it had been given up.
    pub(super) fn heard(&mut self, dir: &Path) -> bool {
        self.asked.remove(dir);
        self.silent.remove(dir)
    }

    /// Those that were given up.
    pub(super) fn silent(&self) -> impl Iterator<Item = &PathBuf> {
        self.silent.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keeper_is_given_up_once_and_comes_back() {
        let (mut watchdog, dir) = (Watchdog::default(), Path::new("k"));
        let at = Duration::from_secs;
        assert_eq!(watchdog.look(dir, at(0)), Look::Ask);
        assert_eq!(watchdog.look(dir, at(8)), Look::Wait);
        assert_eq!(watchdog.look(dir, at(9)), Look::Silent);
        assert_eq!(watchdog.look(dir, at(20)), Look::Wait);
        assert_eq!(watchdog.silent().count(), 1);
        assert!(watchdog.heard(dir) && !watchdog.heard(dir));
        assert_eq!(watchdog.look(dir, at(21)), Look::Ask);
    }
}
