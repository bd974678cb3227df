//! Where chains end (invariant 18): how deep runs have started one another by calls, by ends and by incidents, and how many
//! runs calls start within a minute. Whoever would come past it is not started, and an incident says so.

use super::Pump;
use crate::base::limits::{MAX_CALL_DEPTH, MAX_STARTS};
use crate::engine::run::Run;
use crate::escalation::state::Incident;
use crate::model::trouble::{Source, Trouble};
use crate::runtime::recover;
use crate::schedule::decide::too_many;
use crate::schedule::key::ScheduleId;
use crate::schedule::state::RECENT;
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

    /// Calls of a trigger came past the most that start within a minute, which their rows say: one incident for the trigger.
    /// Whether it goes on is for a person to see, who ends it.
    pub(super) fn too_often(&mut self, id: &ScheduleId, now: Timestamp) {
        // A storm is told of once a minute, not once a call.
        let told = self.storms.get(id).is_some_and(|at| now.duration_since(*at).abs() < RECENT);
        if self.without_incidents || told {
            return;
        }
        self.storms.insert(id.clone(), now);
        let trouble = Trouble {
            key: format!("starts/{id}"),
            title: format!("{}: calls of `{}` start more runs than they may", id.runbook, id.trigger),
            text: format!(
                "Calls of the trigger had started {MAX_STARTS} runs within a minute, which is the most; those past that start nothing and \
                 have a row each, `failed-to-start`. One a second is a storm at the sender or a loop: what the runs do calls again. \
                 `stepladder schedule pause {}` stops it.",
                id.runbook
            ),
            severity: Some("P3".to_owned()),
            kind: None,
            labels: BTreeMap::from([("runbook".to_owned(), id.runbook.to_string())]),
            owner: None,
            source: Source::Engine { part: "starts".to_owned() },
            link: None,
        };
        self.trouble(trouble, None, None, now);
    }

    /// A storm before a restart, of which nobody may have been told: the last row of the trigger says it.
    pub(super) fn too_often_before(&mut self, id: &ScheduleId, now: Timestamp) {
        let last = self.schedules.state(id).and_then(|state| state.last.as_ref());
        let storm = last.is_some_and(|row| {
            now.duration_since(row.to.at) < RECENT && row.why.as_deref() == Some(too_many().as_str())
        });
        if storm {
            self.too_often(id, now);
        }
    }
}
