//! `list`: the runbooks of the book, with what starts them.

use crate::cli::args::List;
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::{output, shelf};
use crate::model::runbook::Runbook;
use crate::model::trigger::{Trigger, TriggerKind};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

/// One runbook as `list --json` prints it.
#[derive(Debug, Serialize)]
struct Row {
    runbook: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    triggers: Vec<String>,
    inputs: Vec<Input>,
    steps: usize,
}

/// One input as `list --json` prints it.
#[derive(Debug, Serialize)]
struct Input {
    name: String,
    #[serde(rename = "type")]
    ty: &'static str,
    required: bool,
}

/// Lists the runbooks.
pub fn run(args: &List, settings: &Settings) -> Result<Exit, Trouble> {
    let loaded = shelf::load(&settings.book()?)?;
    let rows: Vec<Row> = loaded.book.runbooks.values().map(|runbook| row(runbook)).collect();
    if args.json {
        for row in &rows {
            output::line(&serde_json::to_string(row).map_err(|reason| Trouble::new(reason.to_string()))?)?;
        }
    } else {
        output::data(&table(&rows))?;
    }
    if loaded.findings.has_errors() {
        let (errors, _) = loaded.findings.counts();
        let errors = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
        output::aside(&format!("{errors} in the book: what has one is not listed; `stepladder check` shows them"));
    } else if rows.is_empty() {
        output::aside("the book has no runbook yet: `stepladder new NAME` starts one");
    }
    Ok(Exit::Fine)
}

fn row(runbook: &Runbook) -> Row {
    let input = |input: &crate::model::input::Input| Input {
        name: input.name.to_string(),
        ty: input.ty.word(),
        required: input.default.is_none(),
    };
    Row {
        runbook: runbook.name.to_string(),
        title: runbook.shown().into(),
        owner: runbook.owner.as_ref().map(ToString::to_string),
        triggers: runbook.triggers.iter().map(trigger).collect(),
        inputs: runbook.inputs.iter().map(input).collect(),
        steps: runbook.index.len(),
    }
}

/// What starts it, in a few words.
fn trigger(trigger: &Trigger) -> String {
    match &trigger.kind {
        TriggerKind::Cron { expression, timezone } => format!("cron {expression} ({timezone})"),
        TriggerKind::Every(span) => format!("every {span}"),
        TriggerKind::At { when, timezone } => format!("at {when} ({timezone})"),
        TriggerKind::Webhook(_) => "webhook".into(),
        TriggerKind::Heartbeat(_) => "heartbeat".into(),
        TriggerKind::Alert(_) => "alert".into(),
        TriggerKind::RunEnded { runbook, .. } => format!("after {runbook}"),
        TriggerKind::File(_) => "file".into(),
        TriggerKind::Startup => "startup".into(),
    }
}

fn table(rows: &[Row]) -> String {
    let name = rows.iter().map(|row| row.runbook.width()).max().unwrap_or(0);
    let title = rows.iter().map(|row| row.title.width()).max().unwrap_or(0);
    let line = |row: &Row| {
        let pad = |text: &str, width: usize| format!("{text}{}", " ".repeat(width.saturating_sub(text.width())));
        let line = format!("{}  {}  {}", pad(&row.runbook, name), pad(&row.title, title), row.triggers.join(", "));
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}
