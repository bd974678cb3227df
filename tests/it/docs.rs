//! The documents tell the truth: generated tables are current, and every YAML block goes through the checker.

use crate::check::load;
use crate::rust_text::{files, root, without_tests};
use std::fmt::Write as _;
use std::sync::Arc;
use stepladder::base::ids::Name;
use stepladder::base::limits;
use stepladder::diagnostic::{Code, Severity};
use stepladder::lang::Loaded;

/// Compares a generated page with the one that is kept; `UPDATE=1` keeps the new one.
#[expect(clippy::disallowed_methods, reason = "UPDATE is how a person tells a test to rewrite its golden text")]
pub(crate) fn golden(path: &str, text: &str) {
    let file = root().join(path);
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(&file, text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(kept, text, "{path} is out of date: UPDATE=1 rewrites it");
}

#[test]
fn the_table_of_limits_is_current() {
    let mut page = "# Limits\n\nMade from `src/base/limits.rs`. What is not a setting and bounded all the same, and why that much.\n\n| at most | of | because |\n|---|---|---|\n".to_owned();
    for limit in limits::ALL {
        let _ = writeln!(page, "| {} | {} | {} |", grouped(limit.value), limit.name, limit.why);
    }
    golden("docs/limits.md", &page);
}

#[test]
fn the_page_of_the_environment_is_current() {
    golden("docs/environment.md", &stepladder::cli::variables::page());
}

/// What is read of the environment by its name, wherever in the source.
#[test]
fn every_variable_that_is_read_is_in_the_table() {
    let known: Vec<&str> = stepladder::cli::variables::VARIABLES.iter().map(|variable| variable.name).collect();
    let (mut missing, mut seen) = (Vec::new(), std::collections::BTreeSet::new());
    let read = regex::Regex::new(
        r#"(?:\bvar|\bset|\bnumber|env\.get|vars\.get|contains_key|variable)\(\s*"([A-Z][A-Z0-9_]+)""#,
    )
    .unwrap();
    let ours = regex::Regex::new(r#""(STEPLADDER_[A-Z_]+|OTEL_[A-Z_]+)""#).unwrap();
    for (path, text) in files("src", "rs").into_iter().filter(|(path, _)| {
        // A key of an iCalendar file is no variable.
        path != "src/cli/variables.rs" && path != "src/model/ics.rs"
    }) {
        let shipped = without_tests(&text);
        for found in read.captures_iter(&shipped).chain(ours.captures_iter(&shipped)) {
            let name = found[1].to_owned();
            // What a child is given, not what we are.
            if name != "STEPLADDER_KEY" && !known.contains(&name.as_str()) {
                missing.push(format!("{path}: {name}"));
            }
            seen.insert(name);
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    for name in ["STEPLADDER_LOG", "NOTIFY_SOCKET", "NO_COLOR", "CREDENTIALS_DIRECTORY", "XDG_CONFIG_HOME"] {
        assert!(seen.contains(name), "{name} is not seen: the pattern finds nothing any more");
    }
}

/// 1048576 as 1,048,576.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap()).collect();
    parts.join(",")
}

/// The files of the book at the repository's root.
fn book() -> Vec<(String, Arc<str>)> {
    let settings = ["stepladder.yaml", "thresholds.yaml", "alerts.yaml", "escalation.yaml"];
    let settings = settings.map(|name| (name.to_owned(), std::fs::read_to_string(root().join(name)).unwrap()));
    let all = settings.into_iter().chain(files("runbooks", "yaml"));
    all.map(|(name, text)| (name, text.into())).collect()
}

/// The findings, one line each: `file:line CODE message`.
pub(crate) fn told(loaded: &Loaded) -> Vec<String> {
    let line = |finding: &stepladder::diagnostic::Diagnostic| {
        let source = loaded.sources.get(finding.spot.file);
        let line = source.text[..finding.spot.start].matches('\n').count() + 1;
        format!("{}:{line} {} {}", source.name, finding.code.as_str(), finding.message)
    };
    loaded.findings.sorted().into_iter().map(line).collect()
}

#[test]
fn the_book_of_this_repository_has_nothing_wrong() {
    let loaded = load(&book());
    let told = told(&loaded);
    assert!(told.is_empty(), "{}", told.join("\n"));
    let names: Vec<String> = loaded.book.runbooks.keys().map(ToString::to_string).collect();
    assert!(names.contains(&"daily-check".to_owned()) && names.contains(&"daily-report".to_owned()), "{names:?}");
}

/// The YAML blocks of a page, each with its heading's last word and its first line's number.
pub(crate) fn blocks(page: &str) -> Vec<(String, usize, String)> {
    let (mut found, mut heading, mut open) = (Vec::new(), String::new(), None::<(usize, String)>);
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line) {
            (Some((start, text)), "```") => {
                found.push((heading.clone(), *start, std::mem::take(text)));
                open = None;
            }
            (Some((_, text)), line) => text.extend([line, "\n"]),
            (None, "```yaml") => open = Some((number + 2, String::new())),
            (None, line) if line.starts_with('#') => line.trim_start_matches('#').trim().clone_into(&mut heading),
            (None, _) => {}
        }
    }
    found
}

/// The settings of this repository's book with a block put into it: files by their names in comments, a runbook, the
/// steps of one, or one step.
fn with(block: &str) -> Vec<(String, Arc<str>)> {
    let indented = |by: &str| block.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
    let line = |start: &str| block.lines().find_map(|line| line.strip_prefix(start)).map(str::trim);
    let name = line("runbook: ").filter(|name| Name::parse(name).is_ok());
    let excerpt = |text: String| vec![("runbooks/excerpt.yaml".to_owned(), format!("runbook: excerpt\n{text}"))];
    let given = match (file_of(block), name) {
        (Some(_), _) => parts(block),
        (None, Some(name)) => vec![(format!("runbooks/{name}.yaml"), block.to_owned())],
        (None, None) if line("steps:").is_some() => excerpt(block.to_owned()),
        (None, None) if block.starts_with("- ") => excerpt(format!("steps:\n{}", indented("  "))),
        (None, None) if line("id:").is_some() => excerpt(format!("steps:\n  -\n{}", indented("    "))),
        (None, None) => excerpt(format!("steps:\n  - id: it\n{}", indented("    "))),
    };
    // Files of the book beside it, but for what it writes again; a page that writes settings stands alone.
    let alone = given.iter().any(|(name, _)| !name.starts_with("runbooks/"));
    let again = |file: &str| {
        let name = file.trim_start_matches("runbooks/").trim_end_matches(".yaml");
        given.iter().any(|(other, text)| other == file || text.contains(&format!("runbook: {name}\n")))
    };
    let beside = book().into_iter().filter(|(name, _)| !alone && !again(name));
    beside.chain(given.iter().map(|(name, text)| (name.clone(), text.as_str().into()))).collect()
}

/// The file that a block's first line names: `# thresholds.yaml: what may follow`.
fn file_of(block: &str) -> Option<&str> {
    let name = block.lines().next()?.strip_prefix("# ")?.split([' ', ':', ',']).next()?;
    std::path::Path::new(name).extension().is_some_and(|it| it == "yaml").then_some(name)
}

/// The files of a block of several.
fn parts(block: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match (file_of(line), found.last_mut()) {
            (Some(file), _) => found.push((file.to_owned(), String::new())),
            (None, Some((_, text))) => text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    found
}

#[test]
fn yaml_in_the_documents_passes_the_checker() {
    let readme = ("README.md".to_owned(), std::fs::read_to_string(root().join("README.md")).unwrap());
    // The cookbook is held to more than this: `cookbook.rs`.
    let apart = |path: &str| path.starts_with("docs/codes/") || path == "docs/cookbook.md";
    let pages = files("docs", "md").into_iter().chain(files("examples", "md")).filter(|(path, _)| !apart(path));
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, page) in pages.chain([readme]) {
        for (_, line, block) in blocks(&page) {
            seen += 1;
            // A file of another program, by its whole path, is YAML and no more than that.
            if file_of(&block).is_some_and(|name| name.starts_with('/')) {
                let loaded = load(&[("runbooks/other.yaml".to_owned(), block.into())]);
                let broken = loaded.findings.sorted().into_iter().any(|finding| finding.code == Code::Syntax);
                if broken {
                    wrong.push(format!("{path}:{line}:\n  {}", told(&loaded).join("\n  ")));
                }
                continue;
            }
            let loaded = load(&with(&block));
            // A step that is shown by itself may name steps, inputs and runbooks of its surroundings.
            let around = [Code::UnknownStep, Code::TemplateName, Code::UnknownRunbook];
            let excerpt = loaded.book.files.keys().any(|name| name.as_str() == "excerpt");
            let counts = |finding: &&stepladder::diagnostic::Diagnostic| {
                finding.severity == Severity::Error && !(excerpt && around.contains(&finding.code))
            };
            let errors = loaded.findings.sorted().into_iter().any(|finding| counts(&finding));
            if errors {
                wrong.push(format!("{path}:{line}:\n  {}", told(&loaded).join("\n  ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 0, "no block was found: has the fence changed?");
}

#[test]
fn the_pages_of_codes_show_what_they_say() {
    let mut wrong = Vec::new();
    // What the first two say happens before any text is there to be read; the others are about files of other systems, and
    // their pages are held by `imports.rs`.
    let unread = [Code::NoBook, Code::UnreadableFile, Code::ImportLost, Code::ImportDiffers];
    for code in Code::ALL.iter().filter(|code| !unread.contains(code)) {
        for (heading, line, block) in blocks(code.page()) {
            let loaded = load(&with(&block));
            let found = loaded.findings.sorted().into_iter().any(|finding| finding.code == *code);
            if found != (heading == "Wrong") {
                wrong.push(format!("docs/codes/{}.md:{line} ({heading}): {:?}", code.as_str(), told(&loaded)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
