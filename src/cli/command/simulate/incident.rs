//! `simulate incident`: a night of the ladder, minute by minute.

use crate::base::ids::Name;
use crate::base::span::Span;
use crate::cli::args::SimulateIncident;
use crate::cli::command::next::{Day, instant};
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::table::{Cell, table};
use crate::cli::trouble::Trouble;
use crate::cli::view::Tone;
use crate::cli::{output, shelf};
use crate::diagnostic::closest;
use crate::diagnostic::render::Style;
use crate::escalation::rehearsal::Act;
use crate::lang::Loaded;
use crate::model::escalation::Escalation;
use crate::model::rehearsal::Mending;
use crate::runtime::clock;
use crate::service::simulate::{Night, Row, Told, difference, incident};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Where the ladder of a book is.
const LADDER: &str = "escalation.yaml";

/// Plays it and shows it.
pub(super) fn run(args: &SimulateIncident, settings: &Settings) -> Result<Exit, Trouble> {
    let book = settings.book()?;
    let loaded = shelf::load(&book)?;
    let ladder = sound(&loaded)?;
    let zone = crate::base::zone::zone(&loaded.book.settings.timezone).unwrap_or(TimeZone::UTC);
    let night = night(args, &loaded, ladder, &zone)?;
    let told = incident(ladder, &night).map_err(Trouble::new)?;
    if let Some(file) = &args.diff {
        let other = other(&book, &settings.cwd().join(file))?;
        let before = incident(sound(&other)?, &night).map_err(Trouble::new)?;
        return differs(&before, &told, args, settings, &zone);
    }
    if args.json {
        for row in &told.rows {
            line(row)?;
        }
        return Ok(verdict(&told));
    }
    let opened = local(told.opened, &zone);
    output::data(&format!("{} at {opened}, in {}; nobody is told\n\n", told.severity, zone_name(&zone)))?;
    let rows: Vec<Vec<Cell>> = told.rows.iter().flat_map(|row| cells(row, None, &zone)).collect();
    output::data(&table(&rows, whole(settings.out)))?;
    output::data(&format!("\n{}\n", told.stop))?;
    if !told.somebody {
        output::aside("every page failed: nobody who has to answer was reached");
    }
    Ok(verdict(&told))
}

/// Reasons are shown whole, however narrow the terminal is.
fn whole(style: Style) -> Style {
    Style { width: 1_000, ..style }
}

/// A night in which nobody is reached is no good one.
fn verdict(told: &Told) -> Exit {
    if told.somebody { Exit::Fine } else { Exit::Failed }
}

/// The ladder of a book whose ladder passes its checks.
fn sound(loaded: &Loaded) -> Result<&Escalation, Trouble> {
    let wrong = loaded.findings.files_with_errors();
    if loaded.sources.iter().any(|(id, source)| source.name == LADDER && wrong.contains(&id)) {
        return Err(
            Trouble::new(format!("`{LADDER}` does not pass its checks")).help("`stepladder check` shows what is wrong")
        );
    }
    loaded.book.escalation.as_ref().ok_or_else(|| {
        Trouble::new(format!("nobody would be told: this book has no {LADDER}"))
            .help("`docs/escalation.md` says how to begin one")
    })
}

/// The same book with another ladder.
fn other(book: &Path, file: &Path) -> Result<Loaded, Trouble> {
    let text = std::fs::read_to_string(file).map_err(|reason| Trouble::io("read", file, &reason))?;
    let mut files = shelf::files(book)?;
    files.retain(|(name, _)| name != LADDER && name != "config/incident_contacts.yaml");
    files.push((LADDER.to_owned(), Arc::from(text)));
    files.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(shelf::loaded(&files))
}

fn night(args: &SimulateIncident, loaded: &Loaded, ladder: &Escalation, zone: &TimeZone) -> Result<Night, Trouble> {
    if let Some(severity) = &args.severity {
        known("severity", severity, ladder.severities.keys().map(String::as_str))?;
    }
    if let Some(contact) = &args.ack_by {
        known("contact", contact, ladder.contacts.keys().map(Name::as_str))?;
    }
    let mut down = BTreeSet::new();
    for channel in &args.channels_down {
        known("channel", channel, loaded.book.settings.channels.keys().map(Name::as_str))?;
        down.extend(Name::parse(channel));
    }
    let mut acts = Vec::new();
    if let Some(at) = &args.ack_at {
        let by = args.ack_by.as_ref().and_then(|by| Name::parse(by).ok());
        acts.push((span("--ack-at", at)?, Act::Acknowledge(by)));
    }
    if let Some(at) = &args.resolve_at {
        acts.push((span("--resolve-at", at)?, Act::Resolve(None)));
    }
    if let Some(at) = &args.clear_at {
        acts.push((span("--clear-at", at)?, Act::Clear));
    }
    let at = match &args.at {
        Some(text) => instant(text, zone, Day::Today, "--at")?,
        None => clock::now(),
    };
    let whole = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
    Ok(Night {
        at: whole,
        message: args.message.clone(),
        severity: args.severity.clone(),
        kind: args.kind.clone(),
        labels: labels(&args.labels)?,
        by_hand: args.by_hand,
        level_1: level_1(&args.level_1)?,
        acts,
        works: !args.idle,
        down,
        away: args.away.as_deref().map(away).transpose()?,
        most: args.most.as_deref().map(|text| span("--most", text)).transpose()?,
    })
}

fn known<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Result<(), Trouble> {
    if known.clone().any(|other| other == name) {
        return Ok(());
    }
    let help = match closest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the book has {}", known.collect::<Vec<_>>().join(", ")),
    };
    Err(Trouble::new(format!("unknown {what} `{name}`")).help(help))
}

fn span(flag: &str, text: &str) -> Result<Span, Trouble> {
    Span::parse(text).map_err(|bad| Trouble::new(format!("{flag}: {bad}")).help("write it like `20m` or `1h30m`"))
}

fn level_1(text: &str) -> Result<Mending, Trouble> {
    match text.split_once('=') {
        None if text == "hangs" => Ok(Mending::Hangs),
        Some(("ok", after)) => Ok(Mending::Helps(span("--level-1", after)?)),
        Some(("fails", after)) => Ok(Mending::Fails(span("--level-1", after)?)),
        Some(_) | None => Err(Trouble::new(format!("--level-1: `{text}` is nothing that level 1 comes to"))
            .help("write `hangs`, `fails=2m` or `ok=2m`")),
    }
}

fn away(text: &str) -> Result<(Span, Span), Trouble> {
    let help = "write it like `10m..2h`: from and to, both after the opening";
    let (from, to) = text.split_once("..").ok_or_else(|| Trouble::new("--away: from when to when?").help(help))?;
    let (from, to) = (span("--away", from)?, span("--away", to)?);
    if from < to { Ok((from, to)) } else { Err(Trouble::new("--away ends before it begins").help(help)) }
}

fn labels(texts: &[String]) -> Result<BTreeMap<String, String>, Trouble> {
    let one = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => {
            Err(Trouble::new(format!("--label: `{text}` is no label")).help("write it like `component=sip`"))
        }
    };
    texts.iter().map(one).collect()
}

fn cells(row: &Row, sign: Option<char>, zone: &TimeZone) -> Vec<Vec<Cell>> {
    let tone = match row.kind {
        "page" => Tone::Strong,
        "breach" | "trouble" => Tone::Warning,
        "level" => Tone::Plain,
        "end" => Tone::Good,
        _ => Tone::Dim,
    };
    let after = if row.after == Span::ZERO { "0".to_owned() } else { format!("+{}", row.after) };
    let line = |first: [&str; 3], text: &str, tone| {
        let mut cells: Vec<Cell> = sign.map(|sign| Cell::new(&sign.to_string(), tone)).into_iter().collect();
        cells.extend(first.map(|text| Cell::new(text, Tone::Dim)));
        cells.push(Cell::new(text, tone));
        cells
    };
    let clock = row.at.to_zoned(zone.clone()).strftime("%a %H:%M:%S").to_string();
    let mut lines = vec![line([&after, &clock, row.kind], &row.what, tone)];
    let more = |text: &str| line(["", "", ""], &format!("  {text}"), Tone::Dim);
    lines.extend(Some(&row.why).filter(|why| !why.is_empty()).map(|why| more(why)));
    lines.extend(row.by.iter().map(|way| more(way)));
    if let Some(again) = &row.again {
        let times = if again.times == 1 { "once".to_owned() } else { format!("{} times", again.times) };
        lines.push(more(&format!("and again {times}, the last at +{}", again.last)));
    }
    lines
}

fn differs(
    before: &Told,
    after: &Told,
    args: &SimulateIncident,
    settings: &Settings,
    zone: &TimeZone,
) -> Result<Exit, Trouble> {
    let lines = difference(before, after);
    if args.json {
        for (sign, row) in &lines {
            let mut value = serde_json::to_value(row).map_err(|reason| Trouble::new(reason.to_string()))?;
            value["only"] = if *sign == '-' { "other".into() } else { "book".into() };
            line(&value)?;
        }
    } else if lines.is_empty() {
        output::aside("no difference: both ladders tell the same people at the same times");
    } else {
        let rows: Vec<Vec<Cell>> = lines.iter().flat_map(|(sign, row)| cells(row, Some(*sign), zone)).collect();
        output::data(&table(&rows, whole(settings.out)))?;
    }
    Ok(if lines.is_empty() { Exit::Fine } else { Exit::Warning })
}

fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%a %F %H:%M %:z").to_string()
}

fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

fn line(row: &impl serde::Serialize) -> Result<(), Trouble> {
    output::line(&serde_json::to_string(row).map_err(|reason| Trouble::new(reason.to_string()))?)
}
