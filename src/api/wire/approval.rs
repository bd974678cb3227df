//! Approvals as they are sent.

use crate::base::value::{Map, Value};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that waits for the yes of people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalRow {
    /// The run.
    pub run: String,
    /// Its runbook.
    pub runbook: String,
    /// Where.
    pub place: String,
    /// What is to be approved.
    pub message: String,
    /// Who may, as written: contacts, rotations, roles.
    pub by: Vec<String>,
    /// The contacts they are now.
    pub people: Vec<String>,
    /// How many different people have to say yes.
    pub quorum: u32,
    /// What was said so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<VoteRow>,
    /// What is filled in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldRow>,
    /// Whether those who may were told over their channels.
    #[serde(default)]
    pub told: bool,
    /// What could not be delivered of that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Since when it waits.
    pub since: Timestamp,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whether it is the question of a `confirm`, which takes a yes or a no and nothing with it.
    #[serde(default)]
    pub confirm: bool,
    /// Why whoever asks may not approve it; nothing where they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
    /// Whether they could decide all the same, with `override`.
    #[serde(default)]
    pub may_override: bool,
}

/// A vote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VoteRow {
    /// When.
    pub at: Timestamp,
    /// Who it counts for: the contact, or whoever came in.
    pub who: String,
    /// Who came in.
    pub actor: String,
    /// Yes or no.
    pub approve: bool,
    /// What they filled in.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// What they wrote with it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A field that whoever approves fills in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FieldRow {
    /// Its name.
    pub name: String,
    /// Its type, as inputs have them.
    #[serde(rename = "type")]
    pub ty: String,
    /// The choices of a `choice`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// What it is where nothing is filled in; without one it has to be.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub default: Value,
    /// What to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
}

/// Approve or reject.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteRequest {
    /// The run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub run: String,
    /// Yes or no: over HTTP the route says it.
    #[serde(default)]
    pub approve: bool,
    /// The step that waits; may be left out where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What is filled in, by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// What is written with it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Decide past those who may and past the quorum, as admin, for all to see.
    #[serde(default, rename = "override")]
    pub over: bool,
}

/// What a vote has come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VoteReply {
    /// Where.
    pub place: String,
    /// Whether it is decided.
    pub decided: bool,
    /// Who has said yes so far, or all in all.
    pub approvers: Vec<String>,
    /// How many are needed.
    pub quorum: u32,
}
