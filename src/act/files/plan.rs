//! Which files, and what would be done to each.

use crate::act::door::{Door, Found, Seen};
use crate::act::files::rotate;
use crate::act::files::{Action, Order};
use crate::act::holders::writers;
use crate::act::pack::{self, Format};
use crate::act::roots::{self, Halt};
use crate::model::perform::Failure;
use crate::model::plan::line;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Which of the files that fit the patterns.
#[derive(Debug, Clone, Default)]
pub(super) struct Choice {
    /// Last written before this second.
    pub(super) older: Option<i64>,
    /// Last written after this second.
    pub(super) newer: Option<i64>,
    pub(super) larger: Option<u64>,
    pub(super) smaller: Option<u64>,
    pub(super) mode: Mode,
    pub(super) skip_newest: usize,
}

/// `mode`: permission bits that are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mode {
    /// At least one of these.
    pub(super) any: Option<u32>,
    /// Every one of these.
    pub(super) all: u32,
    /// Not one of these.
    pub(super) none: u32,
}

impl Mode {
    fn takes(self, mode: u32) -> bool {
        let Self { any, all, none } = self;
        any.is_none_or(|bits| mode & bits != 0) && mode & all == all && mode & none == 0
    }
}

/// `at_most`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Limit {
    Count(u64),
    /// Percent of what fits the patterns.
    Share(f64),
}

/// One file and what is done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) found: Found,
    pub(super) deed: Deed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    Find,
    Verify(Format),
    /// Into that archive.
    Compress(Format, PathBuf),
    /// The archive beside it was read and has the same bytes.
    Archived(Found),
    Remove,
    Move(PathBuf),
    /// To that name; the flag says by a copy.
    Rotate(PathBuf, bool),
}

impl Deed {
    /// What was done, in a word.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Find => "found",
            Self::Verify(_) => "verified",
            Self::Compress(..) => "compressed",
            Self::Archived(_) | Self::Remove => "removed",
            Self::Move(_) => "moved",
            Self::Rotate(..) => "rotated",
        }
    }
}

/// What a run does, and a dry run lists.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) matched: usize,
    pub(super) items: Vec<Item>,
    pub(super) skipped: Vec<(PathBuf, String)>,
}

impl Choice {
    fn takes(&self, found: &Found) -> bool {
        let (written, bytes) = (found.looks.changed.0, found.bytes);
        self.older.is_none_or(|limit| written < limit)
            && self.newer.is_none_or(|limit| written > limit)
            && self.larger.is_none_or(|limit| bytes > limit)
            && self.smaller.is_none_or(|limit| bytes < limit)
            && self.mode.takes(found.looks.mode)
    }
}

impl Plan {
    pub(super) fn of(order: &Order, door: &Door, halt: &Halt) -> Result<Self, Failure> {
        let said = |error: io::Error| roots::failure(&format!("root `{}` can't be read", order.root), &error);
        let Seen { mut files, directories, skipped } = door.walk(&order.patterns, &|| halt.asked()).map_err(said)?;
        if order.directories {
            files.extend(directories);
            files.sort_by(|a, b| a.path.cmp(&b.path));
        }
        let mut plan = Self { matched: files.len(), items: Vec::new(), skipped };
        if order.choice.skip_newest > 0 {
            files.sort_by(|a, b| (b.looks.changed, &b.path).cmp(&(a.looks.changed, &a.path)));
            files.drain(..order.choice.skip_newest.min(files.len()));
            files.sort_by(|a, b| a.path.cmp(&b.path));
        }
        files.retain(|found| order.choice.takes(found));
        let written = if matches!(order.action, Action::Compress(_) | Action::Remove { .. } | Action::Move { .. }) {
            writers(&files)
        } else {
            Vec::new()
        };
        for found in files {
            halt.check().map_err(said)?;
            let writer = written.iter().find(|(inode, _)| *inode == found.inode);
            if let Some((_, who)) = writer {
                plan.skipped.push((found.path, format!("{who} still writes to it: `rotate` it first")));
                continue;
            }
            match deeds(order, door, &found, halt) {
                Ok(items) => plan.items.extend(items),
                Err(why) => plan.skipped.push((found.path, why)),
            }
        }
        plan.keep_to(order);
        plan.skipped.sort();
        Ok(plan)
    }

    /// Under the plan of a run only what that lists.
    fn keep_to(&mut self, order: &Order) {
        let Some(listed) = &order.listed else { return };
        let listed: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
        let is_listed = |item: &Item| listed.contains(line(item.deed.word(), &item.found.shown()).as_str());
        let (stay, others) = std::mem::take(&mut self.items).into_iter().partition(is_listed);
        self.items = stay;
        let why = |item: Item| {
            (item.found.path, format!("it would be {}, and the plan of this run does not list it", item.deed.word()))
        };
        self.skipped.extend(others.into_iter().map(why));
    }

    /// What `at_most` does not allow, to be asked before anything is touched.
    pub(super) fn too_many(&self, order: &Order) -> Option<String> {
        let (Some(limit), Action::Compress(_) | Action::Remove { .. } | Action::Move { .. }) =
            (order.at_most, &order.action)
        else {
            return None;
        };
        #[expect(clippy::cast_precision_loss, reason = "counts of files, at most a million")]
        let (chosen, all) = (self.items.len() as f64, self.matched as f64);
        let (held, says) = match limit {
            #[expect(clippy::cast_precision_loss, reason = "counts of files, at most a million")]
            Limit::Count(count) => (chosen <= count as f64, count.to_string()),
            Limit::Share(percent) => (chosen * 100.0 <= all * percent, format!("{percent} %")),
        };
        if held {
            return None;
        }
        let share = chosen * 100.0 / all;
        Some(format!(
            "{chosen} of {all} files below root `{}` would be touched ({share:.0} %), and `at_most` allows {says}",
            order.root
        ))
    }
}

/// What is done to one file; the error is why it is left alone.
fn deeds(order: &Order, door: &Door, found: &Found, halt: &Halt) -> Result<Vec<Item>, String> {
    let one = |deed| Ok(vec![Item { found: found.clone(), deed }]);
    match &order.action {
        Action::Find => one(Deed::Find),
        Action::Verify => match Format::of(&found.path) {
            Some(format) => one(Deed::Verify(format)),
            None => Err("it ends neither in .gz nor in .zst".into()),
        },
        Action::Compress(format) => compress(*format, door, found, halt).and_then(one),
        Action::Remove { archived: false } => one(Deed::Remove),
        Action::Remove { archived: true } => match archive_of(door, found, halt)? {
            Some(archive) => one(Deed::Archived(archive)),
            None => Err("no archive of it is beside it".into()),
        },
        Action::Move { below, .. } => one(Deed::Move(below.join(&found.path))),
        Action::Rotate { format, cut, keep } => rotate::deeds(order, door, found, (*format, *cut, *keep)),
    }
}

fn compress(format: Format, door: &Door, found: &Found, halt: &Halt) -> Result<Deed, String> {
    if Format::of(&found.path).is_some() {
        return Err("it is compressed already".into());
    }
    let to = beside(&found.path, format);
    match door.look(&to) {
        Ok(None) => Ok(Deed::Compress(format, to)),
        // A step that was killed before it removed the file, or somebody else's archive.
        Ok(Some(archive)) => match same(door, found, &archive, format, halt) {
            Ok(true) => Ok(Deed::Archived(archive)),
            Ok(false) => Err(format!("{} is there already, with other bytes", to.display())),
            Err(error) => Err(format!("{} is there already, and is not whole: {error}", to.display())),
        },
        Err(error) => Err(format!("{}: {error}", to.display())),
    }
}

/// The archive beside a file that was read to the end and has the same bytes.
fn archive_of(door: &Door, found: &Found, halt: &Halt) -> Result<Option<Found>, String> {
    for format in Format::ALL {
        let path = beside(&found.path, format);
        let Some(archive) = door.look(&path).map_err(|error| format!("{}: {error}", path.display()))? else { continue };
        return match same(door, found, &archive, format, halt) {
            Ok(true) => Ok(Some(archive)),
            Ok(false) => Err(format!("{} has other bytes", path.display())),
            Err(error) => Err(format!("{} is not whole: {error}", path.display())),
        };
    }
    Ok(None)
}

/// The path of a file's archive.
pub(super) fn beside(path: &Path, format: Format) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(format.ending());
    name.into()
}

/// Whether what is in the archive is what is in the file.
pub(super) fn same(door: &Door, found: &Found, archive: &Found, format: Format, halt: &Halt) -> io::Result<bool> {
    let packed = pack::unpacked(format, door.read(archive)?, halt)?;
    Ok(packed == pack::sum(&mut door.read(found)?, halt)?)
}
