//! The order of a DAG's steps: who comes after whom, and a list in which nobody comes before what it needs.

use crate::diagnostic::{Code, Spot};
use crate::lang::import::report::{Report, says_yes};
use crate::lang::import::words::snake;
use crate::lang::yaml::{Node, NodeKind};
use std::collections::{BTreeMap, BTreeSet};

/// A step as it is found.
#[derive(Debug, Clone)]
pub(super) struct Found<'a> {
    pub(super) node: &'a Node,
    /// What others may call it by: its name and its id.
    pub(super) called: Vec<String>,
    pub(super) spot: Spot,
    /// Whom it names, where it names anybody; an empty list is one that says so.
    depends: Option<Vec<(String, Spot)>>,
    /// Steps of one stage stand side by side.
    stage: usize,
    /// Whether it names a step that is not there.
    pub(super) astray: bool,
    /// Indexes of the steps it comes after.
    pub(super) needs: BTreeSet<usize>,
    /// Those and whom they come after in turn.
    pub(super) behind: BTreeSet<usize>,
}

impl<'a> Found<'a> {
    /// A step with nobody beside it.
    pub(super) fn bare(node: &'a Node, called: Vec<String>) -> Self {
        let (needs, behind) = (BTreeSet::new(), BTreeSet::new());
        Self { node, called, spot: node.spot, depends: None, stage: 0, astray: false, needs, behind }
    }

    /// The value of a key, in whichever spelling.
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        self.node.pairs()?.iter().find(|(name, _)| super::key(name) == key).map(|(_, value)| value)
    }

    /// The name that people read.
    pub(super) fn title(&self, number: usize) -> String {
        self.called.first().cloned().unwrap_or_else(|| format!("step {number}"))
    }

    /// Whether its being passed over is no reason to pass over those behind it.
    pub(super) fn skip_stops(&self) -> bool {
        self.get("preconditions").is_some() && !continues(self.get("continue_on"), "skipped")
    }
}

/// Whether `continueOn` names that end.
pub(super) fn continues(node: Option<&Node>, end: &str) -> bool {
    node.is_some_and(|node| {
        let short = node.name().is_some_and(|word| word == end || (end == "failure" && word == "failed"));
        let long =
            node.pairs().unwrap_or_default().iter().find(|(key, _)| snake(key.name().unwrap_or_default()) == end);
        short || long.is_some_and(|(_, value)| says_yes(value))
    })
}

/// The steps in an order in which each stands behind whom it needs; `None` where there is none.
pub(super) fn ordered<'a>(node: &'a Node, ty: Option<&str>, report: &mut Report) -> Option<Vec<Found<'a>>> {
    let mut steps = Vec::new();
    match &node.kind {
        NodeKind::Seq(items, _) => {
            for (stage, item) in items.iter().enumerate() {
                for one in item.items().unwrap_or(std::slice::from_ref(item)) {
                    steps.push(found(one, None, stage, report));
                }
            }
        }
        NodeKind::Map(pairs, _) => {
            for (stage, (key, value)) in pairs.iter().enumerate() {
                steps.push(found(value, key.name(), stage, report));
            }
        }
        NodeKind::Scalar(_) => {
            report.wrong(
                Code::WrongType,
                node.spot,
                format!("`steps` must be a list, not {}", node.is_a()),
                "write the steps as a list",
            );
            return None;
        }
    }
    // A map has no order of its own, and a graph has only that which is written.
    let is_chain = ty != Some("graph") && node.items().is_some();
    if is_chain && ty.is_none() && steps.iter().any(|step| step.depends.is_some()) {
        let loose = steps.iter().skip(1).find(|step| step.depends.is_none());
        if let Some(step) = loose {
            let help = "write `needs: []` into the runbook where a step is to start at once";
            report.differs(
                step.spot,
                "before Dagu 1.17 a step without `depends` started at once; here it comes after the one above it",
                help,
            );
        }
    }
    link(&mut steps, is_chain, report);
    sorted(steps, report)
}

fn found<'a>(node: &'a Node, name: Option<&str>, stage: usize, report: &mut Report) -> Found<'a> {
    let mut step = Found { stage, ..Found::bare(node, name.map(str::to_owned).into_iter().collect()) };
    for key in ["name", "id"] {
        step.called.extend(node.get(key).and_then(Node::name).map(str::to_owned));
    }
    if let Some((key, _)) = node.pairs().and_then(|pairs| pairs.first()) {
        let name = node.entry("name").map_or(key.spot, |(key, value)| Spot { end: value.spot.end, ..key.spot });
        step.spot = name;
    }
    if let Some(list) = node.get("depends").filter(|list| !list.is_null()) {
        step.depends = Some(report.texts(list, "`depends`"));
    }
    step
}

fn link(steps: &mut [Found<'_>], is_chain: bool, report: &mut Report) {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        for name in &step.called {
            places.entry(name.clone()).or_insert(index);
        }
    }
    let stages: Vec<usize> = steps.iter().map(|step| step.stage).collect();
    for step in steps.iter_mut() {
        let before = step.stage.checked_sub(1).filter(|_| is_chain);
        let above =
            |stage: usize| stages.iter().enumerate().filter(move |(_, of)| **of == stage).map(|(index, _)| index);
        match &step.depends {
            None => step.needs.extend(before.into_iter().flat_map(above)),
            Some(names) => {
                for (name, spot) in names {
                    if let Some(index) = places.get(name) {
                        step.needs.insert(*index);
                    } else {
                        step.astray = true;
                        let help = "nothing was made of it: name a step of this DAG";
                        report.wrong(Code::UnknownStep, *spot, format!("no step is called `{name}`"), help);
                    }
                }
            }
        }
    }
}

fn sorted<'a>(steps: Vec<Found<'a>>, report: &mut Report) -> Option<Vec<Found<'a>>> {
    let mut places: BTreeMap<usize, usize> = BTreeMap::new();
    let mut rest: Vec<(usize, Found<'a>)> = steps.into_iter().enumerate().collect();
    let mut out: Vec<Found<'a>> = Vec::new();
    while !rest.is_empty() {
        let Some(at) = rest.iter().position(|(_, step)| step.needs.iter().all(|need| places.contains_key(need))) else {
            let spot = rest.first().map(|(_, step)| step.spot)?;
            report.wrong(
                Code::Cycle,
                spot,
                "steps that wait for one another",
                "nothing was made of the DAG: take out one of the `depends`",
            );
            return None;
        };
        let (index, mut step) = rest.remove(at);
        step.needs = step.needs.iter().filter_map(|need| places.get(need).copied()).collect();
        step.behind = step.needs.iter().flat_map(|need| out[*need].behind.iter().copied().chain([*need])).collect();
        places.insert(index, out.len());
        out.push(step);
    }
    Some(out)
}
