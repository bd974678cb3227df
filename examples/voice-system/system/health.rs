//! What the seven health endpoints say.

use super::faults::{Fault, Faults};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;

/// The parts of the system, as the endpoints name them.
pub(crate) const COMPONENTS: [&str; 5] = ["livekit", "sip", "ai", "database", "redis"];

/// How one part is.
struct Health {
    status: &'static str,
    latency_ms: u64,
    message: &'static str,
}

/// The answer of `/health/COMPONENT`, with its status code.
pub(crate) fn component(name: &str, faults: &Faults, database: &Path) -> (u16, Value) {
    let health = look(name, faults, database);
    let body = json!({
        "status": health.status, "component": name, "latency_ms": health.latency_ms, "message": health.message,
    });
    (code(health.status), body)
}

/// The answer of `/health` and, with what each part says, of `/health/detailed`.
pub(crate) fn overall(detailed: bool, faults: &Faults, database: &Path) -> (u16, Value) {
    let mut worst = "healthy";
    let mut components = Map::new();
    for name in COMPONENTS {
        let health = look(name, faults, database);
        worst = worse(worst, health.status);
        let whole = json!({ "status": health.status, "latency_ms": health.latency_ms, "message": health.message });
        components.insert(name.into(), if detailed { whole } else { health.status.into() });
    }
    let body = json!({ "status": worst, "service": "livekit-voice-ai", "version": "2.4.1", "components": components });
    (code(worst), body)
}

fn look(name: &str, faults: &Faults, database: &Path) -> Health {
    if faults.on(Fault::Unavailable) {
        return Health { status: "unhealthy", latency_ms: 0, message: "the service is shutting down" };
    }
    match name {
        "ai" if faults.on(Fault::HealthDegraded) => {
            Health { status: "degraded", latency_ms: 3_400, message: "speech recognition answers late" }
        }
        "sip" if faults.on(Fault::SipFailures) => {
            Health { status: "degraded", latency_ms: 45, message: "the trunk refuses one call in three" }
        }
        "redis" if faults.on(Fault::RedisDown) => {
            Health { status: "unhealthy", latency_ms: 0, message: "connection refused" }
        }
        "database" if !answers(database) => {
            Health { status: "unhealthy", latency_ms: 100, message: "database is locked" }
        }
        "ai" => Health { status: "healthy", latency_ms: 180, message: "recognition and synthesis answer" },
        _ => Health { status: "healthy", latency_ms: 4, message: "answers" },
    }
}

fn answers(database: &Path) -> bool {
    let count = || -> rusqlite::Result<i64> {
        let db = rusqlite::Connection::open(database)?;
        db.busy_timeout(Duration::from_millis(100))?;
        db.query_row("select count(*) from calls", [], |row| row.get(0))
    };
    count().is_ok()
}

fn worse(one: &'static str, other: &'static str) -> &'static str {
    let rank = |status| ["healthy", "degraded", "unhealthy"].iter().position(|it| *it == status);
    if rank(other) > rank(one) { other } else { one }
}

fn code(status: &str) -> u16 {
    if status == "unhealthy" { 503 } else { 200 }
}
