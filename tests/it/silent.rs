//! Keepers that are stopped, killed with many children, or of another release, under the real binary: what has begun ends
//! truthfully and once, and everything else goes on.

use crate::owner::{Home, keeper_pid, kill, text};
use crate::serve::Daemon;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Output;
use stepladder::base::address::Place;
use stepladder::keeper;
use stepladder::runtime::spool;

fn said(out: &Output) -> String {
    format!("{}{}", text(&out.stdout), text(&out.stderr))
}

/// The keeper, stopped; it goes on however the test ends.
struct Stopped(u32);

impl Stopped {
    fn new(home: &Home) -> Self {
        let dirs: Vec<_> = fs::read_dir(home.path(".stepladder/keeper")).unwrap().flatten().collect();
        assert_eq!(dirs.len(), 1);
        let pid = keeper_pid(&dirs[0].path());
        kill(pid, Signal::STOP);
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        kill(self.0, Signal::CONT);
    }
}

/// Where the first attempt of a step of the only run is recorded.
fn stem(home: &Home, place: &str) -> PathBuf {
    let rows = home.rows();
    let run = rows[0]["run"].as_str().unwrap();
    spool::stem(&home.path(".stepladder"), run, &Place::parse(place).unwrap(), 1)
}

/// How many children are written down as started: what is not yet, nobody but their keeper knows of.
fn written_down(home: &Home) -> usize {
    let dirs = fs::read_dir(home.path(".stepladder/spool")).into_iter().flatten().flatten();
    let logs = dirs.filter_map(|dir| fs::read_to_string(dir.path().join("attempts")).ok());
    logs.map(|log| log.matches("\"child\":{\"child\":").count()).sum()
}

fn is_gone(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(')').next().unwrap().split_ascii_whitespace().next().is_none_or(|state| state == "Z")
}

fn events(home: &Home, which: &str) -> Vec<Value> {
    let shown: Value = serde_json::from_slice(&home.run(&["show", "last", "--json"]).stdout).unwrap();
    shown["events"].as_array().unwrap().iter().filter(|event| event["event"] == which).cloned().collect()
}

#[test]
fn a_timeout_is_kept_though_the_keeper_is_stopped() {
    let home = Home::new(&[(
        "slow",
        "steps: [ { id: a, timeout: 2s, shell: 'echo $$ >> began; echo up; exec sleep 600' } ]\n",
    )]);
    let run = home.start(&["run", "slow"]);
    home.until("the child runs", || home.lines("began") == 1 && written_down(&home) == 1);
    let stopped = Stopped::new(&home);
    let out = run.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
    assert!(said(&out).contains("was not done after 2s"), "{}", said(&out));
    assert!(is_gone(&fs::read_to_string(home.path("began")).unwrap()), "nothing of it is alive");
    assert_eq!(keeper::read_exit(&stem(&home, "a")), None, "its keeper knows nothing of it yet");
    drop(stopped);
    home.until("the keeper says so too", || keeper::read_exit(&stem(&home, "a")).is_some());
    let exit = keeper::read_exit(&stem(&home, "a")).unwrap();
    assert_eq!((exit.signal, exit.timed_out, exit.stopped), (Some(15), true, false));
    let doctor = home.run(&["doctor"]);
    assert_eq!(doctor.status.code(), Some(0), "{}", said(&doctor));
    assert_eq!((home.lines("began"), events(&home, "attempt_ended").len()), (1, 1));
}

#[test]
fn a_cancel_is_obeyed_though_the_keeper_is_stopped() {
    let home = Home::new(&[(
        "long",
        "steps: [ { id: a, shell: 'echo $$ >> began; exec sleep 600' } ]\nfinally: [ { id: z, shell: 'echo >> tidied' } ]\n",
    )]);
    let run = home.start(&["run", "long"]);
    home.until("the child runs", || home.lines("began") == 1 && written_down(&home) == 1);
    let stopped = Stopped::new(&home);
    kill(run.id(), Signal::INT);
    let out = run.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(130), "{}", said(&out));
    assert!(is_gone(&fs::read_to_string(home.path("began")).unwrap()), "nothing of it is alive");
    assert_eq!(home.lines("tidied"), 1, "another keeper has taken what came then");
    drop(stopped);
    home.until("the keeper says so too", || keeper::read_exit(&stem(&home, "a")).is_some_and(|exit| exit.stopped));
    assert_eq!((home.lines("began"), events(&home, "attempt_ended").len()), (1, 2));
}

/// What the OOM killer does: the children live on, and each is waited for until it is gone; then its step says what that means.
#[test]
fn fifty_children_of_a_killed_keeper_are_waited_for_and_none_runs_twice_at_once() {
    // Waits without writing, as nobody reads any more; of the first try alone.
    let work = "echo \"begin {{ item }} $ATTEMPT\" >> log; if [ $ATTEMPT = 1 ]; then while [ ! -e go ]; do sleep 0.2; done; fi; \
                echo \"end {{ item }} $ATTEMPT\" >> log";
    let many = |id: &str, count: u32, on: &str| {
        let items: Vec<String> = (0..count).map(|n| format!("{id}-{n}")).collect();
        format!(
            "  - {{ id: {id}, needs: [], foreach: [{}], max_parallel: 50, max_failures: none, allow_failure: true, {on}shell: '{work}' }}\n",
            items.join(", ")
        )
    };
    let steps = [many("again", 25, "on_interrupt: retry, "), many("once", 25, "")].concat();
    let home = Home::new(&[("many", &format!("steps:\n{steps}")), ("other", "steps: [ { id: a, shell: 'true' } ]\n")]);
    let log = || fs::read_to_string(home.path("log")).unwrap_or_default();
    let daemon = Daemon::start(&home);
    let run = home.start(&["run", "many"]);
    home.until("all fifty have begun", || log().lines().count() == 50 && written_down(&home) == 50);
    let dir = fs::read_dir(home.path(".stepladder/keeper")).unwrap().flatten().next().unwrap().path();
    kill(keeper_pid(&dir), Signal::KILL);
    // Everything else goes on meanwhile, and nothing of these is begun again.
    assert_eq!(home.run(&["run", "other"]).status.code(), Some(0));
    assert_eq!((log().lines().count(), events_of(&home, "many", "attempt_ended")), (50, 0));
    fs::write(home.path("go"), "").unwrap();
    let out = run.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    let mut open: BTreeMap<String, String> = BTreeMap::new();
    let (mut begun, mut ended) = (BTreeMap::new(), 0);
    for line in log().lines() {
        let [what, item, attempt] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (step, who) = (item.split('-').next().unwrap(), item.to_owned());
        if what == "begin" {
            assert_eq!(open.insert(who, attempt.to_owned()), None, "{line}: the earlier one is still at work");
            *begun.entry((step.to_owned(), attempt.to_owned())).or_insert(0) += 1;
        } else {
            assert_eq!(open.remove(&who).as_deref(), Some(attempt), "{line}");
            ended += 1;
        }
    }
    let count = |step: &str, attempt: &str, count| ((step.to_owned(), attempt.to_owned()), count);
    assert_eq!(begun, [count("again", "1", 25), count("again", "2", 25), count("once", "1", 25)].into());
    assert_eq!(ended, 75);
    // Those that may be tried again are good, and the others are no success.
    assert!(said(&out).contains("interrupted"), "{}", said(&out));
    drop(daemon.end(Signal::TERM));
}

/// How many events of that kind the newest run of a runbook has.
fn events_of(home: &Home, runbook: &str, which: &str) -> usize {
    let rows = home.rows();
    let run = rows.iter().find(|row| row["runbook"] == runbook).unwrap()["run"].as_str().unwrap().to_owned();
    let shown: Value = serde_json::from_slice(&home.run(&["show", &run, "--json"]).stdout).unwrap();
    shown["events"].as_array().unwrap().iter().filter(|event| event["event"] == which).count()
}

/// The owner is stopped while its children print more than its socket holds: they are drained to their ends, and it gets all of it.
#[test]
fn a_stopped_owner_holds_up_no_child() {
    let items: Vec<String> = (0..100).map(|n| format!("n{n}")).collect();
    let home = Home::new(&[(
        "loud",
        &format!(
            "steps: [ {{ id: a, foreach: [{}], max_parallel: 100, shell: 'echo >> began; while [ ! -e go ]; do sleep 0.2; done; \
             head -c 4000 /dev/zero | tr \"\\0\" x; (head -c 4000 /dev/zero | tr \"\\0\" y) >&2; echo >> done' }} ]\n",
            items.join(", ")
        ),
    )]);
    let run = home.start(&["run", "loud"]);
    home.until("all have begun", || home.lines("began") == 100);
    kill(run.id(), Signal::STOP);
    fs::write(home.path("go"), "").unwrap();
    home.until("all are done", || home.lines("done") == 100);
    let id = fs::read_dir(home.path(".stepladder/spool")).unwrap().flatten().next().unwrap().file_name();
    let id = id.to_str().unwrap();
    let ended = |n: usize| {
        let place = Place::parse(&format!("a[{n}]")).unwrap();
        keeper::read_exit(&spool::stem(&home.path(".stepladder"), id, &place, 1))
    };
    home.until("all are recorded", || (0..100).all(|n| ended(n).is_some()));
    assert!((0..100).all(|n| ended(n).is_some_and(|exit| exit.stdout.bytes_kept == 4000)));
    kill(run.id(), Signal::CONT);
    let out = run.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert_eq!(home.lines("began"), 100);
}

/// A release that went back: the keeper of the newer one is not spoken to, and somebody is told.
#[test]
fn a_keeper_that_speaks_a_newer_protocol_is_met_with_a_sentence() {
    let home = Home::new(&[("good", "steps: [ { id: a, shell: 'true' } ]\n")]);
    assert_eq!(home.run(&["run", "good"]).status.code(), Some(0));
    let dir = home.path(".stepladder/keeper/newer");
    fs::create_dir_all(&dir).unwrap();
    let _listens = std::os::unix::net::UnixListener::bind(dir.join("socket")).unwrap();
    fs::write(dir.join("keeper.json"), crate::older_keeper::identity(2, "9.0.0+newer")).unwrap();
    let daemon = Daemon::start(&home);
    let good = home.run(&["run", "good"]);
    assert_eq!(good.status.code(), Some(0), "{}", said(&good));
    let out = daemon.end(Signal::TERM);
    assert!(
        said(&out)
            .contains("a keeper of a newer release (9.0.0+newer) speaks protocol 2, and this release only up to 1"),
        "{}",
        said(&out)
    );
}
