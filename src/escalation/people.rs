//! What persons want of an incident: done, or refused with a sentence.

use crate::base::actor::Actor;
use crate::base::ids::Name;
use crate::base::limits::{MAX_INCIDENT_LINE, MAX_INCIDENT_TEXT, MAX_SNOOZE_DAYS};
use crate::escalation::decide::{Decider, Input};
use crate::escalation::event::{Event, What, Why};
use crate::escalation::state::IllegalEvent;
use crate::escalation::text::cut;
use jiff::{SignedDuration, Timestamp};

/// The longest an incident is left alone: what takes longer is no trouble any more.
const SNOOZE: SignedDuration = SignedDuration::new(MAX_SNOOZE_DAYS.cast_signed() as i64 * 86_400, 0);

impl Decider<'_> {
    pub(super) fn person(&mut self, input: Input) -> Result<(), IllegalEvent> {
        if self.incident.opened.is_none() {
            return self.refuse("this incident has not begun");
        }
        let after = matches!(input, Input::Note { .. } | Input::Duty { .. });
        if let Some(ending) = self.incident.ending.as_ref().filter(|_| !after) {
            let why = format!("this incident is over since {}: {} ended it", ending.at, ending.actor.id);
            return self.refuse(&why);
        }
        match input {
            Input::Acknowledge { actor, who, note, as_of: _ } => self.acknowledge(actor, who, note),
            Input::Unacknowledge { actor, reason } => self.unacknowledge(actor, reason),
            Input::Snooze { actor, until, reason } => self.snooze(actor, until, reason),
            Input::Assign { actor, to } => self.assign(actor, &to),
            Input::Severity { actor, to, reason } => self.severity(actor, to, reason),
            Input::Classify { actor, kind } => self.classify(actor, kind),
            Input::Escalate { actor, reason, as_of } => self.escalate(actor, &reason, as_of),
            Input::Note { actor, text } if text.trim().is_empty() => {
                self.refuse(&format!("{} wrote nothing down: a note needs a text", actor.id))
            }
            Input::Note { actor, text } => self.push(Event::Noted { actor, text: cut(text, MAX_INCIDENT_TEXT) }),
            Input::Duty { actor, level, index, done } => self.duty(actor, level, index, done),
            Input::Resolve { actor, how, reason } => self.resolve(actor, how, cut(reason, MAX_INCIDENT_LINE)),
            Input::Open(_)
            | Input::Told(_)
            | Input::Cleared { .. }
            | Input::Tick
            | Input::Responded { .. }
            | Input::Settled { .. } => Ok(()),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands where an event would")]
    fn refuse(&mut self, why: &str) -> Result<(), IllegalEvent> {
        self.done.refused = Some(why.to_owned());
        Ok(())
    }

    /// An acknowledgement counts whatever its sender had seen: of two, both are kept, the later one stands.
    fn acknowledge(&mut self, actor: Actor, who: Option<Name>, note: String) -> Result<(), IllegalEvent> {
        let news = self.incident.held().is_none();
        let by = format!("{} has taken it", actor.id);
        self.push(Event::Acknowledged { actor, who, note: cut(note, MAX_INCIDENT_TEXT) })?;
        self.withdraw_answered(&by)?;
        if news { self.broadcast(What::Taken) } else { Ok(()) }
    }

    fn unacknowledge(&mut self, actor: Actor, reason: String) -> Result<(), IllegalEvent> {
        let Some(level) = self.incident.held() else {
            return self.refuse("nobody has taken this incident: there is nothing to give back");
        };
        self.push(Event::Unacknowledged { actor, reason: cut(reason, MAX_INCIDENT_LINE) })?;
        if self.ladder().has_people(level) {
            self.call.insert(level);
        }
        Ok(())
    }

    fn snooze(&mut self, actor: Actor, until: Timestamp, reason: String) -> Result<(), IllegalEvent> {
        if until <= self.now {
            return self.refuse(&format!("{until} is past: an incident is left alone until some time to come"));
        }
        if until.duration_since(self.now) > SNOOZE {
            return self.refuse("an incident is left alone for 30 days at most: resolve it, or lower its severity");
        }
        let news = self.incident.held().is_none();
        let by = format!("{} wants it left alone until {until}", actor.id);
        self.push(Event::Snoozed { actor, until, reason: cut(reason, MAX_INCIDENT_LINE) })?;
        self.withdraw_answered(&by)?;
        if news { self.broadcast(What::Taken) } else { Ok(()) }
    }

    /// Whoever it is given to is told at once, unless they have taken it themselves.
    fn assign(&mut self, actor: Actor, to: &Name) -> Result<(), IllegalEvent> {
        let meant = if self.policy.on_call.contains_key(to) { format!("on_call.{to}") } else { to.to_string() };
        let people = (self.known.who)(&meant);
        if people.is_empty() {
            return self
                .refuse(&format!("nobody is behind `{to}` now: name a contact, or a rotation that has somebody"));
        }
        let held = self.incident.held();
        let theirs =
            self.incident.ack.as_ref().and_then(|ack| ack.who.as_ref()).is_some_and(|who| people.contains(who));
        self.push(Event::Assigned { actor: actor.clone(), to: to.clone() })?;
        if held.is_some() && theirs {
            return Ok(());
        }
        if held.is_some() {
            self.push(Event::Unacknowledged { actor, reason: format!("it is {to}'s now") })?;
        }
        if self.incident.level > 0 && self.incident.mute.is_none() {
            (self.also, self.only) = (Some(people), true);
            self.call.insert(self.incident.level);
        }
        Ok(())
    }

    fn severity(&mut self, actor: Actor, to: String, reason: String) -> Result<(), IllegalEvent> {
        if to == self.incident.severity {
            return self.refuse(&format!("it is {to} already"));
        }
        if !self.policy.severities.contains_key(&to) {
            let known: Vec<&str> = self.policy.severities.keys().map(String::as_str).collect();
            return self.refuse(&format!("there is no severity `{to}`: {}", known.join(", ")));
        }
        self.change_severity(actor, to, cut(reason, MAX_INCIDENT_LINE))
    }

    /// Worse: what would have been due counts from the opening, and the level it has reached is told anew.
    pub(super) fn change_severity(&mut self, actor: Actor, to: String, reason: String) -> Result<(), IllegalEvent> {
        let worse = to < self.incident.severity;
        self.push(Event::SeverityChanged { actor, to, reason })?;
        let level = self.incident.level;
        let tells = self.incident.held().is_none() && self.incident.mute.is_none() && self.ladder().has_people(level);
        if worse && tells {
            self.call.insert(level);
        }
        Ok(())
    }

    fn classify(&mut self, actor: Actor, kind: String) -> Result<(), IllegalEvent> {
        match self.incident.kind.as_ref() {
            Some(known) if *known == kind => self.refuse(&format!("it is of type `{kind}` already")),
            Some(_) | None => self.push(Event::Classified { actor, kind: cut(kind, MAX_INCIDENT_LINE) }),
        }
    }

    /// The next level now, whoever has taken it: who asks for more hands it on.
    fn escalate(&mut self, actor: Actor, reason: &str, as_of: Option<u64>) -> Result<(), IllegalEvent> {
        if as_of.is_some_and(|seen| seen < self.incident.climbed) {
            let why = format!("it has reached level {} since that message was written", self.incident.level);
            return self.refuse(&why);
        }
        if let Some(mute) = &self.incident.mute {
            let why = format!(
                "it is muted by {} until {}, and nobody is told before: end that first",
                mute.silence, mute.until
            );
            return self.refuse(&why);
        }
        let level = self.incident.held().unwrap_or(self.incident.level);
        let asked = match reason.trim() {
            "" => format!("{} asks for it", actor.id),
            reason => cut(format!("{} asks for it: {reason}", actor.id), MAX_INCIDENT_LINE),
        };
        let next = self.ladder().above(level);
        if let Some(at) = self.incident.exhausted.filter(|_| next.is_none()) {
            return self.refuse(&format!("level {level} is the last, and whoever catches all was told at {at}"));
        }
        if self.incident.held().is_some() {
            self.push(Event::Unacknowledged { actor, reason: asked.clone() })?;
        }
        match next {
            Some(next) => self.enter(next, Why::Asked, asked),
            None => self.catch_all(level, &asked),
        }
    }

    fn duty(&mut self, actor: Actor, level: u32, index: u32, done: bool) -> Result<(), IllegalEvent> {
        let duties = self.policy.levels.get(&level).map_or(0, |level| level.duties.len());
        if usize::try_from(index).map_or(true, |index| index >= duties) {
            return self.refuse(&format!("level {level} has {duties} duties: there is none with number {}", index + 1));
        }
        if self.incident.checklist.contains_key(&(level, index)) == done {
            let state = if done { "done already" } else { "not done" };
            return self.refuse(&format!("duty {} of level {level} is {state}", index + 1));
        }
        self.push(Event::Duty { actor, level, index, done })
    }
}
