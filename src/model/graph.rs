//! The order of the steps of one list: a graph that is acyclic and closed by its type.

use crate::base::ids::StepId;
use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What one step waits for in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// Until it is satisfied: succeeded, recovered, skipped, or failed under `allow_failure`.
    Satisfied,
    /// Until it ended, however.
    Ended,
}

/// Steps that wait for one another, in the order of waiting; the first waits for the second, the last for the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle(pub Vec<StepId>);

/// The order of one list.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    edges: DiGraph<StepId, Wait>,
    index: BTreeMap<StepId, NodeIndex>,
    order: Vec<StepId>,
    /// The same as numbers of steps as written.
    numbers: Vec<usize>,
    /// Whether that is the order written.
    as_written: bool,
    /// By node, in the order written: what it waits for, as nodes.
    waits: Vec<Vec<(usize, Wait)>>,
    /// By node: whether that is exactly every step above it, to be satisfied.
    plain: Vec<bool>,
}

impl Graph {
    /// The graph over `steps`, each with what it waits for. Waits for ids outside the list are left out:
    /// whoever calls has reported them.
    ///
    /// # Errors
    /// The first [`Cycle`].
    pub fn new(steps: &[(StepId, Vec<(StepId, Wait)>)]) -> Result<Self, Cycle> {
        let mut graph: DiGraph<StepId, Wait> = DiGraph::new();
        // Two steps of one id share what they wait for.
        let doubled = steps.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len() < steps.len();
        let index: BTreeMap<StepId, NodeIndex> =
            steps.iter().map(|(id, _)| (id.clone(), graph.add_node(id.clone()))).collect();
        // Most steps wait for all above them: looked up by hash, and collected by number.
        let found: HashMap<&StepId, NodeIndex> = index.iter().map(|(id, node)| (id, *node)).collect();
        let mut strongest: Vec<Option<Wait>> = vec![None; steps.len()];
        for (id, waits) in steps {
            let Some(to) = index.get(id) else { continue };
            let mut from = Vec::with_capacity(waits.len());
            for (other, wait) in waits {
                let Some(node) = found.get(other) else { continue };
                // Of two waits for one step the stronger counts.
                match &mut strongest[node.index()] {
                    Some(known) => *known = (*known).min(*wait),
                    none @ None => {
                        *none = Some(*wait);
                        from.push(*node);
                    }
                }
            }
            from.sort_unstable();
            for from in from {
                let Some(wait) = strongest[from.index()].take() else { continue };
                match doubled.then(|| graph.find_edge(from, *to)).flatten() {
                    Some(edge) => graph[edge] = graph[edge].min(wait),
                    None => drop(graph.add_edge(from, *to, wait)),
                }
            }
        }
        if toposort(&graph, None).is_err() {
            return Err(first_cycle(&graph));
        }
        let order = as_written(&graph);
        let waits: Vec<_> = graph.node_indices().map(|node| incoming(&graph, node)).collect();
        let plain = waits.iter().enumerate().map(|(step, waits)| needs_all_above(step, waits)).collect();
        let numbers: Vec<usize> = order.iter().map(|id| index[id].index()).collect();
        let as_written = numbers.iter().copied().eq(0..numbers.len());
        Ok(Self { edges: graph, index, order, numbers, as_written, waits, plain })
    }

    /// What a step waits for, in the order written.
    pub fn waits(&self, id: &StepId) -> impl Iterator<Item = (&StepId, Wait)> {
        let waits = self.index.get(id).and_then(|node| self.waits.get(node.index()));
        waits.into_iter().flatten().map(|(node, wait)| (&self.edges[NodeIndex::new(*node)], *wait))
    }

    /// Whether a step waits for another, or for one that does.
    #[must_use]
    pub fn comes_after(&self, step: &StepId, other: &StepId) -> bool {
        let (Some(step), Some(other)) = (self.index.get(step), self.index.get(other)) else { return false };
        step != other && petgraph::algo::has_path_connecting(&self.edges, *other, *step, None)
    }

    /// What the n-th step as written waits for: numbers of steps as written.
    #[must_use]
    pub fn waits_of(&self, step: usize) -> &[(usize, Wait)] {
        self.waits.get(step).map_or(&[], Vec::as_slice)
    }

    /// Whether the n-th step as written needs every step above it and waits for nothing else.
    #[must_use]
    pub fn needs_all_above(&self, step: usize) -> bool {
        self.plain.get(step).copied().unwrap_or_default()
    }

    /// Every step behind everything it waits for.
    #[must_use]
    pub fn order(&self) -> &[StepId] {
        &self.order
    }

    /// The same as numbers of steps as written.
    #[must_use]
    pub fn numbers(&self) -> &[usize] {
        &self.numbers
    }

    /// Whether that is the order written.
    #[must_use]
    pub fn is_as_written(&self) -> bool {
        self.as_written
    }
}

fn needs_all_above(step: usize, waits: &[(usize, Wait)]) -> bool {
    waits.len() == step && waits.iter().enumerate().all(|(above, wait)| *wait == (above, Wait::Satisfied))
}

fn incoming(graph: &DiGraph<StepId, Wait>, node: NodeIndex) -> Vec<(usize, Wait)> {
    let edges = graph.edges_directed(node, petgraph::Direction::Incoming);
    let mut waits: Vec<_> = edges.map(|edge| (edge.source().index(), *edge.weight())).collect();
    waits.sort_unstable();
    waits
}

/// Every step behind what it waits for, else in the order written (which is the order of the nodes).
fn as_written(graph: &DiGraph<StepId, Wait>) -> Vec<StepId> {
    let mut open: Vec<usize> =
        graph.node_indices().map(|node| graph.edges_directed(node, petgraph::Direction::Incoming).count()).collect();
    let free = graph.node_indices().filter(|node| open[node.index()] == 0);
    let mut ready: BTreeSet<NodeIndex> = free.collect();
    let mut order = Vec::new();
    while let Some(node) = ready.pop_first() {
        order.push(graph[node].clone());
        for edge in graph.edges_directed(node, petgraph::Direction::Outgoing) {
            let left = &mut open[edge.target().index()];
            *left -= 1;
            if *left == 0 {
                ready.insert(edge.target());
            }
        }
    }
    order
}

fn first_cycle(graph: &DiGraph<StepId, Wait>) -> Cycle {
    let knot = tarjan_scc(graph)
        .into_iter()
        .find(|knot| knot.len() > 1 || knot.first().is_some_and(|node| graph.contains_edge(*node, *node)))
        .unwrap_or_default();
    let Some(start) = knot.iter().min().copied() else { return Cycle(Vec::new()) };
    let mut path = vec![start];
    loop {
        let here = path[path.len() - 1];
        let mut before: Vec<_> =
            graph.neighbors_directed(here, petgraph::Direction::Incoming).filter(|n| knot.contains(n)).collect();
        before.sort();
        match before.iter().find(|node| !path.contains(node)) {
            Some(next) if !before.contains(&start) => path.push(*next),
            Some(_) | None => {
                // Either the way back to the start, or back into the path itself: keep that loop only.
                let from =
                    before.iter().filter_map(|node| path.iter().position(|seen| seen == node)).min().unwrap_or(0);
                return Cycle(path[from..].iter().map(|node| graph[*node].clone()).collect());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(text: &str) -> Result<Graph, Cycle> {
        let id = |text: &str| StepId::parse(text).expect(text);
        let steps: Vec<_> = text
            .split(", ")
            .map(|step| {
                let (name, waits) = step.split_once('<').unwrap_or((step, ""));
                (id(name), waits.split_whitespace().map(|wait| (id(wait), Wait::Satisfied)).collect())
            })
            .collect();
        Graph::new(&steps)
    }

    #[test]
    fn order_puts_waits_first() {
        let graph = graph("c<a b, b<a, a").expect("acyclic");
        assert_eq!(graph.order().iter().map(StepId::as_str).collect::<Vec<_>>(), ["a", "b", "c"]);
        let c = StepId::parse("c").expect("c");
        assert_eq!(graph.waits(&c).count(), 2);
    }

    #[test]
    fn a_cycle_is_shown_as_it_goes_round() {
        let shown = |text| graph(text).expect_err(text).0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(shown("a<c, b<a, c<b, d<c"), "a c b");
        assert_eq!(shown("a<a"), "a");
        assert_eq!(shown("x<a, a<b, b<a"), "a b");
    }
}
