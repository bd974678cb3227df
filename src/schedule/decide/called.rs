//! Calls: what comes from outside gets an instant of its own, and starts a run as one that was due does.

use super::{Effect, Obstacle, Turn, settled};
use crate::base::ids::RunId;
use crate::base::limits::{MAX_CALL_DEPTH, MAX_STARTS};
use crate::model::schedule::Overlap;
use crate::schedule::call::{Answer, Call};
use crate::schedule::event::{Event, Fate, Instant};
use crate::schedule::nominal::Nominal;
use crate::schedule::state::{IllegalEvent, RECENT, Schedule};
use crate::schedule::timetable::{Due, Verdict};
use crate::schedule::walk::Shift;
use jiff::{SignedDuration, Timestamp, Unit};
use std::collections::{BTreeMap, BTreeSet};

/// What is about the same thing as a call.
struct Same {
    live: Vec<RunId>,
    waiting: Vec<Instant>,
}

impl Turn<'_> {
    /// A call: accepted once, whatever comes of it.
    pub(super) fn called(&mut self, call: Call) -> Result<(), IllegalEvent> {
        self.begin()?;
        if let Some(before) = (self.known.called)(&call.key) {
            let answer = Answer { nominal: before.nominal, fate: None, run: before.run, why: None };
            self.done.answer = Some(Ok(answer));
            return Ok(());
        }
        let same = self.same(&call);
        let fate = match self.early(&call, &same) {
            Ok(fate) => fate,
            Err(why) => {
                self.done.answer = Some(Err(why));
                return Ok(());
            }
        };
        let due = self.instant();
        // What came to nothing is no reason to put off the next one about the same.
        let kept = if fate.is_none() { call } else { Call { subject: None, ..call } };
        self.push(Event::Called { due, call: Box::new(kept) })?;
        let mut answer = Answer { nominal: due.nominal, fate: None, run: None, why: None };
        match fate {
            Some((fate, why)) => {
                answer.fate = Some(fate.word());
                self.settle(&named(due), fate, why.as_deref())?;
                answer.why = why;
            }
            None if same.is_none() || self.spec.overlap == Overlap::Allow => {
                self.start(due)?;
                answer.fate = Some(Fate::Ran.word());
                answer.run = self.done.effects.iter().find_map(|effect| match effect {
                    Effect::Start(run, started) if *started == due => Some(*run),
                    Effect::Start(..) | Effect::Cancel(_) => None,
                });
            }
            None => {
                answer.fate = Some(crate::schedule::project::WAITING);
                self.queue(due, same)?;
            }
        }
        self.done.answer = Some(Ok(answer));
        Ok(())
    }

    /// What a call is about is over: what waits for it need not start, and with `cancel` what runs for it need not go on.
    pub(super) fn over(&mut self, subject: crate::base::digest::Digest, cancel: bool) -> Result<(), IllegalEvent> {
        if self.schedule.life.is_none() {
            return Ok(());
        }
        let about = Call {
            key: subject,
            subject: Some(subject),
            inputs: crate::base::value::Map::new(),
            about: crate::base::value::Map::new(),
            at: None,
            depth: 0,
            file: None,
        };
        let same = self.same(&about);
        for waiting in same.waiting {
            self.push(settled(waiting, Fate::TooOld, Some("what it was about had ended before it could start")))?;
        }
        if cancel {
            self.done.effects.extend(same.live.into_iter().map(Effect::Cancel));
        }
        Ok(())
    }

    /// The call that must come has not, and it is time.
    pub(super) fn silence(&mut self) -> Result<(), IllegalEvent> {
        match silent_at(self.spec, self.schedule) {
            Some(by) if by <= self.now => self.push(Event::Silent { by }),
            Some(_) | None => Ok(()),
        }
    }

    /// What becomes of it before anything is started; an error = it can't be accepted.
    fn early(&self, call: &Call, same: &Same) -> Result<Option<(Fate, Option<String>)>, Obstacle> {
        let settle = |fate: Fate, why: String| Ok(Some((fate, Some(why))));
        if self.schedule.life.as_ref().is_some_and(|life| life.paused.is_some()) {
            return Ok(Some((Fate::Paused, None)));
        }
        if call.at.is_some_and(|at| self.now.duration_since(at) > SignedDuration::from(self.spec.within)) {
            return Ok(Some((Fate::TooOld, None)));
        }
        if call.depth as usize >= MAX_CALL_DEPTH {
            return settle(Fate::FailedToStart, format!("runbooks have started one another {} deep", call.depth));
        }
        if let Some(fate) = self.cools(call) {
            return Ok(Some(fate));
        }
        if self.spec.overlap == Overlap::Skip && !same.is_none() {
            let before = same.live.last().map(|run| format!("run {run} was still going"));
            return Ok(Some((Fate::SkippedOverlap, before)));
        }
        let recent = self.schedule.starts.iter().filter(|start| self.now.duration_since(**start) < RECENT);
        if recent.count() >= MAX_STARTS {
            return settle(Fate::FailedToStart, too_many());
        }
        match (self.known.ready)(Some(call)) {
            Ok(()) => Ok(None),
            Err(Obstacle::Failed(why)) => settle(Fate::FailedToStart, why),
            Err(none @ Obstacle::NoSpace(_)) => Err(none),
        }
    }

    /// Whether a run about the same was started within the cooldown.
    fn cools(&self, call: &Call) -> Option<(Fate, Option<String>)> {
        let (cooldown, subject) = (self.spec.cooldown?, call.subject?);
        let Nominal::Utc(last) = (self.known.called)(&subject)?.nominal else { return None };
        let cools = self.now.duration_since(last) < SignedDuration::from(cooldown);
        cools.then(|| (Fate::Coalesced, Some(format!("its `cooldown` of {cooldown} had not passed"))))
    }

    /// What runs and what waits about the same thing; everything, for a call that is about nothing in particular.
    fn same(&self, call: &Call) -> Same {
        let live = self
            .known
            .live
            .iter()
            .filter(|run| call.subject.is_none() || self.known.of.get(run) == call.subject.as_ref());
        let about = |due: &&Instant| {
            call.subject.is_none()
                || self.schedule.calls.get(&due.nominal).is_some_and(|waits| waits.subject == call.subject)
        };
        Same { live: live.copied().collect(), waiting: self.schedule.waiting.iter().filter(about).copied().collect() }
    }

    /// It waits for those before it.
    fn queue(&mut self, due: Instant, same: Same) -> Result<(), IllegalEvent> {
        let (room, fate) = match self.spec.overlap {
            Overlap::Queue(most) => (most as usize, Fate::SkippedQueueFull),
            Overlap::Replace | Overlap::Skip | Overlap::Allow => (1, Fate::Replaced),
        };
        if self.spec.overlap == Overlap::Replace {
            self.done.effects.extend(same.live.into_iter().map(Effect::Cancel));
        }
        self.push(Event::Queued { due, deadline: self.spec.deadline(due.at) })?;
        let excess = (same.waiting.len() + 1).saturating_sub(room);
        for oldest in same.waiting.into_iter().take(excess) {
            self.push(settled(oldest, fate.clone(), None))?;
        }
        Ok(())
    }

    /// The instant of a call: now, and never one that was given before.
    fn instant(&self) -> Instant {
        let last = self.schedule.life.as_ref().map_or(Timestamp::MIN, |life| life.watermark);
        let next = last.checked_add(SignedDuration::from_micros(1)).unwrap_or(last);
        let at = self.now.max(next).round(Unit::Microsecond).unwrap_or(next);
        let at = if at <= last { next } else { at };
        Instant { nominal: Nominal::Utc(at), at }
    }
}

impl Same {
    fn is_none(&self) -> bool {
        self.live.is_empty() && self.waiting.is_empty()
    }
}

/// Why a call past the most that start within a minute starts nothing; its row has this, and an incident is told of it.
#[must_use]
pub fn too_many() -> String {
    format!("it had started {MAX_STARTS} runs within a minute, which is the most")
}

/// The oldest that waits and has nothing in its way.
#[must_use]
pub fn startable(
    schedule: &Schedule,
    live: &BTreeSet<RunId>,
    of: &BTreeMap<RunId, crate::base::digest::Digest>,
) -> Option<Instant> {
    let free = |due: &&Instant| match schedule.calls.get(&due.nominal).and_then(|call| call.subject) {
        Some(subject) => !live.iter().any(|run| of.get(run) == Some(&subject)),
        None => live.is_empty(),
    };
    schedule.waiting.iter().find(free).copied()
}

/// When the call that must come is missed.
pub(super) fn silent_at(spec: &crate::schedule::spec::Spec, schedule: &Schedule) -> Option<Timestamp> {
    let (every, grace) = spec.heartbeat?;
    let life = schedule.life.as_ref().filter(|life| !life.silent && life.paused.is_none())?;
    let by = life.beat.checked_add(SignedDuration::from(every)).ok()?;
    by.checked_add(SignedDuration::from(grace)).ok()
}

fn named(due: Instant) -> Due {
    Due { at: due.at, nominal: due.nominal, shift: Shift::None, verdict: Verdict::Fires }
}
