//! Whose home the data directory is: this process's, or another's that is asked.

use crate::api::Desk;
use crate::api::http::Listen;
use crate::cli::client::Client;
use crate::cli::door::ground::{Ground, Owned, PAUSE, tries};
use crate::cli::door::{Purpose, lasting};
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::service::Duty;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

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
    ground: Ground,
    state: Mutex<State>,
    /// One search for the next owner at a time: a second would find the first in its way.
    seeking: tokio::sync::Mutex<()>,
    /// Whether another process has taken over what this one owned, or is about to.
    handed: AtomicBool,
}

struct State {
    way: Way,
    owned: Option<Owned>,
}

impl Home {
    pub(super) async fn open(settings: &Settings, book: &Path, purpose: Purpose) -> Result<Self, Trouble> {
        let ground = Ground::of(settings, book, purpose)?;
        let (way, owned) = ground.find_way().await?;
        let state = Mutex::new(State { way, owned });
        Ok(Self { ground, state, seeking: tokio::sync::Mutex::new(()), handed: AtomicBool::new(false) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn way(&self) -> Way {
        self.state().way.clone()
    }

    /// The data directory.
    pub(super) fn data(&self) -> &Path {
        &self.ground.config.data
    }

    /// Whether this process drives the runs.
    pub(super) fn owns(&self) -> bool {
        self.state().owned.is_some()
    }

    /// Whether the data directory is there no more.
    pub(super) fn gone(&self) -> bool {
        !self.ground.config.data.exists()
    }

    /// Why this process can't go on writing, once it can't.
    pub(super) fn broken(&self) -> Option<String> {
        self.state().owned.as_ref().and_then(|owned| owned.owner.broken().borrow().clone())
    }

    /// Tells why this process can't go on writing, once it can't.
    pub(super) fn breaks(&self) -> Option<watch::Receiver<Option<String>>> {
        self.state().owned.as_ref().map(|owned| owned.owner.broken())
    }

    /// Where HTTP is to be served over TCP.
    pub(super) fn listen(&self) -> Option<Listen> {
        let config = &self.ground.config;
        config.settings.other.get("http").and_then(|http| Listen::of(http, &config.book_dir))
    }

    /// What this process is, and how it is asked to make room.
    pub(super) fn duty(&self) -> Arc<Duty> {
        Arc::clone(&self.ground.duty)
    }

    /// Makes room for another owner, which is followed from then on.
    pub(super) async fn make_room(&self) {
        let _one = self.seeking.lock().await;
        self.handed.store(true, Ordering::Release);
        let taken = self.close().await && self.next_answers().await;
        self.handed.store(taken, Ordering::Release);
    }

    /// Whether another process has taken over what this one owned, or is about to.
    pub(super) fn handed(&self) -> bool {
        self.handed.load(Ordering::Acquire)
    }

    /// The same, once it is settled.
    pub(super) async fn was_taken_over(&self) -> bool {
        if self.handed() {
            drop(self.seeking.lock().await);
        }
        self.handed()
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
        let (way, owned) = self.ground.find_way().await?;
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
        let mut next = lasting::launch(&self.ground.config)?;
        let client = Client::new(&self.ground.config.data);
        for _ in 0..tries() {
            // Whoever answers drives what is unfinished; it need not be the one that was started. That one may have found
            // nothing left to do, and be over.
            if client.answers().await || next.try_wait().is_ok_and(|over| over.is_some_and(|status| status.success())) {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Trouble::new("no process that drives the runs has begun").help("`stepladder drive` does it here"))
    }

    /// Whether another owner answers in good time.
    async fn next_answers(&self) -> bool {
        let client = Client::new(&self.ground.config.data);
        for _ in 0..tries() {
            if client.answers().await {
                return true;
            }
            tokio::time::sleep(PAUSE).await;
        }
        false
    }

    /// Gives up what this process owns; true = it owned something.
    pub(super) async fn close(&self) -> bool {
        let owned = self.state().owned.take();
        match owned {
            Some(Owned { owner, server }) => {
                server.abort();
                let _ = server.await;
                let _ = std::fs::remove_file(self.ground.config.data.join("socket"));
                // The journal closes when the last hold on it goes.
                let closed = Client::new(&self.ground.config.data);
                self.state().way = Way::There(closed);
                owner.close().await;
                true
            }
            None => false,
        }
    }
}
