//! What the seven health endpoints say.

use super::faults::{Fault, Faults};
use serde_json::{Map, Value, json};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The parts of the system, as the endpoints name them.
pub(crate) const COMPONENTS: [&str; 5] = ["livekit", "sip", "ai", "database", "redis"];

/// How long it waits for others that it needs.
const PATIENCE: Duration = Duration::from_secs(2);

/// What it cannot do without.
pub(crate) struct Needs {
    /// Its database.
    pub(crate) database: PathBuf,
    /// A Redis, where it does not play one itself.
    pub(crate) redis: Option<SocketAddr>,
    /// A SIP server, where it has one.
    pub(crate) sip: Option<SocketAddr>,
}

/// How one part is.
struct Health {
    status: &'static str,
    latency_ms: u64,
    message: &'static str,
}

/// The answer of `/health/COMPONENT`, with its status code.
pub(crate) fn component(name: &str, faults: &Faults, needs: &Needs) -> (u16, Value) {
    let health = look(name, faults, needs);
    let body = json!({
        "status": health.status, "component": name, "latency_ms": health.latency_ms, "message": health.message,
    });
    (code(health.status), body)
}

/// The answer of `/health` and, with what each part says, of `/health/detailed`.
pub(crate) fn overall(detailed: bool, faults: &Faults, needs: &Needs) -> (u16, Value) {
    let mut worst = "healthy";
    let mut components = Map::new();
    for name in COMPONENTS {
        let health = look(name, faults, needs);
        worst = worse(worst, health.status);
        let whole = json!({ "status": health.status, "latency_ms": health.latency_ms, "message": health.message });
        components.insert(name.into(), if detailed { whole } else { health.status.into() });
    }
    let body = json!({ "status": worst, "service": "livekit-voice-ai", "version": "2.4.1", "components": components });
    (code(worst), body)
}

fn look(name: &str, faults: &Faults, needs: &Needs) -> Health {
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
        "redis" if needs.redis.is_some_and(|redis| !pongs(redis)) => {
            Health { status: "unhealthy", latency_ms: 0, message: "Redis does not answer" }
        }
        "sip" if needs.sip.is_some_and(|sip| !hears(sip)) => {
            Health { status: "unhealthy", latency_ms: 2_000, message: "the SIP service does not answer" }
        }
        "database" if !answers(&needs.database) => {
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

/// Whether a Redis answers PING.
fn pongs(redis: SocketAddr) -> bool {
    let ping = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&redis, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(answer == *b"+PONG")
    };
    ping().unwrap_or(false)
}

/// Whether a SIP server answers OPTIONS.
fn hears(sip: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.connect(sip)?;
        let (own, number) = (socket.local_addr()?, std::process::id());
        let request = format!(
            "OPTIONS sip:{sip} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{number}-{0}\r\nMax-Forwards: 70\r\n\
             From: <sip:voice@{own}>;tag={number}\r\nTo: <sip:{sip}>\r\nCall-ID: {number}-{0}@voice\r\n\
             CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
            own.port()
        );
        socket.send(request.as_bytes())?;
        let mut answer = [0; 2_048];
        let size = socket.recv(&mut answer)?;
        Ok(answer[..size].starts_with(b"SIP/2.0"))
    };
    ask().unwrap_or(false)
}

fn worse(one: &'static str, other: &'static str) -> &'static str {
    let rank = |status| ["healthy", "degraded", "unhealthy"].iter().position(|it| *it == status);
    if rank(other) > rank(one) { other } else { one }
}

fn code(status: &str) -> u16 {
    if status == "unhealthy" { 503 } else { 200 }
}
