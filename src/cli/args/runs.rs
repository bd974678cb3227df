//! The arguments of commands that make runs and look at them.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `run`
#[derive(Debug, Clone, Default, Args)]
pub struct Run {
    /// The runbook; a plan names its own
    #[arg(value_name = "RUNBOOK", required_unless_present = "plan")]
    pub runbook: Option<String>,
    /// What to give it and which of its steps
    #[command(flatten)]
    pub what: What,
    /// Touch only what this plan lists (made by `plan --plan-out`)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "from", "only", "skip"])]
    pub plan: Option<PathBuf>,
    /// With --dry-run: keep what it would do as a plan
    #[arg(long, value_name = "FILE", requires = "dry_run")]
    pub plan_out: Option<PathBuf>,
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
    /// A value for an input; again for another. Of a secret NAME=@FILE or NAME=- (standard input)
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
    /// Keep what it would do as a plan, for `run --plan FILE`
    #[arg(long, value_name = "FILE")]
    pub plan_out: Option<PathBuf>,
    /// Print every event as a line of JSON
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
    /// The run: its id, the beginning or the end of it, a runbook's name for its last run, or `last`
    #[arg(value_name = "RUN", default_value = "last")]
    pub run: String,
    /// Print JSON: the row, the outline and every event
    #[arg(long)]
    pub json: bool,
}

/// `logs`
#[derive(Debug, Clone, Args)]
pub struct Logs {
    /// The run: its id, the beginning or the end of it, a runbook's name for its last run, or `last`
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
    /// The run: its id, the beginning or the end of it, a runbook's name for its last run, or `last`
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
    /// The run: its id, the beginning or the end of it, a runbook's name for its last run, or `last`
    #[arg(value_name = "RUN", default_value = "last")]
    pub run: String,
    /// Print every event as a line of JSON; the live view goes to stderr
    #[arg(long)]
    pub json: bool,
}

/// `approvals`
#[derive(Debug, Clone, Args)]
pub struct Approvals {
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// `approve`
#[derive(Debug, Clone, Args)]
pub struct Approve {
    /// The run: its id, the beginning or the end of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// The step that waits; may be left out where one does
    #[arg(value_name = "STEP")]
    pub step: Option<String>,
    /// What the approval asks to be filled in; may be given more than once
    #[arg(long, value_name = "NAME=VALUE")]
    pub field: Vec<String>,
    /// A word with it, for the record
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub note: String,
    /// Decide past those who may and past the quorum, as admin, for all to see
    #[arg(long = "override")]
    pub over: bool,
}

/// `reject`
#[derive(Debug, Clone, Args)]
pub struct Reject {
    /// The run: its id, the beginning or the end of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// The step that waits; may be left out where one does
    #[arg(value_name = "STEP")]
    pub step: Option<String>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub note: String,
    /// Decide past those who may, as admin, for all to see
    #[arg(long = "override")]
    pub over: bool,
}

/// `answer`
#[derive(Debug, Clone, Args)]
pub struct Answer {
    /// The run: its id, the beginning or the end of it, a runbook's name for its last run, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// The step that waits
    #[arg(value_name = "STEP")]
    pub step: String,
    /// What it is told
    #[arg(value_name = "ANSWER")]
    pub answer: AnswerWord,
}

/// What a step can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AnswerWord {
    /// To `confirm`: it may begin.
    Go,
    /// To `confirm`: it must not begin.
    Stop,
    /// Of a lost attempt: it did its work.
    Succeeded,
    /// Of a lost attempt: it did not.
    Failed,
    /// Of a lost attempt: try once more.
    Again,
}

impl AnswerWord {
    /// As it is sent.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Stop => "stop",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Again => "again",
        }
    }
}
