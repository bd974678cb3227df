//! `status`: who drives the runs, what has not ended and what it waits for, and whether the book is well.

use crate::api::wire::{BrokenFile, RunState, UnfinishedRun};
use crate::cli::args::Status;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::view::short;
use std::fmt::Write;

/// Runs that are listed at most.
const LISTED: usize = 50;

type Standing = crate::api::wire::Status;

/// Shows how everything stands.
pub async fn run(args: &Status, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
    let status = door.status().await?;
    let exit = exit(&status);
    if args.json {
        output::line(&serde_json::to_string(&status).map_err(|reason| Trouble::new(reason.to_string()))?)?;
    } else {
        output::data(&page(&status))?;
    }
    Ok(exit)
}

/// 1 where somebody should look.
fn exit(status: &Standing) -> Exit {
    let lost = |run: &UnfinishedRun| matches!(run.state, RunState::Stranded | RunState::Quarantined);
    let well = status.broken.is_empty()
        && status.aside.is_empty()
        && status.unreached.is_empty()
        && !status.runs.iter().any(lost);
    if well { Exit::Fine } else { Exit::Warning }
}

fn page(status: &Standing) -> String {
    let mut text = match &status.owner {
        Some(owner) if owner.stays => {
            format!("stepladder {} serves since {:.0}, process {}\n", owner.version, owner.since, owner.process)
        }
        Some(owner) => format!("process {} drives the runs, until they have ended; no daemon serves\n", owner.process),
        None => "nobody drives the runs: `stepladder serve` does, and stays\n".into(),
    };
    text.push_str(&counts(&status.runs));
    for run in status.runs.iter().take(LISTED) {
        let waits = run.waits_for.as_ref().map(|what| format!(": {what}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "  {} {} {}, since {:.0}{waits}",
            short(&run.run),
            run.runbook,
            run.state.word(),
            run.started
        );
    }
    if status.runs.len() > LISTED {
        let _ = writeln!(text, "  and {} more: `stepladder runs`", status.runs.len() - LISTED);
    }
    if let Some(since) = status.book_since {
        let _ = writeln!(text, "book: {} files, as they count since {since:.0}", status.files);
    }
    text.push_str(&broken(&status.broken));
    for (runbook, runs) in &status.orphans {
        let _ = writeln!(text, "  runbook `{runbook}` is gone; {runs} of its runs go on with the text they have");
    }
    for what in status.aside.iter().take(LISTED) {
        let _ = writeln!(text, "  {what}");
    }
    if !status.aside.is_empty() {
        let _ = writeln!(text, "{} streams are set aside: `stepladder doctor` says more", status.aside.len());
    }
    for who in &status.unreached {
        let _ = writeln!(text, "  who may be paged within a week: {who}; `stepladder contacts` says more");
    }
    if status.restart {
        text.push_str("  stepladder.yaml has changed: what it says of the daemon itself counts after a restart\n");
    }
    text
}

fn counts(runs: &[UnfinishedRun]) -> String {
    let states = [RunState::Running, RunState::Waiting, RunState::Queued, RunState::Stranded, RunState::Quarantined];
    let counted = states.map(|state| (runs.iter().filter(|run| run.state == state).count(), state.word()));
    let said: Vec<String> =
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if said.is_empty() { "no run is unfinished\n".into() } else { format!("runs: {}\n", said.join(", ")) }
}

/// Files that do not count as they are.
pub fn broken(files: &[BrokenFile]) -> String {
    let mut text = String::new();
    for file in files {
        let what = if file.kept { "its last good text counts" } else { "it does not count" };
        let _ = writeln!(text, "  {} does not pass its checks, since {:.0}: {what}", file.file, file.since);
        for line in &file.findings {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}
