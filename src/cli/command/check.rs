//! `check`: everything that is wrong in the book, each with its place and a way out.

use crate::cli::args::{Check, CheckFormat};
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::{door, output, shelf};
use crate::diagnostic::render::{github, json, people, sarif};
use crate::diagnostic::{Diagnostics, Sources};
use crate::lang::{self, Loaded};
use crate::runtime::clock;
use std::path::Path;

/// Checks the book; shows what is wrong in all of it or in some files.
pub fn run(args: &Check, settings: &Settings) -> Result<Exit, Trouble> {
    let book = settings.book()?;
    let wanted = wanted(args, settings, &book)?;
    let mut loaded = shelf::load(&book)?;
    loaded.findings.append(lang::ahead(&loaded, clock::now()));
    against_accepted(&book, &mut loaded, settings);
    for name in &wanted {
        if !loaded.sources.iter().any(|(_, source)| source.name == *name) {
            return Err(Trouble::new(format!("`{name}` is not a file that a book has"))
                .help("a book has stepladder.yaml, runbooks/*.yaml, thresholds.yaml, alerts.yaml, escalation.yaml and tests/*.yaml"));
        }
    }
    let findings = only(&loaded.findings, &loaded.sources, &wanted);
    let runbooks = loaded.book.runbooks.len();
    show(args.format, &loaded.sources, &findings, settings, runbooks, &wanted)?;
    let apart = loaded.findings.counts();
    if args.format == CheckFormat::People {
        beside(&wanted, apart.0 + apart.1 - findings.counts().0 - findings.counts().1);
        for file in shelf::passed_over(&book) {
            output::aside(&format!(
                "note: `{file}` is not read: the runbooks of a book are the files in `runbooks/` itself"
            ));
        }
    }
    let (errors, warnings) = findings.counts();
    // The process ends here: giving a book of a thousand runbooks back piece by piece is a tenth of the whole time.
    std::mem::forget(loaded);
    Ok(match (errors, warnings) {
        (0, 0) => Exit::Fine,
        (0, _) if args.strict => Exit::Warning,
        (0, _) => Exit::Fine,
        (_, _) => Exit::NotStarted,
    })
}

/// Adds what is wrong with the ladder beside the one that was accepted last, where that is known.
fn against_accepted(book: &Path, loaded: &mut Loaded, settings: &Settings) {
    let rotations = loaded.book.escalation.as_ref().is_some_and(|ladder| !ladder.on_call.is_empty());
    let data = book.join(&loaded.book.settings.data);
    if !rotations || !data.is_dir() {
        return;
    }
    let found = super::wait(async { Ok(door::accepted(settings, book, &data).await) });
    let Ok(Some(texts)) = found else { return };
    let files: Vec<_> = texts.into_iter().collect();
    if let Some(before) = &lang::load(&files).book.escalation {
        let shifted = lang::reshuffled(before, loaded);
        loaded.findings.append(shifted);
    }
}

fn wanted(args: &Check, settings: &Settings, book: &Path) -> Result<Vec<String>, Trouble> {
    args.files.iter().map(|file| shelf::name_of(book, settings.cwd(), file)).collect()
}

/// The findings of those files; all where none is named.
fn only(findings: &Diagnostics, sources: &Sources, files: &[String]) -> Diagnostics {
    let mut left = Diagnostics::default();
    for finding in findings.sorted() {
        if files.is_empty() || files.contains(&sources.get(finding.spot.file).name) {
            left.push(finding.clone());
        }
    }
    left
}

fn show(
    form: CheckFormat,
    sources: &Sources,
    findings: &Diagnostics,
    settings: &Settings,
    runbooks: usize,
    wanted: &[String],
) -> Result<(), Trouble> {
    match form {
        CheckFormat::People if findings.is_empty() && !wanted.is_empty() => {
            output::line(&format!("{}: nothing is wrong", wanted.join(", ")))
        }
        CheckFormat::People if findings.is_empty() => {
            let files = sources.iter().count();
            output::line(&format!("{}, {}: nothing is wrong", many(files, "file"), many(runbooks, "runbook")))
        }
        CheckFormat::People => output::data(&people(sources, findings, settings.out)),
        CheckFormat::Json => output::data(&ended(json(sources, findings))),
        CheckFormat::Sarif => output::data(&ended(sarif(sources, findings))),
        CheckFormat::Github => output::data(&github(sources, findings)),
    }
}

/// What is wrong elsewhere, where only some files were asked for.
fn beside(wanted: &[String], elsewhere: usize) {
    if !wanted.is_empty() && elsewhere > 0 {
        let findings = many(elsewhere, "finding");
        output::aside(&format!("note: {findings} in other files of the book; `stepladder check` shows all"));
    }
}

/// The text with one line break at its end.
fn ended(text: String) -> String {
    if text.ends_with('\n') { text } else { text + "\n" }
}

fn many(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}
