//! The one door for paths that come from values: nothing outside a directory is ever opened.
//!
//! `openat2(RESOLVE_BENEATH)` in the kernel, so that `..`, absolute links and races lead nowhere.

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, fsync, mkdirat, openat2, renameat, statat, unlinkat};
use rustix::io::Errno;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

mod draft;
pub(super) mod fault;
mod tree;

pub(super) use draft::{Draft, Looks};
pub(super) use tree::{Found, Patterns, Seen};

/// A directory below which paths are opened.
#[derive(Debug)]
pub(super) struct Door(OwnedFd);

/// Whether a file that is there is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    Replace,
    Refuse,
}

impl Door {
    /// The door of a directory, which is made if it is not there.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::openat(CWD, directory, flags, Mode::empty())?))
    }

    /// The door of a directory that is there.
    pub(super) fn existing(directory: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::openat(CWD, directory, flags, Mode::empty())?))
    }

    /// A directory below, through no link and into no other filesystem; the empty path is the door's own.
    pub(super) fn directory(&self, path: &Path) -> io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        Ok(openat2(&self.0, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty(), strict())?)
    }

    /// The door of a directory below, which is made if it is not there.
    pub(super) fn below(&self, path: &Path) -> io::Result<Self> {
        self.make_directories(path)?;
        self.directory(path).map(Self)
    }

    /// The door of a directory below that is there.
    pub(super) fn inside(&self, path: &Path) -> io::Result<Self> {
        self.directory(path).map(Self)
    }

    /// Clears away what killed steps left unfinished, of files whose names begin so, in the directory itself.
    /// Only for who holds it.
    pub(super) fn clear(&self, beginning: &str) -> io::Result<()> {
        let own = self.directory(Path::new(""))?;
        for entry in rustix::fs::Dir::read_from(&own)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let stale = name.strip_prefix('.').is_some_and(|name| name.starts_with(beginning));
            if stale && name.contains(draft::TEMPORARY) {
                fault::point()?;
                unlinkat(&own, entry.file_name(), AtFlags::empty())?;
            }
        }
        Ok(())
    }

    /// Where a path is, as [`Door::directory`] resolves: the open directory and the last name.
    fn place<'a>(&self, path: &'a Path) -> io::Result<(OwnedFd, &'a str)> {
        let name = path.file_name().and_then(std::ffi::OsStr::to_str).ok_or_else(no_file)?;
        Ok((self.directory(path.parent().unwrap_or(Path::new("")))?, name))
    }

    /// Makes the directories of a path that are not there, each through no link.
    pub(super) fn make_directories(&self, path: &Path) -> io::Result<()> {
        let mut made = std::path::PathBuf::new();
        for part in path.components() {
            let Component::Normal(name) = part else { return Err(outside()) };
            let within = self.directory(&made)?;
            fault::point()?;
            match mkdirat(&within, name, Mode::from_raw_mode(0o750)) {
                Ok(()) => fsync(&within)?,
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            made.push(name);
        }
        self.directory(&made).map(drop)
    }

    /// Holds the directory against every other step that asks for it; `None` while one has it. Given back when
    /// what is returned is dropped, also by kill -9.
    pub(super) fn lock(&self) -> io::Result<Option<OwnedFd>> {
        // A descriptor of its own: a lock belongs to the open file, not to the process.
        let own = self.directory(Path::new(""))?;
        match rustix::fs::flock(&own, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(own)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// How many bytes this user may still write there.
    pub(super) fn free_bytes(&self) -> io::Result<u64> {
        let room = rustix::fs::fstatvfs(&self.0)?;
        Ok(room.f_bavail.saturating_mul(room.f_frsize))
    }

    /// Writes a whole file, atomically and durably; true if there was one before.
    pub(super) fn write(&self, path: &Path, bytes: &[u8], existing: Existing) -> io::Result<bool> {
        let (parent, name) = self.parent(path)?;
        let there = statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
        if there && existing == Existing::Refuse {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is already there"));
        }
        let temporary = format!(".{name}.stepladder-new");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&parent, &temporary, flags, Mode::from_raw_mode(0o640))?;
        let mut file = std::fs::File::from(file);
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        let renamed = written.and_then(|()| Ok(renameat(&parent, &temporary, &parent, name)?));
        if let Err(error) = renamed {
            // Nothing more can be done about a temporary file that does not go.
            let _ = unlinkat(&parent, &temporary, AtFlags::empty());
            return Err(error);
        }
        fsync(&parent)?;
        Ok(there)
    }

    /// Appends a line to a file, which is made if it is not there.
    pub(super) fn append(&self, path: &Path, line: &str) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&parent, name, flags, Mode::from_raw_mode(0o640))?;
        std::fs::File::from(file).write_all(format!("{line}\n").as_bytes())
    }

    /// The directory a path is in, made if it is not there, and the last name.
    fn parent<'a>(&self, path: &'a Path) -> io::Result<(OwnedFd, &'a str)> {
        let mut names = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(name) => names.push(name.to_str().ok_or_else(outside)?),
                Component::CurDir => {}
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(outside()),
            }
        }
        let name = names.pop().ok_or_else(no_file)?;
        let mut directory = self.0.try_clone()?;
        for name in names {
            match mkdirat(&directory, name, Mode::from_raw_mode(0o750)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
            let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
            directory = openat2(&directory, name, flags, Mode::empty(), beneath).map_err(|error| match error {
                Errno::XDEV => outside(),
                other => other.into(),
            })?;
        }
        Ok((directory, name))
    }
}

/// Through no link at all, and into nothing that is mounted below.
fn strict() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV
}

fn outside() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "the path leads outside")
}

fn no_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the path names no file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_outside() {
        let dir = tempfile::tempdir().expect("dir");
        let outside = tempfile::tempdir().expect("dir");
        let door = Door::open(&dir.path().join("reports")).expect("door");
        std::os::unix::fs::symlink(outside.path(), dir.path().join("reports/link")).expect("link");
        std::os::unix::fs::symlink("..", dir.path().join("reports/up")).expect("link");
        for path in ["../x", "/etc/x", "a/../../x", "link/x", "up/x", "", "."] {
            assert!(door.write(Path::new(path), b"x", Existing::Replace).is_err(), "{path}");
        }
        assert_eq!(std::fs::read_dir(outside.path()).expect("outside").count(), 0);
        assert!(!dir.path().join("x").exists());
    }

    #[test]
    fn a_file_is_written_whole_and_a_link_in_its_place_is_replaced() {
        let dir = tempfile::tempdir().expect("dir");
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "old").expect("write");
        let door = Door::open(&dir.path().join("reports")).expect("door");
        std::os::unix::fs::symlink(&victim, dir.path().join("reports/a")).expect("link");
        let write = |path, existing| door.write(Path::new(path), b"new", existing).map_err(|error| error.to_string());
        assert_eq!(write("a", Existing::Replace), Ok(true));
        assert_eq!(std::fs::read_to_string(&victim).expect("victim"), "old", "what a link leads to is not written");
        assert_eq!(write("deep/er/b", Existing::Refuse), Ok(false));
        assert_eq!(write("deep/er/b", Existing::Refuse), Err("it is already there".into()));
        let left: Vec<_> = std::fs::read_dir(dir.path().join("reports/deep/er")).expect("list").collect();
        assert_eq!(left.len(), 1, "no temporary file stays");
    }
}
