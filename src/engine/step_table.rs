//! The rows of the closed table that speak of one step: (phase, event) to phase.
//!
//! `evolve` asks; what is not here is refused there. Never thinks, never looks at the runbook.

use crate::base::address::{Lane, Place};
use crate::base::level::Outcome;
use crate::base::planted::{self, Bug};
use crate::engine::event::{Answer, StepEvent};
use crate::engine::reckon::Moment;
use crate::engine::run::{Open, Poll, Run, Running, StepPhase, StepRun, Tally};

/// The table of one step; `false` = not in it.
pub(super) fn step(run: &mut Run, place: &Place, event: &StepEvent, when: Moment) -> bool {
    let order = run.version + 1;
    run.walked.moved(place);
    let before = run.spent_at(place);
    let Some(step) = run.steps.get_mut(place) else {
        return first(event, when, before).is_some_and(|phase| {
            run.steps.insert(place.clone(), StepRun { before, ..fresh(phase, event, when, order) });
            true
        });
    };
    match next(step, event, when) {
        Some(phase) => {
            step.phase = phase;
            step.touched = when.own();
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

fn fresh(phase: StepPhase, event: &StepEvent, when: Moment, order: u64) -> StepRun {
    let (tries, items) = if let StepEvent::Attempt { number, .. } = event {
        (*number, None)
    } else if let StepEvent::Opened { pass, items, .. } = event {
        (*pass, items.clone())
    } else {
        (0, None)
    };
    StepRun {
        phase,
        began: when.at,
        begun: when.own(),
        touched: when.own(),
        order,
        tries,
        before: 0,
        turn: tries.max(1),
        turn_began: when.own(),
        items: items.unwrap_or_default(),
        last: None,
        recovering: false,
        confirmed: false,
        holds: false,
    }
}

/// What a waiting step may become.
fn first(event: &StepEvent, when: Moment, before: u32) -> Option<StepPhase> {
    // Streams of the first release count from 1 in every pass.
    let next = |number: u32| number == before + 1 || number == 1;
    match event {
        StepEvent::Held { mutex, holder } => {
            Some(StepPhase::Held { mutex: mutex.clone(), holder: *holder, since: when.at })
        }
        StepEvent::Asked { question, known } => {
            Some(StepPhase::Asked { question: question.clone(), known: known.clone(), since: when.at, attempt: None })
        }
        StepEvent::Sought(sought) => {
            let sought = (**sought).clone();
            Some(StepPhase::Polling(Box::new(Poll {
                sought,
                since: when.at,
                waits_since: when.own(),
                votes: Vec::new(),
                told: None,
            })))
        }
        StepEvent::Attempt { number, .. } if next(*number) => attempt(event, when),
        StepEvent::Opened { pass, .. } if next(*pass) => opened(event, when),
        StepEvent::TakenOver(ended) | StepEvent::Ended(ended) => Some(StepPhase::Ended(ended.clone())),
        StepEvent::Attempt { .. }
        | StepEvent::Opened { .. }
        | StepEvent::Answered { .. }
        | StepEvent::Told { .. }
        | StepEvent::Voted(_)
        | StepEvent::Attempted { .. }
        | StepEvent::Backoff { .. }
        | StepEvent::Lane(_)
        | StepEvent::Judged { .. }
        | StepEvent::Rest { .. }
        | StepEvent::TimedOut => None,
    }
}

/// What a step that has begun may become.
fn next(step: &mut StepRun, event: &StepEvent, when: Moment) -> Option<StepPhase> {
    match step.phase {
        StepPhase::Running(_) => from_running(step, event, when),
        StepPhase::Open(_) => from_open(step, event, when),
        StepPhase::Held { .. } | StepPhase::Asked { .. } => from_wait(step, event, when),
        StepPhase::Polling(_) => from_polling(step, event, when),
        StepPhase::Ready | StepPhase::Backoff { .. } | StepPhase::Recovering => from_ready(step, event, when),
        StepPhase::Erring => ended(event),
        StepPhase::Ended(_) => None,
    }
}

/// From a wait for a person or a mutex.
fn from_wait(step: &mut StepRun, event: &StepEvent, when: Moment) -> Option<StepPhase> {
    match (&step.phase, event) {
        (StepPhase::Held { since, .. }, StepEvent::Held { mutex, holder }) => {
            Some(StepPhase::Held { mutex: mutex.clone(), holder: *holder, since: *since })
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
        (StepPhase::Held { .. }, _) => again(step, event, when).or_else(|| ended(event)),
        (_, _) => ended(event),
    }
}

/// From a wait for the yes of people: nobody votes twice, and they are told once.
fn from_polling(step: &mut StepRun, event: &StepEvent, when: Moment) -> Option<StepPhase> {
    let StepPhase::Polling(poll) = &mut step.phase else { return None };
    if let StepEvent::Voted(vote) = event {
        let first = poll.vote_of(vote.who()).is_none();
        return first.then(|| {
            poll.votes.push((when.at, (**vote).clone()));
            StepPhase::Polling(poll.clone())
        });
    }
    if let StepEvent::Told { problems } = event {
        return poll.told.is_none().then(|| {
            poll.told = Some(problems.clone());
            StepPhase::Polling(poll.clone())
        });
    }
    let begins = matches!(event, StepEvent::Attempt { .. });
    if begins { again(step, event, when) } else { ended(event) }
}

/// From between two things: an attempt is judged, a pause is over, recovery is through.
fn from_ready(step: &mut StepRun, event: &StepEvent, when: Moment) -> Option<StepPhase> {
    match (&step.phase, event) {
        (StepPhase::Ready, StepEvent::Held { mutex, holder }) => {
            Some(StepPhase::Held { mutex: mutex.clone(), holder: *holder, since: when.at })
        }
        (StepPhase::Ready, StepEvent::Backoff { until }) => Some(StepPhase::Backoff { until: *until }),
        (StepPhase::Ready, StepEvent::Lane(Lane::Recover)) => {
            step.recovering = true;
            Some(StepPhase::Recovering)
        }
        (StepPhase::Ready | StepPhase::Recovering, StepEvent::Lane(Lane::OnError)) => Some(StepPhase::Erring),
        (_, _) => again(step, event, when).or_else(|| ended(event)),
    }
}

/// The next attempt or pass, whose number must be the next one.
fn again(step: &mut StepRun, event: &StepEvent, when: Moment) -> Option<StepPhase> {
    let phase = attempt(event, when).or_else(|| opened(event, when))?;
    let number = match &phase {
        StepPhase::Running(running) => running.attempt,
        StepPhase::Open(open) => open.pass,
        StepPhase::Held { .. }
        | StepPhase::Asked { .. }
        | StepPhase::Polling(_)
        | StepPhase::Ready
        | StepPhase::Backoff { .. }
        | StepPhase::Recovering
        | StepPhase::Erring
        | StepPhase::Ended(_) => return None,
    };
    if number != step.tries + 1 && number != step.tries.max(step.before) + 1 {
        return None;
    }
    begin_try(step, number, when);
    if let StepEvent::Opened { items, .. } = event {
        step.items = items.clone().unwrap_or_default();
    }
    Some(phase)
}

/// From an attempt under way.
fn from_running(step: &mut StepRun, event: &StepEvent, when: Moment) -> Option<StepPhase> {
    let StepPhase::Running(running) = &mut step.phase else { return None };
    if let StepEvent::Attempted { number, result } = event {
        let own = running.attempt == *number || planted::has(Bug::AnyAttempt);
        step.last = own.then(|| result.clone()).or(step.last.take());
        return own.then_some(StepPhase::Ready);
    }
    if let StepEvent::Asked { question, known } = event {
        let attempt = Some(running.attempt);
        return Some(StepPhase::Asked { question: question.clone(), known: known.clone(), since: when.at, attempt });
    }
    if matches!(event, StepEvent::TimedOut) && !running.timed_out {
        running.timed_out = true;
        return Some(StepPhase::Running(running.clone()));
    }
    None
}

/// From an open composite.
fn from_open(step: &mut StepRun, event: &StepEvent, when: Moment) -> Option<StepPhase> {
    let StepPhase::Open(open) = &mut step.phase else { return None };
    if let StepEvent::Attempted { number, result } = event {
        let own = open.pass == *number;
        step.last = own.then(|| result.clone()).or(step.last.take());
        return own.then_some(StepPhase::Ready);
    }
    within(open, event, when).map(|()| StepPhase::Open(open.clone()))
}

/// What may happen inside an open composite.
fn within(open: &mut Open, event: &StepEvent, when: Moment) -> Option<()> {
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
            open.rest = Some(when.own_of(*until));
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
        | StepEvent::Sought(_)
        | StepEvent::Told { .. }
        | StepEvent::Voted(_)
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

fn begin_try(step: &mut StepRun, number: u32, when: Moment) {
    if matches!(step.phase, StepPhase::Recovering) || step.tries == 0 {
        step.turn = number;
        step.turn_began = when.own();
    }
    if matches!(step.phase, StepPhase::Held { .. }) {
        step.holds = true;
    }
    step.tries = number;
}

fn attempt(event: &StepEvent, when: Moment) -> Option<StepPhase> {
    let StepEvent::Attempt { number, request, deadline, child } = event else { return None };
    Some(StepPhase::Running(Running {
        attempt: *number,
        since: when.at,
        request: request.clone(),
        deadline: deadline.map(|deadline| when.own_of(deadline)),
        child: *child,
        timed_out: false,
    }))
}

fn opened(event: &StepEvent, when: Moment) -> Option<StepPhase> {
    let StepEvent::Opened { pass, deadline, until, items } = event else { return None };
    Some(StepPhase::Open(Open {
        pass: *pass,
        since: when.own(),
        lane: items.is_none().then_some(Lane::Body(*pass)),
        deadline: deadline.map(|deadline| when.own_of(deadline)),
        until: *until,
        lasts: until.map(|until| when.own_of(until)),
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
    forget(run, |other| {
        other != place && place.holds(other) && other.segments().get(depth).is_some_and(|segment| old(segment.lane))
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
    forget(run, |other| {
        if other == place || !place.holds(other) {
            return false;
        }
        if items {
            return bad.iter().any(|item| item.holds(other));
        }
        other.segments().get(depth).is_some_and(|segment| !matches!(segment.lane, Lane::Body(_) | Lane::Recover))
    });
    let (over, going) = std::mem::take(&mut run.spending).into_iter().partition(|(other, _)| place.holds(other));
    run.spending = going;
    run.spent.append(&mut { over });
}

/// Forgets executions, but for how far they counted their attempts.
fn forget(run: &mut Run, old: impl Fn(&Place) -> bool) {
    let Run { steps, spending, walked, .. } = run;
    steps.retain(|other, step| {
        let old = old(other);
        if old {
            let spent = spending.entry(other.of_any_round()).or_insert(0);
            *spent = step.tries.max(*spent);
            walked.forget();
        }
        !old
    });
}
