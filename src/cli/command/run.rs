//! `run` and `plan`: start a runbook and watch it.

use crate::api::wire::StartRequest;
use crate::cli::args::{Plan, Run, What};
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::inputs;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::watch::{Show, watch};
use crate::cli::{output, shelf};

/// Runs a runbook.
pub async fn run(args: &Run, settings: &Settings) -> Result<Exit, Trouble> {
    let book = settings.book()?;
    let request = request(&args.runbook, &args.what, args.dry_run, settings)?;
    let purpose = if args.detach { Purpose::Leave } else { Purpose::Drive };
    let door = Door::open(settings, &book, purpose).await?;
    let ended = start(&door, request, args, settings).await;
    door.close().await;
    ended
}

async fn start(door: &Door, request: StartRequest, args: &Run, settings: &Settings) -> Result<Exit, Trouble> {
    let reply = door.start(request).await?;
    if args.detach {
        door.leave(&reply.run).await?;
        output::line(&reply.run)?;
        return Ok(Exit::Fine);
    }
    watch(door, reply, settings, if args.json { Show::Json } else { Show::People }).await
}

/// Shows what a run would do.
pub async fn plan(args: &Plan, settings: &Settings) -> Result<Exit, Trouble> {
    let run =
        Run { runbook: args.runbook.clone(), what: args.what.clone(), json: args.json, dry_run: true, detach: false };
    self::run(&run, settings).await
}

fn request(runbook: &str, what: &What, dry: bool, settings: &Settings) -> Result<StartRequest, Trouble> {
    let loaded = shelf::load(&settings.book()?)?;
    let runbook = shelf::runbook_or_findings(&loaded, runbook, settings)?;
    Ok(StartRequest {
        runbook: runbook.name.to_string(),
        inputs: inputs::gather(&runbook, &what.inputs, settings)?,
        dry,
        from: what.from.clone(),
        only: what.only.clone(),
        skip: what.skip.clone(),
    })
}
