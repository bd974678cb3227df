//! One file for each command.

pub mod check;
pub mod completions;
pub mod explain;
pub mod graph;
pub mod init;
pub mod list;
pub mod man;
pub mod new;
pub mod orient;

use crate::cli::args::Command;
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;

/// Does what was typed.
///
/// # Errors
/// Why it could not.
pub fn run(command: Option<Command>, settings: &Settings) -> Result<Exit, Trouble> {
    match command {
        None => orient::run(settings),
        Some(Command::Check(args)) => check::run(&args, settings),
        Some(Command::List(args)) => list::run(&args, settings),
        Some(Command::Graph(args)) => graph::run(&args, settings),
        Some(Command::Explain(args)) => explain::run(&args, settings),
        Some(Command::Init(_)) => init::run(settings),
        Some(Command::New(args)) => new::run(&args, settings),
        Some(Command::Completions(args)) => completions::run(&args),
        Some(Command::Man(args)) => man::run(&args),
        Some(
            Command::Run(_)
            | Command::Plan(_)
            | Command::Runs(_)
            | Command::Show(_)
            | Command::Logs(_)
            | Command::Cancel(_)
            | Command::Retry(_)
            | Command::Fmt(_)
            | Command::Schema(_),
        ) => Err(Trouble::new("this build has no engine yet")),
    }
}
