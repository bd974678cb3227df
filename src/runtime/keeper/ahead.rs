//! Orders that a keeper is told of before they are given: while the owner makes one durable, the keeper makes everything
//! ready but starts nothing, and the order itself is one short word (decision 45).

use super::client::{Awaited, KeeperClient, Order};
use crate::keeper::protocol::{Ask, Spawn, encode};
use std::path::PathBuf;
use std::sync::Arc;

/// A child that a keeper is ready to start.
#[derive(Debug)]
pub struct Ahead {
    attempt: String,
    stem: PathBuf,
    /// The keeper, by its directory.
    to: PathBuf,
    /// What starts it.
    go: Vec<u8>,
    /// The same for a keeper that was told nothing yet.
    whole: Arc<[u8]>,
}

impl KeeperClient {
    /// Starts a keeper where there is none: it begins while the first order becomes durable. One that can't be started is
    /// said so when it is asked for something.
    pub fn expect_children(&self) {
        let _ = self.shared.current();
    }

    /// Tells the keeper of a child that is about to be ordered. `None` = there is no keeper yet, or the order does not fit.
    #[must_use]
    pub fn prepare(&self, spawn: Spawn, stdin: &[u8]) -> Option<Ahead> {
        let (attempt, stem) = (spawn.attempt.clone(), PathBuf::from(&spawn.stem));
        let told = encode(&Ask::Prepare(Box::new(Spawn { quiet: true, ..spawn })), stdin).ok()?;
        let go = encode(&Ask::Go { attempt: attempt.clone() }, &[]).ok()?;
        let (to, seat) = {
            let state = self.shared.state();
            let (to, seat) = state.seats.get_key_value(state.current.as_ref()?)?;
            (to.clone(), seat.clone())
        };
        seat.send(&told);
        let whole = [&told[..], &go].concat().into();
        Some(Ahead { attempt, stem, to, go, whole })
    }

    /// Orders a child that its keeper was told of. Its report tells all that comes of it, as that of one that was spawned.
    pub fn go(&self, ahead: Ahead) {
        let Ahead { attempt, stem, to, go, whole } = ahead;
        let told = {
            let mut state = self.shared.state();
            let seat = state.seats.get(&to).filter(|_| state.current.as_ref() == Some(&to)).cloned();
            seat.map(|seat| {
                let order = Order::Given { frame: Arc::clone(&whole), to: to.clone(), times: 1 };
                state.awaited.insert(attempt.clone(), Awaited::new(stem.clone(), order));
                (seat, state.forget(&to))
            })
        };
        match told {
            // Together: the keeper wakes up once.
            Some((seat, Some(forget))) => seat.send(&[&forget[..], &go].concat()),
            Some((seat, None)) => seat.send(&go),
            None => self.shared.order(attempt, stem, &whole, 1),
        }
    }

    /// The child will not be ordered after all.
    pub fn never(&self, ahead: Ahead) {
        let seat = self.shared.state().seats.get(&ahead.to).cloned();
        if let Some(Err(error)) = seat.map(|seat| seat.say(&Ask::Never { attempt: ahead.attempt }, &[])) {
            tracing::warn!(%error, "cannot tell a keeper that there is no order");
        }
    }
}
