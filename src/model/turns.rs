//! Instants of local times: whose turn it is in a rotation, and when a window of the day is open.
//!
//! All counting is by the calendar, in local time; an instant is made of it last. A local time that a change of the
//! clocks leaves out is the moment of the change; one that comes twice is the first of the two. Turns therefore meet
//! without a gap and without an overlap, whatever a zone does.

use crate::model::escalation::{Rotation, Window};
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// The Monday from which turns are counted where a rotation does not say since when.
const EPOCH: Date = Date::constant(2024, 1, 1);

/// Days on which a window that begins every day is looked for again before it is taken to be open for ever.
const FOR_EVER: usize = 8;

/// The instant of a local time. `None` at the ends of time only.
#[must_use]
pub fn instant(zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(time).compatible().ok()
}

/// The turns of a rotation.
#[derive(Debug, Clone, Copy)]
pub struct Turns<'a> {
    rotation: &'a Rotation,
    /// The first hand-off that is a whole number of turns from every later one.
    anchor: DateTime,
    /// The number of the turn that begins there: 1 where a shorter one goes before it.
    first: i64,
}

impl<'a> Turns<'a> {
    /// Those of a rotation.
    #[must_use]
    pub fn new(rotation: &'a Rotation) -> Self {
        let since = rotation.since.unwrap_or(EPOCH);
        let anchor = match rotation.weekday {
            Some(day) => on_or_after(since, day),
            None => since,
        };
        let short = rotation.since.is_some() && anchor > since;
        Self { rotation, anchor: anchor.to_datetime(rotation.handoff), first: i64::from(short) }
    }

    /// The first instant at which somebody has a turn; `None` where there was always one.
    #[must_use]
    pub fn start(&self) -> Option<Timestamp> {
        instant(&self.rotation.zone, self.rotation.since?.to_datetime(self.rotation.handoff))
    }

    /// The number of the turn at an instant, and when it began. `None` before the first.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Option<(i64, Option<Timestamp>)> {
        let start = self.start();
        if start.is_some_and(|start| at < start) {
            return None;
        }
        let Some(turn) = self.rotation.turn else { return Some((0, start)) };
        let local = self.rotation.zone.to_datetime(at);
        let hours = (local - self.anchor).total((jiff::Unit::Hour, jiff::SpanRelativeTo::days_are_24_hours()));
        let hours = hours.unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "hours of a few thousand years")]
        let mut round = (hours / f64::from(turn)).floor() as i64;
        // Where a clock was put forward or back, the guess may be one off.
        while self.begins(round + 1).is_some_and(|next| next <= at) {
            round += 1;
        }
        while self.begins(round).is_some_and(|begin| begin > at) && (self.first == 0 || round >= 0) {
            round -= 1;
        }
        if self.first == 1 && round < 0 {
            return Some((0, start));
        }
        Some((round + self.first, self.begins(round)))
    }

    /// The first hand-off after an instant. `None` where it never goes round.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let start = self.start();
        if let Some(start) = start.filter(|start| after < *start) {
            return Some(start);
        }
        self.rotation.turn?;
        let (turn, _) = self.at(after)?;
        (turn - self.first + 1..).map_while(|round| self.begins(round)).find(|begin| *begin > after)
    }

    /// When a round after the anchor begins.
    fn begins(&self, round: i64) -> Option<Timestamp> {
        let hours = round.checked_mul(self.rotation.turn?.into())?;
        let (days, hours) = (hours.div_euclid(24), hours.rem_euclid(24));
        let span = jiff::Span::new().try_days(days).ok()?.try_hours(hours).ok()?;
        instant(&self.rotation.zone, self.anchor.checked_add(span).ok()?)
    }
}

fn on_or_after(day: Date, wanted: Weekday) -> Date {
    let ahead = i64::from(wanted.since(day.weekday()));
    day.checked_add(ahead.days()).unwrap_or(day)
}

impl Window {
    /// The stretch that is open at an instant: from when, and until when.
    #[must_use]
    pub fn open(&self, zone: &TimeZone, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let today = zone.to_datetime(at).date();
        let days = [Some(today), today.yesterday().ok()];
        let found = days.into_iter().flatten().filter_map(|day| self.of(zone, day));
        found.into_iter().find(|(from, to)| *from <= at && at < *to)
    }

    /// The stretch that begins on a day.
    #[must_use]
    pub fn of(&self, zone: &TimeZone, day: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days.is_empty() && !self.days.contains(&day.weekday()) {
            return None;
        }
        let last = if self.to > self.from { day } else { day.tomorrow().ok()? };
        Some((instant(zone, day.to_datetime(self.from))?, instant(zone, last.to_datetime(self.to))?))
    }

    /// When it is shut again, for who waits; `None` where it is open for ever.
    #[must_use]
    pub fn shuts(&self, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
        let mut shut = at;
        for _ in 0..FOR_EVER {
            let Some((_, to)) = self.open(zone, shut) else { return Some(shut) };
            shut = to;
        }
        None
    }

    /// The instants in a stretch of time at which it opens or shuts.
    #[must_use]
    pub fn edges(&self, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let (first, last) = (zone.to_datetime(from).date(), zone.to_datetime(to).date());
        let first = first.checked_sub(2.days()).unwrap_or(first);
        let days = first.series(1.day()).take_while(|day| *day <= last);
        let edges = days.filter_map(|day| self.of(zone, day)).flat_map(|(open, shut)| [open, shut]);
        edges.filter(|at| (from..to).contains(at)).collect()
    }
}
