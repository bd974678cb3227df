//! *Order* of the language: each rule a fixture, its graph as text beside it. And the properties that hold over every text.

use crate::rust_text::root;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stepladder::lang::{Loaded, format, load};
use stepladder::model::graph::Wait;
use stepladder::model::runbook::Runbook;
use stepladder::model::step::{List, Step, StepKind};

/// The runbook as a tree of steps, each with what it waits for.
fn plan(runbook: &Runbook) -> String {
    let mut text = format!("runbook {}\n", runbook.name);
    list(&mut text, "steps", &runbook.steps, 0);
    list(&mut text, "on_failure", &runbook.on_failure, 0);
    list(&mut text, "finally", &runbook.finally, 0);
    text
}

fn list(text: &mut String, word: &str, list: &List, depth: usize) {
    if list.is_empty() {
        return;
    }
    let indent = "  ".repeat(depth);
    let parallel = list.parallel.map_or(String::new(), |width| format!(" (parallel {width})"));
    let fast = if list.fail_fast { " (fail fast)" } else { "" };
    let _ = writeln!(text, "{indent}{word}{parallel}{fast}:");
    for one in &list.steps {
        let waits: Vec<String> = list
            .graph
            .waits(&one.id)
            .map(|(id, wait)| match wait {
                Wait::Satisfied => format!("needs {id}"),
                Wait::Ended => format!("after {id}"),
            })
            .collect();
        let waits = if waits.is_empty() { "at once".to_owned() } else { waits.join(", ") };
        let _ = writeln!(text, "{indent}  {}: {waits}", one.id);
        inside(text, one, depth + 2);
    }
}

fn inside(text: &mut String, step: &Step, depth: usize) {
    match &step.kind {
        StepKind::Steps(steps) => list(text, "steps", steps, depth),
        StepKind::Watch(watch) => list(text, "round", &watch.steps, depth),
        StepKind::Remedy(remedy) => list(text, "try", &remedy.tries, depth),
        StepKind::Act(_)
        | StepKind::Wait(_)
        | StepKind::Call(_)
        | StepKind::Compute(_)
        | StepKind::Log { .. }
        | StepKind::Fail(_)
        | StepKind::Approval(_)
        | StepKind::Pass(_) => {}
    }
    list(text, "recover", &step.recover, depth);
    list(text, "on_error", &step.on_error, depth);
    list(text, "undo", &step.undo, depth);
}

fn read(name: &str, text: &str) -> Loaded {
    load(&[(format!("runbooks/{name}.yaml"), Arc::from(text))])
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|ext| ext == "yaml")).collect();
    files.sort();
    files
}

#[test]
fn each_rule_gives_the_graph_beside_it() {
    let mut wrong = Vec::new();
    let files = yaml_files(&root().join("tests/fixtures/check/ok"));
    assert!(!files.is_empty());
    for path in files {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        // A fixture of several files is a whole book: `check` holds those to no finding at all.
        if text
            .lines()
            .next()
            .is_some_and(|line| line.starts_with("# ") && Path::new(line).extension().is_some_and(|it| it == "yaml"))
        {
            continue;
        }
        let loaded = read(&name, &text);
        let found: Vec<_> = loaded
            .findings
            .sorted()
            .into_iter()
            .filter(|finding| finding.severity == stepladder::diagnostic::Severity::Error)
            .collect();
        assert!(found.is_empty(), "{name}: {found:#?}");
        let shown: String = loaded.book.runbooks.values().map(|runbook| plan(runbook)).collect();
        let golden = path.with_extension("plan");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&golden, &shown).unwrap();
        }
        let kept = std::fs::read_to_string(&golden).unwrap_or_default();
        if kept != shown {
            wrong.push(format!("{}:\n{}", golden.display(), crate::golden::difference(&kept, &shown)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every text of the repository that is read as a file of a book, the good and the bad.
fn texts() -> Vec<(String, String)> {
    let folders = ["runbooks", "tests/fixtures/check/ok", "tests/fixtures/check/err", ""];
    let files = folders.iter().flat_map(|folder| yaml_files(&root().join(folder)));
    files.map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn layout_keeps_values_and_settles_at_once() {
    let mut laid_out = 0;
    for (name, text) in texts() {
        // Values and comments are compared by `fmt` itself, which gives the text back when they would change.
        if let Ok(once) = format::fmt(&text) {
            assert_eq!(format::fmt(&once).ok().as_deref(), Some(once.as_str()), "{name}");
            laid_out += usize::from(once != text);
        }
    }
    assert!(laid_out > 0, "no file was laid out anew: is anything printed?");
}

/// A comment anywhere in a runbook we ship, at the margin or as deep as its line: the rest is laid out all the same, and
/// the comment is there once.
#[test]
fn layout_is_made_round_a_comment_anywhere() {
    let (mut made, mut read) = (0, 0);
    for path in yaml_files(&root().join("runbooks")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for at in 0..lines.len() {
            let deep = lines[at].len() - lines[at].trim_start().len();
            for indent in if deep > 0 { vec![0, deep] } else { vec![0] } {
                let comment = format!("{}# here it is\n", " ".repeat(indent));
                let with = [lines[..at].concat(), comment, lines[at..].concat()].concat();
                // What has to be laid out anew, so that a text that was left alone shows.
                let with = with.replacen("runbook: ", "runbook:    ", 1);
                made += 1;
                // In a text over several lines it is no comment, or ends the text too early.
                let Ok(once) = format::lay_out(&with) else { continue };
                read += 1;
                let place = format!("{}:{} at column {indent}", path.display(), at + 1);
                let format::LaidOut::Anew(once) = once else { panic!("{place}: left as it was") };
                assert!(!once.contains("runbook:  "), "{place}: nothing was laid out");
                assert_eq!(once.matches("# here it is").count(), 1, "{place}: the comment is lost");
                assert_eq!(format::fmt(&once).ok().as_deref(), Some(once.as_str()), "{place}: not settled");
            }
        }
    }
    assert!(read > 1_000 && read * 10 > made * 8, "{read} of {made} could be read");
}

/// A stream of numbers that is the same on every machine (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).unwrap()
    }
}

/// One small act of violence against a text.
fn mutate(text: &str, chance: &mut Chance) -> String {
    const SALT: &[&str] = &[
        "\t", "{{", "}", "[", "]", "'", "\"", "|", ">", "&a", "*a", "- ", ": ", "#", "\u{feff}", "\r", "é", "!!", "%",
        "\0", "? ", "<<: ", "~",
    ];
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=chance.below(3) {
        let at = chance.below(chars.len().max(1));
        match chance.below(4) {
            0 if at < chars.len() => drop(chars.remove(at)),
            1 => {
                let salt = SALT[chance.below(SALT.len())];
                chars.splice(at..at, salt.chars());
            }
            2 if at < chars.len() => {
                let end = (at + chance.below(40)).min(chars.len());
                drop(chars.drain(at..end));
            }
            _ => {
                let from = chance.below(chars.len().max(1));
                let piece: Vec<char> = chars[from.min(chars.len())..(from + 20).min(chars.len())].to_vec();
                chars.splice(at..at, piece);
            }
        }
    }
    chars.into_iter().collect()
}

#[test]
fn no_text_makes_the_reader_panic() {
    let mut chance = Chance(0x05ee_d1e5_50f1_ad00);
    let texts = texts();
    for round in 0..2_000 {
        let (name, text) = &texts[round % texts.len()];
        let broken = mutate(text, &mut chance);
        let file = if name.contains("fixtures") || name.contains("runbooks") {
            "runbooks/x.yaml"
        } else {
            name.rsplit('/').next().unwrap()
        };
        let caught = std::panic::catch_unwind(|| {
            let loaded = load(&[(file.to_owned(), Arc::from(broken.as_str()))]);
            for finding in loaded.findings.sorted() {
                let text = &loaded.sources.get(finding.spot.file).text;
                assert!(
                    text.get(finding.spot.start..finding.spot.end).is_some(),
                    "a place inside the text: {finding:?}"
                );
            }
            let _ = format::fmt(&broken);
        });
        assert!(caught.is_ok(), "{name}, round {round}:\n{broken}");
    }
}
