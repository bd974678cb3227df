//! The outside world: one file per step kind.
//!
//! Knows how to do what a rendered [`Request`] asks and to say what happened in sentences. Never
//! knows runs, storage or processes' lives: `shell`, `exec` and `script` are only turned into a
//! command and back into a reply here; the keeper minds the child. Reads no clock but through
//! [`World`]. Every future may be dropped at any time, which stops the work.

mod archive;
mod args;
mod backup;
mod bucket;
pub mod channel;
mod connect;
mod dns;
mod door;
mod exposition;
mod files;
mod glob;
mod holders;
mod hook;
mod http;
mod judge;
mod livekit;
mod logs;
mod notify;
pub mod otlp;
mod pack;
mod process;
mod prometheus;
mod redis;
mod report;
mod restore;
mod roots;
mod scrape;
mod secret;
mod service;
mod sip;
mod sql;
mod subset;
mod system;
mod tcp;
mod tls;
mod trust;
mod verdict;
mod web;
mod world;

pub use glob::{files, matches as fits};
pub use hook::{Incoming, unbase64};
pub use judge::judge;
pub use notify::addresses;
pub use process::{Captured, Command, ProcessExit, command, reply, signal_name};
pub use secret::{Filled, Seal, Secrets};
pub use world::{Announcement, Say, Seat, World, seat};

use crate::act::args::Args;
use crate::act::verdict::Done;
use crate::base::value::Value;
use crate::model::kind::Kind;
use crate::model::perform::{Failure, Reply, Request};
use crate::model::policy::FailureKind;
use std::time::Duration;

/// Does what the request asks, in this process. Dropping the future stops it; the caller bounds its time.
///
/// Secrets that the outside world sent back are masked in the reply.
pub async fn perform(request: &Request, world: &World) -> Reply {
    let filled = match world.secrets.gather(request).await {
        Ok(filled) => filled,
        Err(failure) => return Reply::Failed(failure),
    };
    let reply = match dispatch(request, world, &filled).await {
        Ok(Done { output, findings }) => Reply::Done { output, findings },
        Err(failure) => Reply::Failed(failure),
    };
    filled.mask(reply)
}

async fn dispatch(request: &Request, world: &World, filled: &Filled) -> Result<Done, Failure> {
    let kind = Kind::parse(&request.kind).ok_or_else(|| {
        Failure::lasting(FailureKind::Start, format!("kind `{}` is not in this release", request.kind))
    })?;
    let args = Args::of(kind, request, filled)?;
    match kind {
        Kind::Shell | Kind::Exec | Kind::Script => {
            let what = format!("`{}` is a child process: it needs the keeper", request.kind);
            Err(Failure::lasting(FailureKind::Start, what))
        }
        Kind::Http => http::perform(&args, world).await,
        Kind::Tcp => tcp::perform(&args, world, request.timeout.map(Duration::from)).await,
        Kind::Dns => dns::perform(&args, world).await,
        Kind::Tls => tls::perform(&args, world).await,
        Kind::Sip => sip::perform(&args, world, request.timeout.map(Duration::from)).await,
        Kind::Redis => redis::perform(&args, world).await,
        Kind::Sql => sql::perform(&args, world).await,
        Kind::Prometheus => prometheus::perform(&args, world).await,
        Kind::Scrape => scrape::perform(&args, world).await,
        Kind::System => system::perform(&args, world).await,
        Kind::Logs => logs::perform(&args, world).await,
        Kind::Livekit => livekit::perform(&args, world).await,
        Kind::Service => service::perform(&args, world, request.timeout.map(Duration::from), request.rehearsal).await,
        Kind::Files => files::perform(&args, world, request).await,
        Kind::Backup => backup::perform(&args, world, request).await,
        Kind::Restore => restore::perform(&args, world, request).await,
        Kind::Report => report::perform(&args, world).await,
        Kind::Notify => notify::notify(request, &args, world).await,
        Kind::Escalate | Kind::Resolve | Kind::Silence => {
            let what = format!("`{}` is for whoever drives the run: it knows the incidents", request.kind);
            Err(Failure::lasting(FailureKind::Start, what))
        }
    }
}

/// Milliseconds to two decimals: what `latency_ms` shows.
fn millis(took: Duration) -> Value {
    Value::from((took.as_secs_f64() * 100_000.0).round() / 100.0)
}
