//! An owner that lasts: a process of its own that drives what is unfinished, and ends when nothing is.

use crate::api::wire::{RunState, RunsRequest};
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::runtime::owner::Config;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often it looks whether anything is left.
const LOOK: Duration = Duration::from_millis(500);

/// Starts the lasting owner of a book's data directory. It lives in a process group of its own.
pub(super) fn launch(config: &Config) -> Result<(), Trouble> {
    let mut command = Command::new(&config.program);
    command.arg("--book").arg(&config.book_dir).arg("drive");
    command
        .current_dir(&config.book_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let started = command.spawn();
    started.map(drop).map_err(|error| Trouble::new(format!("no process could be started to drive the run: {error}")))
}

/// Drives every unfinished run until there is none.
pub async fn drive(settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Drive).await?;
    loop {
        tokio::time::sleep(LOOK).await;
        let newest = door.runs(RunsRequest { dry: true, limit: 10_000, ..RunsRequest::default() }).await?;
        if newest.iter().all(|row| row.state == RunState::Ended) {
            break;
        }
    }
    door.close().await;
    Ok(Exit::Fine)
}
