//! `cancel`: ask for the end of a run.

use crate::api::wire::{CancelMode, CancelRequest};
use crate::cli::args::Cancel;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupts;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::view::{View, short};
use std::time::Duration;

/// A run that says nothing for so long may wait for a person.
const SILENCE: Duration = Duration::from_secs(1);

/// Asks for the end of a run. Where nobody drives it, that is done here until it has ended.
pub async fn run(args: &Cancel, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Drive).await?;
    let ended = ask(&door, args).await;
    door.close().await;
    ended
}

async fn ask(door: &Door, args: &Cancel) -> Result<Exit, Trouble> {
    let run = door.find(&args.run).await?;
    let reason = args.reason.clone().unwrap_or_else(|| "`stepladder cancel`".into());
    let mode = if args.now { CancelMode::Now } else { CancelMode::Gentle };
    door.cancel(CancelRequest { run: run.clone(), reason, mode }).await?;
    if door.owns() {
        output::aside(&format!("run {} was left by its owner: it is brought to its end here", short(&run)));
        if let Some(outcome) = see_to_its_end(door, &run).await? {
            output::aside(&format!("run {0} {outcome}; `stepladder show {0}` says how it went", short(&run)));
            return Ok(Exit::Fine);
        }
    }
    output::aside(&format!("run {0} is being cancelled; `stepladder show {0}` says how it stands", short(&run)));
    Ok(Exit::Fine)
}

/// How a run ended; `None` = it waits for a person, or this process is to end.
async fn see_to_its_end(door: &Door, run: &str) -> Result<Option<String>, Trouble> {
    let mut interrupts = Interrupts::listen()?;
    let mut view = View::new(door.run(run).await?.outline);
    let mut events = door.events(run);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => view.apply(&event?),
                None => return Ok(None),
            },
            _ = interrupts.next() => return Ok(None),
            () = tokio::time::sleep(SILENCE) => {
                if view.question().is_some() {
                    return Ok(None);
                }
            }
        }
        if let Some((outcome, _)) = view.ended() {
            return Ok(Some(outcome.to_owned()));
        }
    }
}
