//! The desk's side for calls from outside.

use crate::act::Incoming;
use crate::api::desk::{Desk, told};
use crate::api::wire::{AlertRow, Beat, Delivery, Problem, Taken};
use crate::base::actor::Actor;
use crate::base::value::Value;
use crate::model::alert::Phase;
use crate::model::reported::{Noted, closed, read};
use crate::runtime::alerts::Standing;
use crate::service::{Delivered, Looks, OWN, Trouble};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

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

    /// Alerts of a source, in any of the known shapes.
    ///
    /// # Errors
    /// When they do not read, the actor may not, or they can't be kept.
    pub async fn alerts(&self, actor: &Actor, source: &str, body: &Value) -> Result<Taken, Problem> {
        // Whoever may not send any learns nothing of how they must look.
        self.service.may_tell(actor).map_err(told)?;
        let alerts = read(body).map_err(|why| told(Trouble::Unreadable(why)))?;
        let taken = self.service.take_alerts(actor, source, alerts).await.map_err(told).map_err(ours)?;
        Ok(Taken { alerts: taken as u64 })
    }

    /// An alert of Opsgenie is over.
    ///
    /// # Errors
    /// As [`Self::alerts`].
    pub async fn close_alert(&self, actor: &Actor, source: &str, alias: &str) -> Result<Taken, Problem> {
        let taken = self.service.take_alerts(actor, source, vec![closed(alias)]).await.map_err(told).map_err(ours)?;
        Ok(Taken { alerts: taken as u64 })
    }

    /// Looks at the files that triggers watch; the directories in which something may happen.
    ///
    /// # Errors
    /// When nobody drives the runs any more.
    pub fn look_at_files(&self, looks: &mut Looks) -> Result<BTreeSet<PathBuf>, Problem> {
        self.service.look_at_files(looks).map_err(told)
    }

    /// The alerts that are known, those that fire first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn known_alerts(&self, limit: usize) -> Result<Vec<AlertRow>, Problem> {
        let known = self.service.known_alerts().await.map_err(told)?;
        let standing = self.service.standing_alerts();
        let of = |noted: &Noted| {
            let own = (noted.source == OWN).then_some(&noted.alert.fingerprint);
            own.and_then(|own| standing.iter().find(|standing| standing.fingerprint == *own))
        };
        let row = |noted: Noted| AlertRow { value: of(&noted).and_then(|standing| standing.value), ..row(noted) };
        let pending = standing.iter().filter_map(pending);
        let is_pending = |noted: &Noted| of(noted).is_some_and(|standing| standing.phase != Phase::Firing);
        let told = known.into_iter().filter(|noted| !is_pending(noted)).map(row);
        Ok(pending.chain(told).take(limit).collect())
    }

    /// Judges the alerts of the book and tells of those that have begun or are over; how long to wait for the next look.
    ///
    /// # Errors
    /// When samples can't be read, or what there is to tell can't be kept.
    pub async fn look_at_alerts(&self, first: bool) -> Result<Option<Duration>, Problem> {
        self.service.look_at_alerts(first).await.map_err(told)
    }
}

/// An alert of the book that does not fire yet.
fn pending(standing: &Standing) -> Option<AlertRow> {
    let Phase::Pending { since } = standing.phase else { return None };
    Some(AlertRow {
        source: OWN.to_owned(),
        fingerprint: standing.fingerprint.clone(),
        group: standing.name.clone(),
        firing: false,
        count: 0,
        since,
        last: since,
        title: standing.name.clone(),
        severity: None,
        labels: standing.labels.clone(),
        state: "pending".to_owned(),
        value: standing.value,
    })
}

fn row(noted: Noted) -> AlertRow {
    let Noted { at, source, alert, count, since, group_since: _ } = noted;
    AlertRow {
        source,
        fingerprint: alert.fingerprint,
        group: alert.group,
        firing: alert.firing,
        count,
        since,
        last: at,
        title: alert.title,
        severity: alert.severity,
        labels: alert.labels,
        state: if alert.firing { "firing" } else { "over" }.to_owned(),
        value: None,
    }
}

fn delivery(done: Delivered) -> Delivery {
    let Delivered { id, answer } = done;
    Delivery {
        runbook: id.runbook.to_string(),
        trigger: id.trigger.to_string(),
        delivery: answer.nominal.to_string(),
        again: answer.fate.is_none(),
        fate: answer.fate.map(str::to_owned),
        run: answer.run.map(|run| run.to_string()),
        why: answer.why,
    }
}

/// What is our fault is said so that the sender comes again.
pub(super) fn ours(problem: Problem) -> Problem {
    if matches!(problem.status, 500 | 507) { Problem { status: 503, ..problem } } else { problem }
}
