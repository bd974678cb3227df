//! How an owner starts a keeper, and finds those that are there.
//!
//! Each has `<data>/keeper/<id>/` with `socket`, `keeper.json` and `log`. The socket is made by the
//! owner and handed down as standard input, so that it can be connected to at once.

use crate::keeper::ARGUMENT;
use crate::keeper::process::boot_id;
use crate::keeper::protocol::Process;
use crate::keeper::record;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a keeper says of itself on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The protocol it speaks.
    pub protocol: u32,
    /// The build it is of.
    pub build: String,
    /// Its process.
    pub keeper: Process,
}

/// Starts a keeper from `program` (this binary) and returns its directory. `id` names it, and must be new.
///
/// # Errors
/// When its directory, its socket or its process can't be made.
pub fn launch(program: &Path, data_dir: &Path, id: &str) -> io::Result<PathBuf> {
    let dir = fs::canonicalize(data_dir)?.join("keeper").join(id);
    record::make_dir(&dir)?;
    let socket = socket(&dir, |path| UnixListener::bind(path))?;
    fs::set_permissions(dir.join("socket"), fs::Permissions::from_mode(0o600))?;
    let log = record::create(&dir.join("log"))?;
    let mut command = Command::new(program);
    command.arg0("stepladder").arg(ARGUMENT).arg("--dir").arg(&dir).env_clear();
    command.stdin(OwnedFd::from(socket)).stdout(Stdio::null()).stderr(log);
    let mut child = command.spawn()?;
    // Somebody has to bury it if it ends before its owner does.
    let wait = move || drop(child.wait());
    std::thread::Builder::new().name("keeper-burial".into()).stack_size(64 * 1024).spawn(wait)?;
    Ok(dir)
}

/// Connects to the keeper of that directory.
///
/// # Errors
/// When nobody listens there.
pub fn connect(dir: &Path) -> io::Result<UnixStream> {
    socket(dir, |path| UnixStream::connect(path))
}

/// Every keeper that has said who it is, with its directory, oldest id first.
#[must_use]
pub fn keepers(data_dir: &Path) -> Vec<(PathBuf, Identity)> {
    let Ok(entries) = fs::read_dir(data_dir.join("keeper")) else { return Vec::new() };
    let mut dirs: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    dirs.sort();
    dirs.into_iter().filter_map(|dir| identity(&dir).map(|identity| (dir, identity))).collect()
}

/// What the keeper of that directory says of itself; `None` = nothing yet, or no more.
#[must_use]
pub fn identity(dir: &Path) -> Option<Identity> {
    record::read(dir, record::KEEPER)
}

/// Takes away the directories of keepers that are dead. Only once the evidence of every attempt was
/// taken: a keeper of an earlier boot is part of it.
pub fn clear_dead(data_dir: &Path) {
    let now = boot_id();
    for (dir, keeper) in keepers(data_dir) {
        if keeper.keeper.boot_id != now || !keeper.keeper.is_alive() {
            // What can't be taken away now is tried again at the next start.
            let _ = fs::remove_dir_all(dir);
        }
    }
}

/// Opens `socket` in that directory. A socket's path must be short, and data directories are not: it
/// is reached through a descriptor.
///
/// # Errors
/// Those of `open`, or when there is no such directory.
pub fn socket<T>(dir: &Path, open: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    // As a place alone: whoever may reach the socket need not be able to read what is beside it.
    let dir = rustix::fs::open(dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    open(Path::new(&format!("/proc/self/fd/{}/socket", dir.as_raw_fd())))
}
