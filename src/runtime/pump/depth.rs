//! How deep runs have started one another: by calls, by ends, and by incidents. Whoever would come too deep is not started,
//! and an incident says so.

use super::Pump;
use crate::base::limits::MAX_CALL_DEPTH;
use crate::engine::run::Run;
use crate::escalation::state::Incident;
use crate::model::trouble::{Source, Trouble};
use crate::runtime::recover;
use crate::schedule::key::ScheduleId;
use jiff::Timestamp;
use std::collections::BTreeMap;

impl Pump {
    /// The depth of a run that an incident starts: one below the run that opened it, whose id is in its first event.
    ///
    /// # Errors
    /// That it is too deep. The incident has it as the reason why nobody mends it, and climbs.
    pub(super) fn depth_of_response(&self, incident: &Incident) -> Result<u32, String> {
        let Some((_, opened)) = &incident.opened else { return Ok(0) };
        let opener = match &opened.trouble.source {
            Source::Run { run, .. } | Source::Step { run, .. } => *run,
            Source::Alert { .. }
            | Source::Inbound { .. }
            | Source::Deadline { .. }
            | Source::Heartbeat { .. }
            | Source::Person(_)
            | Source::Engine { .. } => return Ok(0),
        };
        let above = match self.driver.run(opener) {
            Some(run) => Some(run.started.depth),
            None => recover::read_run(self.journal.as_ref(), opener)
                .unwrap_or_else(|why| {
                    tracing::error!(run = %opener, %why, "how deep the run is that opened an incident can't be read");
                    None
                })
                .map(|run| run.started.depth),
        };
        // What opened it may have gone since: then there is no storm.
        let depth = above.map_or(0, |above| above.saturating_add(1));
        if depth as usize >= MAX_CALL_DEPTH {
            return Err(format!("runbooks have started one another {depth} deep"));
        }
        Ok(depth)
    }

    /// The end of a run would start another that is too deep, which its ledger says, too: one incident for the trigger.
    pub(super) fn too_deep(&mut self, id: &ScheduleId, ended: &Run, now: Timestamp) {
        let (before, run) = (&ended.started.runbook, ended.started.run);
        let depth = ended.started.depth.saturating_add(1);
        if self.without_incidents || (depth as usize) < MAX_CALL_DEPTH {
            return;
        }
        let trouble = Trouble {
            key: format!("chain/{id}"),
            title: format!("{}: runbooks have started one another {depth} deep", id.runbook),
            text: format!("The end of run {run} of `{before}` would have started the next one, which was not started."),
            severity: Some("P3".to_owned()),
            kind: None,
            labels: BTreeMap::from([("runbook".to_owned(), id.runbook.to_string())]),
            owner: None,
            source: Source::Run { runbook: before.clone(), run },
            link: None,
        };
        self.trouble(trouble, None, None, now);
    }
}
