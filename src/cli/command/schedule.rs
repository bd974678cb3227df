//! `schedule`: the schedules of the book, paused and resumed.

use crate::api::wire::{PauseRequest, ScheduleRow};
use crate::cli::args::{Schedule, ScheduleWhat};
use crate::cli::command::next::clock_time;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::table::{Cell, table};
use crate::cli::trouble::Trouble;
use crate::cli::view::Tone;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Lists, pauses or resumes schedules.
pub async fn run(args: &Schedule, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
    match &args.what {
        ScheduleWhat::List { json } => list(&door, *json, settings).await?,
        ScheduleWhat::Pause { runbook, trigger, reason } => {
            let asked = PauseRequest { trigger: trigger.clone(), reason: reason.clone() };
            let paused = door.pause(true, runbook, &asked).await?;
            let which = paused.triggers.join(", ");
            output::aside(&format!("paused: {which}; `stepladder schedule resume {runbook}` goes on"));
        }
        ScheduleWhat::Resume { runbook, trigger } => {
            let asked = PauseRequest { trigger: trigger.clone(), reason: String::new() };
            let resumed = door.pause(false, runbook, &asked).await?;
            output::aside(&format!("goes on: {}", resumed.triggers.join(", ")));
        }
    }
    Ok(Exit::Fine)
}

async fn list(door: &Door, json: bool, settings: &Settings) -> Result<(), Trouble> {
    let rows = door.schedules().await?;
    if json {
        for row in &rows {
            output::line(&serde_json::to_string(row).map_err(|reason| Trouble::new(reason.to_string()))?)?;
        }
        return Ok(());
    }
    if rows.is_empty() {
        output::aside("nothing starts by itself in this book: no runbook has a trigger");
        return Ok(());
    }
    let head = ["runbook", "trigger", "time", "next", "last"].map(|word| Cell::new(word, Tone::Dim));
    let mut cells = vec![head.to_vec()];
    cells.extend(rows.iter().map(line));
    output::data(&table(&cells, settings.out))
}

fn line(row: &ScheduleRow) -> Vec<Cell> {
    let next = match (&row.paused_by, row.next) {
        _ if row.aside.is_some() => Cell::new("set aside: see `stepladder doctor`", Tone::Bad),
        (Some(by), _) => {
            let since = row.paused_since.map(|since| format!(" since {}", local(since, &row.zone))).unwrap_or_default();
            let why = row.paused_why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            Cell::new(&format!("paused by {by}{since}{why}"), Tone::Warning)
        }
        (None, Some(next)) => Cell::new(&local(next, &row.zone), Tone::Plain),
        (None, None) if is_called(row) => Cell::new("when called", Tone::Dim),
        (None, None) => Cell::new("never again", Tone::Dim),
    };
    let last = match &row.last {
        Some(last) => format!("{} {}", local(last.until, &row.zone), last.fate),
        None => String::new(),
    };
    let waits = if row.waiting == 0 { String::new() } else { format!(", {} wait", row.waiting) };
    vec![
        Cell::new(&row.runbook, Tone::Plain),
        Cell::new(&row.trigger, Tone::Plain),
        Cell::new(&if is_called(row) { row.time.clone() } else { format!("{} {}", row.time, row.zone) }, Tone::Dim),
        next,
        Cell::new(&format!("{last}{waits}"), Tone::Dim),
    ]
}

/// Whether no clock sets it off.
fn is_called(row: &ScheduleRow) -> bool {
    let kinds = ["webhook", "heartbeat", "alert", "run_ended", "file", "startup"];
    row.time.split(' ').next().is_some_and(|word| kinds.contains(&word))
}

/// As a clock of that zone shows it.
fn local(at: Timestamp, zone: &str) -> String {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let shown = zone.to_datetime(at);
    format!("{} {}", shown.date(), clock_time(shown))
}
