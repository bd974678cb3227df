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
use crate::model::book::Settings;
use crate::model::perform::{Failure, Reply, Request, Usage};
use crate::runtime::incidents::board::Board;
use crate::runtime::keeper::{Adopted, Ahead, End, Hears, KeeperClient, Report};
use crate::runtime::pager::Pager;
use crate::runtime::perform::end::used;
use crate::runtime::perform::keep::asks_providers;
use crate::runtime::perform::late::timed_out;
use crate::runtime::perform::order::left;
use crate::runtime::perform::pages::Pages;
use crate::runtime::pump::{Message, Perform, Post};
use crate::runtime::{clock, spool};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

mod end;
mod keep;
pub(super) mod late;
mod order;
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
    sender: Post,
    state: Mutex<State>,
    pages: Pages,
}

#[derive(Default)]
struct State {
    /// In this process.
    here: BTreeMap<Key, tokio::task::AbortHandle>,
    /// Under the keeper, by the id it knows.
    children: BTreeMap<String, (RunId, Request)>,
    /// Not ordered yet, but the keeper is ready.
    ahead: BTreeMap<String, (Request, Ahead)>,
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
        sender: Post,
        board: Arc<Board>,
    ) -> (Self, KeeperClient) {
        let handle = tokio::runtime::Handle::current();
        let state = Mutex::default();
        let back = sender.clone();
        let pager =
            Pager::new(world.clone(), Arc::new(move |key, sent, notes| pages::told(&key, &sent, &notes, &back)));
        let pages = Pages::new(pager, board, world.secrets.seal.clone(), &world.settings);
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| {
            let hears = Box::new(Ear { shared: Weak::clone(shared), post: sender.clone() });
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
        // What begins now has all of its time, whatever the clock was set to since it was ordered.
        let deadline = deadline.filter(|_| again);
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
                if let Some(ahead) = shared.ahead(&id, &request) {
                    return shared.keeper.go(ahead);
                }
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

    fn prepare(&self, run: RunId, request: &Request) {
        self.shared.prepare(run, request);
    }

    fn expect_children(&self) {
        self.shared.keeper.expect_children();
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
        let unordered = {
            let mut state = self.shared.state();
            state.stopped.retain(|(other, _, _)| *other != run);
            state.homes.remove(&run);
            let of_run = |_: &String, (request, _): &mut (Request, Ahead)| request.run == text;
            state.ahead.extract_if(.., of_run).map(|(_, (_, ahead))| ahead).collect::<Vec<_>>()
        };
        for ahead in unordered {
            self.shared.keeper.never(ahead);
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

/// What the keepers' client tells.
struct Ear {
    shared: Weak<Shared>,
    post: Post,
}

impl Hears for Ear {
    fn report(&self, report: Report) {
        if let Some(shared) = self.shared.upgrade() {
            shared.hear(report);
        }
    }

    fn together(&self, work: &mut dyn FnMut()) {
        self.post.together(work);
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
                let done = clock::within(left, Box::pin(act::perform(&request, &world))).await;
                done.unwrap_or_else(|| timed_out(&request))
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
}

fn key(run: RunId, request: &Request) -> Key {
    (run, request.place.clone(), request.attempt)
}

/// Whether something has to be fetched for it first.
fn names_secrets(request: &Request) -> bool {
    // A secret input is masked in every step of its run, also where nobody names it.
    !request.sealed.is_empty() || asks_providers(request)
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
