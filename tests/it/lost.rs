//! A device that has lost or bent something: what it was about is named and set aside, everything else goes on, and
//! what a person has looked at goes on too. Last of all: a device that refuses to write.

use crate::owner::{Home, text};
use crate::serve::Daemon;
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const TICK: &str = "concurrency: { group: app, full: queue }\ntriggers: [ { id: hourly, every: 1h } ]\n\
                    steps: [ { id: a, shell: 'echo a' }, { id: b, shell: 'echo b' } ]\n";
const OTHER: &str = "triggers: [ { id: yearly, cron: '0 0 1 1 *' } ]\nsteps: [ { id: a, shell: 'true' } ]\n";
/// Holds its group until it is let go.
const HOLDS: &str =
    "concurrency: { group: app, full: queue }\nsteps: [ { id: a, shell: 'while [ ! -e go ]; do sleep 0.05; done' } ]\n";

fn said(out: &Output) -> String {
    format!("{}{}", text(&out.stdout), text(&out.stderr))
}

fn home() -> Home {
    let home = Home::new(&[("tick", TICK), ("other", OTHER), ("holds", HOLDS)]);
    fs::write(home.path("stepladder.yaml"), "timezone: UTC\nkeep: { min_free: 1MiB }\n").unwrap();
    home
}

fn well(home: &Home, args: &[&str]) -> String {
    let out = home.run(args);
    assert_eq!(out.status.code(), Some(0), "{args:?}: {}", said(&out));
    text(&out.stdout)
}

fn segment(home: &Home) -> PathBuf {
    home.path(".stepladder/journal/00000000000000000001.seg")
}

/// A bit of the payload that has that text is another one now.
fn bend(home: &Home, key: &str) {
    let mut bytes = fs::read(segment(home)).unwrap();
    let at = bytes.windows(key.len()).position(|window| window == key.as_bytes()).expect(key);
    bytes[at + 1] ^= 1;
    fs::write(segment(home), bytes).unwrap();
}

fn served(home: &Home, acts: impl FnOnce()) {
    let daemon = Daemon::start(home);
    acts();
    let out = daemon.end(Signal::TERM);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
}

#[test]
fn a_page_that_is_lost_ends_nothing_for_good() {
    let home = home();
    served(&home, || {
        well(&home, &["token", "create", "door", "--role", "viewer"]);
        (0..10).for_each(|_| drop(well(&home, &["run", "tick"])));
    });
    let mut bytes = fs::read(segment(&home)).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let page = used / 2 / 4096 * 4096;
    bytes[page..page + 4096].fill(0);
    fs::write(segment(&home), bytes).unwrap();

    let sick = home.run(&["doctor"]);
    assert!(sick.status.code() == Some(2) && said(&sick).contains("of the journal are lost"), "{}", said(&sick));
    // The book that was taken last can't be read: a daemon goes by the files, and says so.
    let daemon = Daemon::start(&home);
    let listed = home.run(&["schedule", "list"]);
    assert!(listed.status.code() == Some(0) && said(&listed).contains("yearly"), "{}", said(&listed));
    let out = daemon.end(Signal::TERM);
    assert!(said(&out).contains("they count as they are now"), "{}", said(&out));

    let mended = home.run(&["doctor", "--repair"]);
    assert_eq!(mended.status.code(), Some(2), "{}", said(&mended));
    assert!(said(&mended).contains("it goes on as it stands"), "{}", said(&mended));
    let after = home.run(&["doctor"]);
    // A run of which a part is gone stays set aside; nothing else is wrong that nobody knows of.
    let text = said(&after);
    let worse: Vec<&str> = text.lines().filter(|line| line.starts_with("damage: ")).collect();
    assert!(worse.iter().all(|line| line.contains("`run/") || line.contains("`incident/")), "{text}");
    assert!(said(&after).contains("a person has taken note of it"), "{}", said(&after));
    well(&home, &["run", "tick"]);
    served(&home, || {
        let listed = well(&home, &["schedule", "list"]);
        assert!(!listed.contains("set aside"), "{listed}");
        well(&home, &["run", "tick"]);
    });
    assert!(home.rows().len() >= 8, "what was before is known again: {}", home.rows().len());
}

#[test]
fn a_group_that_cannot_be_read_begins_anew_with_those_who_hold_it() {
    let home = home();
    well(&home, &["run", "tick"]);
    let child = home.start(&["run", "holds"]);
    home.until("it holds its group", || home.rows().iter().any(|row| row["state"] == "running"));
    let owner = home.owner().unwrap();
    crate::owner::kill(owner, Signal::KILL);
    drop(child.wait_with_output());
    // Of the first who was let in, long over.
    bend(&home, "\"granted\"");

    let sick = said(&home.run(&["doctor"]));
    assert!(sick.contains("stream `group/app` is quarantined"), "{sick}");
    let mended = said(&home.run(&["doctor", "--repair"]));
    assert!(mended.contains("it begins anew, held by "), "{mended}");
    let next = home.start(&["run", "tick"]);
    home.until("the next one waits for who holds it", || home.rows().iter().any(|row| row["state"] == "queued"));
    fs::write(home.path("go"), "").unwrap();
    let out = next.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
}

#[test]
fn a_schedule_that_cannot_be_read_is_set_aside_alone_and_begins_anew() {
    let home = home();
    served(&home, || {
        home.until("it has begun", || well(&home, &["schedule", "list"]).contains("hourly"));
        well(&home, &["schedule", "pause", "other"]);
        well(&home, &["schedule", "pause", "tick"]);
    });
    // What was said of the one that is paused last.
    let bytes = fs::read(segment(&home)).unwrap();
    let key = b"\"paused\"";
    let last = bytes.windows(key.len()).rposition(|window| window == key).expect("a pause");
    let mut bytes = bytes;
    bytes[last + 1] ^= 1;
    fs::write(segment(&home), bytes).unwrap();
    served(&home, || {
        let listed = well(&home, &["schedule", "list"]);
        let lines: Vec<&str> = listed.lines().collect();
        assert_eq!(lines.iter().filter(|line| line.contains("set aside")).count(), 1, "{listed}");
        assert!(lines.iter().any(|line| line.contains("other") && line.contains("paused by")), "{listed}");
        let status = said(&home.run(&["status"]));
        assert!(status.contains("set aside"), "{status}");
    });
    let mended = said(&home.run(&["doctor", "--repair"]));
    assert!(mended.contains("it begins anew with the next daemon"), "{mended}");
    served(&home, || {
        let listed = well(&home, &["schedule", "list"]);
        assert!(!listed.contains("set aside"), "{listed}");
    });
}

#[test]
fn what_stood_behind_the_end_is_kept_for_a_person_and_so_is_what_belongs_to_it() {
    let home = home();
    well(&home, &["run", "tick"]);
    let mut bytes = fs::read(segment(&home)).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let end = (used + 1).next_multiple_of(8);
    bytes[end + 8..end + 40].fill(b'x');
    fs::write(segment(&home), bytes).unwrap();
    let unknown = home.path(".stepladder/spool/01m8qjcx9pvvaf2ajq90zfthv4");
    fs::create_dir_all(&unknown).unwrap();
    fs::write(unknown.join("attempts"), "").unwrap();

    well(&home, &["run", "tick"]);
    let kept: Vec<_> = fs::read_dir(home.path(".stepladder/salvage")).unwrap().flatten().collect();
    assert_eq!(kept.len(), 1);
    assert!(fs::read(kept[0].path()).unwrap().ends_with(b"xxxx"), "as it stood there");
    assert!(unknown.exists(), "it may belong to what was cut off");
    let told = home.run(&["doctor"]);
    assert_eq!(told.status.code(), Some(1), "{}", said(&told));
    assert!(said(&told).contains("was cut off; it is in"), "{}", said(&told));
    fs::remove_file(kept[0].path()).unwrap();
    well(&home, &["run", "tick"]);
    home.until("what belongs to nothing is gone", || {
        !unknown.exists() || home.run(&["run", "tick"]).status.code() != Some(0)
    });
    assert_eq!(home.run(&["doctor"]).status.code(), Some(0));
}

/// Whether a process may be told that its device refuses, and by what.
fn strace() -> bool {
    if !crate::tools::there("strace") {
        return false;
    }
    let tried = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    let works = tried.is_ok_and(|status| status.success());
    if !works {
        crate::tools::not_permitted("a device that refuses to write is played by strace, which may not trace here");
    }
    works
}

#[test]
fn a_device_that_refuses_ends_the_daemon_with_a_last_word_and_no_false_one() {
    if !strace() {
        return;
    }
    let home = home();
    fs::write(
        home.path("stepladder.yaml"),
        "timezone: UTC\nkeep: { min_free: 1MiB }\ndead_man: { url: \"http://127.0.0.1:9/\", every: 1h }\n\
         channels: { log: { exec: { command: [sh, -c, 'printf \"%s\\n\" \"$(cat)\" >> pages'] } } }\n",
    )
    .unwrap();
    fs::write(
        home.path("escalation.yaml"),
        "severities: { P1: { title: Critical, respond_within: 1h, climb: { 1: 0s }, reach: { at_once: [log] } } }\n\
         levels: { 1: { name: Boss, page: [boss] } }\ncontacts: { boss: { name: Boss, addresses: { log: boss } } }\n\
         routes: [ { match: {}, severity: P1 } ]\ncatch_all: [boss]\n",
    )
    .unwrap();
    let daemon = home.start(&["serve"]);
    home.until("the daemon is the owner", || home.owner() == Some(daemon.id()));
    home.until("it answers", || home.run(&["status"]).status.code() == Some(0));
    let mut refuse = Command::new("strace");
    refuse.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=fsync,fdatasync",
        "-e",
        "inject=fsync,fdatasync:error=EIO",
    ]);
    let mut refuse = refuse.args(["-p", &daemon.id().to_string()]).stderr(Stdio::null()).spawn().unwrap();
    let traced = || {
        fs::read_to_string(format!("/proc/{}/status", daemon.id())).is_ok_and(|text| !text.contains("TracerPid:\t0"))
    };
    home.until("its device refuses", traced);
    let started = home.run(&["run", "tick"]);
    assert_eq!(started.status.code(), Some(3), "{}", said(&started));
    assert!(said(&started).contains("nobody can say whether"), "{}", said(&started));
    let out = daemon.wait_with_output().unwrap();
    drop((refuse.kill(), refuse.wait()));
    assert_ne!(out.status.code(), Some(0), "{}", said(&out));
    let page = fs::read_to_string(home.path("pages")).unwrap_or_default();
    let page: Value = serde_json::from_str(page.lines().next().unwrap_or_default()).unwrap_or_default();
    assert!(page.to_string().contains("its journal can't be written"), "{page}: {}", said(&out));
    // What nobody could say is found again.
    well(&home, &["drive"]);
    assert!(home.rows().iter().all(|row| row["outcome"] == "succeeded"), "{:?}", home.rows());
}
