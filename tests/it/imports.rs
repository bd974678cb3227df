//! DAGs of Dagu and jobs of Rundeck become runbooks: golden texts, checks, bytes of every kind, and real runs.
//!
//! A fixture is a file as the other system has it (`tests/fixtures/import/*/*.yaml`); beside it stand the runbooks made of it and
//! what was said (`.txt`). `UPDATE=1` writes these anew; read the diff.

use crate::golden::{files, updating};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use stepladder::diagnostic::render::{Style, people};
use stepladder::diagnostic::{Code, Severity};
use stepladder::lang::format::fmt;
use stepladder::lang::import::{Foreign, dagu, rundeck};
use stepladder::lang::load;

const SYSTEMS: [&str; 2] = ["dagu", "rundeck"];

fn made(system: &str, name: &str, text: &str) -> Foreign {
    let files = [(name.to_owned(), Arc::from(text))];
    let mut made = if system == "dagu" { dagu(&files, &BTreeSet::new()) } else { rundeck(&files) };
    for (_, text) in &mut made.runbooks {
        *text = fmt(text).unwrap_or_else(|found| panic!("not YAML: {found:?}\n{text}"));
    }
    made
}

/// Every fixture: the system, the file, what was made of it.
fn fixtures() -> Vec<(&'static str, std::path::PathBuf, Foreign)> {
    let mut all = Vec::new();
    for system in SYSTEMS {
        for path in files(&format!("import/{system}"), "yaml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let made = made(system, &name, &text);
            all.push((system, path, made));
        }
    }
    all
}

fn shown(made: &Foreign) -> String {
    let runbooks = made.runbooks.iter().map(|(name, text)| format!("# runbooks/{name}.yaml\n{text}\n"));
    let said = people(&made.sources, &made.findings, Style { color: false, unicode: true, width: 100 });
    format!("{}{said}", runbooks.collect::<String>())
}

#[test]
fn files_of_other_systems_become_what_the_golden_texts_say() {
    let all = fixtures();
    assert!(all.len() >= 12, "{} files", all.len());
    let mut wrong = Vec::new();
    for (_, path, made) in all {
        let (golden, found) = (path.with_extension("txt"), shown(&made));
        let kept = std::fs::read_to_string(&golden).unwrap_or_default();
        if kept != found && updating() {
            std::fs::write(&golden, found).unwrap();
        } else if kept != found {
            let diff = crate::golden::difference(&kept, &found);
            wrong.push(format!("{} differs (UPDATE=1 rewrites it):\n{}", golden.display(), diff));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_made_passes_the_checks() {
    let mut wrong = Vec::new();
    for (_, path, made) in fixtures() {
        let settings = ("stepladder.yaml".to_owned(), Arc::from("timezone: UTC\nsecrets: [ { env: {} } ]\n"));
        let runbooks =
            made.runbooks.iter().map(|(name, text)| (format!("runbooks/{name}.yaml"), Arc::from(text.as_str())));
        let loaded = load(&[settings].into_iter().chain(runbooks).collect::<Vec<_>>());
        if loaded.findings.has_errors() {
            let said = people(&loaded.sources, &loaded.findings, Style { color: false, unicode: true, width: 100 });
            wrong.push(format!("{}:\n{said}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_left_out_is_said_with_a_way_out_and_starts_nothing() {
    let mut codes = BTreeSet::new();
    for (_, path, made) in fixtures() {
        for finding in made.findings.sorted() {
            codes.insert(finding.code);
            assert!(finding.help.is_some(), "{}: {}", path.display(), finding.message);
        }
        for (name, text) in &made.runbooks {
            let stub = text.contains("left out by the import");
            assert!(!(stub && text.contains("\ntriggers:")), "{}: {name} runs by itself", path.display());
            assert!(!stub || made.findings.has_errors(), "{}: {name} is silent", path.display());
        }
    }
    for code in [Code::ImportLost, Code::ImportDiffers] {
        assert!(codes.contains(&code), "no fixture shows {}", code.as_str());
    }
}

#[test]
fn the_pages_of_the_codes_show_what_they_say() {
    for code in [Code::ImportLost, Code::ImportDiffers] {
        // The first block is a file of Dagu, the second the runbook that says it.
        let (block, _) = code.page().split_once("```yaml\n").unwrap().1.split_once("\n```").unwrap();
        let found = made("dagu", "nightly.yaml", block).findings;
        assert!(found.sorted().iter().any(|finding| finding.code == code), "{}: {block}", code.as_str());
    }
}

/// Numbers that look like chance and are the same every time.
fn dice(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).unwrap() % below.max(1)
}

/// One text with one or more of its parts taken out, doubled, or in the place of others.
fn mutated(text: &str, state: &mut u64) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=dice(state, 4) {
        let at = dice(state, chars.len());
        let odd = [
            '\'', '"', '{', '}', '[', ':', '-', '\n', ' ', '$', '`', '@', '#', '\\', '\u{0}', '💥', '*', '&', '|', '<',
        ];
        match dice(state, 5) {
            0 if !chars.is_empty() => drop(chars.remove(at)),
            1 => chars.insert(at, odd[dice(state, odd.len())]),
            2 => chars.truncate(at),
            3 => {
                let (from, long) = (dice(state, chars.len()), dice(state, 40));
                let part: Vec<char> = chars.iter().skip(from).take(long).copied().collect();
                drop(chars.splice(at..at, part));
            }
            _ if !chars.is_empty() => chars[at] = odd[dice(state, odd.len())],
            _ => {}
        }
    }
    chars.into_iter().collect()
}

#[test]
fn no_text_brings_an_import_down_and_what_it_makes_is_yaml() {
    let mut state = 7;
    for system in SYSTEMS {
        for path in files(&format!("import/{system}"), "yaml") {
            let text = std::fs::read_to_string(&path).unwrap();
            for _ in 0..150 {
                let text = mutated(&text, &mut state);
                for other in SYSTEMS {
                    drop(made(other, "mutated.yaml", &text));
                }
            }
        }
    }
}

/// Runs the program in a book of its own; what it printed, and how it ended.
fn typed(dir: &Path, args: &[&str]) -> (String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepladder"));
    command.args(args).current_dir(dir).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", dir);
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (text, output.status.code().unwrap_or(-1))
}

fn book(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("runbooks")).unwrap();
    std::fs::write(dir.path().join("stepladder.yaml"), "timezone: UTC\n").unwrap();
    std::fs::write(dir.path().join("theirs.yaml"), text).unwrap();
    dir
}

fn left(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn an_imported_chain_does_what_dagu_did() {
    let dag = "name: chain\nparams: WHO=world first\nenv:\n  - GREETING: hello ${WHO}\nhandlerOn:\n  success: { command: echo success >> order }\n  \
               failure: { command: echo failure >> order }\n  exit: { command: 'echo exit $COUNT >> order' }\nsteps:\n  - name: say\n    command: |\n      \
               echo \"$GREETING, $2\" > said\n      printf 'two words\\n'\n    output: WORDS\n  - name: loose\n    command: echo loose >> order; exit 3\n    \
               continueOn: { failure: true }\n  - name: flaky\n    command: test -f once || { touch once; exit 1; }\n    retryPolicy: { limit: 1, intervalSec: 0 }\n  \
               - name: count\n    command: ls said once | wc -l\n    output: COUNT\n  - echo \"<$WORDS> $NOT_SET\" > end\n  - command: echo never >> order\n    \
               preconditions: [ { condition: '$WHO', expected: nobody } ]\n";
    let dir = book(dag);
    let (text, exit) = typed(dir.path(), &["import", "dagu", "theirs.yaml", "--write"]);
    assert_eq!(exit, 0, "{text}");
    let (text, exit) = typed(dir.path(), &["run", "chain", "--input", "who=you; touch HACKED"]);
    assert_eq!(exit, 1, "a failure that is allowed is a warning: {text}");
    assert_eq!(left(dir.path(), "said"), "hello you; touch HACKED, first\n");
    assert_eq!(left(dir.path(), "end"), "<two words> \n");
    assert_eq!(left(dir.path(), "order"), "loose\nsuccess\nexit 2\n");
    assert!(!dir.path().join("HACKED").exists());
}

#[test]
fn an_imported_job_does_what_rundeck_did() {
    let job = "- name: Hello Job\n  options:\n  - { name: message, value: it's me }\n  - { name: empty }\n  sequence:\n    keepgoing: false\n    commands:\n    \
               - exec: 'false; printf \"%s|\" ${option.message} ${option.empty} \"<${option.message}>\" ''q ${option.message}'' > line'\n    - script: |-\n        \
               #!/bin/bash\n        printf '%s|' \"$1\" \"$RD_OPTION_MESSAGE\" \"@option.message@\" $RD_JOB_NAME > script\n      args: ${option.message}\n    \
               - exec: exit 4\n      errorhandler: { exec: echo mended > handler, keepgoingOnSuccess: true }\n    - exec: exit 5\n      errorhandler: { exec: echo told >> handler }\n    \
               - exec: touch never\n";
    let dir = book(job);
    let (text, exit) = typed(dir.path(), &["import", "rundeck", "theirs.yaml", "--write"]);
    assert_eq!(exit, 0, "{text}");
    let (text, exit) = typed(dir.path(), &["run", "hello-job", "--input", "message=a $HOME 'b' \"c\""]);
    assert_eq!(exit, 2, "{text}");
    let value = "a $HOME 'b' \"c\"";
    assert_eq!(left(dir.path(), "line"), format!("{value}|<{value}>|q {value}|"));
    assert_eq!(left(dir.path(), "script"), format!("{value}|{value}|{value}|Hello|Job|"));
    assert_eq!(left(dir.path(), "handler"), "mended\ntold\n");
    assert!(!dir.path().join("never").exists());
}

#[test]
fn errors_of_the_checks_end_the_import_as_what_is_left_out_does() {
    let dir = book("steps: [ { name: a, executor: docker, command: x } ]\n");
    let (text, exit) = typed(dir.path(), &["import", "dagu", "theirs.yaml"]);
    assert!(exit == 1 && text.contains("SL0801") && text.contains("theirs.yaml:1:"), "{exit} {text}");
    let (text, exit) = typed(dir.path(), &["import", "rundeck", "nowhere.yaml"]);
    assert!(exit == 3 && text.contains("cannot read"), "{exit} {text}");
    assert!(made("rundeck", "x.yaml", "- 1\n").findings.sorted().iter().all(|it| it.severity == Severity::Error));
}
