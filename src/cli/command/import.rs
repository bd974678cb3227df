//! `import`: runbooks made of what ran things before.

use crate::base::ids::Name;
use crate::base::limits::{MAX_CRONTAB, MAX_FILE};
use crate::cli::args::{Foreign as Files, Import, ImportWhat};
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::{output, shelf};
use crate::diagnostic::{Diagnostics, Severity, render};
use crate::lang::format::fmt;
use crate::lang::import::{Foreign, Imported, Owner, crontab, dagu, rundeck};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Runbooks by name.
type Runbooks = Vec<(Name, String)>;

/// Makes runbooks, shows them or writes them into the book.
pub fn run(args: &Import, settings: &Settings) -> Result<Exit, Trouble> {
    match &args.what {
        ImportWhat::Crontab { file, system, write } => {
            let text = read(file, MAX_CRONTAB, settings)?;
            let Imported { runbooks, notes } = crontab(&text, if *system { Owner::System } else { Owner::User });
            for note in &notes {
                let word = if note.lost { "left out" } else { "note" };
                output::aside(&format!("{}:{}: {word}: {}", file.display(), note.line, note.message));
            }
            ended(runbooks, *write, notes.iter().any(|note| note.lost), settings)
        }
        ImportWhat::Dagu(files) => {
            let known = known(settings);
            foreign(files, settings, |texts| dagu(texts, &known))
        }
        ImportWhat::Rundeck(files) => foreign(files, settings, rundeck),
    }
}

/// Files of another system, all together: they may call one another.
fn foreign(
    args: &Files,
    settings: &Settings,
    made: impl FnOnce(&[(String, Arc<str>)]) -> Foreign,
) -> Result<Exit, Trouble> {
    let mut texts: Vec<(String, Arc<str>)> = Vec::new();
    for file in &args.files {
        // One byte more than is allowed is read, so that the reader says what is too long.
        texts.push((file.display().to_string(), read(file, MAX_FILE + 1, settings)?.into()));
    }
    let Foreign { sources, runbooks, findings } = made(&texts);
    if !findings.is_empty() {
        output::aside(render::people(&sources, &findings, settings.err).trim_end());
    }
    ended(runbooks, args.write, findings.has_errors(), settings)
}

/// The runbooks that the book has, as their files are named; none where there is no book.
fn known(settings: &Settings) -> BTreeSet<Name> {
    let files = settings.book().ok().and_then(|book| shelf::files(&book).ok()).unwrap_or_default();
    let names = files.iter().filter_map(|(name, _)| name.strip_prefix("runbooks/")?.strip_suffix(".yaml"));
    names.filter_map(|name| Name::parse(name).ok()).collect()
}

fn ended(mut runbooks: Runbooks, write: bool, lost: bool, settings: &Settings) -> Result<Exit, Trouble> {
    for (_, text) in &mut runbooks {
        if let Ok(better) = fmt(text) {
            *text = better;
        }
    }
    let wrong = if write {
        written(&runbooks, settings)?
    } else {
        for (name, text) in &runbooks {
            output::data(&format!("# runbooks/{name}.yaml\n{text}\n"))?;
        }
        refused(&runbooks, settings)
    };
    let jobs = runbooks.len();
    let s = if jobs == 1 { "" } else { "s" };
    let then =
        if write { "; `stepladder simulate` shows when they run" } else { "; `--write` puts them into the book" };
    output::aside(&format!("{jobs} runbook{s}{then}"));
    Ok(if lost || wrong || jobs == 0 { Exit::Warning } else { Exit::Fine })
}

fn read(file: &Path, most: usize, settings: &Settings) -> Result<String, Trouble> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(most as u64).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(settings.cwd().join(file)).and_then(|file| file.take(most as u64).read_to_end(&mut bytes))
    };
    let text =
        read.and_then(|_| String::from_utf8(bytes).map_err(|_| std::io::Error::from(std::io::ErrorKind::InvalidData)));
    text.map_err(|reason| Trouble::io("read", file, &reason))
}

/// Writes them where nothing is yet: all of them or none, and says what the checker finds; whether it refuses one.
fn written(runbooks: &Runbooks, settings: &Settings) -> Result<bool, Trouble> {
    let book = settings.book()?;
    let path = |name: &Name| book.join("runbooks").join(format!("{name}.yaml"));
    if let Some((name, _)) = runbooks.iter().find(|(name, _)| path(name).exists()) {
        return Err(Trouble::new(format!("`runbooks/{name}.yaml` is there already, and nothing was written"))
            .help("without `--write` the runbooks are printed"));
    }
    for (name, text) in runbooks {
        super::init::create(&path(name), text)?;
    }
    Ok(checked(runbooks, &shelf::files(&book)?, Severity::Warning, settings))
}

/// Whether the checker would refuse one of them beside what the book has; says why.
fn refused(runbooks: &Runbooks, settings: &Settings) -> bool {
    let book = settings.book().ok().and_then(|book| shelf::files(&book).ok());
    let mut files = book.unwrap_or_else(|| vec![("stepladder.yaml".to_owned(), "timezone: UTC\n".into())]);
    let named = |name: &Name| format!("runbooks/{name}.yaml");
    files.retain(|(file, _)| !runbooks.iter().any(|(name, _)| *file == named(name)));
    files.extend(runbooks.iter().map(|(name, text)| (named(name), Arc::from(text.as_str()))));
    checked(runbooks, &files, Severity::Error, settings)
}

/// Says what the checker finds in them, down to that severity; whether it refuses one.
fn checked(runbooks: &Runbooks, files: &[(String, Arc<str>)], least: Severity, settings: &Settings) -> bool {
    let loaded = shelf::loaded(files);
    let mut wrong = Diagnostics::default();
    for finding in loaded.findings.sorted() {
        let of = &loaded.sources.get(finding.spot.file).name;
        if finding.severity <= least && runbooks.iter().any(|(name, _)| *of == format!("runbooks/{name}.yaml")) {
            wrong.push(finding.clone());
        }
    }
    if !wrong.is_empty() {
        output::aside(render::people(&loaded.sources, &wrong, settings.err).trim_end());
    }
    wrong.has_errors()
}
