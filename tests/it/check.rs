//! What the checker says about operators' mistakes: a text in, golden findings out.
//!
//! A fixture is a file `SLnnnn-topic.yaml`: one runbook, or several files of a book, each behind a
//! line `# runbooks/name.yaml` (or `# thresholds.yaml`, …). Beside it stands what people read
//! (`.stderr`), for some also what programs get (`.json`). `UPDATE=1` writes them anew; read the diff.

use crate::rust_text::{files, root};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use stepladder::diagnostic::render::{Style, json, people};
use stepladder::diagnostic::{Code, Diagnostics};
use stepladder::lang::Loaded;

/// Codes that no text of a book can have: they are about the file system, or about files of other systems (`imports.rs`).
const NOT_TEXT: &[Code] = &[Code::NoBook, Code::UnreadableFile, Code::ImportLost, Code::ImportDiffers];

/// The files of a book written in one text. What stands before the first head is a runbook in its own file.
pub(crate) fn book(text: &str) -> Vec<(String, Arc<str>)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        match line.trim_end().strip_prefix("# ").filter(|name| is_file(name)) {
            Some(name) => files.push((name.to_owned(), String::new())),
            None if files.is_empty() => files.push((only(text), line.into())),
            None => files.last_mut().unwrap().1.push_str(line),
        }
    }
    files.into_iter().map(|(name, text)| (name, text.into())).collect()
}

/// The file of a text that is one runbook: named after it.
fn only(text: &str) -> String {
    let name = text.lines().find_map(|line| line.strip_prefix("runbook: ")).unwrap_or("example");
    format!("runbooks/{}.yaml", if name.contains(' ') { "example" } else { name })
}

fn is_file(name: &str) -> bool {
    !name.contains(' ') && Path::new(name).extension().is_some_and(|it| it == "yaml")
}

/// The book of those files as `check` finds it at one instant: some findings are about the time to come.
pub(crate) fn load(files: &[(String, Arc<str>)]) -> Loaded {
    let mut loaded = stepladder::lang::load(files);
    let ahead = stepladder::lang::ahead(&loaded, "2026-11-30T12:00:00Z".parse().unwrap());
    loaded.findings.append(ahead);
    loaded
}

fn shown(loaded: &Loaded) -> String {
    people(&loaded.sources, &loaded.findings, Style { color: false, unicode: true, width: 100 })
}

/// Compares with the golden file, or writes it where `UPDATE` is set.
fn golden(path: &Path, text: &str, wrong: &mut Vec<String>) {
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    if kept == text {
        return;
    }
    if update() {
        std::fs::write(path, text).unwrap();
    } else {
        wrong.push(format!("{}:\n{}", path.display(), crate::golden::difference(&kept, text)));
    }
}

fn update() -> bool {
    std::env::vars().any(|(name, value)| name == "UPDATE" && !value.is_empty())
}

fn codes(findings: &Diagnostics) -> BTreeSet<&'static str> {
    findings.sorted().into_iter().map(|finding| finding.code.as_str()).collect()
}

#[test]
fn mistakes_are_told_as_the_golden_texts_say() {
    let fixtures = files("tests/fixtures/check/err", "yaml");
    assert!(fixtures.len() >= 60, "{} mistakes are shown", fixtures.len());
    let mut wrong = Vec::new();
    for (name, text) in &fixtures {
        let loaded = load(&book(text));
        let path = root().join(name);
        golden(&path.with_extension("stderr"), &shown(&loaded), &mut wrong);
        let programs = path.with_extension("json");
        if programs.exists() {
            golden(&programs, &json(&loaded.sources, &loaded.findings), &mut wrong);
        }
        let code = path.file_name().and_then(|name| name.to_str()?.get(..6)).unwrap_or_default().to_owned();
        if !codes(&loaded.findings).contains(code.as_str()) {
            wrong.push(format!("{name}: no {code} among {:?}", codes(&loaded.findings)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_finding_has_a_way_out() {
    let fixtures = files("tests/fixtures/check/err", "yaml");
    let silent: Vec<String> = fixtures
        .iter()
        .flat_map(|(name, text)| {
            let loaded = load(&book(text));
            // To be sent to a page is no way out.
            let bare = |finding: &&stepladder::diagnostic::Diagnostic| {
                finding.help.as_ref().is_none_or(|help| help.starts_with("`stepladder explain"))
            };
            let told = |finding: &stepladder::diagnostic::Diagnostic| format!("{name}: {}", finding.message);
            loaded.findings.sorted().into_iter().filter(bare).map(told).collect::<Vec<_>>()
        })
        .collect();
    assert!(silent.is_empty(), "what is wrong, and no word of what to do:\n{}", silent.join("\n"));
}

#[test]
fn good_books_are_accepted_without_a_word() {
    let books = files("tests/fixtures/check/ok", "yaml");
    assert!(!books.is_empty());
    let loaded = books.iter().map(|(name, text)| (name, load(&book(text))));
    let wrong: Vec<_> = loaded
        .filter(|(_, loaded)| !loaded.findings.is_empty())
        .map(|(name, loaded)| format!("{name}:\n{}", shown(&loaded)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_golden_text_has_its_mistake() {
    let fixtures: BTreeSet<String> =
        files("tests/fixtures/check/err", "yaml").into_iter().map(|(path, _)| path).collect();
    for extension in ["stderr", "json"] {
        for (path, _) in files("tests/fixtures/check/err", extension) {
            assert!(
                fixtures.contains(&path.replace(&format!(".{extension}"), ".yaml")),
                "{path} belongs to no fixture"
            );
        }
    }
}

#[test]
fn every_code_is_shown_by_a_mistake() {
    let fixtures: Vec<String> = files("tests/fixtures/check/err", "yaml").into_iter().map(|(path, _)| path).collect();
    let shown = |code: &Code| fixtures.iter().any(|path| path.contains(code.as_str()));
    let silent: Vec<_> =
        Code::ALL.iter().filter(|code| !NOT_TEXT.contains(code) && !shown(code)).map(|code| code.as_str()).collect();
    assert!(silent.is_empty(), "no fixture shows {silent:?}");
}

/// The two blocks of a page: the wrong text and the right one.
fn blocks(page: &str) -> Vec<String> {
    page.split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("\n```").map(|(block, _)| format!("{block}\n")))
        .collect()
}

/// A block of a page as a book: what is left out of an excerpt is put around it.
fn whole(block: &str) -> Vec<(String, Arc<str>)> {
    let mut files = book(block);
    for (name, text) in &mut files {
        if name == "runbooks/example.yaml" && !text.starts_with("runbook:") {
            *text = format!("runbook: example\n{text}").into();
        }
    }
    files
}

#[test]
fn pages_show_a_wrong_text_and_a_right_one() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let page = code.page();
        for part in ["\n## Wrong\n", "\n## Why it matters\n", "\n## Right\n"] {
            assert!(page.contains(part), "{} has no `{}`", code.as_str(), part.trim());
        }
        let blocks = blocks(page);
        let [bad, good] = blocks.as_slice() else { panic!("{} has {} blocks", code.as_str(), blocks.len()) };
        let (bad, good) = (load(&whole(bad)), load(&whole(good)));
        if !NOT_TEXT.contains(code) && codes(&bad.findings) != BTreeSet::from([code.as_str()]) {
            wrong.push(format!("{}: the wrong text gives\n{}", code.as_str(), shown(&bad)));
        }
        if !good.findings.is_empty() {
            wrong.push(format!("{}: the right text gives\n{}", code.as_str(), shown(&good)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
