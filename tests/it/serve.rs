//! The daemon as a process: it takes over, stays, is restarted under load, and every command finds it.

use crate::owner::{Home, kill, text};
use rustix::process::Signal;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Output};
use std::time::Duration;

const SLOW: &str = "steps:\n  - { id: a, shell: 'echo up; echo >> began; while [ ! -e go ]; do sleep 0.02; done; echo ready' }\n  \
                    - { id: b, shell: 'echo >> done' }\nfinally: [ { id: z, shell: 'echo >> tidied' } ]\n";
const ASKS: &str = "steps: [ { id: a, confirm: 'Really delete?', shell: 'echo gone >> deleted' } ]\n";

/// A daemon that is ended with the test.
pub(crate) struct Daemon {
    child: Option<Child>,
}

impl Daemon {
    /// Starts one and waits until it is the owner and answers.
    pub(crate) fn start(home: &Home) -> Self {
        Self::started(home, home.start(&["serve"]))
    }

    pub(crate) fn started(home: &Home, child: Child) -> Self {
        let daemon = Self { child: Some(child) };
        home.until("the daemon is the owner", || home.owner() == Some(daemon.id()) && answers(home));
        daemon
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Ends it in that way, and what it said.
    pub(crate) fn end(mut self, signal: Signal) -> Output {
        kill(self.id(), signal);
        self.child.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Whether somebody listens on the socket.
fn answers(home: &Home) -> bool {
    std::os::unix::net::UnixStream::connect(home.path(".stepladder/socket")).is_ok()
}

fn said(out: &Output) -> String {
    format!("{}{}", text(&out.stdout), text(&out.stderr))
}

fn well(out: &Output) -> String {
    assert_eq!(out.status.code(), Some(0), "{}", said(out));
    said(out)
}

fn state(home: &Home) -> String {
    let rows = home.rows();
    let row = rows.first().unwrap();
    row["outcome"].as_str().or(row["state"].as_str()).unwrap().to_owned()
}

/// A disk that is full, or a reader of the log that is gone, is no reason to end.
#[test]
fn a_daemon_outlives_its_log() {
    let home = Home::new(&[("noop", "steps: [ { id: a, shell: 'true' } ]\n")]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (reader, gone) = std::io::pipe().unwrap();
    drop(reader);
    for log in [std::process::Stdio::from(full), std::process::Stdio::from(gone)] {
        let daemon = Daemon::started(&home, home.command(&["serve"]).stderr(log).spawn().unwrap());
        well(&home.run(&["run", "noop"]));
        assert_eq!(home.owner(), Some(daemon.id()), "it is there still");
        let out = daemon.end(Signal::TERM);
        assert_eq!(out.status.code(), Some(0), "{out:?}");
    }
}

#[test]
fn a_daemon_stays_and_every_command_finds_it() {
    let home = Home::new(&[("slow", SLOW), ("asks", ASKS), ("noop", "steps: [ { id: a, shell: 'true' } ]\n")]);
    let daemon = Daemon::start(&home);
    well(&home.run(&["run", "noop"]));
    let shown = text(&home.run(&["show", "last", "--json"]).stdout);
    assert!(shown.contains("\"via\":\"socket\""), "{shown}");
    // A run that is followed, read along and cancelled by others.
    let run = home.start(&["run", "slow"]);
    home.until("the step has begun", || home.lines("began") == 1);
    let logs = home.start(&["logs", "-f", "last"]);
    well(&home.run(&["cancel", "last"]));
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(130));
    well(&logs.wait_with_output().unwrap());
    assert_eq!((state(&home).as_str(), home.lines("tidied")), ("cancelled", 1));
    // One that is interrupted where it was started, though another process drives it.
    let run = home.start(&["run", "slow"]);
    home.until("the step has begun", || home.lines("began") == 2);
    kill(run.id(), Signal::INT);
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(130));
    assert_eq!((state(&home).as_str(), home.lines("tidied")), ("cancelled", 2));
    // One that waits for a person, and one that nobody looks at.
    well(&home.run(&["run", "asks", "--detach"]));
    home.until("it waits", || state(&home) == "waiting");
    well(&home.run(&["answer", "last", "a", "go"]));
    home.until("it has ended", || state(&home) == "succeeded");
    well(&home.run(&["run", "slow", "--detach"]));
    home.until("the step has begun", || home.lines("began") == 3);
    fs::write(home.path("go"), "").unwrap();
    home.until("it has ended", || state(&home) == "succeeded");
    assert_eq!(home.owner(), Some(daemon.id()), "it is the owner all the time");
    let out = daemon.end(Signal::TERM);
    assert!(well(&out).contains("stepladder has ended"), "{}", said(&out));
    assert!(!answers(&home), "nobody is left");
}

/// The daemon comes while a run is at work: it drives it on, and who watches sees nothing of it.
#[test]
fn a_daemon_takes_over_from_whoever_drives() {
    let home = Home::new(&[("slow", SLOW)]);
    let run = home.start(&["run", "slow"]);
    home.until("the step has begun", || home.lines("began") == 1);
    assert_eq!(home.owner(), Some(run.id()));
    let daemon = Daemon::start(&home);
    let second = home.run(&["serve"]);
    assert_eq!(second.status.code(), Some(3), "{}", said(&second));
    assert!(said(&second).contains(&format!("already served: by process {}", daemon.id())), "{}", said(&second));
    fs::write(home.path("go"), "").unwrap();
    let said = well(&run.wait_with_output().unwrap());
    assert!(said.contains("succeeded"), "{said}");
    assert_eq!((home.lines("began"), home.lines("done")), (1, 1));
    assert_eq!(home.owner(), Some(daemon.id()));
}

/// What was detached is left to a process that ends when a daemon comes.
#[test]
fn a_daemon_takes_over_what_was_detached() {
    let home = Home::new(&[("slow", SLOW)]);
    well(&home.run(&["run", "slow", "--detach"]));
    home.until("the step has begun", || home.lines("began") == 1);
    let before = home.owner().unwrap();
    let daemon = Daemon::start(&home);
    assert_ne!(before, daemon.id());
    home.until("the process before it has ended", || !home.path(&format!("/proc/{before}")).exists() || zombie(before));
    fs::write(home.path("go"), "").unwrap();
    home.until("the run has ended", || state(&home) == "succeeded");
    assert_eq!((home.lines("began"), home.lines("done")), (1, 1));
}

/// Ended, and not waited for by whoever has to.
fn zombie(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

/// Ended and killed in turn while runs are at work: no step is lost or done twice.
#[test]
fn restarts_under_load_lose_and_repeat_nothing() {
    const RUNS: usize = 8;
    let home = Home::new(&[(
        "work",
        "inputs: { n: { type: integer } }\nsteps:\n  - { id: a, shell: 'echo {{ inputs.n }}a >> began; sleep 0.3; echo {{ inputs.n }}a >> done' }\n  \
         - { id: b, shell: 'echo {{ inputs.n }}b >> began; while [ ! -e go ]; do sleep 0.05; done; echo {{ inputs.n }}b >> done' }\n  \
         - { id: c, shell: 'echo {{ inputs.n }}c >> began; sleep 0.3; echo {{ inputs.n }}c >> done' }\n",
    )]);
    let mut daemon = Daemon::start(&home);
    for round in 0..6 {
        for n in 0..RUNS / 4 {
            if round < 4 {
                let input = format!("n={}", round * (RUNS / 4) + n);
                well(&home.run(&["run", "work", "--input", &input, "--detach"]));
            }
        }
        if round == 4 {
            home.until("every run is at its second step", || home.lines("began") == 2 * RUNS);
            fs::write(home.path("go"), "").unwrap();
        }
        let signal = if round % 2 == 0 { Signal::TERM } else { Signal::KILL };
        let out = daemon.end(signal);
        assert!(signal == Signal::KILL || out.status.code() == Some(0), "{}", said(&out));
        daemon = Daemon::start(&home);
    }
    home.until("every run has ended", || home.rows().iter().all(|row| row["outcome"] == "succeeded"));
    for name in ["began", "done"] {
        let lines = fs::read_to_string(home.path(name)).unwrap();
        let mut lines: Vec<&str> = lines.lines().collect();
        let all = lines.len();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!((all, lines.len()), (3 * RUNS, 3 * RUNS), "{name}: {lines:?}");
    }
    drop(daemon);
}

/// A child that never ends keeps nobody from ending; it goes on, and whoever comes next has it.
#[test]
fn the_end_of_a_daemon_waits_for_no_child() {
    let home = Home::new(&[("slow", SLOW)]);
    let daemon = Daemon::start(&home);
    well(&home.run(&["run", "slow", "--detach"]));
    home.until("the step has begun", || home.lines("began") == 1);
    let log = well(&daemon.end(Signal::TERM));
    println!("{}", log.lines().last().unwrap_or_default());
    assert_eq!(state(&home), "stranded");
    let _next = Daemon::start(&home);
    fs::write(home.path("go"), "").unwrap();
    home.until("the run has ended", || state(&home) == "succeeded");
    assert_eq!((home.lines("began"), home.lines("done")), (1, 1));
}

#[test]
fn the_service_manager_is_told() {
    let home = Home::new(&[("slow", SLOW)]);
    let manager = UnixDatagram::bind(home.path("notify")).unwrap();
    manager.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let hear = |what: &str| {
        let mut heard = [0; 512];
        for _ in 0..10_000 {
            let length = manager.recv(&mut heard).unwrap_or_else(|error| panic!("{what} was not told: {error}"));
            if text(&heard[..length]).lines().any(|line| line.starts_with(what)) {
                return text(&heard[..length]);
            }
        }
        panic!("{what} was not told");
    };
    let mut command = home.command(&["serve", "--log-format", "json"]);
    command.env("NOTIFY_SOCKET", home.path("notify")).env("WATCHDOG_USEC", "200000");
    let daemon = Daemon::started(&home, command.spawn().unwrap());
    hear("READY=1");
    hear("WATCHDOG=1");
    kill(daemon.id(), Signal::HUP);
    assert!(hear("RELOADING=1").contains("MONOTONIC_USEC="));
    hear("READY=1");
    let out = daemon.end(Signal::TERM);
    hear("STOPPING=1");
    let log = well(&out);
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["message"].is_string() && line["level"].is_string(), "{line}");
    }
    assert!(log.contains("\"version\""), "{log}");
}

#[test]
fn under_systemd_a_line_begins_with_its_level() {
    let home = Home::new(&[("slow", SLOW)]);
    let mut command = home.command(&["serve"]);
    let daemon = Daemon::started(&home, command.env("JOURNAL_STREAM", "8:1").spawn().unwrap());
    let log = well(&daemon.end(Signal::TERM));
    assert!(log.lines().all(|line| line.starts_with("<6>")) && log.contains("<6>stepladder serves"), "{log}");
}

#[test]
fn the_unit_has_what_children_need_to_live_on() {
    let unit = fs::read_to_string(crate::rust_text::root().join("examples/systemd/stepladder.service")).unwrap();
    for setting in [
        "Type=notify",
        "KillMode=process",
        "OOMPolicy=continue",
        "Delegate=yes",
        "PrivateTmp=no",
        "UMask=0077",
        "LimitCORE=0",
        "StateDirectoryMode=0700",
        "ExecReload=/bin/kill -HUP $MAINPID",
    ] {
        assert!(unit.lines().any(|line| line == setting), "{setting}");
    }
    let watch = unit.lines().find_map(|line| line.strip_prefix("WatchdogSec=")).unwrap();
    assert!(watch.parse::<u64>().unwrap() >= 10, "a machine under load is no daemon that hangs");
}

/// Followers of a daemon that is killed: one of them drives on, until the next daemon takes over from it.
#[test]
fn who_follows_a_killed_daemon_drives_until_the_next_comes() {
    let home = Home::new(&[("slow", SLOW)]);
    let daemon = Daemon::start(&home);
    let mut run = home.start(&["run", "slow"]);
    home.until("the step has begun", || home.lines("began") == 1);
    drop(daemon.end(Signal::KILL));
    home.until("the follower drives", || home.owner() == Some(run.id()) && answers(&home));
    let _next = Daemon::start(&home);
    fs::write(home.path("go"), "").unwrap();
    let mut said = String::new();
    run.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0), "{said}");
    assert_eq!((home.lines("began"), home.lines("done")), (1, 1));
}

#[test]
fn what_a_clock_starts_is_told_and_what_it_did_not_start_too() {
    let home = Home::new(&[("tick", "steps: [ { id: a, shell: 'echo >> ticks' } ]\n")]);
    let book = |every: &str, steps: &str| {
        let text = format!("runbook: tick\ntriggers: [ {{ id: fast, {every} }} ]\n{steps}");
        fs::write(home.path("runbooks/tick.yaml"), text).unwrap();
    };
    let steps = "steps: [ { id: a, shell: 'echo >> ticks' } ]\n";
    book("every: 1s", steps);
    let daemon = Daemon::start(&home);
    home.until("the clock has started two", || home.lines("ticks") >= 2);
    kill(daemon.id(), Signal::KILL);
    drop(daemon);
    let down = stepladder::runtime::clock::now();
    std::thread::sleep(Duration::from_millis(2_500));
    let daemon = Daemon::start(&home);
    let before = home.lines("ticks");
    home.until("it goes on by itself", || home.lines("ticks") > before);
    let why = |at: jiff::Timestamp| well(&home.run(&["why", "tick", &at.to_string()]));
    let missed = jiff::Timestamp::from_second(down.as_second() + 1).unwrap();
    // A few seconds are lateness, no outage: the newest stands for those before it.
    assert!(why(missed).contains("coalesced"), "{}", why(missed));
    // Another time is obeyed at once, and what is gone starts nothing more.
    book("cron: '0 0 29 2 *'", steps);
    home.until("the daemon goes by the new text", || home.run(&["diff"]).status.code() == Some(0));
    let settled = || {
        let ticks = home.lines("ticks");
        std::thread::sleep(Duration::from_millis(1_600));
        home.lines("ticks") == ticks
    };
    assert!(settled() || settled(), "nothing fires any more");
    let runs = home.rows().iter().filter(|row| row["runbook"] == "tick").count();
    assert!(home.lines("ticks") <= runs, "each has its run");
    daemon.end(Signal::TERM);
}

#[test]
fn a_paused_schedule_starts_nothing_and_says_who_and_why() {
    let steps = "triggers: [ { id: fast, every: 1s } ]\nsteps: [ { id: a, shell: 'echo >> ticks' } ]\n";
    let home = Home::new(&[("tick", steps), ("plain", "steps: [ { id: a, shell: 'true' } ]\n")]);
    let said_of = |args: &[&str]| said(&home.run(args));
    let none = said_of(&["schedule", "pause", "tick"]);
    assert!(none.contains("no daemon serves this book"), "{none}");
    let daemon = Daemon::start(&home);
    home.until("the clock has started one", || home.lines("ticks") >= 1);
    well(&home.run(&["schedule", "pause", "tick", "--reason", "disk is being replaced"]));
    let list = well(&home.run(&["schedule", "list"]));
    assert!(list.contains("paused by ") && list.contains(": disk is being replaced"), "{list}");
    // A pause is durable: it outlives the daemon.
    kill(daemon.id(), Signal::KILL);
    drop(daemon);
    let paused = stepladder::runtime::clock::now();
    let daemon = Daemon::start(&home);
    let ticks = home.lines("ticks");
    std::thread::sleep(Duration::from_millis(2_200));
    assert!(home.lines("ticks") <= ticks + 1, "what had been started may have ended, nothing more");
    well(&home.run(&["schedule", "resume", "tick"]));
    let ticks = home.lines("ticks");
    home.until("it goes on", || home.lines("ticks") > ticks);
    let at = jiff::Timestamp::from_second(paused.as_second() + 1).unwrap();
    let why = well(&home.run(&["why", "tick", &at.to_string()]));
    assert!(why.contains("paused: the schedule was"), "{why}");
    assert!(said_of(&["schedule", "pause", "plain"]).contains("nothing starts `plain` by itself"));
    assert!(said_of(&["schedule", "pause", "tick", "--trigger", "slow"]).contains("it has fast"));
    assert_eq!(home.run(&["schedule", "pause", "tock"]).status.code(), Some(3));
    daemon.end(Signal::TERM);
}

#[test]
fn a_keeper_that_is_stopped_holds_up_nobody_else() {
    let home = Home::new(&[("slow", SLOW), ("quick", "steps: [ { id: a, shell: 'echo >> quick' } ]\n")]);
    let daemon = Daemon::start(&home);
    well(&home.run(&["run", "--detach", "slow"]));
    home.until("its first step has begun", || home.path("began").exists());
    let keepers = stepladder::keeper::keepers(&home.path(".stepladder"));
    let keeper = u32::try_from(keepers[0].1.keeper.pid).unwrap();
    kill(keeper, Signal::STOP);
    // Ordered from the one that is stopped, and from another one once that is given up.
    well(&home.run(&["run", "quick"]));
    kill(keeper, Signal::CONT);
    fs::write(home.path("go"), "").unwrap();
    home.until("the end that was not told is told", || home.path("done").exists());
    home.until("all is over", || home.rows().iter().all(|row| row["outcome"] == "succeeded"));
    assert_eq!(home.lines("quick"), 1, "the one that goes on refuses what the other has begun");
    let out = daemon.end(Signal::TERM);
    assert!(said(&out).contains("a keeper does not answer"), "{}", said(&out));
}

#[test]
fn a_clock_starts_nothing_below_the_room_that_is_to_be_kept() {
    let home =
        Home::new(&[("tick", "triggers: [ { id: t, every: 1s } ]\nsteps: [ { id: a, shell: 'echo >> ran' } ]\n")]);
    fs::write(home.path("stepladder.yaml"), "timezone: UTC\nkeep: { min_free: 100000GiB }\n").unwrap();
    let daemon = Daemon::start(&home);
    home.until("its row says so", || text(&home.run(&["schedule", "list"]).stdout).contains("no-space"));
    assert!(!home.path("ran").exists(), "nothing was started");
    let out = daemon.end(Signal::TERM);
    assert!(said(&out).contains("schedules start nothing until there is room"), "{}", said(&out));
}

/// Members of `http.socket_group` use the socket as operators; others, and what lies beside it, stay shut out.
#[test]
fn a_group_may_use_the_socket_and_nothing_beside_it() {
    if !rustix::process::geteuid().is_root() {
        return crate::tools::not_permitted("only root can become somebody else");
    }
    let home = Home::new(&[("noop", "steps: [ { id: a, log: nothing } ]\n")]);
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    fs::write(home.path("stepladder.yaml"), format!("{settings}http: {{ socket_group: daemon }}\n")).unwrap();
    fs::set_permissions(home.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let daemon = Daemon::start(&home);
    let program = home.path("program");
    fs::copy(env!("CARGO_BIN_EXE_stepladder"), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let as_user = |group: &str, words: &[&str]| {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", &format!("--regid={group}"), "--clear-groups"]).arg(&program).args(words);
        command.current_dir(home.path("")).env("USER", "nobody").output().unwrap()
    };
    let shown = as_user("daemon", &["status"]);
    assert!(text(&shown.stdout).contains("serves since"), "{}{}", text(&shown.stdout), text(&shown.stderr));
    let ran = as_user("daemon", &["run", "noop"]);
    assert_eq!(ran.status.code(), Some(0), "{}{}", text(&ran.stdout), text(&ran.stderr));
    let refused = as_user("daemon", &["token", "list"]);
    assert!(text(&refused.stderr).contains("is operator and may not"), "{}", text(&refused.stderr));
    let other = as_user("65534", &["status"]);
    assert_ne!(other.status.code(), Some(0), "{}", text(&other.stdout));
    let data = home.path(".stepladder");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&data.join("socket"))), (0o710, 0o660));
    drop(daemon.end(Signal::TERM));
    // A group that is not there is said, and nothing is served to nobody.
    let wrong = format!("{settings}http: {{ socket_group: no-such-group }}\n");
    fs::write(home.path("stepladder.yaml"), wrong).unwrap();
    let out = home.run(&["serve"]);
    assert!(text(&out.stderr).contains("there is no such group"), "{}", text(&out.stderr));
}

/// More schedules than the journal's writer takes batches at once: all are obeyed, and nothing has to be tried again.
#[test]
fn a_book_of_very_many_schedules_begins_quietly() {
    let runbooks: Vec<(String, String)> = (0..90)
        .map(|book| {
            let trigger = |nth: u32| format!("  - {{ id: t{nth}, cron: '{} 3 29 2 *' }}\n", nth % 60);
            let triggers: String = (0..100).map(trigger).collect();
            (format!("r{book}"), format!("triggers:\n{triggers}steps: [ {{ id: a, log: nothing }} ]\n"))
        })
        .collect();
    let listed: Vec<(&str, &str)> = runbooks.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let home = Home::new(&listed);
    let log = fs::File::create(home.path("log")).unwrap();
    let child = home.command(&["serve"]).stderr(log).spawn().unwrap();
    let daemon = Daemon::started(&home, child);
    // What begins has the instant after which it counts in the journal, and so a next one that is told.
    let begun = || text(&home.run(&["schedule", "list", "--json"]).stdout).matches("\"next\":").count();
    home.until("all of them are obeyed", || begun() == 9_000);
    drop(daemon.end(Signal::TERM));
    let log = fs::read_to_string(home.path("log")).unwrap();
    assert!(log.contains("count=9000"), "{log}");
    assert!(!log.contains("is read again") && !log.contains("WARN"), "{}", log.get(..2_000).unwrap_or(&log));
}
