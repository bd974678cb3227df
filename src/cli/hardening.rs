//! What a daemon forbids itself: files that others can read, and cores with secrets in them.

use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// Begins to be careful. What the system refuses is left as it was: the files are private all the same.
pub(super) fn begin() {
    rustix::process::umask(Mode::from_raw_mode(0o077));
    let core = rustix::process::getrlimit(Resource::Core);
    let none = Rlimit { current: Some(0), maximum: core.maximum };
    let refused = [
        rustix::process::setrlimit(Resource::Core, none).err(),
        rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).err(),
    ];
    for error in refused.into_iter().flatten() {
        tracing::warn!(%error, "a core of this process may be written when it breaks off, with secrets in it");
    }
}
