//! The steps of one list as a walk takes them.

use crate::engine::turn::Far;
use crate::model::graph::Graph;
use crate::model::step::{List, Step};
use std::sync::Arc;

/// The steps of one list as they are walked.
pub(super) struct Steps<'a> {
    pub(super) all: &'a [Arc<Step>],
    pub(super) graph: Option<&'a Graph>,
    pub(super) parallel: Option<u32>,
    pub(super) fail_fast: bool,
}

/// What the first steps of a list have come to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Above {
    steps: usize,
    /// The first that ended and is not satisfied.
    pub(super) unsatisfied: Option<usize>,
    /// One has not ended.
    pub(super) open: bool,
}

impl<'a> Steps<'a> {
    pub(super) fn of(list: &'a List) -> Self {
        Self { all: &list.steps, graph: Some(&list.graph), parallel: list.parallel, fail_fast: list.fail_fast }
    }

    pub(super) fn one(step: &'a Arc<Step>) -> Self {
        Self { all: std::slice::from_ref(step), graph: None, parallel: None, fail_fast: false }
    }

    pub(super) fn none() -> Self {
        Self { all: &[], graph: None, parallel: None, fail_fast: false }
    }

    /// Behind everything they wait for, so that one walk takes each as far as it goes; and whether that is as written.
    pub(super) fn ordered(&self) -> (Vec<usize>, bool) {
        match self.graph {
            Some(graph) if !graph.is_as_written() && graph.numbers().len() == self.all.len() => {
                (graph.numbers().to_vec(), false)
            }
            Some(_) | None => ((0..self.all.len()).collect(), true),
        }
    }
}

impl Above {
    /// Goes on to the steps above that one, which have been taken as far as they go.
    pub(super) fn read(&mut self, far: &[Far], number: usize) {
        while self.steps < number {
            match far.get(self.steps).and_then(|far| far.end()) {
                Some(end) if !end.satisfied => self.unsatisfied = self.unsatisfied.or(Some(self.steps)),
                Some(_) => {}
                None => self.open = true,
            }
            self.steps += 1;
        }
    }
}
