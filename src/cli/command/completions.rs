//! `completions`: what a shell needs to complete our commands.

use crate::cli::args::{Cli, Completions};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::trouble::Trouble;
use clap::CommandFactory;

/// Prints the script.
pub fn run(args: &Completions) -> Result<Exit, Trouble> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "stepladder", &mut script);
    output::data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Fine)
}
