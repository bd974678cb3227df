//! What may be typed about people and the ways to them.

use clap::{Args, Subcommand};

/// `contacts`
#[derive(Debug, Clone, Args)]
pub struct Contacts {
    /// What to do
    #[command(subcommand)]
    pub what: Option<ContactsWhat>,
    /// Print a line of JSON for each contact
    #[arg(long)]
    pub json: bool,
}

/// What is done with the ways to people.
#[derive(Debug, Clone, Subcommand)]
pub enum ContactsWhat {
    /// Have the daemon send a page that is marked as a test by every way, behind everything else, and keep what becomes of it
    Drill {
        /// Contacts and rotations (`on_call.platform`); everybody unless said
        #[arg(value_name = "WHO")]
        who: Vec<String>,
        /// A way it goes; may be repeated. Every way there is unless said
        #[arg(long = "channel", value_name = "CHANNEL")]
        channels: Vec<String>,
        /// Send without asking
        #[arg(long)]
        yes: bool,
    },
    /// Send a marked test message by every way, and say what became of it
    Test {
        /// A contact, a channel, or a channel with an address (`slack:#alerts`); everybody unless said
        #[arg(value_name = "CONTACT|CHANNEL")]
        who: Option<String>,
        /// The severity it is marked with
        #[arg(long, value_name = "NAME")]
        severity: Option<String>,
        /// Send without asking
        #[arg(long)]
        yes: bool,
        /// Print a line of JSON for each way
        #[arg(long)]
        json: bool,
    },
}
