//! What takes or waits too long opens an incident by itself: the real daemon, with a clock that is two hours on.

use crate::incident::{LADDER, SETTINGS};
use crate::owner::{Home, text};
use crate::serve::Daemon;
use crate::tools::there;
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// What moves a clock. The program `faketime` stays in front of what it starts; its library does not.
pub(crate) fn library() -> PathBuf {
    let all = fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path().join("faketime/libfaketime.so.1"));
    all.into_iter().find(|path| path.exists()).expect("the library of faketime")
}

/// A daemon whose clock is so far on.
fn later(home: &Home, offset: &str) -> Daemon {
    let log = fs::File::create(home.path("log")).unwrap();
    let library = library();
    let mut command = home.command(&["serve"]);
    command.env("LD_PRELOAD", library).env("FAKETIME", offset).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let child = command.stderr(log).spawn().unwrap();
    Daemon::started(home, child)
}

/// Titles and states of incidents.
fn incidents(home: &Home) -> Vec<(String, String)> {
    let out = home.run(&["incidents", "--all", "--json"]);
    let rows = text(&out.stdout);
    let rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let word = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let mut all: Vec<_> = rows.map(|row| (word(&row, "key"), word(&row, "status"))).collect();
    all.sort();
    all
}

#[test]
fn what_takes_or_waits_too_long_is_told_and_over_when_it_has_ended() {
    if !there("faketime") {
        return;
    }
    let work = "steps: [ { id: a, shell: 'while [ -e wait ]; do sleep 0.05; done' } ]\n";
    let alone = format!("concurrency: {{ group: one }}\n{work}");
    let home = Home::new(&[
        ("work", work),
        ("first", &alone),
        ("second", &alone),
        ("mend", "steps: [ { id: a, shell: 'true' } ]\n"),
    ]);
    fs::write(home.path("stepladder.yaml"), SETTINGS).unwrap();
    fs::write(home.path("escalation.yaml"), LADDER).unwrap();
    let daemon = Daemon::start(&home);
    for _ in 0..12 {
        assert_eq!(home.run(&["run", "work"]).status.code(), Some(0));
    }
    fs::write(home.path("wait"), "").unwrap();
    for runbook in ["work", "first", "second"] {
        assert_eq!(home.run(&["run", runbook, "--detach"]).status.code(), Some(0));
    }
    home.until("they are under way", || home.rows().iter().filter(|row| row["state"] != "ended").count() == 3);
    assert_eq!(incidents(&home), [], "nothing takes long yet");
    daemon.end(Signal::KILL);

    let daemon = later(&home, "+2h");
    let told = || incidents(&home).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    home.until("both are told of", || told() == ["queued/second", "slow/work"]);
    let shown = text(&home.run(&["incident", "show", "slow/work"]).stdout);
    assert!(shown.contains("`work` takes much longer than usual") && shown.contains("stepladder logs -f"), "{shown}");
    let shown = text(&home.run(&["incident", "show", "queued/second"]).stdout);
    assert!(shown.contains("`second` has waited for more than an hour to begin"), "{shown}");

    fs::remove_file(home.path("wait")).unwrap();
    home.until("all of them have ended", || home.rows().iter().all(|row| row["state"] == "ended"));
    daemon.end(Signal::KILL);
    let _daemon = later(&home, "+2h");
    home.until("it is over", || incidents(&home).iter().all(|(_, status)| status == "resolved"));
    assert_eq!(told(), ["queued/second", "slow/work"], "and nothing else was told of");
}
