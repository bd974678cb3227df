//! Arguments of the commands about the daemon.

use clap::{Args, ValueEnum};

/// `serve`
#[derive(Debug, Clone, Default, Args)]
pub struct Serve {
    /// How it logs; under systemd as its journal takes it, else as text
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// `status`
#[derive(Debug, Clone, Default, Args)]
pub struct Status {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `reload`
#[derive(Debug, Clone, Default, Args)]
pub struct Reload {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `diff`
#[derive(Debug, Clone, Default, Args)]
pub struct Diff {}

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// A JSON object a line.
    Json,
}
