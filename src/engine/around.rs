//! What the steps around a step give to it: a group's `env` and `workdir` hold for everything in it.

use crate::base::address::Place;
use crate::base::arg::Text;
use crate::engine::scope;
use crate::engine::turn::Turn;
use crate::model::step::{Step, StepKind};
use crate::template::{RenderError, Template};

impl Turn<'_> {
    /// The environment of a step's children: what the runbook lists of the owner's, then from outside in, name by name,
    /// the innermost last and so the one that counts.
    pub(super) fn env_at(&self, place: &Place, step: &Step) -> Result<Vec<(String, Text)>, RenderError> {
        let starts = step.kind.action().is_some_and(|action| action.kind.starts_process());
        let listed = self.run.started.env.iter().filter(|_| starts);
        let mut env: Vec<(String, Text)> =
            listed.map(|(name, value)| (name.clone(), Text::lit(value.as_str()))).collect();
        let mut whole = self.around(place);
        whole.reverse();
        whole.push((place.clone(), step));
        for (at, step) in whole {
            for (name, template) in &step.env {
                let text = self.rendered_at(&at, template)?;
                match env.iter_mut().find(|(known, _)| known == name) {
                    Some(known) => known.1 = text,
                    None => env.push((name.clone(), text)),
                }
            }
        }
        Ok(env)
    }

    /// The working directory of a step's children: its own, else that of the nearest step around it that has one.
    pub(super) fn workdir_at(&self, place: &Place, step: &Step) -> Result<Option<Text>, RenderError> {
        if let Some(own) = &step.workdir {
            return self.rendered_at(place, own).map(Some);
        }
        let around = self.around(place);
        let nearest = around.into_iter().find_map(|(at, step)| Some((at, step.workdir.as_ref()?)));
        nearest.map(|(at, template)| self.rendered_at(&at, template)).transpose()
    }

    /// The steps made of steps around a place, innermost first; of a `foreach` the item, so that its name is known.
    fn around(&self, place: &Place) -> Vec<(Place, &Step)> {
        let mut around: Vec<(Place, &Step)> = Vec::new();
        let mut here = place.item_of().unwrap_or_else(|| place.clone());
        while let Some(at) = here.parent() {
            here = at.item_of().unwrap_or_else(|| at.clone());
            if let Some(step) = self.book.step(at.step()).filter(|step| is_made_of_steps(&step.kind)) {
                around.push((at, step));
            }
        }
        around
    }

    fn rendered_at(&self, place: &Place, template: &Template) -> Result<Text, RenderError> {
        template.render(&scope::Builder::new(self.book, self.run, place).build(template.reads()))
    }
}

fn is_made_of_steps(kind: &StepKind) -> bool {
    match kind {
        StepKind::Steps(_) | StepKind::Watch(_) | StepKind::Remedy(_) | StepKind::Wait(_) => true,
        StepKind::Act(_)
        | StepKind::Call(_)
        | StepKind::Compute(_)
        | StepKind::Log { .. }
        | StepKind::Fail(_)
        | StepKind::Pass(_)
        | StepKind::Approval(_) => false,
    }
}
