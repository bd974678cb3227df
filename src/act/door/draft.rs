//! A file that is being written under another name, until it is known to be good.

use crate::act::door::{Door, Existing, fault};
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, Uid, fsync, renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// How the names of unfinished files end. What is called so and belongs to nobody was left by a killed step.
pub(in crate::act) const TEMPORARY: &str = ".stepladder-new";

/// A file under its temporary name; gone when it is dropped before it was kept.
#[derive(Debug)]
pub(in crate::act) struct Draft {
    parent: OwnedFd,
    name: String,
    temporary: String,
    file: File,
    settled: bool,
}

/// What a file is to look like beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::act) struct Looks {
    /// Permission bits.
    pub(in crate::act) mode: u32,
    /// Owner and group, where this user may give files away.
    pub(in crate::act) owner: (u32, u32),
    /// Time of the last change: seconds and nanoseconds.
    pub(in crate::act) changed: (i64, i64),
}

impl Door {
    /// Begins a file that will be called `path`, in a directory that is there. One of a killed step is cleared away.
    pub(in crate::act) fn draft(&self, path: &Path) -> io::Result<Draft> {
        let (parent, name) = self.place(path)?;
        let temporary = temporary(name);
        fault::point()?;
        match unlinkat(&parent, &temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&parent, &temporary, flags, Mode::from_raw_mode(0o600))?;
        Ok(Draft { parent, name: name.to_owned(), temporary, file: file.into(), settled: false })
    }

    /// Puts a parked draft into place, over whatever is there.
    pub(in crate::act) fn settle(&self, path: &Path) -> io::Result<()> {
        let (parent, name) = self.place(path)?;
        fault::point()?;
        renameat(&parent, temporary(name), &parent, name)?;
        Ok(fsync(&parent)?)
    }

    /// Takes a parked draft away again; that there is none is fine.
    pub(in crate::act) fn discard(&self, path: &Path) -> io::Result<()> {
        let (parent, name) = self.place(path)?;
        fault::point()?;
        match unlinkat(&parent, temporary(name), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Draft {
    /// The file, to write to.
    pub(in crate::act) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Its name now.
    pub(in crate::act) fn named_now(&self) -> &str {
        &self.temporary
    }

    /// The same file opened anew, to read back what really arrived.
    pub(in crate::act) fn reopen(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.parent, &self.temporary, flags, Mode::empty())?.into())
    }

    /// Gives it permissions, owner and time.
    pub(in crate::act) fn look_like(&self, looks: Looks) -> io::Result<()> {
        self.belong_like(looks)?;
        let (tv_sec, tv_nsec) = looks.changed;
        let time = Timespec { tv_sec, tv_nsec };
        rustix::fs::futimens(&self.file, &Timestamps { last_access: time, last_modification: time })?;
        Ok(())
    }

    /// Gives it permissions and owner. Only root may give files away: for others the owner stays.
    pub(in crate::act) fn belong_like(&self, looks: Looks) -> io::Result<()> {
        let (uid, gid) = looks.owner;
        match rustix::fs::fchown(&self.file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))) {
            Ok(()) | Err(Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
        // After the owner: giving a file away clears bits.
        rustix::fs::fchmod(&self.file, Mode::from_raw_mode(looks.mode & 0o7777))?;
        Ok(())
    }

    /// Makes it durable under its temporary name and leaves it there, for [`Door::settle`].
    pub(in crate::act) fn park(mut self) -> io::Result<()> {
        fault::point()?;
        self.file.sync_all()?;
        fsync(&self.parent)?;
        self.settled = true;
        Ok(())
    }

    /// Makes it durable under its own name.
    pub(in crate::act) fn keep(mut self, existing: Existing) -> io::Result<()> {
        self.file.sync_all()?;
        fault::point()?;
        let flags = if existing == Existing::Refuse { RenameFlags::NOREPLACE } else { RenameFlags::empty() };
        renameat_with(&self.parent, &self.temporary, &self.parent, &self.name, flags)?;
        self.settled = true;
        Ok(fsync(&self.parent)?)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.settled && !fault::dead() {
            // Nothing more can be done about a temporary file that does not go; the next step clears it.
            let _ = unlinkat(&self.parent, &self.temporary, AtFlags::empty());
        }
    }
}

fn temporary(name: &str) -> String {
    format!(".{name}{TEMPORARY}")
}
