//! A run under a plan: what it wants to do is looked up before it leaves for the world.

use crate::engine::event::Started;
use crate::model::perform::{Failure, Request};
use crate::model::policy::FailureKind;
use crate::runtime::shelf::{PLAN, Shelf};
use crate::store::Journal;

/// Why a run may not make this request; `None` = it may, or it is under no plan. A plan that can't be read
/// lists nothing.
#[must_use]
pub fn refusal(shelf: &Shelf, journal: &dyn Journal, started: &Started, request: &Request) -> Option<Failure> {
    let digest = started.texts.get(PLAN)?;
    match shelf.plan(journal, digest) {
        Ok(plan) => plan.judge(started.runbook.as_str(), request).err(),
        Err(error) => Some(Failure::lasting(FailureKind::Start, format!("not done: {error}"))),
    }
}
