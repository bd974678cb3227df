//! Where the records of attempts and what they print are kept: `<data>/spool/<run>/`, in `attempts`
//! and `<place>.<attempt>.*`.

use crate::base::address::Place;
use crate::base::digest::Digest;
use std::path::{Path, PathBuf};

/// Longest readable part of a file's name; longer addresses end in their hash.
const SLUG: usize = 120;

/// The stem of one attempt's files.
#[must_use]
pub fn stem(data: &Path, run: &str, place: &Place, attempt: u32) -> PathBuf {
    let text = place.to_string();
    let mut slug: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '.' }).collect();
    if slug.len() > SLUG || slug.contains('.') {
        let hash = Digest::of(text.as_bytes()).to_string();
        slug.truncate(SLUG);
        slug = format!("{slug}-{}", &hash[..12]);
    }
    run_dir(data, run).join(format!("{slug}.{attempt}"))
}

/// The directory of a run's records and output.
#[must_use]
pub fn run_dir(data: &Path, run: &str) -> PathBuf {
    data.join("spool").join(run)
}

/// The id of an attempt under the keeper: the same for the same attempt, whoever orders it.
#[must_use]
pub fn attempt_id(run: &str, place: &Place, attempt: u32) -> String {
    format!("{run}/{place}.{attempt}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_places_never_share_a_stem() {
        let stem = |text: &str| stem(Path::new("/d"), "r", &Place::parse(text).expect(text), 1);
        assert_eq!(stem("check"), Path::new("/d/spool/r/check.1"));
        assert_ne!(stem("a[1]/b"), stem("a/b"));
        assert_ne!(stem("a[1]/b"), stem("a/recover/b"));
        let long = format!("{}/{}", "a".repeat(64), "b".repeat(64));
        let other = format!("{}/{}", "a".repeat(64), "b".repeat(63));
        assert_ne!(stem(&long), stem(&other));
        assert!(stem(&long).file_name().is_some_and(|name| name.len() < 240));
    }
}
