//! At the edge of a limit: as much as is allowed, and one more.

use crate::owner::{Home, text};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use stepladder::base::limits::{MAX_CALL_DEPTH, MAX_ITEMS, MAX_STEPS};
use stepladder::lang::load;

/// What is wrong with these files.
fn errors(files: &[(String, String)]) -> Vec<String> {
    let files: Vec<(String, Arc<str>)> =
        files.iter().map(|(name, text)| (name.clone(), Arc::from(text.as_str()))).collect();
    let loaded = load(&files);
    assert!(loaded.findings.has_errors() || loaded.book.runbooks.len() == files.len());
    loaded.findings.sorted().iter().map(|it| format!("{} {}", it.code.as_str(), it.message)).collect()
}

#[test]
fn as_many_steps_as_one_runbook_may_have() {
    let many = |count: usize| {
        let mut text = "runbook: many\nsteps:\n".to_owned();
        for step in 0..count {
            let _ = writeln!(text, "  - {{ id: s{step}, needs: [], shell: 'true' }}");
        }
        errors(&[("runbooks/many.yaml".into(), text)])
    };
    assert_eq!(many(MAX_STEPS), [""; 0]);
    assert_eq!(many(MAX_STEPS + 1), ["SL0007 more than 1000 steps"]);
}

/// Runbooks of which each calls the next.
fn chain(length: usize) -> Vec<(String, String)> {
    let step = |number: usize| {
        let on = format!("{{ id: on, runbook: r{} }}", number + 1);
        if number + 1 < length { on } else { "{ id: end, shell: 'echo the end' }".to_owned() }
    };
    let file = |number| format!("runbook: r{number}\nsteps:\n  - {}\n", step(number));
    (0..length).map(|number| (format!("runbooks/r{number}.yaml"), file(number))).collect()
}

#[test]
fn as_many_runbooks_as_may_call_one_another() {
    assert_eq!(errors(&chain(MAX_CALL_DEPTH)), [""; 0]);
    let long = errors(&chain(MAX_CALL_DEPTH + 1));
    assert_eq!(long, ["SL0007 a chain of 17 runbooks, of which at most 16 may call one another"]);
    let home = Home::new(&[]);
    for (name, text) in chain(MAX_CALL_DEPTH) {
        fs::write(home.path(&name), text).unwrap();
    }
    let out = home.run(&["run", "r0"]);
    assert_eq!(out.status.code(), Some(0), "what passes the check runs: {}{}", text(&out.stdout), text(&out.stderr));
    let (name, last) = chain(MAX_CALL_DEPTH + 1).pop().unwrap();
    fs::write(home.path(&name), last).unwrap();
    let (name, on) = chain(MAX_CALL_DEPTH + 1).swap_remove(MAX_CALL_DEPTH - 1);
    fs::write(home.path(&name), on).unwrap();
    let out = home.run(&["run", "r0"]);
    assert_eq!(out.status.code(), Some(3), "what does not pass it does not begin");
    assert!(text(&out.stderr).contains("a chain of 17 runbooks"), "{}", text(&out.stderr));
}

#[test]
fn more_items_than_one_foreach_may_have() {
    let many = |count: usize| {
        let items: Vec<String> = (0..count).map(|item| item.to_string()).collect();
        let steps =
            "steps:\n  - id: each\n    foreach: inputs.all.split(\",\")\n    steps: [ { id: no, fail: enough } ]\n";
        let home = Home::new(&[("many", &format!("inputs: {{ all: text }}\n{steps}"))]);
        let out = home.run(&["run", "many", "--json", "--input", &format!("all={}", items.join(","))]);
        let events: Vec<Value> = text(&out.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let ended = events.iter().rfind(|event| event["event"] == "step_ended" && event["place"] == "each");
        let ended = ended.unwrap_or_else(|| panic!("{}", text(&out.stderr)));
        ended["failure"]["message"].as_str().unwrap().to_owned()
    };
    assert!(many(MAX_ITEMS).contains("enough"), "one item failed, and no other began: {}", many(MAX_ITEMS));
    assert_eq!(many(MAX_ITEMS + 1), "foreach: 4001 items, at most 4000 are allowed");
}
