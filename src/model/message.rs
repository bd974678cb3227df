//! A message for people, before any channel has given it its form.

use crate::base::ids::Name;
use crate::base::level::Level;
use jiff::Timestamp;

/// What is to be said. A channel makes of it what it can show: blocks, a mail, a short text.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The same for the same message, however often it is sent: what providers and people tell duplicates by.
    pub key: String,
    /// What it belongs to: a channel that can keeps messages of one thread together, or changes the one it has sent.
    pub thread: Option<String>,
    /// The severity (`P1`), where it is about an incident.
    pub severity: Option<String>,
    /// How bad: it gives the colour.
    pub level: Level,
    /// What it is about, in a line without markup; never empty.
    pub title: String,
    /// More, in plain text, perhaps many lines.
    pub text: String,
    /// Facts beside it, in order.
    pub fields: Vec<(String, String)>,
    /// When what it tells of happened.
    pub at: Timestamp,
    /// Where to see more.
    pub link: Option<String>,
    /// What can be done at once by whoever reads it.
    pub actions: Vec<Action>,
    /// Whether an owner that is gone may have sent it already.
    pub perhaps_again: bool,
}

/// Something a reader can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What.
    pub verb: Verb,
    /// What the button says.
    pub label: String,
    /// A link that shows it and asks once more; none where the daemon has no public address.
    pub link: Option<String>,
    /// What a button or a reply sends back, at most 64 bytes; the daemon signed it.
    pub token: String,
}

/// What a reader can do about an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Take it.
    Acknowledge,
    /// Hand it to the next level.
    Escalate,
    /// End it.
    Resolve,
}

/// Where a message goes: an address on a channel of `stepladder.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The channel.
    pub channel: Name,
    /// On it; empty = the channel's only one.
    pub to: String,
}

/// What became of one sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The provider has it.
    Accepted {
        /// Its own id of it, where it gives one.
        id: Option<String>,
    },
    /// It is where it was to go.
    Delivered {
        /// The provider's own id of it, where it gives one.
        id: Option<String>,
    },
    /// Not now: worth another try.
    Later {
        /// Why.
        reason: String,
        /// Not before that many milliseconds, where the provider says so.
        after: Option<u64>,
    },
    /// Never.
    Refused {
        /// Why.
        reason: String,
    },
}
