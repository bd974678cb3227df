//! The files that a restore would write, and what is there now.

use crate::act::archive::{Archive, Manifest, Part, Row};
use crate::act::backup::database::{self, COMPANIONS, companion};
use crate::act::backup::parts::{copied, plain};
use crate::act::door::{Door, Found};
use crate::act::holders::users;
use crate::act::pack;
use crate::act::restore::Order;
use crate::act::roots::{self, Halt};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// One file.
pub(super) struct Target {
    pub(super) row: Row,
    pub(super) now: Option<Found>,
    /// Bytes and permissions are those of the archive already.
    pub(super) same: bool,
}

/// All of them, with the roots they are below.
pub(super) struct Targets {
    pub(super) roots: BTreeMap<String, (PathBuf, Option<Rc<Door>>)>,
    pub(super) all: Vec<Target>,
    /// Root and path of what was not there when the archive was made; only safety backups say so.
    pub(super) gone: Vec<(String, PathBuf)>,
}

/// What goes into a safety backup, and what is not there.
type Saved = (Vec<Part>, Vec<(String, PathBuf)>);

impl Targets {
    /// What an archive would write. With `make` roots that are not there are made.
    pub(super) fn find(order: &Order, manifest: &Manifest, make: bool, halt: &Halt) -> Result<Self, Failure> {
        let mut targets = Self::open(order, manifest, make)?;
        targets.look(order, manifest, halt)?;
        Ok(targets)
    }

    /// The roots of what an archive would write, to be held before anybody looks at what is there.
    pub(super) fn open(order: &Order, manifest: &Manifest, make: bool) -> Result<Self, Failure> {
        let mut targets = Self { roots: BTreeMap::new(), all: Vec::new(), gone: Vec::new() };
        for (root, path) in manifest.absent.iter().filter(|(root, path)| fits(order, root, path)) {
            targets.door(order, root, make)?;
            targets.gone.push((root.clone(), path.clone()));
        }
        for row in manifest.rows.iter().filter(|row| fits(order, &row.root, &row.path)) {
            targets.door(order, &row.root, make)?;
        }
        Ok(targets)
    }

    /// Looks at what is there now.
    pub(super) fn look(&mut self, order: &Order, manifest: &Manifest, halt: &Halt) -> Result<(), Failure> {
        for row in manifest.rows.iter().filter(|row| fits(order, &row.root, &row.path)) {
            let shown = row.shown();
            let said = |error: io::Error| {
                roots::failure(&format!("nothing was restored: {shown} can't be put into place"), &error)
            };
            let mut row = row.clone();
            let names: Vec<&str> =
                std::iter::once(row.root.as_str()).chain(row.path.iter().filter_map(|part| part.to_str())).collect();
            if let Some((_, mode)) = order.modes.iter().find(|(patterns, _)| patterns.fits(&names)) {
                row.looks.mode = *mode;
            }
            let door = self.roots.get(&row.root).and_then(|(_, door)| door.clone());
            let now = match &door {
                Some(door) => door.look(&row.path).map_err(said)?,
                None => None,
            };
            let same = match (&now, &door) {
                (Some(now), Some(door)) if !row.database => is_same(door, now, &row, halt).map_err(said)?,
                _ => false,
            };
            self.all.push(Target { row, now, same });
        }
        if self.all.is_empty() && self.gone.is_empty() && !manifest.rows.is_empty() {
            let why = "nothing was restored: no file of the archive fits `only`";
            return Err(Failure::lasting(FailureKind::Missing, why));
        }
        Ok(())
    }

    fn door(&mut self, order: &Order, root: &str, make: bool) -> Result<(), Failure> {
        if self.roots.contains_key(root) {
            return Ok(());
        }
        let directory = directory_of(order, root)?;
        let opened = if make { Door::open(&directory) } else { Door::existing(&directory) };
        let door = match opened {
            Ok(door) => Some(Rc::new(door)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let what = format!("nothing was restored: root `{root}` ({})", directory.display());
                return Err(roots::failure(&what, &error));
            }
        };
        self.roots.insert(root.to_owned(), (directory, door));
        Ok(())
    }

    pub(super) fn at(&self, root: &str) -> io::Result<(&Path, &Rc<Door>)> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("root `{root}` is not there"));
        let (directory, door) = self.roots.get(root).ok_or_else(missing)?;
        Ok((directory, door.as_ref().ok_or_else(missing)?))
    }

    /// Holds every root against other steps; the archives' own directory is held already.
    pub(super) fn hold(&self, archives: &Path, halt: &Halt) -> Result<Vec<OwnedFd>, Failure> {
        let own = archives.canonicalize().ok();
        let mut held: BTreeMap<PathBuf, OwnedFd> = BTreeMap::new();
        for (directory, door) in self.roots.values() {
            let (Some(door), Ok(real)) = (door, directory.canonicalize()) else { continue };
            if Some(&real) != own.as_ref() && !held.contains_key(&real) {
                held.insert(real, roots::hold(door, directory, halt)?);
            }
        }
        Ok(held.into_values().collect())
    }

    /// A database that a process has open would go on in the old file.
    pub(super) fn refuse_used(&self) -> Result<(), Failure> {
        let databases = self.all.iter().filter(|target| target.row.database);
        let mut files = Vec::new();
        for target in databases {
            files.extend(target.now.clone());
        }
        for (root, path) in &self.gone {
            let said = |error: io::Error| roots::failure(&format!("nothing was restored: {}", path.display()), &error);
            let Ok((_, door)) = self.at(root) else { continue };
            if let Some(found) = door.look(path).map_err(said)?
                && database::is_database(door, &found).map_err(said)?
            {
                files.push(found);
            }
        }
        match users(&files).first() {
            None => Ok(()),
            Some((inode, who)) => {
                let found = files.iter().find(|found| found.inode == *inode);
                let shown = found.map(Found::shown).unwrap_or_default();
                let why = format!("nothing was restored: {who} has {shown} open: stop it first");
                Err(Failure::new(FailureKind::Other, why))
            }
        }
    }

    /// What is there now, for the safety backup, and what is not there.
    pub(super) fn parts(&self, to: &Door, into: &Path, archive: &Archive, halt: &Halt) -> io::Result<Saved> {
        let (mut parts, mut absent) = (Vec::new(), Vec::new());
        for (root, path) in &self.gone {
            let (_, door) = self.at(root)?;
            if let Some(found) = door.look(path)? {
                parts.push(plain(root, door, &found));
            }
        }
        for target in self.all.iter().filter(|target| !target.same) {
            let (root, path) = (&target.row.root, &target.row.path);
            let (directory, door) = self.at(root)?;
            let database = match &target.now {
                None => {
                    absent.push((root.clone(), path.clone()));
                    target.row.database
                }
                Some(found) if database::is_database(door, found)? => {
                    let name = format!("{}.{}", archive.file, parts.len());
                    match copied((root, directory, door), found, (to, into), &name, halt) {
                        Ok(part) => {
                            parts.push(part);
                            continue;
                        }
                        Err(error) if halt.asked() || roots::ends_all(&error) => return Err(error),
                        // A damaged database is often why somebody restores: its bytes are saved as they are.
                        Err(_) => parts.push(plain(root, door, found)),
                    }
                    true
                }
                Some(found) => {
                    parts.push(plain(root, door, found));
                    target.row.database
                }
            };
            if database {
                for which in COMPANIONS {
                    let path = companion(path, which);
                    match door.look(&path)? {
                        Some(found) => parts.push(plain(root, door, &found)),
                        None => absent.push((root.clone(), path)),
                    }
                }
            }
        }
        Ok((parts, absent))
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    pub(super) fn same(&self) -> usize {
        self.all.iter().filter(|target| target.same).count()
    }

    pub(super) fn added(&self) -> usize {
        self.all.iter().filter(|target| target.now.is_none()).count()
    }

    pub(super) fn changed(&self) -> usize {
        self.count() - self.same() - self.added()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.all.iter().map(|target| target.row.bytes).sum()
    }

    pub(super) fn databases(&self) -> usize {
        self.all.iter().filter(|target| target.row.database).count()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.all.iter().map(|target| target.row.shown()).collect()
    }
}

fn is_same(door: &Door, now: &Found, row: &Row, halt: &Halt) -> io::Result<bool> {
    Ok(now.bytes == row.bytes
        && now.looks.mode == row.looks.mode
        && pack::sum(&mut door.read(now)?, halt)? == (row.sum, row.bytes))
}

/// Whether a file is wanted.
fn fits(order: &Order, root: &str, path: &Path) -> bool {
    let names: Vec<&str> = std::iter::once(root).chain(path.iter().filter_map(|part| part.to_str())).collect();
    order.only.as_ref().is_none_or(|only| only.fits(&names))
}

/// The directory of a root that an archive names.
fn directory_of(order: &Order, root: &str) -> Result<PathBuf, Failure> {
    let known = || order.roots.keys().cloned().collect::<Vec<_>>().join(", ");
    order.roots.get(root).cloned().ok_or_else(|| {
        let why = format!(
            "nothing was restored: the archive has files of root `{root}`, which stepladder.yaml has not (it has: {})",
            known()
        );
        Failure::lasting(FailureKind::Missing, why)
    })
}
