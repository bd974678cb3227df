//! Somebody sets the wall clock: the real daemon, under a clock that a file moves.

use crate::owner::{Home, text};
use crate::serve::Daemon;
use crate::tools::there;
use rustix::process::Signal;
use std::fs;

/// Sets the clock of the daemons of that home, as far from the machine's as it says.
fn set(home: &Home, offset: &str) {
    fs::write(home.path("clock.new"), offset).unwrap();
    fs::rename(home.path("clock.new"), home.path("clock")).unwrap();
}

fn daemon(home: &Home) -> Daemon {
    let log = fs::OpenOptions::new().create(true).append(true).open(home.path("log")).unwrap();
    let library = crate::overdue::library();
    let mut command = home.command(&["serve"]);
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", home.path("clock"));
    command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let child = command.stderr(log).spawn().unwrap();
    Daemon::started(home, child)
}

/// By how many milliseconds the run says that the clock was set.
fn sets(home: &Home) -> Vec<i64> {
    let shown = text(&home.run(&["show", "last", "--json"]).stdout);
    let said = shown.split("\"event\":\"run_clock_set\",\"by_ms\":").skip(1);
    said.map(|rest| rest[..rest.find('}').unwrap()].parse().unwrap()).collect()
}

/// Forward while it looks, forward while it is dead, back: a run whose parts have minutes takes seconds, and ends well.
#[test]
fn a_run_is_not_cut_off_because_somebody_set_the_clock() {
    if !there("faketime") {
        return;
    }
    let work = "timeout: 10m\nsteps:\n  - id: whole\n    timeout: 5m\n    steps:\n      \
                - { id: a, shell: 'touch begun; while [ ! -e go ]; do sleep 0.05; done' }\n      \
                - { id: pause, wait: { for: 1s } }\n";
    let home = Home::new(&[("work", work)]);
    set(&home, "+0");
    let first = daemon(&home);
    assert_eq!(home.run(&["run", "work", "--detach"]).status.code(), Some(0));
    home.until("it is at work", || home.path("begun").exists());
    let hours = |hours: i64, by: i64| by.abs_diff(hours * 3_600_000) < 2_000;
    set(&home, "+1h");
    home.until("the first setting is known", || sets(&home).len() == 1);
    first.end(Signal::KILL);
    set(&home, "+3h");
    let _second = daemon(&home);
    home.until("the second is known to the next owner", || sets(&home).len() == 2);
    set(&home, "-1h");
    home.until("the third is known", || sets(&home).len() == 3);
    fs::write(home.path("go"), "").unwrap();
    home.until("it has ended", || home.rows().iter().all(|row| row["state"] == "ended"));
    let rows = home.rows();
    assert_eq!(rows[0]["outcome"], "succeeded", "{}", text(&home.run(&["show", "last"]).stdout));
    let sets = sets(&home);
    assert!(hours(1, sets[0]) && hours(2, sets[1]) && hours(-4, sets[2]), "{sets:?}");
}
