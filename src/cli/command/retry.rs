//! `retry`: run again what failed, with the text it had.

use crate::api::wire::{RetryRequest, RunState, StartReply};
use crate::cli::args::Retry;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupts;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::view::short;
use crate::cli::watch::{Show, watch};

/// Starts the run that repeats another, and watches it.
pub async fn run(args: &Retry, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Drive).await?;
    let ended = again(&door, args, settings).await;
    door.close().await;
    ended
}

async fn again(door: &Door, args: &Retry, settings: &Settings) -> Result<Exit, Trouble> {
    let mut interrupts = Interrupts::listen()?;
    let run = door.find(&args.run).await?;
    let show = if args.json { Show::Json } else { Show::People };
    let detail = door.run(&run).await?;
    if detail.row.state != RunState::Ended && door.owns() {
        output::aside(&format!("run {} has not ended, its owner was gone: it goes on here", short(&run)));
        return watch(door, StartReply { run, outline: detail.outline }, settings, show, interrupts).await;
    }
    let reply = interrupts.kept_over(door.retry(RetryRequest { run, new: None })).await?;
    watch(door, reply, settings, show, interrupts).await
}
