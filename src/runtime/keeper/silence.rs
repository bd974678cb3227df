//! What an owner does about a keeper that does not answer.

use super::client::{KeeperClient, Looked, Order, Shared};
use super::watchdog::{EVERY, Look};
use crate::keeper::protocol::{Ask, PROTOCOL};
use crate::runtime::clock;
use std::path::Path;
use std::sync::{Arc, Weak};

impl KeeperClient {
    /// What is wrong with the keepers, a sentence each.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let state = self.shared.state();
        let waits = |dir: &Path| state.awaited.values().filter(|awaited| awaited.order.is_with(dir)).count();
        let sentence = |dir: &std::path::PathBuf| {
            let name = dir.file_name().unwrap_or_default().to_string_lossy();
            format!(
                "keeper {name} does not answer: the ends of its children ({} are waited for) are not heard of until it does; whose time is up is ended without it",
                waits(dir)
            )
        };
        state.watchdog.silent().map(sentence).collect()
    }
}

/// Asks the keepers with children of ours again and again, as long as there is an owner.
pub(super) async fn watch(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(shared) = shared.upgrade() else { return };
        shared.ask_all();
    }
}

impl Shared {
    fn ask_all(self: &Arc<Self>) {
        let mut silent = Vec::new();
        {
            let mut state = self.state();
            let seats: Vec<_> = state.seats.iter().map(|(dir, seat)| (dir.clone(), seat.clone())).collect();
            for (dir, seat) in seats {
                let busy = state.awaited.values().any(|awaited| awaited.order.is_with(&dir));
                if !busy {
                    continue;
                }
                match state.watchdog.look(&dir, clock::ticks()) {
                    // One that can't be asked is gone, and whoever listens to it notices.
                    Look::Ask => drop(seat.say(&Ask::Hello { protocol: PROTOCOL }, &[])),
                    Look::Wait => {}
                    Look::Silent => silent.push(dir),
                }
            }
        }
        for dir in &silent {
            self.given_up(dir);
        }
    }

    /// It neither starts nor tells: what it has not begun is ordered from another one.
    fn given_up(self: &Arc<Self>, dir: &Path) {
        tracing::error!(keeper = %dir.display(), "a keeper does not answer: new children go to another one; what it has begun goes on, for its time at most, and its end is told when it answers");
        let orders: Vec<_> = {
            let mut state = self.state();
            state.current = state.current.take().filter(|current| current != dir);
            let given = state
                .awaited
                .iter()
                .filter(|(_, awaited)| matches!(&awaited.order, Order::Given { to, .. } if to == dir));
            given.map(|(attempt, awaited)| (attempt.clone(), awaited.clone())).collect()
        };
        for (attempt, awaited) in orders {
            if let (Looked::Nothing, Order::Given { frame, times, .. }) =
                (self.look_after(&attempt, &awaited), awaited.order)
            {
                self.order(attempt, awaited.stem, &frame, times);
            }
        }
    }

    /// A keeper has said something.
    pub(super) fn heard_from(&self, dir: &Path) {
        if self.state().watchdog.heard(dir) {
            tracing::warn!(keeper = %dir.display(), "a keeper answers again; new children stay with the other one");
        }
    }
}
