//! What can happen in an incident. The journal holds these, through `store::codec`, and nothing else.

use crate::base::actor::Actor;
use crate::base::digest::Digest;
use crate::base::ids::{IncidentId, Name, RunId};
use crate::base::level::{Level, Outcome};
use crate::base::span::Span;
use crate::model::message::Address;
use crate::model::trouble::{Source, Trouble};
use jiff::Timestamp;

/// One event with the instant of the decision that made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// When it was decided.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What happened to an incident.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It exists. Always the first event, never another.
    Opened(Box<Opened>),
    /// The trouble was told of again while it is open, or is back after it had cleared.
    Again {
        /// By whom.
        source: Source,
        /// What was said, where it differs from before.
        text: Option<String>,
        /// How often it has been told of in all; absolute, so that a storm may be one event.
        count: u64,
    },
    /// Whoever told of it says that it is over.
    Cleared {
        /// Who.
        source: Source,
        /// In a line.
        reason: String,
    },
    /// A runbook is started about it; its run is the one named here, whoever starts it.
    Responding {
        /// The run.
        run: RunId,
        /// The runbook.
        runbook: Name,
        /// What for.
        part: Part,
    },
    /// A runbook of level 1 is left out: it ran not long ago, or cannot start.
    PassedOver {
        /// The runbook.
        runbook: Name,
        /// What for.
        part: Part,
        /// Why.
        reason: String,
    },
    /// The run of a response takes too long, or has become pointless: it is being cancelled.
    Stopping {
        /// The run.
        run: RunId,
        /// Why.
        reason: String,
    },
    /// The run of a response has ended, or will never start.
    Responded {
        /// The run.
        run: RunId,
        /// How; `None` = it never started.
        outcome: Option<Outcome>,
        /// The worst level in it.
        level: Level,
        /// What it says of itself: its reason, its outputs, in a few lines.
        text: String,
    },
    /// A level is entered.
    Climbed {
        /// Which.
        level: u32,
        /// Why now.
        why: Why,
        /// In a line for the timeline.
        reason: String,
    },
    /// A level that is entered has nobody, or is passed for another reason.
    LevelEmpty {
        /// Which.
        level: u32,
        /// Why.
        reason: String,
    },
    /// A round of a level begins: its people are told, for the first time or again.
    Round {
        /// Of which level; 0 = a broadcast.
        level: u32,
        /// Which, from 1.
        number: u32,
        /// Who is told how and after how long, as it was when the round began: what is still to come is planned here.
        turns: Vec<Turn>,
    },
    /// A message is to be sent; it starts once this is durable (invariants 1 and 8).
    Paged(Box<Page>),
    /// What became of it.
    Settled {
        /// Which, by its number.
        page: u32,
        /// What.
        fate: PageFate,
        /// The provider's own words or id.
        note: String,
    },
    /// A person of a level could not be reached in any way.
    Unreached {
        /// Of which level.
        level: u32,
        /// Whom.
        who: Name,
        /// Why.
        reason: String,
    },
    /// Nobody of a level could be reached; what comes next comes at once.
    Undeliverable {
        /// Which.
        level: u32,
        /// Why.
        reason: String,
    },
    /// The last level has been entered and nobody answers: whoever catches all is told.
    Exhausted {
        /// Why.
        reason: String,
    },
    /// A promise was not kept.
    Breached {
        /// Which.
        clock: Clock,
        /// When it should have been.
        by: Timestamp,
    },
    /// Somebody has taken it.
    Acknowledged {
        /// Who.
        actor: Actor,
        /// The person, where it is known which contact that is.
        who: Option<Name>,
        /// What they said, perhaps nothing.
        note: String,
    },
    /// Whoever took it gave it back.
    Unacknowledged {
        /// Who.
        actor: Actor,
        /// Why.
        reason: String,
    },
    /// Nothing happened for too long after it was taken.
    Lapsed,
    /// It is to be left alone for a time.
    Snoozed {
        /// Who.
        actor: Actor,
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// That time is over.
    Woke,
    /// Another rotation or person answers for it.
    Assigned {
        /// Who said so.
        actor: Actor,
        /// A contact or a rotation.
        to: Name,
    },
    /// It is worse, or less bad, than it was thought to be.
    SeverityChanged {
        /// Who said so.
        actor: Actor,
        /// `P1`.
        to: String,
        /// Why.
        reason: String,
    },
    /// It is of another type than it was thought to be.
    Classified {
        /// Who said so.
        actor: Actor,
        /// `sip`.
        kind: String,
    },
    /// Somebody wrote something down.
    Noted {
        /// Who.
        actor: Actor,
        /// What.
        text: String,
    },
    /// A duty of a level is done, or is not after all.
    Duty {
        /// Who.
        actor: Actor,
        /// Of which level.
        level: u32,
        /// Which of its duties, from 0.
        index: u32,
        /// Whether it is done.
        done: bool,
    },
    /// It is muted: nobody is told while that lasts, everything is still recorded.
    Muted {
        /// By which silence or window.
        silence: String,
        /// Until when.
        until: Timestamp,
    },
    /// It is not muted any more.
    Unmuted {
        /// Why.
        reason: String,
    },
    /// It is over. Always the last event that changes anything: notes and late outcomes of pages may follow.
    Resolved {
        /// Who.
        actor: Actor,
        /// How.
        how: Ending,
        /// In a line.
        reason: String,
        /// The key under which it was the open one, so that the event alone says which key is free again.
        key: String,
    },
}

/// One address in a round, and when it has its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The person; `None` = an address alone.
    pub who: Option<Name>,
    /// How long after the beginning of the round; earlier where every address of the person before it has failed.
    pub after: Span,
    /// Where.
    pub address: Address,
    /// What is said.
    pub what: What,
}

/// How an incident begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// Its id.
    pub id: IncidentId,
    /// What is wrong.
    pub trouble: Trouble,
    /// The severity it has, after its route.
    pub severity: String,
    /// The rotation that answers, after its route.
    pub owner: Option<Name>,
    /// The runbook its route tries first.
    pub first_response: Option<Name>,
    /// The text of `escalation.yaml` whose shape it follows, by file name, as blobs; empty = the book has none.
    pub texts: std::collections::BTreeMap<String, Digest>,
    /// The one before it with the same key, where that ended not long ago, and the how-manieth time this is.
    pub recurs: Option<(IncidentId, u32)>,
}

/// What a runbook of level 1 is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// To gather evidence: its outcome decides nothing.
    Gather,
    /// To mend.
    Try,
}

/// Why a level is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its time has come.
    Time,
    /// The level before it came to nothing, and the severity climbs early.
    Early,
    /// The level before it has nobody, or nobody could be reached.
    Nobody,
    /// A person wanted it.
    Asked,
    /// It was due while nobody drove the incident.
    CaughtUp,
}

/// One message to one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Which of the incident's, from 1.
    pub number: u32,
    /// For which level; 0 = a broadcast.
    pub level: u32,
    /// The person; `None` = a broadcast, or an address alone.
    pub who: Option<Name>,
    /// The channel of `stepladder.yaml`.
    pub channel: Name,
    /// The address on it, as it was when this was decided: `#incidents`, `+1-555-0123`.
    pub address: String,
    /// What it says.
    pub what: What,
    /// Of which round.
    pub round: u32,
}

/// What a page says; its words are made when it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Somebody has to answer.
    Call,
    /// Somebody has to answer, and was told before.
    Reminder,
    /// It is open: for information.
    Opening,
    /// It has reached another level: for information.
    Climb,
    /// Somebody has taken it: for information.
    Taken,
    /// It is over: for information.
    End,
    /// Everything else has failed.
    CatchAll,
}

/// What became of a page (invariant 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PageFate {
    /// The provider has it; whether the person has is not known.
    Accepted,
    /// It is on the person's device.
    Delivered,
    /// The person has seen it.
    Read,
    /// It will not arrive.
    Failed,
    /// It was not sent: it had become pointless before its turn.
    Withdrawn,
}

/// Which promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clock {
    /// `respond_within`: a person has taken it.
    Response,
    /// The first level beyond the first responder is entered: the guide's escalation clock.
    Escalation,
}

/// How an incident ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// A person said so.
    Person,
    /// Whoever told of it says that it is over.
    Cleared,
    /// Level 1 mended it, and whoever told of it says that it is over.
    Mended,
    /// A `resolve` step of a run.
    Step,
}

impl Clock {
    /// The word stored and shown.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Escalation => "escalation",
        }
    }
}

impl Ending {
    /// The word stored and shown.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Cleared => "cleared",
            Self::Mended => "mended",
            Self::Step => "step",
        }
    }
}
