//! A baseline as a number: samples, the time and a zone go in.
//!
//! Hours and days are those of the zone's clocks. An hour that a clock change skips is no hour of that day; one
//! that it repeats is one hour with the samples of both.

use crate::base::limits;
use crate::engine::series::Window;
use crate::model::baseline::{Baseline, By, Days, Same};
use crate::model::measure::figure;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeMap;
use std::fmt;

/// What there is to compare with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Usual {
    /// Enough.
    Value(Figure),
    /// Too few earlier hours or days.
    TooFew { found: u32, at_least: u32 },
}

/// A baseline and what it was made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figure {
    pub(super) value: f64,
    by: By,
    count: u32,
    same: Same,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match (self.same, self.count) {
            (Same::Hour, 1) => "hour",
            (Same::Hour, _) => "hours",
            (Same::Day, 1) => "day",
            (Same::Day, _) => "days",
        };
        write!(f, "the {} of {} {what}", self.by, self.count)
    }
}

impl Figure {
    /// As a note of a value that no band names: `usually 80, the median of 9 hours`.
    pub(super) fn note(&self) -> String {
        format!("usually {}, {self}", figure(self.value))
    }
}

/// Where the samples of the baseline lie, newest day first: at least those that count, at most an hour more on either
/// side. A day is cut into hours, so that whoever reads only some of many samples has them from the whole of it.
pub(super) fn windows(baseline: &Baseline, now: Timestamp, zone: &TimeZone) -> Vec<Window> {
    let local = now.to_zoned(zone.clone());
    let today = local.date();
    let days = (1..=days_back(baseline)).filter_map(|back| today.checked_sub(back.days()).ok());
    days.filter(|day| counts(baseline.of, *day, today))
        .filter_map(|day| {
            let (from, to) = match baseline.same {
                Same::Day => (day.at(0, 0, 0, 0), day.tomorrow().ok()?.at(0, 0, 0, 0)),
                Same::Hour => {
                    let from = day.at(local.hour(), 0, 0, 0);
                    (from, from.checked_add(1.hour()).ok()?)
                }
            };
            let from = zone.to_ambiguous_zoned(from).earlier().ok()?.timestamp();
            Some((from, zone.to_ambiguous_zoned(to).later().ok()?.timestamp()))
        })
        .flat_map(hours)
        .collect()
}

/// A window as pieces of an hour; the last may be shorter.
fn hours((from, to): Window) -> impl Iterator<Item = Window> {
    let begins = std::iter::successors(Some(from), |begin| begin.checked_add(1.hour()).ok());
    begins
        .take_while(move |begin| *begin < to)
        .map(move |begin| (begin, begin.checked_add(1.hour()).map_or(to, |end| end.min(to))))
}

/// The baseline of these samples; others than those that count may be among them.
pub(super) fn usual(baseline: &Baseline, samples: &[(Timestamp, f64)], now: Timestamp, zone: &TimeZone) -> Usual {
    let local = now.to_zoned(zone.clone());
    let today = local.date();
    let first = today.checked_sub(days_back(baseline).days()).unwrap_or(Date::MIN);
    let mut slots: BTreeMap<Date, Vec<f64>> = BTreeMap::new();
    for (at, value) in samples {
        let then = at.to_zoned(zone.clone());
        let day = then.date();
        let in_time = (first..today).contains(&day) && counts(baseline.of, day, today);
        if in_time && (baseline.same == Same::Day || then.hour() == local.hour()) {
            slots.entry(day).or_default().push(*value);
        }
    }
    let count = u32::try_from(slots.len()).unwrap_or(u32::MAX);
    let each: Vec<f64> = slots.into_values().filter_map(|values| baseline.by.of(values)).collect();
    match baseline.by.of(each) {
        Some(value) if count >= baseline.at_least => {
            Usual::Value(Figure { value, by: baseline.by, count, same: baseline.same })
        }
        Some(_) | None => Usual::TooFew { found: count, at_least: baseline.at_least },
    }
}

fn days_back(baseline: &Baseline) -> i32 {
    let days = (baseline.over.millis() / 86_400_000).clamp(1, limits::MAX_BASELINE_DAYS as u64);
    i32::try_from(days).unwrap_or(1)
}

fn counts(of: Days, day: Date, today: Date) -> bool {
    let at_work = |day: Date| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    match of {
        Days::Every => true,
        Days::Weekday => at_work(day) == at_work(today),
        Days::SameWeekday => day.weekday() == today.weekday(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::span::Span;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a zone")
    }

    fn wanted(same: Same, of: Days, at_least: u32) -> Baseline {
        Baseline { same, of, over: Span::from_secs(28 * 86_400), by: By::Median, at_least }
    }

    /// The baseline in words, of samples that were read through the windows, as the index hands them over.
    fn told(baseline: &Baseline, samples: &[(&str, f64)], now: &str, zone: &TimeZone) -> String {
        let windows = windows(baseline, at(now), zone);
        let samples: Vec<_> = samples.iter().map(|(when, value)| (at(when), *value)).collect();
        let within = |(when, _): &&(Timestamp, f64)| windows.iter().any(|(from, to)| (from..to).contains(&when));
        let read: Vec<_> = samples.iter().filter(within).copied().collect();
        let told = usual(baseline, &read, at(now), zone);
        assert_eq!(told, usual(baseline, &samples, at(now), zone), "the windows hold all that counts");
        match told {
            Usual::Value(figure) => figure.note(),
            Usual::TooFew { found, at_least } => format!("{found} of {at_least}"),
        }
    }

    #[test]
    fn the_same_hour_of_earlier_days_counts_once_each() {
        let samples = [
            ("2026-11-24T09:30:00Z", 1_000.0), // today: not earlier
            ("2026-11-23T09:00:00Z", 80.0),
            ("2026-11-23T09:59:59Z", 90.0),
            ("2026-11-23T10:00:00Z", 1_000.0), // another hour
            ("2026-11-22T08:59:59Z", 1_000.0),
            ("2026-11-22T09:15:00Z", 70.0),
            ("2026-10-27T09:00:00Z", 60.0), // 28 days back
            ("2026-10-26T09:00:00Z", 1_000.0),
        ];
        let now = "2026-11-24T09:45:00Z";
        let hours = |by, at_least| Baseline { by, ..wanted(Same::Hour, Days::Every, at_least) };
        for (baseline, want) in [
            (hours(By::Median, 3), "usually 70, the median of 3 hours"),
            (hours(By::Median, 4), "3 of 4"),
            (hours(By::Mean, 1), "usually 71.667, the mean of 3 hours"),
            (hours(By::Max, 1), "usually 90, the highest of 3 hours"),
            (hours(By::Min, 1), "usually 60, the lowest of 3 hours"),
            (hours(By::P95, 1), "usually 90, the 95th percentile of 3 hours"),
            (Baseline { over: Span::from_secs(86_400), ..hours(By::Median, 1) }, "usually 85, the median of 1 hour"),
        ] {
            assert_eq!(told(&baseline, &samples, now, &TimeZone::UTC), want, "{baseline:?}");
        }
        assert_eq!(told(&hours(By::Median, 7), &[], now, &TimeZone::UTC), "0 of 7");
    }

    #[test]
    fn days_are_those_asked_for() {
        // 2026-11-24 is a Tuesday.
        let samples: Vec<(String, f64)> = (10..24).map(|day| (format!("2026-11-{day}T12:00:00Z"), 1.0)).collect();
        let samples: Vec<(&str, f64)> = samples.iter().map(|(at, value)| (at.as_str(), *value)).collect();
        for (of, now, want) in [
            (Days::Every, "2026-11-24T18:00:00Z", "14 of 100"),
            (Days::Weekday, "2026-11-24T18:00:00Z", "10 of 100"),
            (Days::SameWeekday, "2026-11-24T18:00:00Z", "2 of 100"),
            (Days::Weekday, "2026-11-28T18:00:00Z", "4 of 100"),
        ] {
            assert_eq!(told(&wanted(Same::Day, of, 100), &samples, now, &TimeZone::UTC), want, "{of:?} at {now}");
        }
    }

    #[test]
    fn the_zone_says_which_hour_and_day_it_is() {
        let moscow = zone("Europe/Moscow");
        let hour = wanted(Same::Hour, Days::Every, 1);
        // 09:45 in Moscow; 07:00 UTC is 10:00 there.
        let samples = [("2026-11-23T06:00:00Z", 5.0), ("2026-11-23T07:00:00Z", 1_000.0)];
        assert_eq!(told(&hour, &samples, "2026-11-24T06:45:00Z", &moscow), "usually 5, the median of 1 hour");
        // 21:30 UTC is the next day there: the sample of 20:59 is yesterday's, that of 21:01 today's.
        let day = wanted(Same::Day, Days::Every, 1);
        let samples = [("2026-11-23T20:59:00Z", 5.0), ("2026-11-23T21:01:00Z", 1_000.0)];
        assert_eq!(told(&day, &samples, "2026-11-23T21:30:00Z", &moscow), "usually 5, the median of 1 day");
    }

    #[test]
    fn an_hour_that_a_clock_change_skips_is_none_of_that_day() {
        // Berlin, 2026-03-29: 02:00 to 03:00 does not exist; 01:30 UTC is 03:30 there.
        let berlin = zone("Europe/Berlin");
        let samples = [
            ("2026-03-29T00:59:00Z", 1_000.0), // 01:59
            ("2026-03-29T01:01:00Z", 1_000.0), // 03:01
            ("2026-03-28T01:30:00Z", 7.0),     // 02:30 winter time
            ("2026-03-30T00:30:00Z", 9.0),     // 02:30 summer time
        ];
        let hour = wanted(Same::Hour, Days::Every, 1);
        assert_eq!(told(&hour, &samples, "2026-03-31T00:45:00Z", &berlin), "usually 8, the median of 2 hours");
        // At nine in the evening every day had one, an hour earlier by the sun of UTC.
        let samples = [("2026-03-28T20:10:00Z", 1.0), ("2026-03-29T19:10:00Z", 3.0), ("2026-03-29T20:10:00Z", 1_000.0)];
        assert_eq!(told(&hour, &samples, "2026-03-30T19:45:00Z", &berlin), "usually 2, the median of 2 hours");
    }

    #[test]
    fn an_hour_that_a_clock_change_repeats_is_one() {
        // Berlin, 2026-10-25: 02:30 comes at 00:30 and at 01:30 UTC.
        let berlin = zone("Europe/Berlin");
        let samples = [
            ("2026-10-25T00:30:00Z", 10.0),
            ("2026-10-25T01:30:00Z", 20.0),
            ("2026-10-25T02:00:00Z", 1_000.0), // 03:00
            ("2026-10-24T00:30:00Z", 11.0),
        ];
        let hour = wanted(Same::Hour, Days::Every, 1);
        assert_eq!(told(&hour, &samples, "2026-10-26T01:30:00Z", &berlin), "usually 13, the median of 2 hours");
        // In the second of the two, the first is today and does not count.
        assert_eq!(told(&hour, &samples, "2026-10-25T01:45:00Z", &berlin), "usually 11, the median of 1 hour");
        // Where two hours come again (Troll station, 03:00 to 01:00), the end of the hour comes twice as well.
        let samples = [("2026-10-24T23:30:00Z", 10.0), ("2026-10-25T01:30:00Z", 20.0)];
        let troll = zone("Antarctica/Troll");
        assert_eq!(told(&hour, &samples, "2026-10-26T01:45:00Z", &troll), "usually 15, the median of 1 hour");
        // The long day is one day.
        let day = wanted(Same::Day, Days::Every, 1);
        let samples = [("2026-10-24T22:00:00Z", 4.0), ("2026-10-25T22:59:00Z", 6.0), ("2026-10-25T23:00:00Z", 1_000.0)];
        assert_eq!(told(&day, &samples, "2026-10-26T12:00:00Z", &berlin), "usually 5, the median of 1 day");
    }
}
