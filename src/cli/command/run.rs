//! `run` and `plan`: start a runbook and watch it.

use crate::api::wire::StartRequest;
use crate::cli::args::{Plan, Run, What};
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::inputs;
use crate::cli::interrupt::Interrupts;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::watch::{Show, watch};
use crate::cli::{output, plan, shelf};
use crate::lang;
use crate::model::runbook::Runbook;
use std::path::Path;
use std::sync::Arc;

/// Runs a runbook.
pub async fn run(args: &Run, settings: &Settings) -> Result<Exit, Trouble> {
    let book = settings.book()?;
    let request = request(args, settings, &book).await?;
    let purpose = if args.detach { Purpose::Leave } else { Purpose::Drive };
    let door = Door::open(settings, &book, purpose).await?;
    let ended = start(&door, request, args, settings).await;
    door.close().await;
    ended
}

async fn start(door: &Door, request: StartRequest, args: &Run, settings: &Settings) -> Result<Exit, Trouble> {
    if args.detach {
        let reply = door.start(request).await?;
        door.leave(&reply.run).await?;
        output::line(&reply.run)?;
        return Ok(Exit::Fine);
    }
    let mut interrupts = Interrupts::listen()?;
    let reply = interrupts.kept_over(door.start(request)).await?;
    let run = reply.run.clone();
    let show = if args.json { Show::Json } else { Show::People };
    let exit = watch(door, reply, settings, show, interrupts).await?;
    if let (Some(file), true) = (&args.plan_out, exit != Exit::Cancelled) {
        let made = door.plan(&run).await?;
        plan::write(&settings.cwd().join(file), &made)?;
        output::aside(&plan::summary(file, &made));
    }
    Ok(exit)
}

/// Shows what a run would do.
pub async fn plan(args: &Plan, settings: &Settings) -> Result<Exit, Trouble> {
    let Plan { runbook, what, plan_out, json } = args.clone();
    let run = Run { runbook: Some(runbook), what, plan: None, plan_out, json, dry_run: true, detach: false };
    self::run(&run, settings).await
}

async fn request(args: &Run, settings: &Settings, book: &Path) -> Result<StartRequest, Trouble> {
    let plan = args.plan.as_ref().map(|file| plan::read(&settings.cwd().join(file))).transpose()?;
    let its_own = plan.as_ref().and_then(|plan| plan["runbook"].as_str());
    let name = args.runbook.as_deref().or(its_own).unwrap_or_default();
    let planned = plan.as_ref().and_then(|plan| plan["inputs"].as_object());
    let planned: Vec<String> = planned.into_iter().flat_map(|inputs| inputs.keys().cloned()).collect();
    let loaded = settings.memo.load(book)?.loaded;
    let runbook = match shelf::runbook_or_findings(&loaded, name, settings) {
        Ok(runbook) => runbook,
        Err(trouble) => last_good(settings, book, name).await.ok_or(trouble)?,
    };
    let What { inputs, from, only, skip } = args.what.clone();
    let inputs = inputs::gather(&runbook, &inputs, &planned, settings)?;
    Ok(StartRequest { runbook: runbook.name.to_string(), inputs, dry: args.dry_run, from, only, skip, plan, run: None })
}

/// The last good text of a runbook, where a daemon goes by one.
async fn last_good(settings: &Settings, book: &Path, name: &str) -> Option<Arc<Runbook>> {
    let door = Door::open(settings, book, Purpose::Look).await.ok()?;
    let texts = door.book_texts().await.ok()?.texts;
    let files: Vec<(String, Arc<str>)> = texts.into_iter().map(|(name, text)| (name, text.into())).collect();
    let runbook = shelf::runbook(&lang::load(&files), name).ok()?;
    output::aside(&format!("the daemon goes by the last good text of `{name}`, and that is what runs"));
    Some(runbook)
}
