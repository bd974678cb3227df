//! A cron expression: what parses is a pattern of local dates and times; zones and clock changes are not its business.
//!
//! The text is read by croner. What it found is kept as bits, some sixty bytes a pattern, because a hundred thousand of
//! them have to fit in memory; and the rule that joins the two day fields is crontab(5)'s, which croner's is not.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{Date, DateTime, Time, Weekday};

/// Names that stand for a whole expression, and what they stand for.
pub const NAMES: &[(&str, &str)] = &[
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// The longest way from one match to the next: a leap day on a weekday, over a century without one.
const YEARS: i16 = 50;
/// A year that every pattern may be of, for whoever wants one.
const ANY_YEAR: &str = "2026";

/// How croner marks what a month decides; it has no names for them outside.
const NEAREST: u8 = 1 << 7;
const LAST: u8 = 1 << 6;
const NTH: [u8; 5] = [1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5];

/// Local dates and times: second, minute, hour, day and month, as bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    seconds: u64,
    minutes: u64,
    hours: u32,
    months: u16,
    days: Days,
    elapsed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Days {
    /// Days of the month.
    dates: u32,
    /// Days of the month of which the nearest working day is meant (`W`).
    nearest: u32,
    /// `L`.
    last: bool,
    /// `LW`.
    last_working: bool,
    /// Days of the week, Sunday first.
    weekdays: u8,
    /// The first to fifth of them in a month (`#`).
    nth: [u8; 5],
    /// The last of them in a month (`5L`).
    last_of_week: u8,
    /// Whether both fields must match: one of them begins with `*`.
    both: bool,
}

/// Why a text is no pattern, in a sentence's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPattern(pub String);

impl Pattern {
    /// The pattern of five or six fields, or of a name such as `@daily`.
    ///
    /// # Errors
    /// [`BadPattern`] when it is none.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let text = text.trim();
        let text = NAMES.iter().find(|(name, _)| *name == text).map_or(text, |(_, fields)| fields);
        let fields: Vec<String> = text.split_whitespace().map(str::to_uppercase).collect();
        let [.., hours, dates, _, weekdays] = fields.as_slice() else {
            return Err(BadPattern(format!("{} fields", fields.len())));
        };
        for field in &fields {
            if field.split(',').any(str::is_empty) {
                return Err(BadPattern(format!("`{}` has a comma with nothing beside it", field.to_lowercase())));
            }
            if field.contains('+') {
                return Err(BadPattern("`+` is not part of it".into()));
            }
        }
        let cron = read(text, fields.len()).map_err(|error| BadPattern(plain(&error)))?;
        let free = |field: &str| field.starts_with('*') || field.starts_with('?');
        Ok(Self {
            seconds: bits(&cron.pattern.seconds.values()),
            minutes: bits(&cron.pattern.minutes.values()),
            hours: narrow(bits(&cron.pattern.hours.values())),
            months: u16::try_from(bits(&cron.pattern.months.values())).unwrap_or_default(),
            days: Days::of(&cron, dates, free(dates) || free(weekdays)),
            elapsed: hours == "*" || hours.starts_with("*/"),
        })
    }

    /// Whether its hour is `*` or `*/n`: it follows elapsed time through a change of the clock.
    #[must_use]
    pub fn follows_elapsed(&self) -> bool {
        self.elapsed
    }

    /// The first match at or after a local time; `None` = there is none any more.
    #[must_use]
    pub fn next(&self, from: DateTime) -> Option<DateTime> {
        let (mut date, mut time) = (from.date(), Some(from.time()));
        let last = date.year().saturating_add(YEARS);
        while date.year() <= last {
            if self.months >> date.month() & 1 == 0 {
                date = date.last_of_month().tomorrow().ok()?;
            } else {
                let found = if self.days.has(date) { self.time(time) } else { None };
                if let Some(found) = found {
                    return Some(date.to_datetime(found));
                }
                date = date.tomorrow().ok()?;
            }
            time = Some(Time::midnight());
        }
        None
    }

    /// Whether it matches that second.
    #[must_use]
    pub fn has(&self, at: DateTime) -> bool {
        self.months >> at.month() & 1 == 1 && self.days.has(at.date()) && self.time(Some(at.time())) == Some(at.time())
    }

    /// The first match of the day at or after that time.
    fn time(&self, from: Option<Time>) -> Option<Time> {
        let from = from?;
        let begun = i16::from(from.subsec_nanosecond() != 0);
        let (hour, minute, second) = (from.hour(), from.minute(), i16::from(from.second()) + begun);
        let at = |hour: u32, minute: u32, second: u32| {
            let [hour, minute, second] = [hour, minute, second].map(|part| i8::try_from(part).ok());
            Time::new(hour?, minute?, second?, 0).ok()
        };
        let hours = u64::from(self.hours);
        if hours >> hour & 1 == 1 {
            if self.minutes >> minute & 1 == 1
                && let Some(second) = first(self.seconds, second)
            {
                return at(first(hours, i16::from(hour))?, first(self.minutes, i16::from(minute))?, second);
            }
            if let Some(minute) = first(self.minutes, i16::from(minute) + 1) {
                return at(first(hours, i16::from(hour))?, minute, first(self.seconds, 0)?);
            }
        }
        at(first(hours, i16::from(hour) + 1)?, first(self.minutes, 0)?, first(self.seconds, 0)?)
    }
}

/// What croner makes of a text of so many fields. Of one without a year it sets a bit for each year there may be, thousands of
/// them, which nobody here reads and which take far longer than all the rest: any year stands in.
fn read(text: &str, fields: usize) -> Result<Cron, String> {
    let whole = match fields {
        5 => Some(format!("0 {text} {ANY_YEAR}")),
        6 => Some(format!("{text} {ANY_YEAR}")),
        _ => None,
    };
    let quick = CronParser::builder().seconds(Seconds::Optional).year(Year::Optional).build();
    if let Some(cron) = whole.and_then(|whole| quick.parse(&whole).ok()) {
        return Ok(cron);
    }
    // What is wrong is said of the text as it was written.
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(text).map_err(|error| error.to_string())
}

impl Days {
    fn of(cron: &Cron, field: &str, both: bool) -> Self {
        let weekdays = |bit| bits(&cron.pattern.days_of_week.get_set_values(bit)).to_le_bytes()[0] & 0x7f;
        Self {
            dates: narrow(bits(&cron.pattern.days.values())),
            nearest: narrow(bits(&cron.pattern.days.get_set_values(NEAREST))),
            last: field.split(',').any(|part| part == "L"),
            last_working: field.split(',').any(|part| part == "LW"),
            weekdays: bits(&cron.pattern.days_of_week.values()).to_le_bytes()[0] & 0x7f,
            nth: NTH.map(weekdays),
            last_of_week: weekdays(LAST),
            both,
        }
    }

    fn has(&self, date: Date) -> bool {
        let day_of_month = self.dates >> date.day() & 1 == 1 || self.by_place(date);
        let weekday = 1 << date.weekday().to_sunday_zero_offset();
        let nth = usize::try_from((date.day() - 1) / 7).unwrap_or_default();
        let is_last = date.day() + 7 > date.days_in_month();
        let day_of_week = self.weekdays & weekday != 0
            || self.nth.get(nth).is_some_and(|nth| nth & weekday != 0)
            || is_last && self.last_of_week & weekday != 0;
        if self.both { day_of_month && day_of_week } else { day_of_month || day_of_week }
    }

    /// `L`, `LW` and `15W`.
    fn by_place(&self, date: Date) -> bool {
        let last = date.last_of_month();
        if self.last && date == last || self.last_working && date == working(last, last) {
            return true;
        }
        self.nearest != 0
            && (1..=last.day())
                .filter(|day| self.nearest >> day & 1 == 1)
                .any(|day| Date::new(date.year(), date.month(), day).is_ok_and(|day| working(day, last) == date))
    }
}

/// The working day nearest to a day, within its month.
fn working(day: Date, last: Date) -> Date {
    let shift: i8 = match day.weekday() {
        Weekday::Saturday if day.day() > 1 => -1,
        Weekday::Saturday => 2,
        Weekday::Sunday if day < last => 1,
        Weekday::Sunday => -2,
        Weekday::Monday | Weekday::Tuesday | Weekday::Wednesday | Weekday::Thursday | Weekday::Friday => 0,
    };
    Date::new(day.year(), day.month(), day.day() + shift).unwrap_or(day)
}

fn bits(values: &[u16]) -> u64 {
    values.iter().fold(0, |bits, value| bits | 1 << value.min(&63))
}

fn narrow(bits: u64) -> u32 {
    u32::try_from(bits).unwrap_or_default()
}

/// The lowest bit that is set at or above a place.
fn first(bits: u64, from: i16) -> Option<u32> {
    let from = u32::try_from(from).ok().filter(|from| *from < 64)?;
    let rest = bits >> from << from;
    if rest == 0 { None } else { Some(rest.trailing_zeros()) }
}

/// The library's sentence as one of ours.
fn plain(text: &str) -> String {
    let text =
        text.trim_start_matches("Invalid pattern: ").trim_start_matches("Component error: ").trim_end_matches('.');
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next five matches from a local time on.
    fn table(text: &str, from: &str) -> String {
        let pattern = Pattern::parse(text).expect(text);
        let mut at: DateTime = from.parse().expect(from);
        let mut found = Vec::new();
        while let Some(next) = pattern.next(at).filter(|_| found.len() < 5) {
            assert!(pattern.has(next), "{text} {next}");
            found.push(next.strftime("%a %F %T").to_string());
            at = next.checked_add(jiff::SignedDuration::from_secs(1)).expect("in range");
        }
        found.join("\n")
    }

    #[test]
    fn day_fields_join_as_in_crontab() {
        for (text, want) in [
            ("0 6 13 * 5", "Fri 2026-11-06, Fri 2026-11-13, Fri 2026-11-20, Fri 2026-11-27, Fri 2026-12-04"),
            ("0 6 */10 * 1", "Mon 2026-12-21, Mon 2027-01-11, Mon 2027-02-01, Mon 2027-03-01, Mon 2027-05-31"),
            ("0 6 * * 1#1", "Mon 2026-11-02, Mon 2026-12-07, Mon 2027-01-04, Mon 2027-02-01, Mon 2027-03-01"),
            ("0 6 * * 5L", "Fri 2026-11-27, Fri 2026-12-25, Fri 2027-01-29, Fri 2027-02-26, Fri 2027-03-26"),
            ("0 6 L * *", "Mon 2026-11-30, Thu 2026-12-31, Sun 2027-01-31, Sun 2027-02-28, Wed 2027-03-31"),
            ("0 6 LW * ?", "Mon 2026-11-30, Thu 2026-12-31, Fri 2027-01-29, Fri 2027-02-26, Wed 2027-03-31"),
            ("0 6 1W,15W * *", "Mon 2026-11-02, Mon 2026-11-16, Tue 2026-12-01, Tue 2026-12-15, Fri 2027-01-01"),
            ("0 6 29 2 *", "Tue 2028-02-29, Sun 2032-02-29, Fri 2036-02-29, Wed 2040-02-29, Mon 2044-02-29"),
            ("0 6 L,LW 1 *", "Fri 2027-01-29, Sun 2027-01-31, Mon 2028-01-31, Wed 2029-01-31, Thu 2030-01-31"),
        ] {
            assert_eq!(table(text, "2026-11-01T12:00:00").replace(" 06:00:00", "").replace('\n', ", "), want, "{text}");
        }
    }

    #[test]
    fn times_of_day_are_found_one_after_the_other() {
        let days = |text: &str, from: &str| table(text, from).replace("Tue 2026-11-24 ", "").replace('\n', " ");
        assert_eq!(days("*/20 9-10 * * *", "2026-11-24T09:00:01"), "09:20:00 09:40:00 10:00:00 10:20:00 10:40:00");
        assert_eq!(
            days("15 30 6 * * MON-FRI", "2026-11-24T06:30:15").lines().next().map(|line| &line[..8]),
            Some("06:30:15")
        );
        assert_eq!(&days("59 59 23 * * *", "2026-11-24T23:59:58.5")[..8], "23:59:59");
        assert_eq!(&table("59 59 23 * * *", "2026-11-24T23:59:59.5")[..14], "Wed 2026-11-25");
        assert_eq!(&table("@weekly", "2026-11-24T00:00:00")[..14], "Sun 2026-11-29");
    }

    #[test]
    fn what_is_none_is_refused() {
        for bad in
            ["", "* * * *", "0 6 1,,2 * *", "0 6 * * +1", "61 * * * *", "0 6 * * FRI-MON", "@reboot", "0 6 5L * *"]
        {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(
            Pattern::parse("0 0 30 2 *").expect("parses").next("2026-01-01T00:00".parse().expect("a time")),
            None
        );
    }
}
