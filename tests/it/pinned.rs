//! A run executes the texts it started with, all of them, whatever becomes of the files, the index or the binary.

use crate::owner::{Home, text};
use serde_json::Value;
use std::fs;
use std::path::Path;
use stepladder::base::digest::Digest;
use stepladder::engine::event::Event;
use stepladder::runtime::index::{projection, run_stream};
use stepladder::runtime::recover::read_events;
use stepladder::store::disk::{self, DiskJournal, Host};
use stepladder::store::{Batch, Journal, codec};

/// A book whose one run uses a threshold, a called runbook and a contact; the first step waits for `go`, one in the
/// middle fails until `ready`.
fn home() -> Home {
    let home = Home::new(&[
        (
            "main",
            "owner: platform\nsteps:\n  - { id: a, shell: 'echo > begun; while [ ! -e go ]; do sleep 0.02; done' }\n  - { id: b, shell: 'echo old >> b; echo 50', output: number, measure: { size: output.value } }\n  - { id: c, runbook: { run: callee } }\n  - { id: d, shell: 'test -e ready' }\n  - { id: e, shell: 'echo old >> e; echo 50', output: number, measure: { size: output.value } }\n  - { id: f, runbook: { run: callee } }\n",
        ),
        ("callee", "steps: [ { id: work, shell: 'echo old >> called' } ]\n"),
    ]);
    fs::write(home.path("thresholds.yaml"), "size: { warning: \">= 10\" }\n").unwrap();
    let ladder = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("escalation.yaml")).unwrap();
    fs::write(home.path("escalation.yaml"), ladder.replace("gather: [daily-check]", "gather: [callee]")).unwrap();
    home
}

/// Edits and removals of every text the run used.
fn edit_everything(home: &Home) {
    let main = fs::read_to_string(home.path("runbooks/main.yaml")).unwrap();
    fs::write(home.path("runbooks/main.yaml"), main.replace("echo old", "echo new").replace("exit", "true")).unwrap();
    fs::remove_file(home.path("runbooks/callee.yaml")).unwrap();
    fs::write(home.path("thresholds.yaml"), "size: { warning: \">= 1000\" }\n").unwrap();
    fs::write(home.path("escalation.yaml"), "contacts: {}\n").unwrap();
}

fn whole(home: &Home, name: &str) -> String {
    fs::read_to_string(home.path(name)).unwrap_or_default()
}

/// The newest run of `main`.
fn newest(home: &Home) -> String {
    let run = home.rows().into_iter().find(|row| row["runbook"] == "main").unwrap();
    run["run"].as_str().unwrap().to_owned()
}

/// The levels of every step that ended.
fn levels(out: &[u8]) -> Vec<(String, String)> {
    let events = text(out).lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    let ended = events.iter().filter(|event| event["event"] == "step_ended");
    ended
        .map(|event| (event["place"].as_str().unwrap().to_owned(), event["level"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn edits_reach_neither_a_live_run_nor_its_retry() {
    let home = home();
    let child = home.start(&["run", "main", "--json"]);
    home.until("the first step has begun", || home.path("begun").exists());
    edit_everything(&home);
    fs::write(home.path("go"), "").unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(2), "{}{}", text(&out.stdout), text(&out.stderr));
    assert_eq!((whole(&home, "b"), whole(&home, "called")), ("old\n".into(), "old\n".into()));
    assert!(levels(&out.stdout).contains(&("b".into(), "warning".into())), "{:?}", levels(&out.stdout));
    // What is there now would not even start.
    assert_eq!(home.run(&["run", "main"]).status.code(), Some(3));
    fs::write(home.path("ready"), "").unwrap();
    let out = home.run(&["retry", &newest(&home), "--json"]);
    assert_eq!(out.status.code(), Some(1), "{}{}", text(&out.stdout), text(&out.stderr));
    assert_eq!((whole(&home, "e"), whole(&home, "called")), ("old\n".into(), "old\nold\n".into()));
    assert!(levels(&out.stdout).contains(&("e".into(), "warning".into())), "{:?}", levels(&out.stdout));
}

/// The journal of a book, as another binary with other rows of the index would open it.
fn journal(home: &Home, project_version: &str) -> DiskJournal {
    let project_version = project_version.into();
    let settings = disk::Settings { project: projection(), project_version, host: Host::here(), adopt: false };
    DiskJournal::open(&home.path(".stepladder"), settings).unwrap()
}

#[test]
fn a_run_is_retried_under_a_binary_with_another_index() {
    let home = home();
    fs::write(home.path("go"), "").unwrap();
    assert_eq!(home.run(&["run", "main"]).status.code(), Some(2));
    drop(journal(&home, "runs of another release"));
    fs::write(home.path("ready"), "").unwrap();
    let out = home.run(&["retry", &newest(&home)]);
    assert_eq!(out.status.code(), Some(1), "{}{}", text(&out.stdout), text(&out.stderr));
    assert_eq!(home.rows().iter().filter(|row| row["runbook"] == "main").count(), 2);
}

/// A run of a later release: its text names a kind that this binary does not know.
#[test]
fn a_run_of_a_kind_unknown_here_is_a_sentence() {
    let home = home();
    fs::write(home.path("go"), "").unwrap();
    assert_eq!(home.run(&["run", "main"]).status.code(), Some(2));
    let run = stepladder::base::ids::RunId::parse(&newest(&home)).unwrap();
    let journal = journal(&home, "runs 1, groups 1");
    let texts =
        serde_json::json!({ "runbooks/main.yaml": "runbook: main\nsteps: [ { id: a, teleport: { to: mars } } ]\n" });
    let digest: Digest = journal.put_blob(texts.to_string().as_bytes()).unwrap();
    let other = stepladder::base::ids::RunId::new(1_900_000_000_000, 7);
    let mut payloads = Vec::new();
    for (_, mut recorded) in read_events(&journal as &dyn Journal, run, 0).unwrap() {
        if let Event::Started(started) = &mut recorded.event {
            started.run = other;
            started.texts.values_mut().for_each(|text| *text = digest);
        }
        if matches!(recorded.event, Event::Started(_) | Event::Ended(_)) {
            payloads.push(codec::encode(&recorded).unwrap());
        }
    }
    let (done, answer) = std::sync::mpsc::channel();
    let batch = Batch { guards: Vec::new(), appends: vec![(run_stream(other), payloads)], ..Batch::default() };
    journal.append(batch, Box::new(move |result| done.send(result.map(|_| ())).unwrap()));
    answer.recv().unwrap().unwrap();
    drop(journal);
    for args in [&["retry", "last"][..], &["show", "last"]] {
        let out = home.run(args);
        let said = text(&out.stderr);
        assert!(!said.contains("panicked"), "{args:?}: {said}");
        assert_eq!(out.status.code(), Some(3), "{args:?}: {said}{}", text(&out.stdout));
        assert!(said.contains("does not pass this binary's checks"), "{args:?}: {said}");
    }
    assert_eq!(home.run(&["runs"]).status.code(), Some(0), "everything else goes on");
}
