//! `next`: when triggers are due, and why not at other times. From the book alone; nobody has to be running.

use crate::cli::args::Next;
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::table::{Cell, table};
use crate::cli::trouble::Trouble;
use crate::cli::view::Tone;
use crate::cli::{output, shelf};
use crate::runtime::clock;
use crate::schedule::nominal::Nominal;
use crate::schedule::spec::{Spec, specs};
use crate::schedule::timetable::{Due, Verdict};
use crate::schedule::walk::Shift;
use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use serde::Serialize;

/// Instants that may be left out in a row before it is given up.
const LEFT_OUT: usize = 10_000;

/// One due instant as `next --json` prints it.
#[derive(Debug, Serialize)]
struct Row {
    runbook: String,
    trigger: String,
    time: String,
    nominal: String,
    local: String,
    zone: String,
    utc: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts: Option<String>,
    fires: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip)]
    at: Timestamp,
}

/// Prints the next due instants.
pub fn run(args: &Next, settings: &Settings) -> Result<Exit, Trouble> {
    let loaded = shelf::load(&settings.book()?)?;
    let zone = TimeZone::get(&loaded.book.settings.timezone).unwrap_or(TimeZone::UTC);
    let after = match &args.at {
        Some(text) => instant(text, &zone, Day::Today, "--at")?,
        None => clock::now(),
    };
    let wanted = args.runbook.as_deref().map(|name| shelf::runbook_or_findings(&loaded, name, settings)).transpose()?;
    let runbooks: Vec<_> = match &wanted {
        Some(one) => vec![one],
        None => loaded.book.runbooks.values().collect(),
    };
    let all: Vec<Spec> =
        runbooks.iter().flat_map(|runbook| specs(runbook, &loaded.book.settings)).filter(Spec::is_timed).collect();
    let mut rows: Vec<Row> = all.iter().flat_map(|spec| upcoming(spec, after, args.count)).collect();
    rows.sort_by(|one, other| (one.at, &one.runbook, &one.trigger).cmp(&(other.at, &other.runbook, &other.trigger)));
    let fire = rows.iter().enumerate().filter(|(_, row)| row.fires).map(|(index, _)| index + 1);
    let last = fire.take(args.count).last().unwrap_or(0);
    rows.truncate(last);
    if args.json {
        for row in &rows {
            output::line(&serde_json::to_string(row).map_err(|reason| Trouble::new(reason.to_string()))?)?;
        }
        return Ok(Exit::Fine);
    }
    if rows.is_empty() {
        output::aside(match (&wanted, all.is_empty()) {
            (Some(_), true) => "no clock starts this runbook: it has no `cron`, `every` or `at` trigger",
            (None, true) => "no clock starts anything in this book: no runbook has a `cron`, `every` or `at` trigger",
            (_, false) => "nothing is due any more",
        });
        return Ok(Exit::Fine);
    }
    let several = wanted.is_none();
    let cells: Vec<Vec<Cell>> = rows.iter().map(|row| cells(row, several)).collect();
    output::data(&table(&cells, settings.out))?;
    Ok(Exit::Fine)
}

/// So many instants of a trigger that fire, and those between them that do not.
fn upcoming(spec: &Spec, after: Timestamp, count: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut fire = 0;
    for due in spec.table.after(after).take(LEFT_OUT) {
        fire += usize::from(due.verdict == Verdict::Fires);
        rows.push(row(spec, &due));
        if fire == count {
            break;
        }
    }
    rows
}

fn row(spec: &Spec, due: &Due) -> Row {
    let zone = &spec.table.zone;
    let starts = spec.starts(due.at, due.nominal);
    let fires = due.verdict == Verdict::Fires;
    Row {
        runbook: spec.id.runbook.to_string(),
        trigger: spec.id.trigger.to_string(),
        time: spec.shown.clone(),
        nominal: due.nominal.to_string(),
        local: {
            let local = due.at.to_zoned(zone.clone());
            format!("{} {} {}", local.strftime("%a %F"), clock_time(local.datetime()), local.strftime("%:z"))
        },
        zone: zone.iana_name().unwrap_or("UTC").to_owned(),
        utc: due.at.to_string(),
        starts: (fires && starts != due.at).then(|| starts.to_string()),
        fires,
        reason: reason(spec, due, starts),
        at: due.at,
    }
}

/// Why it is not when its pattern says, or not at all.
fn reason(spec: &Spec, due: &Due, starts: Timestamp) -> Option<String> {
    let local = match due.nominal {
        Nominal::Local { time, .. } => clock_time(time),
        Nominal::Utc(at) => clock_time(spec.table.zone.to_datetime(at)),
    };
    match (&due.verdict, due.shift) {
        (Verdict::Fires, Shift::Moved) => Some(format!("moved out of the gap: no {local}")),
        (Verdict::Fires, Shift::Again) => Some(format!("{local} for the second time")),
        (Verdict::Fires, Shift::None) if starts != due.at => {
            Some(format!("starts {:.1} s later (jitter)", starts.duration_since(due.at).as_secs_f64()))
        }
        (Verdict::Fires, Shift::None) => None,
        (Verdict::Coalesced, _) => Some(format!("left out: no {local}, one run for all")),
        (Verdict::SkippedDst, Shift::Moved) => Some(format!("left out: no {local} (dst: skip)")),
        (Verdict::SkippedDst, Shift::Again | Shift::None) => Some(format!("left out: {local} for the second time")),
        (Verdict::SkippedCalendar(name), _) => Some(format!("left out: calendar `{name}`")),
    }
}

/// Seconds only where there are any.
pub(super) fn clock_time(time: DateTime) -> String {
    time.strftime(if time.second() == 0 { "%H:%M" } else { "%H:%M:%S" }).to_string()
}

fn cells(row: &Row, several: bool) -> Vec<Cell> {
    let tone = if row.fires { Tone::Plain } else { Tone::Dim };
    let mut cells = vec![Cell::new(&row.local, tone), Cell::new(&row.zone, Tone::Dim)];
    let utc = TimeZone::UTC.to_datetime(row.at);
    cells.push(Cell::new(&format!("{} {}Z", utc.date(), clock_time(utc)), Tone::Dim));
    if several {
        cells.push(Cell::new(&row.runbook, tone));
    }
    cells
        .push(Cell::new(row.reason.as_ref().unwrap_or(&row.time), if row.reason.is_some() { tone } else { Tone::Dim }));
    cells
}

/// Which day a time without a date is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    /// Today.
    Today,
    /// Today or yesterday: the one that has passed.
    Passed,
}

/// An instant, a local time of the book's zone, or a time of day.
pub(super) fn instant(text: &str, zone: &TimeZone, day: Day, what: &str) -> Result<Timestamp, Trouble> {
    let now = clock::now();
    let at = |time: DateTime| zone.to_ambiguous_timestamp(time).compatible().ok();
    let local = || text.parse::<DateTime>().ok().and_then(at);
    let of_day = || {
        let (time, today) = (text.parse::<Time>().ok()?, zone.to_datetime(now).date());
        let then = at(today.to_datetime(time))?;
        if day == Day::Passed && then > now { at(today.yesterday().ok()?.to_datetime(time)) } else { Some(then) }
    };
    text.parse().ok().or_else(local).or_else(of_day).ok_or_else(|| {
        Trouble::new(format!("{what}: `{text}` is no time"))
            .help("write it like `09:00` or `2026-12-31 09:00`, in the book's zone, or `2026-12-31T08:00Z`")
    })
}
