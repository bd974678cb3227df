//! Approvals: what waits for whom, who may, and the votes.
//!
//! A vote is looked at twice: here, with the people as they are now, and by the engine, which sees what came first.

use crate::base::actor::{Actor, Role, Via};
use crate::base::address::Place;
use crate::base::ids::{Name, RunId};
use crate::base::value::{Map, Value};
use crate::engine::approval::{Ballot, judge};
use crate::engine::decide::Input;
use crate::engine::event::{Answer, Event, Sought, StepEvent, Vote};
use crate::engine::reckon::Own;
use crate::engine::run::{Poll, Run, StepPhase};
use crate::model::book::Book;
use crate::model::input::{Input as Field, InputType};
use crate::model::runbook::Runbook;
use crate::runtime::clock;
use crate::runtime::incidents::ladder;
use crate::runtime::pump::{Feed, Message, feed};
use crate::service::answer::target;
use crate::service::consent::{Rule, may_not, person, who};
use crate::service::trouble::may;
use crate::service::{RUNNING, Runs, Service, Trouble};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Unfinished runs that are looked at for one list.
const LOOKED_AT: usize = 10_000;
/// How long a vote waits to be durable before that is said.
const PATIENCE: Duration = Duration::from_secs(20);

/// Something that waits for the yes of people.
#[derive(Debug, Clone)]
pub struct Awaited {
    /// The run.
    pub run: RunId,
    /// Its runbook.
    pub runbook: Name,
    /// Where.
    pub place: Place,
    /// What is to be approved.
    pub message: String,
    /// Who may, as written.
    pub by: Vec<String>,
    /// The contacts they are now.
    pub people: Vec<Name>,
    /// How many different people have to say yes.
    pub quorum: u32,
    /// What was said so far.
    pub votes: Vec<(Timestamp, Vote)>,
    /// What is filled in.
    pub fields: Vec<Field>,
    /// What could not be delivered of the message to those who may; `None` = they were not told.
    pub told: Option<Vec<String>>,
    /// Since when it waits.
    pub since: Timestamp,
    /// Until when.
    pub until: Option<Timestamp>,
    /// Whether it is the question of a `confirm`.
    pub confirm: bool,
    /// Why whoever asks may not approve it; `None` = they may.
    pub why_not: Option<String>,
    /// Whether they could decide all the same.
    pub may_override: bool,
}

/// A wish to approve or reject.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Yes or no.
    pub approve: bool,
    /// The step; the only one that waits where none is named.
    pub place: Option<String>,
    /// What is filled in; text is read in the field's type.
    pub fields: Map<String, Value>,
    /// What is written with it.
    pub note: String,
    /// Decide past those who may, and past the quorum.
    pub over: bool,
}

/// What a vote has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// Where.
    pub place: Place,
    /// Who has said yes so far, or all in all.
    pub approvers: Vec<String>,
    /// How many are needed.
    pub quorum: u32,
    /// Whether it is decided.
    pub decided: bool,
}

impl Service {
    /// What waits for the yes of people, in all runs or in one, oldest first.
    ///
    /// # Errors
    /// [`Trouble`] where the store or the book can't be read.
    pub fn approvals(&self, actor: &Actor, run: Option<RunId>) -> Result<Vec<Awaited>, Trouble> {
        let runs = if let Some(run) = run {
            vec![run]
        } else {
            let wanted = Runs { limit: LOOKED_AT, outcome: vec![RUNNING.into()], ..Runs::default() };
            self.runs(&wanted)?.into_iter().map(|row| row.run).collect()
        };
        let book = self.people_book()?;
        let mut all = Vec::new();
        for id in runs {
            let state = match self.run(id) {
                Ok(state) => state,
                Err(trouble) if run.is_some() => return Err(trouble),
                // One that does not read is told of elsewhere, and hides nothing here.
                Err(_) => continue,
            };
            if !waits(&state) {
                continue;
            }
            let runbook = self.pinned(&state)?;
            all.extend(state.steps.keys().filter_map(|place| Self::awaited(&book, &runbook, &state, place, actor)));
        }
        all.sort_by_key(|one| one.since);
        Ok(all)
    }

    fn awaited(book: &Book, runbook: &Runbook, run: &Run, place: &Place, actor: &Actor) -> Option<Awaited> {
        let now = clock::now();
        let person = person(ladder(book), actor);
        let phase = run.phase(place)?;
        let (poll, confirm) = if let StepPhase::Polling(poll) = phase {
            ((**poll).clone(), false)
        } else if let StepPhase::Asked { question, since, attempt: None, .. } = phase {
            let sought = Sought { message: question.clone(), by: approvers(runbook), quorum: 1, until: None };
            (Poll { sought, since: *since, waits_since: Own::of(*since), votes: Vec::new(), told: None }, true)
        } else {
            return None;
        };
        let rule = Rule { ladder: ladder(book), owner: runbook.owner.as_ref(), by: &poll.sought.by, now };
        let starter = is_starter(book, run, actor);
        let approval = runbook.step(place.step()).and_then(|step| step.kind.approval());
        let may = rule.lets(actor, person.as_ref()) || (confirm && (starter || actor.role == Role::Admin));
        let own = approval.is_some_and(|approval| starter && !approval.starter_may);
        let voted = poll.vote_of(&who(actor, person.as_ref())).is_some();
        let why_not = if actor.role < Role::Operator {
            Some(format!("`{}` is {} and may only look", actor.id, actor.role.as_str()))
        } else if !may {
            Some(format!("that is for {}", rule.shown()))
        } else if voted {
            Some(format!("`{}` has said it already", who(actor, person.as_ref())))
        } else if own {
            Some(format!("`{}` started this run: that takes somebody else", actor.id))
        } else {
            None
        };
        Some(Awaited {
            run: run.started.run,
            runbook: runbook.name.clone(),
            place: place.clone(),
            people: rule.people(),
            message: poll.sought.message,
            by: poll.sought.by,
            quorum: poll.sought.quorum,
            votes: poll.votes,
            fields: approval.map(|approval| approval.fields.clone()).unwrap_or_default(),
            told: poll.told,
            since: poll.since,
            until: poll.sought.until,
            confirm,
            may_override: why_not.is_some() && !voted && !confirm && actor.role == Role::Admin,
            why_not,
        })
    }

    /// Approves or rejects; it is durable when this returns.
    ///
    /// # Errors
    /// [`Trouble`] when there is no such run, it has ended, nothing waits there, the actor may not, or the vote does
    /// not count: it says why.
    pub async fn vote(&self, run: RunId, actor: Actor, wish: Wish) -> Result<Polled, Trouble> {
        let (runbook, state) = self.unfinished(run)?;
        let verb = if wish.approve { "approve" } else { "reject" };
        may(&actor, Role::Operator, verb, state.started.runbook.as_str())?;
        let place = target(&state, wish.place.as_deref())?;
        if let Some(StepPhase::Asked { .. }) = state.phase(&place) {
            return self.confirm(run, &place, actor, &wish);
        }
        let ballot = self.ballot(&runbook, &state, &place, actor, wish)?;
        let counts = judge(&runbook, &state, &place, ballot.clone(), clock::now()).map_err(Trouble::Input)?;
        let mut feed = self.feed(run).await?;
        let input = Input::Vote { place: place.clone(), ballot: Box::new(ballot.clone()) };
        self.send(Message::Input { run, input })?;
        match tokio::time::timeout(PATIENCE, landed(&mut feed, &place, &counts)).await {
            Ok(true) => self.polled(run, place, &counts),
            Ok(false) => {
                // It was decided, or somebody came first, between the look and the vote.
                let late = judge(&runbook, &self.run(run)?, &place, ballot, clock::now());
                Err(Trouble::Input(late.err().unwrap_or_else(|| "it came too late".into())))
            }
            Err(_) => Err(Trouble::Stopped(format!(
                "whether it counts is not known yet: `stepladder show {run}` says so in a while"
            ))),
        }
    }

    /// The question of a `confirm`: a yes is `go`, a no is `stop`.
    fn confirm(&self, run: RunId, place: &Place, actor: Actor, wish: &Wish) -> Result<Polled, Trouble> {
        if !wish.fields.is_empty() || !wish.note.is_empty() || wish.over {
            let why = format!("`{place}` asks to be confirmed: that takes a yes or a no, and nothing with it");
            return Err(Trouble::Input(why));
        }
        let approvers = if wish.approve { vec![actor.id.clone()] } else { Vec::new() };
        self.answer(run, place, actor, if wish.approve { Answer::Go } else { Answer::Stop })?;
        Ok(Polled { place: place.clone(), approvers, quorum: 1, decided: true })
    }

    /// Whether somebody may answer the question of a `confirm`: whoever started the run, and whoever may approve.
    pub(super) fn may_confirm(&self, runbook: &Runbook, run: &Run, actor: &Actor) -> Result<(), Trouble> {
        let book = self.people_book()?;
        let by = approvers(runbook);
        let rule = Rule { ladder: ladder(&book), owner: runbook.owner.as_ref(), by: &by, now: clock::now() };
        let admin = actor.role == Role::Admin;
        if admin || rule.lets(actor, person(ladder(&book), actor).as_ref()) || is_starter(&book, run, actor) {
            return Ok(());
        }
        Err(Trouble::MayNot(format!(
            "`{}` may not confirm this: that is for whoever started the run, and {}",
            actor.id,
            rule.shown()
        )))
    }

    fn ballot(&self, runbook: &Runbook, run: &Run, place: &Place, actor: Actor, wish: Wish) -> Result<Ballot, Trouble> {
        let book = self.people_book()?;
        let person = person(ladder(&book), &actor);
        let Some(StepPhase::Polling(poll)) = run.phase(place) else {
            return Err(Trouble::Input(format!("`{place}` waits for no approval")));
        };
        let by = &poll.sought.by;
        let rule = Rule { ladder: ladder(&book), owner: runbook.owner.as_ref(), by, now: clock::now() };
        let admin = actor.role == Role::Admin;
        let may = rule.lets(&actor, person.as_ref());
        if (wish.over && !admin) || (!wish.over && !may) {
            let verb = if wish.approve { "approve" } else { "reject" };
            return Err(Trouble::MayNot(may_not(&actor, person.as_ref(), verb, place, &rule)));
        }
        let starter = is_starter(&book, run, &actor);
        let fields = typed(runbook, place, wish.fields)?;
        let note = wish.note.trim().to_owned();
        Ok(Ballot { actor, person, starter, approve: wish.approve, fields, note, over: wish.over })
    }

    /// The book as it counts now: the people are live, whatever a run is pinned to.
    fn people_book(&self) -> Result<Arc<Book>, Trouble> {
        if let Some(digest) = self.book.as_ref().and_then(|book| book.stand().digest) {
            let book = self.shelf.book(self.journal.as_ref(), &digest);
            return book.map_err(|error| Trouble::Store(error.to_string()));
        }
        Ok(Arc::new((self.files)().map_err(Trouble::Book)?.loaded.book.clone()))
    }

    /// What is to come in a run that this process drives.
    async fn feed(&self, run: RunId) -> Result<Feed, Trouble> {
        let (follower, heard) = feed();
        let (held, answer) = oneshot::channel();
        self.send(Message::Follow { run, follower, held })?;
        match answer.await {
            Ok(true) => Ok(heard),
            Ok(false) => Err(Trouble::Stopped(format!("nobody drives run `{run}` right now: try again in a moment"))),
            Err(_) => Err(Trouble::Stopped("the owner has stopped".into())),
        }
    }

    fn polled(&self, run: RunId, place: Place, counted: &Vote) -> Result<Polled, Trouble> {
        let state = self.run(run)?;
        let own = || if counted.approve { vec![counted.who().to_owned()] } else { Vec::new() };
        Ok(match state.phase(&place) {
            Some(StepPhase::Polling(poll)) => {
                let approvers = poll.approvers().into_iter().map(str::to_owned).collect();
                Polled { place, approvers, quorum: poll.sought.quorum, decided: false }
            }
            Some(StepPhase::Ended(ended)) => {
                let by = ended.output.as_ref().and_then(|output| output["by"].as_array().cloned());
                let by = by.map(|by| by.iter().filter_map(Value::as_str).map(str::to_owned).collect());
                let approvers: Vec<String> = by.unwrap_or_else(own);
                let quorum = u32::try_from(approvers.len()).unwrap_or(u32::MAX).max(1);
                Polled { place, approvers, quorum, decided: true }
            }
            _ => Polled { place, approvers: own(), quorum: 1, decided: true },
        })
    }
}

/// Whether somebody started a run, under whichever name.
fn is_starter(book: &Book, run: &Run, actor: &Actor) -> bool {
    let started = &run.started.actor;
    let people = [started, actor].map(|actor| person(ladder(book), actor));
    match (started.via, &people) {
        (Via::Engine, _) => false,
        (_, [Some(one), Some(other)]) => one == other,
        (_, _) => started.id == actor.id,
    }
}

/// Whether anything in a run waits for a yes.
fn waits(run: &Run) -> bool {
    let asks = |phase: &StepPhase| matches!(phase, StepPhase::Polling(_) | StepPhase::Asked { attempt: None, .. });
    run.ended().is_none() && run.steps.values().any(|step| asks(&step.phase))
}

/// Who may approve in a runbook that does not say otherwise.
fn approvers(runbook: &Runbook) -> Vec<String> {
    runbook.allow.approve.clone()
}

/// Values in the types of the fields: text, as it is typed, is read as what it means there.
fn typed(runbook: &Runbook, place: &Place, given: Map<String, Value>) -> Result<Map<String, Value>, Trouble> {
    let fields =
        runbook.step(place.step()).and_then(|step| step.kind.approval()).map_or(&[][..], |approval| &approval.fields);
    let mut values = Map::new();
    for (name, value) in given {
        let ty = fields.iter().find(|field| field.name.as_str() == name).map(|field| &field.ty);
        let value = match (ty, &value) {
            // A text of JSON may be JSON, or be meant as the text it is.
            (Some(InputType::Json), Value::String(text)) => InputType::Json.accept_text(text).unwrap_or(value),
            (Some(ty), Value::String(text)) => {
                ty.accept_text(text).map_err(|reason| Trouble::Input(format!("field `{name}` {reason}")))?
            }
            (Some(_) | None, _) => value,
        };
        values.insert(name, value);
    }
    Ok(values)
}

/// Waits until a vote is durable; `false` = the step has ended without it.
async fn landed(feed: &mut Feed, place: &Place, vote: &Vote) -> bool {
    while let Some((_, recorded)) = feed.next().await {
        let Event::Step { place: at, event } = recorded.event else { continue };
        if at != *place {
            continue;
        }
        match event {
            StepEvent::Voted(counted) if counted.actor == vote.actor && counted.approve == vote.approve => return true,
            StepEvent::Voted(counted) if counted.who() == vote.who() => return false,
            StepEvent::Ended(_) => return false,
            StepEvent::Voted(_)
            | StepEvent::Held { .. }
            | StepEvent::Asked { .. }
            | StepEvent::Answered { .. }
            | StepEvent::Sought(_)
            | StepEvent::Told { .. }
            | StepEvent::Attempt { .. }
            | StepEvent::Attempted { .. }
            | StepEvent::Backoff { .. }
            | StepEvent::Opened { .. }
            | StepEvent::Lane(_)
            | StepEvent::Judged { .. }
            | StepEvent::Rest { .. }
            | StepEvent::TimedOut
            | StepEvent::TakenOver(_) => {}
        }
    }
    false
}
