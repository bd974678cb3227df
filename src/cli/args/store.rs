//! Arguments of the commands about the data directory.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `doctor`
#[derive(Debug, Clone, Args)]
pub struct Doctor {
    /// Mend what can be: the index, groups, output nobody needs; save what is left of damaged streams
    #[arg(long)]
    pub repair: bool,
    /// Take over a data directory of another machine: a restored backup, a cloned disk
    #[arg(long)]
    pub adopt: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `store`
#[derive(Debug, Clone, Args)]
pub struct Store {
    /// What to do
    #[command(subcommand)]
    pub what: Carry,
}

/// What is carried where.
#[derive(Debug, Clone, Subcommand)]
pub enum Carry {
    /// Write everything as JSON Lines with hashes into a new file
    Export {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Take an export into an empty data directory
    Import {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Copy the data directory while runs go on; the copy can be used in its place
    Backup {
        /// A directory that is not there yet, or empty
        #[arg(value_name = "DIR")]
        to: PathBuf,
    },
}

/// `support-bundle`
#[derive(Debug, Clone, Args)]
pub struct SupportBundle {
    /// The archive; one with the time in its name, here, where it is left out
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}
