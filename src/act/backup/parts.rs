//! What belongs into an archive.

use crate::act::archive::{Archive, Part};
use crate::act::backup::database::{self, COMPANIONS, companion};
use crate::act::backup::{Order, Source};
use crate::act::door::{Door, Found, Patterns};
use crate::act::roots::{self, Halt};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Names in the sentence of a dry run.
const NAMED: usize = 200;

/// One file to save.
#[derive(Debug)]
struct One {
    found: Found,
    database: bool,
}

/// What is to be saved below one root.
#[derive(Debug)]
struct Below {
    directory: PathBuf,
    door: Rc<Door>,
    files: Vec<One>,
}

/// Everything to save, by root.
#[derive(Debug, Default)]
pub(super) struct Parts {
    roots: BTreeMap<String, Below>,
    pub(super) skipped: Vec<String>,
}

impl Parts {
    /// Looks for the sources; what is missing fails, unless that is fine.
    pub(super) fn find(order: &Order, halt: &Halt) -> Result<Self, Failure> {
        let mut parts = Self::default();
        for (sources, database) in [(&order.databases, true), (&order.sources, false)] {
            for source in sources {
                parts.add(order, source, database, halt)?;
            }
        }
        parts.drop_companions();
        if parts.count() == 0 {
            let why = "there is nothing to save: no file fits `sources` and `databases`";
            return Err(Failure::lasting(FailureKind::Missing, why));
        }
        Ok(parts)
    }

    fn add(&mut self, order: &Order, source: &Source, database: bool, halt: &Halt) -> Result<(), Failure> {
        let Source { root, directory, patterns } = source;
        let said = |error: io::Error| roots::failure(&format!("root `{root}` ({})", directory.display()), &error);
        let door = match Door::existing(directory) {
            Ok(door) => Rc::new(door),
            Err(error) if error.kind() == io::ErrorKind::NotFound && order.missing_ok => {
                self.skipped.push(format!("root `{root}`: {} is not there", directory.display()));
                return Ok(());
            }
            Err(error) => return Err(said(error)),
        };
        let below = || Below { directory: directory.clone(), door: Rc::clone(&door), files: Vec::new() };
        let entry = self.roots.entry(root.clone()).or_insert_with(below);
        for pattern in patterns {
            let wrong = |why| Failure::lasting(FailureKind::Template, why);
            let fits = Patterns::new(std::slice::from_ref(pattern), &order.exclude, true).map_err(wrong)?;
            let seen = door.walk(&fits, &|| halt.asked()).map_err(said)?;
            if seen.files.is_empty() {
                if !order.missing_ok {
                    let why = format!("root `{root}`: no file fits `{pattern}` ({})", directory.display());
                    return Err(Failure::new(FailureKind::Missing, why));
                }
                self.skipped.push(format!("root `{root}`: no file fits `{pattern}`"));
            }
            for found in seen.files {
                if entry.files.iter().any(|one| one.found.path == found.path) {
                    continue;
                }
                let is = match database::is_database(&door, &found) {
                    Ok(is) => is || database,
                    Err(error) => {
                        return Err(said(io::Error::new(error.kind(), format!("{}: {error}", found.shown()))));
                    }
                };
                entry.files.push(One { found, database: is });
            }
            let told = seen.skipped.into_iter().map(|(path, why)| format!("{root}/{}: {why}", path.display()));
            self.skipped.extend(told.filter(|text| !self.skipped.contains(text)).collect::<Vec<_>>());
        }
        entry.files.sort_by(|a, b| a.found.path.cmp(&b.found.path));
        Ok(())
    }

    /// What belongs to a database is in its copy already.
    fn drop_companions(&mut self) {
        for Below { files, .. } in self.roots.values_mut() {
            let companions: Vec<PathBuf> = files
                .iter()
                .filter(|one| one.database)
                .flat_map(|one| COMPANIONS.map(|which| companion(&one.found.path, which)))
                .collect();
            files.retain(|one| one.database || !companions.contains(&one.found.path));
        }
    }

    fn all(&self) -> impl Iterator<Item = (&String, &One)> {
        self.roots.iter().flat_map(|(root, below)| below.files.iter().map(move |one| (root, one)))
    }

    pub(super) fn count(&self) -> usize {
        self.all().count()
    }

    pub(super) fn databases(&self) -> usize {
        self.all().filter(|(_, one)| one.database).count()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.all().map(|(_, one)| one.found.bytes).sum()
    }

    pub(super) fn names(&self) -> String {
        let names: Vec<String> =
            self.all().take(NAMED).map(|(root, one)| format!("{root}/{}", one.found.shown())).collect();
        let more = self.count().saturating_sub(NAMED);
        if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
    }

    /// The files as the archive takes them. Databases are copied now, beside where the archive will be.
    pub(super) fn open(&self, to: &Door, directory: &Path, archive: &Archive, halt: &Halt) -> io::Result<Vec<Part>> {
        let mut parts = Vec::new();
        for (root, Below { directory: from, door, files }) in &self.roots {
            for one in files {
                halt.check()?;
                let part = if one.database {
                    copied(
                        (root, from, door),
                        &one.found,
                        (to, directory),
                        &format!("{}.{}", archive.file, parts.len()),
                        halt,
                    )?
                } else {
                    plain(root, door, &one.found)
                };
                parts.push(part);
            }
        }
        Ok(parts)
    }
}

/// A file as it is.
pub(in crate::act) fn plain(root: &str, door: &Rc<Door>, found: &Found) -> Part {
    let (door, opened) = (Rc::clone(door), found.clone());
    Part {
        root: root.to_owned(),
        path: found.path.clone(),
        bytes: found.bytes,
        looks: found.looks,
        database: false,
        // A log that grows meanwhile is the same file, with more at its end.
        content: Box::new(move || door.read_grown(&opened)),
    }
}

/// A database, copied into a draft that goes when the part does.
pub(in crate::act) fn copied(
    (root, directory, door): (&str, &Path, &Rc<Door>),
    found: &Found,
    (to, into): (&Door, &Path),
    name: &str,
    halt: &Halt,
) -> io::Result<Part> {
    let draft = to.draft(Path::new(name))?;
    let path = into.canonicalize()?.join(draft.named_now());
    database::copy((door, directory, found), &path, halt)?;
    let bytes = draft.reopen()?.metadata()?.len();
    if bytes == 0 && found.bytes > 0 {
        return Err(io::Error::other(format!("{}: its copy is empty", found.shown())));
    }
    Ok(Part {
        root: root.to_owned(),
        path: found.path.clone(),
        bytes,
        looks: found.looks,
        database: true,
        content: Box::new(move || draft.reopen()),
    })
}
