//! `serve`: the daemon.

use crate::cli::args::Serve;
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::{door, hardening};

/// Serves until it is ended.
pub async fn run(_args: &Serve, settings: &Settings) -> Result<Exit, Trouble> {
    hardening::begin();
    door::serve(settings).await
}
