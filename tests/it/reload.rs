//! The files of a book under a daemon: what changes counts, what is broken keeps its last good text, runs keep theirs.

use crate::owner::{Home, kill, text};
use crate::serve::Daemon;
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::process::Output;

fn said(out: &Output) -> String {
    format!("{}{}", text(&out.stdout), text(&out.stderr))
}

fn well(out: &Output) -> String {
    assert_eq!(out.status.code(), Some(0), "{}", said(out));
    said(out)
}

fn echo(word: &str) -> String {
    format!("steps: [ {{ id: a, shell: 'echo {word} >> said' }} ]\n")
}

fn write(home: &Home, name: &str, body: &str) {
    fs::write(home.path(&format!("runbooks/{name}.yaml")), format!("runbook: {name}\n{body}")).unwrap();
}

fn status(home: &Home) -> Value {
    serde_json::from_slice(&home.run(&["status", "--json"]).stdout).unwrap()
}

fn broken(home: &Home) -> Vec<String> {
    let files = status(home)["broken"].as_array().cloned().unwrap_or_default();
    files.iter().map(|file| format!("{} {}", file["file"].as_str().unwrap(), file["kept"])).collect()
}

/// Waits until the daemon has seen it by itself: nobody starts anything meanwhile.
fn same(home: &Home) {
    home.until("the daemon goes by the files", || home.run(&["diff"]).status.code() == Some(0));
}

#[test]
fn a_change_counts_without_a_word() {
    let home = Home::new(&[("say", &echo("one"))]);
    let daemon = Daemon::start(&home);
    well(&home.run(&["run", "say"]));
    // Nobody has to wait for the daemon's next look.
    write(&home, "say", &echo("two"));
    well(&home.run(&["run", "say"]));
    write(&home, "say", &echo("three"));
    write(&home, "other", &echo("four"));
    let differences = said(&home.run(&["diff"]));
    assert!(differences.contains("+++ files/runbooks/other.yaml") || differences.is_empty(), "{differences}");
    same(&home);
    well(&home.run(&["run", "other"]));
    fs::remove_file(home.path("runbooks/other.yaml")).unwrap();
    same(&home);
    assert_eq!(home.run(&["run", "other"]).status.code(), Some(3));
    assert_eq!(fs::read_to_string(home.path("said")).unwrap(), "one\ntwo\nfour\n");
    // As after `git pull`.
    for n in 0..40 {
        write(&home, &format!("many-{n}"), &echo("many"));
    }
    same(&home);
    assert_eq!(status(&home)["files"], 42);
    let log = well(&daemon.end(Signal::TERM));
    assert!(log.contains("the book has changed"), "{log}");
    assert!(well(&home.run(&["doctor"])).contains("all is well"));
}

#[test]
fn a_broken_file_keeps_its_last_good_text() {
    let home = Home::new(&[("say", &echo("good"))]);
    let mut daemon = Daemon::start(&home);
    let file = home.path("runbooks/say.yaml");
    fs::write(&file, "runbook: say\nsteps: [ { id: a, shel: 'echo bad >> said' } ]\n").unwrap();
    fs::write(home.path("runbooks/new.yaml"), "runbook: new\nsteps: 7\n").unwrap();
    let want = ["runbooks/new.yaml false", "runbooks/say.yaml true"];
    home.until("the daemon has seen it", || broken(&home) == want);
    let ran = home.run(&["run", "say"]);
    assert_eq!(ran.status.code(), Some(0), "{}", said(&ran));
    assert!(said(&ran).contains("the last good text of `say`") && said(&ran).contains("`shel`"), "{}", said(&ran));
    let refused = home.run(&["run", "new"]);
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    // It is so after a restart, however the daemon ended, and with more that has gone wrong meanwhile.
    for signal in [Signal::TERM, Signal::KILL] {
        drop(daemon.end(signal));
        daemon = Daemon::start(&home);
        assert_eq!(broken(&home), want);
        assert_eq!(home.run(&["run", "say"]).status.code(), Some(0));
    }
    let page = home.run(&["status"]);
    assert_eq!(page.status.code(), Some(1));
    let page = said(&page);
    assert!(page.contains("serves since") && page.contains("runbooks/say.yaml:2:"), "{page}");
    assert!(page.contains("its last good text counts") && page.contains("it does not count"), "{page}");
    // Mended, and taken at once where somebody says so.
    fs::write(&file, format!("runbook: say\n{}", echo("mended"))).unwrap();
    fs::remove_file(home.path("runbooks/new.yaml")).unwrap();
    kill(daemon.id(), Signal::HUP);
    home.until("it is well", || broken(&home).is_empty());
    well(&home.run(&["run", "say"]));
    assert_eq!(fs::read_to_string(home.path("said")).unwrap(), "good\ngood\ngood\nmended\n");
    let log = said(&daemon.end(Signal::TERM));
    assert!(log.contains("does not pass its checks: its last good text counts"), "{log}");
}

#[test]
fn settings_and_shared_files_are_no_exception() {
    let home = Home::new(&[(
        "measured",
        "steps: [ { id: a, shell: 'echo 5', output: number, measure: { lag: { value: output.value, unit: ms } } } ]\n",
    )]);
    fs::write(home.path("thresholds.yaml"), "lag: { unit: ms }\n").unwrap();
    let daemon = Daemon::start(&home);
    well(&home.run(&["run", "measured"]));
    // Right in itself, and wrong for what worked.
    fs::write(home.path("thresholds.yaml"), "other: { unit: ms }\n").unwrap();
    let reloaded = home.run(&["reload"]);
    assert_eq!(reloaded.status.code(), Some(1));
    assert!(said(&reloaded).contains("thresholds.yaml: with this text other files do not pass"), "{}", said(&reloaded));
    fs::write(home.path("thresholds.yaml"), "lag: { unit: ms }\nother: { unit: ms }\n").unwrap();
    assert!(well(&home.run(&["reload"])).contains("taken: thresholds.yaml"));
    // Without settings that read there is no telling where the data is, but the daemon knows.
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    fs::write(home.path("stepladder.yaml"), format!("{settings}keep_it: [\n")).unwrap();
    home.until("the daemon has seen it", || broken(&home) == ["stepladder.yaml true"]);
    drop(daemon.end(Signal::KILL));
    let daemon = Daemon::start(&home);
    assert_eq!(broken(&home), ["stepladder.yaml true"]);
    fs::write(home.path("stepladder.yaml"), format!("{settings}output_limit: 1MiB\n")).unwrap();
    home.until("it is taken", || status(&home)["restart"] == true);
    drop(daemon.end(Signal::TERM));
    let _daemon = Daemon::start(&home);
    assert_eq!(status(&home)["restart"], false);
}

#[test]
fn a_live_run_keeps_its_text_and_what_is_gone_is_told() {
    let home = Home::new(&[(
        "slow",
        "steps:\n  - { id: a, shell: 'echo >> began; while [ ! -e go ]; do sleep 0.02; done' }\n  - { id: b, shell: 'echo old >> said' }\n",
    )]);
    let daemon = Daemon::start(&home);
    well(&home.run(&["run", "slow", "--detach"]));
    home.until("the step has begun", || home.lines("began") == 1);
    fs::remove_file(home.path("runbooks/slow.yaml")).unwrap();
    home.until("it is told", || status(&home)["orphans"]["slow"] == 1);
    let page = said(&home.run(&["status"]));
    assert!(page.contains("runbook `slow` is gone; 1 of its runs go on with the text they have"), "{page}");
    drop(daemon.end(Signal::KILL));
    let _daemon = Daemon::start(&home);
    fs::write(home.path("go"), "").unwrap();
    home.until("the run has ended", || home.rows().iter().all(|row| row["outcome"] == "succeeded"));
    assert_eq!((fs::read_to_string(home.path("said")).unwrap().as_str(), home.lines("began")), ("old\n", 1));
    assert!(status(&home)["orphans"].is_null());
}

#[test]
fn without_a_daemon_there_is_nothing_to_read_again() {
    let home = Home::new(&[("say", &echo("one"))]);
    for args in [&["reload"][..], &["diff"]] {
        let out = home.run(args);
        assert_eq!(out.status.code(), Some(3), "{}", said(&out));
        assert!(said(&out).contains("no daemon serves this book"), "{}", said(&out));
    }
    assert!(well(&home.run(&["status"])).contains("nobody drives the runs: `stepladder serve` does"));
}

/// What a run waits for, and who holds it.
#[test]
fn status_says_what_is_waited_for() {
    let group = "concurrency: { group: one, limit: 1, full: queue }\n";
    let slow =
        format!("{group}steps: [ {{ id: a, shell: 'echo >> began; while [ ! -e go ]; do sleep 0.02; done' }} ]\n");
    let asks = "steps: [ { id: a, confirm: 'Really?', shell: 'true' } ]\n";
    let home = Home::new(&[("slow", &slow), ("asks", asks)]);
    let _daemon = Daemon::start(&home);
    let holder = text(&home.run(&["run", "slow", "--detach"]).stdout);
    home.until("the step has begun", || home.lines("began") == 1);
    well(&home.run(&["run", "slow", "--detach"]));
    well(&home.run(&["run", "asks", "--detach"]));
    home.until("both wait", || {
        let page = said(&home.run(&["status"]));
        page.contains(&format!("group `one`, held by {}", holder.trim()))
            && page.contains("`a` asks: Really?")
            && page.contains("runs: 1 running, 1 waiting, 1 queued")
    });
    fs::write(home.path("go"), "").unwrap();
    home.until("the runs have ended", || status(&home)["runs"].as_array().unwrap().len() == 1);
}

#[test]
fn a_calendar_counts_when_its_file_changes() {
    let day = |day: &str| {
        format!(
            "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:a\nDTSTART;VALUE=DATE:{day}\nEND:VEVENT\nEND:VCALENDAR\n"
        )
    };
    let steps = "triggers: [ { id: noon, cron: '0 12 * * *', except: [days] } ]\nsteps: [ { id: a, shell: 'true' } ]\n";
    let home = Home::new(&[("daily", steps)]);
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    fs::write(home.path("stepladder.yaml"), format!("{settings}calendars: {{ days: {{ ics: days.ics }} }}\n")).unwrap();
    fs::write(home.path("days.ics"), day("20270101")).unwrap();
    let _daemon = Daemon::start(&home);
    same(&home);
    let since = status(&home)["book_since"].clone();
    fs::write(home.path("days.ics"), day("20270102")).unwrap();
    home.until("the daemon goes by the new calendar", || status(&home)["book_since"] != since);
    assert_eq!(home.run(&["diff"]).status.code(), Some(0));
}
