//! Writing files beside their places, and putting them into place.

use crate::act::archive::{Archive, Keys, Visit, read};
use crate::act::backup::database::{self, COMPANIONS, companion};
use crate::act::door::{Door, Found};
use crate::act::pack;
use crate::act::restore::targets::{Target, Targets};
use crate::act::roots::Halt;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

impl Targets {
    fn wanted(&self) -> impl Iterator<Item = &Target> {
        self.all.iter().filter(|target| !target.same)
    }

    /// Whether there is room for everything beside what is there.
    pub(super) fn room(&self) -> io::Result<()> {
        for (root, (directory, door)) in &self.roots {
            let bytes: u64 =
                self.wanted().filter(|target| target.row.root == *root).map(|target| target.row.bytes).sum();
            let free = door.as_ref().map_or(Ok(u64::MAX), |door| door.free_bytes())?;
            if bytes > free {
                let why = format!("{} has room for {free} bytes, and {bytes} are needed", directory.display());
                return Err(io::Error::new(io::ErrorKind::StorageFull, why));
            }
        }
        Ok(())
    }

    /// Writes every file beside its place; the archive is read whole once more.
    pub(super) fn stage(
        &self,
        door: &Door,
        found: &Found,
        archive: &Archive,
        keys: &Keys,
        halt: &Halt,
    ) -> io::Result<()> {
        let wanted: BTreeMap<(&str, &Path), &Target> =
            self.wanted().map(|target| ((target.row.root.as_str(), target.row.path.as_path()), target)).collect();
        for target in self.all.iter().filter(|target| target.same) {
            self.at(&target.row.root)?.1.discard(&target.row.path)?;
        }
        let mut visit = |visit: Visit<'_, '_>| {
            let Some(target) = wanted.get(&(visit.root, visit.path)) else { return Ok(()) };
            let (_, door) = self.at(visit.root)?;
            door.make_directories(visit.path.parent().unwrap_or(Path::new("")))?;
            let mut draft = door.draft(visit.path)?;
            pack::copy(visit.content, draft.file(), halt)?;
            draft.look_like(target.row.looks)?;
            draft.park()
        };
        read(door.read(found)?, archive, keys, halt, &mut visit).map(drop)
    }

    /// Takes away what was staged.
    pub(super) fn discard(&self) {
        for target in self.wanted() {
            if let Ok((_, door)) = self.at(&target.row.root) {
                // What does not go is overwritten by the next restore.
                let _ = door.discard(&target.row.path);
            }
        }
    }

    /// Puts every file into place. What belonged to the old database must not be read with the new one.
    pub(super) fn settle(&self, halt: &Halt) -> io::Result<()> {
        for Target { row, .. } in self.wanted() {
            halt.check()?;
            let (_, door) = self.at(&row.root)?;
            if row.database {
                for which in COMPANIONS {
                    if let Some(found) = door.look(&companion(&row.path, which))? {
                        door.remove(&found)?;
                    }
                }
            }
            door.settle(&row.path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", row.shown())))?;
        }
        self.take_away()
    }

    /// Removes what was not there when a safety backup was made.
    fn take_away(&self) -> io::Result<()> {
        for (root, path) in &self.gone {
            let (_, door) = self.at(root)?;
            match door.discard(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                discarded => discarded?,
            }
            if let Some(found) = door.look(path)? {
                door.remove(&found)?;
            }
        }
        Ok(())
    }

    /// Whether everything in place is what the archive has, and every database whole.
    pub(super) fn check(&self, halt: &Halt) -> io::Result<()> {
        for Target { row, .. } in self.wanted() {
            let (directory, door) = self.at(&row.root)?;
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", row.shown()));
            let missing = || io::Error::other(format!("{} is not there", row.shown()));
            let found = door.look(&row.path).map_err(named)?.ok_or_else(missing)?;
            if pack::sum(&mut door.read(&found)?, halt)? != (row.sum, row.bytes) {
                return Err(io::Error::other(format!("{} has other bytes than the archive", row.shown())));
            }
            if row.database {
                database::check(&directory.join(&row.path)).map_err(named)?;
            }
        }
        Ok(())
    }
}
