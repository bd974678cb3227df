//! The desk's side for approvals.

use crate::api::desk::{Desk, run_id, told};
use crate::api::present;
use crate::api::wire::{ApprovalRow, Problem, VoteReply, VoteRequest};
use crate::base::actor::Actor;

impl Desk {
    /// What waits for the yes of people, in all runs or in one.
    ///
    /// # Errors
    /// When there is no such run, or the store or the book can't be read.
    pub fn approvals(&self, actor: &Actor, run: Option<&str>) -> Result<Vec<ApprovalRow>, Problem> {
        let run = run.map(run_id).transpose()?;
        let all = self.service.approvals(actor, run).map_err(told)?;
        Ok(all.into_iter().map(present::approval).collect())
    }

    /// Approves or rejects; durable when this returns.
    ///
    /// # Errors
    /// When nothing waits there, the actor may not, or the vote does not count.
    pub async fn vote(&self, actor: Actor, asked: VoteRequest) -> Result<VoteReply, Problem> {
        let run = run_id(&asked.run)?;
        self.service.vote(run, actor, present::wish(asked)).await.map(present::polled).map_err(told)
    }
}
