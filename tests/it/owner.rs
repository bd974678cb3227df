//! The real binary, real children, real kills: owners come and go, runs end once and truthfully.

use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// A book in a directory of its own; its keepers end by themselves when they have nothing to do.
pub(crate) struct Home {
    pub(crate) dir: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new(runbooks: &[(&str, &str)]) -> Self {
        let home = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(home.path("runbooks")).unwrap();
        fs::write(home.path("stepladder.yaml"), "timezone: UTC\nkeep: { min_free: 1MiB }\n").unwrap();
        for (name, text) in runbooks {
            fs::write(home.path(&format!("runbooks/{name}.yaml")), format!("runbook: {name}\n{text}")).unwrap();
        }
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepladder"));
        command.current_dir(self.dir.path()).args(args).env("USER", "tester").env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).spawn().unwrap()
    }

    pub(crate) fn rows(&self) -> Vec<serde_json::Value> {
        let out = self.run(&["runs", "--json"]);
        let text = String::from_utf8(out.stdout).unwrap();
        text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn owner(&self) -> Option<u32> {
        fs::read_to_string(self.path(".stepladder/lock")).ok()?.trim().parse().ok()
    }

    /// Waits for something that is about to happen; a minute is for machines under load.
    pub(crate) fn until(&self, what: &str, mut happened: impl FnMut() -> bool) {
        for _ in 0..6_000 {
            if happened() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        panic!("waited in vain until {what}; its log:\n{log}");
    }

    pub(crate) fn lines(&self, name: &str) -> usize {
        fs::read_to_string(self.path(name)).unwrap_or_default().lines().count()
    }
}

pub(crate) fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn exit_codes_say_how_bad_it_was() {
    let home = Home::new(&[
        ("good", "steps: [ { id: a, shell: 'true' } ]\n"),
        ("bad", "steps: [ { id: a, shell: 'exit 3' } ]\n"),
        ("so-so", "steps: [ { id: a, shell: 'exit 3', allow_failure: true } ]\n"),
        ("picky", "inputs: { n: { type: integer } }\nsteps: [ { id: a, shell: 'echo {{ inputs.n }}' } ]\n"),
    ]);
    for (args, code, says) in [
        (&["run", "good"][..], 0, "succeeded"),
        (&["run", "bad"], 2, "exit"),
        (&["run", "so-so"], 1, "warning"),
        (&["run", "picky"], 3, "`n`"),
        (&["run", "picky", "--input", "n=x"], 3, "whole number"),
        (&["run", "goood"], 3, "did you mean `good`?"),
        (&["run"], 3, "Usage"),
        (&["run", "picky", "--input", "n=3"], 0, "succeeded"),
    ] {
        let out = home.run(args);
        let said = format!("{}{}", text(&out.stdout), text(&out.stderr));
        assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
    }
}

#[test]
fn who_finds_a_group_full_is_told_who_holds_it_and_what_to_do() {
    let group = |full: &str| format!("concurrency: {{ group: app, limit: 1, full: {full} }}\n");
    let long = "steps: [ { id: a, shell: 'while [ ! -e go ]; do sleep 0.02; done' } ]\n";
    let short = "steps: [ { id: a, shell: 'true' } ]\n";
    let home = Home::new(&[
        ("holds", &format!("{}{long}", group("queue"))),
        ("skips", &format!("{}{short}", group("skip"))),
        ("fails", &format!("{}{short}", group("fail"))),
    ]);
    let held = text(&home.run(&["run", "holds", "--detach"]).stdout).trim().to_owned();
    for (runbook, word, code) in [("skips", "skip", 130), ("fails", "fail", 2)] {
        let out = home.run(&["run", runbook, "--json"]);
        assert_eq!(out.status.code(), Some(code), "{}", text(&out.stderr));
        let reason = format!(
            "group `app` is held by `holds` (run {held}), and `full: {word}` does not wait: start it again once that has ended, or write `full: queue`"
        );
        assert!(text(&out.stdout).contains(&reason), "{reason}: {}", text(&out.stdout));
    }
    fs::write(home.path("go"), "").unwrap();
    home.until("the holder has ended", || home.rows().iter().all(|row| row["state"] != "running"));
    assert_eq!(home.run(&["retry", "skips"]).status.code(), Some(0), "as it was told");
}

/// Twenty at once, and the owner killed in the middle: whoever is left takes over, and every exit code is right.
#[test]
fn twenty_runs_survive_the_death_of_their_owner() {
    let home = Home::new(&[
        (
            "work",
            "steps:\n  - { id: a, shell: 'echo a >> began; while [ ! -e go ]; do sleep 0.05; done; echo a >> done' }\n  - { id: b, shell: 'echo b >> done' }\n",
        ),
        ("fail", "steps:\n  - { id: a, shell: 'echo a >> began; while [ ! -e go ]; do sleep 0.05; done; exit 4' }\n"),
    ]);
    let mut children: Vec<(Child, i32)> = (0..20)
        .map(|n| if n % 4 == 3 { (home.start(&["run", "fail"]), 2) } else { (home.start(&["run", "work"]), 0) })
        .collect();
    home.until("every first step has begun", || home.lines("began") == 20);
    let owner = home.owner().unwrap();
    assert!(children.iter().any(|(child, _)| child.id() == owner), "one of the twenty is the owner");
    kill(owner, rustix::process::Signal::KILL);
    fs::write(home.path("go"), "").unwrap();
    for (child, code) in &mut children {
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let status = child.wait().unwrap();
        if child.id() == owner {
            assert_eq!(status.signal(), Some(9));
        } else {
            assert_eq!(status.code(), Some(*code), "{said}{err}");
        }
    }
    // The killed owner's own run: driven on by whoever came next, or by us now.
    home.until("nothing is unfinished", || {
        let _ = home.run(&["drive"]);
        home.rows().iter().all(|row| row["state"] == "ended")
    });
    assert_eq!(home.lines("began"), 20, "no step began twice");
    assert_eq!(home.lines("done"), 30, "every step of the fifteen good runs was done once");
    let rows = home.rows();
    assert_eq!(rows.len(), 20);
    assert_eq!(rows.iter().filter(|row| row["outcome"] == "succeeded").count(), 15);
}

/// The keeper killed: what its child did cannot be known while nothing proves it, and the run says so.
#[test]
fn a_killed_keeper_is_no_success() {
    let home = Home::new(&[("slow", "steps:\n  - { id: a, shell: 'echo $$ > pid; exec sleep 60' }\n")]);
    let child = home.start(&["run", "slow"]);
    home.until("the child runs", || fs::read_to_string(home.path("pid")).is_ok_and(|pid| pid.ends_with('\n')));
    let keepers: Vec<_> =
        fs::read_dir(home.path(".stepladder/keeper")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let keeper = keeper_pid(&keepers[0]);
    kill(keeper, rustix::process::Signal::KILL);
    let pid: u32 = fs::read_to_string(home.path("pid")).unwrap().trim().parse().unwrap();
    assert!(Path::new(&format!("/proc/{pid}")).exists(), "the child lives on without its keeper");
    kill(pid, rustix::process::Signal::KILL);
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(2), "{}", text(&out.stdout));
    assert!(text(&out.stdout).contains("interrupted"), "{}", text(&out.stdout));
}

pub(crate) fn keeper_pid(dir: &Path) -> u32 {
    let identity = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).find_map(|path| {
        let value: serde_json::Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        value["keeper"]["pid"].as_u64()
    });
    u32::try_from(identity.unwrap()).unwrap()
}

#[test]
fn an_interrupt_cancels_with_finally_and_exits_130() {
    let home = Home::new(&[(
        "long",
        "steps:\n  - { id: a, shell: 'echo > began; sleep 60' }\nfinally: [ { id: z, shell: 'echo tidy > tidied' } ]\n",
    )]);
    let child = home.start(&["run", "long"]);
    home.until("the step has begun", || home.path("began").exists());
    kill(child.id(), rustix::process::Signal::INT);
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(130), "{}{}", text(&out.stdout), text(&out.stderr));
    assert!(home.path("tidied").exists(), "`finally` ran");
}

#[test]
fn a_detached_run_goes_on_alone() {
    let home = Home::new(&[("slow", "steps:\n  - { id: a, shell: 'sleep 1; echo > done' }\n")]);
    let out = home.run(&["run", "slow", "--detach"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    home.until("the run has ended", || home.rows().first().is_some_and(|row| row["state"] == "ended"));
    assert!(home.path("done").exists());
}

#[test]
fn a_run_that_was_just_detached_is_driven_and_can_be_followed() {
    let home = Home::new(&[("slow", "steps:\n  - { id: a, shell: 'echo one; sleep 1; echo two' }\n")]);
    let run = text(&home.run(&["run", "slow", "--detach"]).stdout);
    let out = home.run(&["logs", "-f", run.trim()]);
    let said = format!("{}{}", text(&out.stdout), text(&out.stderr));
    assert_eq!(out.status.code(), Some(0), "{said}");
    assert!(said.contains("one") && said.contains("two"), "{said}");
}

#[test]
fn a_failed_run_is_retried_from_where_it_failed() {
    let home = Home::new(&[(
        "steps",
        "steps:\n  - { id: a, shell: 'echo a >> a' }\n  - { id: b, shell: 'test -e ready' }\n  - { id: c, shell: 'echo {{ steps.a.output.exit_code }} > c' }\n",
    )]);
    assert_eq!(home.run(&["run", "steps"]).status.code(), Some(2));
    fs::write(home.path("ready"), "").unwrap();
    let again = home.run(&["retry", "last"]);
    assert_eq!(again.status.code(), Some(0), "{}{}", text(&again.stdout), text(&again.stderr));
    assert_eq!(home.lines("a"), 1, "what had succeeded is taken over, not done again");
    assert_eq!(fs::read_to_string(home.path("c")).unwrap(), "0\n");
    let well = home.run(&["retry", "last"]);
    let said = text(&well.stderr);
    assert!(well.status.code() == Some(3) && said.contains("nothing failed in run"), "{said}");
}

/// A secret goes everywhere it may go, and is found nowhere afterwards.
#[test]
fn a_secret_leaves_no_trace() {
    const SECRET: &str = "tok3n-&'\"/+ canary";
    let home = Home::new(&[(
        "secretive",
        "secrets: [TOKEN]\nsteps:\n  - { id: a, env: { T: '{{ secrets.TOKEN }}' }, shell: 'echo \"is $T\"; printf %s \"$T\" | base64; printf %s \"$T\" | od -An -tx1 | tr -d \" \\n\"; echo \"$T\" >&2' }\n  - { id: b, env: { T: '{{ secrets.TOKEN }}' }, shell: 'echo \"$T\"; exit 3', allow_failure: true }\n",
    )]);
    let out = home.command(&["run", "secretive", "--json"]).env("TOKEN", SECRET).output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{}{}", text(&out.stdout), text(&out.stderr));
    let base64 = "dG9rM24tJiciLysgY2FuYXJ5";
    let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut looked = 0;
    let mut found = Vec::new();
    let mut look = |name: &str, bytes: &[u8]| {
        looked += 1;
        for needle in [SECRET, base64, hex.as_str()] {
            if bytes.windows(needle.len()).any(|window| window == needle.as_bytes()) {
                found.push(format!("`{needle}` in {name}"));
            }
        }
    };
    look("stdout", &out.stdout);
    look("stderr", &out.stderr);
    look("show", &home.run(&["show", "last", "--json"]).stdout);
    look("logs", &home.run(&["logs", "last"]).stdout);
    walk(&home.path(".stepladder"), &mut |path, bytes| look(&path.display().to_string(), bytes));
    assert!(found.is_empty(), "{found:?}");
    assert!(looked > 8, "only {looked} places were looked at");
    let logs = text(&home.run(&["logs", "last"]).stdout);
    assert!(logs.contains("is "), "the output itself is there: {logs}");
}

pub(crate) fn walk(dir: &Path, each: &mut dyn FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            walk(&path, each);
        } else if kind.is_file() {
            each(&path, &fs::read(&path).unwrap());
        }
    }
}

/// What a step says of itself may be anything it was given: it is cut, and the run goes on.
#[test]
fn a_long_line_of_a_log_or_a_reason_strands_nothing() {
    let home = Home::new(&[
        (
            "long",
            "steps:\n  - { id: a, shell: \"head -c 70000 /dev/zero | tr '\\\\0' x\" }\n  - { id: b, log: '{{ steps.a.output.stdout }}' }\n  \
             - { id: c, fail: 'it said {{ steps.a.output.stdout }}' }\n  - { id: d, when: steps.c.failed, shell: 'echo > after' }\n",
        ),
        (
            "slow",
            "steps:\n  - { id: a, shell: 'echo > began; sleep 60' }\nfinally: [ { id: z, shell: 'echo > tidied' } ]\n",
        ),
    ]);
    let out = home.run(&["run", "long"]);
    assert_eq!(out.status.code(), Some(2), "{}{}", text(&out.stdout), text(&out.stderr));
    assert!(text(&out.stdout).contains("… ") && text(&out.stdout).contains(" more"), "it says that much is missing");
    assert!(text(&home.run(&["show", "last", "--json"]).stdout).contains("bytes more)"), "and how much");
    assert!(home.path("after").exists(), "what comes behind it has run");
    let run = home.start(&["run", "slow"]);
    home.until("the step has begun", || home.path("began").exists());
    let out = home.run(&["cancel", "last", "--reason", &"y".repeat(100_000)]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(130));
    assert!(home.path("tidied").exists(), "`finally` ran");
}

/// Settings that do not pass their checks are not what was meant: no run begins by them.
#[test]
fn no_run_begins_by_settings_that_do_not_pass_their_checks() {
    let home = Home::new(&[("good", "steps: [ { id: a, shell: 'echo > began' } ]\n")]);
    assert_eq!(home.run(&["run", "good"]).status.code(), Some(0));
    fs::remove_file(home.path("began")).unwrap();
    fs::write(home.path("stepladder.yaml"), "timezone: Nope\nrots: {}\n").unwrap();
    let out = home.run(&["run", "good"]);
    assert_eq!(out.status.code(), Some(3), "{}", text(&out.stdout));
    assert!(text(&out.stderr).contains("does not pass its checks"), "{}", text(&out.stderr));
    assert!(!home.path("began").exists());
    // What is there can be looked at all the same.
    let out = home.run(&["runs"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert!(text(&out.stdout).contains("good") && text(&out.stderr).contains("does not pass"), "{}", text(&out.stderr));
}
