//! `completions`: what a shell needs to complete our commands.

use crate::cli::args::Completions;
use crate::cli::complete;
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::trouble::Trouble;

/// Prints the script.
pub fn run(args: &Completions) -> Result<Exit, Trouble> {
    let script = complete::script(args.shell);
    let script = script.map_err(|reason| Trouble::new(format!("cannot make the script: {reason}")))?;
    output::data(&script)?;
    Ok(Exit::Fine)
}
