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
