//! Arguments of the commands about incidents.

use clap::{Args, Subcommand};

/// `incidents`
#[derive(Debug, Clone, Default, Args)]
pub struct Incidents {
    /// Resolved ones, too
    #[arg(long)]
    pub all: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: u32,
    /// What weeks held of them, in figures: how many, how they ended, how long it took, whom it woke
    #[arg(long, conflicts_with_all = ["all", "limit"])]
    pub weekly: bool,
    /// With --weekly: how many weeks
    #[arg(long, value_name = "N", default_value_t = 8, requires = "weekly", value_parser = clap::value_parser!(u32).range(1..=105))]
    pub weeks: u32,
    /// Print a line of JSON for each; with --weekly one object
    #[arg(long)]
    pub json: bool,
}

/// `alerts`
#[derive(Debug, Clone, Default, Args)]
pub struct Alerts {
    /// Those that are over, too
    #[arg(long)]
    pub all: bool,
    /// Print a line of JSON for each
    #[arg(long)]
    pub json: bool,
}

/// `incident`
#[derive(Debug, Clone, Args)]
pub struct Incident {
    /// What to do
    #[command(subcommand)]
    pub what: IncidentWhat,
}

/// Which incident.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// Its id, the beginning or end of it, its key, or `last`
    #[arg(value_name = "INCIDENT")]
    pub incident: String,
}

/// What is done about incidents.
#[derive(Debug, Clone, Subcommand)]
pub enum IncidentWhat {
    /// Show all of one: its timeline, who was told when and by what, what was tried, its duties
    Show {
        /// Which
        #[command(flatten)]
        which: Which,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Write the report of one: times to acknowledge and to resolve, levels, gaps, what was tried, the timeline
    Report {
        /// Which
        #[command(flatten)]
        which: Which,
        /// As a page of HTML, not as Markdown
        #[arg(long, conflicts_with = "json")]
        html: bool,
        /// As a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Open one by hand
    Open {
        /// What is wrong, in a line
        #[arg(value_name = "TITLE")]
        title: String,
        /// Its severity; what the routes say by default
        #[arg(long, value_name = "P1")]
        severity: Option<String>,
        /// One is open per key; made of the title by default
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// What kind of trouble: api, sip, security
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
        /// More of it
        #[arg(long, value_name = "TEXT", default_value = "")]
        text: String,
        /// A label for the routes; may be repeated
        #[arg(long = "label", value_name = "NAME=VALUE")]
        labels: Vec<String>,
        /// The rotation that answers
        #[arg(long, value_name = "ROTATION")]
        owner: Option<String>,
    },
    /// Give one back that was taken
    Unack {
        /// Which
        #[command(flatten)]
        which: Which,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// Leave one alone for a time: nobody is told until then
    Snooze {
        /// Which
        #[command(flatten)]
        which: Which,
        /// How long: 30m, 4h
        #[arg(value_name = "TIME")]
        time: String,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// Hand one to another rotation or person
    Assign {
        /// Which
        #[command(flatten)]
        which: Which,
        /// A rotation or a contact
        #[arg(value_name = "WHOM")]
        to: String,
    },
    /// Give one another severity
    Severity {
        /// Which
        #[command(flatten)]
        which: Which,
        /// P1
        #[arg(value_name = "SEVERITY")]
        to: String,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// Give one another type
    Classify {
        /// Which
        #[command(flatten)]
        which: Which,
        /// api, sip, security
        #[arg(value_name = "TYPE")]
        to: String,
    },
    /// Tell the next level now
    Escalate {
        /// Which
        #[command(flatten)]
        which: Which,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// Write something down
    Note {
        /// Which
        #[command(flatten)]
        which: Which,
        /// What
        #[arg(value_name = "TEXT")]
        text: String,
    },
    /// Tick a duty off: its level and number as `incident show` has them
    Duty {
        /// Which
        #[command(flatten)]
        which: Which,
        /// The level
        #[arg(value_name = "LEVEL")]
        level: u32,
        /// The number of the duty
        #[arg(value_name = "NUMBER")]
        number: u32,
        /// It is not done after all
        #[arg(long)]
        undo: bool,
    },
    /// End one
    Resolve {
        /// Which
        #[command(flatten)]
        which: Which,
        /// Why it is over
        #[arg(value_name = "REASON", default_value = "")]
        reason: String,
    },
}

/// `ack`
#[derive(Debug, Clone, Args)]
pub struct Ack {
    /// Which
    #[command(flatten)]
    pub which: Which,
    /// What you are doing about it
    #[arg(value_name = "NOTE", default_value = "")]
    pub note: String,
    /// Who you are among the contacts, where that is not your user name
    #[arg(long = "as", value_name = "CONTACT")]
    pub who: Option<String>,
}

/// `silence`
#[derive(Debug, Clone, Args)]
pub struct Silence {
    /// What to do
    #[command(subcommand)]
    pub what: SilenceWhat,
}

/// What is done with silences.
#[derive(Debug, Clone, Subcommand)]
pub enum SilenceWhat {
    /// Tell nobody of troubles with these labels for a time
    Add {
        /// Labels that all have to be so; `*` stands for any text. Also `key`, `severity`, `type`
        #[arg(value_name = "NAME=VALUE", required = true)]
        matches: Vec<String>,
        /// How long: 2h
        #[arg(long = "for", value_name = "TIME")]
        time: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List those that count now
    List {
        /// Print a line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// End one before its time
    End {
        /// Its id
        #[arg(value_name = "SILENCE")]
        silence: String,
    },
}
