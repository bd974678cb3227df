//! The one door for paths that come from values: nothing outside a directory is ever opened.
//!
//! `openat2(RESOLVE_BENEATH)` in the kernel, so that `..`, absolute links and races lead nowhere.

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, fsync, mkdirat, openat2, renameat, statat, unlinkat};
use rustix::io::Errno;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

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
        let outside = || io::Error::new(io::ErrorKind::PermissionDenied, "the path leads outside");
        let mut names = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(name) => names.push(name.to_str().ok_or_else(outside)?),
                Component::CurDir => {}
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(outside()),
            }
        }
        let name = names.pop().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
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
