//! `import`: runbooks made of what ran things before.

use crate::base::limits::MAX_CRONTAB;
use crate::cli::args::{Import, ImportWhat};
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::{output, shelf};
use crate::diagnostic::render;
use crate::lang::format::fmt;
use crate::lang::import::{Imported, Owner, crontab};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Makes runbooks, shows them or writes them into the book.
pub fn run(args: &Import, settings: &Settings) -> Result<Exit, Trouble> {
    let ImportWhat::Crontab { file, system, write } = &args.what;
    let text = read(file, settings)?;
    let owner = if *system { Owner::System } else { Owner::User };
    let mut made = crontab(&text, owner);
    for (_, text) in &mut made.runbooks {
        if let Ok(better) = fmt(text) {
            *text = better;
        }
    }
    for note in &made.notes {
        let word = if note.lost { "left out" } else { "note" };
        output::aside(&format!("{}:{}: {word}: {}", file.display(), note.line, note.message));
    }
    if *write {
        written(&made, settings)?;
    } else {
        for (name, text) in &made.runbooks {
            output::data(&format!("# runbooks/{name}.yaml\n{text}\n"))?;
        }
    }
    let jobs = made.runbooks.len();
    let s = if jobs == 1 { "" } else { "s" };
    let then =
        if *write { "; `stepladder simulate` shows when they run" } else { "; `--write` puts them into the book" };
    output::aside(&format!("{jobs} runbook{s}{then}"));
    let lost = made.notes.iter().any(|note| note.lost);
    Ok(if lost || jobs == 0 { Exit::Warning } else { Exit::Fine })
}

fn read(file: &Path, settings: &Settings) -> Result<String, Trouble> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(MAX_CRONTAB as u64).read_to_string(&mut text)
    } else {
        std::fs::File::open(settings.cwd().join(file))
            .and_then(|file| file.take(MAX_CRONTAB as u64).read_to_string(&mut text))
    };
    read.map_err(|reason| Trouble::io("read", file, &reason))?;
    Ok(text)
}

/// Writes them where nothing is yet: all of them or none, and says what the checker finds.
fn written(made: &Imported, settings: &Settings) -> Result<(), Trouble> {
    let book = settings.book()?;
    let path = |name: &crate::base::ids::Name| book.join("runbooks").join(format!("{name}.yaml"));
    if let Some((name, _)) = made.runbooks.iter().find(|(name, _)| path(name).exists()) {
        return Err(Trouble::new(format!("`runbooks/{name}.yaml` is there already, and nothing was written"))
            .help("without `--write` the runbooks are printed"));
    }
    for (name, text) in &made.runbooks {
        super::init::create(&path(name), text)?;
    }
    let files: Vec<(String, Arc<str>)> = shelf::files(&book)?;
    let loaded = shelf::loaded(&files);
    let mut wrong = crate::diagnostic::Diagnostics::default();
    for finding in loaded.findings.sorted() {
        let of = &loaded.sources.get(finding.spot.file).name;
        if made.runbooks.iter().any(|(name, _)| *of == format!("runbooks/{name}.yaml")) {
            wrong.push(finding.clone());
        }
    }
    if !wrong.is_empty() {
        output::aside(render::people(&loaded.sources, &wrong, settings.err).trim_end());
    }
    Ok(())
}
