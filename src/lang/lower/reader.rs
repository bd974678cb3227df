//! Where the lowering of one runbook stands.

use crate::base::ids::StepId;
use crate::diagnostic::Spot;
use crate::lang::decode::Ctx;
use crate::lang::yaml::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A name in `needs` or `after` that is no neighbour; whether it exists at all is known at the end.
pub(super) struct Stranger {
    /// The name.
    pub(super) id: StepId,
    /// Where it is mentioned.
    pub(super) spot: Spot,
    /// In `needs` or in `after`.
    pub(super) key: &'static str,
    /// The steps it could have been.
    pub(super) neighbours: Vec<StepId>,
}

/// Where the lowering of one runbook stands.
pub(super) struct Reader {
    /// The decoder.
    pub(super) ctx: Ctx,
    /// Every id so far, and where it is written.
    pub(super) ids: BTreeMap<StepId, Spot>,
    /// Where every step is written.
    pub(super) spots: BTreeMap<StepId, Spot>,
    /// Steps whose kind could not be lowered.
    pub(super) broken: BTreeSet<StepId>,
    /// `defaults:` of the runbook and the groups around, outermost first.
    pub(super) defaults: Vec<Arc<Node>>,
    /// Lists within lists.
    pub(super) depth: usize,
    /// Names that are no neighbours.
    pub(super) strangers: Vec<Stranger>,
    /// Steps without an id so far.
    pub(super) unnamed: usize,
    /// The alias that what is being read stands at: everything in it has the places of what it is a copy of.
    pub(super) copied: Option<Spot>,
}

impl Reader {
    /// At the beginning of a runbook.
    pub(super) fn new(ctx: Ctx) -> Self {
        Self {
            ctx,
            ids: BTreeMap::new(),
            spots: BTreeMap::new(),
            broken: BTreeSet::new(),
            defaults: Vec::new(),
            depth: 0,
            strangers: Vec::new(),
            unnamed: 0,
            copied: None,
        }
    }
}
