//! Children that behave oddly, under the real binary: what they print, how they end, what could not be started.

use crate::owner::{Home, keeper_pid, text};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

/// The failure of a step's last attempt.
fn failure<'a>(events: &'a [Value], place: &str) -> &'a str {
    let of = |event: &&Value| event["event"] == "attempt_ended" && event["place"] == place;
    let last = events.iter().rfind(of).unwrap_or_else(|| panic!("no attempt of {place} ended: {events:#?}"));
    last["failure"]["message"].as_str().unwrap_or_else(|| panic!("{last}"))
}

#[test]
fn what_could_not_be_started_or_was_killed_says_so_by_name() {
    let home = Home::new(&[(
        "odd",
        "defaults: { allow_failure: true }\nsteps:\n  - { id: missing, needs: [], exec: { argv: [no-such-command] } }\n  - { id: in_shell, needs: [], shell: no-such-command }\n  - { id: plain, needs: [], exec: { argv: [./plain] } }\n  - { id: headless, needs: [], exec: { argv: [./headless] } }\n  - { id: nowhere, needs: [], shell: 'true', workdir: not/there }\n  - { id: killed, needs: [], shell: 'kill -9 $$' }\n  - { id: crashed, needs: [], shell: 'kill -s BUS $$' }\n  - { id: quit, needs: [], shell: 'kill -s USR1 $$' }\n",
    )]);
    fs::write(home.path("plain"), "no program").unwrap();
    fs::write(home.path("headless"), "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(home.path("headless"), fs::Permissions::from_mode(0o755)).unwrap();
    let out = home.command(&["run", "odd", "--json"]).env("PATH", "/usr/bin:/bin").output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    let events: Vec<Value> = text(&out.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (place, says) in [
        ("missing", "command `no-such-command` not found in PATH=/usr/bin:/bin"),
        ("in_shell", "exited with 127, command not found in PATH=/usr/bin:/bin: sh: "),
        ("plain", "/plain` may not be executed"),
        ("headless", "cannot start `./headless`: the interpreter named in its first line is not there"),
        ("nowhere", "the working directory `"),
        ("nowhere", "not/there` is not there"),
        ("killed", "was ended by signal 9 (KILL)"),
        ("crashed", "was ended by signal 7 (BUS)"),
        ("quit", "was ended by signal 10 (USR1)"),
    ] {
        assert!(failure(&events, place).contains(says), "{place}: {}", failure(&events, place));
    }
    let code = |place: &str| {
        let of = |event: &&Value| event["event"] == "attempt_ended" && event["place"] == place;
        events.iter().rfind(of).unwrap()["output"]["exit_code"].clone()
    };
    assert_eq!(
        (code("missing"), code("plain"), code("headless"), code("killed")),
        (127.into(), 126.into(), 127.into(), 137.into())
    );
}

/// The events of a run that is told as JSON.
fn told(home: &Home, args: &[&str]) -> Vec<Value> {
    let out = home.run(args);
    text(&out.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Bytes that are no text, a NUL, no line break at the end, and two steps that end at the same time.
#[test]
fn output_that_is_no_text_is_kept_as_it_is() {
    let home = Home::new(&[(
        "bytes",
        "steps:\n  - { id: raw, needs: [], shell: 'printf \"a\\377\\376b\\000c\\033[31m\"' }\n  - { id: one, needs: [], shell: 'echo 1' }\n  - { id: two, needs: [], shell: 'echo 2' }\n  - { id: closed, needs: [], shell: 'exec >&- 2>&-; sleep 0.2; echo > lived' }\n  - { id: says, log: \"{{ steps.raw.output.stdout }}|\" }\n",
    )]);
    let out = home.run(&["run", "bytes", "--json"]);
    assert_eq!(out.status.code(), Some(0), "{}{}", text(&out.stdout), text(&out.stderr));
    assert!(home.path("lived").exists(), "whoever closes its output is waited for");
    let mut kept = Vec::new();
    for dir in fs::read_dir(home.path(".stepladder/spool")).unwrap() {
        kept.push(fs::read(dir.unwrap().path().join("raw.1.stdout")).unwrap_or_default());
    }
    assert_eq!(kept, [b"a\xff\xfeb\0c\x1b[31m"]);
    let shown = text(&home.command(&["show", "last"]).env("LANG", "C.UTF-8").output().unwrap().stdout);
    assert!(!shown.contains('\x1b') && !shown.contains('\0'), "{shown:?}");
}

/// What is read as a value is read whole, however long, or not at all.
#[test]
fn output_read_as_a_value_is_whole_or_an_error() {
    let long = "steps:\n  - { id: lines, shell: 'seq 1 30000', output: lines }\n  - { id: json, shell: 'echo [; seq -s, 1 30000; echo ]', output: json }\n  - { id: kv, shell: 'seq 1 20000 | sed s/^/k/ | sed s/$/=v/', output: kv }\n  - { id: says, log: 'first {{ json steps.lines.output.value.0 }}, {{ json steps.json.output.value.29999 }}, {{ steps.kv.output.value.k7 }}' }\n";
    let home = Home::new(&[("long", long)]);
    let out = home.run(&["run", "long"]);
    assert_eq!(out.status.code(), Some(0), "{}{}", text(&out.stdout), text(&out.stderr));
    assert!(text(&out.stdout).contains("first \"1\", 30000, v"), "the first and the last: {}", text(&out.stdout));
    let much = "defaults: { allow_failure: true }\nsteps:\n  - { id: large, needs: [], shell: 'seq 1 700000', output: lines }\n";
    fs::write(home.path("runbooks/much.yaml"), format!("runbook: much\n{much}")).unwrap();
    let events = told(&home, &["run", "much", "--json"]);
    assert!(
        failure(&events, "large").ends_with("it printed 4788895 bytes, too many to read as lines (at most 4194304)"),
        "{}",
        failure(&events, "large")
    );
    fs::write(home.path("stepladder.yaml"), "timezone: UTC\noutput_limit: 10KiB\n").unwrap();
    let events = told(&home, &["run", "long", "--json"]);
    let says = "the shell line: it printed 164.9 KiB on stdout, of which 10.0 KiB is kept (`output_limit`) and 154.9 KiB is not: a part cannot be read as lines";
    assert_eq!(failure(&events, "lines"), says);
}

/// What is past the limit is counted aloud wherever the step is looked at, and its end is there.
#[test]
fn output_past_the_limit_is_said() {
    let home = Home::new(&[(
        "flood",
        "steps:\n  - { id: a, shell: 'head -c 3000000 /dev/zero | tr \"\\0\" x; echo; echo the end' }\n",
    )]);
    fs::write(home.path("stepladder.yaml"), "timezone: UTC\noutput_limit: 1MiB\n").unwrap();
    let out = home.run(&["run", "flood"]);
    assert_eq!(out.status.code(), Some(0), "{}{}", text(&out.stdout), text(&out.stderr));
    let said = "printed 2.9 MiB on stdout, of which 1.0 MiB is kept (`output_limit`) and 1.9 MiB is not";
    assert!(text(&out.stdout).contains(&format!("{said} (notice)")), "{}", text(&out.stdout));
    let shown = text(&home.run(&["show", "last"]).stdout);
    assert!(shown.contains(&format!("{said} (notice)")), "{shown}");
    let logs = home.run(&["logs", "last", "a"]);
    assert!(text(&logs.stderr).contains(&format!("`a` {said}; the end of it:")), "{}", text(&logs.stderr));
    assert!(logs.stdout.starts_with(b"xxx") && logs.stdout.ends_with(b"xx\nthe end\n"), "kept, and its end");
    let mark = "\n[... 1.8 MiB that is not kept ...]\n";
    assert!(text(&logs.stdout).contains(mark), "what is missing is marked where it is missing");
    assert_eq!(logs.stdout.len(), (1 << 20) + mark.len() + (64 << 10));
    let detail: Value = serde_json::from_slice(&home.run(&["show", "last", "--json"]).stdout).unwrap();
    let events = detail["events"].as_array().unwrap();
    let ended = events.iter().find(|event| event["event"] == "attempt_ended").unwrap();
    assert_eq!((&ended["unkept"][0]["kept"], &ended["unkept"][0]["more"]), (&1_048_576.into(), &1_951_433.into()));
    let stdout = ended["output"]["stdout"].as_str().unwrap();
    assert!(stdout.len() == 64 << 10 && stdout.ends_with("xx\nthe end\n"), "the last 64 KiB");
}

/// What is past the limit and still in the event is all there, and is there once.
#[test]
fn output_a_little_past_the_limit_is_whole() {
    for (limit, lines) in [("64KiB", 17_000), ("0B", 3)] {
        let home = Home::new(&[("count", &format!("steps: [ {{ id: a, shell: 'seq 1 {lines}' }} ]\n"))]);
        fs::write(home.path("stepladder.yaml"), format!("timezone: UTC\noutput_limit: {limit}\n")).unwrap();
        assert_eq!(home.run(&["run", "count"]).status.code(), Some(0));
        let logs = home.run(&["logs", "last", "a"]);
        let all: String = (1..=lines).map(|line| format!("{line}\n")).collect();
        assert!(text(&logs.stdout) == all, "{limit}: {} of {} bytes", logs.stdout.len(), all.len());
        assert_eq!(text(&logs.stderr), "", "{limit}");
    }
}

/// A line as long as a book is shown as a line, and is whole in the logs.
#[test]
fn a_long_line_is_short_where_it_is_shown() {
    let home = Home::new(&[("long", "steps:\n  - { id: a, shell: 'echo $(seq 1 30000); exit 1' }\n")]);
    let out = home.run(&["run", "long"]);
    let run = text(&out.stdout);
    let longest = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    assert!(longest(&run) < 400 && run.contains(" more"), "{run}");
    let show = text(&home.run(&["show", "last"]).stdout);
    assert!(longest(&show) < 400 && show.lines().count() < 20, "{show}");
    assert_eq!(longest(&text(&home.run(&["logs", "last"]).stdout)), 168_893);
}

/// The largest resident set that a process ever had, in KiB.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

fn the_keeper(home: &Home) -> u32 {
    let mut keepers = fs::read_dir(home.path(".stepladder/keeper")).unwrap();
    keeper_pid(&keepers.next().unwrap().unwrap().path())
}

/// A gibibyte without a line break: counted whole, kept up to the limit, in bounded memory, and seen while it comes.
#[test]
fn a_line_without_an_end_is_bounded_and_seen_live() {
    let home = Home::new(&[(
        "long",
        "steps:\n  - { id: flood, shell: 'printf begun; head -c 1073741824 /dev/zero | tr \"\\0\" x; echo > done; while [ ! -e go ]; do sleep 0.02; done' }\n",
    )]);
    let settings = "timezone: UTC\nkeep: { min_free: 1MiB }\noutput_limit: 256KiB\n";
    fs::write(home.path("stepladder.yaml"), settings).unwrap();
    let child = home.start(&["run", "long", "--json"]);
    home.until("the first word is kept", || home.path(".stepladder/spool").exists());
    home.until("it is seen while it runs", || text(&home.run(&["logs", "last"]).stdout).contains("begun"));
    home.until("all of it was printed", || home.path("done").exists());
    let (owner, keeper) = (peak(child.id()), peak(the_keeper(&home)));
    fs::write(home.path("go"), "").unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    // A debug build of the owner takes some 60 MiB as it is.
    assert!(owner < 256 * 1024 && keeper < 64 * 1024, "owner {owner} KiB, keeper {keeper} KiB");
    let spool = fs::read_dir(home.path(".stepladder/spool")).unwrap().next().unwrap().unwrap().path();
    let kept = fs::read(spool.join("flood.1.stdout")).unwrap();
    assert!(kept.starts_with(b"begunxxx") && kept.len() == 256 * 1024, "{} bytes are kept", kept.len());
    let exit = stepladder::keeper::read_exit(&spool.join("flood.1")).unwrap();
    assert_eq!(exit.stdout.bytes_total, 1_073_741_824_u64 + 5);
}

/// No process number is free for a while: the step waits for one, and the run is good.
#[test]
fn a_machine_without_room_is_waited_for() {
    const NOBODY: u32 = 54_321;
    if !rustix::process::geteuid().is_root() {
        crate::tools::not_permitted("only root can become a user of its own");
        return;
    }
    let home = Home::new(&[(
        "cramped",
        "steps:\n  - { id: a, shell: 'echo > began; while [ ! -e go ]; do sleep 0.02; done' }\n  - { id: b, shell: 'echo good', retry: { attempts: 900, backoff: 100ms, jitter: false } }\n",
    )]);
    for path in [".", "runbooks", "stepladder.yaml", "runbooks/cramped.yaml"] {
        chown(home.path(path), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    // A directory of the build may be closed to others: the program is run from the book.
    let program = home.path("stepladder");
    fs::copy(env!("CARGO_BIN_EXE_stepladder"), &program).unwrap();
    let id = NOBODY.to_string();
    let limited = |keeper: u32, most: &str| {
        let (keeper, most) = (keeper.to_string(), format!("--nproc={most}:"));
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "prlimit", "--pid", &keeper, &most]);
        assert!(command.status().unwrap().success());
    };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]).arg(&program).args(["run", "cramped", "--json"]);
    command.current_dir(home.dir.path()).stdout(fs::File::create(home.path("said")).unwrap());
    let mut child = command.spawn().unwrap();
    home.until("the first step has begun", || home.path("began").exists());
    let keeper = the_keeper(&home);
    let limits = fs::read_to_string(format!("/proc/{keeper}/limits")).unwrap();
    let most = limits.lines().find_map(|line| line.strip_prefix("Max processes")).unwrap();
    let most = most.split_whitespace().next().unwrap().to_owned();
    limited(keeper, "1");
    fs::write(home.path("go"), "").unwrap();
    home.until("a start has failed", || {
        fs::read_to_string(home.path("said")).unwrap().contains("\"event\":\"step_backoff\"")
    });
    limited(keeper, &most);
    let status = child.wait().unwrap();
    let said = fs::read_to_string(home.path("said")).unwrap();
    assert_eq!(status.code(), Some(0), "{said}");
    let events: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let first = events.iter().find(|event| event["event"] == "attempt_ended" && event["place"] == "b").unwrap();
    assert_eq!(first["failure"]["kind"], "start", "{first}");
    assert!(first["failure"]["message"].as_str().unwrap().contains("Resource temporarily unavailable"), "{first}");
}
