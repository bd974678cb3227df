//! Clock changes: every zone and every change from 2020 to 2037, and an oracle that walks every second round some of them.
//!
//! `STEPLADDER_ALL_CHANGES=1` lets the oracle walk round every change of its zones, which takes minutes.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::collections::BTreeMap;
use stepladder::model::cron::Pattern;
use stepladder::model::schedule::Dst;
use stepladder::schedule::nominal::Nominal;
use stepladder::schedule::timetable::{Times, Timetable, Verdict};
use stepladder::schedule::walk::Shift;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn table(expression: &str, zone: &TimeZone, dst: Dst) -> Timetable {
    let pattern = Pattern::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    Timetable { times: Times::Cron(pattern), zone: zone.clone(), dst, except: Vec::new() }
}

/// The changes of a zone from 2020 to 2037: when, and what the clock shows before and after.
fn changes(zone: &TimeZone) -> Vec<(Timestamp, DateTime, DateTime)> {
    let (from, to): (Timestamp, Timestamp) =
        ("2020-01-01T00:00:00Z".parse().unwrap(), "2038-01-01T00:00:00Z".parse().unwrap());
    let all = zone.following(from).map(|change| (change.timestamp(), change.offset())).take_while(|(at, _)| *at < to);
    let shown = all.map(|(at, offset)| {
        let before = zone.to_offset(at - SignedDuration::from_nanos(1));
        (at, before.to_datetime(at), offset.to_datetime(at))
    });
    shown.filter(|(_, before, after)| before != after).collect()
}

/// How often a daily trigger at a time of day runs on each local day round a change.
fn runs_by_day(zone: &TimeZone, at: Timestamp, time: DateTime) -> BTreeMap<Date, usize> {
    let expression = format!("{} {} {} * * *", time.second(), time.minute(), time.hour());
    let table = table(&expression, zone, Dst::Once);
    let (from, to) = (at - SignedDuration::from_hours(96), at + SignedDuration::from_hours(96));
    let days = zone.to_datetime(from).date().series(1.day()).skip(2).take(5);
    let mut runs: BTreeMap<Date, usize> = days.map(|day| (day, 0)).collect();
    for due in table.after(from).take_while(|due| due.at < to).filter(|due| due.verdict == Verdict::Fires) {
        let Nominal::Local { time, .. } = due.nominal else { panic!("a local time") };
        if let Some(count) = runs.get_mut(&time.date()) {
            *count += 1;
        }
    }
    runs
}

#[test]
fn a_daily_trigger_runs_once_on_each_local_day_of_every_zone() {
    let (mut zones, mut seen, mut wrong) = (0, 0, Vec::new());
    for name in jiff::tz::db().available() {
        let zone = zone(name.as_str());
        zones += 1;
        for (at, before, after) in changes(&zone) {
            seen += 1;
            // The first time that is jumped over or comes twice, the last of them, and midnight.
            let (low, high) = (before.min(after), before.max(after));
            let last = high - SignedDuration::from_secs(1);
            for time in [low, last, at_midnight(low)] {
                let runs = runs_by_day(&zone, at, time);
                if runs.values().any(|count| *count != 1) {
                    wrong.push(format!("{} {at} {time}: {runs:?}", name.as_str()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    assert!(zones > 400 && seen > 3_000, "{zones} zones, {seen} changes: is the time zone database here?");
}

fn at_midnight(time: DateTime) -> DateTime {
    time.date().to_datetime(jiff::civil::Time::midnight())
}

/// Whether an expression of plain fields for second, minute and hour matches a second of the day, told without any parser
/// of ours.
fn matches(expression: &str) -> Vec<bool> {
    let mut fields: Vec<&str> = expression.trim_end_matches(" * * *").split(' ').collect();
    if fields.len() == 2 {
        fields.insert(0, "0");
    }
    let set = |field: &str, most: i64| -> Vec<bool> {
        let part = |value: i64, part: &str| match part.strip_prefix("*/") {
            Some(step) => value % step.parse::<i64>().unwrap() == 0,
            None => part == "*" || part.parse() == Ok(value),
        };
        (0..most).map(|value| field.split(',').any(|one| part(value, one))).collect()
    };
    let (seconds, minutes, hours) = (set(fields[0], 60), set(fields[1], 60), set(fields[2], 24));
    (0..86_400).map(|second| hours[second / 3_600] && minutes[second / 60 % 60] && seconds[second % 60]).collect()
}

/// Every second of the two days round an instant, and what the clock shows, in seconds too.
struct Readings {
    all: Vec<(i64, i64)>,
    shown: BTreeMap<i64, Vec<i64>>,
}

impl Readings {
    fn round(zone: &TimeZone, at: Timestamp) -> Self {
        let start = at.as_second() - 86_400;
        let second = |at: i64| (at, at + i64::from(zone.to_offset(Timestamp::from_second(at).unwrap()).seconds()));
        let all: Vec<(i64, i64)> = (start..start + 2 * 86_400).map(second).collect();
        let mut shown: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (at, local) in &all {
            shown.entry(*local).or_default().push(*at);
        }
        Self { all, shown }
    }
}

/// What the oracle says of one change: lines `instant nominal verdict`, in order.
fn oracle(expression: &str, dst: Dst, readings: &Readings) -> Vec<String> {
    let matches = matches(expression);
    let (lowest, highest) = (readings.all[0].1, readings.all[readings.all.len() - 1].1);
    // Instant, 1 = moved or 2 = again, local time, verdict.
    let mut found: Vec<(i64, u8, i64, &str)> = Vec::new();
    for local in (lowest..=highest).filter(|local| matches[usize::try_from(local.rem_euclid(86_400)).unwrap()]) {
        match (readings.shown.get(&local).map(Vec::as_slice), dst) {
            (Some([first, rest @ ..]), _) => {
                found.push((*first, 0, local, "fires"));
                let verdict = if dst == Dst::Each { "fires" } else { "skipped-dst" };
                found.extend(rest.iter().map(|at| (*at, 2, local, verdict)));
            }
            (Some([]) | None, Dst::Each) => {}
            (Some([]) | None, Dst::Once | Dst::Skip) => {
                let after = readings.all.iter().find(|(_, shown)| *shown > local).expect("an instant after the gap").0;
                found.push((after, 1, local, if dst == Dst::Once { "fires" } else { "skipped-dst" }));
            }
        }
    }
    // Of those that fire at one instant one does: that which the clock shows then, or the earliest.
    found.sort_by_key(|(at, _, local, _)| (*at, *local));
    let mut lines = Vec::new();
    for (at, shift, local, verdict) in &found {
        let same = found.iter().filter(|other| other.0 == *at && other.3 == "fires");
        let one = same.min_by_key(|other| (other.1 != 0, other.2)).map(|other| (other.1, other.2));
        let loses = *verdict == "fires" && one.is_some_and(|one| one != (*shift, *local));
        let again = if *shift == 2 { "#2" } else { "" };
        let (at, local) = (Timestamp::from_second(*at).unwrap(), Timestamp::from_second(*local).unwrap());
        let local = TimeZone::UTC.to_datetime(local);
        lines.push(format!("{at} {local}{again} {}", if loses { "coalesced" } else { verdict }));
    }
    lines
}

/// What the timetable says, likewise.
fn told(expression: &str, zone: &TimeZone, dst: Dst, readings: &Readings) -> Vec<String> {
    let bounds = (readings.all[0].0, readings.all[readings.all.len() - 1].0);
    let (from, to) = (Timestamp::from_second(bounds.0).unwrap(), Timestamp::from_second(bounds.1).unwrap());
    let table = table(expression, zone, dst);
    let dues = table.after(from - SignedDuration::from_nanos(1)).take_while(|due| due.at <= to);
    let line = |due: stepladder::schedule::timetable::Due| {
        let verdict = match due.verdict {
            Verdict::Fires => "fires",
            Verdict::Coalesced => "coalesced",
            Verdict::SkippedDst => "skipped-dst",
            Verdict::SkippedCalendar(_) => "skipped-calendar",
        };
        format!("{} {} {verdict}", due.at, due.nominal)
    };
    dues.map(line).collect()
}

const EXPRESSIONS: &[(&str, Dst)] = &[
    ("30 2 * * *", Dst::Once),
    ("0 0 * * *", Dst::Once),
    ("*/15 0,1,2,3 * * *", Dst::Once),
    ("*/15 0,1,2,3 * * *", Dst::Skip),
    ("*/15 0,1,2,23 * * *", Dst::Each),
    ("0 * * * *", Dst::Each),
    ("0 * * * *", Dst::Once),
    ("20 59,14 1 * * *", Dst::Once),
    ("30 23 * * *", Dst::Once),
];

const ZONES: &[&str] = &[
    "Europe/Moscow",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "Africa/Cairo",
    "America/Asuncion",
];

/// How the timetable differs from the oracle, round these changes of each zone.
pub(crate) fn differences(zones: &[&str], most: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    for name in zones {
        let zone = zone(name);
        for (at, ..) in changes(&zone).into_iter().take(most) {
            let readings = Readings::round(&zone, at);
            for (expression, dst) in EXPRESSIONS {
                let (want, got) = (oracle(expression, *dst, &readings), told(expression, &zone, *dst, &readings));
                if want != got {
                    wrong.push(format!("{name} {at} `{expression}` {dst:?}:\nwant {want:#?}\ngot {got:#?}"));
                }
            }
        }
    }
    wrong
}

#[test]
fn a_walk_over_every_second_round_a_change_says_the_same() {
    let most = if std::env::var_os("STEPLADDER_ALL_CHANGES").is_some() { usize::MAX } else { 2 };
    let wrong = differences(ZONES, most);
    assert!(wrong.is_empty(), "{} differ, first:\n{}", wrong.len(), wrong[0]);
}

#[test]
fn a_day_that_never_was_still_has_its_run() {
    // Samoa crossed the date line: 30 December 2011 was no day there.
    let table = table("30 6 * * *", &zone("Pacific/Apia"), Dst::Once);
    let dues = table.after("2011-12-29T00:00:00Z".parse().unwrap()).take(4);
    let lines: Vec<String> = dues.map(|due| format!("{} {} {:?}", due.at, due.nominal, due.shift)).collect();
    let want = [
        "2011-12-29T16:30:00Z 2011-12-29T06:30:00 None",
        "2011-12-30T10:00:00Z 2011-12-30T06:30:00 Moved",
        "2011-12-30T16:30:00Z 2011-12-31T06:30:00 None",
        "2011-12-31T16:30:00Z 2012-01-01T06:30:00 None",
    ];
    assert_eq!(lines, want);
}

#[test]
fn what_comes_once_or_by_the_epoch_knows_its_instants() {
    let berlin = zone("Europe/Berlin");
    let once = |time: &str| Timetable {
        times: Times::At(time.parse().unwrap()),
        zone: berlin.clone(),
        dst: Dst::Once,
        except: Vec::new(),
    };
    let first = |table: &Timetable, after: &str| table.next_fire(after.parse().unwrap()).map(|due| due.at.to_string());
    for (time, at) in [
        ("2026-03-29T02:30", "2026-03-29T01:00:00Z"),
        ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),
        ("2026-06-01T02:30", "2026-06-01T00:30:00Z"),
    ] {
        assert_eq!(first(&once(time), "2026-01-01T00:00:00Z").as_deref(), Some(at));
        assert_eq!(first(&once(time), at), None, "it comes once");
    }
    let skip = Timetable { dst: Dst::Skip, ..once("2026-03-29T02:30") };
    assert!(skip.after("2026-01-01T00:00:00Z".parse().unwrap()).all(|due| due.shift == Shift::Moved));
    assert_eq!(first(&skip, "2026-01-01T00:00:00Z"), None);
    let every = Times::Every(stepladder::base::span::Span::from_secs(7));
    let every = Timetable { times: every, ..once("2026-06-01T02:30") };
    let dues = every.after("2026-11-24T00:00:03.5Z".parse().unwrap()).take(2).map(|due| due.at.as_second() % 7);
    assert_eq!(dues.collect::<Vec<_>>(), [0, 0]);
    assert_eq!(first(&every, "1969-12-31T23:59:50Z").as_deref(), Some("1969-12-31T23:59:53Z"));
}
