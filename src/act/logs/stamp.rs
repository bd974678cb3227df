//! The time a log line carries.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use regex::{Captures, Regex};

/// How far into a line its time may begin.
const WITHIN: usize = 200;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads times in the formats that logs are written in.
#[derive(Debug)]
pub(super) struct Stamps {
    zone: TimeZone,
    now: jiff::Timestamp,
    /// `2026-01-02T03:04:05.678Z`, `2026-01-02 03:04:05,678`, `2026/01/02 03:04:05`.
    iso: Option<Regex>,
    /// `02/Jan/2026:03:04:05 +0100`.
    clf: Option<Regex>,
    /// `Jan  2 03:04:05`.
    syslog: Option<Regex>,
}

impl Stamps {
    /// Times without a zone are in `zone`; times without a year are the last such before `now`.
    pub(super) fn new(zone: &str, now: jiff::Timestamp) -> Self {
        let iso = r"(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\d* ?(Z|UTC|[+-]\d\d:?\d\d)?";
        let clf = r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})";
        let syslog = r"\b([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d)\b";
        Self {
            zone: crate::base::zone::zone(zone).unwrap_or(TimeZone::UTC),
            now,
            iso: Regex::new(iso).ok(),
            clf: Regex::new(clf).ok(),
            syslog: Regex::new(syslog).ok(),
        }
    }

    /// The time of a line, if it carries one near its beginning.
    pub(super) fn read(&self, line: &str) -> Option<jiff::Timestamp> {
        let end = (0..=line.len().min(WITHIN)).rev().find(|end| line.is_char_boundary(*end)).unwrap_or_default();
        let head = &line[..end];
        let iso = self.iso.as_ref().and_then(|regex| regex.captures(head)).and_then(|found| self.iso(&found));
        let clf = || self.clf.as_ref().and_then(|regex| regex.captures(head)).and_then(|found| self.clf(&found));
        let syslog =
            || self.syslog.as_ref().and_then(|regex| regex.captures(head)).and_then(|found| self.syslog(&found));
        iso.or_else(clf).or_else(syslog)
    }

    fn iso(&self, found: &Captures<'_>) -> Option<jiff::Timestamp> {
        let date = date(part(found, 1)?, part(found, 2)?, part(found, 3)?, found, 4)?;
        let nanos = found.get(7).map_or(0, |digits| format!("{:0<9}", digits.as_str()).parse().unwrap_or(0));
        let date = date.with().subsec_nanosecond(nanos).build().ok()?;
        self.instant(date, found.get(8).map(|zone| zone.as_str()))
    }

    fn clf(&self, found: &Captures<'_>) -> Option<jiff::Timestamp> {
        let date = date(part(found, 3)?, month(found.get(2)?.as_str())?, part(found, 1)?, found, 4)?;
        self.instant(date, found.get(7).map(|zone| zone.as_str()))
    }

    fn syslog(&self, found: &Captures<'_>) -> Option<jiff::Timestamp> {
        let year = self.now.to_zoned(self.zone.clone()).year();
        let at = |year: i16| {
            let date = date(year.into(), month(found.get(1)?.as_str())?, part(found, 2)?, found, 3)?;
            self.instant(date, None)
        };
        let tomorrow = self.now.as_second() + 86_400;
        at(year).filter(|instant| instant.as_second() <= tomorrow).or_else(|| at(year - 1))
    }

    fn instant(&self, date: DateTime, zone: Option<&str>) -> Option<jiff::Timestamp> {
        let zone = match zone {
            None => self.zone.clone(),
            Some("Z" | "UTC") => TimeZone::UTC,
            Some(offset) => {
                let digits: String = offset.chars().filter(char::is_ascii_digit).collect();
                let (hours, minutes): (i32, i32) = (digits.get(..2)?.parse().ok()?, digits.get(2..4)?.parse().ok()?);
                let seconds = hours * 3_600 + minutes * 60;
                let seconds = if offset.starts_with('-') { -seconds } else { seconds };
                Offset::from_seconds(seconds).ok()?.to_time_zone()
            }
        };
        date.to_zoned(zone).ok().map(|zoned| zoned.timestamp())
    }
}

fn part(found: &Captures<'_>, index: usize) -> Option<i32> {
    found.get(index)?.as_str().parse().ok()
}

fn month(word: &str) -> Option<i32> {
    MONTHS.iter().position(|month| *month == word).and_then(|index| i32::try_from(index + 1).ok())
}

/// A date with the time whose hour, minute and second begin at group `time`.
fn date(year: i32, month: i32, day: i32, found: &Captures<'_>, time: usize) -> Option<DateTime> {
    let small = |number: i32| i8::try_from(number).ok();
    let (hour, minute, second) = (part(found, time)?, part(found, time + 1)?, part(found, time + 2)?);
    let year = i16::try_from(year).ok()?;
    DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second.min(59))?, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_formats_of_logs() {
        let now = "2026-01-02T12:00:00Z".parse().expect("instant");
        let stamps = Stamps::new("Europe/Moscow", now);
        for (line, instant) in [
            ("2026-01-02T03:04:05.678Z ERROR x", "2026-01-02T03:04:05.678Z"),
            ("{\"ts\":\"2026-01-02T03:04:05+01:00\",\"m\":1}", "2026-01-02T02:04:05Z"),
            ("2026-01-02 03:04:05,678 - app - ERROR", "2026-01-02T00:04:05.678Z"),
            ("[2026-01-02 03:04:05] x", "2026-01-02T00:04:05Z"),
            ("2026/01/02 03:04:05 [error] 7#7", "2026-01-02T00:04:05Z"),
            ("1.2.3.4 - - [02/Jan/2026:03:04:05 +0300] \"GET /", "2026-01-02T00:04:05Z"),
            ("Jan  2 03:04:05 host app: x", "2026-01-02T00:04:05Z"),
            ("Dec 31 23:00:00 host app: x", "2025-12-31T20:00:00Z"),
        ] {
            assert_eq!(stamps.read(line).map(|found| found.to_string()).as_deref(), Some(instant), "{line}");
        }
        for line in ["Traceback (most recent call last):", "", "2026-13-02 03:04:05", "x".repeat(500).as_str()] {
            assert_eq!(stamps.read(line), None, "{line}");
        }
    }
}
