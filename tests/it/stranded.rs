//! Runs whose owner was killed, runs that wait for a person, and every command that has to find somebody to drive them.

use crate::owner::{Home, kill, text};
use std::fs;
use std::io::BufRead;
use std::process::Output;

const SLOW: &str = "steps:\n  - { id: a, shell: 'echo up; echo >> began; while [ ! -e go ]; do sleep 0.05; done; echo ready', \
                    undo: [ { id: u, shell: 'echo >> undone' } ] }\n  - { id: b, shell: 'echo >> done' }\n\
                    finally: [ { id: z, shell: 'echo >> tidied' } ]\n";
const NOOP: &str = "steps: [ { id: a, shell: 'true' } ]\n";
const ASKS: &str = "steps: [ { id: a, confirm: 'Really delete?', shell: 'echo gone >> deleted' } ]\n";

fn said(out: &Output) -> String {
    format!("{}{}", text(&out.stdout), text(&out.stderr))
}

fn well(out: &Output) -> String {
    assert_eq!(out.status.code(), Some(0), "{}", said(out));
    said(out)
}

/// A home with a run of `slow` whose owner was killed while its first step ran.
fn stranded() -> Home {
    let home = Home::new(&[("slow", SLOW), ("noop", NOOP)]);
    let mut child = home.start(&["run", "slow"]);
    home.until("the step has begun", || home.lines("began") == 1);
    kill(child.id(), rustix::process::Signal::KILL);
    child.wait().unwrap();
    home
}

fn state(home: &Home, runbook: &str) -> String {
    let rows = home.rows();
    let row = rows.iter().find(|row| row["runbook"] == runbook).unwrap();
    row["outcome"].as_str().or(row["state"].as_str()).unwrap().to_owned()
}

#[test]
fn a_stranded_run_is_cancelled_by_who_asks_for_it() {
    let home = stranded();
    assert_eq!(state(&home, "slow"), "stranded");
    let shown = said(&home.run(&["show", "last"]));
    assert!(shown.contains("`stepladder drive` goes on with it"), "{shown}");
    let said = well(&home.run(&["cancel", "last"]));
    assert!(said.contains("cancelled"), "{said}");
    assert_eq!(state(&home, "slow"), "cancelled");
    assert_eq!(
        (home.lines("began"), home.lines("tidied"), home.lines("done")),
        (1, 1, 0),
        "`finally` ran, nothing else"
    );
}

#[test]
fn cancelled_at_once_is_cancelled_too() {
    let home = stranded();
    well(&home.run(&["cancel", "last", "--now"]));
    assert_eq!((state(&home, "slow").as_str(), home.lines("tidied")), ("cancelled", 1));
}

#[test]
fn a_stranded_run_goes_on_where_a_retry_is_asked_for() {
    let home = stranded();
    fs::write(home.path("go"), "").unwrap();
    let said = well(&home.run(&["retry", "last"]));
    assert!(said.contains("it goes on here"), "{said}");
    assert_eq!((state(&home, "slow").as_str(), home.lines("began"), home.lines("done")), ("succeeded", 1, 1));
}

#[test]
fn who_follows_a_stranded_run_drives_it() {
    let home = stranded();
    fs::write(home.path("go"), "").unwrap();
    let said = well(&home.run(&["logs", "-f", "last"]));
    assert!(said.contains("up") && said.contains("ready"), "{said}");
    assert_eq!(state(&home, "slow"), "succeeded");
}

/// A short run takes a long one up, and leaves it to somebody who stays.
#[test]
fn nobody_is_left_behind_by_a_short_run() {
    let home = stranded();
    well(&home.run(&["run", "noop"]));
    assert_eq!(state(&home, "slow"), "running", "it is driven as soon as the short one has ended");
    fs::write(home.path("go"), "").unwrap();
    home.until("the long one has ended", || state(&home, "slow") == "succeeded");
    assert_eq!((home.lines("began"), home.lines("done")), (1, 1));
}

#[test]
fn drive_stays_until_nothing_is_unfinished() {
    let home = stranded();
    fs::write(home.path("go"), "").unwrap();
    well(&home.run(&["drive"]));
    assert_eq!(state(&home, "slow"), "succeeded");
    well(&home.run(&["drive"]));
}

/// The owner goes with its run: whoever reads along still gets all of it.
#[test]
fn following_a_run_to_its_end_ends_well() {
    let home = Home::new(&[("slow", SLOW)]);
    for round in 1..=4 {
        let child = home.start(&["run", "slow"]);
        home.until("the step has begun", || home.lines("began") == round);
        let logs = home.start(&["logs", "-f", "last"]);
        fs::write(home.path("go"), "").unwrap();
        let said = well(&logs.wait_with_output().unwrap());
        assert!(said.contains("up") && said.contains("ready"), "{said}");
        well(&child.wait_with_output().unwrap());
        fs::remove_file(home.path("go")).unwrap();
    }
}

#[test]
fn a_detached_run_can_be_cancelled_at_once() {
    let home = Home::new(&[("slow", SLOW)]);
    for _ in 0..3 {
        well(&home.run(&["run", "slow", "--detach"]));
        assert_eq!(state(&home, "slow"), "running");
        well(&home.run(&["cancel", "last"]));
        home.until("it is cancelled", || state(&home, "slow") == "cancelled");
    }
}

#[test]
fn a_question_is_answered_from_another_terminal() {
    let home = Home::new(&[("asks", ASKS)]);
    let child = home.start(&["run", "asks"]);
    home.until("it waits", || home.rows().first().is_some_and(|row| row["state"] == "waiting"));
    let listed = said(&home.run(&["runs"]));
    assert!(listed.contains("`a` asks: Really delete?"), "{listed}");
    let shown = said(&home.run(&["show", "last"]));
    assert!(shown.contains("stepladder answer ") && shown.contains(" a go|stop"), "{shown}");
    for (args, says) in [
        (["answer", "last", "b", "go"], "`b` waits for no answer: `a` does"),
        (["answer", "last", "a", "again"], "answer go or stop"),
    ] {
        let out = home.run(&args);
        assert_eq!(out.status.code(), Some(3), "{}", said(&out));
        assert!(said(&out).contains(says), "{}", said(&out));
    }
    well(&home.run(&["answer", "last", "a", "go"]));
    let said = well(&child.wait_with_output().unwrap());
    assert!(said.contains("stepladder answer "), "the way is told at once: {said}");
    assert_eq!(home.lines("deleted"), 1);
    let events = text(&home.run(&["show", "last", "--json"]).stdout);
    assert!(events.contains("\"step_answered\"") && events.contains("\"answer\":\"go\""), "{events}");
}

/// Nobody drives it, and the answer finds somebody.
#[test]
fn a_question_of_a_stranded_run_is_answered() {
    let home = Home::new(&[("asks", ASKS)]);
    let mut child = home.start(&["run", "asks"]);
    home.until("it waits", || home.rows().first().is_some_and(|row| row["state"] == "waiting"));
    kill(child.id(), rustix::process::Signal::KILL);
    child.wait().unwrap();
    well(&home.run(&["answer", "last", "a", "stop"]));
    home.until("it has ended", || home.rows().first().is_some_and(|row| row["state"] == "ended"));
    assert_eq!((state(&home, "asks").as_str(), home.lines("deleted")), ("cancelled", 0));
}

/// Who watches the caller hears what the called one asks.
#[test]
fn a_question_of_a_called_run_is_told_where_the_caller_is_watched() {
    let home = Home::new(&[("outer", "steps: [ { id: c, runbook: asks } ]\n"), ("asks", ASKS)]);
    let mut child = home.start(&["run", "outer"]);
    let mut heard = std::io::BufReader::new(child.stderr.take().unwrap());
    let (mut asks, mut way) = (String::new(), String::new());
    heard.read_line(&mut asks).unwrap();
    heard.read_line(&mut way).unwrap();
    assert!(asks.contains("asks: Really delete?"), "{asks}");
    let run = way.split_whitespace().nth(2).unwrap();
    assert_eq!(way.trim(), format!("stepladder answer {run} a go|stop"));
    well(&home.run(&["answer", run, "a", "go"]));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(home.lines("deleted"), 1);
}

/// The child that failed, and the step in it, are named wherever the caller is looked at.
#[test]
fn a_called_run_that_failed_is_named() {
    let home = Home::new(&[
        ("outer", "steps: [ { id: c, runbook: inner } ]\n"),
        ("inner", "steps: [ { id: deep, shell: 'echo no luck >&2; exit 4' } ]\n"),
    ]);
    let out = home.run(&["run", "outer"]);
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
    let inner = home.rows().iter().find(|row| row["runbook"] == "inner").unwrap()["run"].as_str().unwrap().to_owned();
    let short = &inner[20..];
    for said in [said(&out), said(&home.run(&["show", "last"]))] {
        assert!(said.contains(&format!("c was run {short} of inner")), "{said}");
        assert!(said.contains(&format!("stepladder logs {short} deep")), "{said}");
    }
    let logs = said(&home.run(&["logs", "last", "c"]));
    assert!(logs.contains(&format!("`c` was run {short}: `stepladder logs {short}`")), "{logs}");
}

/// What can't go well is told before anything has been done.
#[test]
fn a_missing_secret_is_told_before_the_first_step() {
    let home = Home::new(&[
        (
            "own",
            "secrets: [NOWHERE, TOKEN]\nsteps:\n  - { id: a, shell: 'echo >> did' }\n  - { id: b, env: { T: '{{ secrets.NOWHERE }}' }, shell: 'true' }\n",
        ),
        ("calls", "steps:\n  - { id: a, shell: 'echo >> did' }\n  - { id: b, runbook: own }\n"),
    ]);
    for runbook in ["own", "calls"] {
        let out = home.command(&["run", runbook]).env("TOKEN", "hunter2-hunter2").output().unwrap();
        assert_eq!(out.status.code(), Some(3), "{}", said(&out));
        let said = said(&out);
        assert!(said.contains("secret `NOWHERE` was not found") && !said.contains("TOKEN"), "{said}");
    }
    assert_eq!(home.lines("did"), 0);
}

#[test]
fn what_a_step_took_is_known_though_its_owner_died() {
    let busy = "steps: [ { id: a, shell: 'echo >> began; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; \
                x=$(head -c 100000000 /dev/zero | tr \"\\0\" x); while [ ! -e go ]; do sleep 0.05; done' } ]\n";
    let home = Home::new(&[("busy", busy)]);
    let mut child = home.start(&["run", "busy"]);
    home.until("the step has begun", || home.lines("began") == 1);
    kill(child.id(), rustix::process::Signal::KILL);
    child.wait().unwrap();
    fs::write(home.path("go"), "").unwrap();
    well(&home.run(&["drive"]));
    let detail: serde_json::Value = serde_json::from_slice(&home.run(&["show", "last", "--json"]).stdout).unwrap();
    let ended = detail["events"].as_array().unwrap().iter().find(|event| event["event"] == "attempt_ended").unwrap();
    assert!(ended["cpu_ms"].as_u64().unwrap() >= 10, "{ended}");
    assert!(ended["peak_kib"].as_u64().unwrap() >= 90_000, "{ended}");
}
