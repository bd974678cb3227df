//! Rotation: a name with the time, so that no file ever has to make room for another.
//!
//! A rotation that was killed in the middle has moved a file or has not; the next one goes on from there.

use crate::act::door::{Door, Found, Patterns};
use crate::act::files::Order;
use crate::act::files::plan::{Deed, Item, beside};
use crate::act::holders::writers;
use crate::act::pack::Format;
use std::path::{Path, PathBuf};

/// What is done about one log: older ones compressed and removed, then the log itself.
pub(super) fn deeds(
    order: &Order,
    door: &Door,
    found: &Found,
    (format, cut, keep): (Format, bool, Option<usize>),
) -> Result<Vec<Item>, String> {
    if is_rotated(&found.path) {
        return Err("it is a rotated file itself".into());
    }
    let mut items = Vec::new();
    let mut older = rotated(door, &found.path).map_err(|error| error.to_string())?;
    let due = found.bytes > 0;
    if let Some(keep) = keep {
        let stay = keep.saturating_sub(usize::from(due));
        // The last ones are the newest: their names are times.
        let going = older.len().saturating_sub(stay);
        let written = writers(&older);
        let newest = older.last().map(|last| last.path.clone());
        for (number, old) in older.drain(..).enumerate() {
            if number < going {
                items.push(Item { found: old, deed: Deed::Remove });
            } else if Format::of(&old.path).is_none()
                && (due || Some(&old.path) != newest.as_ref())
                && !written.iter().any(|(inode, _)| *inode == old.inode)
            {
                let to = beside(&old.path, format);
                if matches!(door.look(&to), Ok(None)) {
                    items.push(Item { found: old, deed: Deed::Compress(format, to) });
                }
            }
        }
    }
    if due {
        if cut && !found.alone {
            return Err("it has a second name elsewhere, which would be emptied, too: use `how: rename`".into());
        }
        let to = named(&found.path, &order.stamp);
        items.push(Item { found: found.clone(), deed: Deed::Rotate(to, cut) });
    }
    Ok(items)
}

fn named(path: &Path, stamp: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(stamp);
    name.into()
}

/// Whether that is `20260102T030405Z`.
fn is_stamp(text: &str) -> bool {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    text.len() == 16 && digits(0..8) && text.get(8..9) == Some("T") && digits(9..15) && text.ends_with('Z')
}

fn is_rotated(path: &Path) -> bool {
    let plain = if Format::of(path).is_some() { path.with_extension("") } else { path.to_owned() };
    plain.extension().and_then(std::ffi::OsStr::to_str).is_some_and(is_stamp)
}

/// Rotated files of a log, the oldest first.
fn rotated(door: &Door, log: &Path) -> std::io::Result<Vec<Found>> {
    let pattern = format!("{}.*", log.display());
    let patterns = Patterns::new(&[pattern], &[], false).map_err(std::io::Error::other)?;
    let mut files = door.walk(&patterns, &|| false)?.files;
    let name = log.to_string_lossy().into_owned();
    files.retain(|found| {
        let path = found.path.to_string_lossy();
        let rest = path.strip_prefix(&name).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
        let stamp = rest.strip_suffix(".gz").or_else(|| rest.strip_suffix(".zst")).unwrap_or(rest);
        is_stamp(stamp)
    });
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_rotated_files() {
        for (name, rotated) in [
            ("app.log.20260102T030405Z", true),
            ("app.log.20260102T030405Z.gz", true),
            ("a/b.20260102T030405Z.zst", true),
            ("app.log", false),
            ("app.log.1", false),
            ("app.log.20260102T0304Z", false),
            ("app.log.20260102X030405Z", false),
        ] {
            assert_eq!(is_rotated(Path::new(name)), rotated, "{name}");
        }
    }
}
