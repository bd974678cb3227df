//! `stepladder backfill` as a process: with a daemon and without, once, and across kill -9.

use crate::owner::{Home, text};
use crate::serve::Daemon;
use rustix::process::Signal;
use std::fs;
use std::process::Output;

const WORK: &str = "triggers: [ { id: hourly, cron: '0 * * * *' } ]\n\
    steps: [ { id: a, shell: 'echo {{ default trigger.nominal \"by hand\" }} {{ trigger.kind }} >> ran' } ]\n";

const SPAN: [&str; 4] = ["--from", "2026-03-05 01:00", "--to", "2026-03-05 03:00"];

fn backfill(home: &Home, more: &[&str]) -> Output {
    home.run(&[&["backfill", "work"], &SPAN[..], more].concat())
}

fn said(out: &Output) -> String {
    format!("{}{}", text(&out.stdout), text(&out.stderr))
}

fn ran(home: &Home) -> String {
    fs::read_to_string(home.path("ran")).unwrap_or_default()
}

const ALL: &str = "2026-03-05T01:00:00 cron\n2026-03-05T02:00:00 cron\n2026-03-05T03:00:00 cron\n";

#[test]
fn what_was_before_the_runbook_is_run_once_and_oldest_first() {
    let home = Home::new(&[("work", WORK), ("idle", "steps: [ { id: a, shell: 'true' } ]\n")]);
    let out = backfill(&home, &["--dry-run"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert!(said(&out).contains("2026-03-05 02:00") && said(&out).contains("3 to run"), "{}", said(&out));
    assert_eq!(ran(&home), "", "a dry run starts nothing");
    let out = backfill(&home, &["--yes"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert_eq!(ran(&home), ALL);
    let lines = text(&out.stdout);
    assert!(lines.lines().count() == 3 && lines.starts_with("2026-03-05 01:00  hourly: run "), "{lines}");
    let out = backfill(&home, &["--yes"]);
    assert_eq!((out.status.code(), said(&out).as_str()), (Some(0), "nothing to run; 3 ran\n"));
    assert_eq!(ran(&home), ALL, "a second call starts nothing");
    let why = said(&home.run(&["why", "work", "2026-03-05 02:00"]));
    assert!(why.contains("hourly  2026-03-05 02:00: ran, as run ") && why.contains("(backfill by tester, "), "{why}");
    for (args, says) in [
        (
            &["work", "--from", "2026-03-01", "--to", "2026-03-06"][..],
            "more than the 100 that are started without --yes",
        ),
        (&["work", "--from", "03:00", "--to", "2026-03-06"], "is after --to"),
        (&["work", "--from", "2026-03-01", "--to", "now", "--trigger", "daily"], "it has hourly"),
        (&["wrok", "--from", "2026-03-01", "--to", "now"], "did you mean `work`?"),
        (&["idle", "--from", "2026-03-01", "--to", "now"], "no clock starts `idle`"),
    ] {
        let out = home.run(&[&["backfill"], args].concat());
        assert_eq!(out.status.code(), Some(3), "{args:?}: {}", said(&out));
        assert!(said(&out).contains(says), "{args:?}: {}", said(&out));
    }
    assert_eq!(ran(&home), ALL);
}

#[test]
fn with_a_daemon_it_goes_through_the_daemon() {
    let home = Home::new(&[("work", WORK)]);
    let daemon = Daemon::start(&home);
    let out = backfill(&home, &["--json", "--at-once", "2"]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let rows: Vec<serde_json::Value> =
        text(&out.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 3, "{}", said(&out));
    for row in &rows {
        assert!(row["started"] == true && row["outcome"] == "succeeded" && row["trigger"] == "hourly", "{row}");
    }
    assert_eq!(home.owner(), Some(daemon.id()), "it is the owner all the time");
    let out = backfill(&home, &[]);
    assert_eq!(said(&out), "nothing to run; 3 ran\n");
    // The daemon itself starts none of them again, and reads them back when it is started anew.
    daemon.end(Signal::KILL);
    let _next = Daemon::start(&home);
    assert_eq!(said(&backfill(&home, &[])), "nothing to run; 3 ran\n");
    assert_eq!(home.lines("ran"), 3);
}

/// The row and the run are durable, and its first step waits for a mutex: nothing of it has begun when everybody is killed.
#[test]
fn killed_between_the_row_and_the_first_step_it_runs_once() {
    let held = |step: &str| format!("steps: [ {{ id: a, mutex: app, shell: '{step}' }} ]\n");
    let work = "echo {{ default trigger.nominal \"by hand\" }} {{ trigger.kind }} >> ran";
    let home = Home::new(&[
        ("hold", &held("echo >> held; while [ ! -e go ]; do sleep 0.02; done")),
        ("work", &format!("triggers: [ {{ id: hourly, cron: '0 * * * *' }} ]\n{}", held(work))),
    ]);
    let daemon = Daemon::start(&home);
    home.run(&["run", "hold", "--detach"]);
    home.until("the mutex is held", || home.lines("held") == 1);
    let mut asks = home.start(&[&["backfill", "work"], &SPAN[..]].concat());
    home.until("the first row says that it ran", || {
        said(&home.run(&["why", "work", "2026-03-05 01:00"])).contains("(backfill by ")
    });
    asks.kill().unwrap();
    asks.wait().unwrap();
    daemon.end(Signal::KILL);
    assert_eq!(ran(&home), "", "nothing has begun");
    let _next = Daemon::start(&home);
    fs::write(home.path("go"), "").unwrap();
    home.until("the run of the first has ended", || ran(&home) == ALL[..ALL.len() / 3]);
    let out = backfill(&home, &[]);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert!(said(&out).contains("2 to run; 1 ran"), "{}", said(&out));
    assert_eq!(ran(&home), ALL);
    assert_eq!(said(&backfill(&home, &[])), "nothing to run; 3 ran\n");
}
