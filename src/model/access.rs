//! Who may come in over HTTP, and what they did: events of the streams `book/tokens`, `audit` and `keys`.

use crate::base::actor::{Actor, Role};
use crate::base::digest::Digest;
use crate::base::ids::RunId;
use jiff::Timestamp;

/// Something that happened to the tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenEvent {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Of which token.
    pub name: String,
    /// What.
    pub change: TokenChange,
}

/// What happened to a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenChange {
    /// It is there, with that right; of the token itself only the hash is kept.
    Created {
        /// Its right.
        role: Role,
        /// Its hash.
        hash: Digest,
    },
    /// It opens nothing any more.
    Revoked,
}

/// A request that may have changed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// When it was answered.
    pub at: Timestamp,
    /// Who asked.
    pub actor: Actor,
    /// From where: an address, or the process's user.
    pub from: String,
    /// What: method and path.
    pub what: String,
    /// What came of it: the HTTP status.
    pub status: u16,
}

/// What is known of a caller's idempotency key: an event of the streams `keys`. The newest of a key counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyNote {
    /// When it came to be known.
    pub at: Timestamp,
    /// The key and who sent it, as a hash.
    pub key: Digest,
    /// What was asked for, as a hash.
    pub request: Digest,
    /// What became of it.
    pub outcome: KeyUse,
}

/// What came of a request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyUse {
    /// It means this run, which may not have begun yet.
    Run(RunId),
    /// What it asks for was begun.
    Begun,
    /// It was done.
    Done(KeptAnswer),
    /// It was refused, and nothing was done.
    Refused,
}

/// What was answered to a request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// JSON, or nothing; `None` where it was too long to keep.
    pub body: Option<String>,
}
