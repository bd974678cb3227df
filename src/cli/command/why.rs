//! `why`: what became of an instant at which something was due, from the ledger.

use crate::api::wire::{LedgerRow, WhyRequest};
use crate::cli::args::Why;
use crate::cli::command::next::{Day, clock_time, instant};
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::{output, shelf};
use crate::schedule::nominal::Nominal;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Says what the ledger has of an instant.
pub async fn run(args: &Why, settings: &Settings) -> Result<Exit, Trouble> {
    let book = settings.book()?;
    let loaded = shelf::load(&book)?;
    let zone = TimeZone::get(&loaded.book.settings.timezone).unwrap_or(TimeZone::UTC);
    let at = instant(&args.time, &zone, Day::Passed, "TIME")?;
    let door = Door::open(settings, &book, Purpose::Look).await?;
    let rows = door.why(WhyRequest { runbook: args.runbook.clone(), at }).await?;
    if args.json {
        for row in &rows {
            output::line(&serde_json::to_string(row).map_err(|reason| Trouble::new(reason.to_string()))?)?;
        }
        return Ok(Exit::Fine);
    }
    if rows.is_empty() {
        // A name that is not there is more likely misspelt than taken out.
        shelf::runbook(&loaded, &args.runbook)?;
        output::aside(&format!("nothing was ever due for `{}` while its schedules were obeyed", args.runbook));
        return Ok(Exit::Fine);
    }
    if rows.iter().all(|row| at < row.due || row.until < at) {
        let shown = zone.to_datetime(at);
        output::aside(&format!("nothing was due at {} {}; next to it:", shown.date(), clock_time(shown)));
    }
    let lines: String = rows.iter().map(|row| format!("{}\n", line(row))).collect();
    output::data(&lines)?;
    Ok(Exit::Fine)
}

/// `nightly  2026-11-24 02:30: ran as run …`
fn line(row: &LedgerRow) -> String {
    let span = if row.count == 1 {
        shown(&row.from, row.due)
    } else {
        format!("{} to {}, {} times", shown(&row.from, row.due), shown(&row.to, row.until), row.count)
    };
    format!("{}  {span}: {}", row.trigger, fate(row))
}

/// The name of an instant, as a clock shows it.
pub(super) fn shown(nominal: &str, at: Timestamp) -> String {
    match Nominal::parse(nominal) {
        Some(Nominal::Local { time, again }) => {
            let again = if again { " (for the second time)" } else { "" };
            format!("{} {}{again}", time.date(), clock_time(time))
        }
        Some(Nominal::Utc(_)) | None => {
            let utc = TimeZone::UTC.to_datetime(at);
            format!("{} {}Z", utc.date(), clock_time(utc))
        }
    }
}

/// What became of it, in a sentence.
fn fate(row: &LedgerRow) -> String {
    let why = row.why.as_deref().unwrap_or_default();
    match row.fate.as_str() {
        "ran" => {
            let made_up = match (row.how.as_deref(), &row.by) {
                (Some(how), Some(by)) => format!(" ({how} by {by}, {})", row.decided.strftime("%F %H:%MZ")),
                (_, _) => String::new(),
            };
            format!("ran, as run {}{made_up}", row.run.as_deref().unwrap_or("?"))
        }
        "waiting" => "waits for the run before it".into(),
        "coalesced" => "coalesced: the run of another instant stands for it".into(),
        "replaced" => "replaced: it waited, and a newer one took its place".into(),
        "skipped-overlap" => format!("skipped-overlap: {why}"),
        "skipped-queue-full" => "skipped-queue-full: newer ones filled the queue".into(),
        "skipped-calendar" => {
            format!("skipped-calendar: calendar `{}` leaves it out", row.calendar.as_deref().unwrap_or("?"))
        }
        "skipped-dst" => "skipped-dst: a change of the clock leaves it out".into(),
        "too-old" => "too-old: it was missed, and older than `within` when it was seen".into(),
        "missed-down" => "missed-down: nobody was there, and `missed: skip`".into(),
        "paused" => "paused: the schedule was".into(),
        other => format!("{other}: {why}"),
    }
}
