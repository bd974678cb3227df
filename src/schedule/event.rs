//! What can happen in a schedule. The journal holds these, through `store::codec`, and nothing else.

use crate::base::actor::Actor;
use crate::base::digest::Digest;
use crate::base::ids::{Name, RunId};
use crate::schedule::backfill::Left;
use crate::schedule::call::Call;
use crate::schedule::nominal::Nominal;
use jiff::Timestamp;

/// One event with the instant of the decision that made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// When it was decided.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What happened to a schedule.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Instants after this one count: it is new, is back, or its time is made of something else.
    Began {
        /// After this.
        after: Timestamp,
        /// What its time is made of.
        times: Digest,
    },
    /// Its runbook does not have it any more.
    Withdrawn,
    /// Somebody called, and this is the instant of it; what became of that is the next event.
    Called {
        /// The instant.
        due: Instant,
        /// The call.
        call: Box<Call>,
    },
    /// The call that must come has come.
    Beat,
    /// It has not, and was to come by then.
    Silent {
        /// By when.
        by: Timestamp,
    },
    /// Files as they were seen: nothing comes of these any more unless they change.
    Seen {
        /// Each with what tells one state of it from another; `None` = it is gone.
        files: Vec<(String, Option<String>)>,
    },
    /// An instant was due and its run starts, in the same batch; or one that waited starts.
    Ran {
        /// The instant.
        due: Instant,
        /// The run.
        run: RunId,
        /// When it must have ended well.
        deadline: Option<Timestamp>,
    },
    /// Somebody made up for an instant: its run starts, in the same batch.
    Backfilled {
        /// The instant.
        due: Instant,
        /// The run.
        run: RunId,
        /// Who.
        actor: Actor,
        /// What had become of it; `None` = it had no row.
        had: Option<Left>,
    },
    /// An instant was due and waits for the run before it.
    Queued {
        /// The instant.
        due: Instant,
        /// When its run must have ended well.
        deadline: Option<Timestamp>,
    },
    /// Instants were due and came to nothing, or one that waited did. With equal neighbours before them they are one row.
    Settled {
        /// The first of the row.
        from: Instant,
        /// The last of it.
        to: Instant,
        /// How many there are in it.
        count: u64,
        /// What became of them.
        fate: Fate,
        /// Why, where the fate alone does not say it.
        why: Option<String>,
        /// When the run of the last of them must have ended well, which it will not.
        deadline: Option<Timestamp>,
    },
    /// Somebody stopped it from starting anything.
    Paused {
        /// Who.
        actor: Actor,
        /// Why.
        reason: String,
    },
    /// It goes on.
    Resumed {
        /// Who.
        actor: Actor,
    },
    /// The run of an instant had ended well by its deadline.
    DeadlineMet(Nominal),
    /// It had not, or there was none.
    DeadlineMissed {
        /// Of which instant.
        nominal: Nominal,
        /// Its run.
        run: Option<RunId>,
    },
}

/// A due instant: its name and when it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    /// Its name.
    pub nominal: Nominal,
    /// When, before any jitter.
    pub at: Timestamp,
}

/// How a due instant ends (invariant 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Its run was started.
    Ran,
    /// Another instant's run stands for it.
    Coalesced,
    /// It waited, and a newer one took its place.
    Replaced,
    /// The run before it was still going.
    SkippedOverlap,
    /// It waited, or was to wait, and there was no room.
    SkippedQueueFull,
    /// That calendar leaves it out.
    SkippedCalendar(Name),
    /// A change of the clock leaves it out.
    SkippedDst,
    /// It was missed, and is older than `within`.
    TooOld,
    /// It was missed, and `missed: skip` leaves it out.
    MissedDown,
    /// The schedule was paused.
    Paused,
    /// There was no space for a run.
    NoSpace,
    /// A run could not be started.
    FailedToStart,
}

impl Fate {
    /// The word stored and shown; a calendar's name stands beside it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::Coalesced => "coalesced",
            Self::Replaced => "replaced",
            Self::SkippedOverlap => "skipped-overlap",
            Self::SkippedQueueFull => "skipped-queue-full",
            Self::SkippedCalendar(_) => "skipped-calendar",
            Self::SkippedDst => "skipped-dst",
            Self::TooOld => "too-old",
            Self::MissedDown => "missed-down",
            Self::Paused => "paused",
            Self::NoSpace => "no-space",
            Self::FailedToStart => "failed-to-start",
        }
    }

    /// The fate of that word.
    #[must_use]
    pub fn parse(word: &str, calendar: Option<Name>) -> Option<Self> {
        if let Some(calendar) = calendar {
            return (word == "skipped-calendar").then_some(Self::SkippedCalendar(calendar));
        }
        let plain = [
            Self::Ran,
            Self::Coalesced,
            Self::Replaced,
            Self::SkippedOverlap,
            Self::SkippedQueueFull,
            Self::SkippedDst,
            Self::TooOld,
            Self::MissedDown,
            Self::Paused,
            Self::NoSpace,
            Self::FailedToStart,
        ];
        plain.into_iter().find(|fate| fate.word() == word)
    }

    /// Whether a deadline counts all the same: something should have run, and nothing did.
    #[must_use]
    pub fn is_a_miss(&self) -> bool {
        match self {
            Self::SkippedOverlap
            | Self::SkippedQueueFull
            | Self::TooOld
            | Self::MissedDown
            | Self::NoSpace
            | Self::FailedToStart => true,
            Self::Ran
            | Self::Coalesced
            | Self::Replaced
            | Self::SkippedCalendar(_)
            | Self::SkippedDst
            | Self::Paused => false,
        }
    }
}
