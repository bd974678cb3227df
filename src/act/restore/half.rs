//! A restore that was broken off: the mark that it left, and what it had found, put back.

use crate::act::archive::{self, Archive, Manifest, Row};
use crate::act::backup::database::{COMPANIONS, companion, is_database};
use crate::act::backup::half_file;
use crate::act::backup::parts::copied;
use crate::act::door::{Door, Existing, Found};
use crate::act::pack;
use crate::act::restore::Order;
use crate::act::restore::targets::Targets;
use crate::act::roots::{self, Halt};
use crate::base::digest::Digest;
use crate::base::value::{Value, json};
use crate::model::perform::Failure;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;

/// Bytes of the mark.
const MARK: u64 = 64 * 1024;
/// Files in the sentence about what was changed since.
const NAMED: usize = 20;

/// What the mark says.
pub(super) struct Half {
    /// The archive of what the restore had found.
    pub(super) safety: String,
    /// The archive that it was putting into place.
    archive: Option<String>,
}

/// A safety archive, looked up.
struct Back {
    archive: Archive,
    found: Found,
    manifest: Manifest,
}

impl Order {
    /// What a restore that was broken off left.
    pub(super) fn half(&self, door: &Door) -> Result<Option<Half>, Failure> {
        let said = |error: io::Error| roots::failure("the mark of a broken off restore", &error);
        let Some(found) = door.look(&half_file(&self.name)).map_err(said)? else { return Ok(None) };
        let mut text = String::new();
        let read = door.read(&found).and_then(|file| file.take(MARK).read_to_string(&mut text));
        read.map_err(said)?;
        let value: Option<Value> = serde_json::from_str(&text).ok();
        let word = |key: &str| Some(value.as_ref()?.get(key)?.as_str()?.to_owned());
        let safety = word("safety").ok_or_else(|| said(io::Error::other("it can't be read")))?;
        Ok(Some(Half { safety, archive: word("archive") }))
    }

    pub(super) fn mark(&self, door: &Door, safety: &str, archive: &str) -> io::Result<()> {
        let mut draft = door.draft(&half_file(&self.name))?;
        writeln!(draft.file(), "{}", json!({ "safety": safety, "archive": archive, "run": self.run }))?;
        draft.keep(Existing::Replace)
    }

    pub(super) fn unmark(&self, door: &Door) -> io::Result<()> {
        match door.look(&half_file(&self.name))? {
            Some(found) => door.remove(&found),
            None => Ok(()),
        }
    }

    /// Puts back what a broken off restore had found; the sentence says so. Between the two people may have been at
    /// work: what is neither as that restore found it nor as it left it is in no archive, and becomes one first.
    pub(super) fn mend(&self, door: &Door, half: &Half, halt: &Halt) -> Result<String, Failure> {
        let safety = &half.safety;
        let broken = "an earlier restore was broken off";
        let first = |failure: Failure| {
            let message = format!("{broken}, and {safety} has to be put back first: {}", failure.message);
            Failure { message, ..failure }
        };
        let back = self.back(door, safety, halt).map_err(first)?;
        let everything = self.everything();
        let mut targets = Targets::open(&everything, &back.manifest, true).map_err(first)?;
        let _roots = targets.hold(&self.place.path(), halt).map_err(first)?;
        targets.look(&everything, &back.manifest, halt).map_err(first)?;
        targets.refuse_used().map_err(first)?;
        let since = self.since(door, &targets, half, halt);
        let since = since.map_err(|error| first(roots::failure("what is there now can't be read", &error)))?;
        let mut note = format!("{broken}: {safety} was put back first");
        if !since.is_empty() {
            // The archive is the whole of what is there, so that going back to it is going back to this moment.
            targets.all.iter_mut().for_each(|target| target.same = false);
            let saved = self.save(door, &targets, halt).map_err(first)?;
            let more = if since.len() > NAMED { format!(" and {} more", since.len() - NAMED) } else { String::new() };
            let list = since.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            note = format!("{note}; what was changed since then is in {saved}: {list}{more}");
        }
        match self.put_in_place(door, &back, &targets) {
            Ok(()) => Ok(note),
            Err(failure) if since.is_empty() => Err(first(failure)),
            Err(failure) => {
                let failure = first(failure);
                Err(Failure { message: format!("{} (begun: {note})", failure.message), ..failure })
            }
        }
    }

    /// Makes everything as the safety backup has it, and takes the mark away; the roots are held already.
    pub(super) fn put_back(&self, door: &Door, safety: &str) -> Result<(), Failure> {
        let back = self.back(door, safety, &Halt::default())?;
        let targets = Targets::find(&self.everything(), &back.manifest, true, &Halt::default())?;
        self.put_in_place(door, &back, &targets)
    }

    fn back(&self, door: &Door, safety: &str, halt: &Halt) -> Result<Back, Failure> {
        let said = |error: io::Error| roots::failure(&format!("{safety} can't be put back"), &error);
        let (archive, found) = self.named(door, safety).map_err(said)?;
        let manifest = archive::verify(door, &found, &archive, &self.keys, halt).map_err(said)?;
        Ok(Back { archive, found, manifest })
    }

    /// What stops the step does not stop this.
    fn put_in_place(&self, door: &Door, back: &Back, targets: &Targets) -> Result<(), Failure> {
        let halt = Halt::default();
        let said = |error: io::Error| roots::failure(&format!("{} can't be put back", back.archive.file), &error);
        targets.stage(door, &back.found, &back.archive, &self.keys, &halt).map_err(said)?;
        targets.settle(&halt).and_then(|()| targets.check(&halt)).map_err(said)?;
        self.unmark(door).map_err(said)
    }

    /// Files that would be replaced or taken away, and are neither as the broken off restore found them nor as it
    /// left them.
    fn since(&self, door: &Door, targets: &Targets, half: &Half, halt: &Halt) -> io::Result<Vec<String>> {
        // Where its archive is gone or can't be opened, nothing of what is there is known: all of it is saved.
        let verified = half.archive.as_ref().and_then(|file| {
            let (archive, found) = self.named(door, file).ok()?;
            archive::verify(door, &found, &archive, &self.keys, halt).ok()
        });
        halt.check()?;
        let rows = verified.map(|manifest| manifest.rows).unwrap_or_default();
        let written: BTreeMap<(&str, &Path), &Row> =
            rows.iter().map(|row| ((row.root.as_str(), row.path.as_path()), row)).collect();
        let found = targets.all.iter().filter(|target| !target.same);
        let found = found.map(|target| (target.row.root.as_str(), target.row.path.as_path(), Some(&target.row)));
        let gone = targets.gone.iter().map(|(root, path)| (root.as_str(), path.as_path(), None));
        let mut since = Vec::new();
        for (root, path, row) in found.chain(gone) {
            let known: Vec<&Row> = [row, written.get(&(root, path)).copied()].into_iter().flatten().collect();
            if !self.is_known(door, targets, (root, path), &known, halt)? {
                since.push(format!("{root}/{}", path.display()));
            }
        }
        since.sort();
        Ok(since)
    }

    /// Whether what is at a place, or the copy that SQLite makes of it, is one of these; nothing at all is known.
    fn is_known(
        &self,
        door: &Door,
        targets: &Targets,
        (root, path): (&str, &Path),
        known: &[&Row],
        halt: &Halt,
    ) -> io::Result<bool> {
        let (directory, at) = targets.at(root)?;
        let now = at.look(path)?;
        let is = |sum: (Digest, u64)| known.iter().any(|row| (row.sum, row.bytes) == sum);
        let is_one = now.as_ref().map_or(Ok(false), |now| is_database(at, now))?;
        let database = is_one || known.iter().any(|row| row.database);
        let mut alone = true;
        for which in COMPANIONS.iter().filter(|_| database) {
            alone &= at.look(&companion(path, which))?.is_none_or(|found| found.bytes == 0);
        }
        let Some(now) = now else { return Ok(alone) };
        if alone && is(pack::sum(&mut at.read(&now)?, halt)?) {
            return Ok(true);
        }
        if !is_one {
            return Ok(false);
        }
        let name = format!("{}-before-restore-look", self.name);
        match copied((root, directory, at), &now, (door, &self.place.path()), &name, halt) {
            Ok(part) => Ok(is(pack::sum(&mut (part.content)()?, halt)?)),
            Err(error) if halt.asked() || roots::ends_all(&error) => Err(error),
            // A damaged one is in no archive: its bytes are saved as they are.
            Err(_) => Ok(false),
        }
    }
}
