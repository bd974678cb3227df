//! Copies of archives in an S3-compatible store.
//!
//! A copy counts once it was read back from there: then its checksum lies beside it, as `NAME.sha256`. What is without
//! one was broken off on the way, and is sent again.

use super::Order;
use super::keep::Keep;
use crate::act::archive::{Archive, Series};
use crate::act::args::Args;
use crate::act::bucket::{Bucket, Incoming};
use crate::act::door::{Door, Existing, Found};
use crate::act::pack;
use crate::act::roots::{self, Halt};
use crate::act::world::World;
use crate::base::digest::Digest;
use crate::model::perform::Failure;
use crate::model::plan::line;
use crate::model::policy::FailureKind;
use std::fs::File;
use std::io;
use std::path::Path;

/// The store of one name's copies.
pub(in crate::act) struct Copies {
    bucket: Bucket,
    name: String,
}

/// A copy.
#[derive(Debug, Clone)]
pub(in crate::act) struct There {
    pub(in crate::act) archive: Archive,
    /// Whether it was read back.
    pub(in crate::act) sure: bool,
}

/// What became of the copies.
#[derive(Debug, Default)]
pub(super) struct Copied {
    /// The store; empty where there is none.
    to: String,
    pub(super) sent: Vec<String>,
    pub(super) removed: Vec<String>,
    pub(super) kept: usize,
    pub(super) notes: Vec<String>,
}

impl Copies {
    pub(in crate::act) fn read(args: &Args, key: &str, world: &World) -> Result<Self, Failure> {
        let bucket = Bucket::read(&Args::from_map(args.map(key)), world)?;
        Ok(Self { bucket, name: args.need("name")? })
    }

    pub(in crate::act) fn shown(&self) -> &str {
        self.bucket.shown()
    }

    /// Every copy, the newest first.
    pub(in crate::act) fn list(&self, halt: &Halt) -> Result<Vec<There>, Failure> {
        let objects = self.bucket.list(&format!("{}-", self.name), halt)?;
        let sure = |archive: &Archive| objects.iter().any(|object| Path::new(&object.name) == archive.sum_file());
        let there = |archive: Archive| There { sure: sure(&archive), archive };
        let parsed = objects.iter().filter_map(|object| Archive::parse(&self.name, &object.name));
        let mut all: Vec<There> = parsed.map(there).collect();
        all.sort_by(|a, b| (b.archive.made, &b.archive.file).cmp(&(a.archive.made, &a.archive.file)));
        Ok(all)
    }

    /// Sends an archive, reads it back and notes beside it that it is there.
    fn send(&self, archive: &Archive, file: &File, (sum, bytes): (Digest, u64), halt: &Halt) -> Result<(), Failure> {
        self.bucket.put(&archive.file, file, bytes, halt)?;
        let (arrived, _) = self.sum(archive, &mut io::sink(), halt)?;
        if arrived != sum {
            self.bucket.remove(&archive.file)?;
            let why = format!("{}: what was read back is not what was sent: it was removed", self.shown());
            return Err(Failure::new(FailureKind::Other, why));
        }
        self.bucket.put_text(&sum_name(archive), &format!("{sum}  {}\n", archive.file))
    }

    fn send_of(&self, series: &Series<'_>, archive: &Archive, halt: &Halt) -> Result<(), Failure> {
        let said = |error: io::Error| roots::failure(&archive.file, &error);
        let (_, found) = series.named(&archive.file).map_err(said)?;
        let sum = pack::sum(&mut series.door.read(&found).map_err(said)?, halt).map_err(said)?;
        self.send(archive, &series.door.read(&found).map_err(said)?, sum, halt)
    }

    /// A copy, to be read.
    pub(in crate::act) fn open(&self, archive: &Archive) -> Result<Incoming<'_>, Failure> {
        self.bucket.open(&archive.file)
    }

    fn sum(&self, archive: &Archive, to: &mut dyn io::Write, halt: &Halt) -> Result<(Digest, u64), Failure> {
        let said = |error: io::Error| roots::failure(&format!("{} of {}", archive.file, self.shown()), &error);
        pack::copy(&mut self.open(archive)?, to, halt).map_err(said)
    }

    /// Puts a copy beside the other archives, over one of that name that is not good.
    pub(in crate::act) fn fetch(&self, door: &Door, archive: &Archive, halt: &Halt) -> Result<(), Failure> {
        let said = |error: io::Error| roots::failure(&format!("{} can't be fetched", archive.file), &error);
        let noted = self.bucket.text(&sum_name(archive))?;
        let noted = noted.split_whitespace().next().and_then(Digest::parse);
        let mut draft = door.draft(Path::new(&archive.file)).map_err(said)?;
        let (sum, _) = self.sum(archive, draft.file(), halt)?;
        if Some(sum) != noted {
            let why = format!("{}: {} has other bytes than when it was sent", self.shown(), archive.file);
            return Err(Failure::lasting(FailureKind::Other, why));
        }
        Series { door, name: self.name.clone() }.note_sum(archive, sum).map_err(said)?;
        draft.keep(Existing::Replace).map_err(said)
    }

    fn remove(&self, archive: &Archive) -> Result<(), Failure> {
        self.bucket.remove(&archive.file)?;
        self.bucket.remove(&sum_name(archive))
    }
}

impl Order {
    /// Sends what stays and is not there yet, then lets older copies go.
    pub(super) fn copied(
        &self,
        (series, new): (Option<&Series<'_>>, &Archive),
        going: &[(Archive, Found)],
        dry: bool,
        halt: &Halt,
    ) -> Result<Copied, Failure> {
        let Some(copies) = &self.copies else { return Ok(Copied::default()) };
        let unsent = |failure: Failure| if dry { failure } else { self.unsent(new, failure) };
        let mut there = copies.list(halt).map_err(unsent)?;
        let mut copied = Copied { to: copies.shown().to_owned(), ..Copied::default() };
        for archive in self.unsent_of(series, going, &there, (new, dry), halt)? {
            if let (false, Some(series)) = (dry, series) {
                copies.send_of(series, &archive, halt).map_err(unsent)?;
            }
            copied.sent.push(archive.file.clone());
            there.retain(|copy| copy.archive.file != archive.file);
            there.push(There { archive, sure: true });
        }
        there.sort_by(|a, b| (b.archive.made, &b.archive.file).cmp(&(a.archive.made, &a.archive.file)));
        let going = self.spare(&there, new, &mut copied.notes);
        for archive in going {
            match if dry { Ok(()) } else { copies.remove(&archive) } {
                Ok(()) => copied.removed.push(archive.file),
                Err(failure) => {
                    copied.notes.push(format!("{} could not be removed: {}", archive.file, failure.message));
                }
            }
        }
        copied.kept = there.len() - copied.removed.len();
        Ok(copied)
    }

    /// Archives that stay and have no copy.
    fn unsent_of(
        &self,
        series: Option<&Series<'_>>,
        going: &[(Archive, Found)],
        there: &[There],
        (new, dry): (&Archive, bool),
        halt: &Halt,
    ) -> Result<Vec<Archive>, Failure> {
        let said = |error: io::Error| roots::failure(&format!("archives of `{}`", self.name), &error);
        let mut unsent = if dry { vec![new.clone()] } else { Vec::new() };
        for (archive, found) in series.map(Series::list).transpose().map_err(said)?.unwrap_or_default() {
            let goes = going.iter().any(|(going, _)| going.file == archive.file);
            let has_copy = there.iter().any(|copy| copy.sure && copy.archive.file == archive.file);
            let good = |series: &Series<'_>| archive.file == new.file || series.is_good(&archive, &found, halt).is_ok();
            if !goes && !has_copy && series.is_some_and(good) {
                unsent.push(archive);
            }
        }
        Ok(unsent)
    }

    /// Copies that nothing keeps, all of them there now; the newest first.
    fn spare(&self, there: &[There], new: &Archive, notes: &mut Vec<String>) -> Vec<Archive> {
        let Some(keep) = &self.keep else { return Vec::new() };
        let mut spare = match spare(keep, there, new, self.now) {
            Ok(spare) => spare,
            Err(ahead) => {
                notes.push(format!("no copy was removed: {ahead} is from the future, is the clock right?"));
                return Vec::new();
            }
        };
        if let Some(listed) = &self.listed {
            spare.retain(|archive| listed.contains(&line("removed copy", &archive.file)));
        }
        spare
    }

    /// The archive is made, and has no copy.
    fn unsent(&self, new: &Archive, failure: Failure) -> Failure {
        let message = format!(
            "{} is in {} and was read back, but has no copy: {}. Nothing older was removed; the next backup sends it, too",
            new.file,
            self.place.path().display(),
            failure.message
        );
        Failure { message, ..failure }
    }
}

/// What `keep` lets go, though never so much that fewer than its least remain that were read back; an error = the clock is
/// wrong, since that one is newer than the one just made.
fn spare<'a>(keep: &Keep, there: &'a [There], new: &Archive, now: jiff::Timestamp) -> Result<Vec<Archive>, &'a str> {
    if let Some(ahead) = there.iter().find(|copy| copy.archive.made > new.made) {
        return Err(&ahead.archive.file);
    }
    let times: Vec<_> = there.iter().map(|copy| copy.archive.made).collect();
    let stays = keep.stays(&times, now);
    let stays = |at: usize| stays.get(at).copied().unwrap_or(true);
    let mut good = there.iter().enumerate().filter(|(at, copy)| stays(*at) && copy.sure).count();
    let mut spare = Vec::new();
    for (_, copy) in there.iter().enumerate().filter(|(at, _)| !stays(*at)) {
        if good < keep.at_least {
            good += usize::from(copy.sure);
        } else {
            spare.push(copy.archive.clone());
        }
    }
    Ok(spare)
}

fn sum_name(archive: &Archive) -> String {
    archive.sum_file().to_string_lossy().into_owned()
}

impl Copied {
    /// What became of the copies, as the rest of a sentence.
    pub(super) fn said(&self, dry: bool) -> String {
        let Self { to, sent, removed, kept, .. } = self;
        let older = |text: String| if removed.is_empty() { "nothing older".to_owned() } else { text };
        match (to.is_empty(), dry) {
            (true, _) => String::new(),
            (false, true) => format!(
                "; would send {} to {to}, would remove {} there, {kept} copies would be there",
                if sent.is_empty() { "nothing".to_owned() } else { sent.join(", ") },
                older(removed.join(", "))
            ),
            (false, false) => format!(
                "; {} sent to {to} and read back, {} was removed there, {kept} copies are there",
                sent.len(),
                older(format!("{} older", removed.len()))
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::pack::Format;

    #[test]
    fn only_what_was_read_back_counts() {
        let now: jiff::Timestamp = "2026-03-10T04:00:00Z".parse().expect("time");
        let mut keep = Keep::default();
        (keep.last, keep.at_least) = (1, 2);
        for (sure, going) in [
            ([true, true, true, true], vec![2, 3]),
            ([true, false, true, true], vec![3]),
            ([false, false, true, true], vec![]),
            ([false, false, false, false], vec![]),
        ] {
            let copy = |(days, sure): (i64, &bool)| There {
                archive: Archive::now("a", now - jiff::SignedDuration::from_hours(24 * days), Format::Zstd, false),
                sure: *sure,
            };
            let there: Vec<There> = (0..).zip(&sure).map(copy).collect();
            let gone = spare(&keep, &there, &there[0].archive, now).expect("the clock is right");
            let gone: Vec<String> = gone.into_iter().map(|archive| archive.file).collect();
            let wanted: Vec<String> = going.into_iter().map(|at: usize| there[at].archive.file.clone()).collect();
            assert_eq!(gone, wanted, "{sure:?}");
            assert_eq!(spare(&keep, &there, &there[1].archive, now), Err(there[0].archive.file.as_str()));
        }
    }
}
