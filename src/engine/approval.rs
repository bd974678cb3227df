//! `approval` steps: the question, the votes, and what they come to.
//!
//! Who may vote is not known here: whoever brings a vote in has looked that up. What is known here is the rest: one vote a
//! person, no word taken back, not the one who started the run, the fields, the quorum, the deadline.

use crate::base::actor::{Actor, Role};
use crate::base::address::Place;
use crate::base::arg::{Arg, Text};
use crate::base::ids::Name;
use crate::base::level::{Level, Outcome};
use crate::base::limits::MAX_VOTE;
use crate::base::value::{Map, Value, json, plain};
use crate::diagnostic::closest;
use crate::engine::begin::nothing;
use crate::engine::decide::Effect;
use crate::engine::event::{AttemptResult, Event, Planned, Sought, StepEnded, StepEvent, Vote};
use crate::engine::evolve::IllegalEvent;
use crate::engine::run::{Poll, Run, StepPhase};
use crate::engine::scope;
use crate::engine::turn::{Turn, ended};
use crate::model::approval::{Approval, Lapse};
use crate::model::input::Input;
use crate::model::kind::Kind;
use crate::model::perform::{Failure, Reply, Request};
use crate::model::policy::{FailureKind, OutputForm};
use crate::model::runbook::Runbook;
use crate::model::step::{Step, StepKind};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A vote on its way in: whoever brings it has looked up who it is and that they may.
#[derive(Debug, Clone, PartialEq)]
pub struct Ballot {
    /// Who.
    pub actor: Actor,
    /// The contact they are.
    pub person: Option<Name>,
    /// Whether they started the run, under whichever name.
    pub starter: bool,
    /// Yes or no.
    pub approve: bool,
    /// What they filled in, typed.
    pub fields: Map<String, Value>,
    /// What they write with it.
    pub note: String,
    /// Whether an admin decides past those who may, and past the quorum.
    pub over: bool,
}

impl Ballot {
    fn who(&self) -> &str {
        self.person.as_ref().map_or(&self.actor.id, |person| person.as_str())
    }
}

/// The vote that a ballot is, or why it does not count, in a sentence for whoever cast it.
///
/// # Errors
/// That sentence.
pub fn judge(book: &Runbook, run: &Run, place: &Place, ballot: Ballot, now: Timestamp) -> Result<Vote, String> {
    let Some(StepPhase::Polling(poll)) = run.phase(place) else { return Err(not_asked(run, place)) };
    let Some(StepKind::Approval(approval)) = book.step(place.step()).map(|step| &step.kind) else {
        return Err(not_asked(run, place));
    };
    if let Some(until) = poll.sought.until.filter(|until| *until <= now) {
        return Err(format!("`{place}` could be approved until {until:.0}: that has passed"));
    }
    if let Some((at, vote)) = poll.vote_of(ballot.who()) {
        let said = if vote.approve { "approved" } else { "rejected" };
        let way = "a word that was given stands; `stepladder cancel` ends the run";
        return Err(format!("`{}` has {said} `{place}` at {at:.0}: {way}", vote.who()));
    }
    if ballot.approve && ballot.starter && !approval.starter_may && !ballot.over {
        return Err(format!(
            "`{}` started this run and may not approve `{place}`: that takes somebody else (`starter_may: true` in the runbook would allow it)",
            ballot.who()
        ));
    }
    // As it is stored: a sign that no terminal shows takes six bytes there.
    let size = json!(ballot.note).to_string().len() + json!(ballot.fields).to_string().len();
    if size > MAX_VOTE {
        return Err(format!("a vote with its fields and note has at most {MAX_VOTE} bytes, this one has {size}"));
    }
    let fields = filled(approval, poll, &ballot, place)?;
    let Ballot { actor, person, approve, note, over, .. } = ballot;
    Ok(Vote { actor, person, approve, fields, note, over })
}

/// Why nobody is asked at a place: it was decided, or never asked.
fn not_asked(run: &Run, place: &Place) -> String {
    match run.step_ended(place) {
        Some(ended) => {
            let why = ended.reason.as_ref().map_or(String::new(), |why| format!(": {why}"));
            format!("`{place}` is decided, it ended {}{why}", ended.outcome)
        }
        None => format!("`{place}` waits for no approval"),
    }
}

/// What is filled in with a vote, as the fields' types accept it. With a yes everything must be there that has no default.
fn filled(approval: &Approval, poll: &Poll, ballot: &Ballot, place: &Place) -> Result<Map<String, Value>, String> {
    if !ballot.approve {
        return match ballot.fields.keys().next() {
            Some(name) => Err(format!("who rejects fills nothing in: leave out `{name}`; a note says why")),
            None => Ok(Map::new()),
        };
    }
    let known = poll.filled();
    let mut fields = Map::new();
    for (name, value) in &ballot.fields {
        let Some(field) = approval.fields.iter().find(|field| field.name.as_str() == name) else {
            return Err(no_field(approval, name, place));
        };
        let value = field.ty.accept(value).map_err(|reason| format!("field `{name}` {reason}"))?;
        match known.get(name) {
            Some(said) if *said != value => {
                let said = plain(said);
                return Err(format!(
                    "field `{name}` is `{said}`, as it was approved before you: approve that, or reject"
                ));
            }
            Some(_) => {}
            None => drop(fields.insert(name.clone(), value)),
        }
    }
    let missing = |field: &&Input| {
        let name = field.name.as_str();
        field.default.is_none() && !known.contains_key(name) && !fields.contains_key(name)
    };
    if let Some(field) = approval.fields.iter().find(missing) {
        return Err(format!(
            "`{place}` asks for the field `{0}` (a {1}): give it with `--field {0}=…`",
            field.name,
            field.ty.word()
        ));
    }
    // Whoever comes next approves what the first one has approved, what was not filled in included.
    let open = approval.fields.iter().filter(|_| approval.quorum > 1);
    for field in open.filter(|field| !known.contains_key(field.name.as_str())) {
        let usual = field.default.as_ref().and_then(|usual| field.ty.accept(usual).ok());
        if let Some(usual) = usual.filter(|_| !fields.contains_key(field.name.as_str())) {
            fields.insert(field.name.to_string(), usual);
        }
    }
    Ok(fields)
}

fn no_field(approval: &Approval, name: &str, place: &Place) -> String {
    let known: Vec<&str> = approval.fields.iter().map(|field| field.name.as_str()).collect();
    let hint = match closest(name, known.iter().copied()) {
        Some(near) => format!(": did you mean `{near}`?"),
        None if known.is_empty() => ": it has none".into(),
        None => format!(": it has {}", known.join(", ")),
    };
    format!("`{place}` has no field `{name}`{hint}")
}

impl<'a> Turn<'a> {
    /// Asks those who may approve; in a dry run only says so.
    pub(super) fn seek(
        &mut self,
        place: &Place,
        step: &'a Arc<Step>,
        approval: &'a Approval,
    ) -> Result<(), IllegalEvent> {
        let message = self.asked_for(place, step, approval);
        let by = approval.asks(self.book);
        if self.run.started.dry {
            let bound = approval.deadline.map_or(String::new(), |deadline| format!(" within {deadline}"));
            let said = format!("would ask for {} of {}{bound}: {message}", yeses(approval.quorum), by.join(", "));
            let planned = Some(Planned::Unknown("nobody was asked".into()));
            return self.end(place, step, StepEnded { planned, ..ended(Outcome::Skipped, Some(said)) });
        }
        let until = approval.deadline.and_then(|span| self.now.checked_add(jiff::SignedDuration::from(span)).ok());
        let sought = Sought { message, by, quorum: approval.quorum, until };
        self.emit_step(place, StepEvent::Sought(Box::new(sought)))?;
        if let Some(effect) = telling(self.book, self.run, place) {
            self.order(effect);
        }
        Ok(())
    }

    /// What is to be approved, in words. Questions never die of a template.
    fn asked_for(&self, place: &Place, step: &Step, approval: &Approval) -> String {
        let Some(message) = &approval.message else { return step.shown().to_owned() };
        let scope = scope::Builder::new(self.book, self.run, place).build(message.reads());
        match message.render(&scope) {
            Ok(text) => text.to_string(),
            Err(error) => format!("{} (its own words could not be written: {error})", step.shown()),
        }
    }

    /// Somebody votes. What does not count was refused where it came in, and says nothing here.
    pub(super) fn voted(&mut self, place: &Place, ballot: Ballot) -> Result<(), IllegalEvent> {
        let book = self.book;
        let Ok(vote) = judge(book, self.run, place, ballot, self.now) else { return Ok(()) };
        let Some(step) = book.step(place.step()) else { return Ok(()) };
        let StepKind::Approval(approval) = &step.kind else { return Ok(()) };
        let (actor, who) = (vote.actor.clone(), vote.who().to_owned());
        let (approve, over, note) = (vote.approve, vote.over, vote.note.clone());
        self.emit_step(place, StepEvent::Voted(Box::new(vote)))?;
        if !approve {
            let because = if note.is_empty() { String::new() } else { format!(": {note}") };
            return self.refused(place, step, actor, format!("rejected by {who}{because}"));
        }
        let Some(StepPhase::Polling(poll)) = self.run.phase(place) else { return Ok(()) };
        if !over && poll.yeses() < poll.sought.quorum as usize {
            return Ok(());
        }
        let past = if over { ", past those who may" } else { "" };
        let (reason, output) =
            (format!("approved by {}{past}", poll.approvers().join(", ")), self.given(poll, approval, false));
        self.succeed_at_once(place, step, output, Level::Ok, Some(reason))
    }

    /// A no: the step and with it the run end cancelled.
    fn refused(&mut self, place: &Place, step: &Step, actor: Actor, why: String) -> Result<(), IllegalEvent> {
        let reason = format!("`{}` was {why}", step.id);
        self.end(place, step, ended(Outcome::Cancelled, Some(why)))?;
        if !self.may_be_cancelled() {
            return Ok(());
        }
        self.emit(Event::CancelAsked { actor, reason })
    }

    /// Its deadline has passed.
    pub(super) fn lapsed(&mut self, place: &Place, step: &'a Arc<Step>, poll: &Poll) -> Result<(), IllegalEvent> {
        let StepKind::Approval(approval) = &step.kind else { return Ok(()) };
        let until = poll.sought.until.unwrap_or(self.now);
        let have = match poll.yeses() {
            0 => String::new(),
            yeses => format!(" ({yeses} of {} had)", poll.sought.quorum),
        };
        let late = format!("not approved by {until:.0}{have}");
        match approval.lapse {
            Lapse::Reject => self.refused(place, step, Actor::engine("approval"), late),
            Lapse::Approve => {
                let output = self.given(poll, approval, true);
                let reason = format!("{late}: it goes on, as `lapse: approve` says");
                self.succeed_at_once(place, step, output, Level::Notice, Some(reason))
            }
            Lapse::Fail => {
                let mut output = self.given(poll, approval, true);
                output["approved"] = false.into();
                let failure = Failure { output: output.clone(), ..Failure::lasting(FailureKind::Timeout, late) };
                let number = self.next_try(place);
                self.emit_step(place, StepEvent::Attempt { number, request: None, deadline: None, child: None })?;
                self.attempted(place, step, number, &AttemptResult { output, failure: Some(failure), ..nothing() })
            }
        }
    }

    /// What the step puts out.
    fn given(&self, poll: &Poll, approval: &Approval, lapsed: bool) -> Value {
        let defaults = approval.fields.iter().filter_map(|field| {
            let value = field.ty.accept(field.default.as_ref()?).ok()?;
            Some((field.name.to_string(), value))
        });
        let mut fields: Map<String, Value> = defaults.collect();
        fields.extend(poll.filled());
        let notes = poll.votes.iter().filter(|(_, vote)| !vote.note.is_empty());
        let notes: Vec<String> = notes.map(|(_, vote)| format!("{}: {}", vote.who(), vote.note)).collect();
        let tenths = self.own_now().after(poll.waits_since).millis() / 100;
        json!({
            "approved": true,
            "lapsed": lapsed,
            "overridden": poll.votes.iter().any(|(_, vote)| vote.over),
            "by": poll.approvers(),
            "at": self.now.to_string(),
            "waited": serde_json::Number::from_f64(tenths_as_seconds(tenths)),
            "notes": notes,
            "fields": fields,
        })
    }

    /// Those who may approve were told, or not.
    pub(super) fn told(&mut self, place: &Place, reply: Reply) -> Result<(), IllegalEvent> {
        let problems = match reply {
            Reply::Done { findings, .. } => findings.into_iter().map(|finding| finding.message).collect(),
            Reply::Failed(failure) => vec![failure.message],
            Reply::Lost { known } => vec![known],
            Reply::Stopped { .. } => return Ok(()),
        };
        self.emit_step(place, StepEvent::Told { problems })
    }
}

#[expect(clippy::cast_precision_loss, reason = "tenths of a second, far below 2^52")]
fn tenths_as_seconds(tenths: u64) -> f64 {
    tenths as f64 / 10.0
}

/// So many times yes, as a person says it.
fn yeses(quorum: u32) -> String {
    if quorum == 1 { "the yes".into() } else { format!("{quorum} yeses") }
}

/// The message to those who may approve, where any of them can be told and were not yet.
pub(super) fn telling(book: &Runbook, run: &Run, place: &Place) -> Option<Effect> {
    let Some(StepPhase::Polling(poll)) = run.phase(place) else { return None };
    let people: Vec<Value> =
        poll.sought.by.iter().filter(|who| Role::parse(who).is_none()).map(|who| json!(who)).collect();
    if poll.told.is_some() || people.is_empty() {
        return None;
    }
    let attempt = run.next_try(place);
    let step = book.step(place.step())?;
    let id = run.started.run;
    let quorum = match poll.sought.quorum {
        1 => String::new(),
        quorum => format!("\nIt takes {quorum} different people."),
    };
    let until = poll.sought.until.map_or(String::new(), |until| format!("\nUntil {until:.0}."));
    let message = format!(
        "{}{quorum}{until}\n\nstepladder approve {id} {place}\nstepladder reject {id} {place} --note WHY",
        poll.sought.message
    );
    let params = Arg::Map(vec![
        ("contact".into(), Arg::Value(Value::Array(people))),
        ("title".into(), Arg::Text(Text::lit(format!("Approval wanted: {}: {}", book.shown(), step.shown())))),
        ("message".into(), Arg::Text(Text::lit(message))),
        ("level".into(), Arg::Text(Text::lit("warning"))),
    ]);
    let request = Request {
        run: id.to_string(),
        place: place.clone(),
        attempt,
        kind: Kind::Notify.name().into(),
        params,
        env: Vec::new(),
        workdir: None,
        output: OutputForm::Text,
        timeout: None,
        sealed: BTreeMap::new(),
        artifacts: Vec::new(),
        rehearsal: false,
        listed: None,
    };
    Some(Effect::Perform { place: place.clone(), attempt, request: Box::new(request), deadline: None })
}

impl Vote {
    /// Who it counts for: the contact, or whoever came in where that is none.
    #[must_use]
    pub fn who(&self) -> &str {
        self.person.as_ref().map_or(&self.actor.id, |person| person.as_str())
    }
}

impl Poll {
    /// The vote of that person.
    #[must_use]
    pub fn vote_of(&self, who: &str) -> Option<&(Timestamp, Vote)> {
        self.votes.iter().find(|(_, vote)| vote.who() == who)
    }

    /// How many have said yes.
    #[must_use]
    pub fn yeses(&self) -> usize {
        self.votes.iter().filter(|(_, vote)| vote.approve).count()
    }

    /// Who has said yes, in the order they did.
    #[must_use]
    pub fn approvers(&self) -> Vec<&str> {
        self.votes.iter().filter(|(_, vote)| vote.approve).map(|(_, vote)| vote.who()).collect()
    }

    /// What was filled in so far.
    #[must_use]
    pub fn filled(&self) -> Map<String, Value> {
        self.votes.iter().flat_map(|(_, vote)| vote.fields.clone()).collect()
    }
}

/// A step that ended as an approval is never taken over by a run that repeats another: what was approved was that run.
#[must_use]
pub(super) fn is_approval(step: &Step) -> bool {
    matches!(step.kind, StepKind::Approval(_))
}
