//! An incident, folded from its events. What may follow what is in [`evolve`](Incident::evolve): a closed table.

use crate::base::actor::Actor;
use crate::base::ids::{IncidentId, Name, RunId};
use crate::base::level::{Level, Outcome};
use crate::escalation::event::{Clock, Ending, Opened, Page, PageFate, Part, Recorded, Turn, Why};
use crate::model::message::Address;
use crate::model::trouble::Source;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Where an incident stands. A new one, before its first event, has no opening.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Incident {
    /// How many events it is made of.
    pub version: u64,
    /// When and how it began.
    pub opened: Option<(Timestamp, Box<Opened>)>,
    /// The severity it has now.
    pub severity: String,
    /// The type it has now.
    pub kind: Option<String>,
    /// The rotation or person that answers for it now.
    pub owner: Option<Name>,
    /// How often it was told of.
    pub count: u64,
    /// Who told of it, and whether they say that it is over.
    pub sources: Vec<Told>,
    /// What was said last, where it differs from the opening.
    pub text: Option<String>,
    /// Who has taken it.
    pub ack: Option<Ack>,
    /// Until when it is left alone.
    pub snooze: Option<Snooze>,
    /// What mutes it.
    pub mute: Option<Mute>,
    /// What muted it before, and when that was over.
    pub muted_before: Option<(String, Timestamp)>,
    /// The level it has reached; 0 = none yet.
    pub level: u32,
    /// The levels it has entered; 0 = its broadcasts.
    pub rungs: BTreeMap<u32, Rung>,
    /// The version at which it last climbed: what a reply is compared with.
    pub climbed: u64,
    /// From when and where it goes up again, after it had been held.
    pub resumed: Option<Resume>,
    /// Since when whoever catches all is told.
    pub exhausted: Option<Timestamp>,
    /// Runs started about it, oldest first.
    pub responses: Vec<Response>,
    /// Runbooks left out.
    pub passed: Vec<Passed>,
    /// Its pages by number.
    pub pages: BTreeMap<u32, Ordered>,
    /// Persons that were told that somebody has to answer.
    pub called: BTreeSet<Name>,
    /// Addresses that were told that it is open.
    pub announced: BTreeSet<Address>,
    /// Duties that are done, by level and place, with who did them and when.
    pub checklist: BTreeMap<(u32, u32), (Actor, Timestamp)>,
    /// Promises that were not kept: which, by when, and when that was seen.
    pub breaches: Vec<(Clock, Timestamp, Timestamp)>,
    /// When a person first took it.
    pub responded: Option<Timestamp>,
    /// When it was last found to be worse than thought.
    pub raised: Option<Timestamp>,
    /// Whether a person gave it its severity.
    pub severity_is_set: bool,
    /// How it ended.
    pub ending: Option<Ended>,
}

/// Somebody who told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Who, as they last told of it.
    pub source: Source,
    /// Since when they say that it is over, and why.
    pub cleared: Option<(Timestamp, String)>,
}

impl Told {
    /// Whether neither it nor a run can say that it is over: only a person can.
    #[must_use]
    pub fn is_by_hand(&self) -> bool {
        matches!(self.source, Source::Person(_) | Source::Engine { .. })
    }
}

/// Somebody has taken it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Who.
    pub actor: Actor,
    /// Which contact that is.
    pub who: Option<Name>,
    /// When.
    pub at: Timestamp,
    /// The level it had reached by then.
    pub level: u32,
    /// When they last did something about it.
    pub active: Timestamp,
    /// What they said.
    pub note: String,
}

/// It is left alone for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snooze {
    /// Who said so.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The level it had reached by then.
    pub level: u32,
    /// Why.
    pub reason: String,
}

/// It is muted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    /// By what.
    pub silence: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// One level that was entered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rung {
    /// When first.
    pub entered: Timestamp,
    /// When last: after it had been held, the way up is gone again.
    pub visited: Timestamp,
    /// Why first.
    pub why: Option<Why>,
    /// How many rounds it has had.
    pub rounds: u32,
    /// How many since it was last entered.
    pub visits: u32,
    /// The newest.
    pub round: Option<Round>,
    /// Persons who could not be reached.
    pub unreached: BTreeSet<Name>,
    /// Whether it was found empty.
    pub empty: bool,
    /// The round in which nobody could be reached.
    pub undeliverable: Option<u32>,
}

/// One round: who is told, and which page of it was ordered.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// Which of its level.
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// Each with the page it became.
    pub turns: Vec<(Turn, Option<u32>)>,
}

/// It goes up again after it had been held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// Since when.
    pub at: Timestamp,
    /// The newest level told since then, and when.
    pub told: Option<(u32, Timestamp)>,
}

/// A run about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The run.
    pub run: RunId,
    /// Of which runbook.
    pub runbook: Name,
    /// What for.
    pub part: Part,
    /// Since when.
    pub at: Timestamp,
    /// Why it is being cancelled.
    pub stopping: Option<String>,
    /// How it ended.
    pub ended: Option<Responded>,
}

/// How a response ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Responded {
    /// When.
    pub at: Timestamp,
    /// How; `None` = it never started.
    pub outcome: Option<Outcome>,
    /// The worst level in it.
    pub level: Level,
    /// What it says of itself.
    pub text: String,
}

impl Response {
    /// Whether it ended well.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.outcome.is_some_and(Outcome::is_good))
    }
}

/// A runbook that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Which.
    pub runbook: Name,
    /// What for.
    pub part: Part,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// A page with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// The page.
    pub page: Page,
    /// When it was ordered.
    pub at: Timestamp,
    /// The version of the incident with it: what a reply to it carries.
    pub version: u64,
    /// What became of it, in the provider's words, and when that was known.
    pub fate: Option<(PageFate, String, Timestamp)>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// Who said so.
    pub actor: Actor,
    /// How.
    pub how: Ending,
    /// In a line.
    pub reason: String,
}

/// What an incident is, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It is open and nobody has taken it.
    Triggered,
    /// Somebody has taken it.
    Acknowledged,
    /// Somebody wants it left alone for a time.
    Snoozed,
    /// It is open and nobody is told, because of a silence or a window.
    Muted,
    /// It is over.
    Resolved,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Triggered, Self::Acknowledged, Self::Snoozed, Self::Muted, Self::Resolved];

    /// The word stored and shown.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Triggered => "triggered",
            Self::Acknowledged => "acknowledged",
            Self::Snoozed => "snoozed",
            Self::Muted => "muted",
            Self::Resolved => "resolved",
        }
    }
}

/// An event that the incident cannot have seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an incident that {state} cannot have seen `{event}`")]
pub struct IllegalEvent {
    pub(super) state: &'static str,
    pub(super) event: &'static str,
}

impl Incident {
    /// The incident of these events.
    ///
    /// # Errors
    /// [`IllegalEvent`] at the first that cannot have happened.
    pub fn replay(events: &[Recorded]) -> Result<Self, IllegalEvent> {
        let mut incident = Self::default();
        events.iter().try_for_each(|event| incident.evolve(event))?;
        Ok(incident)
    }

    /// Its id, once it is opened.
    #[must_use]
    pub fn id(&self) -> Option<IncidentId> {
        self.opened.as_ref().map(|(_, opened)| opened.id)
    }

    /// Where it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self { ending: Some(_), .. } => Status::Resolved,
            Self { snooze: Some(_), .. } => Status::Snoozed,
            Self { ack: Some(_), .. } => Status::Acknowledged,
            Self { mute: Some(_), .. } => Status::Muted,
            Self { .. } => Status::Triggered,
        }
    }

    /// Whether nothing of it is left to do: it is resolved, every page has an end, no run about it is going on.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ending.is_some() && self.unsettled().next().is_none() && self.running().next().is_none()
    }

    /// Pages of which nobody knows what became, in the order in which they were ordered: after a crash they are sent again.
    pub fn unsettled(&self) -> impl Iterator<Item = &Page> {
        self.pages.values().filter(|ordered| ordered.fate.is_none()).map(|ordered| &ordered.page)
    }

    /// Runs about it that have not ended: after a crash those that never began are started, those marked are cancelled.
    pub fn running(&self) -> impl Iterator<Item = &Response> {
        self.responses.iter().filter(|response| response.ended.is_none())
    }

    /// The level that has been answered, where somebody has taken it or wants it left alone.
    #[must_use]
    pub fn held(&self) -> Option<u32> {
        self.snooze.as_ref().map(|snooze| snooze.level).or_else(|| self.ack.as_ref().map(|ack| ack.level))
    }

    /// Whether everybody who told of it says that it is over.
    #[must_use]
    pub fn is_cleared(&self) -> bool {
        !self.sources.is_empty() && self.sources.iter().all(|told| told.cleared.is_some())
    }

    /// Whether a turn's page has failed.
    #[must_use]
    pub fn has_failed(&self, page: Option<u32>) -> bool {
        let ordered = page.and_then(|page| self.pages.get(&page));
        ordered.is_some_and(|ordered| matches!(ordered.fate, Some((PageFate::Failed, ..))))
    }

    /// What it is, in a word; the rows of the table.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.status() {
            _ if self.version == 0 => "is new",
            Status::Triggered => "is triggered",
            Status::Acknowledged => "is acknowledged",
            Status::Snoozed => "is snoozed",
            Status::Muted => "is muted",
            Status::Resolved => "is resolved",
        }
    }
}
