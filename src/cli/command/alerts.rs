//! `alerts`: what fires or is about to, by the book's own conditions or by another system's word.

use crate::api::wire::AlertRow;
use crate::cli::args::Alerts;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::table::{Cell, table};
use crate::cli::trouble::Trouble;
use crate::cli::view::{Tone, ago};
use crate::model::measure::figure;
use crate::runtime::clock;
use jiff::Timestamp;

/// Lists alerts.
pub async fn run(args: &Alerts, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
    let mut rows = door.alerts().await?;
    rows.retain(|row| args.all || row.state != "over");
    if args.json {
        for row in &rows {
            output::line(&serde_json::to_string(row).map_err(|reason| Trouble::new(reason.to_string()))?)?;
        }
    } else if rows.is_empty() {
        output::aside(if args.all { "no alert is known" } else { "no alert fires" });
    } else {
        let head = ["state", "severity", "since", "value", "source", "title", "labels"];
        let mut cells = vec![head.map(|word| Cell::new(word, Tone::Dim)).to_vec()];
        cells.extend(rows.iter().map(|row| line(row, clock::now())));
        output::data(&table(&cells, settings.out))?;
    }
    Ok(Exit::Fine)
}

fn line(row: &AlertRow, now: Timestamp) -> Vec<Cell> {
    let tone = match row.state.as_str() {
        "firing" => Tone::Bad,
        "pending" => Tone::Warning,
        _ => Tone::Dim,
    };
    let labels: Vec<String> = row.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    vec![
        Cell::new(&row.state, tone),
        Cell::new(row.severity.as_deref().unwrap_or("-"), tone),
        Cell::new(&ago(row.since, now), Tone::Dim),
        Cell::new(&row.value.map_or_else(|| "-".to_owned(), figure), Tone::Plain),
        Cell::new(&row.source, Tone::Dim),
        Cell::new(&row.title, Tone::Plain),
        Cell::new(&labels.join(" "), Tone::Dim),
    ]
}
