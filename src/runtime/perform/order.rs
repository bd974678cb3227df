//! What a keeper is asked to start, and of which it is told before it is asked.

use super::{GRACE, Shared, names_secrets};
use crate::act::{self, Filled, Seat, World};
use crate::base::ids::RunId;
use crate::keeper::protocol::Spawn;
use crate::model::perform::{Failure, Request};
use crate::model::policy::FailureKind;
use crate::runtime::keeper::Ahead;
use crate::runtime::perform::late::unless_said;
use crate::runtime::{clock, spool, step_host};
use jiff::Timestamp;
use std::path::Path;
use std::time::Duration;

impl Shared {
    /// Lets the keeper make ready for a child whose order is on its way to the disk, where it would have to be woken for it.
    pub(super) fn prepare(&self, run: RunId, request: &Request) {
        let id = spool::attempt_id(&request.run, &request.place, request.attempt);
        // Beside others its keeper is awake anyway.
        let alone = {
            let state = self.state();
            state.children.is_empty() && state.homes.contains(&run)
        };
        if !alone || act::seat(request) != Seat::Child || names_secrets(request) || !request.artifacts.is_empty() {
            return;
        }
        // What can't be made ready fails when it is ordered.
        let order = self.child_order(request, &self.world(run), &Filled::default(), None);
        if let Some(ahead) = order.ok().and_then(|(spawn, stdin)| self.keeper.prepare(spawn, &stdin)) {
            self.state().ahead.insert(id, (request.clone(), ahead));
        }
    }

    /// The order that the keeper is ready for, if it is this one.
    pub(super) fn ahead(&self, id: &str, request: &Request) -> Option<Ahead> {
        let (known, ahead) = self.state().ahead.remove(id)?;
        if known == *request {
            return Some(ahead);
        }
        self.keeper.never(ahead);
        None
    }

    /// What the keeper is to start, and the standard input for it.
    pub(super) async fn order(
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
    pub(super) fn child_order(
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

/// How much of its time is left.
pub(super) fn left(request: &Request, deadline: Option<Timestamp>) -> Option<Duration> {
    let by_clock =
        deadline.map(|deadline| Duration::try_from(deadline.duration_since(clock::now())).unwrap_or_default());
    let whole = request.timeout.map(Duration::from);
    // Whichever is shorter: a clock that was set back must not give a step more than its timeout.
    [by_clock, whole].into_iter().flatten().min().or_else(|| unless_said(&request.kind))
}
