//! iCalendar files (RFC 5545), as far as holidays and blackouts need them.
//!
//! Read: events of whole days and of hours, in UTC, in a zone or floating, with an end or a length, repeated daily,
//! weekly, monthly or yearly with interval, count, until and exceptions. What is not read is refused by name, never passed
//! over: a holiday that is silently missing starts a run that should not have been.

use crate::base::limits::MAX_CALENDAR;
use crate::model::calendar::Calendar;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use std::collections::BTreeSet;

/// Why a text is no calendar that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BadCalendar {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Occurrences after this year are not of interest.
const LAST_YEAR: i16 = 2100;

/// Parts of a repetition that are read.
const PARTS: &[&str] = &["FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"];

/// The days and hours of an iCalendar file; times without a zone are in `zone`.
///
/// # Errors
/// [`BadCalendar`] for the first thing that is not read.
pub fn parse(text: &str, zone: &TimeZone) -> Result<Calendar, BadCalendar> {
    let (mut days, mut hours) = (BTreeSet::new(), Vec::new());
    let (mut event, mut inside) = (None, 0_usize);
    let mut seen = false;
    for (line, content) in unfolded(text) {
        let (name, params, value) = property(&content);
        let bad = |what: String| BadCalendar { line, what };
        match (name.as_str(), value.to_uppercase().as_str()) {
            ("BEGIN", "VCALENDAR") => seen = true,
            ("BEGIN", "VEVENT") => event = Some(Event { line, ..Event::default() }),
            ("END", "VEVENT") => {
                if let Some(event) = event.take() {
                    event.put(&mut days, &mut hours)?;
                }
            }
            // An alarm or another part of an event has properties of its own.
            ("BEGIN", _) if event.is_some() => inside += 1,
            ("END", _) if event.is_some() => inside = inside.saturating_sub(1),
            _ if inside == 0 => {
                if let Some(event) = &mut event {
                    event.read(&name, &params, value, zone).map_err(bad)?;
                }
            }
            _ => {}
        }
        if days.len() + hours.len() > MAX_CALENDAR {
            return Err(bad(format!("more than {MAX_CALENDAR} days and stretches of time")));
        }
    }
    if !seen || event.is_some() {
        let what = if seen { "the last event does not end" } else { "this is no iCalendar file: no `BEGIN:VCALENDAR`" };
        return Err(BadCalendar { line: text.lines().count().max(1), what: what.into() });
    }
    Ok(Calendar::new(days, hours))
}

/// Content lines, each with the number of its first line: one that begins with a blank goes on.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            _ => lines.push((number, line.trim_end_matches('\r').to_owned())),
        }
    }
    lines
}

/// Name, parameters and value of a content line.
fn property(line: &str) -> (String, Vec<(String, String)>, &str) {
    let mut quoted = false;
    let colon = line.find(|c| {
        quoted ^= c == '"';
        c == ':' && !quoted
    });
    let (head, value) = colon.map_or((line, ""), |colon| (&line[..colon], &line[colon + 1..]));
    let mut parts = head.split(';');
    let name = parts.next().unwrap_or_default().to_uppercase();
    let params = parts.filter_map(|part| part.split_once('='));
    (name, params.map(|(name, value)| (name.to_uppercase(), value.trim_matches('"').to_owned())).collect(), value)
}

/// A day, or a time in a zone.
#[derive(Debug, Clone, PartialEq)]
enum When {
    Day(Date),
    Time(DateTime, TimeZone),
}

impl When {
    fn parse(params: &[(String, String)], value: &str, zone: &TimeZone) -> Result<Self, String> {
        let bad = || format!("`{value}` is neither a day nor a time");
        let param = |wanted: &str| params.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        if param("VALUE") == Some("DATE") || value.len() == 8 {
            return Date::strptime("%Y%m%d", value).map(Self::Day).map_err(|_| bad());
        }
        let (text, zone) = match (value.strip_suffix('Z'), param("TZID")) {
            (Some(text), _) => (text, TimeZone::UTC),
            (None, Some(name)) => (value, TimeZone::get(name).map_err(|_| format!("unknown time zone `{name}`"))?),
            (None, None) => (value, zone.clone()),
        };
        DateTime::strptime("%Y%m%dT%H%M%S", text).map(|time| Self::Time(time, zone)).map_err(|_| bad())
    }

    fn plus(&self, span: Span) -> Option<Self> {
        match self {
            Self::Day(day) => day.checked_add(span).ok().map(Self::Day),
            Self::Time(time, zone) => Some(Self::Time(time.checked_add(span).ok()?, zone.clone())),
        }
    }

    fn date(&self) -> Date {
        match self {
            Self::Day(day) => *day,
            Self::Time(time, _) => time.date(),
        }
    }

    fn instant(&self) -> Option<Timestamp> {
        match self {
            Self::Day(_) => None,
            Self::Time(time, zone) => zone.to_ambiguous_timestamp(*time).compatible().ok(),
        }
    }

    /// Whether it is later than another: days by their dates, times by their instants.
    fn is_after(&self, other: &Self) -> bool {
        match (self.instant(), other.instant()) {
            (Some(one), Some(other)) => one > other,
            (None, _) | (_, None) => self.date() > other.date(),
        }
    }
}

#[derive(Debug, Default)]
struct Event {
    line: usize,
    start: Option<When>,
    end: Option<When>,
    length: Option<Span>,
    repeat: Option<Repeat>,
    except: Vec<When>,
    cancelled: bool,
}

#[derive(Debug, Clone)]
struct Repeat {
    step: Span,
    count: Option<u64>,
    until: Option<When>,
}

impl Event {
    fn read(&mut self, name: &str, params: &[(String, String)], value: &str, zone: &TimeZone) -> Result<(), String> {
        match name {
            "DTSTART" => self.start = Some(When::parse(params, value, zone)?),
            "DTEND" => self.end = Some(When::parse(params, value, zone)?),
            "DURATION" => {
                self.length = Some(value.parse().map_err(|_| format!("`{value}` is no length of time"))?);
            }
            "STATUS" => self.cancelled = value.eq_ignore_ascii_case("cancelled"),
            "EXDATE" => {
                for one in value.split(',') {
                    self.except.push(When::parse(params, one, zone)?);
                }
            }
            "RRULE" => self.repeat = Some(repeat(value, zone)?),
            "RDATE" | "EXRULE" | "RECURRENCE-ID" => return Err(format!("`{name}` is not read")),
            _ => {}
        }
        Ok(())
    }

    fn put(self, days: &mut BTreeSet<Date>, hours: &mut Vec<(Timestamp, Timestamp)>) -> Result<(), BadCalendar> {
        let bad = |what: &str| BadCalendar { line: self.line, what: what.to_owned() };
        if self.cancelled {
            return Ok(());
        }
        let start = self.start.as_ref().ok_or_else(|| bad("an event without `DTSTART`"))?;
        let length = self.length(start).ok_or_else(|| bad("its end is before its beginning"))?;
        let most = self.repeat.as_ref().map_or(1, |repeat| repeat.count.unwrap_or(u64::MAX));
        let (mut found, mut number) = (0, 0_i64);
        while found < most && days.len() + hours.len() <= MAX_CALENDAR {
            let step = self.repeat.as_ref().map_or(Ok(Span::new()), |repeat| repeat.step.checked_mul(number));
            let Some(at) = step.ok().and_then(|step| start.plus(step)) else { break };
            let until = self.repeat.as_ref().and_then(|repeat| repeat.until.as_ref());
            if until.is_some_and(|until| at.is_after(until)) || at.date().year() > LAST_YEAR {
                break;
            }
            number += 1;
            // The 31st of a shorter month, and a leap day of another year, are no occurrences.
            if at.date().day() != start.date().day() && self.repeat.as_ref().is_some_and(Repeat::keeps_day) {
                continue;
            }
            found += 1;
            if self.except.iter().any(|except| *except == at || matches!(except, When::Day(day) if *day == at.date())) {
                continue;
            }
            match &at {
                When::Day(day) => {
                    let end = day.checked_add(length).map_err(|_| bad("it is too long"))?;
                    days.extend(day.series(1.day()).take_while(|day| *day < end).take(MAX_CALENDAR));
                }
                When::Time(..) => {
                    let end = at.plus(length).and_then(|end| end.instant());
                    hours.extend(at.instant().zip(end));
                }
            }
        }
        Ok(())
    }

    /// How long it is; a day without an end is a day, a time without one is no time at all.
    fn length(&self, start: &When) -> Option<Span> {
        let length = match (&self.end, self.length) {
            (None, Some(length)) => length,
            (None, None) if matches!(start, When::Day(_)) => 1.day(),
            (None, None) => Span::new(),
            (Some(end), _) => match (start, end) {
                (When::Time(..), When::Time(..)) => Span::new()
                    .try_milliseconds(end.instant()?.as_millisecond() - start.instant()?.as_millisecond())
                    .ok()?,
                (When::Day(_), _) | (_, When::Day(_)) => start.date().until(end.date()).ok()?,
            },
        };
        if length.is_negative() { None } else { Some(length) }
    }
}

impl Repeat {
    /// Whether its occurrences have the same day of the month.
    fn keeps_day(&self) -> bool {
        self.step.get_months() != 0 || self.step.get_years() != 0
    }
}

fn repeat(value: &str, zone: &TimeZone) -> Result<Repeat, String> {
    let parts: Vec<(&str, &str)> = value.split(';').filter_map(|part| part.split_once('=')).collect();
    if let Some((name, _)) = parts.iter().find(|(name, _)| !PARTS.contains(name)) {
        return Err(format!(
            "`{name}` of a repetition is not read; write the dates out, or as `dates:` in stepladder.yaml"
        ));
    }
    let part = |wanted: &str| parts.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    let number = |wanted: &str| match part(wanted) {
        None => Ok(None),
        Some(text) => match text.parse::<u16>() {
            Ok(number) if number > 0 => Ok(Some(number)),
            Ok(_) | Err(_) => Err(format!("`{wanted}={text}` is no number")),
        },
    };
    let every = i64::from(number("INTERVAL")?.unwrap_or(1));
    let step = match part("FREQ") {
        Some("DAILY") => Span::new().try_days(every),
        Some("WEEKLY") => Span::new().try_weeks(every),
        Some("MONTHLY") => Span::new().try_months(every),
        Some("YEARLY") => Span::new().try_years(every),
        other => return Err(format!("`FREQ={}` is not read", other.unwrap_or_default())),
    };
    let step = step.map_err(|_| format!("`INTERVAL={every}` is too long"))?;
    let until = part("UNTIL").map(|until| When::parse(&[], until, zone)).transpose()?;
    Ok(Repeat { step, count: number("COUNT")?.map(u64::from), until })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(event: &str) -> Result<Calendar, BadCalendar> {
        let text =
            format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\n{event}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
        parse(&text, &TimeZone::get("Europe/Berlin").expect("a zone"))
    }

    /// Which of these instants are in it, in the zone of the file.
    fn has(event: &str, instants: &[&str]) -> String {
        let calendar = calendar(event).expect(event);
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        let inside = |text: &&&str| {
            let at = zone.to_timestamp(text.parse::<DateTime>().expect(text)).expect(text);
            calendar.has(zone.to_datetime(at).date(), at)
        };
        instants.iter().filter(inside).copied().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn days_and_hours_are_read() {
        let days = ["2026-12-24T12:00", "2026-12-25T00:00", "2026-12-26T23:59", "2026-12-27T00:00", "2027-12-25T12:00"];
        let both = "DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227";
        assert_eq!(has(both, &days), "2026-12-25T00:00 2026-12-26T23:59");
        assert_eq!(has("DTSTART;VALUE=DATE:20261225", &days), "2026-12-25T00:00");
        assert_eq!(
            has(&format!("{both}\r\nRRULE:FREQ=YEARLY"), &days),
            "2026-12-25T00:00 2026-12-26T23:59 2027-12-25T12:00"
        );
        assert_eq!(has(&format!("{both}\r\nSTATUS:CANCELLED"), &days), "");
        let hours = ["2026-12-24T11:59", "2026-12-24T12:00", "2026-12-24T13:59", "2026-12-24T14:00"];
        let two = "2026-12-24T12:00 2026-12-24T13:59";
        for event in [
            "DTSTART:20261224T110000Z\r\nDTEND:20261224T130000Z",
            "DTSTART:20261224T120000\r\nDURATION:PT2H",
            "DTSTART;TZID=Europe/London:20261224T110000\r\nDTEND;TZID=Europe/London:20261224T130000",
            "DTSTART;TZID=\"Europe/Lon\r\n don\":20261224T110000\r\nDURATION:PT2H\r\nBEGIN:VALARM\r\nDURATION:PT9H\r\nEND:VALARM",
        ] {
            assert_eq!(has(event, &hours), two, "{event}");
        }
    }

    #[test]
    fn repetitions_end_and_leave_out() {
        let days = ["2026-01-31T12:00", "2026-02-28T12:00", "2026-03-31T12:00", "2026-05-31T12:00", "2026-07-31T12:00"];
        let start = "DTSTART;VALUE=DATE:20260131\r\nRRULE:FREQ=MONTHLY";
        assert_eq!(has(&format!("{start};COUNT=3"), &days), "2026-01-31T12:00 2026-03-31T12:00 2026-05-31T12:00");
        assert_eq!(has(&format!("{start};UNTIL=20260331"), &days), "2026-01-31T12:00 2026-03-31T12:00");
        let except = format!("{start};INTERVAL=2;COUNT=3\r\nEXDATE;VALUE=DATE:20260331");
        assert_eq!(has(&except, &days), "2026-01-31T12:00 2026-05-31T12:00");
        let weekly = "DTSTART:20261020T120000\r\nDURATION:PT1H\r\nRRULE:FREQ=WEEKLY";
        assert_eq!(
            has(weekly, &["2026-10-20T12:30", "2026-10-27T12:30", "2026-10-27T13:00"]),
            "2026-10-20T12:30 2026-10-27T12:30"
        );
    }

    #[test]
    fn what_is_not_read_is_refused_by_name() {
        let told = |event: &str| calendar(event).expect_err(event).to_string();
        assert!(told("DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;BYDAY=1MO").starts_with("line 5: `BYDAY`"));
        assert!(told("DTSTART;TZID=Mars/Base:20260101T000000").contains("unknown time zone `Mars/Base`"));
        assert!(told("DTSTART:soon").contains("`soon`"));
        assert!(told("SUMMARY:y").contains("without `DTSTART`"));
        assert!(told("DTSTART:20260101\r\nDTEND:20251231").contains("before its beginning"));
        assert!(told("DTSTART:20260101\r\nRRULE:FREQ=HOURLY").contains("HOURLY"));
        let zone = TimeZone::UTC;
        assert!(parse("hello", &zone).is_err() && parse("BEGIN:VCALENDAR\nBEGIN:VEVENT", &zone).is_err());
    }
}
