//! The ground a home stands on: which data directory, what for, and how its runs are reached from there.

use crate::act::World;
use crate::api::Desk;
use crate::api::socket;
use crate::base::span::Span;
use crate::cli::client::Client;
use crate::cli::door::Purpose;
use crate::cli::door::home::Way;
use crate::cli::settings::{BOOK_FILE, Settings};
use crate::cli::shelf::Memo;
use crate::cli::trouble::Trouble;
use crate::cli::{output, shelf, variables};
use crate::lang::Loaded;
use crate::runtime::accepted::{self, Accepted, Load, Read, Sign};
use crate::runtime::clock;
use crate::runtime::owner::{self, Config, Owner};
use crate::runtime::retention::Keeping;
use crate::service::{Duty, Files, Paging, Service, Stay};
use crate::store::disk::OpenError;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a data directory that is held and does not answer is tried again: an owner that is just
/// starting or just ending needs a moment.
const PATIENCE: Span = Span::from_secs(10);
/// Between two tries.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// Which data directory, and what for.
pub(super) struct Ground {
    pub(super) config: Config,
    files: Files,
    memo: Memo,
    purpose: Purpose,
    /// Whether the settings do not pass their checks: what is read of them is not what was meant.
    doubtful: bool,
    pub(super) duty: Arc<Duty>,
}

/// What has to be given up at the end.
pub(super) struct Owned {
    pub(super) owner: Owner,
    pub(super) server: JoinHandle<()>,
}

/// How often something is tried before it is given up.
pub(super) fn tries() -> u64 {
    PATIENCE.millis() / u64::try_from(PAUSE.as_millis()).unwrap_or(1)
}

impl Ground {
    /// The ground that a book names.
    pub(super) fn of(settings: &Settings, book: &Path, purpose: Purpose) -> Result<Self, Trouble> {
        let (config, files, doubtful) = config(settings, book, purpose)?;
        let stay = if purpose == Purpose::Serve { Stay::Lasting } else { Stay::Passing };
        Ok(Self {
            config,
            files,
            memo: settings.memo.clone(),
            purpose,
            doubtful,
            duty: Arc::new(Duty::new(stay, clock::now())),
        })
    }

    /// The way to the runs: by owning them where that is wanted and possible, else by asking who does.
    pub(super) async fn find_way(&self) -> Result<(Way, Option<Owned>), Trouble> {
        if self.doubtful {
            return self.find_way_in_doubt().await;
        }
        let mut held = None;
        for _ in 0..tries() {
            match self.try_to_own() {
                Ok(found) => return Ok(found),
                Err(error @ OpenError::Held { .. }) => held = Some(error),
                // Who may not write it may be of the group that the socket is for.
                Err(OpenError::Io { .. } | OpenError::OtherUser { .. })
                    if self.purpose != Purpose::Serve && Client::new(&self.config.data).answers().await =>
                {
                    return Ok((Way::There(Client::new(&self.config.data)), None));
                }
                Err(error @ OpenError::Io { .. }) => {
                    let way = "the runs of the book are kept there: see who may write it, or name another directory \
                               under `data` in stepladder.yaml";
                    return Err(Trouble::new(error.to_string()).help(way));
                }
                Err(error) => return Err(Trouble::new(error.to_string())),
            }
            let client = Client::new(&self.config.data);
            if self.purpose == Purpose::Serve {
                // Whoever owns it lets go a moment later; who is starting or ending does not answer yet, or any more.
                match client.make_room().await {
                    Err(trouble) if !trouble.is_lost() => return Err(trouble),
                    Err(_) | Ok(()) => {}
                }
            } else if client.answers().await {
                return Ok((Way::There(client), None));
            }
            tokio::time::sleep(PAUSE).await;
        }
        let why = held.map_or_else(|| "nobody answers".into(), |held| held.to_string());
        Err(Trouble::new(format!("{why}; it does not answer on its socket")))
    }

    /// The same where the settings do not pass their checks: who serves the book goes by their last good text, and nobody
    /// begins to drive runs by a zone, roots and channels that were not meant.
    async fn find_way_in_doubt(&self) -> Result<(Way, Option<Owned>), Trouble> {
        let client = Client::new(&self.config.data);
        if client.answers().await {
            return Ok((Way::There(client), None));
        }
        if matches!(self.purpose, Purpose::Look | Purpose::Adopt) {
            output::aside(&format!(
                "note: `{BOOK_FILE}` does not pass its checks; what can be read of it counts here: `stepladder check {BOOK_FILE}`"
            ));
            return self.try_to_own().map_err(|error| Trouble::new(error.to_string()));
        }
        Err(Trouble::new(format!(
            "`{BOOK_FILE}` does not pass its checks, and nobody serves this book by an earlier text of it"
        ))
        .help(format!("`stepladder check {BOOK_FILE}` shows what is wrong")))
    }

    fn try_to_own(&self) -> Result<(Way, Option<Owned>), OpenError> {
        let config = &self.config;
        let service = |journal, shelf, pump, book: Option<Arc<Accepted>>, tally, paging| Service {
            paging,
            journal,
            shelf,
            pump,
            files: match book.clone() {
                Some(book) => {
                    let memo = self.memo.clone();
                    Arc::new(move || Ok(memo.of(book.offered()?)))
                }
                None => Arc::clone(&self.files),
            },
            book,
            tally,
            once: Arc::default(),
            access: Arc::default(),
            alerts: Arc::default(),
            reaching: Arc::default(),
            env: config.env.clone(),
            settings_text: Arc::clone(&config.settings_text),
            own: Arc::clone(&config.own),
            secrets: Arc::new(owner::secrets(config)),
            world: Arc::new(owner::world(config)),
            data: config.data.clone(),
            node: "local".into(),
            duty: Some(Arc::clone(&self.duty)),
        };
        if matches!(self.purpose, Purpose::Look | Purpose::Adopt) {
            let opened = owner::open(&config.data, self.purpose == Purpose::Adopt)?;
            return Ok((
                Way::Here(Desk::new(service(opened.journal, opened.shelf, None, None, Arc::default(), None))),
                None,
            ));
        }
        let owner = Owner::open(config)?;
        let book = (self.purpose == Purpose::Serve).then(|| self.book(&owner)).transpose()?;
        let (pump, tally) = (Some(owner.pump.clone()), Arc::clone(&owner.tally));
        let paging = Some(Paging { board: Arc::clone(&owner.board), pager: owner.pager.clone() });
        let service = service(Arc::clone(&owner.journal), Arc::clone(&owner.shelf), pump, book, tally, paging);
        let http = config.settings.other.get("http");
        let group = http.and_then(|http| http["socket_group"].as_str());
        let listener = socket::listen(&config.data, group).map_err(|error| OpenError::io(&config.data, &error))?;
        let desk = Desk::new(service);
        let serving = socket::serve(listener, desk.clone(), std::future::pending());
        let server = tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the socket can't be served any more; nobody can follow");
            }
        });
        Ok((Way::Here(desk), Some(Owned { owner, server })))
    }

    /// The book as a daemon has it.
    fn book(&self, owner: &Owner) -> Result<Arc<Accepted>, OpenError> {
        let (dir, other) = (self.config.book_dir.clone(), self.config.book_dir.clone());
        // Which calendars there are is known once the settings have been read.
        let calendars = Arc::new(Mutex::new(Vec::new()));
        let named = Arc::clone(&calendars);
        let read: Read = Arc::new(move || {
            let found = shelf::found(&dir).map_err(|trouble| trouble.to_string())?;
            let files = found.texts.get(BOOK_FILE).map(shelf::calendar_files).unwrap_or_default();
            *named.lock().unwrap_or_else(PoisonError::into_inner) = files;
            Ok(found)
        });
        let sign: Sign =
            Arc::new(move || shelf::signature(&other, &calendars.lock().unwrap_or_else(PoisonError::into_inner)));
        let (journal, texts) = (Arc::clone(&owner.journal), Arc::clone(&owner.shelf));
        let memo = self.memo.clone();
        let load: Load = Arc::new(move |texts| memo.of(texts.clone()).loaded);
        let book = Accepted::open(journal, texts, (read, sign, load), Arc::clone(&self.config.settings_text));
        book.map(Arc::new).map_err(|why| OpenError::io(&self.config.data, &std::io::Error::other(why)))
    }
}

/// The book that a daemon begins with: where its settings do not pass their checks, as it was taken last.
fn last_good(settings: &Settings, book: &Path) -> Result<Arc<Loaded>, Trouble> {
    let loaded = settings.memo.of(shelf::found(book)?.texts).loaded;
    let wrong = loaded.findings.files_with_errors();
    let written = loaded.sources.iter().find(|(_, source)| source.name == BOOK_FILE);
    if written.is_some_and(|(id, _)| !wrong.contains(&id)) {
        return Ok(loaded);
    }
    let none = || {
        Trouble::new(format!("`{BOOK_FILE}` does not pass its checks, and no earlier text of it is known"))
            .help(format!("`stepladder check {BOOK_FILE}` shows what is wrong"))
    };
    let data = book.join(&loaded.book.settings.data);
    if !data.is_dir() {
        return Err(none());
    }
    let opened = owner::open(&data, false).map_err(|error| Trouble::new(error.to_string()))?;
    let texts = accepted::last_texts(opened.journal.as_ref()).map_err(Trouble::new)?;
    if !texts.contains_key(BOOK_FILE) {
        return Err(none());
    }
    tracing::warn!("{BOOK_FILE} does not pass its checks: its last good text counts");
    Ok(settings.memo.of(texts).loaded)
}

/// The place in which messages are sent without an owner: to test the ways to people.
pub(super) fn world(settings: &Settings, book: &Path) -> Result<World, Trouble> {
    config(settings, book, Purpose::Look).map(|(config, ..)| owner::world(&config))
}

fn config(settings: &Settings, book: &Path, purpose: Purpose) -> Result<(Config, Files, bool), Trouble> {
    let loaded = if purpose == Purpose::Serve { last_good(settings, book)? } else { settings.memo.load(book)?.loaded };
    let wrong = loaded.findings.files_with_errors();
    let doubtful = loaded.sources.iter().any(|(id, source)| source.name == BOOK_FILE && wrong.contains(&id));
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
        ladder: Arc::new(loaded.book.escalation.clone().unwrap_or_default()),
        settings_text: text.unwrap_or_else(|| "".into()),
        own: Arc::new(variables::process(settings, purpose == Purpose::Serve)),
        env: settings.env.clone(),
        program,
        say: Arc::new(move |announcement| {
            if purpose == Purpose::Serve {
                let (level, title) = (announcement.level, &announcement.title);
                tracing::info!(%level, title, "{}", announcement.message);
            } else if !quiet {
                output::aside(&format!("[{}] {} {}", announcement.level, announcement.title, announcement.message));
            }
            true
        }),
    };
    let memo = settings.memo.clone();
    let files: Files = Arc::new(move || memo.load(&book_dir).map_err(|trouble| trouble.to_string()));
    Ok((config, files, doubtful))
}
