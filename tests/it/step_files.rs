//! `files`, `backup` and `restore` as the real process: killed by kill -9 at many moments, and without room.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use stepladder::base::address::Place;
use stepladder::base::arg::Arg;
use stepladder::model::perform::Request;
use stepladder::model::policy::OutputForm;

const SETTINGS: &str = "timezone: Europe/Moscow\nroots: { logs: logs, config: config, backups: backups }\n";

struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let home = Self { dir: tempfile::tempdir().unwrap() };
        for root in ["logs", "config", "backups"] {
            fs::create_dir(home.path(root)).unwrap();
        }
        home
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Begins a step in a process of its own; `limit` is what the shell does before.
    fn begin(&self, kind: &str, params: &Value, limit: &str) -> Child {
        let Value::Object(map) = params.clone() else { panic!("no map") };
        let request = Request {
            run: "r".into(),
            place: Place::parse("step").unwrap(),
            attempt: 1,
            kind: kind.into(),
            params: Arg::Map(map.into_iter().map(|(key, value)| (key, Arg::Value(value))).collect()),
            env: Vec::new(),
            workdir: None,
            output: OutputForm::Text,
            timeout: None,
            sealed: BTreeMap::new(),
            artifacts: Vec::new(),
            rehearsal: false,
            listed: None,
        };
        let order = json!({
            "request": request,
            "secrets": {},
            "book_dir": self.dir.path(),
            "run_dir": self.path("run"),
            "base_env": [],
            "settings": SETTINGS,
        });
        let line = format!("{limit} exec \"$0\" step-host 3>\"$1\"");
        let mut child = Command::new("sh")
            .args(["-c", &line, env!("CARGO_BIN_EXE_stepladder")])
            .arg(self.path("result"))
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(order.to_string().as_bytes()).unwrap();
        child
    }

    /// Does a step to its end; the reply.
    fn step(&self, kind: &str, params: &Value, limit: &str) -> Value {
        self.begin(kind, params, limit).wait().unwrap();
        serde_json::from_str(&fs::read_to_string(self.path("result")).unwrap()).unwrap()
    }

    fn good(&self, kind: &str, params: &Value) {
        let reply = self.step(kind, params, "");
        assert!(reply.get("done").is_some(), "{kind} {params}: {reply}");
    }

    fn names(&self, root: &str) -> Vec<String> {
        let list = fs::read_dir(self.path(root)).unwrap();
        let mut names: Vec<_> = list.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// Bytes that no compression makes smaller, the same every time.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(state >> 56).unwrap()
    };
    (0..length).map(|_| next()).collect()
}

fn unpacked(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(fs::File::open(path).ok()?).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[test]
fn a_step_killed_at_any_moment_loses_nothing() {
    const FILES: u64 = 12;
    let home = Home::new();
    let path = |number: u64| home.path(&format!("logs/{number}.log"));
    (0..FILES).for_each(|number| fs::write(path(number), noise(number, 100_000)).unwrap());
    let order = json!({ "root": "logs", "compress": "*.log" });
    for round in 0..25_u64 {
        let mut child = home.begin("files", &order, "");
        std::thread::sleep(Duration::from_millis(round * 2));
        child.kill().unwrap();
        child.wait().unwrap();
        for number in 0..FILES {
            let bytes = noise(number, 100_000);
            let archive = home.path(&format!("logs/{number}.log.gz"));
            let plain = fs::read(path(number)).ok();
            assert!(plain.is_none() || plain.as_ref() == Some(&bytes), "round {round}: {number}.log is not itself");
            assert!(!archive.exists() || unpacked(&archive).as_ref() == Some(&bytes), "round {round}: {number}.log.gz");
            assert!(plain.is_some() || archive.exists(), "round {round}: {number} is lost");
        }
    }
    home.good("files", &order);
    let names: Vec<String> = home.names("logs");
    assert!(
        names.len() == usize::try_from(FILES).unwrap() && names.iter().all(|name| name.ends_with(".log.gz")),
        "{names:?}"
    );
}

#[test]
fn a_restore_killed_at_any_moment_is_undone_or_done() {
    const FILES: u64 = 12;
    let home = Home::new();
    let write = |seed: u64| {
        for number in 0..FILES {
            fs::write(home.path(&format!("config/{number}")), noise(seed + number, 50_000)).unwrap();
        }
    };
    let is = |seed: u64| {
        (0..FILES)
            .all(|n| fs::read(home.path(&format!("config/{n}"))).is_ok_and(|bytes| bytes == noise(seed + n, 50_000)))
    };
    write(100);
    home.good("backup", &json!({ "to": "backups", "name": "c", "sources": { "config": "**" } }));
    let order = json!({ "from": "backups", "name": "c" });
    for round in 0..15_u64 {
        write(200);
        let mut child = home.begin("restore", &order, "");
        std::thread::sleep(Duration::from_millis(round * 4));
        child.kill().unwrap();
        child.wait().unwrap();
        let half = home.path("backups/.c.restoring").exists();
        assert!(half || is(100) || is(200), "round {round}: half of both, and no mark");
        // The next one, which finds nothing to restore, still puts back what was there.
        if half {
            let lost = json!({ "from": "backups", "name": "c", "archive": "c-20200101T000000Z.tar.zst" });
            home.step("restore", &lost, "");
            assert!(is(200), "round {round}: what was there before was not put back");
        }
        home.good("restore", &order);
        assert!(is(100), "round {round}");
    }
}

#[test]
fn without_room_nothing_old_goes_and_nothing_unfinished_stays() {
    // No file may get longer than 32 KiB, or 64 where the shell counts kilobytes.
    let limit = "trap '' XFSZ; ulimit -f 64;";
    let home = Home::new();
    fs::write(home.path("config/small"), "small").unwrap();
    let backup =
        json!({ "to": "backups", "name": "c", "sources": { "config": "**" }, "keep": { "last": 1, "at_least": 1 } });
    home.good("backup", &backup);
    let before = home.names("backups");
    fs::write(home.path("config/large"), noise(1, 300_000)).unwrap();
    fs::write(home.path("logs/a.log"), noise(2, 300_000)).unwrap();
    let says = |reply: &Value, text: &str| {
        let message = reply["failed"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(text), "{text}: {reply}");
    };
    let reply = home.step("backup", &backup, limit);
    says(&reply, "no backup was made of `c` and nothing older was removed: ");
    says(&reply, "this user may write no larger file");
    assert_eq!(home.names("backups"), before);
    let reply = home.step("files", &json!({ "root": "logs", "compress": "*.log" }), limit);
    says(&reply, "a.log can't be done with");
    assert_eq!(home.names("logs"), ["a.log"]);
    home.good("backup", &backup);
    fs::remove_file(home.path("config/large")).unwrap();
    fs::write(home.path("config/small"), "other").unwrap();
    let reply = home.step("restore", &json!({ "from": "backups", "name": "c" }), limit);
    says(&reply, "was not restored, and nothing was replaced: ");
    assert_eq!(home.names("config"), ["small"]);
    assert_eq!(fs::read_to_string(home.path("config/small")).unwrap(), "other");
}
