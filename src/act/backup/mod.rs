//! `backup`: sources into an archive that is read back; only then older archives go.

pub(in crate::act) mod copies;
pub(in crate::act) mod database;
mod keep;
pub(in crate::act) mod parts;

use crate::act::archive::{self, Archive, Manifest, Series};
use crate::act::args::Args;
use crate::act::backup::copies::{Copied, Copies};
use crate::act::backup::keep::Keep;
use crate::act::backup::parts::Parts;
use crate::act::door::{Door, Existing, Found};
use crate::act::pack::Format;
use crate::act::roots::{self, Halt};
use crate::act::verdict::Done;
use crate::act::world::World;
use crate::base::level::Level;
use crate::base::limits::MAX_LISTED;
use crate::base::span::show_size;
use crate::base::value::json;
use crate::model::perform::{Failure, Finding, Request};
use crate::model::plan::line;
use crate::model::policy::FailureKind;
use std::io;
use std::path::{Component, Path, PathBuf};

/// What is asked for.
struct Order {
    place: Place,
    name: String,
    /// Root, its directory, and the patterns below.
    sources: Vec<Source>,
    databases: Vec<Source>,
    exclude: Vec<String>,
    missing_ok: bool,
    format: Format,
    recipients: Vec<String>,
    keep: Option<Keep>,
    /// Where copies of the archives go.
    copies: Option<Copies>,
    now: jiff::Timestamp,
    run: String,
    /// What the run's plan lists: no other archive goes.
    listed: Option<Vec<String>>,
}

/// A root and patterns below it.
#[derive(Debug, Clone)]
struct Source {
    root: String,
    directory: PathBuf,
    patterns: Vec<String>,
}

/// Where archives are.
#[derive(Debug, Clone)]
pub(in crate::act) struct Place {
    pub(in crate::act) root: PathBuf,
    pub(in crate::act) under: PathBuf,
}

/// What becomes of the archives that are there.
#[derive(Debug, Default)]
struct Fate {
    going: Vec<(Archive, Found)>,
    kept: usize,
    notes: Vec<String>,
}

pub(super) async fn perform(args: &Args, world: &World, request: &Request) -> Result<Done, Failure> {
    let order = Order { listed: request.listed.clone(), ..Order::read(args, world, &request.run)? };
    let rehearsal = request.rehearsal;
    roots::blocking(move |halt| order.run(rehearsal, halt)).await
}

/// The same on this thread.
#[cfg(test)]
pub(in crate::act) fn run(args: &Args, world: &World, rehearsal: bool) -> Result<Done, Failure> {
    Order::read(args, world, "r")?.run(rehearsal, &Halt::default())
}

impl Place {
    pub(in crate::act) fn read(args: &Args, world: &World, key: &str) -> Result<Self, Failure> {
        let under = PathBuf::from(args.text("under").unwrap_or_default());
        if !under.components().all(|part| matches!(part, Component::Normal(_))) {
            let why = format!("`under: {}` leads outside: write a directory below the root", under.display());
            return Err(Failure::lasting(FailureKind::Template, why));
        }
        Ok(Self { root: roots::directory(world, &args.need(key)?)?, under })
    }

    pub(in crate::act) fn path(&self) -> PathBuf {
        // Joined with nothing it would end with a slash.
        if self.under.as_os_str().is_empty() { self.root.clone() } else { self.root.join(&self.under) }
    }

    /// The directory, made where it is not there.
    pub(in crate::act) fn made(&self) -> Result<Door, Failure> {
        let said = |error: io::Error| roots::failure(&format!("{} can't be used", self.path().display()), &error);
        Door::open(&self.root).and_then(|root| root.below(&self.under)).map_err(said)
    }

    /// The directory, if it is there.
    pub(in crate::act) fn there(&self) -> Result<Option<Door>, Failure> {
        let opened = Door::existing(&self.root).and_then(|root| root.inside(&self.under));
        match opened {
            Ok(door) => Ok(Some(door)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(roots::failure(&format!("{} can't be used", self.path().display()), &error)),
        }
    }
}

impl Order {
    fn read(args: &Args, world: &World, run: &str) -> Result<Self, Failure> {
        let sources = |key: &str| {
            let of = |(root, patterns): (String, crate::base::value::Value)| {
                let one = Args::from_map(std::iter::once(("p".to_owned(), patterns)).collect());
                Ok(Source { directory: roots::directory(world, &root)?, root, patterns: one.texts("p") })
            };
            args.map(key).into_iter().map(of).collect::<Result<Vec<_>, Failure>>()
        };
        let (files, databases) = (sources("sources")?, sources("databases")?);
        if files.is_empty() && databases.is_empty() {
            let why = "`backup` has nothing to save: name `sources` or `databases`";
            return Err(Failure::lasting(FailureKind::Template, why));
        }
        let keep = args.get("keep").and_then(|keep| keep.as_object().cloned()).map(Args::from_map);
        Ok(Self {
            place: Place::read(args, world, "to")?,
            name: args.need("name")?,
            sources: files,
            databases,
            exclude: args.texts("exclude"),
            missing_ok: args.text("missing").as_deref() == Some("ok"),
            format: Format::parse(&args.text("format").unwrap_or_else(|| "zstd".into())),
            recipients: args.texts("encrypt"),
            keep: keep.as_ref().map(Keep::read).transpose()?,
            copies: args.has("copy_to").then(|| Copies::read(args, "copy_to", world)).transpose()?,
            now: world.now,
            run: run.to_owned(),
            listed: None,
        })
    }

    fn run(&self, rehearsal: bool, halt: &Halt) -> Result<Done, Failure> {
        let sealed = !self.recipients.is_empty();
        let said = |error: io::Error| roots::failure(&format!("archives of `{}`", self.name), &error);
        if rehearsal {
            let parts = Parts::find(self, halt)?;
            let Some(door) = self.place.there()? else {
                let archive = Archive::now(&self.name, self.now, self.format, sealed);
                let copied = self.copied((None, &archive), &[], true, halt)?;
                return Ok(self.done(&archive, &parts, None, &Fate { kept: 1, ..Fate::default() }, &copied));
            };
            let series = self.series(&door);
            let archive = series.next(self.now, self.format, sealed).map_err(said)?;
            let fate = self.fate(&series, &archive, halt)?;
            let copied = self.copied((Some(&series), &archive), &fate.going, true, halt)?;
            return Ok(self.done(&archive, &parts, None, &fate, &copied));
        }
        let door = self.place.made()?;
        let _held = roots::hold(&door, &self.place.path(), halt)?;
        let series = self.series(&door);
        refuse_half(&door, &self.name)?;
        series.clear().map_err(said)?;
        let archive = series.next(self.now, self.format, sealed).map_err(said)?;
        let parts = Parts::find(self, halt)?;
        let written = self.write(&door, &archive, &parts, halt)?;
        let mut fate = self.fate(&series, &archive, halt)?;
        let copied = self.copied((Some(&series), &archive), &fate.going, false, halt)?;
        for (old, found) in &fate.going {
            if let Err(error) = series.remove(old, found) {
                fate.notes.push(format!("{} could not be removed: {error}", old.file));
            }
        }
        Ok(self.done(&archive, &parts, Some(&written), &fate, &copied))
    }

    fn series<'a>(&self, door: &'a Door) -> Series<'a> {
        Series { door, name: self.name.clone() }
    }

    /// The archive, read back, under its name.
    fn write(&self, door: &Door, archive: &Archive, parts: &Parts, halt: &Halt) -> Result<archive::Written, Failure> {
        let said = |error: io::Error| {
            let what = format!("no backup was made of `{}` and nothing older was removed", self.name);
            roots::failure(&what, &error)
        };
        let content = parts.open(door, &self.place.path(), archive, halt).map_err(said)?;
        let start = Manifest {
            name: self.name.clone(),
            made: self.now.to_string(),
            run: self.run.clone(),
            skipped: parts.skipped.clone(),
            ..Manifest::default()
        };
        keep_archive(door, archive, &self.recipients, &content, start, halt).map_err(said)
    }

    /// Which archives go once this one is there.
    fn fate(&self, series: &Series<'_>, new: &Archive, halt: &Halt) -> Result<Fate, Failure> {
        let said = |error: io::Error| roots::failure(&format!("older archives of `{}`", self.name), &error);
        let mut older = series.list().map_err(said)?;
        older.retain(|(archive, _)| archive.file != new.file);
        let all = older.len() + 1;
        let Some(keep) = &self.keep else { return Ok(Fate { kept: all, ..Fate::default() }) };
        if let Some((ahead, _)) = older.iter().find(|(archive, _)| archive.made > new.made) {
            let note = format!("nothing was removed: {} is from the future, is the clock right?", ahead.file);
            return Ok(Fate { kept: all, notes: vec![note], ..Fate::default() });
        }
        let times: Vec<_> = std::iter::once(new.made).chain(older.iter().map(|(archive, _)| archive.made)).collect();
        let stays = keep.stays(&times, self.now);
        let mut fate = Fate { kept: 1, ..Fate::default() };
        // The new one was read back.
        let mut good = 1;
        let mut spare = Vec::new();
        for (index, (archive, found)) in older.into_iter().enumerate() {
            if !stays.get(index + 1).copied().unwrap_or(true) {
                spare.push((archive, found));
                continue;
            }
            fate.kept += 1;
            if good < keep.at_least {
                self.judge(series, (&archive, &found), halt, &mut good, &mut fate.notes)?;
            }
        }
        // The newest of those that would go stay until enough good ones do.
        let mut spare = spare.into_iter();
        while good < keep.at_least {
            let Some((archive, found)) = spare.next() else { break };
            fate.kept += 1;
            self.judge(series, (&archive, &found), halt, &mut good, &mut fate.notes)?;
        }
        fate.going = spare.collect();
        if let Some(listed) = &self.listed {
            let all = fate.going.len();
            fate.going.retain(|(archive, _)| listed.contains(&line("removed", &archive.file)));
            fate.kept += all - fate.going.len();
        }
        Ok(fate)
    }

    fn judge(
        &self,
        series: &Series<'_>,
        (archive, found): (&Archive, &Found),
        halt: &Halt,
        good: &mut usize,
        notes: &mut Vec<String>,
    ) -> Result<(), Failure> {
        match series.is_good(archive, found, halt) {
            Ok(()) => *good += 1,
            Err(error) if halt.asked() => return Err(roots::failure(&self.name, &error)),
            Err(error) => notes.push(format!("{} is not good and does not count: {error}", archive.file)),
        }
        Ok(())
    }

    fn done(
        &self,
        archive: &Archive,
        parts: &Parts,
        written: Option<&archive::Written>,
        fate: &Fate,
        copied: &Copied,
    ) -> Done {
        let (files, databases) = (parts.count(), parts.databases());
        let bytes = parts.bytes();
        let size = written.map_or(0, |written| written.bytes);
        let of = if databases > 0 { format!(", {databases} of them databases") } else { String::new() };
        let what = format!("{files} files{of}, {}", show_size(bytes));
        let gone: Vec<&str> = fate.going.iter().map(|(archive, _)| archive.file.as_str()).collect();
        let removed = match (gone.len(), written) {
            (0, _) => "nothing older".to_owned(),
            (count, Some(_)) => format!("{count} older"),
            (_, None) => gone.join(", "),
        };
        let summary = match written {
            Some(_) => format!(
                "{} holds {what}, in {}, and was read back; {removed} was removed, {} are kept",
                archive.file,
                show_size(size),
                fate.kept,
            ),
            None => format!(
                "would make an archive like {} of {what}: {}; would remove {removed}, {} would be kept",
                archive.file,
                parts.names(),
                fate.kept
            ),
        };
        let summary: String = summary + copied.said(written.is_none()).as_str();
        let skipped: Vec<&String> = parts.skipped.iter().take(MAX_LISTED).collect();
        let finding = |message: &String| Finding { level: Level::Warning.as_str().into(), message: message.clone() };
        let output = json!({
            "summary": summary,
            "dry": written.is_none(),
            "archive": archive.file,
            "path": self.place.path().join(&archive.file).display().to_string(),
            "bytes": size,
            "sha256": written.map(|written| written.sum.to_string()).unwrap_or_default(),
            "files": files,
            "databases": databases,
            "source_bytes": bytes,
            "removed": gone,
            "kept": fate.kept,
            "copied": copied.sent,
            "removed_copies": copied.removed,
            "copies": copied.kept,
            "skipped": skipped,
        });
        Done { output, findings: fate.notes.iter().chain(&copied.notes).map(finding).collect() }
    }
}

/// Writes an archive, reads it back, notes its checksum and gives it its name.
pub(in crate::act) fn keep_archive(
    door: &Door,
    archive: &Archive,
    recipients: &[String],
    parts: &[archive::Part],
    start: Manifest,
    halt: &Halt,
) -> io::Result<archive::Written> {
    let mut draft = door.draft(Path::new(&archive.file))?;
    let written = archive::write(&mut draft, archive, recipients, parts, start, halt)?;
    // The checksum first: an archive without one that is encrypted could not be told from a damaged one.
    Series { door, name: String::new() }.note_sum(archive, written.sum)?;
    draft.keep(Existing::Refuse)?;
    Ok(written)
}

/// The file that says that a restore of that name is under way.
pub(in crate::act) fn half_file(name: &str) -> PathBuf {
    format!(".{name}.restoring").into()
}

/// A backup of what a killed restore left would be neither the old state nor the new one.
fn refuse_half(door: &Door, name: &str) -> Result<(), Failure> {
    match door.look(&half_file(name)) {
        Ok(None) => Ok(()),
        Ok(Some(_)) => {
            let why = format!(
                "no backup was made: a restore of `{name}` was broken off in the middle. Run the restore again: it \
                 puts back first what was there before"
            );
            Err(Failure::lasting(FailureKind::Other, why))
        }
        Err(error) => Err(roots::failure("the mark of a restore", &error)),
    }
}
