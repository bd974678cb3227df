//! A list of steps: each lowered, then the order among them.

use crate::base::ids::StepId;
use crate::base::limits::{MAX_NESTING, MAX_STEPS};
use crate::diagnostic::{Code, Spot};
use crate::lang::lower::order::{self, Placed};
use crate::lang::lower::reader::Reader;
use crate::lang::yaml::{Node, NodeKind};
use crate::model::step::List;
use std::sync::Arc;

/// What a list asks for as a whole.
#[derive(Clone, Copy, Default)]
pub(super) struct Ways {
    /// `parallel: N`.
    pub(super) parallel: Option<u32>,
    /// `fail_fast:`.
    pub(super) fail_fast: bool,
    /// Whether it is a handler: each step gets its turn, whatever became of those above it.
    pub(super) handler: bool,
}

impl Ways {
    /// `on_error`, `undo`, `on_failure`, `finally`.
    pub(super) const HANDLER: Self = Self { parallel: None, fail_fast: false, handler: true };
}

impl Reader {
    /// The list at a node, or an empty one.
    pub(super) fn list(&mut self, node: Option<&Node>, word: &str, ways: Ways) -> List {
        let Some(node) = node else {
            return List { parallel: ways.parallel, fail_fast: ways.fail_fast, ..List::default() };
        };
        let Some(items) = self.items(node, word) else { return List::default() };
        // The list of the runbook itself is within no group.
        if self.depth > MAX_NESTING {
            let message = format!("steps within steps deeper than {MAX_NESTING} levels");
            self.ctx.error_help(Code::TooLarge, node.spot, message, "make a runbook of the inner steps and call it");
            return List::default();
        }
        self.depth += 1;
        let copied = self.copied;
        if node.alias.is_some() {
            self.copied = copied.or(Some(node.spot));
        }
        let mut placed = Vec::with_capacity(items.len());
        for item in items {
            let from = self.ctx.mentions.len();
            let Some((step, waits)) = self.step(item, None) else { continue };
            let mentions = from..self.ctx.mentions.len();
            // A second step of one id has been reported; in the order it would only wait for itself.
            if !placed.iter().any(|other: &Placed| other.step.id == step.id) {
                placed.push(Placed { step: Arc::new(step), waits, mentions });
            }
        }
        self.depth -= 1;
        self.copied = copied;
        let (graph, reads) = order::graph(self, &placed, ways);
        List {
            steps: placed.into_iter().map(|placed| placed.step).collect(),
            graph,
            reads,
            parallel: ways.parallel,
            fail_fast: ways.fail_fast,
        }
    }

    fn items<'n>(&mut self, node: &'n Node, word: &str) -> Option<&'n [Node]> {
        let wrong = match &node.kind {
            NodeKind::Seq(items, _) if !items.is_empty() => return Some(items),
            NodeKind::Seq(..) => "is empty",
            NodeKind::Map(..) => "must be a list of steps, not a map",
            NodeKind::Scalar(_) if node.is_null() => "is empty: it must be a list of steps",
            NodeKind::Scalar(_) => "must be a list of steps, not one text or number",
        };
        self.ctx.error_help(
            Code::WrongType,
            node.spot,
            format!("`{word}` {wrong}"),
            "write each step as an item: `- id: NAME`",
        );
        None
    }

    /// Notes a step's id; says so when it is taken.
    pub(super) fn claim(&mut self, id: &StepId, spot: Spot) {
        if let Some(first) = self.ids.get(id) {
            let finding =
                crate::diagnostic::Diagnostic::error(Code::DuplicateId, spot, format!("the id `{id}` is taken"))
                    .label("again here")
                    .note(*first, "first here")
                    .help("give one of them another id: ids are unique in a runbook, its handlers included");
            self.ctx.findings.push(finding);
            return;
        }
        self.ids.insert(id.clone(), spot);
        if self.ids.len() == MAX_STEPS + 1 {
            let help = "make a runbook of some of them and call it by `runbook: { run: NAME }`";
            self.ctx.error_help(Code::TooLarge, spot, format!("more than {MAX_STEPS} steps"), help);
        }
    }
}
