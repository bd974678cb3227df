//! What the steps about files share: named roots, one step at a time in each, and work that can be stopped.

use crate::act::door::Door;
use crate::act::verdict::Done;
use crate::act::world::World;
use crate::base::ids::Name;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a directory that another step holds is asked for, and how many times: half a minute.
const PAUSE: Duration = Duration::from_millis(50);
const TRIES: u32 = 600;

/// The directory of a named root.
pub(super) fn directory(world: &World, root: &str) -> Result<PathBuf, Failure> {
    let roots = &world.settings.roots;
    let known = || roots.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let known = || if roots.is_empty() { "none".into() } else { known() };
    let missing = || format!("there is no root `{root}` in stepladder.yaml (there are: {})", known());
    let found = Name::parse(root).ok().and_then(|name| roots.get(&name));
    let found = found.ok_or_else(|| Failure::lasting(FailureKind::Missing, missing()))?;
    Ok(world.path(found))
}

/// Whether the work is still wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Halt(Arc<AtomicBool>);

impl Halt {
    /// Whether nobody waits for it any more.
    pub(super) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error once nobody waits for it any more.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.asked() { Err(io::Error::new(ErrorKind::Interrupted, "it was stopped")) } else { Ok(()) }
    }
}

struct Stop(Halt);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// What stops the work when it is dropped.
#[cfg(test)]
pub(super) fn stopped(halt: &Halt) -> impl Drop {
    Stop(halt.clone())
}

/// Does the work on a thread that may block; dropping the future stops it.
pub(super) async fn blocking(
    work: impl FnOnce(&Halt) -> Result<Done, Failure> + Send + 'static,
) -> Result<Done, Failure> {
    let halt = Halt::default();
    let stop = Stop(halt.clone());
    let done = tokio::task::spawn_blocking(move || work(&halt)).await;
    drop(stop);
    done.map_err(|error| Failure::new(FailureKind::Other, format!("the work stopped: {error}")))?
}

/// Holds a directory while a step changes something in it; another step that asks waits for up to half a minute.
pub(super) fn hold(door: &Door, shown: &Path, halt: &Halt) -> Result<OwnedFd, Failure> {
    for _ in 0..TRIES {
        match door.lock() {
            Ok(Some(held)) => return Ok(held),
            Ok(None) => std::thread::sleep(PAUSE),
            Err(error) => return Err(failure(&format!("{} cannot be locked", shown.display()), &error)),
        }
        halt.check().map_err(|error| failure("waiting for another step", &error))?;
    }
    let what = format!(
        "another step has been at work in {} for half a minute: nothing was touched; try again when it has ended \
         (`stepladder status` shows what runs)",
        shown.display()
    );
    Err(Failure::new(FailureKind::Timeout, what))
}

/// A failure of the filesystem as a sentence, with what to do where that is known.
pub(super) fn failure(what: &str, error: &io::Error) -> Failure {
    let hints = [
        (ErrorKind::StorageFull, ": make room there (`df -h`, `df -i`)"),
        (ErrorKind::QuotaExceeded, ": this user may have no more there (`quota`)"),
        (ErrorKind::FileTooLarge, ": this user may write no larger file (`ulimit -f`)"),
        (ErrorKind::ReadOnlyFilesystem, ": it was mounted, or fell back to, read-only"),
        (ErrorKind::PermissionDenied, ": may this user do that there?"),
    ];
    let hint = hints.iter().find(|(kind, _)| *kind == error.kind()).map_or("", |(_, hint)| hint);
    let lasting = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied);
    let kind = if error.kind() == ErrorKind::NotFound { FailureKind::Missing } else { FailureKind::Other };
    Failure { lasting, ..Failure::new(kind, format!("{what}: {error}{hint}")) }
}

/// Whether there is no use in going on with the next file.
pub(super) fn ends_all(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::FileTooLarge
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::Interrupted
    )
}
