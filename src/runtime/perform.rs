//! The effects: reads in this process, children and changes under the keeper.
//!
//! Every attempt gets exactly one reply, whatever happens to it. An attempt that an earlier owner
//! ordered is adopted, or its evidence is told; it is started only when no keeper ever saw it.

use crate::act::{self, Filled, Seat, World};
use crate::base::address::Place;
use crate::base::ids::{IncidentId, RunId};
use crate::base::value::Value;
use crate::engine::decide::Input;
use crate::escalation::event::Page;
use crate::keeper::protocol::Spawn;
use crate::model::book::Settings;
use crate::model::perform::{Failure, Reply, Request, Usage};
use crate::model::policy::FailureKind;
use crate::runtime::incidents::board::Board;
use crate::runtime::keeper::{Adopted, End, KeeperClient, Report};
use crate::runtime::pager::Pager;
use crate::runtime::perform::end::used;
use crate::runtime::perform::keep::asks_providers;
use crate::runtime::perform::late::timed_out;
use crate::runtime::perform::pages::Pages;
use crate::runtime::pump::{Message, Perform};
use crate::runtime::{clock, spool, step_host};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

mod end;
mod keep;
pub(super) mod late;
mod pages;

/// From TERM to KILL when an attempt is stopped.
const GRACE: Duration = Duration::from_secs(10);

/// Everything that is being done.
#[derive(Clone)]
pub struct Hands {
    shared: Arc<Shared>,
}

struct Shared {
    handle: tokio::runtime::Handle,
    keeper: KeeperClient,
    world: World,
    /// `stepladder.yaml`, for step-hosts.
    settings: Arc<str>,
    data: PathBuf,
    program: PathBuf,
    sender: Sender<Message>,
    state: Mutex<State>,
    pages: Pages,
}

#[derive(Default)]
struct State {
    /// In this process.
    here: BTreeMap<Key, tokio::task::AbortHandle>,
    /// Under the keeper, by the id it knows.
    children: BTreeMap<String, (RunId, Request)>,
    /// Asked to stop before it had begun.
    stopped: BTreeSet<Key>,
    /// What was masked in those of them whose files may be kept.
    masks: BTreeMap<String, Filled>,
    /// Ended, their files being kept.
    keeping: BTreeSet<String>,
    /// Runs whose own directory is there.
    homes: BTreeSet<RunId>,
}

type Key = (RunId, Place, u32);

impl Hands {
    /// Hands for one data directory, with the keepers' client for it. `program` is this binary.
    ///
    /// Must be called within a runtime.
    #[must_use]
    pub fn new(
        world: World,
        settings: Arc<str>,
        (data, program): (PathBuf, PathBuf),
        sender: Sender<Message>,
        board: Arc<Board>,
    ) -> (Self, KeeperClient) {
        let handle = tokio::runtime::Handle::current();
        let state = Mutex::default();
        let back = sender.clone();
        let pager = Pager::new(world.clone(), Arc::new(move |key, sent, _| pages::told(&key, sent, &back)));
        let pages = Pages::new(pager, board, world.secrets.seal.clone(), &world.settings);
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| {
            let shared = Weak::clone(shared);
            let hears = Box::new(move |report| {
                if let Some(shared) = shared.upgrade() {
                    shared.hear(report);
                }
            });
            let keeper = KeeperClient::connect_or_launch(&program, &data, hears);
            Shared { handle, keeper, world, settings, data, program, sender, state, pages }
        });
        let keeper = shared.keeper.clone();
        (Self { shared }, keeper)
    }
}

impl Hands {
    /// The outbox of messages about incidents.
    #[must_use]
    pub fn pager(&self) -> Pager {
        self.shared.pages.pager()
    }
}

impl Perform for Hands {
    fn perform(&self, run: RunId, request: Request, deadline: Option<Timestamp>, again: bool) {
        let shared = Arc::clone(&self.shared);
        let key = key(run, &request);
        match act::seat(&request) {
            Seat::Here => {
                // Held over the start: a read that ends at once takes itself off the list after it was put there.
                let mut state = self.shared.state();
                let task = self.shared.handle.spawn(shared.here(run, request, deadline));
                state.here.insert(key, task.abort_handle());
            }
            // Most children need no secret, and nobody has to be waited for: they are ordered at once.
            Seat::Child if !again && !names_secrets(&request) => {
                let id = shared.minds(run, &request);
                match shared.child_order(&request, &shared.world(run), &Filled::default(), deadline) {
                    Ok((spawn, stdin)) => shared.keeper.spawn(spawn, &stdin),
                    Err(failure) => shared.not_ordered(run, &request, &id, failure),
                }
            }
            Seat::Child | Seat::Host => {
                shared.minds(run, &request);
                drop(self.shared.handle.spawn(shared.child(run, request, deadline, again)));
            }
        }
    }

    fn stop(&self, run: RunId, place: &Place, attempt: u32) {
        let key = (run, place.clone(), attempt);
        let mut state = self.shared.state();
        if let Some(task) = state.here.remove(&key) {
            task.abort();
            drop(state);
            let reply = Reply::Stopped { output: Value::Null };
            let input = Input::Replied { place: key.1, attempt, reply, usage: None };
            let _ = self.shared.sender.send(Message::Input { run, input });
            return;
        }
        let id = spool::attempt_id(&run.to_string(), place, attempt);
        let known = state.children.contains_key(&id);
        let first = state.stopped.insert(key);
        drop(state);
        if known && first {
            self.shared.keeper.stop(&id, GRACE);
        }
    }

    fn kill(&self, run: RunId) {
        let state = self.shared.state();
        let ids: Vec<String> =
            state.children.iter().filter(|(_, (owner, _))| *owner == run).map(|(id, _)| id.clone()).collect();
        drop(state);
        for id in &ids {
            self.shared.keeper.stop(id, Duration::ZERO);
        }
    }

    fn gone(&self, run: RunId) {
        let text = run.to_string();
        {
            let mut state = self.shared.state();
            state.stopped.retain(|(other, _, _)| *other != run);
            state.homes.remove(&run);
        }
        let (dir, shared) = (self.shared.run_dir(run), Arc::clone(&self.shared));
        self.shared.handle.spawn_blocking(move || {
            if let Err(error) = std::fs::remove_dir_all(&dir)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(run = %text, %error, "the run's own directory could not be removed");
            }
            drop(shared);
        });
    }

    fn page(&self, incident: IncidentId, page: &Page, severity: &str, again: bool) {
        self.shared.pages.send(incident, page, severity, again);
    }

    fn settings(&self, settings: &Arc<Settings>) {
        self.shared.pages.pager().reconfigure(Arc::clone(settings));
    }

    fn withdraw(&self, incident: IncidentId, page: u32) {
        self.shared.pages.withdraw(incident, page);
    }

    fn troubles(&self) -> Vec<String> {
        self.shared.keeper.troubles()
    }

    fn has(&self, run: RunId, place: &Place, attempt: u32) -> bool {
        let id = spool::attempt_id(&run.to_string(), place, attempt);
        let state = self.shared.state();
        state.here.contains_key(&(run, place.clone(), attempt))
            || state.children.contains_key(&id)
            || state.keeping.contains(&id)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run_dir(&self, run: RunId) -> PathBuf {
        self.data.join("runs").join(run.to_string())
    }

    fn world(&self, run: RunId) -> World {
        World { run_dir: self.run_dir(run), now: clock::now(), ..self.world.clone() }
    }

    /// From here on somebody is at this attempt; the id by which the keeper knows it.
    fn minds(&self, run: RunId, request: &Request) -> String {
        let id = spool::attempt_id(&request.run, &request.place, request.attempt);
        self.state().children.insert(id.clone(), (run, request.clone()));
        id
    }

    /// A read, in this process, for at most its time.
    async fn here(self: Arc<Self>, run: RunId, request: Request, deadline: Option<Timestamp>) {
        let world = self.world(run);
        let left = left(&request, deadline);
        let reply = match left {
            Some(left) => {
                tokio::time::timeout(left, act::perform(&request, &world)).await.unwrap_or_else(|_| timed_out(&request))
            }
            None => act::perform(&request, &world).await,
        };
        self.state().here.remove(&key(run, &request));
        let _ = self.sender.send(reply.into_input(run, &request, None));
    }

    /// A child process, or a step-host, under the keeper.
    async fn child(self: Arc<Self>, run: RunId, request: Request, deadline: Option<Timestamp>, again: bool) {
        let id = spool::attempt_id(&request.run, &request.place, request.attempt);
        let stem = spool::stem(&self.data, &request.run, &request.place, request.attempt);
        if again && self.keeper.adopt(&id, &stem) == Adopted::Minded {
            // Asked to stop before it was ours: nobody else passes that on.
            if self.state().stopped.contains(&key(run, &request)) {
                self.keeper.stop(&id, GRACE);
            }
            return;
        }
        match self.order(&request, &self.world(run), deadline).await {
            Ok((spawn, stdin)) => {
                self.keeper.spawn(spawn, &stdin);
                if self.state().stopped.contains(&key(run, &request)) {
                    self.keeper.stop(&id, GRACE);
                }
            }
            Err(failure) => self.not_ordered(run, &request, &id, failure),
        }
    }

    /// There will be no child: the attempt is over.
    fn not_ordered(&self, run: RunId, request: &Request, id: &str, failure: Failure) {
        let mut state = self.state();
        state.children.remove(id);
        state.masks.remove(id);
        drop(state);
        let _ = self.sender.send(Reply::Failed(failure).into_input(run, request, None));
    }

    /// Hears the end of a child.
    fn hear(self: Arc<Self>, report: Report) {
        let mut state = self.state();
        let Some((run, request)) = state.children.remove(&report.attempt) else { return };
        let masks = state.masks.remove(&report.attempt);
        let ended = matches!(&report.end, End::Exit(exit) if exit.start_error.is_none());
        if ended && !request.artifacts.is_empty() {
            state.keeping.insert(report.attempt.clone());
            drop(state);
            let handle = self.handle.clone();
            drop(handle.spawn(self.keep(run, request, masks, report)));
            return;
        }
        drop(state);
        let usage = used(&report.end);
        let reply = self.reply_of(&request, report.end);
        let _ = self.sender.send(reply.into_input(run, &request, usage));
    }

    /// What the keeper is to start, and the standard input for it.
    async fn order(
        &self,
        request: &Request,
        world: &World,
        deadline: Option<Timestamp>,
    ) -> Result<(Spawn, Vec<u8>), Failure> {
        let filled = world.secrets.gather(request).await?;
        if act::seat(request) == Seat::Child {
            return self.child_order(request, world, &filled, deadline);
        }
        let spawn = self.spawn(request, world, filled.masks(), deadline)?;
        let order = step_host::Order::new(request, world, &self.settings).await?;
        let argv = vec![self.program.to_string_lossy().into_owned(), step_host::ARGUMENT.into()];
        let (env, cwd) = (world.base_env.clone(), world.book_dir.to_string_lossy().into_owned());
        Ok((Spawn { argv, env, cwd, stdin: true, result: true, ..spawn }, order))
    }

    /// The same for a child that is a command of the author's.
    fn child_order(
        &self,
        request: &Request,
        world: &World,
        filled: &Filled,
        deadline: Option<Timestamp>,
    ) -> Result<(Spawn, Vec<u8>), Failure> {
        let command = act::command(request, world, filled)?;
        if !request.artifacts.is_empty() {
            let id = spool::attempt_id(&request.run, &request.place, request.attempt);
            self.state().masks.insert(id, filled.clone());
        }
        let spawn = self.spawn(request, world, command.masks, deadline)?;
        let (stdin, cwd) = (command.stdin.is_some(), command.cwd.to_string_lossy().into_owned());
        let spawn = Spawn { argv: command.argv, env: command.env, cwd, stdin, ..spawn };
        Ok((spawn, command.stdin.unwrap_or_default()))
    }

    /// What every order has; the run's own directory is there then.
    fn spawn(
        &self,
        request: &Request,
        world: &World,
        masks: Vec<String>,
        deadline: Option<Timestamp>,
    ) -> Result<Spawn, Failure> {
        self.make_home(request, &world.run_dir)?;
        let stem = spool::stem(&self.data, &request.run, &request.place, request.attempt);
        Ok(Spawn {
            attempt: spool::attempt_id(&request.run, &request.place, request.attempt),
            stem: stem.to_string_lossy().into_owned(),
            deadline_ms: left(request, deadline).map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
            grace_ms: u64::try_from(GRACE.as_millis()).unwrap_or(u64::MAX),
            output_limit: world.settings.output_limit,
            masks,
            ..Spawn::default()
        })
    }

    fn make_home(&self, request: &Request, dir: &Path) -> Result<(), Failure> {
        use std::os::unix::fs::DirBuilderExt;
        let Ok(run) = RunId::parse(&request.run) else { return Ok(()) };
        if self.state().homes.contains(&run) {
            return Ok(());
        }
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|error| Failure::new(FailureKind::Start, format!("cannot make `{}`: {error}", dir.display())))?;
        self.state().homes.insert(run);
        Ok(())
    }
}

fn key(run: RunId, request: &Request) -> Key {
    (run, request.place.clone(), request.attempt)
}

/// Whether something has to be fetched for it first.
fn names_secrets(request: &Request) -> bool {
    // A secret input is masked in every step of its run, also where nobody names it.
    !request.sealed.is_empty() || asks_providers(request)
}

/// How much of its time is left.
fn left(request: &Request, deadline: Option<Timestamp>) -> Option<Duration> {
    let by_clock =
        deadline.map(|deadline| Duration::try_from(deadline.duration_since(clock::now())).unwrap_or_default());
    let whole = request.timeout.map(Duration::from);
    // Whichever is shorter: a clock that was set back must not give a step more than its timeout.
    [by_clock, whole].into_iter().flatten().min()
}

/// A reply on its way to the run that asked.
trait IntoInput {
    fn into_input(self, run: RunId, request: &Request, usage: Option<Usage>) -> Message;
}

impl IntoInput for Reply {
    fn into_input(self, run: RunId, request: &Request, usage: Option<Usage>) -> Message {
        let (place, attempt) = (request.place.clone(), request.attempt);
        Message::Input { run, input: Input::Replied { place, attempt, reply: self, usage } }
    }
}
