//! Who can be reached by what, and drills, as they are sent.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who can be reached, and by what, as far as pages and drills have shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReachReport {
    /// After how long a way that worked is proved no more.
    pub stale_after_seconds: i64,
    /// When the last drill began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_drill: Option<Timestamp>,
    /// When the next one is due; left out where the ladder has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_drill: Option<Timestamp>,
    /// Every contact of the book.
    pub people: Vec<PersonReach>,
}

/// One contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PersonReach {
    /// The contact.
    pub contact: String,
    /// What people call them.
    pub name: String,
    /// Whether the ladder may page them within a week.
    pub soon: bool,
    /// The ways to them.
    pub ways: Vec<WayReach>,
    /// Addresses that no channel of the book uses.
    pub idle: Vec<IdleAddress>,
    /// Why nobody could reach them now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<String>,
    /// Why nobody knows whether they could, although drills are held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproved: Option<String>,
}

/// A way to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WayReach {
    /// The channel.
    pub channel: String,
    /// Their address on it.
    pub to: String,
    /// `works`, `stale`, `never tried` or `fails`: what was known last.
    pub state: String,
    /// The last good thing that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<WayFact>,
    /// The last bad thing that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<WayFact>,
    /// When the person last said that something had arrived this way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Timestamp>,
}

/// Something that became known of a way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WayFact {
    /// When.
    pub at: Timestamp,
    /// What: `accepted`, `delivered`, `read`, `confirmed` or `failed`.
    pub what: String,
    /// Whether it was a drill, not a page about trouble.
    pub drill: bool,
    /// In the provider's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub words: String,
}

/// An address that no channel of the book uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IdleAddress {
    /// The name of the channel it would be for.
    pub channel: String,
    /// The address.
    pub to: String,
}

/// Hold a drill now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrillRequest {
    /// Contacts and rotations that are sent a page; nobody named is everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<String>,
    /// The ways it goes; no channel named is every way there is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
}

/// A drill that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrillReply {
    /// Its id.
    pub drill: String,
    /// How many pages it sends.
    pub pages: u64,
}
