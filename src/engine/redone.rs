//! What a run that repeats another has to do again although it was good: what was undone, and what stood on it.

use crate::base::address::{Lane, Place};
use crate::engine::run::Run;
use crate::model::graph::{Graph, Wait};
use crate::model::runbook::Runbook;
use crate::model::step::StepKind;
use std::collections::BTreeMap;

/// Answers for one old run, each place looked at once.
pub(super) struct Redone<'a> {
    book: &'a Runbook,
    /// Steps and groups of which an `undo` step began.
    undone: Vec<Place>,
    known: BTreeMap<Place, bool>,
}

impl<'a> Redone<'a> {
    pub(super) fn new(book: &'a Runbook, old: &Run) -> Self {
        let owner = |place: &Place| {
            let inside = std::iter::successors(Some(place.clone()), Place::parent);
            let undo = inside.filter(|place| place.last().lane == Lane::Undo).last()?;
            undo.parent()
        };
        let began = old.steps.iter().filter(|(_, step)| step.tries > 0);
        let undone = began.filter_map(|(place, _)| owner(place)).collect();
        Self { book, undone, known: BTreeMap::new() }
    }

    /// Whether the step at `place`, or anything in it, was undone or stood on what was.
    pub(super) fn is_redone(&mut self, place: &Place) -> bool {
        if let Some(known) = self.known.get(place) {
            return *known;
        }
        let redone = self.undone.iter().any(|undone| place.holds(undone)) || self.stands_on_undone(place);
        self.known.insert(place.clone(), redone);
        redone
    }

    /// Whether what is around `place`, or needed by it or by that, was undone.
    fn stands_on_undone(&mut self, place: &Place) -> bool {
        if self.undone.iter().any(|undone| undone.holds(place)) {
            return true;
        }
        let whole = place.item_of().unwrap_or_else(|| place.clone());
        let owner = whole.parent();
        let needed = self.needed(owner.as_ref(), &whole);
        needed.iter().any(|place| self.is_redone(place)) || owner.is_some_and(|owner| self.stands_on_undone(&owner))
    }

    fn needed(&self, owner: Option<&Place>, place: &Place) -> Vec<Place> {
        let lane = place.last().lane;
        let graph: Option<&Graph> = match owner {
            None => Some(&self.book.steps.graph),
            Some(owner) => match self.book.step(owner.step()).map(|step| &step.kind) {
                Some(StepKind::Steps(list)) => Some(&list.graph),
                _ => None,
            },
        };
        let waits = graph.into_iter().flat_map(|graph| graph.waits(place.step()));
        let needed = waits.filter(|(_, wait)| *wait == Wait::Satisfied);
        needed.map(|(id, _)| Place::within(owner, lane, id.clone())).collect()
    }
}
