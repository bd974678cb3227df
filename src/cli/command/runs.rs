//! `runs`: what ran before, and how the runs of one runbook compare.

use crate::api::wire::{RunRow, RunState, RunsRequest, What, WireEvent, WireMeasure};
use crate::base::span::Span;
use crate::cli::args::Runs;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::table::{Cell, table};
use crate::cli::trouble::Trouble;
use crate::cli::view::{Tone, human, number, short};
use crate::diagnostic::render::Style;
use crate::runtime::clock;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// Runs of one runbook that are compared at most.
const COMPARED: usize = 12;

/// Below so many columns a list leaves out what matters least.
const NARROW: usize = 80;

/// Lists or compares runs.
pub async fn run(args: &Runs, settings: &Settings) -> Result<Exit, Trouble> {
    let request = request(args)?;
    let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
    let rows = door.runs(request).await?;
    if args.json {
        for row in &rows {
            output::line(&serde_json::to_string(row).map_err(|reason| Trouble::new(reason.to_string()))?)?;
        }
        return Ok(Exit::Fine);
    }
    if rows.is_empty() {
        output::aside("no such run yet: `stepladder run RUNBOOK` makes one");
        return Ok(Exit::Fine);
    }
    let (zone, style) = (TimeZone::system(), settings.out);
    if args.runbook.is_none() {
        output::data(&listed(&rows, &zone, clock::now(), style))?;
        return Ok(Exit::Fine);
    }
    let mut compared = Vec::new();
    for row in rows.into_iter().take(COMPARED.min(columns(style))) {
        let measures = measures(&door.run(&row.run).await?.events);
        compared.push((row, measures));
    }
    output::data(&comparison(&compared, &zone, clock::now(), style))?;
    Ok(Exit::Fine)
}

fn request(args: &Runs) -> Result<RunsRequest, Trouble> {
    let since = match &args.since {
        None => None,
        Some(text) => {
            let span = Span::parse(text).map_err(|reason| Trouble::new(format!("--since: {reason}")))?;
            clock::now().checked_sub(jiff::SignedDuration::from(span)).ok()
        }
    };
    let outcome = if args.failed { vec!["failed".to_owned(), "cancelled".to_owned()] } else { Vec::new() };
    Ok(RunsRequest {
        runbook: args.runbook.clone(),
        outcome,
        since,
        dry: args.dry,
        limit: args.limit.max(1),
        before: None,
    })
}

/// How many runs fit beside the names of measures.
fn columns(style: Style) -> usize {
    (style.width.saturating_sub(26) / 14).max(1)
}

/// The last sample of each measure and label set.
fn measures(events: &[WireEvent]) -> BTreeMap<String, WireMeasure> {
    let mut last = BTreeMap::new();
    for event in events {
        if let What::AttemptEnded { measures, .. } = &event.what {
            for measure in measures {
                let labels: Vec<String> =
                    measure.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
                let unit = measure.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
                last.insert(format!("{}{labels}{unit}", measure.name), measure.clone());
            }
        }
    }
    last
}

fn tone(row: &RunRow) -> Tone {
    match (row.outcome.as_deref(), row.level.as_deref()) {
        (None, _) if row.state == RunState::Quarantined => Tone::Bad,
        (None, _) => Tone::Busy,
        (Some("succeeded" | "recovered"), Some("ok")) => Tone::Good,
        (Some("succeeded" | "recovered"), Some(level)) => Tone::of_level(level),
        (Some("cancelled"), _) => Tone::Warning,
        (Some(_), _) => Tone::Bad,
    }
}

/// How a run stands, in a word.
fn word(row: &RunRow) -> &str {
    match (&row.outcome, row.state) {
        (Some(outcome), _) => outcome,
        (None, RunState::Queued) => "queued",
        (None, RunState::Running) => "running",
        (None, RunState::Waiting) => "waiting",
        (None, RunState::Stranded) => "stranded",
        (None, RunState::Quarantined) => "quarantined",
        (None, RunState::Ended) => "ended",
    }
}

fn took(row: &RunRow, now: Timestamp) -> String {
    human(row.ended.unwrap_or(now).as_millisecond() - row.started.as_millisecond())
}

fn local(at: Timestamp, zone: &TimeZone, style: Style) -> String {
    // On a narrow terminal the outcome is worth more than the year.
    let form = if style.width < NARROW { "%m-%d %H:%M" } else { "%Y-%m-%d %H:%M" };
    at.to_zoned(zone.clone()).strftime(form).to_string()
}

/// A row for each run.
fn listed(rows: &[RunRow], zone: &TimeZone, now: Timestamp, style: Style) -> String {
    let head = ["run", "runbook", "started", "took", "outcome", "level", "reason"];
    let mut cells = vec![head.iter().map(|word| Cell::new(word, Tone::Dim)).collect::<Vec<_>>()];
    for row in rows {
        let dry = if row.dry { "dry run; " } else { "" };
        let quiet = row.outcome.as_deref() == Some("succeeded") && row.level.as_deref() == Some("ok");
        let reason = row.reason.as_deref().filter(|_| !quiet).unwrap_or_default();
        cells.push(vec![
            Cell::new(short(&row.run), Tone::Plain),
            Cell::new(&row.runbook, Tone::Plain),
            Cell::new(&local(row.started, zone, style), Tone::Plain),
            Cell::new(&took(row, now), Tone::Plain),
            Cell::new(word(row), tone(row)),
            Cell::new(row.level.as_deref().unwrap_or_default(), tone(row)),
            Cell::new(&format!("{dry}{reason}"), Tone::Dim),
        ]);
    }
    if style.width < NARROW {
        // `took` and `reason` go; `show` has them.
        for row in &mut cells {
            row.truncate(6);
            row.remove(3);
        }
    }
    table(&cells, style)
}

/// A column for each run, the newest first; a row for each measure.
fn comparison(
    runs: &[(RunRow, BTreeMap<String, WireMeasure>)],
    zone: &TimeZone,
    now: Timestamp,
    style: Style,
) -> String {
    let line = |name: &str, cell: &dyn Fn(&RunRow) -> Cell| {
        std::iter::once(Cell::new(name, Tone::Dim)).chain(runs.iter().map(|(row, _)| cell(row))).collect::<Vec<_>>()
    };
    let day = |row: &RunRow| row.started.to_zoned(zone.clone()).strftime("%m-%d %H:%M").to_string();
    let mut cells = vec![
        line("run", &|row| Cell::new(short(&row.run), Tone::Strong)),
        line("started", &|row| Cell::new(&day(row), Tone::Plain)),
        line("took", &|row| Cell::new(&took(row, now), Tone::Plain)),
        line("outcome", &|row| Cell::new(word(row), tone(row))),
        line("level", &|row| Cell::new(row.level.as_deref().unwrap_or_default(), tone(row))),
    ];
    let mut names: Vec<&String> = runs.iter().flat_map(|(_, measures)| measures.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let value = |measures: &BTreeMap<String, WireMeasure>| match measures.get(name) {
            None => Cell::new("-", Tone::Dim),
            Some(measure) => {
                let value = measure.value.map_or("?".into(), number);
                Cell::new(&format!("{value}{}", sign(&measure.level)), level(measure))
            }
        };
        let values = runs.iter().map(|(_, measures)| value(measures));
        cells.push(std::iter::once(Cell::new(name, Tone::Plain)).chain(values).collect());
    }
    table(&cells, style)
}

/// A level beside a number, for those who see no colours.
fn sign(level: &str) -> &'static str {
    match level {
        "ok" => "",
        "notice" => " n",
        "warning" => " W",
        _ => " C",
    }
}

fn level(measure: &WireMeasure) -> Tone {
    if measure.level == "ok" { Tone::Plain } else { Tone::of_level(&measure.level) }
}
