//! `store`: everything that is kept, carried elsewhere and back.

use crate::cli::args::{Carry, Store};
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use std::path::{Path, PathBuf};

/// Exports, imports or copies.
pub async fn run(args: &Store, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
    let whole = |path: &Path| -> PathBuf { settings.cwd().join(path) };
    match &args.what {
        Carry::Export { file } => {
            let carried = door.export(&whole(file)).await?;
            output::aside(&format!(
                "{} events and {} blobs are in `{}`",
                carried.events,
                carried.blobs,
                file.display()
            ));
            if carried.unread.is_empty() {
                return Ok(Exit::Fine);
            }
            let names = carried.unread.join("`, `");
            output::aside(&format!(
                "not among them, because they can't be read: `{names}`; `stepladder doctor` says why"
            ));
            Ok(Exit::Failed)
        }
        Carry::Import { file } => {
            let (carried, held) = door.import(&whole(file))?;
            output::aside(&format!("{} events and {} blobs are imported", carried.events, carried.blobs));
            if held {
                output::aside(
                    "something in it is unfinished and may be at work where it was exported: the data directory is held until \
                     `stepladder doctor --adopt`",
                );
            }
            Ok(Exit::Fine)
        }
        Carry::Backup { to } => {
            let carried = door.backup(&whole(to)).await?;
            let size = crate::base::span::show_size(carried.bytes);
            output::aside(&format!("{} files, {size}, are in `{}`", carried.files, to.display()));
            output::aside("whoever opens the copy finds it held until `stepladder doctor --adopt`");
            Ok(Exit::Fine)
        }
    }
}
