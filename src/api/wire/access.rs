//! Tokens and the audit.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Make a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Its name, which stands in everything done with it.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_-]{0,63}$"))]
    pub name: String,
    /// `viewer`, `operator` or `admin`.
    #[schemars(extend("enum" = ["viewer", "operator", "admin"]))]
    pub role: String,
}

/// A token that was just made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenReply {
    /// Its name.
    pub name: String,
    /// Its right.
    pub role: String,
    /// The token: told this once.
    pub token: String,
}

/// A token without what opens it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenRow {
    /// Its name.
    pub name: String,
    /// Its right.
    pub role: String,
    /// When it was made.
    pub created: Timestamp,
    /// By whom.
    pub by: String,
    /// Since when it opens nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

/// A request that may have changed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeedRow {
    /// When it was answered.
    pub at: Timestamp,
    /// Who asked.
    pub actor: String,
    /// Through which door.
    pub via: String,
    /// With which right.
    pub role: String,
    /// From where.
    pub from: String,
    /// Method and path.
    pub what: String,
    /// The HTTP status of the answer.
    pub status: u16,
}
