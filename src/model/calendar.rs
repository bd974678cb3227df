//! A calendar: days and stretches of time on which a trigger with `except` does not fire.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// Days and stretches of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calendar {
    days: BTreeSet<Date>,
    /// From, to (not in it), by their beginnings.
    hours: Vec<(Timestamp, Timestamp)>,
    /// The longest of them, so that a look back ends.
    longest: i64,
}

impl Calendar {
    /// A calendar of days and stretches.
    #[must_use]
    pub fn new(days: BTreeSet<Date>, mut hours: Vec<(Timestamp, Timestamp)>) -> Self {
        hours.sort_unstable();
        let longest = hours.iter().map(|(from, to)| to.as_second() - from.as_second()).max().unwrap_or_default();
        Self { days, hours, longest }
    }

    /// Both of them.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::new(self.days.into_iter().chain(other.days).collect(), [self.hours, other.hours].concat())
    }

    /// Whether it has that day, or that instant.
    #[must_use]
    pub fn has(&self, day: Date, at: Timestamp) -> bool {
        let begun = self.hours.partition_point(|(from, _)| *from <= at);
        let recent = self.hours[..begun].iter().rev();
        let mut recent = recent.take_while(|(from, _)| at.as_second() - from.as_second() <= self.longest);
        self.days.contains(&day) || recent.any(|(_, to)| at < *to)
    }

    /// The instants in a stretch of time at which [`Self::has`] may change: days begin and end in that zone.
    #[must_use]
    pub fn edges(&self, from: Timestamp, to: Timestamp, zone: &TimeZone) -> Vec<Timestamp> {
        let (first, last) = (zone.to_datetime(from).date(), zone.to_datetime(to).date());
        let around = first.yesterday().unwrap_or(first)..=last;
        let days = self.days.range(around).flat_map(|day| [Some(*day), day.tomorrow().ok()]).flatten();
        let days = days.filter_map(|day| zone.to_ambiguous_timestamp(day.at(0, 0, 0, 0)).compatible().ok());
        let hours = self.hours.iter().flat_map(|(from, to)| [*from, *to]);
        days.chain(hours).filter(|at| (from..to).contains(at)).collect()
    }
}
