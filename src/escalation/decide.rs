//! What an incident does: events up to the next wait, and effects. Pure, as `engine::decide` is for a run.
//!
//! Every input is followed by a look at the time: what is due by then happens in the same decision.

pub use crate::escalation::climb::{next_breach, next_look};

use crate::base::actor::Actor;
use crate::base::digest::Digest;
use crate::base::ids::{IncidentId, Name, RunId};
use crate::base::level::{Level, Outcome};
use crate::base::limits::{MAX_INCIDENT_LINE, MAX_INCIDENT_TEXT};
use crate::base::planted::{self, Bug};
use crate::base::span::Span;
use crate::escalation::event::{Clock, Ending, Event, Opened, Page, PageFate, Part, Recorded};
use crate::escalation::evolve::is_same;
use crate::escalation::ladder::{IN_TIME, Ladder, routed};
use crate::escalation::state::{IllegalEvent, Incident};
use crate::escalation::text::{bounded, cut};
use crate::model::escalation::Escalation;
use crate::model::message::Address;
use crate::model::trouble::{Source, Trouble};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What reaches an incident. What persons want is in `people`, and may be refused with a sentence.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// It begins. Only to one that is new.
    Open(Box<Opening>),
    /// The trouble is told of again.
    Told(Box<Trouble>),
    /// Whoever told of it says that it is over.
    Cleared {
        /// Who.
        source: Source,
        /// In a line.
        reason: String,
    },
    /// The time, or that something around it has changed: a silence, who is on call.
    Tick,
    /// The run of a response has ended, or will never start.
    Responded {
        /// The run.
        run: RunId,
        /// How; `None` = it never started.
        outcome: Option<Outcome>,
        /// The worst level in it.
        level: Level,
        /// What it says of itself, in a few lines.
        text: String,
    },
    /// What became of a page.
    Settled {
        /// Which.
        page: u32,
        /// What.
        fate: PageFate,
        /// The provider's own words or id.
        note: String,
    },
    /// Somebody takes it.
    Acknowledge {
        /// Who.
        actor: Actor,
        /// Which contact that is.
        who: Option<Name>,
        /// What they say, perhaps nothing.
        note: String,
        /// The version they saw; an acknowledgement counts whatever they saw.
        as_of: Option<u64>,
    },
    /// Whoever took it gives it back.
    Unacknowledge {
        /// Who.
        actor: Actor,
        /// Why.
        reason: String,
    },
    /// It is to be left alone for a time.
    Snooze {
        /// Who says so.
        actor: Actor,
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// Another rotation or person is to answer for it.
    Assign {
        /// Who says so.
        actor: Actor,
        /// A contact or a rotation.
        to: Name,
    },
    /// It is worse, or less bad.
    Severity {
        /// Who says so.
        actor: Actor,
        /// `P1`.
        to: String,
        /// Why.
        reason: String,
    },
    /// It is of that type.
    Classify {
        /// Who says so.
        actor: Actor,
        /// `sip`.
        kind: String,
    },
    /// The next level is to be told now.
    Escalate {
        /// Who wants it.
        actor: Actor,
        /// Why.
        reason: String,
        /// The version they saw: where it has climbed since, nothing happens.
        as_of: Option<u64>,
    },
    /// Something to write down: a note, or that a person ran or approved something about it.
    Note {
        /// Who.
        actor: Actor,
        /// What.
        text: String,
    },
    /// A duty is done, or is not after all.
    Duty {
        /// Who says so.
        actor: Actor,
        /// Of which level.
        level: u32,
        /// Which of its duties, from 0.
        index: u32,
        /// Whether it is done.
        done: bool,
    },
    /// It is over.
    Resolve {
        /// Who says so.
        actor: Actor,
        /// How.
        how: Ending,
        /// In a line.
        reason: String,
    },
}

/// How an incident begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    /// Its id.
    pub id: IncidentId,
    /// What is wrong.
    pub trouble: Trouble,
    /// The texts of `escalation.yaml` whose shape it follows from now on; empty = the book has none.
    pub texts: BTreeMap<String, Digest>,
    /// The one before it with the same key, where that ended not long ago, and the how-manieth time this is.
    pub recurs: Option<(IncidentId, u32)>,
}

/// What is to be done once the events are durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send a page.
    Send(Page),
    /// Do not send that page after all, where its sending has not begun.
    Withdraw(u32),
    /// Start a run about it, under that id.
    Start {
        /// The id.
        run: RunId,
        /// The runbook.
        runbook: Name,
        /// What for.
        part: Part,
    },
    /// Cancel a run about it.
    Cancel {
        /// The run.
        run: RunId,
        /// Why.
        reason: String,
    },
}

/// What comes of an input.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// What happens.
    pub events: Vec<Recorded>,
    /// What is to be done.
    pub effects: Vec<Effect>,
    /// Why an input of a person did nothing, as a sentence for them.
    pub refused: Option<String>,
}

/// How a person is reached: how long after the beginning of a round, and where.
pub type Ways = Vec<(Span, Address)>;
/// Labels of an incident.
pub type Labels = BTreeMap<String, String>;
/// What mutes an incident, and until when.
pub type Silence = (String, Timestamp);

/// What a decision must know of the rest of the world, as it is now.
pub struct Known<'a> {
    /// The contacts behind `on_call.platform` or a contact's name, in the order in which they are to be told.
    pub who: &'a dyn Fn(&str) -> Vec<Name>,
    /// How a contact is reached for a severity: how long after the beginning of a round, and where.
    pub reach: &'a dyn Fn(&Name, &str) -> Ways,
    /// The newest run of that runbook about this key, whoever called it, and when it began.
    pub ran: &'a dyn Fn(&Name) -> Option<(RunId, Timestamp)>,
    /// Whether a runbook could be started now, or why not.
    pub startable: &'a dyn Fn(&Name) -> Result<(), String>,
    /// Who holds what a response waits for, where it waits for a lock.
    pub holder: &'a dyn Fn(RunId) -> Option<String>,
    /// The silence or window that mutes these labels, and until when.
    pub muted: &'a dyn Fn(&Labels) -> Option<Silence>,
}

/// Decides; the incident is then as it will be once the events are durable.
///
/// # Errors
/// [`IllegalEvent`], which is a bug of ours or a stream that does not add up.
pub fn decide(
    policy: &Escalation,
    incident: &mut Incident,
    input: Input,
    known: &Known<'_>,
    now: Timestamp,
) -> Result<Decision, IllegalEvent> {
    let done = Decision::default();
    let mut decider = Decider { policy, incident, known, now, done, call: BTreeSet::new(), also: None, only: false };
    decider.late_breaches()?;
    decider.take(input)?;
    decider.look()?;
    Ok(decider.done)
}

/// One decision on its way.
pub(super) struct Decider<'a> {
    pub(super) policy: &'a Escalation,
    pub(super) incident: &'a mut Incident,
    pub(super) known: &'a Known<'a>,
    pub(super) now: Timestamp,
    pub(super) done: Decision,
    /// Levels whose people are told before this decision ends.
    pub(super) call: BTreeSet<u32>,
    /// Persons told with the people of the level it has reached: whose acknowledgement lapsed, who it was given to.
    pub(super) also: Option<Vec<Name>>,
    /// Whether they are told instead of these people.
    pub(super) only: bool,
}

impl Decider<'_> {
    pub(super) fn ladder(&self) -> Ladder<'_> {
        Ladder { policy: self.policy, incident: self.incident }
    }

    pub(super) fn push(&mut self, event: Event) -> Result<(), IllegalEvent> {
        let recorded = Recorded { at: self.now, event };
        self.incident.evolve(&recorded)?;
        self.done.events.push(recorded);
        Ok(())
    }

    pub(super) fn is_open(&self) -> bool {
        self.incident.opened.is_some() && self.incident.ending.is_none()
    }

    fn take(&mut self, input: Input) -> Result<(), IllegalEvent> {
        match input {
            Input::Tick => Ok(()),
            Input::Open(opening) => self.begin(*opening),
            Input::Told(trouble) => self.told(*trouble),
            Input::Cleared { source, reason } => self.cleared(source, reason),
            Input::Responded { run, outcome, level, text } => {
                if !self.incident.running().any(|response| response.run == run) {
                    return Ok(());
                }
                self.push(Event::Responded { run, outcome, level, text: cut(text, MAX_INCIDENT_TEXT) })
            }
            Input::Settled { page, fate, note } => {
                let Some(ordered) = self.incident.pages.get(&page) else { return Ok(()) };
                match &ordered.fate {
                    Some((before, ..)) if *before == fate => Ok(()),
                    Some(_) | None => self.push(Event::Settled { page, fate, note: cut(note, MAX_INCIDENT_LINE) }),
                }
            }
            Input::Acknowledge { .. }
            | Input::Unacknowledge { .. }
            | Input::Snooze { .. }
            | Input::Assign { .. }
            | Input::Severity { .. }
            | Input::Classify { .. }
            | Input::Escalate { .. }
            | Input::Note { .. }
            | Input::Duty { .. }
            | Input::Resolve { .. } => self.person(input),
        }
    }

    fn begin(&mut self, opening: Opening) -> Result<(), IllegalEvent> {
        let Opening { id, mut trouble, texts, recurs } = opening;
        let routed = routed(self.policy, &trouble);
        trouble.kind = routed.kind;
        let trouble = bounded(trouble);
        let (severity, owner, first_response) = (routed.severity, routed.owner, routed.first_response);
        self.push(Event::Opened(Box::new(Opened { id, trouble, severity, owner, first_response, texts, recurs })))
    }

    /// Told of again: counted, and nobody is told because of it. A run, a step or a deadline tells of itself once.
    fn told(&mut self, mut trouble: Trouble) -> Result<(), IllegalEvent> {
        trouble.text = cut(trouble.text, MAX_INCIDENT_TEXT);
        if !self.is_open() {
            self.done.refused = Some("this incident is over: what is told of now opens another".to_owned());
            return Ok(());
        }
        let known = self.incident.sources.iter().find(|told| is_same(&told.source, &trouble.source));
        let once = matches!(trouble.source, Source::Run { .. } | Source::Step { .. } | Source::Deadline { .. });
        if once && known.is_some_and(|told| told.source == trouble.source) {
            return Ok(());
        }
        let before =
            self.incident.text.as_ref().or(self.incident.opened.as_ref().map(|(_, opened)| &opened.trouble.text));
        let text = (!trouble.text.is_empty() && before != Some(&trouble.text)).then(|| trouble.text.clone());
        if planted::has(Bug::LosesCount) && known.is_some_and(|told| told.cleared.is_none()) {
            return Ok(());
        }
        let severity = routed(self.policy, &trouble).severity;
        let count = self.incident.count + 1;
        self.push(Event::Again { source: trouble.source, text, count })?;
        // Worse than it was: unless a person has said how bad it is.
        if severity < self.incident.severity && !self.incident.severity_is_set {
            let reason = format!("it is told of again as {severity}");
            self.change_severity(Actor::engine("incident"), severity, reason)?;
        }
        Ok(())
    }

    fn cleared(&mut self, source: Source, reason: String) -> Result<(), IllegalEvent> {
        let told = self.incident.sources.iter().find(|told| is_same(&told.source, &source));
        if !self.is_open() || !source.can_clear() || told.is_none_or(|told| told.cleared.is_some()) {
            return Ok(());
        }
        self.push(Event::Cleared { source, reason: cut(reason, MAX_INCIDENT_LINE) })
    }

    /// Promises that were broken while nobody looked: before anything else can make them look kept.
    fn late_breaches(&mut self) -> Result<(), IllegalEvent> {
        if self.incident.mute.is_some() {
            return Ok(());
        }
        for clock in [Clock::Response, Clock::Escalation] {
            let by = self.ladder().clock(clock).filter(|by| self.now.duration_since(*by) > IN_TIME);
            if let Some(by) = by.filter(|_| self.is_open()) {
                self.push(Event::Breached { clock, by })?;
            }
        }
        Ok(())
    }

    pub(super) fn breaches(&mut self) -> Result<(), IllegalEvent> {
        for clock in [Clock::Response, Clock::Escalation] {
            if let Some(by) = self.ladder().clock(clock).filter(|by| *by <= self.now) {
                self.push(Event::Breached { clock, by })?;
            }
        }
        Ok(())
    }
}
