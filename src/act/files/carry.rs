//! The plan carried out, file by file: nothing goes before what takes its place was read back.

use crate::act::door::{Door, Existing, Found, fault};
use crate::act::files::plan::{Deed, Item, Plan};
use crate::act::files::tally::Tally;
use crate::act::files::{Action, Order};
use crate::act::pack::{self, Format};
use crate::act::roots::{self, Halt};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

impl Order {
    /// Does what the plan says. What changed since then is left alone; the first thing that ends all (no room, a stop)
    /// ends it, with what was done so far in the output.
    pub(super) fn carry_out(&self, door: &Door, plan: &Plan, tally: &mut Tally, halt: &Halt) -> Result<(), Failure> {
        let root = if let Action::Move { root, .. } = &self.action { root.as_ref() } else { None };
        let opened = |root: &PathBuf| {
            Door::open(root).map_err(|error| roots::failure(&format!("{} can't be used", root.display()), &error))
        };
        let other = root.map(opened).transpose()?;
        let mut troubles = Vec::new();
        for item in &plan.items {
            let done = halt.check().and_then(|()| carry(door, other.as_ref().unwrap_or(door), item, halt));
            match done {
                Ok(Carried::Done { left }) => tally.did(item, left),
                Ok(Carried::Changed) => {
                    let why = "it changed while the step was at work: left for the next run";
                    tally.skipped.push((item.found.path.clone(), why.into()));
                }
                Err(error) if roots::ends_all(&error) => {
                    let what = format!("{} can't be done with", item.found.shown());
                    let output = tally.output(self, false, None);
                    return Err(Failure { output, ..roots::failure(&what, &error) });
                }
                Err(error) => troubles.push(format!("{}: {error}", item.found.shown())),
            }
        }
        if troubles.is_empty() {
            return Ok(());
        }
        let more = troubles.len().saturating_sub(10);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let told: Vec<String> = troubles.into_iter().take(10).collect();
        let what = if self.action == Action::Verify { "damaged" } else { "not done" };
        let message = format!("root `{}`, {what}: {}{more}", self.root, told.join("; "));
        Err(Failure { output: tally.output(self, false, None), ..Failure::new(FailureKind::Other, message) })
    }
}

enum Carried {
    /// With so many bytes in its place.
    Done {
        left: u64,
    },
    Changed,
}

fn carry(door: &Door, other: &Door, item: &Item, halt: &Halt) -> io::Result<Carried> {
    let Item { found, deed } = item;
    if !matches!(deed, Deed::Find | Deed::Verify(_)) && !is_as_it_was(door, found) {
        return Ok(Carried::Changed);
    }
    match deed {
        Deed::Find => {}
        Deed::Verify(format) => {
            pack::unpacked(*format, door.read(found)?, halt)?;
        }
        Deed::Compress(format, to) => return compress(door, found, *format, to, halt),
        Deed::Archived(archive) => {
            if !is_as_it_was(door, archive) {
                return Ok(Carried::Changed);
            }
            door.remove(found)?;
        }
        Deed::Remove => door.remove(found)?,
        Deed::Move(to) => move_to(door, other, found, to, halt)?,
        Deed::Rotate(to, cut) => rotate(door, found, to, *cut, halt)?,
    }
    Ok(Carried::Done { left: 0 })
}

fn is_as_it_was(door: &Door, found: &Found) -> bool {
    let same =
        |now: Found| (now.inode, now.bytes, now.looks.changed) == (found.inode, found.bytes, found.looks.changed);
    door.look(&found.path).ok().flatten().is_some_and(same)
}

fn compress(door: &Door, found: &Found, format: Format, to: &Path, halt: &Halt) -> io::Result<Carried> {
    let mut from = door.read(found)?;
    let mut draft = door.draft(to)?;
    let mut encoder = format.encoder(draft.file())?;
    let copied = pack::copy(&mut from, &mut encoder, halt)?;
    encoder.finish()?;
    draft.file().sync_all()?;
    let packed = draft.reopen()?;
    let left = packed.metadata()?.len();
    if pack::unpacked(format, packed, halt)? != copied {
        return Err(io::Error::other("its archive can't be read back: the file stays"));
    }
    if copied.1 != found.bytes || !is_as_it_was(door, found) {
        return Ok(Carried::Changed);
    }
    draft.look_like(found.looks)?;
    draft.keep(Existing::Refuse)?;
    door.remove(found)?;
    Ok(Carried::Done { left })
}

fn move_to(door: &Door, other: &Door, found: &Found, to: &Path, halt: &Halt) -> io::Result<()> {
    other.make_directories(to.parent().unwrap_or(Path::new("")))?;
    match door.rename(found, other, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
        done => return done,
    }
    // Another filesystem: a copy that is read back takes its place.
    let mut from = door.read(found)?;
    if let Some(there) = other.look(to)? {
        // A step that was killed before it removed the file.
        let same = pack::sum(&mut other.read(&there)?, halt)? == pack::sum(&mut from, halt)?;
        return if same { door.remove(found) } else { Err(io::ErrorKind::AlreadyExists.into()) };
    }
    let mut draft = other.draft(to)?;
    let copied = pack::copy(&mut from, draft.file(), halt)?;
    draft.file().sync_all()?;
    if pack::sum(&mut draft.reopen()?, halt)? != copied {
        return Err(io::Error::other("its copy can't be read back: the file stays"));
    }
    draft.look_like(found.looks)?;
    draft.keep(Existing::Refuse)?;
    door.remove(found)
}

fn rotate(door: &Door, found: &Found, to: &Path, cut: bool, halt: &Halt) -> io::Result<()> {
    if !cut {
        door.rename(found, door, to)?;
        // For programs that open their log anew, and may not make one.
        let fresh = door.draft(&found.path)?;
        fresh.belong_like(found.looks)?;
        return match fresh.keep(Existing::Refuse) {
            // The program was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            done => done,
        };
    }
    let mut from = door.write_to(found)?;
    let mut draft = door.draft(to)?;
    let (copied, mut bytes) = pack::copy(&mut from, draft.file(), halt)?;
    draft.file().sync_all()?;
    if pack::sum(&mut draft.reopen()?, halt)? != (copied, bytes) {
        return Err(io::Error::other("its copy can't be read back: the file stays"));
    }
    // What was written meanwhile, until nothing more came.
    loop {
        let more = io::copy(&mut from, draft.file())?;
        bytes += more;
        draft.file().sync_all()?;
        if more == 0 {
            break;
        }
        halt.check()?;
    }
    if from.metadata()?.len() < bytes {
        return Err(io::Error::other("somebody else cut it at the same time: the file stays"));
    }
    draft.look_like(found.looks)?;
    draft.keep(Existing::Refuse)?;
    fault::point()?;
    from.set_len(0)?;
    from.rewind()?;
    from.sync_all()
}
