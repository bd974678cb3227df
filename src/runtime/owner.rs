//! The owner: whoever holds the data directory's lock, drives its runs, and answers for them.

use crate::act::channel::Posted;
use crate::act::{Say, Seal, Secrets, World};
use crate::lang::set::Setting;
use crate::model::book::Settings;
use crate::model::escalation::Escalation;
use crate::runtime::adopt;
use crate::runtime::clock::{self, BootClock};
use crate::runtime::incidents::board::Board;
use crate::runtime::index::projection;
use crate::runtime::keeper::KeeperClient;
use crate::runtime::pager::Pager;
use crate::runtime::perform::Hands;
use crate::runtime::pump::{Message, Post, Pump, post_box};
use crate::runtime::retention::{Keeping, Retention};
use crate::runtime::shelf::Shelf;
use crate::runtime::tally::Tally;
use crate::runtime::telemetry::{self, Exporting, Telemetry};
use crate::store::Journal;
use crate::store::disk::{self, DiskJournal, Host, OpenError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

/// Changes whenever `engine::project` or `schedule::project` makes other rows of the same events.
const PROJECT_VERSION: &str = "runs 4, series 2, ledger 3, judged 1, incidents 1, used 1";

/// Names of the owner's environment that every child gets, where they are set.
const BASE_ENV: &[&str] = &["PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "DBUS_SYSTEM_BUS_ADDRESS"];

/// Everything an owner is told.
#[derive(Clone)]
pub struct Config {
    /// The book.
    pub book_dir: PathBuf,
    /// The data directory.
    pub data: PathBuf,
    /// `stepladder.yaml`, decoded.
    pub settings: Arc<Settings>,
    /// `escalation.yaml`; empty where the book has none.
    pub ladder: Arc<Escalation>,
    /// `stepladder.yaml`, as written.
    pub settings_text: Arc<str>,
    /// What this process goes by beside it: flags and variables.
    pub own: Arc<Vec<Setting>>,
    /// How long finished runs are kept.
    pub keeping: Keeping,
    /// The owner's environment.
    pub env: BTreeMap<String, String>,
    /// This binary: keepers and step-hosts are it again.
    pub program: PathBuf,
    /// The terminal.
    pub say: Say,
}

/// An open data directory whose runs are not driven.
pub struct Opened {
    /// Its journal.
    pub journal: Arc<dyn Journal>,
    /// The same, as it is on the disk.
    pub disk: Arc<DiskJournal>,
    /// Pinned books.
    pub shelf: Arc<Shelf>,
}

/// A data directory whose runs are driven by this process.
pub struct Owner {
    /// Its journal.
    pub journal: Arc<dyn Journal>,
    /// Pinned books.
    pub shelf: Arc<Shelf>,
    /// The way to the pump.
    pub pump: Post,
    /// What it counts.
    pub tally: Arc<Tally>,
    /// What is durable of the incidents it drives.
    pub board: Arc<Board>,
    /// Messages about them on their way.
    pub pager: Pager,
    thread: Option<std::thread::JoinHandle<()>>,
    broken: watch::Receiver<Option<String>>,
    keepers: KeeperClient,
    retention: Retention,
    exporting: Option<Exporting>,
}

/// Opens a data directory without driving anything; with `adopt` one of another machine, too, which is
/// this machine's from then on.
///
/// # Errors
/// [`OpenError`]; `Held` when there is an owner to ask.
pub fn open(data: &std::path::Path, adopt: bool) -> Result<Opened, OpenError> {
    let settings =
        disk::Settings { project: projection(), project_version: PROJECT_VERSION.into(), host: Host::here(), adopt };
    let journal = DiskJournal::open(data, settings)?;
    for (stream, what) in journal.damaged_streams() {
        tracing::error!(%stream, %what, "a stream is damaged; it is left alone, everything else goes on");
    }
    if journal.was_torn() {
        tracing::warn!(
            "what stood behind the end of the journal was cut off and is in `{}`: nobody was told of it, unless the device has destroyed the last second",
            disk::SALVAGE
        );
    }
    if journal.is_elsewhere() {
        let lost = adopt::adopt(&journal, data).map_err(|error| OpenError::io(data, &error))?;
        tracing::info!(
            lost,
            "the data directory is ours from now on; what became of so many attempts nobody here can see"
        );
    }
    let disk = Arc::new(journal);
    let journal: Arc<dyn Journal> = disk.clone();
    Ok(Opened { journal, disk, shelf: Arc::default() })
}

impl Owner {
    /// Takes a data directory, and up every run an earlier owner left. Must be called within a runtime.
    ///
    /// # Errors
    /// [`OpenError`]; `Held` when there is an owner to follow.
    pub fn open(config: &Config) -> Result<Self, OpenError> {
        let opened = open(&config.data, false)?;
        let (sender, inbox) = post_box();
        let places = (config.data.clone(), config.program.clone());
        let board = Arc::new(Board::default());
        let text = Arc::clone(&config.settings_text);
        let (hands, keepers) = Hands::new(world(config), text, places, sender.clone(), Arc::clone(&board));
        let pager = hands.pager();
        let (broke, broken) = watch::channel(None);
        let on_broken = Box::new(move |why: &str| drop(broke.send(Some(why.to_owned()))));
        let node = "local".to_owned();
        let (journal, shelf) = (Arc::clone(&opened.journal), Arc::clone(&opened.shelf));
        let pump = Pump::new(journal, shelf, Box::new(hands), sender.clone(), node, on_broken);
        let mut pump = pump.about(Arc::clone(&board), config.env.clone());
        pump.boot = BootClock::here();
        let exporting = export(config, &opened.journal, &pump.tally).map(|(telemetry, exporting)| {
            pump.telemetry = telemetry;
            exporting
        });
        let tally = Arc::clone(&pump.tally);
        let thread = std::thread::Builder::new().name("pump".into()).spawn(move || pump.run(inbox));
        let thread = thread.map_err(|error| OpenError::io(&config.data, &error))?;
        let retention = Retention::start(opened.disk, config.keeping.clone(), config.data.clone());
        let retention = retention.map_err(|error| OpenError::io(&config.data, &error))?;
        let (journal, shelf, thread) = (opened.journal, opened.shelf, Some(thread));
        Ok(Self { journal, shelf, pump: sender, tally, board, pager, thread, broken, keepers, retention, exporting })
    }

    /// Why the journal can't go on, once it can't.
    pub fn broken(&self) -> watch::Receiver<Option<String>> {
        self.broken.clone()
    }

    /// Drives nothing further, lets the last batch through, and gives the data directory up. Children
    /// under the keeper go on; the next owner hears of them.
    pub async fn close(mut self) {
        let (done, through) = oneshot::channel();
        if self.pump.send(Message::Stop(done)).is_ok() {
            let _ = through.await;
        }
        if let Some(thread) = self.thread.take() {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        // The pump is gone, and with it whoever could tell of more.
        if let Some(exporting) = self.exporting.take() {
            exporting.close().await;
        }
        let _ = tokio::task::spawn_blocking(move || self.retention.stop()).await;
        self.keepers.settled();
    }
}

/// Begins to send traces, where they are to go somewhere.
fn export(config: &Config, journal: &Arc<dyn Journal>, tally: &Arc<Tally>) -> Option<(Telemetry, Exporting)> {
    match telemetry::setup(&config.settings.telemetry, &config.env) {
        Ok(None) => None,
        Ok(Some(setup)) => {
            tracing::info!(endpoint = %shown(&setup.collector.url), "traces of runs are sent (`telemetry`)");
            Some(Telemetry::start(setup, world(config), Arc::clone(journal), tally))
        }
        Err(why) => {
            tracing::error!(%why, "no traces are sent");
            None
        }
    }
}

/// The host of a URL: what is behind it may open something.
fn shown(url: &str) -> &str {
    let whole = &url[url.find("://").map_or(0, |at| at + 3)..];
    let host = whole.split(['/', '?', '#']).next().unwrap_or_default();
    if whole[host.len()..].contains('@') {
        // A password with a `/` in it, or a path with an `@`: nobody can say where the host is.
        return "***";
    }
    host.rsplit('@').next().unwrap_or_default()
}

/// Where the secrets of the book are, for this owner.
#[must_use]
pub fn secrets(config: &Config) -> Secrets {
    Secrets {
        sources: config.settings.secrets.clone(),
        environment: config.env.clone(),
        book_dir: config.book_dir.clone(),
        credentials: config.env.get("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        seal: Some(Seal::of(&config.data)),
    }
}

/// The place in which this owner performs steps and sends messages.
#[must_use]
pub fn world(config: &Config) -> World {
    let base_env = BASE_ENV.iter().filter_map(|name| Some(((*name).to_owned(), config.env.get(*name)?.clone())));
    World {
        book_dir: config.book_dir.clone(),
        run_dir: config.data.join("runs"),
        settings: Arc::clone(&config.settings),
        ladder: Arc::clone(&config.ladder),
        secrets: secrets(config).into(),
        base_env: base_env.collect(),
        now: clock::now(),
        ticks: clock::ticks,
        timekeeping: clock::timekeeping,
        say: Arc::clone(&config.say),
        posted: Posted::default(),
    }
}
