//! The step-host: a process of its own for one request that changes something.
//!
//! The keeper starts it; the request and the secrets it names come on standard input, the typed reply
//! goes out on descriptor 3. So a restart of the owner neither breaks off a change nor repeats it.

use crate::act::{self, Secrets, World};
use crate::base::value::Value;
use crate::keeper;
use crate::keeper::protocol::Exit;
use crate::lang;
use crate::model::book::SecretSource;
use crate::model::perform::{Failure, Reply, Request};
use crate::model::policy::FailureKind;
use crate::runtime::clock;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The hidden first argument that makes the binary a step-host.
pub const ARGUMENT: &str = "step-host";

/// What a step-host reads. Versionless: the same binary writes and reads it.
#[derive(Serialize, Deserialize)]
pub struct Order {
    request: Request,
    secrets: BTreeMap<String, String>,
    book_dir: PathBuf,
    run_dir: PathBuf,
    base_env: Vec<(String, String)>,
    /// `stepladder.yaml`.
    settings: String,
}

impl Order {
    /// The order for a request, as bytes.
    ///
    /// # Errors
    /// The [`Failure`] of a secret that can't be had.
    #[expect(clippy::new_ret_no_self, reason = "nobody needs the order but as bytes")]
    pub async fn new(request: &Request, world: &World, settings: &str) -> Result<Vec<u8>, Failure> {
        let order = Self {
            request: request.clone(),
            secrets: world.secrets.plain(request).await?,
            book_dir: world.book_dir.clone(),
            run_dir: world.run_dir.clone(),
            base_env: world.base_env.clone(),
            settings: settings.into(),
        };
        serde_json::to_vec(&order).map_err(|error| Failure::new(FailureKind::Start, error.to_string()))
    }

    fn world(&self) -> World {
        let file = [("stepladder.yaml".to_owned(), Arc::from(self.settings.as_str()))];
        let secrets = Secrets {
            sources: vec![SecretSource::Env],
            environment: self.secrets.clone(),
            book_dir: self.book_dir.clone(),
            credentials: None,
            seal: None,
        };
        World {
            book_dir: self.book_dir.clone(),
            run_dir: self.run_dir.clone(),
            settings: Arc::new(lang::load(&file).book.settings),
            // `notify`, the only kind that asks for people, is never performed here.
            ladder: Arc::default(),
            secrets: Arc::new(secrets),
            base_env: self.base_env.clone(),
            now: clock::now(),
            ticks: clock::ticks,
            timekeeping: clock::timekeeping,
            say: Arc::new(|_| false),
            posted: act::channel::Posted::default(),
        }
    }
}

/// Runs one request; called by `main` in a process that is nothing else.
///
/// # Errors
/// When the order can't be read or the reply not be written.
pub fn host() -> io::Result<()> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    let order: Order = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let reply = runtime.block_on(act::perform(&order.request, &order.world()));
    let mut out = std::fs::OpenOptions::new().write(true).open("/proc/self/fd/3")?;
    out.write_all(&serde_json::to_vec(&reply).map_err(io::Error::other)?)?;
    out.flush()
}

/// The reply a step-host left, or what its end says where it left none.
#[must_use]
pub fn reply(request: &Request, exit: &Exit, stem: &Path) -> Reply {
    let failed = |kind, message: String| Reply::Failed(Failure::new(kind, message));
    if exit.timed_out {
        let limit = request.timeout.map_or(String::new(), |limit| format!(" after {limit}"));
        return failed(FailureKind::Timeout, format!("{} took too long: stopped{limit}", request.kind));
    }
    if exit.stopped {
        return Reply::Stopped { output: Value::Null };
    }
    if let Some(why) = &exit.start_error {
        let message = format!("the step's own process could not be started: {why}");
        return Reply::Failed(Failure { lasting: !exit.retriable, ..Failure::new(FailureKind::Start, message) });
    }
    let lost = exit.result.error.clone().filter(|_| exit.result.bytes_dropped > 0);
    let filed = || std::fs::read(keeper::part(stem, "result")).ok();
    let read = exit.result.text.as_ref().map(|text| text.clone().into_bytes()).or_else(filed);
    let parsed = read.and_then(|bytes| serde_json::from_slice::<Reply>(&bytes).ok());
    parsed.unwrap_or_else(|| {
        let how = match (exit.code, exit.signal) {
            (_, Some(signal)) => format!("was killed by {}", act::signal_name(signal)),
            (Some(code), None) => format!("ended with exit status {code}"),
            (None, None) => "ended".into(),
        };
        let why = lost.map_or_else(|| "before it had answered".into(), |why| format!("and its answer is lost ({why})"));
        let what = format!("the step's own process {how} {why}; whether it changed anything is not known");
        failed(FailureKind::Interrupted, what)
    })
}
