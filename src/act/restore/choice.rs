//! Which archive is put back: the newest that is good, or the one that was named, here or fetched from its store.

use super::{Chosen, Order};
use crate::act::archive::{self, Archive, Manifest, Series, Visit};
use crate::act::backup::copies::{Copies, There};
use crate::act::door::{Door, Found};
use crate::act::pack;
use crate::act::roots::{self, Halt};
use crate::base::limits::MAX_LISTED;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::io;

/// The archives that are here and in the store.
struct Known<'a> {
    door: Option<&'a Door>,
    here: Vec<(Archive, Found)>,
    there: Vec<There>,
    dry: bool,
}

impl Order {
    /// The newest good archive, or the one that was named. A dry run reads what is only in the store, and keeps nothing of it.
    pub(super) fn choose(&self, door: Option<&Door>, dry: bool, halt: &Halt) -> Result<Chosen, Failure> {
        let said = |error: io::Error| roots::failure(&format!("archives of `{}`", self.name), &error);
        let listed = |door| Series { door, name: self.name.clone() }.list();
        let here = door.map(listed).transpose().map_err(said)?.unwrap_or_default();
        let mut known = Known { door, here, there: Vec::new(), dry };
        let (mut notes, mut passes) = (Vec::new(), false);
        if let Some(file) = &self.wanted {
            return self.choose_named(file, &mut known, halt);
        }
        if let Some(copies) = &self.copies {
            match copies.list(halt) {
                Ok(there) => known.there = there,
                // What is here may do, and is what somebody has who restores while the net is down.
                Err(failure) => {
                    passes = !failure.lasting;
                    notes.push(format!("copies were not looked at: {}", failure.message));
                }
            }
        }
        let all = known.names();
        for archive in known.all() {
            if let Some((found, manifest)) = self.good(&known, &archive, (&mut notes, &mut passes), halt)? {
                return Ok(Chosen { archive, found, manifest, all, notes, mended: None });
            }
        }
        let why = if notes.is_empty() { "there is none".to_owned() } else { notes.join("; ") };
        let store = self.copies.as_ref().map_or(String::new(), |copies| format!(" or {}", copies.shown()));
        let why = format!(
            "nothing was restored: no good archive of `{}` in {}{store}: {why}",
            self.name,
            self.place.path().display()
        );
        // A store that could not be asked now may be there the next time.
        Err(Failure { lasting: !passes, ..Failure::new(FailureKind::Missing, why) })
    }

    fn choose_named(&self, file: &str, known: &mut Known<'_>, halt: &Halt) -> Result<Chosen, Failure> {
        let said = |error: io::Error| roots::failure(&format!("archives of `{}`", self.name), &error);
        let named = known.door.map_or_else(|| Err(io::ErrorKind::NotFound.into()), |door| self.named(door, file));
        let all = known.names();
        let error = match (named, known.door) {
            (Ok((archive, found)), Some(door)) => match archive::verify(door, &found, &archive, &self.keys, halt) {
                Ok(manifest) => {
                    let found = Some(found);
                    return Ok(Chosen { archive, found, manifest, all, notes: Vec::new(), mended: None });
                }
                Err(error) => {
                    let error = refused(file, &error);
                    if self.is_as_it_was_made(door, &archive, &found, halt)? {
                        return Err(error);
                    }
                    error
                }
            },
            (Err(error), _) => said(error),
            (Ok(_), None) => said(io::ErrorKind::NotFound.into()),
        };
        // Another than ours, a safety archive say, was never sent anywhere.
        let (Some(copies), Some(archive)) = (&self.copies, Archive::parse(&self.name, file)) else { return Err(error) };
        known.there = copies.list(halt)?;
        let copied = known.there.iter().any(|copy| copy.sure && copy.archive == archive);
        if !copied {
            let message = format!("{}; and there is no copy of it in {}", error.message, copies.shown());
            return Err(Failure { message, ..error });
        }
        let (found, manifest) = self.fetched(copies, known, &archive, halt)?;
        let all = known.names();
        Ok(Chosen { archive, found, manifest, all, notes: Vec::new(), mended: None })
    }

    /// That archive, if it is good here or in the store.
    fn good(
        &self,
        known: &Known<'_>,
        archive: &Archive,
        (notes, passes): (&mut Vec<String>, &mut bool),
        halt: &Halt,
    ) -> Result<Option<(Option<Found>, Manifest)>, Failure> {
        let said = |error: io::Error| roots::failure(&format!("archives of `{}`", self.name), &error);
        let here = known.here.iter().find(|(here, _)| here.file == archive.file);
        if let (Some((_, found)), Some(door)) = (here, known.door) {
            match archive::verify(door, found, archive, &self.keys, halt) {
                Ok(manifest) => {
                    let found = Series { door, name: self.name.clone() }.named(&archive.file).map_err(said)?.1;
                    return Ok(Some((Some(found), manifest)));
                }
                Err(error) if halt.asked() => return Err(said(error)),
                Err(error) => notes.push(format!("{} is not good: {error}", archive.file)),
            }
            if self.is_as_it_was_made(door, archive, found, halt)? {
                return Ok(None);
            }
        }
        let copied = known.there.iter().any(|copy| copy.sure && copy.archive.file == archive.file);
        let Some(copies) = self.copies.as_ref().filter(|_| copied) else { return Ok(None) };
        match self.fetched(copies, known, archive, halt) {
            Ok(fetched) => Ok(Some(fetched)),
            Err(failure) if halt.asked() => Err(failure),
            Err(failure) => {
                *passes |= !failure.lasting;
                notes.push(failure.message);
                Ok(None)
            }
        }
    }

    /// Whether an archive that can't be read has the bytes it was made with: then its copy can't be read either (the key is
    /// missing, say), and nothing takes its place.
    fn is_as_it_was_made(&self, door: &Door, archive: &Archive, found: &Found, halt: &Halt) -> Result<bool, Failure> {
        let said = |error: io::Error| roots::failure(&format!("archives of `{}`", self.name), &error);
        let series = Series { door, name: self.name.clone() };
        let Some(noted) = series.sum_of(archive).map_err(said)? else { return Ok(false) };
        let is = door.read(found).and_then(|mut file| pack::sum(&mut file, halt));
        Ok(is.is_ok_and(|(sum, _)| sum == noted))
    }

    /// An archive of the store: put beside the others, or only read.
    fn fetched(
        &self,
        copies: &Copies,
        known: &Known<'_>,
        archive: &Archive,
        halt: &Halt,
    ) -> Result<(Option<Found>, Manifest), Failure> {
        let bad = |error: io::Error| {
            let why = format!("the copy of {} in {} is not good: {error}", archive.file, copies.shown());
            Failure::lasting(FailureKind::Other, why)
        };
        let Some(door) = known.door.filter(|_| !known.dry) else {
            let read = archive::read(copies.open(archive)?, archive, &self.keys, halt, &mut |_: Visit<'_, '_>| Ok(()));
            return Ok((None, read.map_err(bad)?));
        };
        copies.fetch(door, archive, halt)?;
        let (_, found) = Series { door, name: self.name.clone() }.named(&archive.file).map_err(bad)?;
        let manifest = archive::verify(door, &found, archive, &self.keys, halt).map_err(bad)?;
        Ok((Some(found), manifest))
    }

    /// An archive by its file name: of this name, or a safety backup of it.
    pub(super) fn named(&self, door: &Door, file: &str) -> io::Result<(Archive, Found)> {
        let safety = Series { door, name: self.safety_name() };
        if Archive::parse(&safety.name, file).is_some() {
            return safety.named(file);
        }
        Series { door, name: self.name.clone() }.named(file)
    }
}

impl Known<'_> {
    /// Every archive, here or in the store, the newest first.
    fn all(&self) -> Vec<Archive> {
        let here = self.here.iter().map(|(archive, _)| archive);
        let there = self.there.iter().filter(|copy| copy.sure).map(|copy| &copy.archive);
        let mut all: Vec<Archive> = here.chain(there).cloned().collect();
        all.sort_by(|a, b| (b.made, &b.file).cmp(&(a.made, &a.file)));
        all.dedup();
        all
    }

    fn names(&self) -> Vec<String> {
        self.all().into_iter().take(MAX_LISTED).map(|archive| archive.file).collect()
    }
}

fn refused(file: &str, error: &io::Error) -> Failure {
    let why = format!("nothing was restored: {file} is not good: {error}");
    Failure::lasting(FailureKind::Other, why)
}
