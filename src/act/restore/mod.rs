//! `restore`: an archive checked whole, what is there saved, everything written beside its place, then put into place.
//!
//! Before the first file is replaced a mark is set that names the safety backup. Whoever finds the mark later
//! puts that backup back first: so neither a failure nor kill -9 leaves half of one state and half of another. What
//! was changed between the kill and then becomes an archive before it is replaced.

mod choice;
mod half;
mod place;
mod targets;
#[cfg(test)]
mod tests;

use crate::act::archive::{self, Archive, Keys, Manifest, Series};
use crate::act::args::Args;
use crate::act::backup::copies::Copies;
use crate::act::backup::{Place, keep_archive};
use crate::act::door::{Door, Found, Patterns};
use crate::act::pack::Format;
use crate::act::restore::targets::Targets;
use crate::act::roots::{self, Halt};
use crate::act::verdict::Done;
use crate::act::world::World;
use crate::base::ids::Name;
use crate::base::level::Level;
use crate::base::limits::MAX_LISTED;
use crate::base::span::show_size;
use crate::base::value::json;
use crate::model::perform::{Failure, Finding, Request};
use crate::model::plan::line;
use crate::model::policy::FailureKind;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Names in the sentence of a dry run.
const NAMED: usize = 200;
/// The word that asks for no archive: only what a broken off restore had found is put back.
const NONE: &str = "none";

/// What is asked for.
struct Order {
    place: Place,
    name: String,
    /// A file name; the newest good one where there is none.
    wanted: Option<String>,
    /// No archive at all: only a restore that was broken off is undone.
    none: bool,
    only: Option<Patterns>,
    /// Permissions that files get whatever the archive says.
    modes: Vec<(Patterns, u32)>,
    keys: Keys,
    recipients: Vec<String>,
    /// Where copies of the archives are.
    copies: Option<Copies>,
    roots: BTreeMap<String, PathBuf>,
    now: jiff::Timestamp,
    run: String,
}

/// The archive that is put back.
struct Chosen {
    archive: Archive,
    /// Itself; `None` = a dry run has only read its copy.
    found: Option<Found>,
    manifest: Manifest,
    all: Vec<String>,
    notes: Vec<String>,
    /// What was put back before it, as a sentence.
    mended: Option<String>,
}

pub(super) async fn perform(args: &Args, world: &World, request: &Request) -> Result<Done, Failure> {
    let mut order = Order::read(args, world, &request.run)?;
    if let Some(listed) = &request.listed {
        order.keep_to(listed)?;
    }
    let rehearsal = request.rehearsal;
    roots::blocking(move |halt| order.run(rehearsal, halt)).await
}

impl Order {
    fn read(args: &Args, world: &World, run: &str) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::lasting(FailureKind::Template, why);
        let only = args.texts("only");
        let only = (!only.is_empty()).then(|| Patterns::new(&only, &[], true)).transpose().map_err(wrong)?;
        let keys = args.text("identity").map(|text| keys(world, &text)).transpose()?.unwrap_or_default();
        let roots = world.settings.roots.iter().map(|(name, path)| (name.to_string(), world.path(path)));
        let archive = args.text("archive").filter(|archive| archive != "latest" && !archive.is_empty());
        Ok(Self {
            place: Place::read(args, world, "from")?,
            name: name(args)?,
            none: archive.as_deref() == Some(NONE),
            wanted: archive,
            only,
            modes: modes(args)?,
            keys,
            recipients: args.texts("encrypt"),
            copies: args.has("fetch_from").then(|| Copies::read(args, "fetch_from", world)).transpose()?,
            roots: roots.collect(),
            now: world.now,
            run: run.to_owned(),
        })
    }

    /// Under the plan of a run the archive that it names, also where a newer one is there by now.
    fn keep_to(&mut self, listed: &[String]) -> Result<(), Failure> {
        if self.none {
            return Ok(());
        }
        let named = listed.iter().find_map(|listed| listed.strip_prefix(&line("restored", "")));
        let why = "nothing was restored: the plan names no archive, make it anew";
        self.wanted = Some(named.ok_or_else(|| Failure::lasting(FailureKind::Start, why))?.to_owned());
        Ok(())
    }

    fn run(&self, rehearsal: bool, halt: &Halt) -> Result<Done, Failure> {
        let missing = || {
            let why = format!("there are no archives: {} is not there", self.place.path().display());
            Failure::lasting(FailureKind::Missing, why)
        };
        let there = self.place.there()?;
        if rehearsal && (there.is_some() || self.copies.is_some()) {
            return self.rehearse(there.as_ref(), halt);
        }
        let door = match (there, &self.copies) {
            (Some(door), _) => door,
            (None, Some(_)) => self.place.made()?,
            (None, None) => return Err(missing()),
        };
        let _held = roots::hold(&door, &self.place.path(), halt)?;
        let mended = self.half(&door)?.map(|half| self.mend(&door, &half, halt)).transpose()?;
        if self.none {
            return Ok(self.nothing_more(mended, false));
        }
        self.replace(&door, mended.clone(), halt).map_err(|failure| match mended {
            Some(note) => Failure { message: format!("{}. Before that: {note}", failure.message), ..failure },
            None => failure,
        })
    }

    fn rehearse(&self, door: Option<&Door>, halt: &Halt) -> Result<Done, Failure> {
        let note = door.map(|door| self.half(door)).transpose()?.flatten().map(|half| {
            let safety = half.safety;
            format!(
                "an earlier restore was broken off: {safety} would be put back first, and what was changed since saved"
            )
        });
        if self.none {
            return Ok(self.nothing_more(note, true));
        }
        let mut chosen = self.choose(door, true, halt)?;
        let targets = Targets::find(self, &chosen.manifest, false, halt)?;
        chosen.notes.extend(note);
        Ok(Self::done(&chosen, &targets, None))
    }

    /// What is there now saved, and the archive put into its place.
    fn replace(&self, door: &Door, mended: Option<String>, halt: &Halt) -> Result<Done, Failure> {
        let mut chosen = self.choose(Some(door), false, halt)?;
        chosen.notes.splice(0..0, mended.clone());
        chosen.mended = mended;
        let mut targets = Targets::open(self, &chosen.manifest, true)?;
        let _roots = targets.hold(&self.place.path(), halt)?;
        targets.look(self, &chosen.manifest, halt)?;
        targets.refuse_used()?;
        let safety = self.save(door, &targets, halt)?;
        self.carry_out(door, &chosen, &targets, &safety, halt)?;
        if chosen.archive.sealed && self.recipients.is_empty() && targets.count() > 0 {
            chosen.notes.push(format!("{safety} is not encrypted: name recipients with `encrypt`"));
        }
        Ok(Self::done(&chosen, &targets, Some(&safety)))
    }

    fn safety_name(&self) -> String {
        format!("{}-before-restore", self.name)
    }

    /// What is there now, as an archive that was read back; its file name.
    fn save(&self, door: &Door, targets: &Targets, halt: &Halt) -> Result<String, Failure> {
        let said = |error: io::Error| {
            let what = "nothing was restored: what is there now can't be saved first";
            roots::failure(what, &error)
        };
        let name = self.safety_name();
        let series = Series { door, name: name.clone() };
        series.clear().map_err(said)?;
        let archive = series.next(self.now, Format::Zstd, !self.recipients.is_empty()).map_err(said)?;
        let (parts, absent) = targets.parts(door, &self.place.path(), &archive, halt).map_err(said)?;
        let start = Manifest { name, made: self.now.to_string(), run: self.run.clone(), absent, ..Manifest::default() };
        keep_archive(door, &archive, &self.recipients, &parts, start, halt).map_err(said)?;
        Ok(archive.file)
    }

    /// Everything beside its place, then into place. After the mark is set a failure puts the safety backup back.
    fn carry_out(
        &self,
        door: &Door,
        chosen: &Chosen,
        targets: &Targets,
        safety: &str,
        halt: &Halt,
    ) -> Result<(), Failure> {
        let file = &chosen.archive.file;
        let found = chosen.found.as_ref().ok_or_else(|| io::Error::other("it is not here"));
        let staged = targets
            .room()
            .and(found)
            .and_then(|found| targets.stage(door, found, &chosen.archive, &self.keys, halt))
            .and_then(|()| self.mark(door, safety, file));
        if let Err(error) = staged {
            targets.discard();
            return Err(roots::failure(&format!("{file} was not restored, and nothing was replaced"), &error));
        }
        let placed = targets.settle(halt).and_then(|()| targets.check(halt));
        let Err(error) = placed.and_then(|()| self.unmark(door)) else { return Ok(()) };
        let failed = roots::failure(&format!("{file} was not restored"), &error);
        match self.put_back(door, safety) {
            Ok(()) => {
                let message = format!("{}. What was there before was put back from {safety}", failed.message);
                Err(Failure { message, ..failed })
            }
            Err(worse) => {
                let message = format!(
                    "{}. Putting back what was there before failed, too: {}. It is safe in {}; the next restore of \
                     `{}` puts it back first",
                    failed.message,
                    worse.message,
                    self.place.path().join(safety).display(),
                    self.name
                );
                Err(Failure { message, lasting: true, ..failed })
            }
        }
    }

    /// The same for every file as its archive has it; without the keys, which can't be copied.
    fn everything(&self) -> Self {
        Self {
            place: self.place.clone(),
            name: self.name.clone(),
            wanted: self.wanted.clone(),
            none: self.none,
            only: None,
            modes: Vec::new(),
            keys: Keys::new(),
            recipients: self.recipients.clone(),
            copies: None,
            roots: self.roots.clone(),
            now: self.now,
            run: self.run.clone(),
        }
    }

    /// The result where no archive was asked for.
    fn nothing_more(&self, note: Option<String>, dry: bool) -> Done {
        let summary = note.clone().unwrap_or_else(|| format!("no restore of `{}` was broken off", self.name));
        let notes: Vec<String> = note.into_iter().collect();
        let output = json!({
            "summary": summary,
            "dry": dry,
            "archive": "",
            "made": "",
            "files": 0,
            "changed": 0,
            "added": 0,
            "bytes": 0,
            "databases": 0,
            "safety": "",
            "archives": [],
            "list": [],
            "notes": notes,
        });
        Done { output, findings: notes.iter().map(|note| finding(note)).collect() }
    }

    fn done(chosen: &Chosen, targets: &Targets, safety: Option<&str>) -> Done {
        let (changed, added, same) = (targets.changed(), targets.added(), targets.same());
        let gone = match targets.gone.len() {
            0 => String::new(),
            count => format!(", {count} that were not there then taken away"),
        };
        let what = format!("{changed} changed, {added} added, {same} as they are{gone}");
        let file = &chosen.archive.file;
        let list: Vec<String> = targets.names();
        let summary = match safety {
            Some(safety) => {
                let mended = chosen.mended.as_ref().map_or(String::new(), |note| format!(". Before that: {note}"));
                format!("{file} was restored ({what}); what was there before is in {safety}{mended}")
            }
            None => format!(
                "would restore {file} of {} ({what}, {}): {}",
                chosen.manifest.made,
                show_size(targets.bytes()),
                list.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ")
            ),
        };
        let notes = &chosen.notes;
        let output = json!({
            "summary": summary,
            "dry": safety.is_none(),
            "archive": file,
            "made": chosen.manifest.made,
            "files": targets.count(),
            "changed": changed,
            "added": added,
            "bytes": targets.bytes(),
            "databases": targets.databases(),
            "safety": safety.unwrap_or_default(),
            "archives": chosen.all,
            "list": list.iter().take(MAX_LISTED).collect::<Vec<_>>(),
            "notes": notes,
        });
        Done { output, findings: notes.iter().map(|note| finding(note)).collect() }
    }
}

fn finding(message: &str) -> Finding {
    Finding { level: Level::Warning.as_str().into(), message: message.to_owned() }
}

/// What archives are called: a name, since files are called after it.
fn name(args: &Args) -> Result<String, Failure> {
    let text = args.need("name")?;
    let wrong = |bad| Failure::lasting(FailureKind::Template, format!("`name: {text}` is no name of archives: {bad}"));
    Name::parse(&text).map(|name| name.to_string()).map_err(wrong)
}

fn modes(args: &Args) -> Result<Vec<(Patterns, u32)>, Failure> {
    let wrong = |why: String| Failure::lasting(FailureKind::Template, why);
    let mode = |(pattern, digits): (String, String)| {
        let mode = u32::from_str_radix(&digits, 8).ok().filter(|mode| *mode <= 0o7777);
        let mode = mode.ok_or_else(|| format!("`modes`: `{digits}` is no mode: write octal digits, \"0600\""))?;
        Ok((Patterns::new(&[pattern], &[], true)?, mode))
    };
    args.pairs("modes").into_iter().map(mode).collect::<Result<_, String>>().map_err(wrong)
}

/// The keys that a text is, or that are in the file it names.
fn keys(world: &World, text: &str) -> Result<Keys, Failure> {
    let lasting = |why: String| Failure::lasting(FailureKind::Missing, why);
    if text.contains("AGE-SECRET-KEY-") {
        return archive::keys(text).map_err(|why| lasting(format!("`identity`: {why}")));
    }
    let path = world.path(text);
    let said = |error: io::Error| lasting(format!("`identity` {}: {error}", path.display()));
    let mode = std::fs::metadata(&path).map_err(said)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let shown = path.display();
        return Err(lasting(format!("`identity` {shown} may be read by others (mode {mode:04o}): chmod 600 {shown}")));
    }
    let read = std::fs::read_to_string(&path).map_err(said)?;
    archive::keys(&read).map_err(|why| lasting(format!("`identity` {}: {why}", path.display())))
}
