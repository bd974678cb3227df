//! Whose home the data directory is: this process's, or another's that is asked.

use crate::api::Desk;
use crate::api::socket;
use crate::base::span::Span;
use crate::cli::client::Client;
use crate::cli::door::{Purpose, lasting};
use crate::cli::output;
use crate::cli::settings::{BOOK_FILE, Settings};
use crate::cli::trouble::Trouble;
use crate::runtime::owner::{self, Config, Owner};
use crate::runtime::retention::Keeping;
use crate::service::{Files, Service};
use crate::store::disk::OpenError;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a data directory that is held and does not answer is tried again: an owner that is just
/// starting or just ending needs a moment.
const PATIENCE: Span = Span::from_secs(10);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// How the runs are reached right now.
#[derive(Clone)]
pub(super) enum Way {
    /// In this process.
    Here(Desk),
    /// Over the owner's socket.
    There(Client),
}

/// One data directory as this process stands to it.
pub(super) struct Home {
    config: Config,
    files: Files,
    purpose: Purpose,
    state: Mutex<State>,
    /// One search for the next owner at a time: a second would find the first in its way.
    seeking: tokio::sync::Mutex<()>,
}

struct State {
    way: Way,
    owned: Option<Owned>,
}

/// What has to be given up at the end.
struct Owned {
    owner: Owner,
    server: JoinHandle<()>,
}

impl Home {
    pub(super) async fn open(settings: &Settings, book: &Path, purpose: Purpose) -> Result<Self, Trouble> {
        let (config, files) = config(settings, book)?;
        let (way, owned) = find_way(&config, &files, purpose).await?;
        let state = Mutex::new(State { way, owned });
        Ok(Self { config, files, purpose, state, seeking: tokio::sync::Mutex::new(()) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn way(&self) -> Way {
        self.state().way.clone()
    }

    /// The data directory.
    pub(super) fn data(&self) -> &Path {
        &self.config.data
    }

    /// Whether this process drives the runs.
    pub(super) fn owns(&self) -> bool {
        self.state().owned.is_some()
    }

    /// Whether the data directory is there no more.
    pub(super) fn gone(&self) -> bool {
        !self.config.data.exists()
    }

    /// Why this process can't go on writing, once it can't.
    pub(super) fn broken(&self) -> Option<String> {
        self.state().owned.as_ref().and_then(|owned| owned.owner.broken().borrow().clone())
    }

    /// The owner that was followed is gone: find the next one, or become it.
    pub(super) async fn again(&self) -> Result<(), Trouble> {
        let _one = self.seeking.lock().await;
        match self.way() {
            Way::Here(_) => return Ok(()),
            Way::There(client) if client.answers().await => {
                // It answers, and what was asked of it broke off: no reason to ask at full speed.
                tokio::time::sleep(PAUSE).await;
                return Ok(());
            }
            Way::There(_) => {}
        }
        let (way, owned) = find_way(&self.config, &self.files, self.purpose).await?;
        let mut state = self.state();
        state.way = way;
        state.owned = owned;
        Ok(())
    }

    /// Hands what this process owns to a process of its own that lasts until the runs have ended.
    pub(super) async fn leave(&self) -> Result<(), Trouble> {
        if !self.close().await {
            return Ok(());
        }
        lasting::launch(&self.config)?;
        let client = Client::new(&self.config.data);
        for _ in 0..tries() {
            // Whoever answers drives what is unfinished; it need not be the one that was started.
            if client.answers().await {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Trouble::new("no process that drives the runs has begun").help("`stepladder drive` does it here"))
    }

    /// Gives up what this process owns; true = it owned something.
    pub(super) async fn close(&self) -> bool {
        let owned = self.state().owned.take();
        match owned {
            Some(Owned { owner, server }) => {
                server.abort();
                let _ = server.await;
                let _ = std::fs::remove_file(self.config.data.join("socket"));
                // The journal closes when the last hold on it goes.
                let closed = Client::new(&self.config.data);
                self.state().way = Way::There(closed);
                owner.close().await;
                true
            }
            None => false,
        }
    }
}

fn config(settings: &Settings, book: &Path) -> Result<(Config, Files), Trouble> {
    let loaded = settings.memo.load(book)?.loaded;
    let text =
        loaded.sources.iter().find(|(_, source)| source.name == BOOK_FILE).map(|(_, source)| Arc::clone(&source.text));
    let program =
        std::env::current_exe().map_err(|error| Trouble::new(format!("cannot find this program itself: {error}")))?;
    let book_dir = std::fs::canonicalize(book).map_err(|reason| Trouble::io("find", book, &reason))?;
    let quiet = settings.live_out || settings.live_err;
    let own = loaded.book.runbooks.iter().map(|(name, runbook)| (name.clone(), runbook.keep)).collect();
    let config = Config {
        keeping: Keeping::new(&loaded.book.settings, own),
        data: book_dir.join(&loaded.book.settings.data),
        book_dir: book_dir.clone(),
        settings: Arc::new(loaded.book.settings.clone()),
        settings_text: text.unwrap_or_else(|| "".into()),
        env: settings.env.clone(),
        program,
        say: Arc::new(move |announcement| {
            if !quiet {
                output::aside(&format!("[{}] {} {}", announcement.level, announcement.title, announcement.message));
            }
            true
        }),
    };
    let memo = settings.memo.clone();
    let files: Files = Arc::new(move || memo.load(&book_dir).map_err(|trouble| trouble.to_string()));
    Ok((config, files))
}

/// How often something is tried before it is given up.
fn tries() -> u64 {
    PATIENCE.millis() / u64::try_from(PAUSE.as_millis()).unwrap_or(1)
}

/// The way to the runs: by owning them where that is wanted and possible, else by asking who does.
async fn find_way(config: &Config, files: &Files, purpose: Purpose) -> Result<(Way, Option<Owned>), Trouble> {
    let mut held = None;
    for _ in 0..tries() {
        match try_to_own(config, files, purpose) {
            Ok(found) => return Ok(found),
            Err(error @ OpenError::Held { .. }) => held = Some(error),
            Err(error @ OpenError::Io { .. }) => {
                let way = "the runs of the book are kept there: see who may write it, or name another directory under \
                           `data` in stepladder.yaml";
                return Err(Trouble::new(error.to_string()).help(way));
            }
            Err(error) => return Err(Trouble::new(error.to_string())),
        }
        let client = Client::new(&config.data);
        if client.answers().await {
            return Ok((Way::There(client), None));
        }
        tokio::time::sleep(PAUSE).await;
    }
    let why = held.map_or_else(|| "nobody answers".into(), |held| held.to_string());
    Err(Trouble::new(format!("{why}; it does not answer on its socket")))
}

fn try_to_own(config: &Config, files: &Files, purpose: Purpose) -> Result<(Way, Option<Owned>), OpenError> {
    let service = |journal, shelf, pump| Service {
        journal,
        shelf,
        pump,
        files: Arc::clone(files),
        env: config.env.clone(),
        secrets: Arc::new(owner::secrets(config)),
        data: config.data.clone(),
        node: "local".into(),
    };
    if matches!(purpose, Purpose::Look | Purpose::Adopt) {
        let opened = owner::open(&config.data, purpose == Purpose::Adopt)?;
        return Ok((Way::Here(Desk::new(service(opened.journal, opened.shelf, None))), None));
    }
    let owner = Owner::open(config)?;
    let service = service(Arc::clone(&owner.journal), Arc::clone(&owner.shelf), Some(owner.pump.clone()));
    let listener = socket::listen(&config.data).map_err(|error| OpenError::io(&config.data, &error))?;
    let serving = socket::serve(listener, service.clone(), std::future::pending());
    let server = tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "the socket can't be served any more; nobody can follow");
        }
    });
    Ok((Way::Here(Desk::new(service)), Some(Owned { owner, server })))
}
