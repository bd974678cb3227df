//! The one door into the run machine: an input goes in, events and effects come out.

use crate::base::actor::Actor;
use crate::base::address::Place;
use crate::base::ids::{Name, RunId};
use crate::base::planted::{self, Bug};
use crate::base::timekeeping::Reckoning;
use crate::engine::approval::{self, Ballot};
use crate::engine::call::Given;
use crate::engine::event::{Answer, Ended, Event, Recorded, StepEvent};
use crate::engine::evolve::IllegalEvent;
use crate::engine::measure;
use crate::engine::run::{Run, RunPhase, StepPhase};
use crate::engine::series::{Known, Question};
use crate::engine::turn::Turn;
use crate::model::perform::{Reply, Request, Usage};
use crate::model::policy::Full;
use crate::model::runbook::Runbook;
use jiff::Timestamp;

/// What reaches a run from outside. Every input may come twice, late or out of order.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Time has passed, or the run was just loaded: look what is due.
    Tick,
    /// The run counts by another clock from now on: somebody set the wall clock, or the machine was started again.
    ClockSet {
        /// By this one.
        reckoning: Reckoning,
        /// How far wall time was ahead, in milliseconds, when the run was first seen in that boot; `None` = as far as now. It
        /// counts where the run's own events say nothing of that boot.
        before_ms: Option<i64>,
    },
    /// A group or mutex is held now: the run's own (`None`) or a step's.
    Granted {
        /// The step that waited for it.
        place: Option<Place>,
    },
    /// A group or mutex is held by another run; the wait goes on, and shows why.
    Waiting {
        /// The step that waits.
        place: Option<Place>,
        /// Who holds it.
        holders: Vec<RunId>,
    },
    /// The run's group is full and it does not queue.
    GroupFull {
        /// Its name.
        group: Name,
        /// Fail or skip.
        full: Full,
        /// Who holds it, each with its runbook where that is known.
        holders: Vec<(RunId, Option<Name>)>,
    },
    /// An attempt ended.
    Replied {
        /// Whose.
        place: Place,
        /// Which.
        attempt: u32,
        /// How.
        reply: Reply,
        /// What its process took, where it had one and somebody saw its end.
        usage: Option<Usage>,
    },
    /// A child run ended.
    ChildEnded {
        /// The `runbook` step.
        place: Place,
        /// Which attempt of it.
        attempt: u32,
        /// How the child ended.
        ended: Box<Ended>,
    },
    /// Somebody asks for the end of the run.
    Cancel {
        /// Who.
        actor: Actor,
        /// Why.
        reason: String,
    },
    /// A person answers a question.
    Answer {
        /// Which step asked.
        place: Place,
        /// Who.
        actor: Actor,
        /// What.
        answer: Answer,
    },
    /// A person approves or rejects.
    Vote {
        /// Which step asked.
        place: Place,
        /// Who, and what they say.
        ballot: Box<Ballot>,
    },
}

/// What is to be done in the world, once the events before it are durable. Every effect may be
/// ordered again after a crash; whoever performs it makes that harmless.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Perform an attempt.
    Perform {
        /// Whose.
        place: Place,
        /// Which.
        attempt: u32,
        /// What.
        request: Box<Request>,
        /// Until when.
        deadline: Option<Timestamp>,
    },
    /// Stop an attempt.
    Stop {
        /// Whose.
        place: Place,
        /// Which.
        attempt: u32,
    },
    /// Start a child run.
    StartChild {
        /// The `runbook` step.
        place: Place,
        /// Its attempt.
        attempt: u32,
        /// The child's id, derived from the caller's.
        child: RunId,
        /// What to run.
        runbook: Name,
        /// With what.
        inputs: Given,
    },
    /// Cancel a child run.
    CancelChild {
        /// Which.
        child: RunId,
        /// Why.
        reason: String,
    },
    /// Ask for a group (`place` is `None`) or a mutex.
    Acquire {
        /// Its name.
        group: Name,
        /// Whose.
        place: Option<Place>,
        /// How many may hold it.
        limit: u32,
        /// What happens when it is full.
        full: Full,
    },
    /// Give it back.
    Release {
        /// Its name.
        group: Name,
        /// Whose.
        place: Option<Place>,
    },
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// What happens, to be made durable together.
    pub events: Vec<Recorded>,
    /// What is to be done afterwards.
    pub effects: Vec<Effect>,
}

/// Why nothing was decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Undecided {
    /// The past of these series must be known first. The run is as it was: look them up and decide again.
    Asks(Vec<Question>),
    /// The machine made an event that its own table refuses: a bug, kept from spreading.
    Illegal(IllegalEvent),
}

impl From<IllegalEvent> for Undecided {
    fn from(illegal: IllegalEvent) -> Self {
        Self::Illegal(illegal)
    }
}

/// Decides what an input means. `run` moves along with the events; drop it if they can't be made durable.
/// `known` is what has been looked up of the past of series; it ends up in the events, so a replay never asks again.
///
/// # Errors
/// [`Undecided`].
pub fn decide(
    book: &Runbook,
    run: &mut Run,
    input: Input,
    known: &Known,
    now: Timestamp,
) -> Result<Decision, Undecided> {
    if run.ended().is_some() {
        return Ok(Decision::default());
    }
    let before = measure::asks_under_way(book).then(|| run.clone());
    let mut turn = Turn::new(book, run, known, now);
    take(&mut turn, input)?;
    // What an input brings is measured before anything is written down.
    if turn.questions.is_empty() {
        turn.settle()?;
    }
    if turn.questions.is_empty() {
        return Ok(turn.finish());
    }
    let questions = std::mem::take(&mut turn.questions);
    if let Some(before) = before {
        *run = before;
    }
    Err(Undecided::Asks(questions))
}

/// The events and effects with which a run goes on that was just loaded and hears this first: everything not yet done is
/// ordered again.
///
/// # Errors
/// As [`decide`].
pub fn resume(
    book: &Runbook,
    run: &mut Run,
    first: Input,
    known: &Known,
    now: Timestamp,
) -> Result<Decision, Undecided> {
    let mut decision = decide(book, run, first, known, now)?;
    let outstanding = outstanding(book, run);
    for effect in outstanding {
        if !decision.effects.contains(&effect) {
            decision.effects.push(effect);
        }
    }
    Ok(decision)
}

/// Effects ordered earlier of which no end is known.
#[must_use]
pub fn outstanding(book: &Runbook, run: &Run) -> Vec<Effect> {
    let mut effects = Vec::new();
    if let (RunPhase::Queued { .. }, Some(group)) = (&run.phase, &book.concurrency) {
        let (limit, full) = (group.limit, group.full);
        effects.push(Effect::Acquire { group: group.group.clone(), place: None, limit, full });
    }
    for (place, step) in &run.steps {
        match &step.phase {
            StepPhase::Held { mutex, .. } => effects.push(Effect::Acquire {
                group: mutex.clone(),
                place: Some(place.clone()),
                limit: 1,
                full: Full::Queue,
            }),
            StepPhase::Running(running) => match (&running.request, running.child) {
                (Some(request), _) => effects.push(Effect::Perform {
                    place: place.clone(),
                    attempt: running.attempt,
                    request: request.clone(),
                    deadline: running.deadline.map(|deadline| run.wall(deadline)),
                }),
                (None, Some(child)) => {
                    effects.extend(crate::engine::call::child_start(book, run, place, running.attempt, child));
                }
                (None, None) => {}
            },
            StepPhase::Polling(_) => effects.extend(approval::telling(book, run, place)),
            StepPhase::Asked { .. }
            | StepPhase::Ready
            | StepPhase::Backoff { .. }
            | StepPhase::Open(_)
            | StepPhase::Recovering
            | StepPhase::Erring
            | StepPhase::Ended(_) => {}
        }
    }
    effects
}

/// Writes down what the input itself says; what follows from it is `settle`'s.
fn take(turn: &mut Turn<'_>, input: Input) -> Result<(), IllegalEvent> {
    match input {
        Input::Tick => Ok(()),
        Input::ClockSet { reckoning, before_ms } => turn.reckon(&reckoning, before_ms),
        Input::Granted { place: None } => match &turn.run.phase {
            RunPhase::Queued { .. } => turn.emit(Event::Admitted),
            RunPhase::At(_) | RunPhase::Ended(_) => Ok(()),
        },
        Input::Granted { place: Some(place) } => turn.granted(&place),
        Input::Waiting { place, holders } => turn.waiting(place, holders),
        Input::GroupFull { group, full, holders } => turn.group_full(&group, full, &holders),
        Input::Replied { place, attempt, reply, usage } => turn.replied(&place, attempt, reply, usage),
        Input::ChildEnded { place, attempt, ended } => turn.child_ended(&place, attempt, *ended),
        Input::Cancel { actor, reason } => match turn.run.stop {
            Some(crate::engine::run::Stop::Cancelled { .. }) => Ok(()),
            Some(crate::engine::run::Stop::TimedOut) | None => {
                let actor = if planted::has(Bug::NoActor) { Actor::engine("cancel") } else { actor };
                turn.emit(Event::CancelAsked { actor, reason })
            }
        },
        Input::Vote { place, ballot } => turn.voted(&place, *ballot),
        Input::Answer { place, actor, answer } => {
            let fits = match turn.run.phase(&place) {
                Some(StepPhase::Asked { attempt: None, .. }) => matches!(answer, Answer::Go | Answer::Stop),
                Some(StepPhase::Asked { attempt: Some(_), .. }) => {
                    matches!(answer, Answer::Again | Answer::Succeeded | Answer::Failed)
                }
                _ => false,
            };
            if !fits {
                return Ok(());
            }
            turn.emit_step(&place, StepEvent::Answered { actor, answer })?;
            turn.answered(&place, answer)
        }
    }
}

/// When a run is next to be looked at by itself; `None` = only when something reaches it. Instants up to
/// `seen` do not count: it was looked at since, and nothing came of it.
#[must_use]
pub fn next_due(book: &Runbook, run: &Run, seen: Option<Timestamp>) -> Option<Timestamp> {
    crate::engine::stages::next_due(book, run, seen)
}
