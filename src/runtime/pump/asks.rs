//! Steps that ask what became of a lost attempt (`on_interrupt: ask`): whoever owns the runbook is paged, until somebody has
//! answered. Told again after a restart; an incident that is open is only added to.

use super::Pump;
use crate::base::actor::Actor;
use crate::base::ids::IncidentId;
use crate::engine::run::{Run, StepPhase};
use crate::escalation::decide::Input;
use crate::escalation::event::Ending;
use crate::model::trouble::{Source, Trouble};
use crate::runtime::pump::owed::labels;
use crate::runtime::recover;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// The type of such incidents; with [`PREFIX`] it tells them from others.
const KIND: &str = "question";
/// What their keys begin with.
const PREFIX: &str = "question/";

impl Pump {
    /// Tells of questions that nobody has answered, and ends the incidents of those that somebody has.
    pub(super) fn tell_questions(&mut self, now: Timestamp) {
        if self.without_incidents {
            return;
        }
        let asking: Vec<Trouble> = self.driver.runs().flat_map(|run| self.questions(run)).collect();
        let keys: BTreeSet<String> = asking.iter().map(|trouble| trouble.key.clone()).collect();
        for trouble in asking {
            if !self.asked.contains(&trouble.key) && self.live.is_some() {
                self.asked.insert(trouble.key.clone());
                self.trouble(trouble, None, None, now);
            }
        }
        self.asked.retain(|key| keys.contains(key));
        for id in self.answered(&keys) {
            let (actor, reason) = (Actor::engine("incident"), "it was answered".to_owned());
            self.incidents.ask(id, Input::Resolve { actor, how: Ending::Step, reason }, None);
            self.look_at_incident(id, now);
        }
    }

    /// What the steps of a run ask, each as trouble.
    fn questions(&self, run: &Run) -> Vec<Trouble> {
        let Some(runbook) = self.driver.book(run.started.run) else { return Vec::new() };
        let (name, id) = (&run.started.runbook, run.started.run);
        let asks = run.steps.iter().filter_map(|(place, step)| match &step.phase {
            StepPhase::Asked { question, known, attempt: Some(attempt), .. } => Some((place, question, known, attempt)),
            StepPhase::Asked { .. }
            | StepPhase::Polling(_)
            | StepPhase::Held { .. }
            | StepPhase::Ready
            | StepPhase::Running(_)
            | StepPhase::Backoff { .. }
            | StepPhase::Open(_)
            | StepPhase::Recovering
            | StepPhase::Erring
            | StepPhase::Ended(_) => None,
        });
        let severity =
            runbook.incident.open.as_ref().and_then(|open| open.first()).map(|(_, severity)| severity.clone());
        asks.map(|(place, question, known, attempt)| Trouble {
            key: format!("{PREFIX}{id}/{place}"),
            title: format!("{}: `{place}` asks what became of it", runbook.shown()),
            text: format!(
                "{question}\n{known}\n\nThe run waits for: stepladder answer {id} {place} again | succeeded | failed"
            ),
            severity: severity.clone().or_else(|| Some("P3".to_owned())),
            kind: Some(KIND.to_owned()),
            labels: labels(runbook),
            owner: runbook.owner.clone(),
            source: Source::Step { runbook: name.clone(), run: id, step: format!("{place}/{attempt}") },
            link: None,
        })
        .collect()
    }

    /// Open incidents of questions that are not asked any more.
    fn answered(&self, asking: &BTreeSet<String>) -> Vec<IncidentId> {
        let of_answer = |id: &IncidentId| {
            let Some((state, _)) = self.incidents.state(*id) else { return false };
            let Some((_, opened)) = state.opened.as_ref().filter(|_| state.ending.is_none()) else { return false };
            let trouble = &opened.trouble;
            let Source::Step { run, .. } = &trouble.source else { return false };
            // A run that nobody drives here may ask still.
            let known = self.driver.run(*run).is_some() || !recover::may_be_unfinished(self.journal.as_ref(), *run);
            known
                && trouble.kind.as_deref() == Some(KIND)
                && trouble.key.starts_with(PREFIX)
                && !asking.contains(&trouble.key)
        };
        self.incidents.ids().into_iter().filter(of_answer).collect()
    }
}
