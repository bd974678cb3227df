//! What may be typed: clap and nothing else.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Durable runbooks for operators, and a ladder of people when nobody answers.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "stepladder",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "Exit codes of `run`: 0 ok or notice, 1 warning, 2 critical or failed, 3 could not start, 130 cancelled.\n\
                  Begin with `stepladder init`, then `stepladder run hello`."
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What holds for every command.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// The book's directory; else the nearest one above with a stepladder.yaml [env: STEPLADDER_BOOK]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub book: Option<PathBuf>,
    /// Colours; NO_COLOR and CLICOLOR_FORCE are obeyed too
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Everywhere",
        hide_possible_values = false
    )]
    pub color: ColorChoice,
    /// The same as --color never
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub no_color: bool,
    /// One plain line for each event, nothing redrawn: for logs and screen readers
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub plain: bool,
    /// Log what the engine does, to stderr; twice for more [env: STEPLADDER_LOG]
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Everywhere")]
    pub verbose: u8,
}

impl Global {
    /// `--color` and `--no-color` together.
    #[must_use]
    pub fn color(&self) -> ColorChoice {
        if self.no_color { ColorChoice::Never } else { self.color }
    }
}

/// When colours are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands, in the order of `--help`: what is needed first comes first.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Run a runbook and watch it
    #[command(after_long_help = RUN_EXAMPLES)]
    Run(Run),
    /// Show what a run would do, without doing it
    #[command(after_long_help = PLAN_EXAMPLES)]
    Plan(Plan),
    /// Check the book, or some of its files
    #[command(after_long_help = CHECK_EXAMPLES)]
    Check(Check),
    /// List the runbooks
    List(List),
    /// List past runs, or compare the runs of one runbook
    #[command(after_long_help = RUNS_EXAMPLES)]
    Runs(Runs),
    /// Show a run as its live view was
    #[command(
        after_long_help = "Examples:\n  stepladder show            the last run\n  stepladder show 7xq2m --json | jq .row.reason"
    )]
    Show(Show),
    /// Show what the steps of a run printed
    #[command(
        after_long_help = "Examples:\n  stepladder logs last              everything the last run printed\n  stepladder logs 7xq2m restart     one step\n  stepladder logs -f last           while it runs"
    )]
    Logs(Logs),
    /// Cancel a run; its `undo` and `finally` steps run
    #[command(
        after_long_help = "Examples:\n  stepladder cancel last\n  stepladder cancel 7xq2m --reason \"wrong host\""
    )]
    Cancel(Cancel),
    /// Run again what failed in a run, with the text it had
    #[command(
        after_long_help = "Examples:\n  stepladder retry last      what had succeeded is taken over, the rest runs"
    )]
    Retry(Retry),
    /// Draw the steps of a runbook and what waits for what
    #[command(
        after_long_help = "Examples:\n  stepladder graph daily-check\n  stepladder graph daily-check --format svg > daily-check.svg\n  stepladder graph daily-check --format mermaid"
    )]
    Graph(Graph),
    /// Explain a code, a kind of step or a key
    #[command(
        after_long_help = "Examples:\n  stepladder explain SL0101     the manual page of a finding\n  stepladder explain http       a kind of step: its keys and what it puts out\n  stepladder explain retry      a key"
    )]
    Explain(Explain),
    /// Format the files of the book, comments kept
    #[command(
        after_long_help = "Examples:\n  stepladder fmt                every file of the book\n  stepladder fmt --check        change nothing, exit 1 if something would change\n  stepladder fmt - < x.yaml     standard input to standard output"
    )]
    Fmt(Fmt),
    /// Print or write the JSON Schemas for editors
    #[command(
        after_long_help = "Examples:\n  stepladder schema runbook > runbook.schema.json\n  stepladder schema --write schemas"
    )]
    Schema(Schema),
    /// Start a small living book here
    #[command(after_long_help = "Examples:\n  stepladder init && stepladder run hello\n  stepladder --book ops init")]
    Init(Init),
    /// Start a runbook from a skeleton
    #[command(after_long_help = "Examples:\n  stepladder new restart-app --title \"Restart the app\"")]
    New(New),
    /// Print a script that completes commands in your shell
    #[command(
        after_long_help = "Examples:\n  stepladder completions bash > /etc/bash_completion.d/stepladder\n  stepladder completions zsh > ~/.zfunc/_stepladder"
    )]
    Completions(Completions),
    /// Write the manual pages
    #[command(hide = true)]
    Man(Man),
}

const RUN_EXAMPLES: &str = "Examples:
  stepladder run daily-check
  stepladder run deploy --input target=staging --input tries=3
  stepladder run daily-check --json | jq -r 'select(.event == \"step_ended\") | .place + \" \" + .outcome'
  stepladder run restore --from verify     begin at a step
  stepladder run cleanup --dry-run         what would it do?

Ctrl-C cancels the run: children are stopped, `undo` and `finally` steps run. A second Ctrl-C kills the children.
Exit codes: 0 ok or notice, 1 warning, 2 critical or failed, 3 could not start, 130 cancelled.";

const PLAN_EXAMPLES: &str = "Examples:
  stepladder plan cleanup
  stepladder plan deploy --input target=production

Reads and probes run; everything that changes something only says what it would do.";

const CHECK_EXAMPLES: &str = "Examples:
  stepladder check                          the whole book
  stepladder check runbooks/deploy.yaml     one file, in the book it belongs to
  stepladder check --format github          annotations in a workflow
  stepladder explain SL0101                 what a code means

Exit codes: 0 nothing is wrong, 1 warnings under --strict, 3 errors.";

const RUNS_EXAMPLES: &str = "Examples:
  stepladder runs                           of every runbook, newest first
  stepladder runs daily-check               its measures as columns, a row for each run
  stepladder runs --failed --since 7d
  stepladder runs --json | jq -r .run";

/// `run`
#[derive(Debug, Clone, Default, Args)]
pub struct Run {
    /// The runbook
    #[arg(value_name = "RUNBOOK")]
    pub runbook: String,
    /// What to give it and which of its steps
    #[command(flatten)]
    pub what: What,
    /// Print every event as a line of JSON; the live view goes to stderr
    #[arg(long)]
    pub json: bool,
    /// Only show what it would do
    #[arg(long)]
    pub dry_run: bool,
    /// Start it, print its id and leave it running
    #[arg(long, conflicts_with = "dry_run")]
    pub detach: bool,
}

/// What a run is given and which of its steps it runs.
#[derive(Debug, Clone, Default, Args)]
pub struct What {
    /// A value for an input; again for another
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    pub inputs: Vec<String>,
    /// Begin at this step of the main list
    #[arg(long, value_name = "STEP", conflicts_with = "only")]
    pub from: Option<String>,
    /// Of the main list only these steps
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Not these steps
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    pub skip: Vec<String>,
}

/// `plan`
#[derive(Debug, Clone, Args)]
pub struct Plan {
    /// The runbook
    #[arg(value_name = "RUNBOOK")]
    pub runbook: String,
    /// What to give it and which of its steps
    #[command(flatten)]
    pub what: What,
    /// Print every event as a line of JSON
    #[arg(long)]
    pub json: bool,
}

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

/// `list`
#[derive(Debug, Clone, Args)]
pub struct List {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `runs`
#[derive(Debug, Clone, Args)]
pub struct Runs {
    /// Compare the runs of this runbook
    #[arg(value_name = "RUNBOOK")]
    pub runbook: Option<String>,
    /// Only failed and cancelled ones
    #[arg(long)]
    pub failed: bool,
    /// Only those started within this time: 24h, 7d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Dry runs too
    #[arg(long)]
    pub dry: bool,
    /// At most so many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub limit: u32,
    /// Print a line of JSON for each
    #[arg(long)]
    pub json: bool,
}

/// `show`
#[derive(Debug, Clone, Args)]
pub struct Show {
    /// The run: its id, the beginning or the end of it, or `last`
    #[arg(value_name = "RUN", default_value = "last")]
    pub run: String,
    /// Print JSON: the row, the outline and every event
    #[arg(long)]
    pub json: bool,
}

/// `logs`
#[derive(Debug, Clone, Args)]
pub struct Logs {
    /// The run: its id, the beginning or the end of it, or `last`
    #[arg(value_name = "RUN", default_value = "last")]
    pub run: String,
    /// Only this step and what is inside it
    #[arg(value_name = "STEP")]
    pub step: Option<String>,
    /// Go on while the run does
    #[arg(short, long)]
    pub follow: bool,
    /// Only this attempt; the last one where it is left out
    #[arg(long, value_name = "N")]
    pub attempt: Option<u32>,
    /// Print a line of JSON for each stretch of output
    #[arg(long)]
    pub json: bool,
}

/// `cancel`
#[derive(Debug, Clone, Args)]
pub struct Cancel {
    /// The run: its id, the beginning or the end of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Kill the children at once
    #[arg(long)]
    pub now: bool,
}

/// `retry`
#[derive(Debug, Clone, Args)]
pub struct Retry {
    /// The run: its id, the beginning or the end of it, or `last`
    #[arg(value_name = "RUN", default_value = "last")]
    pub run: String,
    /// Print every event as a line of JSON; the live view goes to stderr
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
    /// Which: `runbook`, `stepladder`, `thresholds` …; their names where it is left out
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
    #[arg(long, value_name = "TEXT")]
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
