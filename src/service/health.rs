//! The health of what is watched: each component as its runbooks found it last, and when.
//!
//! A component is what runbooks have under `labels: { component: … }`.

use crate::base::ids::RunId;
use crate::service::{RunRow, Runs, Service, Trouble};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// How well a component is, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Its last runs ended well.
    Healthy,
    /// One of them ended at `warning`.
    Degraded,
    /// Nobody has looked yet.
    Unknown,
    /// One of them failed, or ended at `critical`.
    Unhealthy,
}

impl Health {
    /// The word shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// What one runbook found last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The runbook.
    pub runbook: String,
    /// The run; `None` = none has ended.
    pub run: Option<RunId>,
    /// When it ended.
    pub at: Option<Timestamp>,
    /// How well that is.
    pub health: Health,
    /// Why.
    pub reason: Option<String>,
}

impl Service {
    /// Every component, each with what its runbooks found last.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn health(&self) -> Result<BTreeMap<String, Vec<Finding>>, Trouble> {
        let book = self.current_book()?;
        let mut components: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
        for (name, runbook) in &book.runbooks {
            let Some(component) = runbook.labels.get("component") else { continue };
            components.entry(component.clone()).or_default().push(self.last_finding(name.as_str())?);
        }
        Ok(components)
    }

    fn last_finding(&self, runbook: &str) -> Result<Finding, Trouble> {
        // Who cancels has found nothing.
        let outcome = ["succeeded", "recovered", "failed"].map(str::to_owned).to_vec();
        let last = self.runs(&Runs { runbook: Some(runbook.into()), outcome, limit: 1, ..Runs::default() })?;
        let runbook = runbook.to_owned();
        Ok(match last.into_iter().next() {
            None => Finding { runbook, run: None, at: None, health: Health::Unknown, reason: None },
            Some(row) => Finding { runbook, run: Some(row.run), at: row.ended, health: of(&row), reason: row.reason },
        })
    }
}

fn of(row: &RunRow) -> Health {
    match (row.outcome.as_deref(), row.level.as_deref()) {
        (Some("succeeded" | "recovered"), Some("ok" | "notice")) => Health::Healthy,
        (Some("succeeded" | "recovered"), Some("warning")) => Health::Degraded,
        _ => Health::Unhealthy,
    }
}
