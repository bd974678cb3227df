//! Asking for children, adopting those of an earlier owner, and hearing the end of each exactly once.

use crate::keeper::protocol::{Ask, Exit, PROTOCOL, Process, Spawn, Tell};
use crate::keeper::{self, Evidence, Orphan};
use crate::runtime::keeper::seat::{Hearing, Seat};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How often the evidence is looked at where no keeper would tell.
const LOOK: Duration = Duration::from_millis(250);

/// The end of an attempt that was spawned or adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which.
    pub attempt: String,
    /// How it ended.
    pub end: End,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// So.
    Exit(Exit),
    /// Nothing of it is alive and nobody saw its end.
    Lost {
        /// What is known, for a person.
        known: String,
    },
}

/// Why there is no child.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoChild {
    /// The keeper did not take it; nothing was started.
    #[error("{0}")]
    Refused(String),
    /// There is no keeper and none can be started.
    #[error("no keeper can be started: {0}")]
    NoKeeper(String),
}

/// What became of an attempt that an earlier owner ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// It was started; its report comes, perhaps at once.
    Minded,
    /// No keeper ever saw it: it may be spawned.
    NeverStarted,
}

/// Every keeper of a data directory.
#[derive(Debug, Clone)]
pub struct KeeperClient {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    program: PathBuf,
    data_dir: PathBuf,
    reports: mpsc::UnboundedSender<Report>,
    state: Mutex<State>,
    /// Held while a keeper is started, so that there is one.
    launching: tokio::sync::Mutex<u32>,
}

#[derive(Debug, Default)]
struct State {
    /// By directory.
    seats: BTreeMap<PathBuf, Seat>,
    /// The one that new children go to.
    current: Option<PathBuf>,
    /// Orders that are not answered yet.
    asked: BTreeMap<String, oneshot::Sender<Result<Option<Process>, String>>>,
    /// Attempts whose end is to be reported, with their spool directories.
    awaited: BTreeMap<String, PathBuf>,
}

impl KeeperClient {
    /// Connects to every keeper there is; one of this build takes new children, and is started from
    /// `program` when the first is asked for. Each spawned or adopted attempt is reported once.
    ///
    /// Must be called within a runtime.
    pub fn connect_or_launch(program: &Path, data_dir: &Path) -> (Self, mpsc::UnboundedReceiver<Report>) {
        let (reports, heard) = mpsc::unbounded_channel();
        let shared = Shared {
            program: program.into(),
            data_dir: data_dir.into(),
            reports,
            state: Mutex::default(),
            launching: tokio::sync::Mutex::default(),
        };
        let client = Self { shared: Arc::new(shared) };
        let build = keeper::build(program);
        for (dir, identity) in keeper::keepers(data_dir) {
            let takes_new = identity.build == build && identity.protocol == PROTOCOL;
            // One that does not answer is dead or about to be; its attempts speak for themselves.
            if identity.keeper.is_alive() && client.shared.connect(&dir).is_ok() && takes_new {
                client.shared.state().current = Some(dir);
            }
        }
        (client, heard)
    }

    /// Starts a child, with `stdin` for its standard input where `spawn.stdin` says so. `None` = it
    /// could not be started, which its report tells.
    ///
    /// # Errors
    /// [`NoChild`]; no report follows.
    pub async fn spawn(&self, spawn: Spawn, stdin: &[u8]) -> Result<Option<Process>, NoChild> {
        let (attempt, dir) = (spawn.attempt.clone(), PathBuf::from(&spawn.dir));
        let ask = Ask::Spawn(Box::new(spawn));
        // The second time for a keeper that went, idle, just when it was asked.
        for _ in 0..2 {
            let seat = self.current().await.map_err(|error| NoChild::NoKeeper(error.to_string()))?;
            let (answer, answered) = oneshot::channel();
            {
                let mut state = self.shared.state();
                state.asked.insert(attempt.clone(), answer);
                state.awaited.insert(attempt.clone(), dir.clone());
            }
            if let Err(error) = seat.say(&ask, stdin) {
                self.shared.unask(&attempt);
                return Err(NoChild::Refused(error.to_string()));
            }
            drop(seat);
            match answered.await {
                Ok(Ok(process)) => return Ok(process),
                Ok(Err(why)) => {
                    self.shared.unask(&attempt);
                    return Err(NoChild::Refused(why));
                }
                // Hung up on: whether it was started is a matter of evidence.
                Err(_) => match keeper::evidence(&self.shared.data_dir, &dir) {
                    Evidence::NeverStarted => {}
                    Evidence::Ended(_) | Evidence::GoneWithoutTrace => {
                        self.shared.look(&attempt, &dir);
                        return Ok(None);
                    }
                    Evidence::Alive(process) => return Ok(Some(process)),
                },
            }
        }
        self.shared.unask(&attempt);
        Err(NoChild::NoKeeper("two in a row ended before they answered".into()))
    }

    /// Takes over an attempt that an earlier owner ordered.
    #[must_use]
    pub fn adopt(&self, attempt: &str, dir: &Path) -> Adopted {
        self.shared.state().awaited.insert(attempt.into(), dir.into());
        match self.shared.look(attempt, dir) {
            Looked::Told => Adopted::Minded,
            Looked::Alive => {
                self.shared.watch(attempt, dir);
                Adopted::Minded
            }
            Looked::Nothing => {
                self.shared.state().awaited.remove(attempt);
                Adopted::NeverStarted
            }
        }
    }

    /// Asks a child to end: TERM to its group, KILL after `grace`. Its report still comes.
    pub fn stop(&self, attempt: &str, grace: Duration) {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        self.shared.tell_all(&Ask::Stop { attempt: attempt.into(), grace_ms });
        let Some(dir) = self.shared.state().awaited.get(attempt).cloned() else { return };
        // Without its keeper a child is ours to end.
        if keeper::end_orphan(&dir, Orphan::Term) {
            tokio::spawn(async move {
                tokio::time::sleep(grace).await;
                keeper::end_orphan(&dir, Orphan::Kill);
            });
        }
    }

    /// Every attempt of an earlier owner was adopted: what dead keepers left is of no more use.
    pub fn settled(&self) {
        keeper::clear_dead(&self.shared.data_dir);
    }

    /// The connection that new children go through, made if need be.
    async fn current(&self) -> io::Result<Seat> {
        let mut launched = self.shared.launching.lock().await;
        {
            let state = self.shared.state();
            if let Some(seat) = state.current.as_ref().and_then(|dir| state.seats.get(dir)) {
                return Ok(seat.clone());
            }
        }
        *launched += 1;
        let started = crate::runtime::clock::now().as_millisecond();
        let id = format!("{started:013x}-{}-{launched}", std::process::id());
        let dir = keeper::launch(&self.shared.program, &self.shared.data_dir, &id)?;
        let seat = self.shared.connect(&dir)?;
        self.shared.state().current = Some(dir);
        Ok(seat)
    }
}

/// What a look at the evidence gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    /// It is over, and reported.
    Told,
    /// It goes on.
    Alive,
    /// It never began.
    Nothing,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unask(&self, attempt: &str) {
        let mut state = self.state();
        state.asked.remove(attempt);
        state.awaited.remove(attempt);
    }

    fn tell_all(&self, ask: &Ask) {
        for seat in self.state().seats.values() {
            if let Err(error) = seat.say(ask, &[]) {
                tracing::warn!(%error, "cannot ask a keeper");
            }
        }
    }

    fn connect(self: &Arc<Self>, dir: &Path) -> io::Result<Seat> {
        let (seat, hearing) = Seat::connect(dir)?;
        self.state().seats.insert(dir.into(), seat.clone());
        tokio::spawn(hear(Arc::downgrade(self), hearing, dir.to_path_buf()));
        Ok(seat)
    }

    /// Reports an end, if it is still awaited.
    fn report(&self, attempt: &str, end: End) {
        if self.state().awaited.remove(attempt).is_some() {
            // Nobody listens any more when the owner goes: the next one will look.
            let _ = self.reports.send(Report { attempt: attempt.into(), end });
        }
    }

    fn hear(&self, tell: Tell) {
        match tell {
            Tell::Spawned { attempt, process } => self.answer(&attempt, Ok(process)),
            Tell::Refused { attempt, why } => self.answer(&attempt, Err(why)),
            Tell::Ended { attempt, exit } => {
                self.report(&attempt, End::Exit(exit));
                // Its record stays; the keeper's memory need not.
                self.tell_all(&Ask::Forget { attempt });
            }
            Tell::Unknown { why } => tracing::warn!(why, "a keeper did not understand"),
            Tell::Hello { .. } | Tell::Listed { .. } => {}
        }
    }

    fn answer(&self, attempt: &str, answer: Result<Option<Process>, String>) {
        if let Some(asked) = self.state().asked.remove(attempt) {
            let _ = asked.send(answer);
        }
    }

    /// Looks at the evidence and reports what is over.
    fn look(&self, attempt: &str, dir: &Path) -> Looked {
        match keeper::evidence(&self.data_dir, dir) {
            Evidence::Ended(exit) => self.report(attempt, End::Exit(exit)),
            Evidence::GoneWithoutTrace => {
                if let Err(error) = keeper::doubt(dir) {
                    tracing::warn!(attempt, %error, "cannot mark that an attempt may have been started");
                }
                let known = "it was started, nothing of it is alive, and its keeper did not live to see its end";
                self.report(attempt, End::Lost { known: known.into() });
            }
            Evidence::Alive(_) => return Looked::Alive,
            Evidence::NeverStarted => return Looked::Nothing,
        }
        Looked::Told
    }

    /// Looks again and again until the attempt is over or somebody else has reported it.
    fn watch(self: &Arc<Self>, attempt: &str, dir: &Path) {
        let (shared, attempt, dir) = (Arc::downgrade(self), attempt.to_owned(), dir.to_owned());
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                let Some(shared) = shared.upgrade() else { return };
                if !shared.state().awaited.contains_key(&attempt) || shared.look(&attempt, &dir) != Looked::Alive {
                    return;
                }
            }
        });
    }

    /// A keeper hung up: orders go unanswered, and every awaited attempt is looked after until it is over.
    fn lost(self: &Arc<Self>, dir: &Path) {
        let awaited = {
            let mut state = self.state();
            state.seats.remove(dir);
            state.current = state.current.take().filter(|current| current != dir);
            state.asked.clear();
            state.awaited.clone()
        };
        for (attempt, dir) in awaited {
            if self.look(&attempt, &dir) == Looked::Alive {
                self.watch(&attempt, &dir);
            }
        }
    }
}

async fn hear(shared: Weak<Shared>, mut hearing: Hearing, dir: PathBuf) {
    while let Some(tell) = hearing.next().await {
        match shared.upgrade() {
            Some(shared) => shared.hear(tell),
            None => return,
        }
    }
    let Some(owner) = shared.upgrade() else { return };
    owner.lost(&dir);
    drop(owner);
    // It may live and only have hung up on an owner that was too slow to listen.
    tokio::time::sleep(LOOK).await;
    if let Some(shared) = shared.upgrade() {
        let _ = shared.connect(&dir);
    }
}
