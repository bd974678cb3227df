//! The threads that listen to keepers.

use super::client::{End, LOOK, Looked, Shared};
use super::seat::Hearing;
use crate::keeper::protocol::{Ask, Tell};
use std::path::Path;
use std::sync::{Arc, Weak};

/// Ends that a keeper may still remember though we have heard them, until the next order goes to it.
const FORGET: usize = 32;

/// Listens to a keeper until it hangs up.
pub(super) fn hear(shared: &Weak<Shared>, mut hearing: Hearing, dir: &Path) {
    while let Some(tells) = hearing.next() {
        let Some(shared) = shared.upgrade() else { return };
        let mut tells = tells.into_iter();
        shared.reports.together(&mut || {
            for tell in tells.by_ref() {
                shared.hear(tell, dir);
            }
        });
    }
    let Some(owner) = shared.upgrade() else { return };
    owner.lost(dir);
    // It may live and only have hung up on an owner that was too slow to listen.
    let (shared, dir) = (Weak::clone(shared), dir.to_path_buf());
    owner.runtime.clone().spawn(async move {
        tokio::time::sleep(LOOK).await;
        if let Some(shared) = shared.upgrade() {
            let _ = shared.connect(&dir);
        }
    });
}

impl Shared {
    fn hear(self: &Arc<Self>, tell: Tell, dir: &Path) {
        self.heard_from(dir);
        match tell {
            Tell::Refused { attempt, why } => self.refused(&attempt, why),
            Tell::Ended { attempt, exit } => {
                self.forget(&attempt, dir);
                let exit = self.recorded(&attempt, exit);
                self.report(&attempt, End::Exit(exit));
            }
            Tell::Unknown { why } => tracing::warn!(why, "a keeper did not understand"),
            Tell::Hello { .. } | Tell::Spawned { .. } | Tell::Listed { .. } => {}
        }
    }

    /// A keeper did not take an order. One of an earlier owner may have been on its way to it when we looked:
    /// then that was taken, and its child is the one.
    fn refused(self: &Arc<Self>, attempt: &str, why: String) {
        let Some(stem) = self.state().awaited.get(attempt).map(|awaited| awaited.stem.clone()) else { return };
        match self.look(attempt, &stem) {
            Looked::Told => {}
            Looked::Alive => self.watch(attempt, &stem),
            Looked::Nothing => self.report(attempt, End::Refused { why }),
        }
    }

    /// Its record stays; the keeper's memory of it need not, and goes with the next order.
    fn forget(&self, attempt: &str, dir: &Path) {
        let mut state = self.state();
        let heard = state.heard.entry(dir.into()).or_default();
        heard.push(attempt.into());
        if heard.len() < FORGET {
            return;
        }
        let attempts = std::mem::take(heard);
        if let Some(Err(error)) = state.seats.get(dir).map(|seat| seat.say(&Ask::Forget { attempts }, &[])) {
            tracing::warn!(%error, "cannot ask a keeper");
        }
    }
}
