//! The arguments of commands that read and write the book.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `check`
#[derive(Debug, Clone, Args)]
pub struct Check {
    /// Show only what is wrong in these files; the whole book is read all the same
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How findings are written
    #[arg(long, value_name = "FORM", default_value = "people")]
    pub format: CheckFormat,
    /// Warnings make it exit 1
    #[arg(long)]
    pub strict: bool,
}

/// How `check` writes findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// The line, the place marked, the reason, the way out.
    People,
    /// One JSON document.
    Json,
    /// For code scanners.
    Sarif,
    /// Workflow annotations.
    Github,
}

/// `test`
#[derive(Debug, Clone, Args)]
pub struct Test {
    /// Only the tests of these runbooks or files; all where none is named
    #[arg(value_name = "RUNBOOK|FILE")]
    pub names: Vec<String>,
    /// Only tests whose title has this text in it
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub only: Option<String>,
    /// Show what the tests took of each runbook, and what none of them ever took
    #[arg(long)]
    pub coverage: bool,
    /// Fail where less than so many percent of all branches were taken
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub coverage_min: Option<u8>,
    /// Print JSON, a line for each test and one for all of them
    #[arg(long)]
    pub json: bool,
    /// Write a JUnit report into this file, too
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// `list`
#[derive(Debug, Clone, Args)]
pub struct List {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `next`
#[derive(Debug, Clone, Args)]
pub struct Next {
    /// Only of this runbook; of every one where it is left out
    #[arg(value_name = "RUNBOOK")]
    pub runbook: Option<String>,
    /// How many starts
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    pub count: usize,
    /// After this time instead of now: a local time of the book's zone, or an instant such as 2026-12-31T08:00Z
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `oncall`
#[derive(Debug, Clone, Args)]
pub struct Oncall {
    /// Only this rotation, or this contact; every rotation where it is left out
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// At this time instead of now: a local time of the book's zone, or an instant such as 2026-12-31T08:00Z
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// The shifts of so many days instead
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=400))]
    pub days: Option<u16>,
    /// Print JSON, a line for each rotation or shift
    #[arg(long)]
    pub json: bool,
}

/// `why`
#[derive(Debug, Clone, Args)]
pub struct Why {
    /// The runbook
    #[arg(value_name = "RUNBOOK")]
    pub runbook: String,
    /// When: a local time of the book's zone, or an instant such as 2026-12-31T08:00Z
    #[arg(value_name = "TIME")]
    pub time: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `backfill`
#[derive(Debug, Clone, Args)]
pub struct Backfill {
    /// The runbook
    #[arg(value_name = "RUNBOOK")]
    pub runbook: String,
    /// From this time on: a local time of the book's zone, or an instant such as 2026-12-31T08:00Z
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// Up to this time, which is included; `now` is one
    #[arg(long, value_name = "TIME")]
    pub to: String,
    /// Only this trigger
    #[arg(long, value_name = "ID")]
    pub trigger: Option<String>,
    /// Only list what would be run
    #[arg(long)]
    pub dry_run: bool,
    /// So many runs at the same time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub at_once: u8,
    /// Ask nothing, and take any number
    #[arg(long)]
    pub yes: bool,
    /// Print a line of JSON for each
    #[arg(long)]
    pub json: bool,
}

/// `graph`
#[derive(Debug, Clone, Args)]
pub struct Graph {
    /// The runbook
    #[arg(value_name = "RUNBOOK")]
    pub runbook: String,
    /// How it is drawn
    #[arg(long, value_name = "FORM", default_value = "terminal")]
    pub format: GraphFormat,
}

/// How `graph` draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// Lines of text.
    Terminal,
    /// For Markdown pages.
    Mermaid,
    /// For Graphviz.
    Dot,
    /// A picture that needs nothing else.
    Svg,
}

/// `explain`
#[derive(Debug, Clone, Args)]
pub struct Explain {
    /// A code (SL0101), a kind of step (http) or a key (retry); everything there is where it is left out
    #[arg(value_name = "WHAT")]
    pub what: Option<String>,
}

/// `fmt`
#[derive(Debug, Clone, Args)]
pub struct Fmt {
    /// These files instead of the whole book; `-` is standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Change nothing; exit 1 if something would change
    #[arg(long)]
    pub check: bool,
}

/// `schema`
#[derive(Debug, Clone, Args)]
pub struct Schema {
    /// Which: `runbook`, `stepladder`, `thresholds` …, or `openapi`; their names where it is left out
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Write all of them into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    pub write: Option<PathBuf>,
}

/// `init`
#[derive(Debug, Clone, Args)]
pub struct Init {}

/// `new`
#[derive(Debug, Clone, Args)]
pub struct New {
    /// The runbook's name: letters a-z, digits, `_` and `-`
    #[arg(value_name = "NAME")]
    pub name: String,
    /// What people read
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub title: Option<String>,
}

/// `completions`
#[derive(Debug, Clone, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `man`
#[derive(Debug, Clone, Args)]
pub struct Man {
    /// Where the pages go
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// `import`
#[derive(Debug, Clone, Args)]
pub struct Import {
    /// Of what
    #[command(subcommand)]
    pub what: ImportWhat,
}

/// What runbooks are made of.
#[derive(Debug, Clone, Subcommand)]
pub enum ImportWhat {
    /// A crontab: a runbook for each line; what cron did and a runbook does not is said at its line
    Crontab {
        /// The file; `-` = standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// It is the system's: a user stands before each command
        #[arg(long)]
        system: bool,
        /// Write them into the book, where none of them is there yet
        #[arg(long)]
        write: bool,
    },
    /// DAGs of Dagu: a runbook for each; what no runbook says is reported at its place
    #[command(
        after_long_help = "Examples:\n  stepladder import dagu dags/*.yaml                   shows the runbooks\n  stepladder import dagu dags/*.yaml --write           writes them into the book\n  stepladder import dagu - < etl.yaml\n\nFiles that call one another are given together.\nExit codes: 0 all of it has a counterpart, 1 something was left out or nothing came of it, 3 a file can't be read."
    )]
    Dagu(Foreign),
    /// Jobs of Rundeck, exported as YAML: a runbook for each; what no runbook says is reported at its place
    #[command(
        after_long_help = "Examples:\n  rd jobs list -p ops -F yaml -f jobs.yaml && stepladder import rundeck jobs.yaml\n  stepladder import rundeck jobs.yaml --write          writes them into the book\n\nFiles that call one another are given together.\nExit codes: 0 all of it has a counterpart, 1 something was left out or nothing came of it, 3 a file can't be read."
    )]
    Rundeck(Foreign),
}

/// Files of another system.
#[derive(Debug, Clone, Args)]
pub struct Foreign {
    /// The files; `-` = standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Write the runbooks into the book, where none of them is there yet
    #[arg(long)]
    pub write: bool,
}
