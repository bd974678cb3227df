//! `reload`: the daemon reads the files of the book again, now.

use crate::cli::args::Reload;
use crate::cli::command::status::broken;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;

/// Has the files read, and says what came of it.
pub async fn run(args: &Reload, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
    let reloaded = door.reload().await?;
    let exit = if reloaded.broken.is_empty() { Exit::Fine } else { Exit::Warning };
    if args.json {
        output::line(&serde_json::to_string(&reloaded).map_err(|reason| Trouble::new(reason.to_string()))?)?;
        return Ok(exit);
    }
    let mut text: String = reloaded.changed.iter().map(|file| format!("taken: {file}\n")).collect();
    if reloaded.changed.is_empty() {
        text.push_str("nothing new is taken\n");
    }
    text.push_str(&broken(&reloaded.broken));
    if reloaded.restart {
        text.push_str("stepladder.yaml has changed: what it says of the daemon itself counts after a restart\n");
    }
    output::data(&text)?;
    Ok(exit)
}
