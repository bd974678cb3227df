//! `man`: the manual pages, made from the same words as `--help`.

use crate::cli::args::{Cli, Man};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::trouble::Trouble;
use clap::CommandFactory;

/// Writes a page for the program and one for each command.
pub fn run(args: &Man) -> Result<Exit, Trouble> {
    let failed = |reason: std::io::Error| Trouble::io("write manual pages into", &args.dir, &reason);
    std::fs::create_dir_all(&args.dir).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.dir).map_err(failed)?;
    output::aside(&format!("manual pages written into {}", args.dir.display()));
    Ok(Exit::Fine)
}
