//! The clock a run counts its spans by: wall time as it was set when the run began, whatever anybody sets it to since.
//!
//! Dates are wall time; what lasts is counted here. Knows by how much the wall clock was set, from the run's own events;
//! reads no clock.

use crate::base::limits;
use crate::base::planted::{self, Bug};
use crate::base::span::Span;
use crate::base::timekeeping::Reckoning;
use crate::engine::event::Event;
use crate::engine::evolve::IllegalEvent;
use crate::engine::run::Run;
use crate::engine::turn::Turn;
use jiff::{SignedDuration, Timestamp};

/// An instant on a run's own clock. Compared with others of the same run it says how much time has truly passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Own(Timestamp);

impl Own {
    /// The first instant of a run: nobody has set the clock since.
    #[must_use]
    pub fn of(began: Timestamp) -> Self {
        Self(began)
    }

    /// So much later.
    #[must_use]
    pub fn later(self, span: Span) -> Self {
        Self(moved(self.0, SignedDuration::from(span)))
    }

    /// How long after `earlier`; never less than nothing.
    #[must_use]
    pub fn after(self, earlier: Self) -> Span {
        let millis = self.0.as_millisecond() - earlier.0.as_millisecond();
        Span::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

/// An instant of an event, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// By the wall clock.
    pub(super) at: Timestamp,
    /// How far the wall clock was set since the run began, in milliseconds.
    set_ms: i64,
}

impl Moment {
    /// By the run's own clock.
    pub(super) fn own(self) -> Own {
        self.own_of(self.at)
    }

    /// An instant that the wall clock is to show, by the run's own clock.
    pub(super) fn own_of(self, wall: Timestamp) -> Own {
        Own(moved(wall, SignedDuration::from_millis(self.set_ms.saturating_neg())))
    }
}

impl Run {
    /// An instant of wall time, as the clock is set now.
    pub(super) fn moment(&self, at: Timestamp) -> Moment {
        Moment { at, set_ms: self.set_ms }
    }

    /// The same by the run's own clock.
    #[must_use]
    pub fn own(&self, wall: Timestamp) -> Own {
        self.moment(wall).own()
    }

    /// When the wall clock, as it is set now, shows what the run's own clock shows then.
    #[must_use]
    pub fn wall(&self, own: Own) -> Timestamp {
        moved(own.0, SignedDuration::from_millis(self.set_ms))
    }

    /// The clock was set by so much: no later event is dated earlier by the run's own clock.
    pub(super) fn set(&mut self, by_ms: i64, reckoning: &Reckoning) {
        if !planted::has(Bug::CountsByWall) {
            self.set_ms = self.set_ms.saturating_add(by_ms);
        }
        self.latest = moved(self.latest, SignedDuration::from_millis(by_ms));
        self.reckoning = Some(reckoning.clone());
    }

    /// The earliest date an event may have.
    pub(super) fn earliest(&self, event: &Event) -> Timestamp {
        match event {
            Event::ClockSet { by_ms, .. } => moved(self.latest, SignedDuration::from_millis(*by_ms)),
            Event::Started(_)
            | Event::Queued { .. }
            | Event::Admitted
            | Event::CancelAsked { .. }
            | Event::TimedOut
            | Event::Entered(_)
            | Event::Step { .. }
            | Event::Ended(_) => self.latest,
        }
    }
}

impl Turn<'_> {
    /// Now, by the run's own clock.
    pub(super) fn own_now(&self) -> Own {
        self.run.own(self.now)
    }

    /// It counts by that clock from now on. `before_ms` is the lead it counted by in that boot where its own events say none.
    pub(super) fn reckon(&mut self, now: &Reckoning, before_ms: Option<i64>) -> Result<(), IllegalEvent> {
        if !self.run.is_behind(now) {
            return Ok(());
        }
        let known = self.run.reckoning.as_ref().filter(|known| known.boot == now.boot);
        let before = known.map(|known| known.lead_ms).or(before_ms);
        let by_ms = before.map_or(0, |before| now.lead_ms.saturating_sub(before));
        self.emit(Event::ClockSet { by_ms, reckoning: now.clone() })
    }
}

impl Run {
    /// Whether the run counts by another clock than that: of another boot, or set since by more than nobody minds.
    #[must_use]
    pub fn is_behind(&self, now: &Reckoning) -> bool {
        self.reckoning.as_ref().is_none_or(|known| was_set(known, now))
    }
}

/// Whether the wall clock was set between two looks by more than nobody minds, or the machine was started again.
#[must_use]
pub fn was_set(before: &Reckoning, now: &Reckoning) -> bool {
    before.boot != now.boot || now.lead_ms.abs_diff(before.lead_ms) >= limits::CLOCK_SET as u64
}

fn moved(at: Timestamp, by: SignedDuration) -> Timestamp {
    let end = if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
    at.checked_add(by).unwrap_or(end)
}
