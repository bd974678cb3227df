//! The closed table from (state, event) to state (invariant 2).
//!
//! What is not in the table is a corrupt stream, not a default. `evolve` never thinks: whatever an
//! event means for the future, `decide` has already decided.

use crate::base::actor::Actor;
use crate::base::planted::{self, Bug};
use crate::engine::event::{Event, Recorded, Stage};
use crate::engine::reckon::Own;
use crate::engine::run::{Run, RunPhase, Stop};
use crate::engine::step_table::step;
use crate::engine::walked::Walked;
use crate::engine::word::{name, run_state_name, state_name};

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
            latest: recorded.at,
            phase: RunPhase::At(Stage::Steps),
            asked: false,
            set_ms: 0,
            reckoning: started.reckoning.clone(),
            since: Own::of(recorded.at),
            stop: None,
            steps: std::collections::BTreeMap::new(),
            spent: std::collections::BTreeMap::new(),
            spending: std::collections::BTreeMap::new(),
            walked: Walked::default(),
        }),
        Event::Queued { .. }
        | Event::Admitted
        | Event::CancelAsked { .. }
        | Event::TimedOut
        | Event::Entered(_)
        | Event::ClockSet { .. }
        | Event::Step { .. }
        | Event::Ended(_) => Err(IllegalEvent { version: 1, event: name(&recorded.event), state: "nothing".into() }),
    }
}

/// Somebody asks for the end. A run that has passed its timeout has failed, whatever is asked of it from then on.
fn cancel(run: &mut Run, actor: &Actor, reason: &str) {
    if run.stop != Some(Stop::TimedOut) {
        let late = matches!(run.phase, RunPhase::At(Stage::Undo | Stage::OnFailure | Stage::Finally));
        run.stop = Some(Stop::Cancelled { actor: actor.clone(), reason: reason.to_owned(), late });
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
            run.since = run.own(at);
            true
        }
        (Event::CancelAsked { actor, reason }, RunPhase::At(_) | RunPhase::Queued { .. }) => {
            cancel(run, actor, reason);
            true
        }
        (Event::TimedOut, RunPhase::At(_)) if run.stop.is_none() => {
            run.stop = Some(Stop::TimedOut);
            true
        }
        (Event::Entered(stage), RunPhase::At(before)) if stage > before => {
            if *before == Stage::Steps {
                run.since = run.own(at);
            }
            run.phase = RunPhase::At(*stage);
            true
        }
        (Event::Ended(ended), RunPhase::At(_) | RunPhase::Queued { .. }) => {
            run.phase = RunPhase::Ended(ended.clone());
            true
        }
        (Event::ClockSet { by_ms, reckoning }, RunPhase::At(_) | RunPhase::Queued { .. }) => {
            run.set(*by_ms, reckoning);
            true
        }
        (Event::Step { place, event }, RunPhase::At(_)) => step(run, place, event, run.moment(at)),
        (
            Event::Started(_)
            | Event::Queued { .. }
            | Event::Admitted
            | Event::CancelAsked { .. }
            | Event::TimedOut
            | Event::Entered(_)
            | Event::ClockSet { .. }
            | Event::Step { .. }
            | Event::Ended(_),
            RunPhase::Queued { .. } | RunPhase::At(_) | RunPhase::Ended(_),
        ) => false,
    };
    let legal = legal || (planted::has(Bug::BeginsAgain) && run.ended().is_some());
    if !legal {
        let state = if let Event::Step { place, .. } = &recorded.event {
            format!("{place}: {}", run.phase(place).map_or("waiting", state_name))
        } else {
            run_state_name(&run.phase).into()
        };
        return Err(IllegalEvent { version: run.version + 1, event: name(&recorded.event), state });
    }
    run.version += 1;
    run.latest = run.latest.max(at);
    Ok(())
}
