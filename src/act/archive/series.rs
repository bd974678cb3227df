//! The archives of one name: what they are called, which are good, which may go.

use crate::act::archive::read::{Keys, verify};
use crate::act::door::{Door, Existing, Found, Patterns};
use crate::act::pack::{self, Format};
use crate::act::roots::Halt;
use crate::base::digest::Digest;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// How times are written into names.
const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// What an archive's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::act) struct Archive {
    pub(in crate::act) file: String,
    pub(in crate::act) made: Timestamp,
    pub(in crate::act) format: Format,
    pub(in crate::act) sealed: bool,
}

/// The archives of one name in one directory.
#[derive(Debug)]
pub(in crate::act) struct Series<'a> {
    pub(in crate::act) door: &'a Door,
    pub(in crate::act) name: String,
}

impl Archive {
    /// The archive of that name that is made now.
    pub(in crate::act) fn now(name: &str, made: Timestamp, format: Format, sealed: bool) -> Self {
        let file = format!("{name}-{}{}", made.strftime(STAMP), Self::ending(format, sealed));
        Self { file, made, format, sealed }
    }

    /// What a file name says, where it is one of that series.
    pub(in crate::act) fn parse(name: &str, file: &str) -> Option<Self> {
        let rest = file.strip_prefix(name)?.strip_prefix('-')?;
        let (stamp, ending) = rest.split_at_checked(16)?;
        let made = DateTime::strptime(STAMP, stamp).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
        let ways = Format::ALL.into_iter().flat_map(|format| [(format, false), (format, true)]);
        let (format, sealed) = ways.into_iter().find(|(format, sealed)| Self::ending(*format, *sealed) == ending)?;
        Some(Self { file: file.to_owned(), made, format, sealed })
    }

    /// The file beside it with its checksum.
    pub(in crate::act) fn sum_file(&self) -> PathBuf {
        format!("{}.sha256", self.file).into()
    }
}

impl Series<'_> {
    /// Every archive, the newest first.
    pub(in crate::act) fn list(&self) -> io::Result<Vec<(Archive, Found)>> {
        let patterns = Patterns::new(&[format!("{}-*", self.name)], &[], true).map_err(io::Error::other)?;
        let files = self.door.walk(&patterns, &|| false)?.files;
        let archive = |found: Found| Some((Archive::parse(&self.name, found.path.to_str()?)?, found));
        let mut all: Vec<_> = files.into_iter().filter_map(archive).collect();
        all.sort_by(|(a, _), (b, _)| (b.made, &b.file).cmp(&(a.made, &a.file)));
        Ok(all)
    }

    /// The archive that is made now, under the first second that none of this name has.
    pub(in crate::act) fn next(&self, made: Timestamp, format: Format, sealed: bool) -> io::Result<Archive> {
        let taken: Vec<i64> = self.list()?.iter().map(|(archive, _)| archive.made.as_second()).collect();
        let mut second = made.as_second();
        while taken.contains(&second) {
            second += 1;
        }
        let made = Timestamp::from_second(second).map_err(io::Error::other)?;
        Ok(Archive::now(&self.name, made, format, sealed))
    }

    /// Whether an archive still has the bytes that were once read back; one without a checksum beside it is read whole.
    pub(in crate::act) fn is_good(&self, archive: &Archive, found: &Found, halt: &Halt) -> io::Result<()> {
        match self.sum_of(archive)? {
            Some(sum) if pack::sum(&mut self.door.read(found)?, halt)?.0 == sum => Ok(()),
            Some(_) => Err(io::Error::other("it has other bytes than when it was made")),
            None => verify(self.door, found, archive, &Keys::new(), halt).map(drop),
        }
    }

    /// The checksum that is noted beside it.
    pub(in crate::act) fn sum_of(&self, archive: &Archive) -> io::Result<Option<Digest>> {
        let Some(found) = self.door.look(&archive.sum_file())? else { return Ok(None) };
        let mut text = String::new();
        self.door.read(&found)?.take(4096).read_to_string(&mut text)?;
        Ok(text.split_whitespace().next().and_then(Digest::parse))
    }

    /// Writes the checksum beside an archive that is about to get its name, as `sha256sum -c` reads it.
    pub(in crate::act) fn note_sum(&self, archive: &Archive, sum: Digest) -> io::Result<()> {
        let mut draft = self.door.draft(&archive.sum_file())?;
        writeln!(draft.file(), "{sum}  {}", archive.file)?;
        draft.keep(Existing::Replace)
    }

    /// Clears away what killed steps left of this name: unfinished files, checksums of archives that never came.
    pub(in crate::act) fn clear(&self) -> io::Result<()> {
        self.door.clear(&format!("{}-", self.name))?;
        let patterns = Patterns::new(&[format!("{}-*.sha256", self.name)], &[], true).map_err(io::Error::other)?;
        for sum in self.door.walk(&patterns, &|| false)?.files {
            let of = sum.path.to_str().and_then(|name| name.strip_suffix(".sha256")).unwrap_or_default();
            if Archive::parse(&self.name, of).is_some() && self.door.look(Path::new(of))?.is_none() {
                self.door.remove(&sum)?;
            }
        }
        Ok(())
    }

    /// Removes an archive, and then what was noted of it.
    pub(in crate::act) fn remove(&self, archive: &Archive, found: &Found) -> io::Result<()> {
        self.door.remove(found)?;
        match self.door.look(&archive.sum_file())? {
            Some(sum) => self.door.remove(&sum),
            None => Ok(()),
        }
    }

    /// The archive of that file name.
    pub(in crate::act) fn named(&self, file: &str) -> io::Result<(Archive, Found)> {
        let none = || io::Error::new(io::ErrorKind::NotFound, format!("`{file}` is no archive `{}-…`", self.name));
        let archive = Archive::parse(&self.name, file).ok_or_else(none)?;
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("`{file}` is not there"));
        let found = self.door.look(Path::new(file))?.ok_or_else(missing)?;
        Ok((archive, found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let made: Timestamp = "2026-01-02T03:04:05Z".parse().expect("time");
        for (format, sealed, file) in [
            (Format::Zstd, false, "db-20260102T030405Z.tar.zst"),
            (Format::Gzip, false, "db-20260102T030405Z.tar.gz"),
            (Format::Zstd, true, "db-20260102T030405Z.tar.zst.age"),
        ] {
            let archive = Archive::now("db", made, format, sealed);
            assert_eq!(archive.file, file);
            assert_eq!(Archive::parse("db", file), Some(archive));
        }
        for other in [
            "db-before-restore-20260102T030405Z.tar.zst",
            "db-20260102T030405Z.tar.zst.sha256",
            "db-20261302T030405Z.tar.zst",
            "db-2026.tar.zst",
            "dbx-20260102T030405Z.tar.zst",
            "db-20260102T030405Z.tar",
            "db-é",
        ] {
            assert_eq!(Archive::parse("db", other), None, "{other}");
        }
    }
}
