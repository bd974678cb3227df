//! `simulate --days N`: what the schedules of the book would start, what they would leave out, and where starts pile up.

use crate::cli::args::Simulate;
use crate::cli::command::next::{Day, instant};
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::table::{Cell, table};
use crate::cli::trouble::Trouble;
use crate::cli::view::Tone;
use crate::cli::{output, shelf};
use crate::runtime::clock;
use crate::service::calendar::{Calendar, Pile, Starts, calendar};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Plays them and shows them.
pub(super) fn run(args: &Simulate, settings: &Settings) -> Result<Exit, Trouble> {
    let loaded = shelf::load(&settings.book()?)?;
    let zone = crate::base::zone::zone(&loaded.book.settings.timezone).unwrap_or(TimeZone::UTC);
    let from = match &args.at {
        Some(text) => instant(text, &zone, Day::Today, "--at")?,
        None => clock::now(),
    };
    let end = from.checked_add(SignedDuration::from_hours(i64::from(args.days) * 24));
    let end = end.map_err(|_| Trouble::new("--days: that is after the end of time").help("ask for fewer days"))?;
    let calendar = calendar(&loaded.book, (from, end), usize::from(args.pile));
    if args.json {
        return json(&calendar);
    }
    if calendar.triggers.is_empty() {
        output::aside("no clock starts anything in this book: no runbook has a `cron`, `every` or `at` trigger");
        return Ok(Exit::Fine);
    }
    let head = ["runbook", "when", "starts", "left out", "first", "last"].map(|word| Cell::new(word, Tone::Strong));
    let mut rows = vec![head.to_vec()];
    rows.extend(calendar.triggers.iter().map(|starts| row(starts, &zone)));
    output::data(&table(&rows, settings.out))?;
    let total = calendar.triggers.iter().map(|starts| starts.count).sum::<u64>();
    let cut = if calendar.cut { ", and more than were counted" } else { "" };
    output::data(&format!("\n{total} starts in {} days{cut}\n", args.days))?;
    piles(&calendar.piles, args, settings, &zone)?;
    Ok(Exit::Fine)
}

fn row(starts: &Starts, zone: &TimeZone) -> Vec<Cell> {
    let shown = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| local(at, zone));
    let mut reasons: Vec<String> = starts.left_out.iter().map(|(why, count)| format!("{count} {why}")).collect();
    if reasons.is_empty() {
        reasons.push("-".to_owned());
    }
    let tone = if starts.count == 0 { Tone::Warning } else { Tone::Plain };
    vec![
        Cell::new(&starts.runbook, tone),
        Cell::new(&starts.shown, Tone::Dim),
        Cell::new(&starts.count.to_string(), tone),
        Cell::new(&reasons.join(", "), Tone::Dim),
        Cell::new(&shown(starts.first), tone),
        Cell::new(&shown(starts.last), Tone::Dim),
    ]
}

fn piles(piles: &[Pile], args: &Simulate, settings: &Settings, zone: &TimeZone) -> Result<(), Trouble> {
    if piles.is_empty() {
        return output::data(&format!("never {} or more within one minute\n", args.pile));
    }
    let head = ["piles up", "starts", "times", "of"].map(|word| Cell::new(word, Tone::Strong));
    let mut rows = vec![head.to_vec()];
    for pile in piles {
        rows.push(vec![
            Cell::new(&local(pile.at, zone), Tone::Warning),
            Cell::new(&pile.starts.to_string(), Tone::Warning),
            Cell::new(&pile.times.to_string(), Tone::Dim),
            Cell::new(&pile.runbooks.join(", "), Tone::Plain),
        ]);
    }
    output::data(&format!("\n{}", table(&rows, settings.out)))
}

fn json(calendar: &Calendar) -> Result<Exit, Trouble> {
    let text = |row: Result<String, serde_json::Error>| row.map_err(|reason| Trouble::new(reason.to_string()));
    for starts in &calendar.triggers {
        output::line(&text(serde_json::to_string(starts))?)?;
    }
    for pile in &calendar.piles {
        output::line(&text(serde_json::to_string(pile))?)?;
    }
    Ok(Exit::Fine)
}

fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%a %F %H:%M").to_string()
}
