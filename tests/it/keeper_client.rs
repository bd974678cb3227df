//! The owner's side of the keepers: every attempt's end is heard exactly once, whatever dies between.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use stepladder::keeper::printed;
use stepladder::keeper::protocol::Spawn;
use stepladder::runtime::keeper::{Adopted, End, KeeperClient, Report};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const PATIENCE: Duration = Duration::from_secs(30);

struct House(TempDir);

impl House {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn client(&self) -> (KeeperClient, UnboundedReceiver<Report>) {
        let (sender, reports) = unbounded_channel();
        let hears = Box::new(move |report| drop(sender.send(report)));
        let program = Path::new(env!("CARGO_BIN_EXE_stepladder"));
        (KeeperClient::connect_or_launch(program, self.0.path(), hears), reports)
    }

    fn spool(&self, attempt: &str) -> PathBuf {
        self.0.path().join("spool").join(attempt)
    }

    fn spawn(&self, attempt: &str, script: &str) -> Spawn {
        Spawn {
            attempt: attempt.into(),
            argv: vec!["sh".into(), "-c".into(), script.into()],
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            cwd: "/".into(),
            output_limit: 1 << 20,
            stem: self.spool(attempt).to_str().expect("UTF-8").into(),
            ..Spawn::default()
        }
    }

    fn keeper(&self) -> i32 {
        stepladder::keeper::keepers(self.0.path()).pop().expect("a keeper").1.keeper.pid
    }

    fn keepers(&self, name: &str) {
        for (_, identity) in stepladder::keeper::keepers(self.0.path()) {
            signal(name, identity.keeper.pid);
        }
    }

    /// The number of its child, and of its group.
    fn child(&self, attempt: &str) -> i32 {
        let log = std::fs::read_to_string(self.spool(attempt).with_file_name("attempts")).expect("there");
        let of = format!("{{\"of\":\"{attempt}\",\"child\":");
        let line = log.lines().find(|line| line.starts_with(&of)).expect("started");
        let line: serde_json::Value = serde_json::from_str(line).expect("whole");
        i32::try_from(line["child"]["child"]["pid"].as_i64().expect("a number")).expect("small")
    }

    /// Who is alive in its group.
    fn alive_in_group(&self, attempt: &str) -> Vec<i32> {
        let group = self.child(attempt).to_string();
        let entries = std::fs::read_dir("/proc").expect("there").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let is_in = |pid: &i32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
            fields.get(2) == Some(&group.as_str()) && fields[0] != "Z"
        };
        pids.filter(is_in).collect()
    }

    /// How it ended, once its keeper has said so.
    async fn recorded(&self, attempt: &str) -> stepladder::keeper::protocol::Exit {
        let recorded = async {
            loop {
                match stepladder::keeper::read_exit(&self.spool(attempt)) {
                    Some(exit) => return exit,
                    None => tokio::task::yield_now().await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, recorded).await.expect(attempt)
    }

    /// Waits until the child has said so.
    async fn said(&self, attempt: &str, text: &str) {
        let said = async {
            while printed(&self.spool(attempt), "stdout", 0, 4096).expect("readable").bytes != text.as_bytes() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, said).await.expect(text);
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for (_, identity) in stepladder::keeper::keepers(self.0.path()) {
            signal("TERM", identity.keeper.pid);
        }
    }
}

fn signal(name: &str, pid: i32) {
    let _ = Command::new("kill").args(["-s", name, "--", &pid.to_string()]).status();
}

async fn next(reports: &mut UnboundedReceiver<Report>) -> (String, End) {
    let report = tokio::time::timeout(PATIENCE, reports.recv()).await.expect("in time").expect("open");
    (report.attempt, report.end)
}

fn code(end: &End) -> Option<i32> {
    match end {
        End::Exit(exit) => exit.code,
        End::Lost { known } => panic!("lost: {known}"),
        End::Refused { why } | End::NoKeeper { why } => panic!("not taken: {why}"),
    }
}

#[tokio::test]
async fn children_are_asked_for_and_their_ends_heard() {
    let house = House::new();
    let (client, mut reports) = house.client();
    let spawn = Spawn { stdin: true, ..house.spawn("a", "cat; exit 3") };
    client.spawn(spawn.clone(), b"hello");
    let (attempt, end) = next(&mut reports).await;
    assert_eq!((attempt.as_str(), code(&end)), ("a", Some(3)));
    assert_eq!(printed(&house.spool("a"), "stdout", 1, 3).expect("readable").bytes, b"ell");
    client.spawn(spawn, b"");
    assert_eq!(code(&next(&mut reports).await.1), Some(3), "never started twice: the end it had is told");
    let nowhere = Spawn { stem: "/dev/null/a".into(), ..house.spawn("nowhere", "true") };
    client.spawn(nowhere, b"");
    let End::Exit(exit) = next(&mut reports).await.1 else { panic!("an end") };
    assert!(
        exit.start_error.as_ref().is_some_and(|why| why.contains("the record of `/dev/null/a`")) && !exit.retriable
    );
    let missing = Spawn { argv: vec!["no-such-command".into()], ..house.spawn("b", "") };
    client.spawn(missing, b"");
    assert_eq!(code(&next(&mut reports).await.1), Some(127));
    client.spawn(house.spawn("c", "echo up; sleep 600"), b"");
    house.said("c", "up\n").await;
    client.stop("c", Duration::from_secs(20));
    assert!(matches!(next(&mut reports).await.1, End::Exit(exit) if exit.stopped));
    assert!(reports.try_recv().is_err(), "each end once");
}

#[tokio::test]
async fn a_child_that_a_keeper_was_told_of_is_ordered_once_whatever_becomes_of_the_keeper() {
    let house = House::new();
    let (client, mut reports) = house.client();
    let counted = |attempt: &str| {
        let script = format!("echo x >> {}/count-{attempt}", house.0.path().display());
        house.spawn(attempt, &script)
    };
    let times = |attempt: &str| {
        let count = std::fs::read_to_string(house.0.path().join(format!("count-{attempt}"))).unwrap_or_default();
        count.lines().count()
    };
    assert!(client.prepare(counted("a"), b"").is_none(), "there is no keeper yet, and none is started for it");
    client.spawn(counted("first"), b"");
    assert_eq!(code(&next(&mut reports).await.1), Some(0));
    for attempt in ["a", "b"] {
        let ahead = client.prepare(counted(attempt), b"").expect("there is a keeper");
        client.go(ahead);
        assert_eq!(code(&next(&mut reports).await.1), Some(0));
        assert_eq!(times(attempt), 1);
    }
    let ahead = client.prepare(counted("c"), b"").expect("there is a keeper");
    client.never(ahead);
    client.spawn(counted("c"), b"");
    assert_eq!((code(&next(&mut reports).await.1), times("c")), (Some(0), 1));
    // The keeper that was told of it dies: another one gets the whole order.
    let ahead = client.prepare(counted("d"), b"").expect("there is a keeper");
    signal("KILL", house.keeper());
    client.go(ahead);
    let (attempt, end) = next(&mut reports).await;
    assert_eq!((attempt.as_str(), code(&end), times("d")), ("d", Some(0), 1));
}

#[tokio::test]
async fn the_next_owner_adopts_what_runs_and_what_ended() {
    let house = House::new();
    let (first, _) = house.client();
    let wait = format!("echo up; while [ ! -e {}/go ]; do sleep 0.02; done; exit 4", house.0.path().display());
    first.spawn(house.spawn("running", &wait), b"");
    house.said("running", "up\n").await;
    first.spawn(house.spawn("quick", "exit 5"), b"");
    drop(first);
    let quick = async {
        while stepladder::keeper::read_exit(&house.spool("quick")).is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, quick).await.expect("ended");

    let (second, mut reports) = house.client();
    assert_eq!(second.adopt("never", &house.spool("never")), Adopted::NeverStarted);
    assert_eq!(second.adopt("quick", &house.spool("quick")), Adopted::Minded);
    let (attempt, end) = next(&mut reports).await;
    assert_eq!((attempt.as_str(), code(&end)), ("quick", Some(5)));
    assert_eq!(second.adopt("running", &house.spool("running")), Adopted::Minded);
    std::fs::write(house.0.path().join("go"), "").expect("written");
    let (attempt, end) = next(&mut reports).await;
    assert_eq!((attempt.as_str(), code(&end)), ("running", Some(4)));
    let pid = house.keeper();
    second.spawn(house.spawn("more", "exit 6"), b"");
    assert_eq!(code(&next(&mut reports).await.1), Some(6));
    assert_eq!(house.keeper(), pid, "the keeper of the same build goes on");
}

#[tokio::test]
async fn the_end_of_a_keeper_is_survived() {
    let house = House::new();
    let (client, mut reports) = house.client();
    client.spawn(house.spawn("orphan", "echo up; exec sleep 600"), b"");
    house.said("orphan", "up\n").await;
    signal("KILL", house.keeper());
    client.spawn(house.spawn("after", "exit 7"), b"");
    let (attempt, end) = next(&mut reports).await;
    assert_eq!((attempt.as_str(), code(&end)), ("after", Some(7)), "what is alive is not lost");
    client.stop("orphan", Duration::from_secs(20));
    let (attempt, end) = next(&mut reports).await;
    assert_eq!(attempt, "orphan");
    assert!(matches!(end, End::Exit(exit) if exit.stopped && exit.code.is_none()), "we ended it ourselves");
    client.spawn(house.spawn("lost", "echo up; exec sleep 600"), b"");
    house.said("lost", "up\n").await;
    let child = house.child("lost");
    house.keepers("KILL");
    signal("KILL", child);
    assert!(matches!(next(&mut reports).await.1, End::Lost { known } if known.contains("nothing of it is alive")));
}

/// Whoever stopped keepers lets them go on, however the test ends.
struct Stopped<'a>(&'a House);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.keepers("CONT");
    }
}

/// Ignores TERM, as does what it has started.
const STUBBORN: &str =
    "trap '' TERM; (exec >/dev/null 2>&1; while :; do sleep 0.1; done) & echo up; while :; do sleep 0.1; done";

#[tokio::test]
async fn a_stopped_keepers_children_are_ended_when_their_time_is_up_or_somebody_asks() {
    let house = House::new();
    let (first, _) = house.client();
    let spawn =
        |attempt: &str, script: &str, deadline_ms| Spawn { deadline_ms, grace_ms: 300, ..house.spawn(attempt, script) };
    let go_on =
        format!("echo up; while [ ! -e {}/go ]; do sleep 0.05; done; echo more; exit 3", house.0.path().display());
    let scripts = [("late", STUBBORN, Some(2_000)), ("asked", STUBBORN, None), ("good", go_on.as_str(), Some(600_000))];
    for (attempt, script, deadline) in scripts {
        first.spawn(spawn(attempt, script, deadline), b"");
        house.said(attempt, "up\n").await;
    }
    drop(first);
    let stopped = Stopped(&house);
    house.keepers("STOP");
    // An owner that finds them so.
    let (client, mut reports) = house.client();
    for (attempt, ..) in scripts {
        assert_eq!(client.adopt(attempt, &house.spool(attempt)), Adopted::Minded);
    }
    client.stop("asked", Duration::from_millis(300));
    // Ordered, and taken back before anybody could begin it.
    let ran = house.0.path().join("ran");
    client.spawn(house.spawn("never", &format!("echo > {}", ran.display())), b"");
    client.stop("never", Duration::from_secs(20));
    let mut ends = std::collections::BTreeMap::new();
    while ends.len() < 3 {
        let (attempt, end) = next(&mut reports).await;
        let End::Exit(exit) = end else { panic!("{attempt}: {end:?}") };
        ends.insert(attempt, (exit.timed_out, exit.stopped));
    }
    let want = [("asked", (false, true)), ("late", (true, false)), ("never", (false, true))];
    assert_eq!(ends, want.map(|(attempt, how)| (attempt.to_owned(), how)).into());
    for attempt in ["late", "asked"] {
        assert_eq!(house.alive_in_group(attempt), [0; 0], "{attempt}: nothing of it is alive");
    }
    client.spawn(house.spawn("after", "exit 7"), b"");
    assert_eq!(code(&next(&mut reports).await.1), Some(7), "another keeper takes new ones");
    // It goes on: what it says of them is what was said, and it has lost nothing of those it still has.
    drop(stopped);
    std::fs::write(house.0.path().join("go"), "").expect("written");
    let (attempt, end) = next(&mut reports).await;
    assert_eq!((attempt.as_str(), code(&end)), ("good", Some(3)));
    assert_eq!(printed(&house.spool("good"), "stdout", 0, 99).expect("readable").bytes, b"up\nmore\n");
    for (attempt, how) in [("late", (true, false)), ("asked", (false, true))] {
        let exit = house.recorded(attempt).await;
        assert_eq!((exit.signal, exit.timed_out, exit.stopped), (Some(9), how.0, how.1), "{attempt}");
    }
    assert!(!ran.exists() && reports.try_recv().is_err(), "each end once, and what was taken back never began");
}
