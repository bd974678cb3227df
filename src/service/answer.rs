//! Answers to the questions that steps wait with: `confirm`, and what a lost attempt did.

use crate::base::actor::{Actor, Role};
use crate::base::address::Place;
use crate::base::ids::RunId;
use crate::engine::decide::Input;
use crate::engine::event::Answer;
use crate::engine::run::{Run, StepPhase};
use crate::runtime::pump::Message;
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
        let (_, state) = self.unfinished(run)?;
        self.allow(&actor, Role::Operator, "answer", &state)?;
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
        let place = found.place.clone();
        self.send(Message::Input { run, input: Input::Answer { place, actor, answer } })
    }
}

/// What a run waits to be told, in a line; `None` = nothing.
pub(super) fn question(run: &Run) -> Option<String> {
    asked(run).first().map(|asked| format!("`{}` asks: {}", asked.place, asked.question))
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
