//! Why a use case can't be: sentences, split where a caller branches.

use crate::base::actor::{Actor, Role};
use crate::base::span::show_size;
use jiff::Timestamp;

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No such runbook in the book.
    #[error("no runbook `{name}` in this book{hint}")]
    NoRunbook {
        /// As asked.
        name: String,
        /// The way out, with its own punctuation.
        hint: String,
    },
    /// The runbook is there and refused.
    #[error("runbook `{name}` does not pass its checks; `stepladder check` shows what is wrong:\n{findings}")]
    BadRunbook {
        /// Its name.
        name: String,
        /// The errors, one a line.
        findings: String,
    },
    /// The book can't be read.
    #[error("{0}")]
    Book(String),
    /// Inputs that are not right.
    #[error("{0}")]
    Input(String),
    /// The actor may not.
    #[error("`{actor}` is {role} and may not {verb} `{what}`: that needs {least}", role = role.as_str(), least = least.as_str())]
    Forbidden {
        /// Who.
        actor: String,
        /// What they are.
        role: Role,
        /// What they wanted.
        verb: &'static str,
        /// Of what.
        what: String,
        /// What it needs.
        least: Role,
    },
    /// The actor may not, for more than want of a role.
    #[error("{0}")]
    MayNot(String),
    /// No such run.
    #[error("no run `{0}`: `stepladder runs` shows those there are")]
    NoRun(String),
    /// No such measure.
    #[error("no measure `{name}`{hint}")]
    NoMeasure {
        /// As asked.
        name: String,
        /// The way out, with its own punctuation.
        hint: String,
    },
    /// No such incident.
    #[error("no incident `{0}`: `stepladder incidents --all` shows those there are")]
    NoIncident(String),
    /// No silence of that id counts.
    #[error("no silence `{0}` counts now: `stepladder silence list` shows those that do")]
    NoSilence(String),
    /// No token of that name opens anything.
    #[error("there is no token `{0}`: `stepladder token list` shows those there are")]
    NoToken(String),
    /// Its events can't be trusted.
    #[error("run `{run}` is quarantined: {why}; every other run goes on, `stepladder doctor` says more")]
    Quarantined {
        /// Which.
        run: String,
        /// What is wrong with it.
        why: String,
    },
    /// The run is over.
    #[error("run `{run}` is over: it ended {outcome}")]
    Ended {
        /// Which.
        run: String,
        /// How.
        outcome: String,
    },
    /// Too little space for a new run.
    #[error(
        "{} are free where the data is, less than the {} of `keep.min_free`: no new runs are started",
        show_size(*.free),
        show_size(*.least)
    )]
    NoSpace {
        /// Free.
        free: u64,
        /// Needed.
        least: u64,
    },
    /// Too few files can be made for a new run.
    #[error(
        "only {free} more files can be made where the data is, {least} are needed: no new runs are started; `df -i` shows it"
    )]
    NoInodes {
        /// Possible.
        free: u64,
        /// Needed.
        least: u64,
    },
    /// Nobody drives runs here.
    #[error("nobody drives the runs of this data directory right now: `stepladder drive` does, until none is left")]
    NoOwner,
    /// There is an owner that stays.
    #[error("the runs are already served: by process {process}, since {since}; end it first, or go on with it")]
    Serving {
        /// Its process.
        process: u32,
        /// Since when.
        since: Timestamp,
    },
    /// Whoever drives the runs keeps no book.
    #[error("no daemon serves this book: each run reads its files when it starts, and there is nothing to read again")]
    NoDaemon,
    /// Nobody starts anything by itself.
    #[error(
        "no daemon serves this book, so nothing starts by itself and there is nothing to pause: `stepladder serve` does"
    )]
    NoClock,
    /// The owner ended meanwhile.
    #[error("{0}")]
    Stopped(String),
    /// Whether what was asked for is done, or will be, can't be said.
    #[error("{0}")]
    InDoubt(&'static str),
    /// Nobody is called by this path.
    #[error("{0}")]
    NoHook(String),
    /// A call from somebody who did not prove who it is.
    #[error("{0}")]
    Unproved(String),
    /// A body that does not read.
    #[error("{0}")]
    Unreadable(String),
    /// A body over the limit.
    #[error("the body has more than {0} bytes, which is the most that is taken")]
    TooLarge(usize),
    /// It could not be kept, for which the caller can't be blamed.
    #[error("{0}")]
    Full(String),
    /// The store said no.
    #[error("{0}")]
    Store(String),
}

/// Does what waits for the disk where no page waits for it.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Trouble::Stopped(error.to_string())))
}

/// That the actor is at least what that needs.
pub(super) fn may(actor: &Actor, least: Role, verb: &'static str, what: &str) -> Result<(), Trouble> {
    if actor.role >= least {
        return Ok(());
    }
    Err(Trouble::Forbidden { actor: actor.id.clone(), role: actor.role, verb, what: what.to_owned(), least })
}

/// The same for what touches the data directory as a whole.
pub(super) fn admin(actor: &Actor, verb: &'static str) -> Result<(), Trouble> {
    may(actor, Role::Admin, verb, "the data directory")
}
