//! The people of a test: what they answer when they are asked, and as whom.

use super::machine::{Due, Machine};
use crate::base::actor::{Actor, Role, Via};
use crate::base::address::Place;
use crate::base::ids::{Name, RunId};
use crate::engine::approval::{Ballot, judge};
use crate::engine::decide::Input;
use crate::engine::event::Answer;
use crate::engine::run::{Poll, StepPhase};
use crate::model::oncall;
use crate::model::test::{Say, Saying, StepPath, resolve};
use crate::runtime::pump::Message;

impl Machine<'_> {
    /// People answer what they are asked, as far as the test says so.
    pub(super) fn hear_questions(&mut self) {
        let mut asked = Vec::new();
        for run in self.pump.driver.runs() {
            for (place, step) in &run.steps {
                let polls = matches!(step.phase, StepPhase::Polling(_));
                if polls || matches!(step.phase, StepPhase::Asked { .. }) {
                    asked.push(((run.started.run, place.clone(), u64::from(step.tries)), polls));
                }
            }
        }
        for (key, polls) in asked {
            let path: StepPath = (self.path(key.0), key.1.step().clone());
            let test = self.test;
            let answer = test.given.answers.iter().find(|answer| {
                resolve(&self.trials.book, self.runbook, &answer.step.value).is_ok_and(|(found, _)| found == path)
            });
            let Some(answer) = answer.filter(|_| self.answered.insert(key.clone())) else { continue };
            for saying in &answer.says {
                if polls {
                    self.later(saying.after, Due::Vote(key.0, key.1.clone(), saying));
                } else if let Some(word) = word(saying.say) {
                    self.later(saying.after, Due::Answer(key.0, key.1.clone(), word));
                    break;
                }
            }
        }
    }

    /// A vote on its way, or why it does not count.
    pub(super) fn vote(&self, run: RunId, place: &Place, saying: &Saying) -> Result<Message, String> {
        let over = || format!("`{place}` waits for nobody any more when the test answers it");
        let state = self.pump.driver.run(run).ok_or_else(over)?;
        let book = self.pump.driver.book(run).ok_or_else(over)?;
        let Some(StepPhase::Polling(poll)) = state.phase(place) else { return Err(over()) };
        let approve = match saying.say {
            Say::Approve => true,
            Say::Reject => false,
            Say::Go | Say::Stop | Say::Succeeded | Say::Failed | Say::Again => {
                return Err(format!("`{place}` is an approval: `approve` or `reject` it"));
            }
        };
        let (actor, person) = self.voter(poll, place, saying)?;
        let (fields, note) = (saying.fields.clone(), saying.note.clone());
        let ballot = Ballot { actor, person, starter: false, approve, fields, note, over: false };
        judge(book, state, place, ballot.clone(), self.now())?;
        let input = Input::Vote { place: place.clone(), ballot: Box::new(ballot) };
        Ok(Message::Input { run, input })
    }

    /// Who says it: the contact that is named, or the next of those who may.
    fn voter(&self, poll: &Poll, place: &Place, saying: &Saying) -> Result<(Actor, Option<Name>), String> {
        let ladder = self.trials.book.escalation.clone().unwrap_or_default();
        let asked = &poll.sought.by;
        let people: Vec<Name> = asked.iter().flat_map(|who| oncall::resolve(&ladder, who, None, self.now())).collect();
        let by_role = asked.iter().any(|who| Role::parse(who).is_some());
        let someone = |id: &str| Actor { id: id.into(), via: Via::Socket, role: Role::Operator };
        match &saying.by {
            Some(by) => {
                let person = people.iter().find(|person| person.as_str() == by.value);
                if person.is_none() && !by_role {
                    let now: Vec<&str> = people.iter().map(Name::as_str).collect();
                    let now = if now.is_empty() { "nobody".to_owned() } else { now.join(", ") };
                    return Err(format!(
                        "`{}` may not answer `{place}`: that is for {}, who is {now} then",
                        by.value,
                        asked.join(", ")
                    ));
                }
                Ok((someone(&by.value), person.cloned().or_else(|| Name::parse(&by.value).ok())))
            }
            None => match people.into_iter().find(|person| poll.vote_of(person.as_str()).is_none()) {
                Some(person) => Ok((someone(person.as_str()), Some(person))),
                None if by_role => Ok((someone(&format!("person {}", poll.votes.len() + 1)), None)),
                None => Err(format!("nobody is left who may answer `{place}`: it is for {}", asked.join(", "))),
            },
        }
    }
}

fn word(say: Say) -> Option<Answer> {
    match say {
        Say::Go => Some(Answer::Go),
        Say::Stop => Some(Answer::Stop),
        Say::Succeeded => Some(Answer::Succeeded),
        Say::Failed => Some(Answer::Failed),
        Say::Again => Some(Answer::Again),
        Say::Approve | Say::Reject => None,
    }
}
