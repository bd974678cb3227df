//! What a refusal looks like: RFC 9457, `application/problem+json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why something asked for was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// A stable word for programs: `no-runbook`, `input`, `forbidden`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of refusal, for people.
    pub title: String,
    /// The HTTP status that goes with it.
    pub status: u16,
    /// What exactly, and what to do.
    pub detail: String,
}

impl Problem {
    /// A refusal.
    #[must_use]
    pub fn new(fault: Fault, detail: impl Into<String>) -> Self {
        let (kind, status, title) = fault.told();
        Self { kind: kind.into(), title: title.into(), status, detail: detail.into() }
    }
}

/// Every kind of refusal there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request does not read.
    BadRequest,
    /// A field that this act needs is missing.
    MissingField,
    /// The body of a caller does not read.
    Unreadable,
    /// There is no token, or one that opens nothing.
    NoToken,
    /// A caller of a hook did not prove who it is.
    Unproved,
    /// The role does not suffice, or the runbook lets others.
    Forbidden,
    /// A page of another site asks.
    WrongOrigin,
    /// Only the socket has this.
    SocketOnly,
    /// There is nothing under this path.
    NoRoute,
    /// No such act on incidents.
    NoAct,
    /// No such component.
    NoComponent,
    /// No such runbook.
    NoRunbook,
    /// No such run.
    NoRun,
    /// No such incident.
    NoIncident,
    /// No such measure.
    NoMeasure,
    /// No such silence.
    NoSilence,
    /// No such token.
    NoSuchToken,
    /// Nobody is called by this path.
    NoHook,
    /// This path has no such method.
    NoMethod,
    /// The run is over.
    Ended,
    /// The runs are served by somebody already.
    Serving,
    /// Only a daemon does this.
    NoDaemon,
    /// Only a daemon starts things by itself.
    NoClock,
    /// A key of which nobody knows what it did.
    InDoubt,
    /// The body has too many bytes.
    TooLarge,
    /// Another host was asked for.
    WrongHost,
    /// The runbook does not pass its checks.
    BadRunbook,
    /// The book can't be read.
    Book,
    /// The input is not right.
    Input,
    /// A bug.
    Internal,
    /// The run is quarantined.
    Quarantined,
    /// The store can't be read.
    Store,
    /// The answer did not begin in time.
    TooSlow,
    /// The thread that drives the runs does not answer.
    NotReady,
    /// Nobody drives the runs.
    NoOwner,
    /// The owner has stopped.
    Stopped,
    /// What was brought could not be kept.
    NotKept,
    /// Too little space.
    NoSpace,
}

impl Fault {
    /// The word for programs, the status, and the title.
    #[must_use]
    pub fn told(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::BadRequest => ("bad-request", 400, "the request does not read"),
            Self::MissingField => ("missing-field", 400, "something is missing"),
            Self::Unreadable => ("unreadable", 400, "the body does not read"),
            Self::NoToken => ("no-token", 401, "a token is needed"),
            Self::Unproved => ("unproved", 401, "the caller did not prove who it is"),
            Self::Forbidden => ("forbidden", 403, "not allowed"),
            Self::WrongOrigin => ("wrong-origin", 403, "another site asks"),
            Self::SocketOnly => ("socket-only", 403, "not over this door"),
            Self::NoRoute => ("no-such-route", 404, "no such route"),
            Self::NoAct => ("no-such-act", 404, "no such act"),
            Self::NoComponent => ("no-component", 404, "no such component"),
            Self::NoRunbook => ("no-runbook", 404, "there is no such runbook"),
            Self::NoRun => ("no-run", 404, "there is no such run"),
            Self::NoIncident => ("no-incident", 404, "there is no such incident"),
            Self::NoMeasure => ("no-measure", 404, "there is no such measure"),
            Self::NoSilence => ("no-silence", 404, "there is no such silence"),
            Self::NoSuchToken => ("no-such-token", 404, "there is no such token"),
            Self::NoHook => ("no-hook", 404, "nobody is called by this path"),
            Self::NoMethod => ("method-not-allowed", 405, "this path has no such method"),
            Self::Ended => ("ended", 409, "the run is over"),
            Self::Serving => ("serving", 409, "the runs are already served"),
            Self::NoDaemon => ("no-daemon", 409, "no daemon serves this book"),
            Self::NoClock => ("no-clock", 409, "nothing starts by itself"),
            Self::InDoubt => ("in-doubt", 409, "it is not known whether this was done"),
            Self::TooLarge => ("payload-too-large", 413, "the body is too large"),
            Self::WrongHost => ("wrong-host", 421, "another host was asked for"),
            Self::BadRunbook => ("bad-runbook", 422, "the runbook does not pass its checks"),
            Self::Book => ("book", 422, "the book can't be read"),
            Self::Input => ("input", 422, "the input is not right"),
            Self::Internal => ("internal", 500, "a bug"),
            Self::Quarantined => ("quarantined", 500, "the run is quarantined"),
            Self::Store => ("store", 500, "the store can't be read"),
            Self::TooSlow => ("too-slow", 503, "it took too long"),
            Self::NotReady => ("not-ready", 503, "not ready"),
            Self::NoOwner => ("no-owner", 503, "nobody drives the runs"),
            Self::Stopped => ("stopped", 503, "the owner has stopped"),
            Self::NotKept => ("not-kept", 503, "it could not be kept: send it again"),
            Self::NoSpace => ("no-space", 507, "too little space"),
        }
    }
}
