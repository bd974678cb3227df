//! What reaches a schedule, what a decision must know of the rest of the world, and what comes of it.

use crate::base::actor::Actor;
use crate::base::digest::Digest;
use crate::base::ids::RunId;
use crate::schedule::backfill::{Backfill, Had};
use crate::schedule::call::{Accepted, Answer, Call};
use crate::schedule::event::{Fate, Instant, Recorded};
use crate::schedule::nominal::Nominal;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What reaches a schedule.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The time, or the end of a run it started.
    Tick,
    /// Start nothing from now on.
    Pause {
        /// Who.
        actor: Actor,
        /// Why.
        reason: String,
    },
    /// Go on.
    Resume {
        /// Who.
        actor: Actor,
    },
    /// Its runbook does not have it any more.
    Withdraw,
    /// Something calls for a run.
    Called(Box<Call>),
    /// Somebody makes up for an instant.
    Backfill(Box<Backfill>),
    /// What calls were about is over.
    Over {
        /// What.
        subject: Digest,
        /// Whether runs about it are cancelled.
        cancel: bool,
    },
    /// The call that must come has come.
    Beat,
    /// Files as they are seen, of which nothing comes; `None` = it is gone.
    Seen(Vec<(String, Option<String>)>),
}

/// What a decision must know of the rest of the world.
pub struct Known<'a> {
    /// Runs it started that have not ended.
    pub live: &'a BTreeSet<RunId>,
    /// What those of them are about that are about something.
    pub of: &'a BTreeMap<RunId, Digest>,
    /// Whether a run could be started now, for that call where there is one.
    pub ready: &'a dyn Fn(Option<&Call>) -> Result<(), Obstacle>,
    /// A call that was accepted with that key, or the last about that subject that started something.
    pub called: &'a dyn Fn(&Digest) -> Option<Accepted>,
    /// Whether an instant has its row: under another time that had the same id.
    pub has_row: &'a dyn Fn(Nominal) -> bool,
    /// The row that has an instant; an error = it can't be known.
    pub row: &'a dyn Fn(Instant) -> Result<Option<Had>, String>,
    /// How a run ended: whether well, and when.
    pub ended: &'a dyn Fn(RunId) -> Option<(bool, Timestamp)>,
}

/// Why no run can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// There is no space.
    NoSpace(String),
    /// It has no first event: an input that does not fit, a text that does not read.
    Failed(String),
}

/// What is to be done once the events are durable; a start is in their batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Start this run for that instant.
    Start(RunId, Instant),
    /// Cancel a run, to make room for the next.
    Cancel(RunId),
}

/// What comes of an input.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// What happens.
    pub events: Vec<Recorded>,
    /// What is to be done.
    pub effects: Vec<Effect>,
    /// Instants whose rows must not be there yet.
    pub fresh: Vec<Nominal>,
    /// The call that the run which starts is for.
    pub call: Option<Call>,
    /// Who starts it, where that is not the clock.
    pub by: Option<Actor>,
    /// What came of the call at hand; an error = it can't be accepted now.
    pub answer: Option<Result<Answer, Obstacle>>,
}

impl Obstacle {
    /// What becomes of an instant that it is in the way of, and why.
    pub(super) fn fate(self) -> (Fate, String) {
        match self {
            Self::NoSpace(why) => (Fate::NoSpace, why),
            Self::Failed(why) => (Fate::FailedToStart, why),
        }
    }
}
