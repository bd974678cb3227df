//! The keeper as a process, with real children: what it must do with or without an owner.
//!
//! Nothing here sleeps to synchronise: conditions are waited for, with a bound.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use stepladder::base::mask::variants;
use stepladder::keeper::protocol::{Ask, Exit, Process, Spawn, Tell, encode, take};
use stepladder::keeper::{self, Evidence};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_stepladder");
const PATIENCE: Duration = Duration::from_secs(30);

/// A data directory with one keeper.
struct House {
    data: TempDir,
    keeper: PathBuf,
}

/// One owner's connection.
struct Owner {
    stream: UnixStream,
    bytes: Vec<u8>,
    pid: i32,
    /// Heard while something else was waited for.
    heard: Vec<Tell>,
}

fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    #[expect(clippy::disallowed_methods, reason = "the bound of a wait, not its measure")]
    let start = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

impl House {
    fn new() -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let keeper = keeper::launch(Path::new(PROGRAM), data.path(), "k1").expect("a keeper");
        Self { data, keeper }
    }

    fn owner(&self) -> Owner {
        let stream = keeper::connect(&self.keeper).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        let mut owner = Owner { stream, bytes: Vec::new(), pid: 0, heard: Vec::new() };
        owner.say(&Ask::Hello { protocol: 1 }, b"");
        owner.pid = owner.wait(|tell| match tell {
            Tell::Hello { pid, .. } => Some(*pid),
            _ => None,
        });
        owner
    }

    fn spool(&self, attempt: &str) -> PathBuf {
        self.data.path().join("spool").join(attempt)
    }

    fn spawn(&self, attempt: &str, script: &str) -> Spawn {
        Spawn {
            attempt: attempt.into(),
            argv: vec!["sh".into(), "-c".into(), script.into()],
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            cwd: "/".into(),
            grace_ms: 10_000,
            output_limit: 1 << 20,
            stem: self.spool(attempt).to_str().expect("UTF-8").into(),
            ..Spawn::default()
        }
    }

    fn read(&self, attempt: &str, file: &str) -> Vec<u8> {
        keeper::printed(&self.spool(attempt), file, 0, u64::MAX).expect("readable").bytes
    }

    fn text(&self, attempt: &str, file: &str) -> String {
        String::from_utf8_lossy(&self.read(attempt, file)).into_owned()
    }

    fn evidence(&self, attempt: &str) -> Evidence {
        keeper::evidence(self.data.path(), &self.spool(attempt))
    }

    /// Waits until the child has said `text`: then it is where the test wants it.
    fn said(&self, attempt: &str, text: &str) {
        until(text, || self.text(attempt, "stdout").contains(text).then_some(()));
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for (_, identity) in keeper::keepers(self.data.path()) {
            signal("TERM", identity.keeper.pid);
        }
    }
}

impl Owner {
    fn say(&mut self, ask: &Ask, blob: &[u8]) {
        self.stream.write_all(&encode(ask, blob).expect("short")).expect("said");
    }

    fn wait<T>(&mut self, wanted: impl Fn(&Tell) -> Option<T>) -> T {
        if let Some(at) = self.heard.iter().position(|tell| wanted(tell).is_some()) {
            return wanted(&self.heard.remove(at)).expect("just seen");
        }
        loop {
            while let Some((tell, _)) = take::<Tell>(&mut self.bytes).expect("a frame") {
                match wanted(&tell) {
                    Some(found) => return found,
                    None => self.heard.push(tell),
                }
            }
            let mut buffer = [0; 4096];
            let count = match self.stream.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                count => count.expect("something to hear"),
            };
            assert!(count > 0, "the keeper hung up");
            self.bytes.extend_from_slice(&buffer[..count]);
        }
    }

    fn spawn(&mut self, spawn: &Spawn, stdin: &[u8]) -> Result<Option<Process>, String> {
        self.say(&Ask::Spawn(Box::new(spawn.clone())), stdin);
        self.wait(|tell| match tell {
            Tell::Spawned { attempt, process } if *attempt == spawn.attempt => Some(Ok(process.clone())),
            Tell::Refused { attempt, why } if *attempt == spawn.attempt => Some(Err(why.clone())),
            _ => None,
        })
    }

    fn ended(&mut self, attempt: &str) -> Exit {
        self.wait(|tell| match tell {
            Tell::Ended { attempt: of, exit } if of == attempt => Some((**exit).clone()),
            _ => None,
        })
    }

    fn run(&mut self, spawn: &Spawn) -> Exit {
        self.spawn(spawn, b"").expect("not refused");
        self.ended(&spawn.attempt)
    }
}

fn signal(name: &str, pid: i32) {
    let _ = Command::new("kill").args(["-s", name, "--", &pid.to_string()]).stderr(Stdio::null()).status();
}

fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat[stat.rfind(')')? + 1..].trim_start().chars().next()
}

fn gone(pid: &str) {
    let pid = pid.trim().parse().expect("a number");
    until("the end of a process", || state(pid).is_none_or(|state| state == 'Z').then_some(()));
}

#[test]
fn ends_are_told_as_they_were() {
    let house = House::new();
    let mut owner = house.owner();
    for (attempt, script, code, signal, stdout, stderr) in [
        ("ok", "echo out; echo err >&2", Some(0), None, "out\n", "err\n"),
        ("bad", "exit 7", Some(7), None, "", ""),
        ("signal", "kill -s KILL $$", None, Some(9), "", ""),
        ("missing", "no-such-command", Some(127), None, "", "sh: 1: no-such-command: not found\n"),
        ("quiet", "exec >&- 2>&-; read x; exit 5", Some(5), None, "", ""),
        ("stdin", "cat; exit 3", Some(3), None, "", ""),
    ] {
        let exit = owner.run(&house.spawn(attempt, script));
        assert_eq!((exit.code, exit.signal), (code, signal), "{attempt}");
        assert_eq!((house.text(attempt, "stdout"), house.text(attempt, "stderr")), (stdout.into(), stderr.into()));
        assert_eq!(house.evidence(attempt), Evidence::Ended(Box::new(exit)), "{attempt}: the disk says the same");
    }
}

#[test]
fn what_cannot_start_says_why() {
    let house = House::new();
    let mut owner = house.owner();
    let file = house.data.path().join("plain");
    fs::write(&file, "no program").expect("written");
    let plain = file.to_str().expect("UTF-8");
    for (attempt, argv0, cwd, code, why) in [
        ("a", "no-such-command", "/", Some(127), "command `no-such-command` not found in PATH=/usr/bin:/bin"),
        ("b", plain, "/", Some(126), "may not be executed"),
        ("c", "true", "/no/such/dir", None, "the working directory `/no/such/dir` is not there"),
    ] {
        let spawn = Spawn { argv: vec![argv0.into()], cwd: cwd.into(), ..house.spawn(attempt, "") };
        assert_eq!(owner.spawn(&spawn, b""), Ok(None), "{attempt}: taken, but without a process");
        let exit = owner.ended(attempt);
        assert_eq!(exit.code, code, "{attempt}");
        assert!(exit.start_error.as_ref().is_some_and(|error| error.contains(why)), "{attempt}: {exit:?}");
        assert_eq!(house.evidence(attempt), Evidence::Ended(Box::new(exit)), "{attempt}");
    }
}

#[test]
fn a_child_gets_exactly_what_was_asked() {
    let house = House::new();
    let mut owner = house.owner();
    let script = "env | sort | grep -v '^PWD=\\|^_=\\|^SHLVL='; umask; ulimit -c; cat; echo result >&3; ls /proc/self/fd | wc -l";
    let spawn = Spawn {
        env: vec![("PATH".into(), "/usr/bin:/bin".into()), ("X".into(), "a b\nc".into())],
        stdin: true,
        result: true,
        masks: vec!["result".into()],
        ..house.spawn("a", script)
    };
    owner.spawn(&spawn, b"from \0 stdin\n").expect("not refused");
    let exit = owner.ended("a");
    assert_eq!(exit.code, Some(0), "{}", house.text("a", "stderr"));
    // Five descriptors: the standard ones, the result's pipe, and the directory that `ls` reads.
    assert_eq!(house.text("a", "stdout"), "PATH=/usr/bin:/bin\nX=a b\nc\n0022\n0\nfrom \0 stdin\n5\n");
    assert_eq!(house.text("a", "result"), "result\n", "the result is for us and not masked");
    let stem = house.spool("a");
    let found = |path: &Path| fs::metadata(path).map(|found| found.permissions().mode() & 0o777);
    assert_eq!(found(stem.parent().expect("its directory")).expect("there"), 0o700);
    assert_eq!(found(&stem.with_file_name("attempts")).expect("there"), 0o600);
    for stream in ["stdout", "stderr", "result"] {
        assert!(found(&keeper::part(&stem, stream)).is_err(), "{stream}: little and soon over is no file");
    }
    let long = "head -c 4096 /dev/zero | tr '\\0' x; (head -c 4097 /dev/zero | tr '\\0' y) >&2; printf '\\377' >&3";
    owner.run(&Spawn { result: true, ..house.spawn("long", long) });
    let stem = house.spool("long");
    assert!(found(&keeper::part(&stem, "stdout")).is_err(), "4 KiB are little");
    for (stream, want) in [("stderr", vec![b'y'; 4097]), ("result", vec![0xff])] {
        assert_eq!(found(&keeper::part(&stem, stream)).expect(stream), 0o600);
        assert_eq!(house.read("long", stream), want, "{stream}: much, or no text, is a file");
    }
    let socket = fs::metadata(house.keeper.join("socket")).expect("there").permissions().mode() & 0o777;
    assert_eq!(socket, 0o600);
}

#[test]
fn what_was_made_ready_starts_when_it_is_ordered_and_not_before() {
    let house = House::new();
    let mut owner = house.owner();
    let cwd: String = house.data.path().to_str().expect("UTF-8").into();
    let spawn = |attempt: &str| {
        let script = format!("cat; echo {attempt} >> count");
        Spawn { cwd: cwd.clone(), stdin: true, quiet: true, ..house.spawn(attempt, &script) }
    };
    let prepare = |owner: &mut Owner, attempt: &str| owner.say(&Ask::Prepare(Box::new(spawn(attempt))), b"given");
    let go = |owner: &mut Owner, attempt: &str| owner.say(&Ask::Go { attempt: attempt.into() }, b"");
    let refused = |owner: &mut Owner, of: &str| {
        owner.wait(|tell| match tell {
            Tell::Refused { attempt, why } if attempt == of => Some(why.clone()),
            _ => None,
        })
    };
    let count = || fs::read_to_string(house.data.path().join("count")).unwrap_or_default();
    prepare(&mut owner, "a");
    // Whatever it would have done, it has done by the time another child is over.
    owner.run(&Spawn { quiet: false, ..spawn("other") });
    assert_eq!((count().as_str(), house.evidence("a")), ("other\n", Evidence::NeverStarted));
    go(&mut owner, "a");
    assert_eq!(owner.ended("a").code, Some(0));
    assert_eq!((count().as_str(), house.text("a", "stdout").as_str()), ("other\na\n", "given"));
    go(&mut owner, "a");
    assert!(refused(&mut owner, "a").contains("without having been made ready"));
    prepare(&mut owner, "a");
    go(&mut owner, "a");
    assert!(refused(&mut owner, "a").contains("`a` was seen before"));

    prepare(&mut owner, "b");
    owner.say(&Ask::Never { attempt: "b".into() }, b"");
    go(&mut owner, "b");
    assert!(refused(&mut owner, "b").contains("without having been made ready"));
    // What can't be made ready fails when it is ordered.
    let missing = Spawn { argv: vec!["no-such-command".into()], ..spawn("missing") };
    owner.say(&Ask::Prepare(Box::new(missing)), b"");
    go(&mut owner, "missing");
    assert_eq!(owner.ended("missing").code, Some(127));

    // An owner that hangs up orders nothing any more, and whoever comes next finds nothing begun.
    prepare(&mut owner, "c");
    drop(owner);
    let mut next = house.owner();
    go(&mut next, "c");
    assert!(refused(&mut next, "c").contains("without having been made ready"));
    assert_eq!(house.evidence("c"), Evidence::NeverStarted);
    assert_eq!(next.run(&Spawn { quiet: false, ..spawn("c") }).code, Some(0));
    assert_eq!(count(), "other\na\nc\n");
}

#[test]
fn an_attempt_is_never_started_twice() {
    let house = House::new();
    let mut owner = house.owner();
    let cwd = house.data.path().to_str().expect("UTF-8").into();
    let spawn = Spawn { cwd, ..house.spawn("once", "echo x >> count") };
    owner.run(&spawn);
    assert!(owner.spawn(&spawn, b"").is_err_and(|why| why.contains("`once` was seen before")));
    owner.say(&Ask::Forget { attempts: vec!["once".into()] }, b"");
    assert!(owner.spawn(&spawn, b"").is_err(), "forgotten by the keeper, remembered by the disk");
    keeper::launch(Path::new(PROGRAM), house.data.path(), "k2").expect("a keeper");
    let other = House { data: tempfile::tempdir().expect("a directory"), keeper: house.data.path().join("keeper/k2") };
    assert!(other.owner().spawn(&spawn, b"").is_err(), "another keeper knows, too");
    assert_eq!(fs::read_to_string(house.data.path().join("count")).expect("there"), "x\n");
}

#[test]
fn the_deadline_takes_the_whole_group() {
    let house = House::new();
    let mut owner = house.owner();
    // The child ignores TERM, and so does its child, which holds no pipe.
    let script = "trap '' TERM; (trap '' TERM; exec >/dev/null 2>&1; while :; do read x < /dev/zero; done) & echo $!; while :; do sleep 1; done";
    let spawn = Spawn { deadline_ms: Some(300), grace_ms: 200, ..house.spawn("a", script) };
    let exit = owner.run(&spawn);
    assert_eq!((exit.signal, exit.timed_out, exit.stopped), (Some(9), true, false));
    gone(&house.text("a", "stdout"));
}

#[test]
fn whoever_heeds_term_may_tidy_up_and_others_of_the_group_go_too() {
    let house = House::new();
    let mut owner = house.owner();
    let script = "(trap '' TERM; exec >/dev/null 2>&1; while :; do sleep 1; done) & trap 'echo tidy; exit 4' TERM; echo $!; while :; do sleep 0.05; done";
    let spawn = house.spawn("a", script);
    owner.spawn(&spawn, b"").expect("not refused");
    house.said("a", "\n");
    owner.say(&Ask::Stop { attempt: "a".into(), grace_ms: 500 }, b"");
    let exit = owner.ended("a");
    assert_eq!((exit.code, exit.timed_out, exit.stopped), (Some(4), false, true));
    let text = house.text("a", "stdout");
    assert!(text.ends_with("tidy\n"), "{text}");
    gone(text.lines().next().expect("a line"));
}

#[test]
fn a_grandchild_that_holds_the_output_is_cut_off() {
    let house = House::new();
    let mut owner = house.owner();
    for (attempt, script) in [("group", "sleep 600 & echo $!"), ("session", "setsid sleep 601 & echo $!")] {
        let exit = owner.run(&house.spawn(attempt, script));
        assert_eq!((exit.code, exit.lingering), (Some(0), true), "{attempt}");
        let wall = Duration::from_millis(exit.wall_ms);
        assert!(wall < Duration::from_secs(2), "{attempt}: the wait for others is not the step's time");
    }
    gone(&house.text("group", "stdout"));
    signal("KILL", house.text("session", "stdout").trim().parse().expect("a number"));
    let exit = owner.run(&house.spawn("brief", "(sleep 0.2; echo late) & true"));
    assert_eq!((exit.lingering, house.text("brief", "stdout").as_str()), (false, "late\n"));
}

#[test]
fn output_past_the_limit_is_counted() {
    let house = House::new();
    let mut owner = house.owner();
    // 64 MiB in one line: bounded memory is shown by the keeper's own.
    let script = "head -c 67108864 /dev/zero | tr '\\0' x; printf '\\377\\000z' >&2";
    let exit = owner.run(&Spawn { output_limit: 1000, ..house.spawn("a", script) });
    assert_eq!((exit.stdout.bytes_total, exit.stdout.bytes_kept), (67_108_864, 1000));
    assert_eq!(house.read("a", "stdout"), [b'x'; 1000]);
    assert_eq!((exit.stdout.bytes_dropped, exit.stderr.bytes_dropped), (67_107_864, 0));
    assert_eq!(keeper::end(&house.spool("a"), "stdout"), vec![b'x'; 64 * 1024]);
    assert_eq!(house.read("a", "stderr"), b"\xff\0z");
    let status = fs::read_to_string(format!("/proc/{}/status", owner.pid)).expect("alive");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("there");
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kib < 64 * 1024, "{kib} KiB");
}

/// The kernel counts a child from what the keeper was when it started it.
#[test]
fn the_peak_of_a_small_child_is_not_the_keepers() {
    let house = House::new();
    let mut owner = house.owner();
    let exit = owner.run(&Spawn { argv: vec!["true".into()], ..house.spawn("small", "") });
    assert_eq!((exit.code, exit.max_rss_kib), (Some(0), None));
    let exit = owner.run(&house.spawn("large", "x=$(head -c 100000000 /dev/zero | tr '\\0' x); [ ${#x} = 100000000 ]"));
    let peak = exit.max_rss_kib.expect("larger than any keeper");
    assert!(exit.code == Some(0) && peak > 90_000, "{peak} KiB");
}

#[test]
fn secrets_never_reach_the_spool() {
    let house = House::new();
    let mut owner = house.owner();
    let secret = "hunter2\nsecond/line";
    let script = "printf hun; sleep 0.1; printf 'ter2 \\377 a\\n'; printf %s \"$S\" | base64 >&2; printf 'x%s' \"$S\" | base64 >&2; \
                  printf 'second%%2Fline hunter'";
    let mut spawn = Spawn { masks: variants(secret), ..house.spawn("a", script) };
    spawn.env.push(("S".into(), secret.into()));
    let exit = owner.run(&spawn);
    assert_eq!(house.read("a", "stdout"), b"*** \xff a\n*** hunter");
    assert_eq!(exit.stdout.bytes_total, 32);
    let stderr = house.text("a", "stderr");
    assert!(
        stderr.lines().count() == 2 && stderr.lines().all(|line| line.contains("***") && line.len() < 10),
        "{stderr}"
    );
    let record = fs::read_to_string(house.spool("a").with_file_name("attempts")).expect("there");
    assert!(!record.contains("hunter2"), "{record}");
}

#[test]
fn output_is_seen_while_it_comes() {
    let house = House::new();
    let mut owner = house.owner();
    let spawn = Spawn { masks: vec!["hunter2".into()], ..house.spawn("a", "printf 'no newline'; read x; sleep 600") };
    owner.spawn(&spawn, b"").expect("not refused");
    house.said("a", "no newline");
    owner.say(&Ask::Stop { attempt: "a".into(), grace_ms: 5000 }, b"");
    assert!(owner.ended("a").stopped);
}

#[test]
fn a_new_owner_finds_everything() {
    let house = House::new();
    let mut first = house.owner();
    let go = house.data.path().join("go");
    let script = format!("echo early; while [ ! -e {} ]; do sleep 0.02; done; echo late; exit 6", go.display());
    first.spawn(&house.spawn("a", &script), b"").expect("not refused");
    house.said("a", "early");
    drop(first);
    assert!(matches!(house.evidence("a"), Evidence::Alive(_)));
    fs::write(&go, "").expect("written");
    until("the record", || keeper::read_exit(&house.spool("a")));
    let mut second = house.owner();
    second.say(&Ask::List, b"");
    let listed = second.wait(|tell| match tell {
        Tell::Listed { attempts } => Some(attempts.clone()),
        _ => None,
    });
    let exit = listed[0].exit.clone().expect("ended");
    assert_eq!((listed.len(), listed[0].attempt.as_str(), exit.code), (1, "a", Some(6)));
    assert_eq!(house.text("a", "stdout"), "early\nlate\n");
    assert_eq!(house.evidence("a"), Evidence::Ended(Box::new(exit)));
}

#[test]
fn a_dead_keeper_leaves_evidence() {
    let house = House::new();
    let mut owner = house.owner();
    assert_eq!(house.evidence("never"), Evidence::NeverStarted);
    let process = owner.spawn(&house.spawn("a", "exec >/dev/null 2>&1; echo; sleep 600"), b"");
    let process = process.expect("not refused").expect("started");
    signal("KILL", owner.pid);
    until("the keeper's end", || owner.stream.read(&mut [0; 64]).is_ok_and(|count| count == 0).then_some(()));
    until("the keeper's burial", || state(owner.pid).is_none().then_some(()));
    assert_eq!(house.evidence("a"), Evidence::Alive(process.clone()));
    signal("KILL", process.pid);
    until("the leader's end", || state(process.pid).is_none().then_some(()));
    assert_eq!(house.evidence("a"), Evidence::Alive(process.clone()), "its group is not gone");
    signal("KILL", -process.pid);
    until("the child's end", || (house.evidence("a") == Evidence::GoneWithoutTrace).then_some(()));
    keeper::clear_dead(house.data.path());
    assert!(!house.keeper.exists(), "dead keepers are cleared away");
}

/// Not a test of its own: the owner that the next tests kill and stop, in a process of its own.
#[test]
fn helper_owner() {
    #[expect(clippy::disallowed_methods, reason = "the helper's only way to hear from its test")]
    let Ok(data) = std::env::var("STEPLADDER_TEST_OWNER") else { return };
    let dir = keeper::launch(Path::new(PROGRAM), Path::new(&data), "k1").expect("a keeper");
    let data = tempfile::TempDir::new_in(&data).expect("a directory");
    let house = House { data, keeper: dir };
    let mut owner = house.owner();
    let spool = house.data.path().parent().expect("above").join("spool/a");
    let script = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo \"line $i of a text that fills its pipe soon enough\"; done; echo done; exit 9";
    let spawn = Spawn { stem: spool.to_str().expect("UTF-8").into(), ..house.spawn("a", script) };
    owner.spawn(&spawn, b"").expect("not refused");
    signal("STOP", i32::try_from(std::process::id()).expect("a number"));
    owner.ended("never");
}

#[test]
fn children_outlive_a_stopped_and_a_killed_owner() {
    let data = tempfile::tempdir().expect("a directory");
    let mut helper = Command::new(std::env::current_exe().expect("us"))
        .args(["--exact", "keeper::helper_owner", "--nocapture"])
        .env("STEPLADDER_TEST_OWNER", data.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("a helper");
    let house = House { keeper: data.path().join("keeper/k1"), data };
    let pid = i32::try_from(helper.id()).expect("a number");
    until("the owner to stop", || (state(pid) == Some('T')).then_some(()));
    let exit = until("the record", || keeper::read_exit(&house.spool("a")));
    assert_eq!(exit.code, Some(9), "drained although the owner is stopped");
    helper.kill().expect("killed");
    helper.wait().expect("buried");
    let mut owner = house.owner();
    owner.say(&Ask::List, b"");
    let listed = owner.wait(|tell| match tell {
        Tell::Listed { attempts } => Some(attempts.clone()),
        _ => None,
    });
    assert_eq!(listed[0].exit, Some(exit.clone()));
    let text = house.text("a", "stdout");
    assert_eq!((text.lines().count(), text.len() as u64), (3001, exit.stdout.bytes_total));
}

#[test]
fn nothing_is_leaked() {
    let house = House::new();
    let mut owner = house.owner();
    let open = |pid: i32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    owner.run(&house.spawn("warm", "true"));
    let before = open(owner.pid);
    for number in 0..200 {
        let attempt = format!("a{number}");
        owner
            .spawn(&Spawn { result: number % 2 == 0, ..house.spawn(&attempt, "(true &) ; true") }, b"")
            .expect("taken");
    }
    for number in 0..200 {
        assert_eq!(owner.ended(&format!("a{number}")).code, Some(0));
    }
    assert_eq!(open(owner.pid), before, "descriptors");
    let children = format!("/proc/{0}/task/{0}/children", owner.pid);
    until("the burial of all", || fs::read_to_string(&children).is_ok_and(|list| list.trim().is_empty()).then_some(()));
}

/// Cut off from whoever started it, so that nothing that happens there reaches it, and nothing there is held by it.
#[test]
fn a_keeper_holds_nothing_of_whoever_started_it() {
    let file = fs::File::open("/etc/passwd").expect("there");
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).expect("set");
    let house = House::new();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::CLOEXEC).expect("set");
    let mut owner = house.owner();
    let (pid, proc) = (owner.pid, PathBuf::from(format!("/proc/{}", owner.pid)));
    let held: Vec<_> = fs::read_dir(proc.join("fd")).expect("alive").flatten().collect();
    let held: Vec<_> = held.iter().filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
    assert!(!held.iter().any(|path| path.ends_with("passwd")), "{held:?}");
    let stat = fs::read_to_string(proc.join("stat")).expect("alive");
    let fields: Vec<&str> = stat[stat.rfind(')').expect("a name") + 2..].split(' ').collect();
    assert_eq!(
        (fields[2], fields[3], fields[17]),
        (&*pid.to_string(), &*pid.to_string(), "1"),
        "group, session, threads"
    );
    assert_eq!(fs::read_link(proc.join("cwd")).expect("alive"), Path::new("/"));
    // Its children: nothing to read, and whoever loses its parent comes to the keeper.
    let adopted = "for i in 1 2 3 4 5 6 7 8 9; do [ \"$(cut -d' ' -f4 /proc/$$/stat)\" = $K ] && exec echo adopted; sleep 0.1; done";
    let mut spawn = house.spawn("a", "readlink /proc/self/fd/0; (setsid sh -c \"$ADOPTED\" &)");
    spawn.env.extend([("ADOPTED".into(), adopted.into()), ("K".into(), pid.to_string())]);
    let exit = owner.run(&spawn);
    let said = (house.text("a", "stdout"), house.text("a", "stderr"));
    assert_eq!((exit.code, said), (Some(0), ("/dev/null\nadopted\n".into(), String::new())));
}

#[test]
fn a_deadline_needs_no_owner() {
    let house = House::new();
    let mut owner = house.owner();
    let script = "trap '' TERM; echo up; while :; do sleep 0.05; done";
    owner.spawn(&Spawn { deadline_ms: Some(1000), grace_ms: 200, ..house.spawn("a", script) }, b"").expect("taken");
    house.said("a", "up");
    drop(owner);
    let exit = until("the record", || keeper::read_exit(&house.spool("a")));
    assert_eq!((exit.signal, exit.timed_out), (Some(9), true));
}

/// More is told than the socket of an owner holds that does not listen: its children are drained all the same.
#[test]
fn nobody_who_does_not_listen_is_waited_for() {
    let house = House::new();
    let (mut deaf, mut owner) = (house.owner(), house.owner());
    let script =
        |bytes: u32| format!("head -c {bytes} /dev/zero | tr '\\0' x; (head -c 4096 /dev/zero | tr '\\0' y) >&2");
    for number in 0..100 {
        // What the one orders is told to both.
        deaf.say(&Ask::Spawn(Box::new(house.spawn(&format!("a{number}"), &script(4096)))), b"");
    }
    deaf.say(&Ask::Spawn(Box::new(Spawn { output_limit: 1000, ..house.spawn("much", &script(20_000_000)) })), b"");
    let exit = until("the record", || keeper::read_exit(&house.spool("much")));
    assert_eq!((exit.stdout.bytes_total, exit.stdout.bytes_kept), (20_000_000, 1000));
    for number in 0..100 {
        let attempt = format!("a{number}");
        assert_eq!(owner.ended(&attempt).stdout.bytes_kept, 4096, "{attempt}");
    }
    assert_eq!(deaf.ended("a99").code, Some(0), "what it was told has waited for it");
}

#[test]
fn a_keeper_without_work_goes_when_told() {
    let house = House::new();
    let mut owner = house.owner();
    owner.spawn(&house.spawn("a", "echo up; sleep 600"), b"").expect("not refused");
    house.said("a", "up");
    signal("TERM", owner.pid);
    assert!(matches!(house.evidence("a"), Evidence::Alive(_)), "not while it has a child");
    owner.say(&Ask::Stop { attempt: "a".into(), grace_ms: 5000 }, b"");
    assert!(owner.ended("a").stopped);
    until("its directory to go", || (!house.keeper.exists()).then_some(()));
}

/// Printed, not judged: how long a child takes from order to end, beside fork and exec alone.
#[test]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn latency() {
    let house = House::new();
    let mut owner = house.owner();
    let rounds: u32 = 50;
    let start = Instant::now();
    for _ in 0..rounds {
        Command::new("/bin/true").status().expect("ran");
    }
    let bare = start.elapsed() / rounds;
    let start = Instant::now();
    for number in 0..rounds {
        owner.run(&Spawn { argv: vec!["/bin/true".into()], ..house.spawn(&format!("a{number}"), "") });
    }
    println!("bare {bare:?}, under the keeper {:?}", start.elapsed() / rounds);
}
