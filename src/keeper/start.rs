//! Starting a child: finding the command, its pipes, exactly the environment asked for.

use crate::keeper::protocol::{Exit, Spawn};
use rustix::fs::{Access, MemfdFlags, Mode};
use rustix::io::{DupFlags, Errno};
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Resource, Rlimit};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The mask of a child's new files: what a service gets, not the keeper's own.
const CHILD_UMASK: Mode = Mode::from_raw_mode(0o022);
/// The mask of our own files.
const OUR_UMASK: Mode = Mode::from_raw_mode(0o077);

/// What children are started with, prepared once.
#[derive(Debug)]
pub(crate) struct Ground {
    /// Descriptor 3: a pipe's end while a child that wants one is started.
    third: OwnedFd,
    null: File,
    /// How many descriptors a child may open, as the keeper found it.
    files: Rlimit,
    /// How many the keeper may.
    our_files: Rlimit,
}

/// Our ends of a child's pipes; none of them blocks.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    pub(crate) result: Option<OwnedFd>,
}

/// Why a child could not be started.
#[derive(Debug)]
pub(crate) struct StartError {
    code: Option<i32>,
    message: String,
    retriable: bool,
}

impl StartError {
    fn new(code: Option<i32>, message: String) -> Self {
        Self { code, message, retriable: false }
    }

    /// The end of an attempt that had no beginning.
    pub(crate) fn into_exit(self) -> Exit {
        let Self { code, message, retriable } = self;
        Exit { code, start_error: Some(message), retriable, ..Exit::default() }
    }
}

impl Ground {
    /// Takes descriptor 3, which must be the lowest that is free.
    pub(crate) fn new() -> io::Result<Self> {
        let third = OwnedFd::from(File::open("/dev/null")?);
        if third.as_raw_fd() != 3 {
            return Err(io::Error::other(format!("descriptor {} where 3 was to be free", third.as_raw_fd())));
        }
        let files = rustix::process::getrlimit(Resource::Nofile);
        // A refusal leaves the limit as it is.
        let _ = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum });
        let our_files = rustix::process::getrlimit(Resource::Nofile);
        Ok(Self { third, null: File::options().read(true).write(true).open("/dev/null")?, files, our_files })
    }

    /// Starts a child in a process group of its own.
    pub(crate) fn start(&mut self, spawn: &Spawn, stdin: &[u8]) -> Result<(Pid, Pipes), StartError> {
        if !Path::new(&spawn.cwd).is_dir() {
            return Err(StartError::new(None, format!("the working directory `{}` is not there", spawn.cwd)));
        }
        let program = find(spawn)?;
        let (mut command, pipes, result) =
            self.command(&program, spawn, stdin).map_err(|error| failed(spawn, &error))?;
        let child = self.with_childs_limits(result, |_| command.spawn()).map_err(|error| failed(spawn, &error))?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        pid.map(|pid| (pid, pipes)).ok_or_else(|| StartError::new(None, "a child without a number".into()))
    }

    fn command(&self, program: &Path, spawn: &Spawn, stdin: &[u8]) -> io::Result<(Command, Pipes, Option<OwnedFd>)> {
        let (stdout, child_stdout) = pipe()?;
        let (stderr, child_stderr) = pipe()?;
        let (result, child_result) =
            if spawn.result { pipe().map(|(ours, its)| (Some(ours), Some(its)))? } else { (None, None) };
        let mut command = Command::new(program);
        command.arg0(&spawn.argv[0]).args(&spawn.argv[1..]);
        command.env_clear().envs(spawn.env.iter().map(|(name, value)| (name, value)));
        command.current_dir(&spawn.cwd).process_group(0);
        command.stdin(if spawn.stdin { in_memory(stdin)? } else { Stdio::from(self.null.try_clone()?) });
        command.stdout(child_stdout).stderr(child_stderr);
        Ok((command, Pipes { stdout, stderr, result }, child_result))
    }

    /// What a child inherits is set on ourselves for as long as it takes to start it: there is no
    /// other thread, and `pre_exec` would make starting slow.
    fn with_childs_limits<T>(
        &mut self,
        third: Option<OwnedFd>,
        start: impl FnOnce(&Self) -> io::Result<T>,
    ) -> io::Result<T> {
        let wants_third = third.is_some();
        if let Some(pipe) = third {
            rustix::io::dup2(pipe, &mut self.third)?;
        }
        let other_files = self.files != self.our_files;
        if other_files {
            let _ = rustix::process::setrlimit(Resource::Nofile, self.files);
        }
        rustix::process::umask(CHILD_UMASK);
        let started = start(self);
        rustix::process::umask(OUR_UMASK);
        if other_files {
            let _ = rustix::process::setrlimit(Resource::Nofile, self.our_files);
        }
        if wants_third {
            rustix::io::dup3(&self.null, &mut self.third, DupFlags::CLOEXEC)?;
        }
        started
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, its) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((ours, its))
}

/// Standard input as a file without a name: whole before the child starts, so nobody has to feed it.
fn in_memory(bytes: &[u8]) -> io::Result<Stdio> {
    let mut file = File::from(rustix::fs::memfd_create("stdin", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

/// The file that the command names.
fn find(spawn: &Spawn) -> Result<PathBuf, StartError> {
    let name = spawn.argv.first().filter(|name| !name.is_empty());
    let Some(name) = name else { return Err(StartError::new(Some(127), "no command was given".into())) };
    let path = spawn.env.iter().find(|(key, _)| key == "PATH").map(|(_, value)| value.as_str());
    let (tried, searched) = if name.contains('/') {
        (vec![Path::new(&spawn.cwd).join(name)], String::new())
    } else {
        let dirs = path.unwrap_or_default().split(':').filter(|dir| !dir.is_empty());
        let tried = dirs.map(|dir| Path::new(&spawn.cwd).join(dir).join(name)).collect();
        (tried, path.map_or(" (PATH is not set)".into(), |path| format!(" in PATH={path}")))
    };
    let runs = |file: &&PathBuf| rustix::fs::access(file.as_path(), Access::EXEC_OK).is_ok() && file.is_file();
    if let Some(found) = tried.iter().find(runs) {
        return Ok(found.clone());
    }
    match tried.iter().find(|file| file.exists()) {
        Some(there) => Err(StartError::new(Some(126), format!("`{}` may not be executed", there.display()))),
        None => Err(StartError::new(Some(127), format!("command `{name}` not found{searched}"))),
    }
}

fn failed(spawn: &Spawn, error: &io::Error) -> StartError {
    let name = spawn.argv.first().map_or("", String::as_str);
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    let because = |code, why: &str| StartError::new(code, format!("cannot start `{name}`: {why}"));
    match errno {
        Some(Errno::NOENT) => because(Some(127), "the interpreter named in its first line is not there"),
        Some(Errno::NOEXEC) => {
            because(Some(126), "it is neither a program for this machine nor a script with a `#!` line")
        }
        Some(Errno::ACCESS | Errno::PERM) => because(Some(126), &format!("permission denied ({error})")),
        Some(Errno::TOOBIG) => because(Some(126), "its arguments and environment are longer than the kernel takes"),
        Some(Errno::NOMEM | Errno::AGAIN | Errno::MFILE | Errno::NFILE) => {
            StartError { retriable: true, ..because(None, &error.to_string()) }
        }
        _ => because(None, &error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(argv: &[&str], path: Option<&str>) -> String {
        let spawn = Spawn {
            argv: argv.iter().map(|arg| (*arg).into()).collect(),
            env: path.map(|path| ("PATH".into(), path.into())).into_iter().collect(),
            cwd: "/".into(),
            ..Spawn::default()
        };
        match find(&spawn) {
            Ok(found) => found.display().to_string(),
            Err(error) => format!("{:?}: {}", error.code, error.message),
        }
    }

    #[test]
    fn commands_are_found_as_a_shell_finds_them() {
        for (argv, path, want) in [
            (&["sh"][..], Some("/nowhere:/bin"), "/bin/sh"),
            (&["bin/sh"], None, "/bin/sh"),
            (&["no-such-thing"], Some("/a:/b"), "Some(127): command `no-such-thing` not found in PATH=/a:/b"),
            (&["no-such-thing"], None, "Some(127): command `no-such-thing` not found (PATH is not set)"),
            (&["/no/such"], Some("/bin"), "Some(127): command `/no/such` not found"),
            (&["passwd"], Some("/etc"), "Some(126): `/etc/passwd` may not be executed"),
            (&["/etc"], None, "Some(126): `/etc` may not be executed"),
            (&[], None, "Some(127): no command was given"),
        ] {
            assert_eq!(shown(argv, path), want);
        }
    }

    #[test]
    fn want_of_memory_may_pass() {
        for (errno, retriable) in [(Errno::NOMEM, true), (Errno::AGAIN, true), (Errno::NOEXEC, false)] {
            assert_eq!(failed(&Spawn::default(), &errno.into()).into_exit().retriable, retriable, "{errno}");
        }
    }
}
