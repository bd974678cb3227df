//! Starting a child: finding the command, its pipes, exactly the environment asked for.

use crate::keeper::protocol::{Exit, Spawn};
use crate::keeper::sys::{self, Image};
use rustix::fs::{Access, MemfdFlags};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Resource, Rlimit};
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What children are started with, prepared once.
#[derive(Debug)]
pub(crate) struct Ground {
    /// Descriptor 3, kept free for the pipe of a child that wants one.
    _third: OwnedFd,
    null: File,
    /// How many descriptors a child may open, as the keeper found it.
    files: Rlimit,
}

/// Our ends of a child's pipes; none of them blocks.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    pub(crate) result: Option<OwnedFd>,
}

/// A child that only has to be started.
#[derive(Debug)]
pub(crate) struct Made {
    image: Image,
    pipes: Pipes,
    /// As its author calls it.
    name: String,
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
        Ok(Self { _third: third, null: File::options().read(true).write(true).open("/dev/null")?, files })
    }

    /// Makes everything ready for a child in a process group of its own.
    pub(crate) fn make(&self, spawn: &Spawn, stdin: &[u8]) -> Result<Made, StartError> {
        if !Path::new(&spawn.cwd).is_dir() {
            return Err(StartError::new(None, format!("the working directory `{}` is not there", spawn.cwd)));
        }
        let program = find(spawn)?;
        self.image(&program, spawn, stdin).map_err(|error| failed(&spawn.argv[0], &error))
    }

    /// Starts a child.
    pub(crate) fn start(&self, made: Made) -> Result<(Pid, Pipes), StartError> {
        let Made { image, pipes, name } = made;
        let pid = sys::start(&image, self.files).map_err(|error| failed(&name, &error))?;
        Ok((pid, pipes))
    }

    fn image(&self, program: &Path, spawn: &Spawn, stdin: &[u8]) -> io::Result<Made> {
        let (stdout, child_stdout) = pipe()?;
        let (stderr, child_stderr) = pipe()?;
        let (result, child_result) =
            if spawn.result { pipe().map(|(ours, its)| (Some(ours), Some(its)))? } else { (None, None) };
        let child_stdin = if spawn.stdin { in_memory(stdin)? } else { self.null.try_clone()?.into() };
        let env = spawn.env.iter().map(|(name, value)| text(format!("{name}={value}").as_bytes()));
        let image = Image {
            program: text(program.as_os_str().as_bytes())?,
            argv: spawn.argv.iter().map(|arg| text(arg.as_bytes())).collect::<io::Result<_>>()?,
            env: env.collect::<io::Result<_>>()?,
            cwd: text(spawn.cwd.as_bytes())?,
            stdio: [child_stdin, child_stdout, child_stderr],
            result: child_result,
        };
        Ok(Made { image, pipes: Pipes { stdout, stderr, result }, name: spawn.argv[0].clone() })
    }
}

/// A text as the kernel takes it.
fn text(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(io::Error::from)
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, its) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((ours, its))
}

/// Standard input as a file without a name: whole before the child starts, so nobody has to feed it.
fn in_memory(bytes: &[u8]) -> io::Result<OwnedFd> {
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

fn failed(name: &str, error: &io::Error) -> StartError {
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
            assert_eq!(failed("a", &errno.into()).into_exit().retriable, retriable, "{errno}");
        }
    }
}
