//! Asking for children, adopting those of an earlier owner, and hearing the end of each exactly once.

use crate::keeper::protocol::{Ask, BadFrame, Exit, PROTOCOL, Process, Spawn, encode};
use crate::keeper::{self, Ending, Evidence};
use crate::runtime::keeper::ear::hear;
use crate::runtime::keeper::instead::Asked;
use crate::runtime::keeper::seat::Seat;
use crate::runtime::keeper::silence::watch;
use crate::runtime::keeper::watchdog::Watchdog;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often the evidence is looked at where no keeper would tell.
pub(super) const LOOK: Duration = Duration::from_millis(250);
/// The same in the end where one does.
const LOOK_BESIDE: Duration = Duration::from_secs(2);
/// How often an order is given: the second time for a keeper that went, idle, just when it was asked.
const ORDERS: u32 = 2;

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
    Exit(Box<Exit>),
    /// Nothing of it is alive and nobody saw its end.
    Lost {
        /// What is known, for a person.
        known: String,
    },
    /// The keeper did not take it; nothing was started.
    Refused {
        /// Why.
        why: String,
    },
    /// There is no keeper and none can be started; nothing was started.
    NoKeeper {
        /// Why.
        why: String,
    },
}

/// What became of an attempt that an earlier owner ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// It was started; its report comes, perhaps at once.
    Minded,
    /// No keeper ever saw it: it may be spawned.
    NeverStarted,
}

/// Who hears reports. Called from the threads that listen to keepers, and from `spawn` and `adopt`.
pub trait Hears: Send + Sync {
    /// Hears of an end.
    fn report(&self, report: Report);
    /// Lets `work` report all that a keeper has said at once, on the thread that listens to it.
    fn together(&self, work: &mut dyn FnMut()) {
        work();
    }
}

impl<F: Fn(Report) + Send + Sync> Hears for F {
    fn report(&self, report: Report) {
        self(report);
    }
}

/// Every keeper of a data directory.
#[derive(Clone)]
pub struct KeeperClient {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    program: PathBuf,
    pub(super) data_dir: PathBuf,
    pub(super) reports: Box<dyn Hears>,
    /// For what is rare and has to wait: looking again.
    pub(super) runtime: tokio::runtime::Handle,
    state: Mutex<State>,
    /// Held while a keeper is started, so that there is one.
    launching: Mutex<u32>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// By directory.
    pub(super) seats: BTreeMap<PathBuf, Seat>,
    /// The one that new children go to.
    pub(super) current: Option<PathBuf>,
    /// Attempts whose end is to be reported.
    pub(super) awaited: BTreeMap<String, Awaited>,
    /// Which keepers answer.
    pub(super) watchdog: Watchdog,
    /// Keepers of a newer release that nobody here can speak to.
    pub(super) newer: Vec<Process>,
    /// Attempts that the keeper of that directory need not remember.
    pub(super) heard: BTreeMap<PathBuf, Vec<String>>,
}

#[derive(Debug, Clone)]
pub(super) struct Awaited {
    pub(super) stem: PathBuf,
    pub(super) order: Order,
    /// Whether somebody looks at its evidence again and again.
    watched: bool,
    /// Whether it is to end.
    pub(super) asked: Option<Asked>,
}

impl Awaited {
    pub(super) fn new(stem: PathBuf, order: Order) -> Self {
        Self { stem, order, watched: false, asked: None }
    }
}

/// Who gave an order.
#[derive(Debug, Clone)]
pub(super) enum Order {
    /// An earlier owner.
    Adopted,
    /// We, to the keeper of that directory.
    Given { frame: Arc<[u8]>, to: PathBuf, times: u32 },
}

impl Order {
    /// Whether the keeper of that directory may have it.
    pub(super) fn is_with(&self, dir: &Path) -> bool {
        match self {
            Self::Adopted => true,
            Self::Given { to, .. } => to == dir,
        }
    }
}

impl KeeperClient {
    /// Connects to every keeper there is; one of this build takes new children, and is started from
    /// `program` when the first is asked for. Each spawned or adopted attempt is reported once.
    ///
    /// Must be called within a runtime.
    pub fn connect_or_launch(program: &Path, data_dir: &Path, reports: Box<dyn Hears>) -> Self {
        let shared = Shared {
            program: program.into(),
            data_dir: data_dir.into(),
            reports,
            runtime: tokio::runtime::Handle::current(),
            state: Mutex::default(),
            launching: Mutex::default(),
        };
        let client = Self { shared: Arc::new(shared) };
        drop(client.shared.runtime.spawn(watch(Arc::downgrade(&client.shared))));
        let build = keeper::build(program);
        for (dir, identity) in keeper::keepers(data_dir).into_iter().filter(|(_, identity)| identity.keeper.is_alive())
        {
            if identity.protocol > PROTOCOL {
                client.shared.not_understood(&dir, &identity);
                continue;
            }
            let takes_new = identity.build == build && identity.protocol == PROTOCOL;
            // One that does not answer is dead or about to be; its attempts speak for themselves.
            if client.shared.connect(&dir).is_ok() && takes_new {
                client.shared.state().current = Some(dir);
            }
        }
        client
    }

    /// Orders a child, with `stdin` for its standard input where `spawn.stdin` says so. Its report tells
    /// all that comes of it. Waits for nobody.
    pub fn spawn(&self, spawn: Spawn, stdin: &[u8]) {
        let (attempt, stem) = (spawn.attempt.clone(), PathBuf::from(&spawn.stem));
        match encode(&Ask::Spawn(Box::new(Spawn { quiet: true, ..spawn })), stdin) {
            Ok(frame) => self.shared.order(attempt, stem, &frame.into(), 1),
            Err(BadFrame(what)) => {
                let why = format!("the order for it is {what}");
                self.shared.reports.report(Report { attempt, end: End::Refused { why } });
            }
        }
    }

    /// Takes over an attempt that an earlier owner ordered.
    #[must_use]
    pub fn adopt(&self, attempt: &str, stem: &Path) -> Adopted {
        let awaited = Awaited::new(stem.into(), Order::Adopted);
        self.shared.state().awaited.insert(attempt.into(), awaited);
        match self.shared.look(attempt, stem) {
            Looked::Told => Adopted::Minded,
            Looked::Alive => {
                self.shared.watch(attempt, stem);
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
        let stem = {
            let mut state = self.shared.state();
            let Some(awaited) = state.awaited.get_mut(attempt) else { return };
            awaited.ask(Ending::Stopped, grace);
            awaited.stem.clone()
        };
        // Without its keeper a child is ours to end.
        self.shared.stand_in(attempt, &stem);
    }

    /// Every attempt of an earlier owner was adopted: what dead keepers left is of no more use.
    pub fn settled(&self) {
        keeper::clear_dead(&self.shared.data_dir);
    }
}

/// What a look at the evidence gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    /// It is over, and reported.
    Told,
    /// It goes on.
    Alive,
    /// It never began.
    Nothing,
}

impl State {
    /// What tells the keeper of that directory which ends it need not remember, if there are any.
    pub(super) fn forget(&mut self, dir: &Path) -> Option<Vec<u8>> {
        encode(&Ask::Forget { attempts: self.heard.remove(dir)? }, &[]).ok()
    }
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives an order to the keeper that takes new children.
    pub(super) fn order(self: &Arc<Self>, attempt: String, stem: PathBuf, frame: &Arc<[u8]>, times: u32) {
        let (dir, seat) = match self.current() {
            Ok(current) => current,
            Err(error) => {
                self.state().awaited.remove(&attempt);
                let why = format!("no keeper can be started: {error}");
                return self.reports.report(Report { attempt, end: End::NoKeeper { why } });
            }
        };
        let forget = {
            let mut state = self.state();
            let forget = state.forget(&dir);
            let order = Order::Given { frame: Arc::clone(frame), to: dir, times };
            state.awaited.insert(attempt, Awaited::new(stem, order));
            forget
        };
        // Together: the keeper wakes up once.
        match forget {
            Some(forget) => seat.send(&[&forget[..], frame].concat()),
            None => seat.send(frame),
        }
    }

    /// The keeper that new children go to, started if need be.
    pub(super) fn current(self: &Arc<Self>) -> io::Result<(PathBuf, Seat)> {
        let mut launched = self.launching.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let state = self.state();
            if let Some((dir, seat)) = state.current.as_ref().and_then(|dir| state.seats.get_key_value(dir)) {
                return Ok((dir.clone(), seat.clone()));
            }
        }
        *launched += 1;
        let started = crate::runtime::clock::now().as_millisecond();
        let id = format!("{started:013x}-{}-{launched}", std::process::id());
        let dir = keeper::launch(&self.program, &self.data_dir, &id)?;
        let seat = self.connect(&dir)?;
        self.state().current = Some(dir.clone());
        Ok((dir, seat))
    }

    fn tell_all(&self, ask: &Ask) {
        for seat in self.state().seats.values() {
            if let Err(error) = seat.say(ask, &[]) {
                tracing::warn!(%error, "cannot ask a keeper");
            }
        }
    }

    pub(super) fn connect(self: &Arc<Self>, dir: &Path) -> io::Result<Seat> {
        let (seat, hearing) = Seat::connect(dir)?;
        let (shared, from) = (Arc::downgrade(self), dir.to_path_buf());
        let ear = std::thread::Builder::new().name("keeper-ear".into());
        ear.spawn(move || hear(&shared, hearing, &from))?;
        self.state().seats.insert(dir.into(), seat.clone());
        Ok(seat)
    }

    /// Reports an end, if it is still awaited.
    pub(super) fn report(&self, attempt: &str, end: End) {
        if self.state().awaited.remove(attempt).is_some() {
            self.reports.report(Report { attempt: attempt.into(), end });
        }
    }

    /// Looks at the evidence and reports what is over.
    pub(super) fn look(&self, attempt: &str, stem: &Path) -> Looked {
        match keeper::evidence(&self.data_dir, stem) {
            Evidence::Ended(exit) => self.report(attempt, End::Exit(exit)),
            Evidence::GoneWithoutTrace => {
                if let Err(error) = keeper::doubt(stem) {
                    tracing::warn!(attempt, %error, "cannot mark that an attempt may have been started");
                }
                let known = "it was started, nothing of it is alive, and its keeper did not live to see its end";
                self.report(attempt, End::Lost { known: known.into() });
            }
            Evidence::Elsewhere => {
                let known = "it was ordered where this data directory was brought from, and nobody here can see what became of it";
                self.report(attempt, End::Lost { known: known.into() });
            }
            Evidence::Alive(_) => return Looked::Alive,
            Evidence::NeverStarted => return Looked::Nothing,
        }
        Looked::Told
    }

    /// Looks again and again until the attempt is over or somebody else has reported it, and ends it where its keeper can't.
    pub(super) fn watch(self: &Arc<Self>, attempt: &str, stem: &Path) {
        match self.state().awaited.get_mut(attempt) {
            Some(awaited) if !awaited.watched => awaited.watched = true,
            Some(_) | None => return,
        }
        let (shared, attempt, stem) = (Arc::downgrade(self), attempt.to_owned(), stem.to_owned());
        self.runtime.spawn(async move {
            let mut pause = LOOK;
            loop {
                tokio::time::sleep(pause).await;
                let Some(shared) = shared.upgrade() else { return };
                if !shared.state().awaited.contains_key(&attempt) || shared.look(&attempt, &stem) != Looked::Alive {
                    return;
                }
                pause = if shared.stand_in(&attempt, &stem) { LOOK } else { LOOK_BESIDE.min(pause * 2) };
            }
        });
    }

    /// A keeper hung up: what it never began is ordered anew, the rest is looked after until it is over.
    pub(super) fn lost(self: &Arc<Self>, dir: &Path) {
        let awaited: Vec<(String, Awaited)> = {
            let mut state = self.state();
            state.seats.remove(dir);
            state.heard.remove(dir);
            state.current = state.current.take().filter(|current| current != dir);
            let with_it = state.awaited.iter().filter(|(_, awaited)| awaited.order.is_with(dir));
            with_it.map(|(attempt, awaited)| (attempt.clone(), awaited.clone())).collect()
        };
        for (attempt, awaited) in awaited {
            match (self.look_after(&attempt, &awaited), awaited.order) {
                (Looked::Nothing, Order::Given { frame, times, .. }) if times < ORDERS => {
                    self.order(attempt, awaited.stem, &frame, times + 1);
                }
                (Looked::Nothing, Order::Given { .. }) => {
                    let why = "two keepers in a row ended before they answered".into();
                    self.report(&attempt, End::NoKeeper { why });
                }
                (Looked::Told | Looked::Alive, _) | (Looked::Nothing, Order::Adopted) => {}
            }
        }
    }
}
