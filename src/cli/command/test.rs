//! `test`: the tests of the book, tried offline and in virtual time.

use crate::cli::args::Test as Args;
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::spread::spread;
use crate::cli::trial::{Session, coverage, json, junit, people};
use crate::cli::trouble::Trouble;
use crate::cli::{output, shelf};
use crate::diagnostic::render;
use crate::diagnostic::{Diagnostics, closest};
use crate::lang::Loaded;
use crate::model::test::{Subject, Test};
use crate::runtime::clock;
use crate::service::trial::{Tests, Tried};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Tries tests and shows how they went.
pub fn run(args: &Args, settings: &Settings) -> Result<Exit, Trouble> {
    let book = settings.book()?;
    let loaded = Arc::new(shelf::load(&book)?);
    let wanted = wanted(args, settings, &book, &loaded)?;
    let unreadable = unreadable(&loaded, &wanted, settings);
    let begun = clock::ticks();
    let tests = Tests::new(Arc::clone(&loaded)).map_err(Trouble::new)?;
    let chosen: Vec<usize> = (0..tests.all().len())
        .filter(|index| tests.all().get(*index).is_some_and(|test| is_wanted(&loaded, test, &wanted, args)))
        .collect();
    if chosen.is_empty() && unreadable == 0 {
        return Err(nothing(args, &tests));
    }
    let tried: Vec<Tried> = spread(chosen.len(), |at| tests.try_one(chosen[at])).into_iter().flatten().collect();
    let every = args.names.is_empty() && args.only.is_none();
    let covered = tests.coverage(&tried, every);
    let session = Session { real: clock::ticks().saturating_sub(begun), tests, tried, covered, unreadable };
    if let Some(file) = &args.junit {
        let file = settings.cwd().join(file);
        std::fs::write(&file, junit::report(&session)).map_err(|reason| Trouble::io("write", &file, &reason))?;
    }
    let with_coverage = args.coverage || args.coverage_min.is_some();
    if args.json {
        output::data(&json::lines(&session, with_coverage))?;
    } else {
        output::data(&people::told(&session, settings.out))?;
        if with_coverage {
            output::data(&coverage::told(&session, settings.out))?;
        }
    }
    let short = args.coverage_min.filter(|least| session.percent() < usize::from(*least));
    if let Some(least) = short {
        output::aside(&format!("the tests take {} % of the branches, {least} % are asked for", session.percent()));
    }
    let failed = session.failed() > 0 || short.is_some();
    // As in `check`: giving the book back piece by piece is time for nothing.
    std::mem::forget(session);
    Ok(match (unreadable, failed) {
        (1.., _) => Exit::NotStarted,
        (0, true) => Exit::Warning,
        (0, false) => Exit::Fine,
    })
}

/// What is named on the command line: files of tests, and runbooks.
struct Wanted {
    files: BTreeSet<String>,
    runbooks: BTreeSet<String>,
}

fn wanted(args: &Args, settings: &Settings, book: &Path, loaded: &Loaded) -> Result<Wanted, Trouble> {
    let mut wanted = Wanted { files: BTreeSet::new(), runbooks: BTreeSet::new() };
    let has = |file: &str| loaded.sources.iter().any(|(_, source)| source.name == file);
    for name in &args.names {
        let yaml = Path::new(name).extension().is_some_and(|end| end == "yaml" || end == "yml");
        if yaml || name.contains('/') {
            let file = shelf::name_of(book, settings.cwd(), Path::new(name))?;
            if !has(&file) || !file.starts_with("tests/") {
                return Err(Trouble::new(format!("`{file}` is no file of tests"))
                    .help("the tests of a book are the `.yaml` files in `tests/` itself"));
            }
            wanted.files.insert(file);
        } else if has(&format!("tests/{name}.yaml")) && !has(&format!("runbooks/{name}.yaml")) {
            wanted.files.insert(format!("tests/{name}.yaml"));
        } else {
            shelf::runbook(loaded, name)?;
            wanted.runbooks.insert(name.clone());
        }
    }
    Ok(wanted)
}

fn is_wanted(loaded: &Loaded, test: &Test, wanted: &Wanted, args: &Args) -> bool {
    let file = &loaded.sources.get(test.spot.file).name;
    let runbook = match &test.subject {
        Subject::Runbook(name) => Some(name.value.as_str()),
        Subject::Incident(_) => None,
    };
    let all = wanted.files.is_empty() && wanted.runbooks.is_empty();
    let named = all || wanted.files.contains(file) || runbook.is_some_and(|name| wanted.runbooks.contains(name));
    named && args.only.as_ref().is_none_or(|text| test.title.contains(text.as_str()))
}

/// Shows what is wrong in files of tests; how many errors there are.
fn unreadable(loaded: &Loaded, wanted: &Wanted, settings: &Settings) -> usize {
    let mut wrong = Diagnostics::default();
    for finding in loaded.findings.sorted() {
        let file = &loaded.sources.get(finding.spot.file).name;
        if file.starts_with("tests/") && (wanted.files.is_empty() || wanted.files.contains(file)) {
            wrong.push(finding.clone());
        }
    }
    if !wrong.is_empty() {
        output::aside(render::people(&loaded.sources, &wrong, settings.err).trim_end());
    }
    wrong.counts().0
}

/// That there is nothing to try.
fn nothing(args: &Args, tests: &Tests) -> Trouble {
    let Some(only) = args.only.as_ref().filter(|_| !tests.all().is_empty()) else {
        let (message, help) = match args.names.first() {
            Some(name) if !tests.all().is_empty() => {
                (format!("nothing tests `{name}`"), "`stepladder test` tries every test of the book".to_owned())
            }
            Some(_) | None => (
                "the book has no tests".to_owned(),
                "write one in `tests/NAME.yaml`: a runbook, what the world answers, what must come of it; \
                 `stepladder explain test` shows the keys"
                    .to_owned(),
            ),
        };
        return Trouble::new(message).help(help);
    };
    let near = closest(only, tests.all().iter().map(|test| test.title.as_str()));
    let help = near.map_or_else(
        || "`stepladder test` shows the titles of all of them".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Trouble::new(format!("no test has `{only}` in its title")).help(help)
}
