//! Arguments of the commands about the daemon.

use crate::base::actor::Role;
use clap::{Args, Subcommand, ValueEnum};

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

/// `config`
#[derive(Debug, Clone, Default, Args)]
pub struct Config {
    /// Only this setting, or those below it: `http.listen`, `keep`
    #[arg(value_name = "KEY")]
    pub key: Option<String>,
    /// Print a line of JSON for each
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

/// `schedule`
#[derive(Debug, Clone, Args)]
pub struct Schedule {
    /// What to do
    #[command(subcommand)]
    pub what: ScheduleWhat,
}

/// What is done with schedules.
#[derive(Debug, Clone, Subcommand)]
pub enum ScheduleWhat {
    /// List every schedule: when it is due next, whether it is paused, what became of the last instant
    List {
        /// Print a line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Start nothing by the schedules of a runbook until they are resumed
    Pause {
        /// The runbook
        #[arg(value_name = "RUNBOOK")]
        runbook: String,
        /// Only this trigger
        #[arg(long, value_name = "ID")]
        trigger: Option<String>,
        /// Why, for whoever finds it paused
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// Go on; what was due meanwhile is not made up for
    Resume {
        /// The runbook
        #[arg(value_name = "RUNBOOK")]
        runbook: String,
        /// Only this trigger
        #[arg(long, value_name = "ID")]
        trigger: Option<String>,
    },
}

/// `token`
#[derive(Debug, Clone, Args)]
pub struct Token {
    /// What to do
    #[command(subcommand)]
    pub what: TokenWhat,
}

/// What is done with tokens.
#[derive(Debug, Clone, Subcommand)]
pub enum TokenWhat {
    /// Make a token and print it, once
    Create {
        /// Its name, which stands in everything done with it
        #[arg(value_name = "NAME")]
        name: String,
        /// What it may do
        #[arg(long, value_name = "ROLE", default_value = "operator")]
        role: TokenRole,
    },
    /// List the tokens, without what opens them
    List {
        /// Print a line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Take a token's right away, at once
    Revoke {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TokenRole {
    /// Look.
    Viewer,
    /// Start, cancel, answer.
    Operator,
    /// Everything.
    Admin,
}

impl TokenRole {
    /// As it is sent.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => Role::Viewer.as_str(),
            Self::Operator => Role::Operator.as_str(),
            Self::Admin => Role::Admin.as_str(),
        }
    }
}
