//! How far the last walk over each list found its steps, and the items of each `foreach`, so that the next looks only at
//! what has moved.
//!
//! Kept beside a run and made of nothing but its events: runs that differ in it are equal, and a copy begins without.

use crate::base::address::{Lane, Place};
use crate::base::ids::StepId;
use crate::engine::composite::Come;
use crate::engine::turn::Far;
use crate::model::step::Step;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A list: whose, and which.
type ListOf = (Option<Place>, Lane);

/// What was found, list by list.
#[derive(Debug, Default)]
pub(super) struct Walked {
    lists: BTreeMap<ListOf, Vec<Far>>,
    /// Steps of those lists that something has happened to since.
    moved: BTreeMap<ListOf, BTreeSet<StepId>>,
    /// By `foreach`: its items, and those that something has happened to since, itself or anything inside.
    items: BTreeMap<Place, (Vec<Come>, BTreeSet<u32>)>,
}

impl Walked {
    /// Something has happened to the execution at `place`.
    pub(super) fn moved(&mut self, place: &Place) {
        for (foreach, item) in place.items() {
            if let Some((_, moved)) = self.items.get_mut(&foreach) {
                moved.insert(item);
            }
        }
        let last = place.last();
        if self.lists.is_empty() || last.item.is_some() {
            return;
        }
        let list = (place.parent(), last.lane);
        if self.lists.contains_key(&list) {
            self.moved.entry(list).or_default().insert(last.step.clone());
        }
    }

    /// Executions were forgotten.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// How far each step of a list has come; `None` has to be looked up. What is taken comes back by [`Self::keep`].
    pub(super) fn take(&mut self, list: &ListOf, steps: &[Arc<Step>]) -> Vec<Option<Far>> {
        let moved = self.moved.remove(list).unwrap_or_default();
        // Its place stays: what happens while it is being walked has to be looked up the next time.
        let far = std::mem::take(self.lists.entry(list.clone()).or_default());
        if far.len() != steps.len() {
            return vec![None; steps.len()];
        }
        let mut known: Vec<Option<Far>> = far.into_iter().map(Some).collect();
        for id in &moved {
            if let Some(number) = steps.iter().position(|step| step.id == *id) {
                known[number] = None;
            }
        }
        known
    }

    /// The same for the items of a `foreach`, of which there are so many.
    pub(super) fn take_items(&mut self, foreach: &Place, count: usize) -> Vec<Option<Come>> {
        let (come, moved) = std::mem::take(self.items.entry(foreach.clone()).or_default());
        if come.len() != count {
            return vec![None; count];
        }
        let known = |(number, come): (u32, Come)| (!moved.contains(&number)).then_some(come);
        (0..).zip(come).map(known).collect()
    }

    /// Keeps how far each item was found.
    pub(super) fn keep_items(&mut self, foreach: &Place, come: Vec<Come>) {
        if let Some((kept, _)) = self.items.get_mut(foreach) {
            *kept = come;
        }
    }

    /// Keeps how far each step of a list was found.
    pub(super) fn keep(&mut self, list: ListOf, far: Vec<Far>) {
        self.lists.insert(list, far);
    }
}

impl PartialEq for Walked {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Clone for Walked {
    fn clone(&self) -> Self {
        Self::default()
    }
}
