//! The closed table from (state, event) to state (invariant 2).
//!
//! What is not in the table is a corrupt stream, not a default. `evolve` never thinks: whatever an
//! event means for the future, `decide` has already decided.

use crate::base::address::{Lane, Place};
use crate::base::level::Outcome;
use crate::engine::event::{Answer, Event, Recorded, Stage, StepEvent};
use crate::engine::run::{Open, Run, RunPhase, Running, StepPhase, StepRun, Stop, Tally};
use jiff::Timestamp;

/// An event that its state cannot have seen: the stream is corrupt, or we have a bug.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("event {version} ({event}) cannot follow {state}")]
pub struct IllegalEvent {
    /// The event's place in its stream, from 1.
    pub version: u64,
    /// What the event is.
    pub event: String,
    /// What the state was.
    pub state: String,
}

/// The state after the first event of a stream.
///
/// # Errors
/// [`IllegalEvent`] when it is not `Started`.
pub fn begin(recorded: &Recorded) -> Result<Run, IllegalEvent> {
    match &recorded.event {
        Event::Started(started) => Ok(Run {
            version: 1,
            started: (**started).clone(),
            began: recorded.at,
            phase: RunPhase::At(Stage::Steps),
            asked: false,
            since: recorded.at,
            stop: None,
            steps: std::collections::BTreeMap::new(),
        }),
        Event::Queued { .. }
        | Event::Admitted
        | Event::CancelAsked { .. }
        | Event::TimedOut
        | Event::Entered(_)
        | Event::Step { .. }
        | Event::Ended(_) => Err(IllegalEvent { version: 1, event: name(&recorded.event), state: "nothing".into() }),
    }
}

/// The run that a whole stream adds up to.
///
/// # Errors
/// [`IllegalEvent`] at the first event that does not fit, or when there is none.
pub fn replay(events: &[Recorded]) -> Result<Run, IllegalEvent> {
    let (first, rest) = events.split_first().ok_or_else(|| IllegalEvent {
        version: 0,
        event: "the end of the stream".into(),
        state: "nothing".into(),
    })?;
    let mut run = begin(first)?;
    rest.iter().try_for_each(|recorded| evolve(&mut run, recorded))?;
    Ok(run)
}

/// Applies one event.
///
/// # Errors
/// [`IllegalEvent`]; the run is then as it was.
pub fn evolve(run: &mut Run, recorded: &Recorded) -> Result<(), IllegalEvent> {
    let at = recorded.at;
    let legal = match (&recorded.event, &run.phase) {
        (Event::Queued { group, holders }, RunPhase::At(Stage::Steps)) if !run.asked => {
            run.asked = true;
            run.phase = RunPhase::Queued { group: group.clone(), holders: holders.clone() };
            true
        }
        (Event::Queued { group, holders }, RunPhase::Queued { .. }) => {
            run.phase = RunPhase::Queued { group: group.clone(), holders: holders.clone() };
            true
        }
        (Event::Admitted, RunPhase::Queued { .. }) => {
            run.phase = RunPhase::At(Stage::Steps);
            run.since = at;
            true
        }
        (Event::CancelAsked { actor, reason }, RunPhase::At(_) | RunPhase::Queued { .. }) => {
            run.stop = Some(Stop::Cancelled { actor: actor.clone(), reason: reason.clone() });
            true
        }
        (Event::TimedOut, RunPhase::At(_)) if run.stop.is_none() => {
            run.stop = Some(Stop::TimedOut);
            true
        }
        (Event::Entered(stage), RunPhase::At(before)) if stage > before => {
            if *before == Stage::Steps {
                run.since = at;
            }
            run.phase = RunPhase::At(*stage);
            true
        }
        (Event::Ended(ended), RunPhase::At(_) | RunPhase::Queued { .. }) => {
            run.phase = RunPhase::Ended(ended.clone());
            true
        }
        (Event::Step { place, event }, RunPhase::At(_)) => step(run, place, event, at),
        (
            Event::Started(_)
            | Event::Queued { .. }
            | Event::Admitted
            | Event::CancelAsked { .. }
            | Event::TimedOut
            | Event::Entered(_)
            | Event::Step { .. }
            | Event::Ended(_),
            RunPhase::Queued { .. } | RunPhase::At(_) | RunPhase::Ended(_),
        ) => false,
    };
    if !legal {
        let state = if let Event::Step { place, .. } = &recorded.event {
            format!("{place}: {}", run.phase(place).map_or("waiting", state_name))
        } else {
            run_state_name(&run.phase).into()
        };
        return Err(IllegalEvent { version: run.version + 1, event: name(&recorded.event), state });
    }
    run.version += 1;
    Ok(())
}

/// The table of one step; `false` = not in it.
fn step(run: &mut Run, place: &Place, event: &StepEvent, at: Timestamp) -> bool {
    let order = run.version + 1;
    let Some(step) = run.steps.get_mut(place) else {
        return first(event, at).is_some_and(|phase| {
            run.steps.insert(place.clone(), fresh(phase, event, at, order));
            true
        });
    };
    match next(step, event, at) {
        Some(phase) => {
            step.phase = phase;
            step.touched = at;
            if let StepEvent::Lane(lane) = event {
                forget_rounds(run, place, *lane);
            } else if let StepEvent::Opened { items, .. } = event {
                forget_pass(run, place, items.is_some());
            }
            true
        }
        None => false,
    }
}

fn fresh(phase: StepPhase, event: &StepEvent, at: Timestamp, order: u64) -> StepRun {
    let (tries, items) = if let StepEvent::Attempt { number, .. } = event {
        (*number, None)
    } else if let StepEvent::Opened { pass, items, .. } = event {
        (*pass, items.clone())
    } else {
        (0, None)
    };
    StepRun {
        phase,
        began: at,
        touched: at,
        order,
        tries,
        turn: 1,
        turn_began: at,
        items: items.unwrap_or_default(),
        last: None,
        recovering: false,
        confirmed: false,
        holds: false,
    }
}

/// What a waiting step may become.
fn first(event: &StepEvent, at: Timestamp) -> Option<StepPhase> {
    match event {
        StepEvent::Held { mutex, holder } => Some(StepPhase::Held { mutex: mutex.clone(), holder: *holder, since: at }),
        StepEvent::Asked { question, known } => {
            Some(StepPhase::Asked { question: question.clone(), known: known.clone(), since: at, attempt: None })
        }
        StepEvent::Attempt { number: 1, .. } => attempt(event, at),
        StepEvent::Opened { pass: 1, .. } => opened(event, at),
        StepEvent::TakenOver(ended) | StepEvent::Ended(ended) => Some(StepPhase::Ended(ended.clone())),
        StepEvent::Attempt { .. }
        | StepEvent::Opened { .. }
        | StepEvent::Answered { .. }
        | StepEvent::Attempted { .. }
        | StepEvent::Backoff { .. }
        | StepEvent::Lane(_)
        | StepEvent::Judged { .. }
        | StepEvent::Rest { .. }
        | StepEvent::TimedOut => None,
    }
}

/// What a step that has begun may become.
fn next(step: &mut StepRun, event: &StepEvent, at: Timestamp) -> Option<StepPhase> {
    match (&mut step.phase, event) {
        (StepPhase::Held { since, .. }, StepEvent::Held { mutex, holder }) => {
            Some(StepPhase::Held { mutex: mutex.clone(), holder: *holder, since: *since })
        }
        (StepPhase::Ready, StepEvent::Held { mutex, holder }) => {
            Some(StepPhase::Held { mutex: mutex.clone(), holder: *holder, since: at })
        }
        (StepPhase::Asked { attempt: None, .. }, StepEvent::Answered { answer: Answer::Go, .. }) => {
            step.confirmed = true;
            Some(StepPhase::Ready)
        }
        (StepPhase::Asked { attempt: None, .. }, StepEvent::Answered { answer: Answer::Stop, .. }) => {
            Some(StepPhase::Ready)
        }
        (StepPhase::Asked { attempt: Some(_), .. }, StepEvent::Answered { answer, .. }) => match answer {
            Answer::Again | Answer::Succeeded | Answer::Failed => Some(StepPhase::Ready),
            Answer::Go | Answer::Stop => None,
        },
        (
            StepPhase::Held { .. } | StepPhase::Ready | StepPhase::Backoff { .. } | StepPhase::Recovering,
            StepEvent::Attempt { number, .. },
        ) if *number == step.tries + 1 => {
            begin_try(step, *number, at);
            attempt(event, at)
        }
        (
            StepPhase::Held { .. } | StepPhase::Ready | StepPhase::Backoff { .. } | StepPhase::Recovering,
            StepEvent::Opened { pass, items, .. },
        ) if *pass == step.tries + 1 => {
            begin_try(step, *pass, at);
            step.items = items.clone().unwrap_or_default();
            opened(event, at)
        }
        (StepPhase::Running(running), StepEvent::Attempted { number, result }) if running.attempt == *number => {
            step.last = Some(result.clone());
            Some(StepPhase::Ready)
        }
        (StepPhase::Running(running), StepEvent::Asked { question, known }) => {
            let attempt = Some(running.attempt);
            Some(StepPhase::Asked { question: question.clone(), known: known.clone(), since: at, attempt })
        }
        (StepPhase::Running(running), StepEvent::TimedOut) if !running.timed_out => {
            running.timed_out = true;
            Some(StepPhase::Running(running.clone()))
        }
        (StepPhase::Open(open), StepEvent::Attempted { number, result }) if open.pass == *number => {
            step.last = Some(result.clone());
            Some(StepPhase::Ready)
        }
        (StepPhase::Ready, StepEvent::Backoff { until }) => Some(StepPhase::Backoff { until: *until }),
        (StepPhase::Ready, StepEvent::Lane(Lane::Recover)) => {
            step.recovering = true;
            Some(StepPhase::Recovering)
        }
        (StepPhase::Ready | StepPhase::Recovering, StepEvent::Lane(Lane::OnError)) => Some(StepPhase::Erring),
        (StepPhase::Open(open), _) => within(open, event).map(|()| StepPhase::Open(open.clone())),
        (
            StepPhase::Held { .. }
            | StepPhase::Asked { .. }
            | StepPhase::Ready
            | StepPhase::Backoff { .. }
            | StepPhase::Recovering
            | StepPhase::Erring,
            StepEvent::Ended(_),
        ) => ended(event),
        (
            StepPhase::Held { .. }
            | StepPhase::Asked { .. }
            | StepPhase::Ready
            | StepPhase::Running(_)
            | StepPhase::Backoff { .. }
            | StepPhase::Recovering
            | StepPhase::Erring
            | StepPhase::Ended(_),
            _,
        ) => None,
    }
}

/// What may happen inside an open composite.
fn within(open: &mut Open, event: &StepEvent) -> Option<()> {
    match event {
        StepEvent::Lane(lane @ (Lane::Until(_) | Lane::Try(_) | Lane::Round(_))) => {
            open.lane = Some(*lane);
            open.rest = None;
            Some(())
        }
        StepEvent::Judged { good, data } => {
            open.tally.rounds += 1;
            open.tally.bad += u32::from(!good);
            open.tally.data += u32::from(*data);
            open.tally.row = if *good { open.tally.row + 1 } else { 0 };
            Some(())
        }
        StepEvent::Rest { until } => {
            open.rest = Some(*until);
            Some(())
        }
        StepEvent::TimedOut if !open.timed_out => {
            open.timed_out = true;
            Some(())
        }
        StepEvent::Lane(_)
        | StepEvent::TimedOut
        | StepEvent::Held { .. }
        | StepEvent::Asked { .. }
        | StepEvent::Answered { .. }
        | StepEvent::Attempt { .. }
        | StepEvent::Attempted { .. }
        | StepEvent::Backoff { .. }
        | StepEvent::Opened { .. }
        | StepEvent::TakenOver(_)
        | StepEvent::Ended(_) => None,
    }
}

fn ended(event: &StepEvent) -> Option<StepPhase> {
    if let StepEvent::Ended(ended) = event { Some(StepPhase::Ended(ended.clone())) } else { None }
}

fn begin_try(step: &mut StepRun, number: u32, at: Timestamp) {
    if matches!(step.phase, StepPhase::Recovering) || step.tries == 0 {
        step.turn = number;
        step.turn_began = at;
    }
    if matches!(step.phase, StepPhase::Held { .. }) {
        step.holds = true;
    }
    step.tries = number;
}

fn attempt(event: &StepEvent, at: Timestamp) -> Option<StepPhase> {
    let StepEvent::Attempt { number, request, deadline, child } = event else { return None };
    Some(StepPhase::Running(Running {
        attempt: *number,
        since: at,
        request: request.clone(),
        deadline: *deadline,
        child: *child,
        timed_out: false,
    }))
}

fn opened(event: &StepEvent, at: Timestamp) -> Option<StepPhase> {
    let StepEvent::Opened { pass, deadline, until, items } = event else { return None };
    Some(StepPhase::Open(Open {
        pass: *pass,
        since: at,
        lane: items.is_none().then_some(Lane::Body(*pass)),
        deadline: *deadline,
        until: *until,
        rest: None,
        timed_out: false,
        tally: Tally::default(),
    }))
}

/// A new round makes the one before the last of no further use; keeping it would let a long watch grow for ever.
fn forget_rounds(run: &mut Run, place: &Place, lane: Lane) {
    let old = |other: Lane| match (lane, other) {
        (Lane::Round(now), Lane::Round(then)) | (Lane::Until(now), Lane::Until(then)) => then + 1 < now,
        _ => false,
    };
    let depth = place.depth();
    run.steps.retain(|other, _| {
        other == place || !place.holds(other) || other.segments().get(depth).is_none_or(|segment| !old(segment.lane))
    });
}

/// A new pass starts afresh; of a `foreach` only the items that were not good are done again.
fn forget_pass(run: &mut Run, place: &Place, items: bool) {
    let bad: Vec<Place> = run
        .steps
        .iter()
        .filter(|(other, step)| {
            let own_item = other.item_of().is_some_and(|whole| whole == *place);
            own_item && step.verdict().is_none_or(|(outcome, _)| !outcome.is_good() && outcome != Outcome::Skipped)
        })
        .map(|(other, _)| other.clone())
        .collect();
    let depth = place.depth();
    run.steps.retain(|other, _| {
        if other == place || !place.holds(other) {
            return true;
        }
        if items {
            return !bad.iter().any(|item| item.holds(other));
        }
        other.segments().get(depth).is_none_or(|segment| matches!(segment.lane, Lane::Body(_) | Lane::Recover))
    });
}

fn name(event: &Event) -> String {
    let text = match event {
        Event::Step { place, event } => return format!("{place}: {}", step_event_name(event)),
        Event::Started(_) => "started",
        Event::Queued { .. } => "queued",
        Event::Admitted => "admitted",
        Event::CancelAsked { .. } => "cancel asked",
        Event::TimedOut => "timed out",
        Event::Entered(_) => "entered",
        Event::Ended(_) => "ended",
    };
    text.into()
}

fn step_event_name(event: &StepEvent) -> &'static str {
    match event {
        StepEvent::Held { .. } => "held",
        StepEvent::Asked { .. } => "asked",
        StepEvent::Answered { .. } => "answered",
        StepEvent::Attempt { .. } => "attempt",
        StepEvent::Attempted { .. } => "attempted",
        StepEvent::Backoff { .. } => "backoff",
        StepEvent::Opened { .. } => "opened",
        StepEvent::Lane(_) => "lane",
        StepEvent::Judged { .. } => "judged",
        StepEvent::Rest { .. } => "rest",
        StepEvent::TimedOut => "timed out",
        StepEvent::TakenOver(_) => "taken over",
        StepEvent::Ended(_) => "ended",
    }
}

fn run_state_name(phase: &RunPhase) -> &'static str {
    match phase {
        RunPhase::Queued { .. } => "a queued run",
        RunPhase::At(_) => "a run at work",
        RunPhase::Ended(_) => "an ended run",
    }
}

/// The word for a phase, for messages.
#[must_use]
pub fn state_name(phase: &StepPhase) -> &'static str {
    match phase {
        StepPhase::Held { .. } => "held",
        StepPhase::Asked { .. } => "asked",
        StepPhase::Ready => "ready",
        StepPhase::Running(_) => "running",
        StepPhase::Backoff { .. } => "backing off",
        StepPhase::Open(_) => "open",
        StepPhase::Recovering => "recovering",
        StepPhase::Erring => "handling its error",
        StepPhase::Ended(_) => "ended",
    }
}
