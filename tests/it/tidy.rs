//! Tidiness as a test: heads, sizes, leftovers, manual pages. The limits are the house's, the
//! exceptions are listed with a reason and may only shrink.

use crate::rust_text::{code, files, functions, line, root, without_tests};
use regex::Regex;
use stepladder::diagnostic::Code;

/// Longest part of a file outside tests, in lines.
const MAX_FILE: usize = 400;

/// Longest function outside tests, in lines.
const MAX_FN: usize = 70;

/// How much more than is there an exception may allow.
const SLACK: usize = 20;

/// Files or functions (`path` or `path::function`) over the limit, how long they may be, and why that is better than
/// splitting. An entry that is not needed any more, or allows more than there is, fails.
const LONGER: &[(&str, usize, &str)] = &[];

fn sources() -> Vec<(String, String)> {
    let all = ["src", "tests", "examples", "benches"].into_iter().flat_map(|dir| files(dir, "rs"));
    all.collect()
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(path, _)| path).collect();
    assert_eq!(silent, [""; 0], "these files do not begin with `//!`");
}

/// How long every file and function outside tests is, where that is over its limit.
fn over(files: &[(String, String)]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| !path.starts_with("tests/") && !path.ends_with("/tests.rs")) {
        let in_tests = text.lines().count() - without_tests(&code(text)).lines().count();
        found.push((path.clone(), text.lines().count() - in_tests, MAX_FILE));
        let shipped = without_tests(&code(text));
        found.extend(functions(&shipped).into_iter().map(|(name, lines)| (format!("{path}::{name}"), lines, MAX_FN)));
    }
    found.into_iter().filter(|(_, lines, most)| lines > most).map(|(name, lines, _)| (name, lines)).collect()
}

#[test]
fn files_and_functions_stay_short() {
    let over = over(&sources());
    let allowed = |name: &str| LONGER.iter().find(|(it, ..)| *it == name).map(|(_, lines, _)| *lines);
    let long: Vec<_> = over.iter().filter(|(name, lines)| allowed(name).is_none_or(|most| *lines > most)).collect();
    assert!(long.is_empty(), "too long (files {MAX_FILE}, functions {MAX_FN} lines): {long:#?}");
    let fits = |name: &str, most: usize| over.iter().any(|(it, lines)| it == name && lines + SLACK >= most);
    let loose: Vec<_> = LONGER.iter().filter(|(name, most, _)| !fits(name, *most)).collect();
    assert!(loose.is_empty(), "these exceptions allow more than is there: lower or remove them: {loose:#?}");
}

#[test]
fn every_limit_is_in_the_table() {
    let limit = Regex::new(r"(?m)^\s*(?:pub(?:\([a-z]+\))? )?const (MAX_[A-Z_]+)").unwrap();
    let mut found = Vec::new();
    for (path, text) in files("src", "rs") {
        let shipped = without_tests(&code(&text));
        found.extend(limit.captures_iter(&shipped).map(|hit| format!("{path}: {}", &hit[1])));
    }
    assert_eq!(found, [""; 0], "a limit with a name stands in src/base/limits.rs, from which docs/limits.md is made");
}

#[test]
fn a_planted_long_function_is_found() {
    let text = format!(
        "//! x\nfn long() {{\n{}}}\n#[cfg(test)]\nmod tests {{\n{}}}\n",
        "    a();\n".repeat(70),
        "    b();\n".repeat(500)
    );
    let file = |path: &str| (path.to_owned(), text.clone());
    assert_eq!(over(&[file("src/x.rs"), file("tests/it/x.rs")]), [("src/x.rs::long".to_owned(), 72)]);
}

#[test]
fn one_file_may_do_what_the_compiler_does_not_check() {
    let unchecked = Regex::new(r"\bunsafe\b|\bunsafe_code\b").unwrap();
    let found: Vec<String> = files("src", "rs")
        .into_iter()
        .filter(|(_, text)| unchecked.is_match(&code(text)))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(found, ["src/keeper/sys.rs"]);
}

#[test]
fn nothing_is_left_for_later() {
    let macros = Regex::new(r"\b(?:todo|unimplemented|dbg)!").unwrap();
    let words = Regex::new(concat!(r"\b(?:FIX", r"ME|XX", r"X|TO", r"DO)\b")).unwrap();
    let mut found = Vec::new();
    for (path, text) in sources() {
        let code = code(&text);
        found.extend(
            macros.find_iter(&code).map(|hit| format!("{path}:{}: {}", line(&code, hit.start()), hit.as_str())),
        );
        found
            .extend(words.find_iter(&text).map(|hit| format!("{path}:{}: {}", line(&text, hit.start()), hit.as_str())));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_code_has_its_page_and_every_page_its_code() {
    let pages: Vec<String> = files("docs/codes", "md").into_iter().map(|(path, _)| path).collect();
    let codes: Vec<String> = Code::ALL.iter().map(|code| format!("docs/codes/{}.md", code.as_str())).collect();
    assert_eq!(pages, codes);
    for code in Code::ALL {
        let head = format!("# {}: {}", code.as_str(), code.title());
        assert!(code.page().starts_with(&head), "the page of {} must begin with `{head}`", code.as_str());
    }
}

/// The last column of the glossary: words that mean something we have another word for.
fn unwanted_words() -> Vec<String> {
    let glossary = std::fs::read_to_string(root().join("docs/glossary.md")).unwrap();
    let rows = glossary.lines().filter(|row| row.starts_with("| **"));
    let last = |row: &str| row.trim_end_matches('|').rsplit('|').next().unwrap_or_default().trim().to_owned();
    rows.map(last)
        .flat_map(|cell| cell.split(", ").map(str::to_owned).collect::<Vec<_>>())
        .filter(|word| !word.is_empty())
        .collect()
}

/// A page without its code, which speaks the words of other programs; lines stay where they are.
fn words_of(page: &str) -> String {
    let code = Regex::new(r"(?s)```.*?```|`[^`\n]*`").unwrap();
    let lines = |found: &regex::Captures<'_>| "\n".repeat(found[0].matches('\n').count());
    code.replace_all(page, lines).into_owned()
}

#[test]
fn one_word_for_one_thing() {
    let words = unwanted_words();
    assert!(words.len() > 10, "the glossary lists words to avoid");
    let any = Regex::new(&format!(r"(?i)\b(?:{})s?\b", words.join("|"))).unwrap();
    let prose = files("docs", "md").into_iter().chain(files("runbooks", "yaml"));
    let own = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"];
    let own = own.map(|name| (name.to_owned(), std::fs::read_to_string(root().join(name)).unwrap_or_default()));
    let mut found = Vec::new();
    for (path, text) in prose.chain(own).filter(|(path, _)| path != "docs/glossary.md") {
        let text = words_of(&text);
        found
            .extend(any.find_iter(&text).map(|hit| format!("{path}:{}: `{}`", line(&text, hit.start()), hit.as_str())));
    }
    assert!(found.is_empty(), "the glossary has another word for these:\n{}", found.join("\n"));
}
