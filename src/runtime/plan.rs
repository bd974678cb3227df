//! A run under a plan: what it wants to do is looked up before it leaves for the world.

use crate::engine::event::Started;
use crate::model::perform::{Failure, Request};
use crate::model::policy::FailureKind;
use crate::runtime::shelf::{PLAN, Shelf};
use crate::store::Journal;

/// What a run may touch with this request; `None` = whatever it asks for, for it is under no plan or the plan says no more.
/// A plan that can't be read lists nothing.
///
/// # Errors
/// Why it may not make it at all.
pub fn allowed(
    shelf: &Shelf,
    journal: &dyn Journal,
    started: &Started,
    request: &Request,
) -> Result<Option<Vec<String>>, Failure> {
    let Some(digest) = started.texts.get(PLAN) else { return Ok(None) };
    match shelf.plan(journal, digest) {
        Ok(plan) => plan.judge(started.runbook.as_str(), request),
        Err(error) => Err(Failure::lasting(FailureKind::Start, format!("not done: {error}"))),
    }
}
