//! What a schedule does: events up to the next wait, and effects. Pure, as `engine::decide` is for a run.
//!
//! One run is started at a time: the start and the row of its instant are one batch, and what is due beside it is decided once
//! that is durable.

mod backfilled;
mod called;
mod known;

pub use called::{startable, too_many};
pub use known::{Decision, Effect, Input, Known, Obstacle};

use crate::base::limits::{MAX_CATCH_UP, MAX_DUE};
use crate::base::planted::{self, Bug};
use crate::model::schedule::{Missed, Overlap};
use crate::schedule::event::{Event, Fate, Instant, Recorded};
use crate::schedule::nominal::Nominal;
use crate::schedule::spec::Spec;
use crate::schedule::state::{IllegalEvent, LastRow, Schedule};
use crate::schedule::timetable::{Due, Verdict};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// How late a start may be and still count as in time: nobody was down, the machine was slow.
const IN_TIME: SignedDuration = SignedDuration::from_secs(30);
/// Instants of a paused schedule get their rows together, so often.
const PAUSED_ROWS: SignedDuration = SignedDuration::from_mins(10);

/// Decides; the schedule is then as it will be once the events are durable.
///
/// # Errors
/// [`IllegalEvent`], which is a bug of ours or a stream that does not add up.
pub fn decide(
    spec: &Spec,
    schedule: &mut Schedule,
    input: Input,
    known: &Known<'_>,
    now: Timestamp,
) -> Result<Decision, IllegalEvent> {
    let mut turn = Turn { spec, schedule, known, now, done: Decision::default(), row: None, apart: BTreeSet::new() };
    match input {
        Input::Tick => turn.tick(false)?,
        Input::Pause { actor, reason } => {
            turn.tick(false)?;
            if turn.schedule.life.as_ref().is_some_and(|life| life.paused.is_none()) {
                turn.clear(&Fate::Paused, None)?;
                turn.push(Event::Paused { actor, reason })?;
            }
        }
        Input::Resume { actor } => {
            if turn.schedule.life.as_ref().is_some_and(|life| life.paused.is_some()) {
                turn.tick(true)?;
                turn.push(Event::Resumed { actor })?;
            }
        }
        Input::Withdraw => {
            if turn.schedule.life.is_some() {
                turn.clear(&Fate::FailedToStart, Some("its trigger was taken out of the runbook"))?;
                turn.push(Event::Withdrawn)?;
            }
        }
        Input::Called(call) => turn.called(*call)?,
        Input::Backfill(fill) => turn.backfill(*fill)?,
        Input::Over { subject, cancel } => turn.over(subject, cancel)?,
        Input::Beat => {
            turn.begin()?;
            turn.push(Event::Beat)?;
        }
        Input::Seen(files) => {
            turn.begin()?;
            turn.push(Event::Seen { files })?;
        }
    }
    turn.flush()?;
    Ok(turn.done)
}

/// When it is to be looked at by itself; `is_live` = whatever waits has something in its way.
#[must_use]
pub fn next_look(spec: &Spec, schedule: &Schedule, is_live: bool) -> Option<Timestamp> {
    let Some(life) = schedule.life.as_ref().filter(|life| life.times == spec.digest) else {
        return Some(Timestamp::MIN);
    };
    if !schedule.waiting.is_empty() && !is_live {
        return Some(Timestamp::MIN);
    }
    let due = spec.table.after(life.watermark).next().map(|due| {
        let starts = spec.starts(due.at, due.nominal);
        if life.paused.is_some() { starts.checked_add(PAUSED_ROWS).unwrap_or(starts) } else { starts }
    });
    let silent = called::silent_at(spec, schedule);
    due.into_iter().chain(schedule.deadlines.iter().map(|open| open.by)).chain(silent).min()
}

struct Turn<'a> {
    spec: &'a Spec,
    schedule: &'a mut Schedule,
    known: &'a Known<'a>,
    now: Timestamp,
    done: Decision,
    /// A row that more instants may join, and the deadline of its last.
    row: Option<(LastRow, Option<Timestamp>)>,
    /// Instants behind one that has a row of its own already: they join no row of those before it.
    apart: BTreeSet<Nominal>,
}

impl Turn<'_> {
    fn begin(&mut self) -> Result<(), IllegalEvent> {
        let times = self.schedule.life.as_ref().map(|life| life.times);
        if times == Some(self.spec.digest) {
            return Ok(());
        }
        self.push(Event::Began { after: self.now, times: self.spec.digest })
    }

    fn tick(&mut self, resumes: bool) -> Result<(), IllegalEvent> {
        self.begin()?;
        self.deadlines()?;
        self.silence()?;
        let paused = self.schedule.life.as_ref().is_some_and(|life| life.paused.is_some());
        if let Some(first) = startable(self.schedule, self.known.live, self.known.of).filter(|_| !paused) {
            return self.start_waiting(first);
        }
        let (dues, more) = self.due();
        if paused {
            let oldest = dues.first().map(|due| self.now.duration_since(due.at));
            if resumes || more || oldest.is_some_and(|age| age >= PAUSED_ROWS) {
                for due in &dues {
                    let fate = left_out(due).unwrap_or(Fate::Paused);
                    self.settle(due, fate, None)?;
                }
            }
            return Ok(());
        }
        let fates = self.judge(&dues, more);
        let mut started = None;
        for (due, fate) in dues.iter().zip(fates) {
            if started.is_some_and(|at| at != due.at) {
                break;
            }
            match fate {
                Some(fate) => self.settle(due, fate, None)?,
                None => {
                    if self.fire(due)? {
                        started = Some(due.at);
                    }
                }
            }
        }
        Ok(())
    }

    /// Everything that is due and has no row, and whether there is more of it than is taken at once.
    fn due(&mut self) -> (Vec<Due>, bool) {
        let Some(life) = &self.schedule.life else { return (Vec::new(), false) };
        let (mut dues, mut apart) = (Vec::new(), false);
        let mut coming = self.spec.table.after(life.watermark).peekable();
        while let Some(due) = coming.next_if(|due| self.spec.starts(due.at, due.nominal) <= self.now) {
            let border = coming.peek().is_none_or(|next| next.at != due.at);
            if (self.known.has_row)(due.nominal) {
                apart = true;
            } else {
                if std::mem::take(&mut apart) {
                    self.apart.insert(due.nominal);
                }
                dues.push(due);
            }
            // Never between two names of one instant.
            if dues.len() >= MAX_DUE && border {
                let more = coming.peek().is_some_and(|due| self.spec.starts(due.at, due.nominal) <= self.now);
                return (dues, more);
            }
        }
        (dues, false)
    }

    /// What becomes of each without looking at what runs; `None` = it is to start.
    fn judge(&self, dues: &[Due], more: bool) -> Vec<Option<Fate>> {
        let age = |at: Timestamp| self.now.duration_since(at);
        let late = |due: &Due| age(self.spec.starts(due.at, due.nominal)) > IN_TIME;
        let within = SignedDuration::from(self.spec.within);
        let mut fates: Vec<Option<Fate>> = dues
            .iter()
            .map(|due| match (left_out(due), self.spec.missed) {
                (Some(fate), _) => Some(fate),
                (None, _) if !late(due) => None,
                (None, Missed::Skip) => Some(Fate::MissedDown),
                (None, Missed::Latest | Missed::All) => (age(due.at) > within).then_some(Fate::TooOld),
            })
            .collect();
        let starts: Vec<usize> = (0..fates.len()).filter(|index| fates[*index].is_none()).collect();
        let newest = if more { None } else { starts.last().copied() };
        for (place, index) in starts.iter().enumerate() {
            let kept = match (self.spec.missed, self.spec.overlap) {
                (Missed::All, _) => starts.len() - place <= MAX_CATCH_UP,
                (Missed::Skip | Missed::Latest, Overlap::Queue(_) | Overlap::Allow) if !late(&dues[*index]) => true,
                (Missed::Skip | Missed::Latest, _) => Some(*index) == newest,
            };
            if !kept {
                let all = self.spec.missed == Missed::All;
                fates[*index] = Some(if all { Fate::SkippedQueueFull } else { Fate::Coalesced });
            }
        }
        fates
    }

    /// An instant that is to start: whether it did.
    fn fire(&mut self, due: &Due) -> Result<bool, IllegalEvent> {
        let instant = Instant { nominal: due.nominal, at: due.at };
        if let Err(obstacle) = (self.known.ready)(None) {
            let (fate, why) = obstacle.fate();
            self.settle(due, fate, Some(&why))?;
            return Ok(false);
        }
        let busy = !self.known.live.is_empty() || !self.schedule.waiting.is_empty();
        let one_by_one = self.spec.missed == Missed::All && self.now.duration_since(due.at) > IN_TIME;
        let room = match self.spec.overlap {
            _ if !busy => return self.start(instant).map(|()| true),
            Overlap::Allow if !one_by_one => return self.start(instant).map(|()| true),
            Overlap::Skip if !one_by_one => {
                let before = self.known.live.iter().next_back();
                let why = before.map(|run| format!("run {run} was still going"));
                self.settle(due, Fate::SkippedOverlap, why.as_deref())?;
                return Ok(false);
            }
            Overlap::Replace if !one_by_one => {
                self.done.effects.extend(self.known.live.iter().map(|run| Effect::Cancel(*run)));
                1
            }
            Overlap::Queue(most) if !one_by_one => most as usize,
            Overlap::Allow | Overlap::Skip | Overlap::Replace | Overlap::Queue(_) => MAX_CATCH_UP,
        };
        let deadline = self.spec.deadline(due.at);
        self.push(Event::Queued { due: instant, deadline })?;
        let fate = if self.spec.overlap == Overlap::Replace { Fate::Replaced } else { Fate::SkippedQueueFull };
        while self.schedule.waiting.len() > room {
            let oldest = self.schedule.waiting[0];
            self.push(settled(oldest, fate.clone(), None))?;
        }
        Ok(false)
    }

    fn start(&mut self, due: Instant) -> Result<(), IllegalEvent> {
        let run = self.run_id(due.nominal);
        let deadline = self.spec.deadline(due.at);
        self.done.call = self.schedule.calls.get(&due.nominal).cloned();
        self.push(Event::Ran { due, run, deadline })?;
        self.done.effects.push(Effect::Start(run, due));
        Ok(())
    }

    fn start_waiting(&mut self, first: Instant) -> Result<(), IllegalEvent> {
        match (self.known.ready)(self.schedule.calls.get(&first.nominal)) {
            Ok(()) => self.start(first),
            Err(obstacle) => {
                let (fate, why) = obstacle.fate();
                self.push(settled(first, fate, Some(&why)))
            }
        }
    }

    /// Everything that waits comes to nothing.
    fn clear(&mut self, fate: &Fate, why: Option<&str>) -> Result<(), IllegalEvent> {
        for waiting in self.schedule.waiting.clone() {
            self.push(settled(waiting, fate.clone(), why))?;
        }
        Ok(())
    }

    fn deadlines(&mut self) -> Result<(), IllegalEvent> {
        let due: Vec<_> = self.schedule.deadlines.iter().filter(|open| open.by <= self.now).cloned().collect();
        for open in due {
            let well = open.run.and_then(self.known.ended).is_some_and(|(well, at)| well && at <= open.by);
            self.push(if well {
                Event::DeadlineMet(open.nominal)
            } else {
                Event::DeadlineMissed { nominal: open.nominal, run: open.run }
            })?;
        }
        Ok(())
    }

    /// An instant comes to nothing: it joins the row before it, or has its own.
    fn settle(&mut self, due: &Due, fate: Fate, why: Option<&str>) -> Result<(), IllegalEvent> {
        if planted::has(Bug::NoRow) && fate == Fate::Coalesced {
            return Ok(());
        }
        let instant = Instant { nominal: due.nominal, at: due.at };
        let before = self.row.as_ref().map(|(row, _)| row).or(self.schedule.last.as_ref());
        let alike = |row: &&LastRow| row.fate == fate && row.why.as_deref() == why;
        let joins = before.filter(alike).filter(|_| !self.apart.contains(&due.nominal)).cloned();
        if self.row.is_some() && joins.is_none() {
            self.flush()?;
        }
        // Of neighbours that come to nothing one deadline is open at a time, or it would never be missed.
        let missing = self.schedule.deadlines.iter().any(|open| open.run.is_none());
        let counts = fate.is_a_miss() && !missing;
        let deadline = if counts { self.spec.deadline(due.at) } else { None };
        let row = match joins {
            Some(row) => LastRow { to: instant, count: row.count + 1, ..row },
            None => LastRow { from: instant, to: instant, count: 1, fate, why: why.map(str::to_owned) },
        };
        self.row = Some((row, deadline));
        Ok(())
    }

    /// The row at hand becomes an event.
    fn flush(&mut self) -> Result<(), IllegalEvent> {
        let Some((row, deadline)) = self.row.take() else { return Ok(()) };
        let LastRow { from, to, count, fate, why } = row;
        self.put(Event::Settled { from, to, count, fate, why, deadline })
    }

    fn push(&mut self, event: Event) -> Result<(), IllegalEvent> {
        self.flush()?;
        self.put(event)
    }

    fn put(&mut self, event: Event) -> Result<(), IllegalEvent> {
        let recorded = Recorded { at: self.now, event };
        self.done.fresh.extend(self.schedule.fresh_row(&recorded.event));
        self.schedule.evolve(&recorded)?;
        self.done.events.push(recorded);
        Ok(())
    }
}

/// An instant that waited comes to nothing.
fn settled(due: Instant, fate: Fate, why: Option<&str>) -> Event {
    Event::Settled { from: due, to: due, count: 1, fate, why: why.map(str::to_owned), deadline: None }
}

/// What the timetable alone says.
fn left_out(due: &Due) -> Option<Fate> {
    match &due.verdict {
        Verdict::Fires => None,
        Verdict::Coalesced => Some(Fate::Coalesced),
        Verdict::SkippedDst => Some(Fate::SkippedDst),
        Verdict::SkippedCalendar(calendar) => Some(Fate::SkippedCalendar(calendar.clone())),
    }
}
