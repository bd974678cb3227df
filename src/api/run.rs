//! A run's row, from the service's words into those that are sent.

use crate::api::wire::{RunRow, RunState};
use crate::service;

impl From<service::RunRow> for RunRow {
    fn from(row: service::RunRow) -> Self {
        Self {
            run: row.run.to_string(),
            runbook: row.runbook,
            state: match row.state {
                service::RunState::Queued => RunState::Queued,
                service::RunState::Waiting => RunState::Waiting,
                service::RunState::Running => RunState::Running,
                service::RunState::Stranded => RunState::Stranded,
                service::RunState::Ended => RunState::Ended,
            },
            started: row.started,
            ended: row.ended,
            outcome: row.outcome,
            level: row.level,
            reason: row.reason,
            actor: row.actor,
            dry: row.dry,
            repeats: row.repeats,
            parent: row.parent,
        }
    }
}
