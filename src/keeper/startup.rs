//! How the binary becomes a keeper: cut off from whoever started it, then its loop.

use crate::keeper::launch::Identity;
use crate::keeper::minder::Minder;
use crate::keeper::protocol::{PROTOCOL, Process, Tell};
use crate::keeper::record;
use crate::keeper::start::Ground;
use crate::keeper::sys;
use crate::keeper::turn::Turns;
use rustix::event::EventfdFlags;
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use rustix::time::{TimerfdClockId, TimerfdFlags};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// The program of this process, even when its file was replaced.
const US: &str = "/proc/self/exe";

/// Runs a keeper until it has nothing to do any more. Its directory is `dir`; its listening socket is
/// its standard input; its standard error is its log.
///
/// The very first thing `main` does: nothing in the process may own a descriptor yet.
///
/// # Errors
/// Whatever the kernel refuses; the keeper can't work then.
pub fn main_loop(dir: &Path) -> io::Result<()> {
    sys::close_inherited()?;
    // Takes descriptor 3, so it comes before everything that opens one.
    let ground = Ground::new()?;
    let listener = UnixListener::from(io::stdin().as_fd().try_clone_to_owned()?);
    listener.set_nonblocking(true)?;
    sys::replace_stdin(&File::open("/dev/null")?)?;
    cut_off()?;
    let bell = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    sys::listen(bell.try_clone()?)?;
    let timer = rustix::time::timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;

    let me = Process::now(rustix::process::getpid());
    let identity = Identity { protocol: PROTOCOL, build: build(Path::new(US)), keeper: me.clone() };
    record::replace(dir, record::KEEPER, &identity)?;
    let hello = Tell::Hello { protocol: PROTOCOL, build: identity.build, pid: me.pid };
    let minder = Minder::new(me, hello, ground);
    let links = BTreeMap::new();
    let idle_since = Some(crate::keeper::turn::boot_clock());
    Turns { minder, listener, bell, timer, links, next_link: 0, idle_since, armed: std::time::Duration::ZERO }.run()?;
    std::fs::remove_dir_all(dir)
}

/// A session of its own, no working directory to hold, no core dumps, and the orphans of its children.
fn cut_off() -> io::Result<()> {
    match rustix::process::setsid() {
        // It leads its session already.
        Ok(_) | Err(Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    rustix::process::chdir("/")?;
    rustix::process::umask(Mode::from_raw_mode(0o077));
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    // Inherited by the children: their memory holds secrets, too. They may raise it again.
    let core = rustix::process::getrlimit(Resource::Core);
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: core.maximum })?;
    Ok(())
}

/// Which build a program is: the release and the file.
#[must_use]
pub fn build(program: &Path) -> String {
    let file = std::fs::metadata(program);
    let file = file.map(|file| format!("+{:x}.{:x}", file.len(), file.mtime())).unwrap_or_default();
    format!("{}{file}", env!("CARGO_PKG_VERSION"))
}
