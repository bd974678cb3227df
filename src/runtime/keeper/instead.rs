//! What an owner does in the place of a keeper that is dead or does not answer: whoever's time is up, or was asked to stop,
//! is ended by it, and nothing is ordered any more that somebody asked to stop.

use super::client::{Awaited, End, Looked, Shared};
use crate::keeper::protocol::{Exit, PROTOCOL, Process};
use crate::keeper::{self, Ending, Identity, Unminded};
use crate::runtime::clock;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// That an attempt is to end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    why: Ending,
    /// When it is killed, on the clock that only goes forward.
    kill_at: Duration,
    /// Whether we have told it ourselves.
    told: bool,
}

impl Awaited {
    /// It is to end within that time.
    pub(super) fn ask(&mut self, why: Ending, grace: Duration) {
        let kill_at = clock::ticks().saturating_add(grace);
        let asked = self.asked.get_or_insert(Asked { why, kill_at, told: false });
        asked.kill_at = asked.kill_at.min(kill_at);
    }
}

impl Shared {
    /// Ends a child that its keeper does not mind, where that is due; whether its keeper does not.
    pub(super) fn stand_in(&self, attempt: &str, stem: &Path) -> bool {
        let Some(child) = keeper::unminded(stem, &self.silent()) else { return false };
        let asked = {
            let mut state = self.state();
            let Some(awaited) = state.awaited.get_mut(attempt) else { return true };
            if awaited.asked.is_none() && child.is_overdue() {
                awaited.ask(Ending::TimedOut, child.grace());
            }
            let Some(asked) = &mut awaited.asked else { return true };
            let before = *asked;
            asked.told = true;
            before
        };
        end(attempt, &child, asked);
        true
    }

    /// Reports an attempt that somebody asked to stop before a keeper had begun it. False where nobody asked, or one has begun
    /// it after all.
    pub(super) fn never_begun(&self, attempt: &str, awaited: &Awaited) -> bool {
        if awaited.asked.is_none() {
            return false;
        }
        // A keeper that goes on finds its record there and begins nothing.
        if let Err(error) = keeper::doubt(&awaited.stem) {
            tracing::warn!(attempt, %error, "cannot mark that an attempt was stopped before it had begun");
        }
        match keeper::evidence(&self.data_dir, &awaited.stem) {
            keeper::Evidence::Alive(_) | keeper::Evidence::Ended(_) => false,
            keeper::Evidence::GoneWithoutTrace | keeper::Evidence::Elsewhere | keeper::Evidence::NeverStarted => {
                let exit = Exit { stopped: true, ..Exit::default() };
                self.report(attempt, End::Exit(Box::new(exit)));
                true
            }
        }
    }

    /// An end that a keeper tells, as it is recorded where we had a hand in it.
    pub(super) fn recorded(&self, attempt: &str, exit: Box<Exit>) -> Box<Exit> {
        let ours = |awaited: &Awaited| awaited.asked.is_some_and(|asked| asked.told).then(|| awaited.stem.clone());
        let stem = self.state().awaited.get(attempt).and_then(ours);
        stem.and_then(|stem| keeper::read_exit(&stem)).map_or(exit, Box::new)
    }

    /// The keepers that do not answer, or would not be understood.
    fn silent(&self) -> Vec<Process> {
        let (dirs, newer): (Vec<_>, _) = {
            let state = self.state();
            (state.watchdog.silent().cloned().collect(), state.newer.clone())
        };
        let silent = dirs.iter().filter_map(|dir| keeper::identity(dir)).map(|identity| identity.keeper);
        silent.chain(newer).collect()
    }

    /// A keeper of a newer release, left alone: its records say what becomes of its children, and who is to be stopped is
    /// stopped without it.
    pub(super) fn not_understood(&self, dir: &Path, identity: &Identity) {
        let Identity { protocol, build, .. } = identity;
        tracing::warn!(
            keeper = %dir.display(),
            "a keeper of a newer release ({build}) speaks protocol {protocol}, and this release only up to {PROTOCOL}: its children \
             go on, and their ends are read from its records; new children go to another keeper"
        );
        self.state().newer.push(identity.keeper.clone());
    }

    /// An attempt of a keeper that is gone, or was given up: what it never began is ordered anew or over, the rest is looked
    /// after until it is over.
    pub(super) fn look_after(self: &Arc<Self>, attempt: &str, awaited: &Awaited) -> Looked {
        match self.look(attempt, &awaited.stem) {
            Looked::Told => Looked::Told,
            Looked::Nothing if self.never_begun(attempt, awaited) => Looked::Told,
            Looked::Nothing => Looked::Nothing,
            Looked::Alive => {
                self.watch(attempt, &awaited.stem);
                Looked::Alive
            }
        }
    }
}

fn end(attempt: &str, child: &Unminded, asked: Asked) {
    let Asked { why, kill_at, told } = asked;
    let noted = if kill_at <= clock::ticks() {
        child.kill(why)
    } else if told {
        Ok(())
    } else {
        child.ask_to_end(why)
    };
    if let Err(error) = noted {
        tracing::warn!(attempt, %error, "cannot write down that a child was ended in the place of its keeper");
    }
    if !told {
        tracing::warn!(attempt, why = ?why, "a child is ended in the place of its keeper, which is dead or does not answer");
    }
}
