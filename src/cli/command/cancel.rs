//! `cancel`: ask for the end of a run.

use crate::api::wire::{CancelMode, CancelRequest};
use crate::cli::args::Cancel;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::view::short;

/// Asks for the end of a run.
pub async fn run(args: &Cancel, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
    let run = door.find(&args.run).await?;
    let reason = args.reason.clone().unwrap_or_else(|| "`stepladder cancel`".into());
    let mode = if args.now { CancelMode::Now } else { CancelMode::Gentle };
    door.cancel(CancelRequest { run: run.clone(), reason, mode }).await?;
    output::aside(&format!("run {0} is being cancelled; `stepladder show {0}` says how it stands", short(&run)));
    Ok(Exit::Fine)
}
