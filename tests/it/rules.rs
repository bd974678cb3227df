//! Every rule about order, outcomes and things going wrong is shown by a run: `tests/fixtures/rules.md` says which.

use crate::golden::files;
use std::collections::{BTreeMap, BTreeSet};

/// The lines of events of every fixture, blanks folded.
fn shown() -> BTreeMap<String, Vec<String>> {
    let events = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let (_, events) = text.split_once("```events\n").unwrap_or_default();
        let folded = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        events.lines().map(folded).collect::<Vec<_>>()
    };
    let name = |path: &std::path::PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    files("run", "md").iter().map(|path| (name(path), events(path))).collect()
}

#[test]
fn every_rule_has_a_run_that_shows_it() {
    let table = include_str!("../fixtures/rules.md");
    let shown = shown();
    let (mut named, mut wrong, mut rules) = (BTreeSet::new(), Vec::new(), 0);
    for row in table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| rule ")) {
        let cells: Vec<&str> = row.trim_matches('|').splitn(3, " | ").map(str::trim).collect();
        let [_, fixture, line] = cells[..] else { panic!("three cells are needed: {row}") };
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        rules += 1;
        named.insert(fixture.to_owned());
        if !shown.get(fixture).is_some_and(|events| events.iter().any(|event| event.contains(&line))) {
            wrong.push(row);
        }
    }
    assert!(wrong.is_empty(), "no event shows:\n{}", wrong.join("\n"));
    let unnamed: Vec<&String> = shown.keys().filter(|name| !named.contains(*name)).collect();
    assert!(unnamed.is_empty(), "no rule names {unnamed:?}");
    assert!(rules > 50, "only {rules} rules");
}
