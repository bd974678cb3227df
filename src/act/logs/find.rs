//! Which files a log consists of: patterns, and rotated parts where they reach into the time asked for.

use crate::act::glob::files;
use crate::act::world::World;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Endings of compressed files.
const COMPRESSED: &[&str] = &[".gz", ".xz", ".bz2", ".zst"];

/// The files to read, oldest part first, and what a reader should know.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: Vec<PathBuf>,
    pub(super) notes: Vec<String>,
    /// Files that are not there, where that is fine.
    pub(super) absent: Vec<String>,
}

/// The files that `patterns` mean. With a `cutoff`, rotated parts written after it come before their log.
pub(super) fn find(
    patterns: &[String],
    world: &World,
    cutoff: Option<jiff::Timestamp>,
    must: bool,
) -> Result<Found, Failure> {
    let (mut found, mut seen) = (Found::default(), BTreeSet::new());
    for pattern in patterns {
        let path = world.path(pattern);
        let matching = files(&path);
        if matching.is_empty() {
            let what =
                if path.is_dir() { "it is a directory: write it like `logs/*.log`" } else { "there is no such file" };
            let message = format!("`{pattern}` can't be read: {what} ({})", path.display());
            if must {
                return Err(Failure::new(FailureKind::Missing, message));
            }
            found.absent.push(message);
        }
        for file in matching {
            let parts = cutoff.map_or_else(Vec::new, |cutoff| rotated(&file, cutoff, &mut found.notes));
            for part in parts.into_iter().chain([file]) {
                if seen.insert(part.clone()) {
                    found.files.push(part);
                }
            }
        }
    }
    Ok(found)
}

/// Parts of a log that were rotated away after `cutoff`, oldest first.
fn rotated(file: &Path, cutoff: jiff::Timestamp, notes: &mut Vec<String>) -> Vec<PathBuf> {
    let (Some(directory), Some(name)) = (file.parent(), file.file_name()) else { return Vec::new() };
    let name = name.to_string_lossy().into_owned();
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        let rest = other.strip_prefix(&name).and_then(|rest| rest.strip_prefix(['.', '-']));
        let Some(rest) = rest.filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) else { continue };
        let written = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        let written = written.and_then(|time| jiff::Timestamp::try_from(time).ok());
        let Some(written) = written.filter(|written| *written >= cutoff) else { continue };
        if COMPRESSED.iter().any(|ending| rest.ends_with(ending)) {
            notes.push(format!("{} is compressed and was not read", entry.path().display()));
        } else {
            parts.push((written, entry.path()));
        }
    }
    parts.sort();
    parts.into_iter().map(|(_, path)| path).collect()
}
