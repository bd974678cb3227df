//! What an owner counts while it drives: ends of runs and steps, and how long the journal takes. Since its start, in memory.

use crate::base::ids::RunId;
use crate::engine::event::{Event, Recorded, StepEvent};
use crate::escalation::event as incident;
use crate::runtime::schedules::Fired;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The upper ends of the stretches that times are counted in, in microseconds.
pub const STRETCHES: [u64; 12] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];

/// The same for how late runs are started: what is in time within a second, what an outage has held up far longer.
pub const LATE: [u64; 12] = [
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    10_000_000,
    60_000_000,
    600_000_000,
    3_600_000_000,
];

/// The counts so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Runs that have begun.
    pub runs_begun: u64,
    /// Runs that have ended, by outcome.
    pub runs: BTreeMap<&'static str, u64>,
    /// Steps that have ended, by outcome.
    pub steps: BTreeMap<&'static str, u64>,
    /// Attempts that have begun.
    pub attempts: u64,
    /// Batches that became durable, by how long that took: as many as in each stretch, and in none.
    pub appends: [u64; STRETCHES.len() + 1],
    /// How long they took together, in microseconds.
    pub append_micros: u64,
    /// Batches that were not taken.
    pub refused: u64,
    /// Due instants, by what became of them.
    pub fires: BTreeMap<&'static str, u64>,
    /// Those that ran, by how late they were started: as many as in each stretch of [`LATE`], and in none.
    pub late: [u64; LATE.len() + 1],
    /// How late they were started, together, in microseconds.
    pub late_micros: u64,
    /// Deadlines that have passed without a run that ended well.
    pub deadlines_missed: u64,
    /// Calls, by the kind of trigger.
    pub calls: BTreeMap<&'static str, u64>,
    /// Calls from outside that were turned away, by why.
    pub turned_away: BTreeMap<&'static str, u64>,
    /// Calls that had to come and did not.
    pub heartbeats_missed: u64,
    /// Calls of the watcher outside, by what became of them.
    pub watched: BTreeMap<&'static str, u64>,
    /// Alerts that other systems sent, those told again included.
    pub alerts: u64,
    /// Incidents that were opened, by severity.
    pub incidents_opened: BTreeMap<String, u64>,
    /// Incidents that ended, by how.
    pub incidents_ended: BTreeMap<&'static str, u64>,
    /// Levels that were entered, by number.
    pub climbs: BTreeMap<u32, u64>,
    /// Pages, by what became of them; `ordered` counts all.
    pub pages: BTreeMap<&'static str, u64>,
    /// Promises that were not kept, by which.
    pub breaches: BTreeMap<&'static str, u64>,
    /// Spans of traces, by what became of them.
    pub spans: BTreeMap<&'static str, u64>,
}

/// The counts, shared by who counts and who asks; and the runs that were set aside.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>, Mutex<BTreeMap<RunId, String>>);

impl Counts {
    fn incident(&mut self, event: &incident::Event) {
        if let incident::Event::Opened(opened) = event {
            *self.incidents_opened.entry(opened.severity.clone()).or_default() += 1;
        } else if let incident::Event::Resolved { how, .. } = event {
            *self.incidents_ended.entry(how.word()).or_default() += 1;
        } else if let incident::Event::Climbed { level, .. } = event {
            *self.climbs.entry(*level).or_default() += 1;
        } else if let incident::Event::Paged(_) = event {
            *self.pages.entry("ordered").or_default() += 1;
        } else if let incident::Event::Settled { fate, .. } = event {
            *self.pages.entry(fate.word()).or_default() += 1;
        } else if let incident::Event::Breached { clock, .. } = event {
            *self.breaches.entry(clock.word()).or_default() += 1;
        }
    }
}

impl Tally {
    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.held().clone()
    }

    fn held(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events of a run are durable.
    pub fn told(&self, events: &[(u64, Recorded)]) {
        let mut counts = self.held();
        for (_, recorded) in events {
            match &recorded.event {
                Event::Started(_) => counts.runs_begun += 1,
                Event::Ended(ended) => *counts.runs.entry(ended.outcome.as_str()).or_default() += 1,
                Event::Step { event: StepEvent::Ended(ended), .. } => {
                    *counts.steps.entry(ended.outcome.as_str()).or_default() += 1;
                }
                Event::Step { event: StepEvent::Attempt { .. }, .. } => counts.attempts += 1,
                Event::Queued { .. }
                | Event::Admitted
                | Event::CancelAsked { .. }
                | Event::TimedOut
                | Event::Entered(_)
                | Event::ClockSet { .. }
                | Event::Step { .. } => {}
            }
        }
    }

    /// Events of an incident are durable.
    pub fn incident(&self, events: &[incident::Recorded]) {
        let mut counts = self.held();
        for recorded in events {
            counts.incident(&recorded.event);
        }
    }

    /// What became of due instants is durable.
    pub fn fired(&self, fired: &Fired) {
        let mut counts = self.held();
        fired.fates.iter().for_each(|(fate, count)| *counts.fires.entry(fate).or_default() += count);
        for late in &fired.late {
            let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
            counts.late[stretch(&LATE, micros)] += 1;
            counts.late_micros = counts.late_micros.saturating_add(micros);
        }
        counts.deadlines_missed += fired.missed.len() as u64;
    }

    /// A trigger of that kind was called.
    pub fn called(&self, kind: &'static str) {
        *self.held().calls.entry(kind).or_default() += 1;
    }

    /// A call from outside was turned away.
    pub fn turned_away(&self, why: &'static str) {
        *self.held().turned_away.entry(why).or_default() += 1;
    }

    /// A call that had to come has not.
    pub fn heartbeat_missed(&self) {
        self.held().heartbeats_missed += 1;
    }

    /// A run is not driven any further, and why.
    pub fn set_aside(&self, run: RunId, why: String) {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).insert(run, why);
    }

    /// Why a run is not driven any further, where it was set aside.
    #[must_use]
    pub fn why_set_aside(&self, run: RunId) -> Option<String> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).get(&run).cloned()
    }

    /// Every run that was set aside, and why.
    #[must_use]
    pub fn all_set_aside(&self) -> BTreeMap<RunId, String> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The watcher outside was called, or was not.
    pub fn watched(&self, what: &'static str) {
        *self.held().watched.entry(what).or_default() += 1;
    }

    /// Spans of traces were sent, or were not.
    pub fn spans(&self, what: &'static str, count: u64) {
        *self.held().spans.entry(what).or_default() += count;
    }

    /// Alerts came.
    pub fn alerts(&self, count: usize) {
        self.held().alerts += count as u64;
    }

    /// A batch was answered after that long.
    pub fn appended(&self, taken: bool, took: Duration) {
        let mut counts = self.held();
        if !taken {
            counts.refused += 1;
            return;
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        counts.appends[stretch(&STRETCHES, micros)] += 1;
        counts.append_micros = counts.append_micros.saturating_add(micros);
    }
}

/// The first stretch that such a time is in; one past the last where it is in none.
fn stretch(ends: &[u64], micros: u64) -> usize {
    ends.iter().position(|end| micros <= *end).unwrap_or(ends.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_in_its_stretch() {
        let tally = Tally::default();
        for micros in [1, 500, 501, 9_000_000] {
            tally.appended(true, Duration::from_micros(micros));
        }
        tally.appended(false, Duration::ZERO);
        let counts = tally.counts();
        assert_eq!((counts.appends[0], counts.appends[1], counts.appends[STRETCHES.len()]), (2, 1, 1));
        assert_eq!((counts.append_micros, counts.refused), (9_001_002, 1));
        let late = [5, 6, 7_200_000].map(Duration::from_millis).to_vec();
        tally.fired(&Fired { late, ..Fired::default() });
        let counts = tally.counts();
        assert_eq!(
            (counts.late[0], counts.late[1], counts.late[LATE.len()]),
            (1, 1, 1),
            "to the edge, past it, and two hours"
        );
        assert_eq!(counts.late_micros, 7_200_011_000);
    }
}
