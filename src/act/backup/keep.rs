//! Which archives of a name stay.

use crate::act::args::Args;
use crate::model::perform::Failure;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Good archives that always stay, where the author says nothing.
const AT_LEAST: usize = 3;
const DAY: i64 = 24 * 60 * 60;

/// `keep:`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Keep {
    days: Option<i64>,
    pub(super) last: usize,
    daily: usize,
    weekly: usize,
    monthly: usize,
    pub(super) at_least: usize,
}

impl Keep {
    pub(super) fn read(args: &Args) -> Result<Self, Failure> {
        let count = |key: &str, default: usize| {
            let count = args.count(key)?.and_then(|count| usize::try_from(count).ok());
            Ok::<_, Failure>(count.unwrap_or(default))
        };
        Ok(Self {
            days: args.count("days")?.and_then(|days| i64::try_from(days).ok()),
            last: count("last", 0)?,
            daily: count("daily", 0)?,
            weekly: count("weekly", 0)?,
            monthly: count("monthly", 0)?,
            at_least: count("at_least", AT_LEAST)?.max(1),
        })
    }

    /// For each of these times, the newest first, whether any rule keeps it. Days, weeks and months are those of UTC,
    /// as in the names.
    pub(super) fn stays(&self, times: &[Timestamp], now: Timestamp) -> Vec<bool> {
        // Only `at_least` was said: that many stay.
        let none = self.days.is_none() && self.last + self.daily + self.weekly + self.monthly == 0;
        let last = if none { self.at_least } else { self.last };
        let within = |time: &Timestamp| self.days.is_some_and(|days| now.as_second() - time.as_second() <= days * DAY);
        let mut stays: Vec<bool> = times.iter().enumerate().map(|(at, time)| at < last || within(time)).collect();
        let dates: Vec<Date> = times.iter().map(|time| time.to_zoned(TimeZone::UTC).date()).collect();
        let week = |date: Date| {
            let week = date.iso_week_date();
            (week.year(), week.week())
        };
        mark(&dates, self.daily, &|date| date, &mut stays);
        mark(&dates, self.weekly, &week, &mut stays);
        mark(&dates, self.monthly, &|date| (date.year(), date.month()), &mut stays);
        stays
    }
}

/// Marks the newest of each of the first `count` different periods.
fn mark<T: PartialEq>(dates: &[Date], count: usize, period: &dyn Fn(Date) -> T, stays: &mut [bool]) {
    let (mut seen, mut before) = (0, None);
    for (date, stay) in dates.iter().zip(stays) {
        let this = Some(period(*date));
        if this != before {
            seen += 1;
            if seen > count {
                return;
            }
            *stay = true;
            before = this;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(keep: &Keep, times: &[&str]) -> Vec<usize> {
        let times: Vec<Timestamp> = times.iter().map(|time| time.parse().expect("time")).collect();
        let stays = keep.stays(&times, times[0]);
        (0..times.len()).filter(|at| stays[*at]).collect()
    }

    #[test]
    fn each_rule_keeps_its_own_and_all_together() {
        let times = [
            "2026-03-10T04:00:00Z",
            "2026-03-10T02:00:00Z",
            "2026-03-09T02:00:00Z",
            "2026-03-08T02:00:00Z",
            "2026-03-02T02:00:00Z",
            "2026-02-20T02:00:00Z",
            "2026-01-20T02:00:00Z",
            "2025-12-31T02:00:00Z",
        ];
        let keep = Keep { at_least: 1, ..Keep::default() };
        for (keep, want) in [
            (Keep { last: 2, ..keep.clone() }, vec![0, 1]),
            (Keep { daily: 2, ..keep.clone() }, vec![0, 2]),
            (Keep { weekly: 3, ..keep.clone() }, vec![0, 3, 5]),
            (Keep { monthly: 3, ..keep.clone() }, vec![0, 5, 6]),
            (Keep { days: Some(2), ..keep.clone() }, vec![0, 1, 2]),
            (Keep { last: 1, daily: 2, monthly: 4, ..keep.clone() }, vec![0, 2, 5, 6, 7]),
            (Keep { at_least: 2, ..keep.clone() }, vec![0, 1]),
        ] {
            assert_eq!(kept(&keep, &times), want, "{keep:?}");
        }
    }
}
