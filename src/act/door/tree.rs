//! What is below a directory: files by pattern, never through a link, never into another filesystem.
//!
//! A file that was found is known by its inode, size and time: whoever reads or removes it later gets
//! that file or none.

use crate::act::door::draft::{Looks, TEMPORARY};
use crate::act::door::{Door, fault, strict};
use crate::act::glob::matches;
use crate::base::limits::{MAX_DIRECTORIES_DEEP, MAX_TREE};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, Stat, openat2, renameat_with, statat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

/// A regular file (or, where that is said, a directory) below a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::act) struct Found {
    /// Its path below the door.
    pub(in crate::act) path: PathBuf,
    /// Its size; of a directory 0.
    pub(in crate::act) bytes: u64,
    /// Whether it is a directory.
    pub(in crate::act) directory: bool,
    /// Whether this is its only name: no hard link elsewhere has the same bytes.
    pub(in crate::act) alone: bool,
    /// Device and inode.
    pub(in crate::act) inode: (u64, u64),
    /// Permissions, owner and time.
    pub(in crate::act) looks: Looks,
}

/// What a walk came to.
#[derive(Debug, Default)]
pub(in crate::act) struct Seen {
    /// Files that fit, by path.
    pub(in crate::act) files: Vec<Found>,
    /// Directories that fit.
    pub(in crate::act) directories: Vec<Found>,
    /// What fits and is no regular file, or could not be looked at, and why.
    pub(in crate::act) skipped: Vec<(PathBuf, String)>,
}

/// Paths with `*`, `?` and `**`.
#[derive(Debug, Clone, Default)]
pub(in crate::act) struct Patterns {
    include: Vec<Vec<String>>,
    exclude: Vec<Vec<String>>,
    /// Whether `*` and `**` stand for hidden names, too.
    hidden: bool,
    /// How many names a path may have at most.
    deepest: Option<usize>,
}

impl Patterns {
    /// Patterns as they were written; the error is a sentence about the one that is none.
    pub(in crate::act) fn new(include: &[String], exclude: &[String], hidden: bool) -> Result<Self, String> {
        let all = |texts: &[String]| texts.iter().map(|text| parts(text)).collect::<Result<_, _>>();
        Ok(Self { include: all(include)?, exclude: all(exclude)?, hidden, deepest: None })
    }

    /// The same for paths of at most so many names.
    pub(in crate::act) fn no_deeper(self, deepest: Option<usize>) -> Self {
        Self { deepest, ..self }
    }

    /// Whether a path, given by its names, fits.
    pub(in crate::act) fn fits(&self, path: &[&str]) -> bool {
        let fits = |pattern: &Vec<String>, hidden| fits(pattern, path, hidden);
        self.deepest.is_none_or(|most| path.len() <= most)
            && self.include.iter().any(|pattern| fits(pattern, self.hidden))
            && !self.exclude.iter().any(|pattern| fits(pattern, true))
    }

    /// Whether something below that directory could fit.
    fn reaches(&self, directory: &[&str]) -> bool {
        self.deepest.is_none_or(|most| directory.len() < most)
            && self.include.iter().any(|pattern| reaches(pattern, directory, self.hidden))
    }
}

fn parts(text: &str) -> Result<Vec<String>, String> {
    let outside = || format!("`{text}` leads outside: write a path below the root, like `*.log` or `calls/**`");
    let mut parts = Vec::new();
    for part in Path::new(text).components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str().unwrap_or_default().to_owned()),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(outside()),
        }
    }
    if parts.is_empty() { Err(format!("`{text}` names no file")) } else { Ok(parts) }
}

fn fits_name(pattern: &str, name: &str, hidden: bool) -> bool {
    matches(pattern, name) && (hidden || pattern.starts_with('.') || !name.starts_with('.'))
}

fn fits(pattern: &[String], path: &[&str], hidden: bool) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((first, rest)), Some((name, below))) if first == "**" => {
            let through = hidden || !name.starts_with('.');
            // At the end it is every file; before something it is any number of directories.
            (rest.is_empty() && below.is_empty() && through)
                || (!rest.is_empty() && fits(rest, path, hidden))
                || (through && fits(pattern, below, hidden))
        }
        (Some((first, rest)), Some((name, below))) => fits_name(first, name, hidden) && fits(rest, below, hidden),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn reaches(pattern: &[String], directory: &[&str], hidden: bool) -> bool {
    match (pattern.split_first(), directory.split_first()) {
        (Some(_), None) => true,
        (Some((first, rest)), Some((name, below))) if first == "**" => {
            ((hidden || !name.starts_with('.')) && reaches(pattern, below, hidden)) || reaches(rest, directory, hidden)
        }
        (Some((first, rest)), Some((name, below))) => {
            fits_name(first, name, hidden) && !rest.is_empty() && reaches(rest, below, hidden)
        }
        (None, _) => false,
    }
}

impl Found {
    fn new(path: PathBuf, stat: &Stat) -> Self {
        let looks = Looks {
            mode: stat.st_mode & 0o7777,
            owner: (stat.st_uid, stat.st_gid),
            changed: (stat.st_mtime, i64::try_from(stat.st_mtime_nsec).unwrap_or_default()),
        };
        let directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let bytes = if directory { 0 } else { u64::try_from(stat.st_size).unwrap_or_default() };
        Self { path, bytes, directory, alone: stat.st_nlink <= 1, inode: (stat.st_dev, stat.st_ino), looks }
    }

    /// Its path for people.
    pub(in crate::act) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    fn is_still(&self, stat: &Stat) -> io::Result<()> {
        let now = Self::new(self.path.clone(), stat);
        let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let same = (now.inode, now.bytes, now.looks.changed) == (self.inode, self.bytes, self.looks.changed);
        if regular && same { Ok(()) } else { Err(io::Error::other("it changed while the step was at work")) }
    }
}

impl Door {
    /// Every file that fits, by path. `stop` is asked at each directory.
    pub(in crate::act) fn walk(&self, patterns: &Patterns, stop: &dyn Fn() -> bool) -> io::Result<Seen> {
        let mut seen = Seen::default();
        let (mut left, mut looked) = (vec![PathBuf::new()], 0_usize);
        while let Some(path) = left.pop() {
            if stop() {
                return Err(io::Error::new(io::ErrorKind::Interrupted, "it was stopped"));
            }
            let directory = match self.directory(&path) {
                Ok(directory) => directory,
                Err(error) if !path.as_os_str().is_empty() => {
                    seen.skipped.push((path, not_entered(&error)));
                    continue;
                }
                Err(error) => return Err(error),
            };
            for entry in Dir::read_from(&directory)? {
                let entry = entry?;
                let Ok(name) = entry.file_name().to_str() else {
                    let name = path.join(entry.file_name().to_string_lossy().into_owned());
                    seen.skipped.push((name, "its name is no UTF-8 text".into()));
                    continue;
                };
                if matches!(name, "." | "..") || name.ends_with(TEMPORARY) {
                    continue;
                }
                looked += 1;
                if looked > MAX_TREE {
                    return Err(io::Error::other(format!(
                        "there are more than {MAX_TREE} entries: narrow the pattern"
                    )));
                }
                let inside = path.join(name);
                let names: Vec<&str> = inside.iter().filter_map(|part| part.to_str()).collect();
                match statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
                        FileType::RegularFile if patterns.fits(&names) => seen.files.push(Found::new(inside, &stat)),
                        FileType::Directory => {
                            if patterns.fits(&names) {
                                seen.directories.push(Found::new(inside.clone(), &stat));
                            }
                            if patterns.reaches(&names) && names.len() < MAX_DIRECTORIES_DEEP {
                                left.push(inside);
                            }
                        }
                        FileType::RegularFile => {}
                        FileType::Symlink
                        | FileType::Fifo
                        | FileType::Socket
                        | FileType::CharacterDevice
                        | FileType::BlockDevice
                        | FileType::Unknown => {
                            if patterns.fits(&names) {
                                seen.skipped.push((inside, what(FileType::from_raw_mode(stat.st_mode))));
                            }
                        }
                    },
                    // It went while we looked.
                    Err(Errno::NOENT) => {}
                    Err(error) => seen.skipped.push((inside, error.to_string())),
                }
            }
        }
        seen.files.sort_by(|a, b| a.path.cmp(&b.path));
        seen.skipped.sort();
        Ok(seen)
    }

    /// The regular file of that path; `None` where nothing is there.
    pub(in crate::act) fn look(&self, path: &Path) -> io::Result<Option<Found>> {
        let (parent, name) = match self.place(path) {
            Ok(place) => place,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => {
                if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
                    Ok(Some(Found::new(path.into(), &stat)))
                } else {
                    Err(io::Error::other(what(FileType::from_raw_mode(stat.st_mode))))
                }
            }
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens exactly the file that was found.
    pub(in crate::act) fn read(&self, found: &Found) -> io::Result<File> {
        self.open_found(found, OFlags::RDONLY)
    }

    /// Opens the file that was found, which may have got longer since then.
    pub(in crate::act) fn read_grown(&self, found: &Found) -> io::Result<File> {
        let file = openat2(&self.0, &found.path, reading(OFlags::RDONLY), Mode::empty(), strict())?;
        let now = Found::new(found.path.clone(), &rustix::fs::fstat(&file)?);
        if now.inode == found.inode && now.bytes >= found.bytes {
            return Ok(file.into());
        }
        Err(io::Error::other("it changed while the step was at work: try again when it is quiet"))
    }

    /// Opens exactly the file that was found, to shorten it.
    pub(in crate::act) fn write_to(&self, found: &Found) -> io::Result<File> {
        self.open_found(found, OFlags::RDWR)
    }

    fn open_found(&self, found: &Found, access: OFlags) -> io::Result<File> {
        let file = openat2(&self.0, &found.path, reading(access), Mode::empty(), strict())?;
        found.is_still(&rustix::fs::fstat(&file)?)?;
        Ok(file.into())
    }

    /// Removes exactly the file that was found, durably.
    pub(in crate::act) fn remove(&self, found: &Found) -> io::Result<()> {
        let (parent, name) = self.place(&found.path)?;
        found.is_still(&statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?)?;
        fault::point()?;
        unlinkat(&parent, name, AtFlags::empty())?;
        Ok(rustix::fs::fsync(&parent)?)
    }

    /// Gives exactly the file that was found another path below another door, where nothing is yet.
    pub(in crate::act) fn rename(&self, found: &Found, other: &Self, path: &Path) -> io::Result<()> {
        let (from, name) = self.place(&found.path)?;
        let (to, new) = other.place(path)?;
        found.is_still(&statat(&from, name, AtFlags::SYMLINK_NOFOLLOW)?)?;
        fault::point()?;
        renameat_with(&from, name, &to, new, RenameFlags::NOREPLACE)?;
        rustix::fs::fsync(&to)?;
        Ok(rustix::fs::fsync(&from)?)
    }
}

/// Without waiting: a pipe in its place must not hold us up.
fn reading(access: OFlags) -> OFlags {
    access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC
}

fn not_entered(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::XDEV) => "another filesystem is mounted there".into(),
        Some(Errno::LOOP | Errno::NOTDIR) => "a link took the directory's place".into(),
        Some(_) | None => error.to_string(),
    }
}

fn what(kind: FileType) -> String {
    match kind {
        FileType::Symlink => "it is a link, which is never followed",
        FileType::Fifo => "it is a pipe",
        FileType::Socket => "it is a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "it is a device",
        FileType::Directory => "it is a directory",
        FileType::RegularFile | FileType::Unknown => "it is no regular file",
    }
    .into()
}
