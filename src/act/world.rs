//! What a performer may know of the place it works in.

use crate::act::channel::Posted;
use crate::act::secret::Secrets;
use crate::base::level::Level;
use crate::base::timekeeping::Timekeeping;
use crate::model::book::Settings;
use crate::model::escalation::Escalation;
use crate::model::kind::Kind;
use crate::model::perform::Request;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A message for the people at the terminal of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// How bad.
    pub level: Level,
    /// A heading, perhaps empty.
    pub title: String,
    /// What to say.
    pub message: String,
    /// Facts beside it.
    pub fields: Vec<(String, String)>,
}

/// Where announcements go: false where nobody is there to see one.
pub type Say = Arc<dyn Fn(&Announcement) -> bool + Send + Sync>;

/// The place a request is performed in.
#[derive(Clone)]
pub struct World {
    /// The book.
    pub book_dir: PathBuf,
    /// `RUN_DIR` of the run; the caller makes it.
    pub run_dir: PathBuf,
    /// `stepladder.yaml`.
    pub settings: Arc<Settings>,
    /// `escalation.yaml`: the people that messages are for.
    pub ladder: Arc<Escalation>,
    /// Where secrets come from.
    pub secrets: Arc<Secrets>,
    /// What every child has in its environment beside the engine's names: PATH, HOME, LANG.
    pub base_env: Vec<(String, String)>,
    /// Now, as data.
    pub now: jiff::Timestamp,
    /// A monotonic clock, for latencies only.
    pub ticks: fn() -> Duration,
    /// How well the clock is kept, as the kernel says.
    pub timekeeping: fn() -> std::io::Result<Timekeeping>,
    /// The terminal.
    pub say: Say,
    /// What was posted where, for channels that can change what they have sent.
    pub posted: Posted,
}

impl World {
    /// How long it is since `start`, which came from `ticks`.
    pub(super) fn since(&self, start: Duration) -> Duration {
        (self.ticks)().saturating_sub(start)
    }

    /// A path as the author wrote it: relative ones begin at the book.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.book_dir.join(Path::new(text))
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("book_dir", &self.book_dir).field("now", &self.now).finish_non_exhaustive()
    }
}

/// Where a request is performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// As a child process under the keeper.
    Child,
    /// In this process: it reads and may be repeated, or it is done in a moment and may be done twice.
    Here,
    /// In a step-host process under the keeper: it changes something.
    Host,
}

/// Where this request is performed.
#[must_use]
pub fn seat(request: &Request) -> Seat {
    match Kind::parse(&request.kind) {
        Some(kind) if request.rehearsal && kind.rehearses() => Seat::Here,
        Some(Kind::Shell | Kind::Exec | Kind::Script) => Seat::Child,
        Some(Kind::Report | Kind::Notify | Kind::Escalate | Kind::Resolve | Kind::Silence) | None => Seat::Here,
        Some(
            kind @ (Kind::Http
            | Kind::Tcp
            | Kind::Dns
            | Kind::Tls
            | Kind::Sip
            | Kind::Redis
            | Kind::Sql
            | Kind::Prometheus
            | Kind::Scrape
            | Kind::System
            | Kind::Logs
            | Kind::Service
            | Kind::Livekit
            | Kind::Files
            | Kind::Backup
            | Kind::Restore),
        ) if kind.reads(&|key| request.params.get(key).is_some()) => Seat::Here,
        Some(_) => Seat::Host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::address::Place;
    use crate::base::arg::Arg;
    use crate::base::value::json;
    use crate::model::policy::OutputForm;

    #[test]
    fn only_what_reads_or_may_be_done_twice_is_done_here() {
        for (kind, key, wanted) in [
            ("shell", "sh", Seat::Child),
            ("http", "get", Seat::Here),
            ("http", "post", Seat::Host),
            ("redis", "connect", Seat::Here),
            ("redis", "delete", Seat::Host),
            ("sql", "query", Seat::Here),
            ("sql", "execute", Seat::Host),
            ("tcp", "send", Seat::Host),
            ("logs", "files", Seat::Here),
            ("livekit", "mint", Seat::Here),
            ("service", "status", Seat::Here),
            ("service", "restart", Seat::Host),
            ("files", "find", Seat::Here),
            ("files", "remove", Seat::Host),
            ("backup", "to", Seat::Host),
            ("restore", "from", Seat::Host),
            ("report", "to", Seat::Here),
            ("notify", "message", Seat::Here),
        ] {
            let request = Request {
                run: "r".into(),
                place: Place::parse("a").expect("place"),
                attempt: 1,
                kind: kind.into(),
                params: Arg::Map(vec![(key.into(), Arg::Value(json!("x")))]),
                env: Vec::new(),
                workdir: None,
                output: OutputForm::Text,
                timeout: None,
                sealed: std::collections::BTreeMap::new(),
                artifacts: Vec::new(),
                rehearsal: false,
                listed: None,
            };
            assert_eq!(seat(&request), wanted, "{kind} {key}");
            let rehearsed = matches!(kind, "files" | "backup" | "restore" | "service");
            let rehearsal = Request { rehearsal: true, ..request };
            assert_eq!(seat(&rehearsal), if rehearsed { Seat::Here } else { wanted }, "{kind} {key} in a dry run");
        }
    }
}
