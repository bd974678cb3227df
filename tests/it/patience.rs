//! How long steps wait for somebody else, and what a run says of what became of it: through the real binary.

use crate::owner::{Home, kill, text};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

/// A peer that takes so long before each of its answers; it gives the last one again.
fn peer(answers: &'static [&'static str], pause: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                let mut answers = answers.iter();
                while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                    std::thread::sleep(pause);
                    let Some(answer) = answers.next() else { return };
                    drop(stream.write_all(answer.as_bytes()));
                }
            });
        }
    });
    port
}

/// A peer that speaks first, after a while.
fn speaker(said: &'static str, pause: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                std::thread::sleep(pause);
                drop(stream.write_all(said.as_bytes()));
                std::thread::sleep(Duration::from_mins(1));
            });
        }
    });
    port
}

/// How the only step of a run ended: its outcome, the kind of its failure, and its message.
fn ended(steps: &str) -> (String, String, String) {
    let home = Home::new(&[("asks", &format!("steps:\n  - {steps}\n"))]);
    let out = home.run(&["run", "asks", "--json"]);
    let events: Vec<Value> = text(&out.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end =
        events.iter().find(|event| event["event"] == "step_ended").unwrap_or_else(|| panic!("{}", text(&out.stderr)));
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (word(&end["outcome"]), word(&end["failure"]["kind"]), word(&end["failure"]["message"]))
}

#[test]
fn a_redis_is_waited_for_as_long_as_its_step_says() {
    let slow = peer(&["+PONG\r\n", "$22\r\nredis_version:7.0.15\r\n\r\n"], Duration::from_millis(800));
    let (outcome, _, message) = ended(&format!("{{ id: a, redis: 'localhost:{slow}', timeout: 30s }}"));
    assert_eq!((outcome.as_str(), message.as_str()), ("succeeded", ""));
    let silent = peer(&[], Duration::from_mins(1));
    let (outcome, kind, message) = ended(&format!("{{ id: a, redis: 'localhost:{silent}', timeout: 1s }}"));
    assert_eq!((outcome.as_str(), kind.as_str()), ("failed", "timeout"), "{message}");
}

#[test]
fn what_a_peer_has_to_say_is_waited_for_as_long_as_its_step_says() {
    let late = speaker("READY\n", Duration::from_secs(3));
    let step = |rest: &str| {
        ended(&format!("{{ id: a, tcp: {{ connect: 'localhost:{late}', expect: {{ text: READY }} }}{rest} }}"))
    };
    assert_eq!(step(", timeout: 20s").0, "succeeded");
    let (outcome, kind, message) = step("");
    assert_eq!((outcome.as_str(), kind.as_str()), ("failed", "expect"), "without a timeout two seconds do: {message}");
    let other = speaker("BUSY\n", Duration::ZERO);
    let (outcome, kind, message) =
        ended(&format!("{{ id: a, tcp: {{ connect: 'localhost:{other}', expect: {{ text: READY }} }}, timeout: 1s }}"));
    assert_eq!((outcome.as_str(), kind.as_str()), ("failed", "expect"));
    assert!(message.contains("it said `BUSY"), "what was heard is told before the time is up: {message}");
}

/// What a run and its exit code say, and why.
fn came_to(home: &Home, runbook: &str) -> (Option<i32>, String, String) {
    let out = home.run(&["run", runbook, "--json"]);
    let last: Value = serde_json::from_str(text(&out.stdout).lines().last().unwrap()).unwrap();
    let word = |name: &str| last[name].as_str().unwrap_or_default().to_owned();
    (out.status.code(), word("outcome"), word("reason"))
}

#[test]
fn a_run_says_what_made_it_more_than_ok() {
    let home = Home::new(&[
        ("last", "steps: [ { id: a, shell: 'true' } ]\nfinally: [ { id: f, shell: 'exit 1', allow_failure: true } ]\n"),
        ("skips", "concurrency: { group: g, full: skip }\nsteps: [ { id: x, shell: sleep 0.5 } ]\n"),
        ("calls", "steps: [ { id: b, foreach: [ x, y ], max_parallel: 2, runbook: { run: skips } } ]\n"),
    ]);
    let (code, outcome, reason) = came_to(&home, "last");
    assert_eq!((code, outcome.as_str()), (Some(1), "succeeded"), "{reason}");
    assert!(reason.starts_with("in `finally`: `f` is warning: "), "{reason}");
    let (code, outcome, reason) = came_to(&home, "calls");
    assert_eq!((code, outcome.as_str()), (Some(130), "cancelled"), "{reason}");
    assert!(reason.starts_with("`b` was cancelled: ") && reason.contains("group `g` is held by"), "{reason}");
}

/// Who interrupts the cleaning up after a failure does not make the failure undone.
#[test]
fn what_failed_before_somebody_asked_for_its_end_has_failed() {
    let waits = |name: &str| {
        format!("{{ id: {name}, shell: 'touch {name}; while [ ! -e go ]; do sleep 0.02; done; touch {name}-done' }}")
    };
    for handler in ["on_failure", "finally"] {
        let steps = format!("steps: [ {{ id: a, shell: exit 7 }} ]\n{handler}: [ {} ]\n", waits("late"));
        let home = Home::new(&[("fails", &steps)]);
        let child = home.start(&["run", "fails", "--json"]);
        home.until("the handler has begun", || home.path("late").exists());
        kill(child.id(), rustix::process::Signal::INT);
        home.until("it was asked for its end", || {
            let shown: Value = serde_json::from_slice(&home.run(&["show", "last", "--json"]).stdout).unwrap();
            shown["events"].as_array().unwrap().iter().any(|event| event["event"] == "cancel_asked")
        });
        std::fs::write(home.path("go"), "").unwrap();
        let out = child.wait_with_output().unwrap();
        let last: Value = serde_json::from_str(text(&out.stdout).lines().last().unwrap()).unwrap();
        assert_eq!((out.status.code(), &last["outcome"]), (Some(2), &Value::from("failed")), "{handler}: {last}");
        assert!(last["reason"].as_str().unwrap().starts_with("`a` failed"), "{last}");
        assert!(home.path("late-done").exists());
    }
}

#[test]
fn a_step_has_one_key_over_all_attempts_of_the_group_around_it() {
    let group = "steps:\n  - id: g\n    retry: { attempts: 2, backoff: 1ms }\n    steps: [ { id: b, shell: 'echo $STEPLADDER_KEY >> keys; exit 1' } ]\n  - id: each\n    after: [ g ]\n    foreach: [ x, y ]\n    shell: echo $STEPLADDER_KEY >> keys\n";
    let home = Home::new(&[("group", group)]);
    home.run(&["run", "group"]);
    let keys = std::fs::read_to_string(home.path("keys")).unwrap();
    let keys: Vec<&str> = keys.lines().collect();
    assert_eq!(keys.len(), 4, "{keys:?}");
    assert!(keys[0] == keys[1] && keys[0] != keys[2] && keys[2] != keys[3], "{keys:?}");
}
