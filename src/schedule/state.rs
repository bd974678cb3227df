//! A schedule, folded from its events. [`Schedule::evolve`] is a closed table: what is not in it cannot have happened.

use crate::base::actor::Actor;
use crate::base::digest::Digest;
use crate::base::ids::RunId;
use crate::schedule::call::Call;
use crate::schedule::event::{Event, Fate, Instant, Recorded};
use crate::schedule::nominal::Nominal;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Where a schedule stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Schedule {
    /// How many events it is made of.
    pub version: u64,
    /// What it does; `None` = it has not begun, or was withdrawn.
    pub life: Option<Life>,
    /// Due instants that wait for the run before them, oldest first.
    pub waiting: Vec<Instant>,
    /// Deadlines that are neither met nor missed yet.
    pub deadlines: Vec<Open>,
    /// The row that an equal neighbour would join.
    pub last: Option<LastRow>,
    /// Calls whose runs have not been started.
    pub calls: BTreeMap<Nominal, Call>,
    /// When runs of calls were started: those of the last minute.
    pub starts: Vec<Timestamp>,
    /// Files as they were seen, each with what tells one state of it from another.
    pub files: BTreeMap<String, String>,
}

/// A schedule that is obeyed.
#[derive(Debug, Clone, PartialEq)]
pub struct Life {
    /// What its time is made of.
    pub times: Digest,
    /// Every due instant up to here has its row.
    pub watermark: Timestamp,
    /// Who paused it, when, why.
    pub paused: Option<(Actor, Timestamp, String)>,
    /// When the call that must come came last, or was waited for first.
    pub beat: Timestamp,
    /// Whether it has been missed since.
    pub silent: bool,
    /// Whether the files that were there at first have been seen.
    pub seen: bool,
}

/// A deadline that is to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Of which instant.
    pub nominal: Nominal,
    /// Its run, where there is one.
    pub run: Option<RunId>,
    /// When.
    pub by: Timestamp,
}

/// The row of the last instants that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRow {
    /// Its first instant.
    pub from: Instant,
    /// Its last.
    pub to: Instant,
    /// How many.
    pub count: u64,
    /// What became of them.
    pub fate: Fate,
    /// Why.
    pub why: Option<String>,
}

/// An event that the schedule cannot have seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a schedule that {state} cannot have seen `{event}`")]
pub struct IllegalEvent {
    state: &'static str,
    event: &'static str,
}

impl Schedule {
    /// The schedule of these events.
    ///
    /// # Errors
    /// [`IllegalEvent`] at the first that cannot have happened.
    pub fn replay(events: &[Recorded]) -> Result<Self, IllegalEvent> {
        let mut schedule = Self::default();
        events.iter().try_for_each(|event| schedule.evolve(event))?;
        Ok(schedule)
    }

    /// Applies one event.
    ///
    /// # Errors
    /// [`IllegalEvent`]; the schedule is then as it was.
    pub fn evolve(&mut self, recorded: &Recorded) -> Result<(), IllegalEvent> {
        let (state, event) = (self.word(), word(&recorded.event));
        self.apply(recorded).ok_or(IllegalEvent { state, event })?;
        self.version += 1;
        Ok(())
    }

    /// What it is, in a word; the rows of the table.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match &self.life {
            None if self.version == 0 => "is new",
            None => "is not obeyed",
            Some(life) if life.paused.is_some() => "is paused",
            Some(_) if self.waiting.is_empty() => "is idle",
            Some(_) => "has instants that wait",
        }
    }

    /// The instant whose row comes about with an event that is to follow.
    #[must_use]
    pub fn fresh_row(&self, event: &Event) -> Option<Nominal> {
        let waits = |due: &Instant| self.waiting.contains(due);
        let grows = |from: &Instant| self.last.as_ref().is_some_and(|last| last.from == *from);
        match event {
            Event::Ran { due, .. } | Event::Queued { due, .. } => (!waits(due)).then_some(due.nominal),
            // A row that had it is taken apart: that nobody else does so, the version of the stream says.
            Event::Backfilled { due, had, .. } => had.is_none().then_some(due.nominal),
            Event::Settled { from, .. } => (!waits(from) && !grows(from)).then_some(from.nominal),
            Event::Began { .. }
            | Event::Withdrawn
            | Event::Called { .. }
            | Event::Beat
            | Event::Silent { .. }
            | Event::Seen { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::DeadlineMet(_)
            | Event::DeadlineMissed { .. } => None,
        }
    }

    /// The table; `None` = not in it.
    fn apply(&mut self, recorded: &Recorded) -> Option<()> {
        match (&recorded.event, &mut self.life) {
            (Event::Began { after, times }, life) => {
                let kept = life.take();
                let watermark = kept.as_ref().map_or(*after, |kept| kept.watermark.max(*after));
                let paused = kept.and_then(|kept| kept.paused);
                *life = Some(Life { times: *times, watermark, paused, beat: *after, silent: false, seen: false });
                self.last = None;
                self.files.clear();
            }
            (Event::Withdrawn, life @ Some(_)) if self.waiting.is_empty() => {
                *life = None;
                self.deadlines.clear();
                self.last = None;
                self.files.clear();
            }
            (Event::Called { .. } | Event::Beat | Event::Silent { .. } | Event::Seen { .. }, Some(_)) => {
                self.heard(recorded)?;
            }
            (Event::Ran { due, run, deadline }, Some(life)) if life.paused.is_none() => {
                self.ran(due, *run, *deadline, recorded.at)?;
            }
            (Event::Backfilled { due, run, .. }, _) if !self.waiting.contains(due) => {
                let open = self.deadlines.iter_mut().find(|open| open.nominal == due.nominal);
                if let Some(open) = open.filter(|open| open.run.is_none()) {
                    open.run = Some(*run);
                }
                self.last = None;
            }
            (Event::Queued { due, deadline }, Some(life)) if life.paused.is_none() && due.at >= life.watermark => {
                life.watermark = due.at;
                self.waiting.push(*due);
                self.open(due.nominal, None, *deadline);
                self.last = None;
            }
            (Event::Settled { from, to, count, fate, why, deadline }, Some(_)) => {
                let row = LastRow { from: *from, to: *to, count: *count, fate: fate.clone(), why: why.clone() };
                self.settle(row, *deadline)?;
            }
            (Event::Paused { actor, reason }, Some(life)) if life.paused.is_none() && self.waiting.is_empty() => {
                life.paused = Some((actor.clone(), recorded.at, reason.clone()));
            }
            (Event::Resumed { .. }, Some(life)) => drop(life.paused.take()?),
            (Event::DeadlineMet(nominal) | Event::DeadlineMissed { nominal, .. }, Some(_)) => {
                let index = self.deadlines.iter().position(|open| open.nominal == *nominal)?;
                self.deadlines.remove(index);
            }
            (
                Event::Withdrawn
                | Event::Called { .. }
                | Event::Beat
                | Event::Silent { .. }
                | Event::Seen { .. }
                | Event::Ran { .. }
                | Event::Backfilled { .. }
                | Event::Queued { .. }
                | Event::Settled { .. }
                | Event::Paused { .. }
                | Event::Resumed { .. }
                | Event::DeadlineMet(_)
                | Event::DeadlineMissed { .. },
                _,
            ) => return None,
        }
        Some(())
    }

    /// Something from outside: a call, the one that must come or its absence, files.
    fn heard(&mut self, recorded: &Recorded) -> Option<()> {
        let life = self.life.as_mut()?;
        match &recorded.event {
            Event::Called { due, call } => {
                if due.at <= life.watermark || self.calls.contains_key(&due.nominal) {
                    return None;
                }
                self.calls.insert(due.nominal, Call::clone(call));
                self.files = seen(std::mem::take(&mut self.files), call.file.as_slice());
            }
            Event::Beat => (life.beat, life.silent) = (recorded.at, false),
            Event::Silent { .. } if !life.silent => life.silent = true,
            Event::Seen { files } => {
                life.seen = true;
                self.files = seen(std::mem::take(&mut self.files), files);
            }
            Event::Silent { .. }
            | Event::Began { .. }
            | Event::Withdrawn
            | Event::Ran { .. }
            | Event::Backfilled { .. }
            | Event::Queued { .. }
            | Event::Settled { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::DeadlineMet(_)
            | Event::DeadlineMissed { .. } => return None,
        }
        Some(())
    }

    /// A run starts: for an instant that is due, for one that waited, or for a call.
    fn ran(&mut self, due: &Instant, run: RunId, deadline: Option<Timestamp>, now: Timestamp) -> Option<()> {
        let life = self.life.as_mut()?;
        // A call about something else overtakes those that wait.
        let called = self.calls.contains_key(&due.nominal);
        if self.waiting.first() == Some(due) || called && self.waiting.contains(due) {
            self.waiting.retain(|waiting| waiting != due);
        } else if due.at < life.watermark || !self.waiting.is_empty() && !called {
            return None;
        }
        life.watermark = life.watermark.max(due.at);
        self.calls.remove(&due.nominal);
        if called {
            self.starts.retain(|start| now.duration_since(*start) < RECENT);
            self.starts.push(now);
        }
        match self.deadlines.iter_mut().find(|open| open.nominal == due.nominal) {
            Some(open) => open.run = Some(run),
            None => self.open(due.nominal, Some(run), deadline),
        }
        self.last = None;
        Some(())
    }

    /// One that waited comes to nothing, or the row of those after the watermark grows.
    fn settle(&mut self, row: LastRow, deadline: Option<Timestamp>) -> Option<()> {
        let life = self.life.as_mut()?;
        if row.from == row.to && self.waiting.contains(&row.to) {
            self.waiting.retain(|waiting| *waiting != row.to);
            self.calls.remove(&row.to.nominal);
            if !row.fate.is_a_miss() {
                self.deadlines.retain(|open| open.nominal != row.to.nominal);
            }
            self.last = None;
            return Some(());
        }
        let joins = self.last.as_ref().is_some_and(|last| {
            last.from == row.from && last.fate == row.fate && last.why == row.why && last.count < row.count
        });
        let fresh = row.from.at >= life.watermark && row.count > 0 && (row.count > 1) == (row.from != row.to);
        if row.to.at < life.watermark.max(row.from.at) || !joins && !fresh {
            return None;
        }
        life.watermark = row.to.at;
        self.calls.remove(&row.to.nominal);
        self.open(row.to.nominal, None, deadline);
        self.last = Some(row);
        Some(())
    }

    fn open(&mut self, nominal: Nominal, run: Option<RunId>, by: Option<Timestamp>) {
        self.deadlines.extend(by.map(|by| Open { nominal, run, by }));
    }
}

/// Files with what was seen of some of them.
fn seen(mut files: BTreeMap<String, String>, now: &[(String, Option<String>)]) -> BTreeMap<String, String> {
    for (name, stamp) in now {
        match stamp {
            Some(stamp) => drop(files.insert(name.clone(), stamp.clone())),
            None => drop(files.remove(name)),
        }
    }
    files
}

/// Starts of calls are counted over this time.
pub const RECENT: SignedDuration = SignedDuration::from_mins(1);

/// The name of an event's kind.
#[must_use]
pub fn word(event: &Event) -> &'static str {
    match event {
        Event::Began { .. } => "began",
        Event::Withdrawn => "withdrawn",
        Event::Called { .. } => "called",
        Event::Beat => "beat",
        Event::Silent { .. } => "silent",
        Event::Seen { .. } => "seen",
        Event::Ran { .. } => "ran",
        Event::Backfilled { .. } => "backfilled",
        Event::Queued { .. } => "queued",
        Event::Settled { .. } => "settled",
        Event::Paused { .. } => "paused",
        Event::Resumed { .. } => "resumed",
        Event::DeadlineMet(_) => "deadline-met",
        Event::DeadlineMissed { .. } => "deadline-missed",
    }
}
