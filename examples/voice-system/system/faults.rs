//! Faults that can be switched on and off from outside while it runs.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// Something that goes wrong on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Every answer takes a second and a half.
    SlowApi,
    /// `/metrics` tells of slow API calls; the endpoints themselves stay quick.
    HighLatency,
    /// The AI service limps: `degraded`, still 200.
    HealthDegraded,
    /// Every health endpoint answers 503.
    Unavailable,
    /// The Redis stand-in hangs up on whoever connects.
    RedisDown,
    /// Somebody holds the database exclusively.
    DatabaseLocked,
    /// The log fills with errors.
    ErrorBurstInLog,
    /// One connection in five fails.
    ConnectionErrors,
    /// SIP calls fail.
    SipFailures,
    /// Callers hear gravel.
    PoorAudio,
    /// `/metrics` tells of processors that are busy.
    HighCpu,
}

impl Fault {
    /// Every fault with its name.
    pub(crate) const ALL: [(Self, &'static str); 11] = [
        (Self::SlowApi, "slow-api"),
        (Self::HighLatency, "high-latency"),
        (Self::HealthDegraded, "health-degraded"),
        (Self::Unavailable, "unavailable"),
        (Self::RedisDown, "redis-down"),
        (Self::DatabaseLocked, "database-locked"),
        (Self::ErrorBurstInLog, "error-burst-in-log"),
        (Self::ConnectionErrors, "connection-errors"),
        (Self::SipFailures, "sip-failures"),
        (Self::PoorAudio, "poor-audio"),
        (Self::HighCpu, "high-cpu"),
    ];
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text).map(|(fault, _)| *fault);
        let names = || Self::ALL.map(|(_, name)| name).join(", ");
        found.ok_or_else(|| format!("no fault `{text}`: there are {}", names()))
    }
}

/// Which faults are on.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<BTreeSet<Fault>>);

impl Faults {
    /// Those faults on, the others off.
    pub(crate) fn new(on: impl IntoIterator<Item = Fault>) -> Self {
        Self(Mutex::new(on.into_iter().collect()))
    }

    /// Whether it is on.
    pub(crate) fn on(&self, fault: Fault) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&fault)
    }

    /// Switches one on.
    pub(crate) fn switch_on(&self, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(fault);
    }

    /// Switches one off.
    pub(crate) fn switch_off(&self, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&fault);
    }
}
