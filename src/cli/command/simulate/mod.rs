//! `simulate`: what would happen, from the book alone. Nobody is told, nothing is started.

mod days;
mod incident;

use crate::cli::args::{Simulate, SimulateWhat};
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;

/// Plays it and shows it.
pub fn run(args: &Simulate, settings: &Settings) -> Result<Exit, Trouble> {
    match &args.what {
        Some(SimulateWhat::Incident(args)) => incident::run(args, settings),
        None => days::run(args, settings),
    }
}
