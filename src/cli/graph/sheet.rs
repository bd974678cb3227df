//! What a drawing holds: lists of steps in layers, and only those waits that no other wait implies.

use crate::api::wire::{Outline, OutlineStep};
use crate::base::ids::StepId;
use crate::model::graph::Wait;
use crate::model::runbook::Runbook;
use crate::model::step::{List, Step, StepKind};
use std::collections::BTreeMap;

/// A runbook to be drawn.
#[derive(Debug, Clone, Default)]
pub struct Sheet {
    /// What people read.
    pub title: String,
    /// `steps`, `on failure`, `finally`: those that have steps.
    pub sections: Vec<(&'static str, Plot)>,
}

/// One list of steps.
#[derive(Debug, Clone, Default)]
pub struct Plot {
    /// The steps as written.
    pub nodes: Vec<Node>,
    /// Who waits for whom.
    pub edges: Vec<Edge>,
}

/// One step.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// Its id.
    pub id: String,
    /// What people read.
    pub title: String,
    /// The key that chose its kind.
    pub kind: String,
    /// Its condition, as written.
    pub when: Option<String>,
    /// How far down: 0 waits for nothing in its list.
    pub layer: usize,
    /// The lists inside it, each with its word.
    pub inner: Vec<(&'static str, Plot)>,
}

/// `to` waits for `from`, both places in [`Plot::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// What ends first.
    pub from: usize,
    /// What waits.
    pub to: usize,
    /// For what.
    pub wait: Wait,
}

impl Sheet {
    /// The drawing of a runbook.
    #[must_use]
    pub fn of(runbook: &Runbook) -> Self {
        let outline = Outline::from(runbook);
        let title = if outline.title == outline.runbook {
            outline.runbook.clone()
        } else {
            format!("{}: {}", outline.runbook, outline.title)
        };
        let sections = [
            ("steps", &runbook.steps, &outline.steps),
            ("on failure", &runbook.on_failure, &outline.on_failure),
            ("finally", &runbook.finally, &outline.finally),
        ];
        let filled = sections.into_iter().filter(|(_, list, _)| !list.is_empty());
        Self { title, sections: filled.map(|(word, list, outline)| (word, Plot::of(list, outline))).collect() }
    }
}

impl Plot {
    fn of(list: &List, outline: &[OutlineStep]) -> Self {
        let places: BTreeMap<&StepId, usize> = list.steps.iter().enumerate().map(|(at, step)| (&step.id, at)).collect();
        let mut edges = Vec::new();
        for (to, step) in list.steps.iter().enumerate() {
            let waits = list.graph.waits(&step.id).filter_map(|(id, wait)| Some((*places.get(id)?, wait)));
            edges.extend(waits.map(|(from, wait)| Edge { from, to, wait }));
        }
        let mut nodes: Vec<Node> = list.steps.iter().zip(outline).map(|(step, outline)| node(step, outline)).collect();
        // The order of the graph has every step behind what it waits for, so one pass finds all layers.
        for id in list.graph.order() {
            let Some(at) = places.get(id) else { continue };
            let above = edges.iter().filter(|edge| edge.to == *at).map(|edge| nodes[edge.from].layer + 1);
            nodes[*at].layer = above.max().unwrap_or(0);
        }
        let edges = reduced(&edges, nodes.len());
        Self { nodes, edges }
    }

    /// The places of the steps of each layer, as written.
    #[must_use]
    pub fn layers(&self) -> Vec<Vec<usize>> {
        let depth = self.nodes.iter().map(|node| node.layer + 1).max().unwrap_or(0);
        let mut layers = vec![Vec::new(); depth];
        for (at, node) in self.nodes.iter().enumerate() {
            layers[node.layer].push(at);
        }
        layers
    }
}

fn node(step: &Step, outline: &OutlineStep) -> Node {
    let mut inner = Vec::new();
    match &step.kind {
        StepKind::Steps(list) => inner.push(("steps", Plot::of(list, &outline.body))),
        StepKind::Watch(watch) => inner.push(("each round", Plot::of(&watch.steps, &outline.round))),
        StepKind::Remedy(remedy) => inner.push(("try", Plot::of(&remedy.tries, &outline.tries))),
        StepKind::Act(_)
        | StepKind::Wait(_)
        | StepKind::Call(_)
        | StepKind::Compute(_)
        | StepKind::Log { .. }
        | StepKind::Fail(_)
        | StepKind::Pass(_)
        | StepKind::Approval(_) => {}
    }
    let lanes = [
        ("recover", &step.recover, &outline.recover),
        ("on error", &step.on_error, &outline.on_error),
        ("undo", &step.undo, &outline.undo),
    ];
    let filled = lanes.into_iter().filter(|(_, list, _)| !list.is_empty());
    inner.extend(filled.map(|(word, list, outline)| (word, Plot::of(list, outline))));
    let kind = if outline.foreach { format!("foreach {}", outline.kind) } else { outline.kind.clone() };
    Node {
        id: outline.id.clone(),
        title: outline.title.clone(),
        kind,
        when: step.when.as_ref().map(|when| when.source().to_owned()),
        layer: 0,
        inner,
    }
}

/// The edges that no path over other edges implies.
fn reduced(edges: &[Edge], nodes: usize) -> Vec<Edge> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    for edge in edges {
        after[edge.from].push(edge.to);
    }
    let implied = |edge: &Edge| {
        let mut seen = vec![false; nodes];
        let mut stack: Vec<usize> = after[edge.from].iter().copied().filter(|to| *to != edge.to).collect();
        while let Some(at) = stack.pop() {
            if at == edge.to {
                return true;
            }
            if !std::mem::replace(&mut seen[at], true) {
                stack.extend(&after[at]);
            }
        }
        false
    };
    edges.iter().copied().filter(|edge| !implied(edge)).collect()
}
