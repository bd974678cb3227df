//! Answers to the questions that steps wait with: `confirm`, and what a lost attempt did.

use crate::base::actor::{Actor, Role};
use crate::base::address::Place;
use crate::base::ids::RunId;
use crate::engine::decide::Input;
use crate::engine::event::Answer;
use crate::engine::run::{Run, StepPhase};
use crate::runtime::pump::Message;
use crate::service::trouble::may;
use crate::service::{Service, Trouble};

/// What a step waits to be told.
struct Asked<'a> {
    place: &'a Place,
    question: &'a str,
    /// Whether it is about a lost attempt; else: may it begin?
    lost: bool,
}

impl Service {
    /// Answers a question that a step waits with. The step may be named by its id where only one such waits.
    ///
    /// # Errors
    /// [`Trouble`] when there is no such run, it has ended, nothing waits there, the answer fits no such question,
    /// or the actor may not.
    pub fn answer(&self, run: RunId, place: &Place, actor: Actor, answer: Answer) -> Result<(), Trouble> {
        let (runbook, state) = self.unfinished(run)?;
        may(&actor, Role::Operator, "answer", state.started.runbook.as_str())?;
        let waiting = asked(&state);
        let exact = waiting.iter().find(|asked| asked.place == place);
        let by_id = || {
            let mut fit = waiting.iter().filter(|asked| asked.place.last().step == place.last().step);
            fit.next().filter(|_| fit.next().is_none())
        };
        let Some(found) = exact.or_else(by_id) else { return Err(nothing_waits(place, &waiting)) };
        let fits = match answer {
            Answer::Go | Answer::Stop => !found.lost,
            Answer::Succeeded | Answer::Failed | Answer::Again => found.lost,
        };
        if !fits {
            let words = words(found.lost);
            return Err(Trouble::Input(format!("`{}` asks: {}: answer {words}", found.place, found.question)));
        }
        if !found.lost {
            self.may_confirm(&runbook, &state, &actor)?;
        }
        let place = found.place.clone();
        self.send(Message::Input { run, input: Input::Answer { place, actor, answer } })
    }
}

/// What a run waits to be told, in a line; `None` = nothing.
pub(super) fn question(run: &Run) -> Option<String> {
    let asks = asked(run).first().map(|asked| format!("`{}` asks: {}", asked.place, asked.question));
    asks.or_else(|| sought(run))
}

/// The answers to a question.
fn words(lost: bool) -> &'static str {
    if lost { "succeeded, failed or again" } else { "go or stop" }
}

fn asked(run: &Run) -> Vec<Asked<'_>> {
    let mut asked = Vec::new();
    for (place, step) in &run.steps {
        if let StepPhase::Asked { question, attempt, .. } = &step.phase {
            asked.push(Asked { place, question, lost: attempt.is_some() });
        }
    }
    asked
}

fn nothing_waits(place: &Place, waiting: &[Asked<'_>]) -> Trouble {
    let others: Vec<String> = waiting.iter().map(|asked| format!("`{}`", asked.place)).collect();
    let others =
        if others.is_empty() { "nothing in this run does".into() } else { format!("{} does", others.join(", ")) };
    Trouble::Input(format!("`{place}` waits for no answer: {others}"))
}

/// The place that is meant: the named one, or the only one that waits.
pub(super) fn target(run: &Run, named: Option<&str>) -> Result<Place, Trouble> {
    let asks = |phase: &StepPhase| matches!(phase, StepPhase::Polling(_) | StepPhase::Asked { attempt: None, .. });
    let waiting: Vec<&Place> = run.steps.iter().filter(|(_, step)| asks(&step.phase)).map(|(place, _)| place).collect();
    let all = || waiting.iter().map(|place| format!("`{place}`")).collect::<Vec<_>>().join(", ");
    let Some(named) = named else {
        return match waiting.as_slice() {
            [] => Err(Trouble::Input(format!("run `{}` waits for no approval", run.started.run))),
            [one] => Ok((*one).clone()),
            [_, _, ..] => Err(Trouble::Input(format!("several steps wait, say which: {}", all()))),
        };
    };
    let place = Place::parse(named).map_err(|error| Trouble::Input(error.to_string()))?;
    if waiting.contains(&&place) {
        return Ok(place);
    }
    let mut fit = waiting.iter().filter(|other| other.last().step == place.last().step);
    match (fit.next(), fit.next()) {
        (Some(one), None) => Ok((*one).clone()),
        (Some(_), Some(_)) => Err(Trouble::Input(format!("`{named}` waits more than once, say which: {}", all()))),
        (None, _) => Err(Trouble::Input(match (run.step_ended(&place), waiting.is_empty()) {
            (Some(ended), _) => {
                let why = ended.reason.as_ref().map_or(String::new(), |why| format!(": {why}"));
                format!("`{place}` is decided, it ended {}{why}", ended.outcome)
            }
            (None, true) => format!("`{place}` waits for no approval, nothing in this run does"),
            (None, false) => format!("`{place}` waits for no approval: {} does", all()),
        })),
    }
}

/// What a run waits to be approved, in a line.
fn sought(run: &Run) -> Option<String> {
    run.steps.iter().find_map(|(place, step)| {
        let StepPhase::Polling(poll) = &step.phase else { return None };
        let have = if poll.sought.quorum > 1 {
            format!(" ({} of {})", poll.yeses(), poll.sought.quorum)
        } else {
            String::new()
        };
        let until = poll.sought.until.map_or(String::new(), |until| format!(" until {until:.0}"));
        let by = poll.sought.by.join(", ");
        Some(format!(
            "`{place}` waits for approval by {by}{have}, since {:.0}{until}: {}",
            poll.since, poll.sought.message
        ))
    })
}
