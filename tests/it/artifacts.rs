//! Files kept with a run, under the real binary: where they are, who names them, and that nothing is passed over.

use crate::owner::{Home, kill, text};
use serde_json::Value;
use std::fs;

/// What a step came to, as `show --json` has it: its output, wherever it is.
fn output(home: &Home, place: &str) -> Value {
    let shown: Value = serde_json::from_slice(&home.run(&["show", "last", "--json"]).stdout).unwrap();
    let mut events = shown["events"].as_array().unwrap().iter();
    let ended = events.rfind(|event| event["event"] == "attempt_ended" && event["place"] == place);
    let ended = ended.unwrap_or_else(|| panic!("no attempt of {place} ended: {shown:#}")).clone();
    if ended["failure"].is_null() { ended["output"].clone() } else { ended["failure"]["output"].clone() }
}

#[test]
fn files_are_kept_named_and_found_again() {
    let home = Home::new(&[(
        "keeps",
        "steps:
  - id: report
    workdir: out
    shell: 'mkdir -p deep; echo one > a.txt; echo two > deep/b.txt; echo tmp > \"$RUN_DIR/c.txt\"'
    artifacts: ['**/*.txt', $RUN_DIR/c.txt]
  - { id: misses, shell: 'true', artifacts: ['*.core'] }
  - { id: breaks, shell: 'echo why > trace.log; exit 3', artifacts: [trace.log, '*.core'], allow_failure: true }
  - { id: told, needs: [report], log: '{{#if steps.report.output.artifacts}}{{#each steps.report.output.artifacts}}see {{ path }}; {{/each}}{{/if}}' }
",
    )]);
    fs::create_dir(home.path("out")).unwrap();
    let out = home.run(&["run", "keeps"]);
    let said = text(&out.stdout);
    assert_eq!(out.status.code(), Some(1), "{said}{}", text(&out.stderr));

    let kept = output(&home, "report")["artifacts"].clone();
    let names: Vec<&str> = kept.as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a.txt", "deep/b.txt", "RUN_DIR/c.txt"]);
    let path = home.path(".stepladder").join(kept[1]["path"].as_str().unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");

    let shown = text(&home.run(&["show", "last"]).stdout);
    for says in [
        "artifacts: a.txt (4 B), deep/b.txt (4 B), RUN_DIR/c.txt (4 B) in",
        "artifacts not kept: no file matches `*.core` (notice)",
        "artifacts: trace.log (4 B) in artifacts/",
        "see artifacts/",
    ] {
        assert!(shown.contains(says), "{says}: {shown}");
        assert!(said.contains(says), "as it was seen live, {says}: {said}");
    }
    assert_eq!(output(&home, "breaks")["not_kept"][0], "no file matches `*.core`");
    let logs = text(&home.run(&["logs", "last", "report"]).stderr);
    assert!(logs.contains(&format!("artifact: {} (4 B)", path.display())), "{logs}");
}

/// The next owner keeps them; where a secret may have changed since, it says that it can't.
#[test]
fn files_of_an_adopted_attempt_are_kept_unless_its_secrets_are_unknown() {
    for (env, kept) in [("", true), ("\n    env: { KEY: \"{{ secrets.KEY }}\" }", false)] {
        let text_of = format!(
            "secrets: [KEY]\nsteps:\n  - id: slow{env}\n    artifacts: [left]\n    shell: 'echo > began; while [ ! -e go ]; do sleep 0.02; done; echo good > left'\n"
        );
        let home = Home::new(&[("slow", &text_of)]);
        let start = home.command(&["run", "slow"]).env("KEY", "hunter2-hunter2").spawn().unwrap();
        home.until("it has begun", || home.path("began").exists());
        kill(start.id(), rustix::process::Signal::KILL);
        drop(start.wait_with_output());
        fs::write(home.path("go"), "").unwrap();
        let driven = home.run(&["drive"]);
        assert_eq!(driven.status.code(), Some(0), "{}", text(&driven.stderr));
        let output = output(&home, "slow");
        assert_eq!(output["artifacts"].as_array().unwrap().len(), usize::from(kept), "{output:#}");
        assert_eq!(output["not_kept"].to_string().contains("earlier owner"), !kept, "{output:#}");
    }
}

#[test]
fn copies_are_in_a_backup_and_leftovers_are_found() {
    let home = Home::new(&[("keeps", "steps: [ { id: a, shell: 'echo one > a.txt', artifacts: [a.txt] } ]\n")]);
    assert_eq!(home.run(&["run", "keeps"]).status.code(), Some(0));
    let path = output(&home, "a")["artifacts"][0]["path"].as_str().unwrap().to_owned();
    assert_eq!(home.run(&["store", "backup", "copy"]).status.code(), Some(0));
    assert_eq!(fs::read_to_string(home.path("copy").join(&path)).unwrap(), "one\n");

    let left = home.path(".stepladder/artifacts/01kc0000000000000000000000");
    fs::create_dir(&left).unwrap();
    let doctor = home.run(&["doctor"]);
    assert!(text(&doctor.stdout).contains("output or artifacts of 1 runs that are not in the journal"), "{doctor:?}");
    home.run(&["doctor", "--repair"]);
    assert!(!left.exists(), "it is taken away");
    assert!(home.path(".stepladder").join(&path).exists(), "what belongs to a run stays");
}
