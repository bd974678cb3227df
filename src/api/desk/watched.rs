//! The desk's side for what is watched: metrics and health.

use crate::api::desk::{Desk, told};
use crate::api::metrics;
use crate::api::wire::{ComponentHealth, Problem, WholeHealth};
use crate::runtime::clock;
use crate::service::{Finding, Health};
use jiff::Timestamp;

impl Desk {
    /// The page of metrics.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn metrics(&self) -> Result<String, Problem> {
        let status = self.service.status().map_err(told)?;
        let gauges = self.service.gauges();
        let own = metrics::own(&status, &self.service.tally.counts(), &gauges);
        let measured = metrics::measured(&self.service.measured().map_err(told)?, clock::now());
        let paging = self.service.paging.as_ref();
        let paging = paging.map(|paging| metrics::paging(paging, &gauges.severities)).unwrap_or_default();
        let alerts = metrics::alerts(&self.service.alert_counts().map_err(told)?);
        let reach = self.service.reach().map(|reach| metrics::reach(&reach)).unwrap_or_default();
        Ok([own, paging, reach, alerts, measured].concat())
    }

    /// How well everything is that is watched.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn health(&self) -> Result<WholeHealth, Problem> {
        let (found, now) = (self.service.health().map_err(told)?, clock::now());
        let mut worst = Health::Healthy;
        let mut components = Vec::new();
        for (name, findings) in found {
            worst = findings.iter().fold(worst, |worst, finding| worst.max(finding.health));
            components.push((name.clone(), component(name, findings, now)));
        }
        Ok(WholeHealth { status: worst.as_str().into(), components: components.into_iter().collect() })
    }
}

/// A component, as the worst of its runbooks found it.
fn component(name: String, findings: Vec<Finding>, now: Timestamp) -> ComponentHealth {
    let worst = findings.into_iter().max_by_key(|finding| (finding.health, std::cmp::Reverse(finding.at)));
    let health = worst.as_ref().map_or(Health::Unknown, |worst| worst.health);
    let age = worst.as_ref().and_then(|worst| worst.at).map(|at| now.duration_since(at).as_secs().max(0));
    ComponentHealth {
        component: name,
        status: health.as_str().into(),
        age_seconds: age,
        at: worst.as_ref().and_then(|worst| worst.at),
        runbook: worst.as_ref().map(|worst| worst.runbook.clone()),
        run: worst.as_ref().and_then(|worst| worst.run).map(|run| run.to_string()),
        reason: worst.and_then(|worst| worst.reason),
    }
}
