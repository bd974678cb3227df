//! An owner that lasts: a process of its own that drives what is unfinished, and ends when nothing is.

use crate::api::wire::RunsRequest;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupts;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::runtime::owner::Config;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How often it looks whether anything is left.
const LOOK: Duration = Duration::from_millis(500);

/// Starts the lasting owner of a book's data directory. It lives in a process group of its own.
pub(super) fn launch(config: &Config) -> Result<Child, Trouble> {
    let mut command = Command::new(&config.program);
    command.arg("--book").arg(&config.book_dir).arg("drive");
    command
        .current_dir(&config.book_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let started = command.spawn();
    started.map_err(|error| Trouble::new(format!("no process could be started to drive the run: {error}")))
}

/// Drives every unfinished run until there is none: as the owner, or as the one that comes after it.
///
/// # Errors
/// When the data directory can't be used.
pub async fn drive(settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Drive).await?;
    let mut interrupts = Interrupts::listen()?;
    // Who takes over stays.
    while !door.home.gone() && !door.home.was_taken_over().await && unfinished(&door).await? {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = interrupts.next() => {
                // Who ends it by hand wants it ended: the runs wait for the next owner, their children go on.
                door.home.close().await;
                return Ok(Exit::Cancelled);
            }
        }
    }
    door.home.close().await;
    Ok(Exit::Fine)
}

/// Whether there is anything left to wait for: what this process drives, or what another one's list has.
async fn unfinished(door: &Door) -> Result<bool, Trouble> {
    if door.owns() {
        return Ok(door.drives_any().await);
    }
    let running = RunsRequest { dry: true, limit: 1, outcome: vec!["running".into()], ..RunsRequest::default() };
    Ok(!door.runs(running).await?.is_empty())
}
