//! What the events of one decision come to, for who counts and who reads the log.

use crate::base::ids::RunId;
use crate::schedule::decide::too_many;
use crate::schedule::event::{Event, Fate, Recorded};
use crate::schedule::nominal::Nominal;
use crate::schedule::spec::Spec;
use crate::schedule::state::LastRow;
use jiff::Timestamp;
use std::time::Duration;

/// What became of due instants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fired {
    /// How many ended so, by the word of the fate.
    pub fates: Vec<(&'static str, u64)>,
    /// How late each that ran was started.
    pub late: Vec<Duration>,
    /// Instants that could not be started, and why.
    pub failed: Vec<(Nominal, String)>,
    /// Instants whose deadline has passed, with their run.
    pub missed: Vec<(Nominal, Option<RunId>)>,
    /// Instants whose run kept its deadline.
    pub met: Vec<Nominal>,
    /// Calls that had to come by these instants and did not.
    pub silent: Vec<Timestamp>,
    /// Whether one that had been missed has come.
    pub back: bool,
    /// Whether calls came past the most that start within a minute.
    pub storm: bool,
}

impl Fired {
    /// Of these events of a schedule whose last row was that one before them.
    #[must_use]
    pub fn of(spec: &Spec, before: Option<&LastRow>, events: &[Recorded]) -> Self {
        let mut fired = Self::default();
        let mut last = before.map(|row| (row.from, row.count, row.fate.clone()));
        for recorded in events {
            match &recorded.event {
                Event::Ran { due, .. } => {
                    let late = recorded.at.duration_since(spec.starts(due.at, due.nominal));
                    fired.fates.push((Fate::Ran.word(), 1));
                    fired.late.push(Duration::try_from(late).unwrap_or_default());
                    last = None;
                }
                // By hand, so it is late for nobody.
                Event::Backfilled { .. } => {
                    fired.fates.push((Fate::Ran.word(), 1));
                    last = None;
                }
                Event::Settled { from, to, count, fate, why, .. } => {
                    // A row that grows is told again with all it stands for.
                    let told = last.take().filter(|(first, _, known)| first == from && known == fate);
                    fired.fates.push((fate.word(), count.saturating_sub(told.map_or(0, |(_, count, _)| count))));
                    last = Some((*from, *count, fate.clone()));
                    if matches!(fate, Fate::NoSpace | Fate::FailedToStart) {
                        fired.storm |= why.as_deref() == Some(too_many().as_str());
                        fired.failed.push((to.nominal, why.clone().unwrap_or_default()));
                    }
                }
                Event::DeadlineMissed { nominal, run } => fired.missed.push((*nominal, *run)),
                Event::DeadlineMet(nominal) => fired.met.push(*nominal),
                Event::Silent { by } => fired.silent.push(*by),
                Event::Began { .. }
                | Event::Withdrawn
                | Event::Called { .. }
                | Event::Beat
                | Event::Seen { .. }
                | Event::Queued { .. }
                | Event::Paused { .. }
                | Event::Resumed { .. } => {}
            }
        }
        fired
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang;
    use crate::schedule::event::Instant;
    use crate::schedule::spec::specs;

    #[test]
    fn a_row_that_grows_is_counted_once() {
        let text = "runbook: tick\ntriggers: [ { id: fast, every: 1m } ]\nsteps: [ { id: a, shell: 'true' } ]\n";
        let book = lang::load(&[("runbooks/tick.yaml".to_owned(), text.into())]).book;
        let runbook = book.runbooks.values().next().expect("a runbook");
        let spec = specs(runbook, &book.settings).remove(0);
        let instant = |second: i64| {
            let at = Timestamp::from_second(second).expect("an instant");
            Instant { nominal: Nominal::Utc(at), at }
        };
        let settled = |from: i64, to: i64, count: u64, fate: Fate| Recorded {
            at: instant(to).at,
            event: Event::Settled { from: instant(from), to: instant(to), count, fate, why: None, deadline: None },
        };
        let ran = Recorded {
            at: instant(602).at,
            event: Event::Ran { due: instant(600), run: crate::base::ids::RunId::new(1, 1), deadline: None },
        };
        let before = LastRow { from: instant(60), to: instant(120), count: 2, fate: Fate::SkippedOverlap, why: None };
        let events = [
            settled(60, 300, 5, Fate::SkippedOverlap),
            settled(60, 360, 6, Fate::SkippedOverlap),
            settled(420, 540, 3, Fate::Coalesced),
            ran,
            settled(660, 660, 1, Fate::Coalesced),
        ];
        let fired = Fired::of(&spec, Some(&before), &events);
        let counted = [("skipped-overlap", 3), ("skipped-overlap", 1), ("coalesced", 3), ("ran", 1), ("coalesced", 1)];
        assert_eq!(fired.fates, counted);
        assert_eq!(fired.late, [Duration::from_secs(2)]);
    }
}
