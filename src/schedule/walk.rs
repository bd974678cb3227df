//! A pattern of local times through every change of a zone's clock, in the order of time.
//!
//! A zone is a row of stretches with one offset each. At the border of two, local times were jumped over (a gap) or
//! come a second time (a fold); both stand at the beginning of the later stretch.

use crate::model::cron::Pattern;
use crate::schedule::nominal::Nominal;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// What a change of the clock does to an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shift {
    /// Nothing.
    None,
    /// The clock jumped over it: it stands at the first instant after the gap.
    Moved,
    /// The clock shows it for the second time.
    Again,
}

/// One match of the pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// When.
    pub at: Timestamp,
    /// Its name.
    pub nominal: Nominal,
    /// What a change of the clock did to it.
    pub shift: Shift,
}

/// A time with one offset.
struct Stretch {
    /// What the clock shows at its beginning, under the offset before and under its own.
    shows: Option<(DateTime, DateTime)>,
    start: Timestamp,
    end: Option<Timestamp>,
    offset: Offset,
}

impl Stretch {
    fn at(zone: &TimeZone, at: Timestamp) -> Self {
        let nanosecond = jiff::SignedDuration::from_nanos(1);
        let border = at.checked_add(nanosecond).ok().and_then(|just_after| zone.preceding(just_after).next());
        let start = border.as_ref().map_or(Timestamp::MIN, jiff::tz::TimeZoneTransition::timestamp);
        let offset = zone.to_offset(at);
        let before = start.checked_sub(nanosecond).ok().map(|just_before| zone.to_offset(just_before));
        Self {
            shows: before.map(|before| (before.to_datetime(start), offset.to_datetime(start))),
            start,
            end: zone.following(at).next().map(|border| border.timestamp()),
            offset,
        }
    }
}

/// Matches of a pattern after an instant.
pub struct Walk<'a> {
    pattern: &'a Pattern,
    zone: &'a TimeZone,
    stretch: Stretch,
    /// The local time to look from; `None` = there are no more.
    local: Option<DateTime>,
}

impl<'a> Walk<'a> {
    /// Every match after an instant.
    #[must_use]
    pub fn after(pattern: &'a Pattern, zone: &'a TimeZone, after: Timestamp) -> Self {
        let stretch = Stretch::at(zone, after);
        let local = stretch.offset.to_datetime(after).checked_add(jiff::SignedDuration::from_nanos(1)).ok();
        Self { pattern, zone, stretch, local }
    }

    /// Goes on to the next stretch, if there is one.
    fn advance(&mut self) -> Option<()> {
        let end = self.stretch.end?;
        self.stretch = Stretch::at(self.zone, end);
        let (old, new) = self.stretch.shows?;
        self.local = Some(old.min(new));
        Some(())
    }
}

impl Iterator for Walk<'_> {
    type Item = Match;

    fn next(&mut self) -> Option<Match> {
        loop {
            let found = self.local.and_then(|local| self.pattern.next(local));
            let Some(time) = found else {
                // Nothing matches any more, or the calendar is at its end.
                self.local = None;
                return None;
            };
            let shift = match self.stretch.shows {
                Some((old, new)) if old <= time && time < new => Shift::Moved,
                Some((old, new)) if new <= time && time < old => Shift::Again,
                Some(_) | None => Shift::None,
            };
            let at = match shift {
                Shift::Moved => Some(self.stretch.start),
                Shift::None | Shift::Again => self.stretch.offset.to_timestamp(time).ok(),
            };
            match at {
                Some(at) if self.stretch.end.is_none_or(|end| at < end) => {
                    self.local = time.checked_add(jiff::SignedDuration::from_nanos(1)).ok();
                    return Some(Match { at, nominal: Nominal::Local { time, again: shift == Shift::Again }, shift });
                }
                Some(_) | None => self.advance()?,
            }
        }
    }
}
