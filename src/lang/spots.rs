//! Where values are written, looked up only when a rule finds fault with one.

use crate::base::ids::{Name, StepId};
use crate::diagnostic::Spot;
use crate::lang::yaml::Node;
use std::collections::BTreeMap;

/// Where the values of runbooks are written.
#[derive(Debug, Clone, Default)]
pub struct Spots {
    roots: BTreeMap<Name, Node>,
    steps: BTreeMap<(Name, StepId), Spot>,
}

impl Spots {
    /// Where the value at a path of keys stands: `("daily-check", Some(step), "retry.on")`, `("daily-check", None, "owner")`.
    /// Items of lists are `triggers[0].cron`. `None` where nothing is written there (a value from `defaults:`).
    #[must_use]
    pub fn get(&self, runbook: &Name, step: Option<&StepId>, path: &str) -> Option<Spot> {
        Some(follow(self.node(runbook, step)?, path)?.1.spot)
    }

    /// Where the key at a path of keys stands.
    #[must_use]
    pub fn key(&self, runbook: &Name, step: Option<&StepId>, path: &str) -> Option<Spot> {
        Some(follow(self.node(runbook, step)?, path)?.0)
    }

    /// Where a step is written.
    #[must_use]
    pub fn of_step(&self, runbook: &Name, step: &StepId) -> Option<Spot> {
        self.steps.get(&(runbook.clone(), step.clone())).copied()
    }

    fn node(&self, runbook: &Name, step: Option<&StepId>) -> Option<&Node> {
        let root = self.roots.get(runbook)?;
        match step {
            Some(step) => find(root, self.of_step(runbook, step)?),
            None => Some(root),
        }
    }

    pub(super) fn root(&mut self, runbook: &Name, root: Option<Node>) {
        if let Some(root) = root {
            self.roots.insert(runbook.clone(), root);
        }
    }

    pub(super) fn step(&mut self, runbook: &Name, step: StepId, spot: Spot) {
        self.steps.insert((runbook.clone(), step), spot);
    }
}

/// The map that stands at a spot.
fn find(node: &Node, spot: Spot) -> Option<&Node> {
    if let Some(pairs) = node.pairs() {
        if node.spot == spot {
            return Some(node);
        }
        return pairs.iter().find_map(|(_, value)| find(value, spot));
    }
    node.items()?.iter().find_map(|item| find(item, spot))
}

/// The key's place (an item's own where it is one of a list) and the value.
fn follow<'n>(node: &'n Node, path: &str) -> Option<(Spot, &'n Node)> {
    let mut found = (node.spot, node);
    for part in path.split('.') {
        let (name, index) = match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
            Some((name, index)) => (name, index.parse::<usize>().ok()),
            None => (part, None),
        };
        if !name.is_empty() {
            let (key, value) = found.1.entry(name)?;
            found = (key.spot, value);
        }
        if let Some(index) = index {
            let item = found.1.items()?.get(index)?;
            found = (item.spot, item);
        }
    }
    Some(found)
}
