//! The desk's side for calls from outside.

use crate::act::Incoming;
use crate::api::desk::{Desk, told};
use crate::api::wire::{Beat, Delivery, Problem};
use crate::base::actor::Actor;
use crate::service::Delivered;

impl Desk {
    /// A call of a webhook.
    ///
    /// # Errors
    /// The sender's fault, or ours.
    pub async fn hook(&self, path: &str, came: &Incoming) -> Result<Delivery, Problem> {
        self.service.hook(path, came).await.map(delivery).map_err(told).map_err(ours)
    }

    /// The call that must come.
    ///
    /// # Errors
    /// When nobody waits for it, the actor may not, or it can't be kept.
    pub async fn heartbeat(&self, actor: &Actor, path: &str) -> Result<Beat, Problem> {
        let ids = self.service.heartbeat(actor, path).await.map_err(told).map_err(ours)?;
        Ok(Beat { runbooks: ids.iter().map(|id| id.runbook.to_string()).collect() })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map` as it is")]
fn delivery(done: Delivered) -> Delivery {
    let Delivered { id, answer } = done;
    Delivery {
        runbook: id.runbook.to_string(),
        trigger: id.trigger.to_string(),
        delivery: answer.nominal.to_string(),
        again: answer.fate.is_none(),
        fate: answer.fate.map(str::to_owned),
        run: answer.run.map(|run| run.to_string()),
        why: answer.why.clone(),
    }
}

/// What is our fault is said so that the sender comes again.
pub(super) fn ours(problem: Problem) -> Problem {
    if matches!(problem.status, 500 | 507) { Problem { status: 503, ..problem } } else { problem }
}
