//! Tests of runbooks: `tests/fixtures/test/*.yaml` are books with tests, good and bad; beside each stands what
//! `stepladder test --coverage` says (`.out`). `UPDATE=1` writes it anew; read the diff.

use crate::check::book;
use crate::rust_text::{files, root};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use stepladder::cli::trial::{Session, coverage, json, junit, people};
use stepladder::diagnostic::render::Style;
use stepladder::lang::load;
use stepladder::service::trial::{Tests, Tried, Verdict};

pub(crate) const STYLE: Style = Style { color: false, unicode: true, width: 110 };

/// Every test of a book, tried; real time is none, so that what is said is the same each time.
pub(crate) fn session(files: &[(String, Arc<str>)]) -> Session {
    let tests = Tests::new(Arc::new(load(files))).unwrap();
    let tried: Vec<Tried> = (0..tests.all().len())
        .filter_map(|index| tests.try_one(index))
        .map(|tried| Tried { real: Duration::ZERO, ..tried })
        .collect();
    let covered = tests.coverage(&tried, true);
    Session { tests, tried, covered, real: Duration::ZERO, unreadable: 0 }
}

fn golden(path: &Path, text: &str, wrong: &mut Vec<String>) {
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    if kept == text {
        return;
    }
    if crate::golden::updating() {
        std::fs::write(path, text).unwrap();
    } else {
        wrong.push(format!("{}:\n{}", path.display(), crate::golden::difference(&kept, text)));
    }
}

#[test]
fn tests_go_as_the_golden_texts_say() {
    let fixtures = files("tests/fixtures/test", "yaml");
    assert!(fixtures.len() >= 9, "the fixtures are gone");
    let mut wrong = Vec::new();
    for (name, text) in &fixtures {
        let files = book(text);
        // Errors are of runbooks that a fixture breaks on purpose, never of its tests.
        let loaded = load(&files);
        let in_tests = loaded
            .findings
            .sorted()
            .into_iter()
            .filter(|finding| loaded.sources.get(finding.spot.file).name.starts_with("tests/"));
        wrong.extend(in_tests.map(|finding| format!("{name}: {}", finding.message)));
        let session = session(&files);
        let path = root().join(name);
        let told = format!("{}{}", people::told(&session, STYLE), coverage::told(&session, STYLE));
        golden(&path.with_extension("out"), &told, &mut wrong);
        for (extension, text) in [("json", json::lines(&session, true)), ("xml", junit::report(&session))] {
            let path = path.with_extension(extension);
            if path.exists() {
                golden(&path, &text, &mut wrong);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The same test comes to the same, however often it is tried.
#[test]
fn a_test_is_the_same_each_time() {
    for (name, text) in files("tests/fixtures/test", "yaml") {
        let files = book(&text);
        let (one, other) = (session(&files), session(&files));
        assert_eq!(json::lines(&one, true), json::lines(&other, true), "{name}");
    }
}

/// The files of the book at the repository's root.
fn own() -> Vec<(String, Arc<str>)> {
    let settings = ["stepladder.yaml", "thresholds.yaml", "alerts.yaml", "escalation.yaml"];
    let settings = settings.map(|name| (name.to_owned(), std::fs::read_to_string(root().join(name)).unwrap()));
    let tests = files("tests", "yaml").into_iter().filter(|(name, _)| name.matches('/').count() == 1);
    let all = settings.into_iter().chain(files("runbooks", "yaml")).chain(tests);
    all.map(|(name, text)| (name, text.into())).collect()
}

#[test]
fn the_book_of_this_repository_passes_its_tests_and_they_take_every_branch() {
    let session = session(&own());
    let failed = session.tried.iter().filter(|tried| !matches!(tried.verdict, Verdict::Passed)).count();
    assert_eq!(failed, 0, "{}", people::told(&session, STYLE));
    assert!(session.tried.len() >= 10, "the tests are gone");
    assert_eq!(session.covered.len(), files("runbooks", "yaml").len(), "a runbook is not counted");
    for covered in &session.covered {
        assert_eq!(covered.percent(), 100, "{}", coverage::told(&session, STYLE));
    }
}

/// The tests that the documents show pass.
#[test]
fn tests_in_the_documents_pass() {
    let page = std::fs::read_to_string(root().join("docs/testing.md")).unwrap();
    let blocks: Vec<String> = page
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("\n```").map(|(block, _)| format!("{block}\n")))
        .filter(|block| block.contains("# tests/"))
        .collect();
    assert!(blocks.len() >= 2, "docs/testing.md shows no tests any more");
    for block in blocks {
        let session = session(&book(&block));
        assert!(!session.tried.is_empty(), "{block}");
        assert_eq!(session.failed(), 0, "{}", people::told(&session, STYLE));
    }
}
