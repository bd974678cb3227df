//! The table of the README that says what does each system of the guide (S1-S28): every row is there once, and every runbook,
//! file, command and test that it names is one.

use crate::rust_text::{files, root};
use crate::typed::refused;
use std::collections::BTreeSet;

/// The rows of the table, as cells.
fn rows(page: &str) -> Vec<Vec<&str>> {
    page.lines()
        .filter(|line| line.strip_prefix("| S").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

/// What stands in backquotes.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Where links lead to, without the heading.
fn links(cell: &str) -> impl Iterator<Item = &str> {
    cell.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next())
}

/// The names of all tests of the tree: functions right behind an attribute that makes them one.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, text) in files("tests", "rs").into_iter().chain(files("src", "rs")) {
        let mut test = false;
        for line in text.lines().map(str::trim) {
            test = test || line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            if let Some((_, rest)) = line.split_once("fn ").filter(|_| test) {
                found.insert(rest.split(['(', '<']).next().unwrap_or_default().to_owned());
                test = false;
            }
        }
    }
    found
}

/// What a row says does it.
fn does(cell: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for word in code(cell) {
        let runbook = |name: &str| root().join(format!("runbooks/{name}.yaml")).exists();
        let named = word.strip_prefix("stepladder run ").or_else(|| word.strip_prefix("stepladder runs "));
        match named.and_then(|rest| rest.split(' ').next()) {
            Some(name) if !runbook(name) => wrong.push(format!("`{word}`: there is no such runbook")),
            Some(_) => {}
            None if word.starts_with("stepladder ") => {}
            None if word.contains(['.', '/']) && root().join(word).exists() => {}
            None if word.contains(['.', '/']) => wrong.push(format!("`{word}`: there is no such file")),
            None if !runbook(word) => wrong.push(format!("`{word}`: there is no such runbook")),
            None => {}
        }
        wrong.extend(refused(word).map(|why| format!("`{word}`: {why}")));
    }
    wrong.extend(links(cell).filter(|to| !root().join(to).exists()).map(|to| format!("{to}: there is no such page")));
    wrong
}

/// What a row says shows it.
fn shows(cell: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut wrong: Vec<String> = code(cell)
        .filter(|word| if word.contains('/') { !root().join(word).exists() } else { !tests.contains(*word) })
        .map(|word| format!("`{word}`: there is no such test"))
        .collect();
    if code(cell).next().is_none() && !cell.contains("not yet") {
        wrong.push("nothing shows it, and that is not said".into());
    }
    wrong
}

/// The tests that run the book for real: the name of each, and the file that it is in.
fn for_real() -> Vec<(String, String)> {
    let test = regex::Regex::new(r"#\[test\]\nfn (\w+)").unwrap();
    let all = files("tests/it/book_for_real", "rs").into_iter();
    all.flat_map(|(_, text)| test.captures_iter(&text).map(|hit| (hit[1].to_owned(), text.clone())).collect::<Vec<_>>())
        .collect()
}

/// The runbooks that a row says do it and that no test of the row runs for real.
fn only_played(row: &[&str], for_real: &[(String, String)]) -> Vec<String> {
    let runs = |text: &str, name: &str| ["run", "last"].iter().any(|verb| text.contains(&format!("{verb}(\"{name}\"")));
    let shown: Vec<&str> = code(row[3]).collect();
    code(row[2])
        .filter(|name| root().join(format!("runbooks/{name}.yaml")).exists())
        .filter(|name| !for_real.iter().any(|(test, text)| shown.contains(&test.as_str()) && runs(text, name)))
        .map(|name| format!("{}: no test of the row runs `{name}` for real", row[0]))
        .collect()
}

/// What a runbook is said to do has been done, and not only played: a test of its row runs it for real.
#[test]
fn every_runbook_of_a_row_is_run_for_real_by_a_test_of_that_row() {
    let page = std::fs::read_to_string(root().join("README.md")).unwrap();
    let for_real = for_real();
    let wrong: Vec<String> = rows(&page).iter().flat_map(|row| only_played(row, &for_real)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(only_played(&["S0", "x", "`daily-check`", "`tests/daily-check.yaml`"], &for_real).len(), 1);
}

#[test]
fn the_table_of_the_readme_names_every_system_once_and_nothing_that_is_not_there() {
    let page = std::fs::read_to_string(root().join("README.md")).unwrap();
    let rows = rows(&page);
    let ids: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    let wanted: Vec<String> = (1..=28).map(|number| format!("S{number}")).collect();
    assert_eq!(ids, wanted, "each once, in order");
    let tests = tests();
    assert!(tests.len() > 500, "only {} tests were found: how are they marked now?", tests.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let [id, asked, does_it, shown] = row[..] else { panic!("a row has four cells: {row:?}") };
        assert!(!asked.is_empty(), "{id}");
        wrong.extend(does(does_it).into_iter().chain(shows(shown, &tests)).map(|why| format!("{id}: {why}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
