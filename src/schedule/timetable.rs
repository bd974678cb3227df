//! The timetable of one trigger: every due instant in the order of time, and whether it fires.
//!
//! What a change of the clock means is decided here (invariant 5): once for each local time unless `dst` says
//! otherwise, or the expression follows elapsed time.

use crate::base::ids::Name;
use crate::base::planted::{self, Bug};
use crate::base::span::Span;
use crate::model::calendar::Calendar;
use crate::model::cron::Pattern;
use crate::model::schedule::Dst;
use crate::schedule::nominal::Nominal;
use crate::schedule::walk::{Match, Shift, Walk};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use std::sync::Arc;

/// What its time is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Times {
    /// A cron expression.
    Cron(Pattern),
    /// So often, aligned to the epoch.
    Every(Span),
    /// Once, at a local time.
    At(DateTime),
    /// Once, at an instant.
    AtInstant(Timestamp),
    /// At no time of its own: when something calls.
    Called,
}

/// The times of a trigger, its zone, and the days it leaves out.
#[derive(Debug, Clone)]
pub struct Timetable {
    /// When.
    pub times: Times,
    /// In which zone.
    pub zone: TimeZone,
    /// What a change of the clock means.
    pub dst: Dst,
    /// Calendars that are left out, by name.
    pub except: Vec<(Name, Arc<Calendar>)>,
}

/// A due instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// When, before any jitter.
    pub at: Timestamp,
    /// Its name.
    pub nominal: Nominal,
    /// What a change of the clock did to it.
    pub shift: Shift,
    /// Whether it fires.
    pub verdict: Verdict,
}

/// Whether a due instant fires, as far as the calendar decides that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Fires,
    /// Another that a change of the clock moved to the same instant does.
    Coalesced,
    /// A change of the clock leaves it out.
    SkippedDst,
    /// That calendar leaves it out.
    SkippedCalendar(Name),
}

impl Timetable {
    /// Every due instant after `after`, in the order of time.
    #[must_use]
    pub fn after(&self, after: Timestamp) -> DueAfter<'_> {
        let source = match &self.times {
            Times::Cron(pattern) => Source::Cron(Walk::after(pattern, &self.zone, after), None),
            Times::Every(every) => Source::Every(every.millis().max(1), after),
            Times::Called => Source::One(None),
            Times::At(time) => Source::One(Some(self.at(*time)).filter(|found| found.at > after)),
            Times::AtInstant(at) => {
                let found = Match { at: *at, nominal: Nominal::Utc(*at), shift: Shift::None };
                Source::One(Some(found).filter(|found| found.at > after))
            }
        };
        DueAfter { table: self, source, group: Vec::new().into_iter() }
    }

    /// A local time that comes once.
    fn at(&self, time: DateTime) -> Match {
        let zone = &self.zone;
        let nominal = Nominal::Local { time, again: false };
        let ambiguous = zone.to_ambiguous_timestamp(time);
        let shift = match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => Shift::Moved,
            AmbiguousOffset::Fold { .. } | AmbiguousOffset::Unambiguous { .. } => Shift::None,
        };
        // Before a gap, the earlier offset; the border is the next change after that.
        let early = ambiguous.earlier().unwrap_or(Timestamp::MAX);
        let at = match shift {
            Shift::Moved => zone.following(early).next().map_or(early, |border| border.timestamp()),
            Shift::None | Shift::Again => early,
        };
        Match { at, nominal, shift }
    }

    /// The first due instant that fires after `after`.
    #[must_use]
    pub fn next_fire(&self, after: Timestamp) -> Option<Due> {
        self.after(after).take(MOST_LEFT_OUT).find(|due| due.verdict == Verdict::Fires)
    }

    /// What becomes of the matches of one instant.
    fn judge(&self, group: Vec<Match>) -> Vec<Due> {
        // What follows the clock (`each`) is not due when the clock does not show it; what comes once is, all the same.
        let unseen = |shift| self.dst == Dst::Each && shift == Shift::Moved && matches!(self.times, Times::Cron(_));
        let mut dues: Vec<Due> = group
            .into_iter()
            .filter(|found| !unseen(found.shift))
            .map(|Match { at, nominal, shift }| {
                let left_out = match (self.dst, shift) {
                    (_, Shift::None) | (Dst::Once, Shift::Moved) | (Dst::Each, Shift::Moved | Shift::Again) => false,
                    (Dst::Once, Shift::Again) => !planted::has(Bug::FoldTwice),
                    (Dst::Skip, Shift::Moved | Shift::Again) => true,
                };
                let verdict = match self.left_out_by(at, nominal) {
                    _ if left_out => Verdict::SkippedDst,
                    Some(calendar) => Verdict::SkippedCalendar(calendar),
                    None => Verdict::Fires,
                };
                Due { at, nominal, shift, verdict }
            })
            .collect();
        let fires = |due: &Due| due.verdict == Verdict::Fires;
        let own = dues.iter().position(|due| fires(due) && due.shift == Shift::None);
        let one = own.or_else(|| dues.iter().position(fires));
        for (index, due) in dues.iter_mut().enumerate() {
            if Some(index) != one && due.verdict == Verdict::Fires && !planted::has(Bug::GapEach) {
                due.verdict = Verdict::Coalesced;
            }
        }
        dues
    }

    fn left_out_by(&self, at: Timestamp, nominal: Nominal) -> Option<Name> {
        let local = match nominal {
            Nominal::Local { time, .. } => time,
            Nominal::Utc(at) => self.zone.to_datetime(at),
        };
        let by = self.except.iter().find(|(_, calendar)| calendar.has(local.date(), at));
        by.map(|(name, _)| name.clone())
    }
}

/// Instants that may be passed over in a row before a timetable counts as at its end.
const MOST_LEFT_OUT: usize = 100_000;

enum Source<'a> {
    /// What comes, and the first match of the next instant.
    Cron(Walk<'a>, Option<Match>),
    /// In milliseconds, and the last instant.
    Every(u64, Timestamp),
    One(Option<Match>),
}

impl Source<'_> {
    /// Every match of the next instant.
    fn group(&mut self) -> Vec<Match> {
        match self {
            Self::Cron(walk, ahead) => {
                let Some(first) = ahead.take().or_else(|| walk.next()) else { return Vec::new() };
                let mut group = vec![first];
                for more in walk {
                    if more.at != first.at {
                        *ahead = Some(more);
                        break;
                    }
                    group.push(more);
                }
                group
            }
            Self::Every(every, last) => {
                let Ok(step) = i64::try_from(*every) else { return Vec::new() };
                let next = last.as_millisecond().div_euclid(step).saturating_add(1).saturating_mul(step);
                let Ok(at) = Timestamp::from_millisecond(next) else { return Vec::new() };
                *last = at;
                vec![Match { at, nominal: Nominal::Utc(at), shift: Shift::None }]
            }
            Self::One(one) => one.take().into_iter().collect(),
        }
    }
}

/// Due instants, one after the other.
pub struct DueAfter<'a> {
    table: &'a Timetable,
    source: Source<'a>,
    group: std::vec::IntoIter<Due>,
}

impl Iterator for DueAfter<'_> {
    type Item = Due;

    fn next(&mut self) -> Option<Due> {
        loop {
            if let Some(due) = self.group.next() {
                return Some(due);
            }
            let group = self.source.group();
            if group.is_empty() {
                return None;
            }
            self.group = self.table.judge(group).into_iter();
        }
    }
}
