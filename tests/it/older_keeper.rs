//! A keeper of another release beside this one: what was said between owners and keepers of protocol 1 is understood for ever.
//!
//! There is no older program to start: a stand-in in this process speaks the frames as they were first written, byte for byte
//! from `tests/fixtures/keeper/v1`, and knows fewer of them than this release. The fixtures are never edited.

use crate::rust_text::root;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stepladder::keeper;
use stepladder::keeper::protocol::{Ask, Spawn, Tell, encode, take};
use stepladder::runtime::keeper::{Adopted, End, KeeperClient, Report};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

fn golden(name: &str) -> Vec<String> {
    let path = root().join("tests/fixtures/keeper/v1").join(name);
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

/// What a frame of that text was: its two lengths, and the text.
fn frame(text: &str) -> Vec<u8> {
    let mut frame = u32::try_from(text.len()).unwrap().to_le_bytes().to_vec();
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

/// Whether everything that was said then is still said: names may be added, none goes and none means something else.
fn says_as_much(now: &Value, then: &Value) -> bool {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            then.iter().all(|(name, value)| now.get(name).is_some_and(|now| says_as_much(now, value)))
        }
        (Value::Array(now), Value::Array(then)) => {
            now.len() == then.len() && now.iter().zip(then).all(|(now, then)| says_as_much(now, then))
        }
        (now, then) => now == then,
    }
}

fn frozen<T: Serialize + DeserializeOwned>(name: &str) {
    for text in golden(name) {
        let mut bytes = frame(&text);
        let (message, rest) = take::<T>(&mut bytes).unwrap_or_else(|error| panic!("{text}: {error}")).unwrap();
        assert!(rest.is_empty() && bytes.is_empty(), "{text}");
        let now = encode(&message, &[]).unwrap();
        let now: Value = serde_json::from_slice(&now[8..]).unwrap();
        assert!(says_as_much(&now, &serde_json::from_str(&text).unwrap()), "then {text}\nnow  {now}");
    }
}

#[test]
fn frames_of_protocol_1_are_understood_for_ever() {
    frozen::<Ask>("asks.jsonl");
    frozen::<Tell>("tells.jsonl");
    let hello = encode(&Ask::Hello { protocol: 1 }, b"in").unwrap();
    assert_eq!(hello, b"\x18\0\0\0\x02\0\0\0{\"hello\":{\"protocol\":1}}in");
}

/// What a keeper that is this process says of itself on disk.
pub(crate) fn identity(protocol: u32, build: &str) -> String {
    json!({ "protocol": protocol, "build": build, "keeper": process(std::process::id()) }).to_string()
}

fn process(pid: u32) -> Value {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let start: u64 = stat.rsplit(')').next().unwrap().split_ascii_whitespace().nth(19).unwrap().parse().unwrap();
    json!({ "pid": pid, "start_time": start, "boot_id": keeper::boot_id() })
}

/// The keeper of an older release, which knows `hello`, `spawn`, `stop`, `list` and `forget`.
struct Older {
    data: TempDir,
    listener: UnixListener,
    /// What owners have said to it.
    heard: Arc<Mutex<Vec<String>>>,
}

impl Older {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let dir = data.path().join("keeper/0000000000000-1-1");
        fs::create_dir_all(&dir).unwrap();
        fs::create_dir_all(data.path().join("spool")).unwrap();
        let listener = UnixListener::bind(dir.join("socket")).unwrap();
        fs::write(dir.join("keeper.json"), identity(1, "0.0.9+older")).unwrap();
        Self { data, listener, heard: Arc::default() }
    }

    fn stem(&self, attempt: &str) -> PathBuf {
        self.data.path().join("spool").join(attempt)
    }

    /// A child of it, recorded as it was then.
    fn child(&self, attempt: &str, script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(self.data.path()).process_group(0);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        note(&self.stem(attempt), "seen", &json!({ "attempt": attempt, "keeper": process(std::process::id()) }));
        note(&self.stem(attempt), "child", &json!({ "child": process(child.id()), "session": std::process::id() }));
        child
    }

    /// Serves one owner, and tells it of the ends of these children.
    fn serve(&self, children: Vec<(&'static str, Child)>) {
        let (listener, heard) = (self.listener.try_clone().unwrap(), Arc::clone(&self.heard));
        let stems: Vec<_> = children.iter().map(|(attempt, _)| self.stem(attempt)).collect();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let groups: Vec<_> = children.iter().map(|(attempt, child)| (*attempt, child.id())).collect();
            for ((attempt, child), stem) in children.into_iter().zip(stems) {
                let stream = stream.try_clone().unwrap();
                std::thread::spawn(move || bury((attempt, child), &stem, stream));
            }
            listen(stream, &groups, &heard);
        });
    }
}

/// A line in the record of an attempt.
fn note(stem: &Path, tells: &str, what: &Value) {
    let mut log = OpenOptions::new().append(true).create(true).open(stem.with_file_name("attempts")).unwrap();
    let of = json!(stem.file_name().unwrap().to_str().unwrap());
    log.write_all(format!("#\n{{\"of\":{of},\"{tells}\":{what}}}\n").as_bytes()).unwrap();
}

fn bury((attempt, mut child): (&str, Child), stem: &Path, mut stream: UnixStream) {
    let status = child.wait().unwrap();
    // As the frame was then, with the truth of this child.
    let then = golden("tells.jsonl").into_iter().find(|text| text.starts_with("{\"ended\"")).unwrap();
    let mut ended: Value = serde_json::from_str(&then).unwrap();
    ended["ended"]["attempt"] = attempt.into();
    let exit = &mut ended["ended"]["exit"];
    (exit["code"], exit["signal"]) = (status.code().into(), status.signal().into());
    exit["stopped"] = status.signal().is_some().into();
    note(stem, "exit", exit);
    let _ = stream.write_all(&frame(&ended.to_string()));
}

fn listen(mut stream: UnixStream, groups: &[(&str, u32)], heard: &Mutex<Vec<String>>) {
    loop {
        let mut head = [0; 8];
        if stream.read_exact(&mut head).is_err() {
            return;
        }
        let length = |part: &[u8]| usize::try_from(u32::from_le_bytes(part.try_into().unwrap())).unwrap();
        let mut text = vec![0; length(&head[..4]) + length(&head[4..])];
        stream.read_exact(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        heard.lock().unwrap().push(text.clone());
        let ask: Value = serde_json::from_str(&text).unwrap();
        let name = ask.as_str().or_else(|| ask.as_object()?.keys().next().map(String::as_str)).unwrap();
        match name {
            "hello" => stream.write_all(&frame(&golden("tells.jsonl")[0])).unwrap(),
            "stop" => {
                for (_, pid) in groups.iter().filter(|(attempt, _)| ask["stop"]["attempt"] == *attempt) {
                    let group = rustix::process::Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
                    rustix::process::kill_process_group(group, rustix::process::Signal::TERM).unwrap();
                }
            }
            "forget" | "list" | "spawn" => {}
            // As every keeper does with what it does not know: it says so and hangs up.
            _ => {
                let _ = stream.write_all(&frame(golden("tells.jsonl").last().unwrap()));
                return;
            }
        }
    }
}

async fn next(reports: &mut tokio::sync::mpsc::UnboundedReceiver<Report>) -> (String, Option<i32>, bool) {
    let report = tokio::time::timeout(PATIENCE, reports.recv()).await.expect("in time").expect("open");
    let End::Exit(exit) = report.end else { panic!("{report:?}") };
    (report.attempt, exit.code, exit.stopped)
}

#[tokio::test]
async fn a_keeper_of_an_older_release_drains_beside_a_new_one() {
    let older = Older::new();
    let children = vec![
        ("ends", older.child("ends", "while [ ! -e go ]; do sleep 0.05; done; exit 3")),
        ("stopped", older.child("stopped", "exec sleep 600")),
    ];
    older.serve(children);
    let (sender, mut reports) = tokio::sync::mpsc::unbounded_channel();
    let program = Path::new(env!("CARGO_BIN_EXE_stepladder"));
    let client =
        KeeperClient::connect_or_launch(program, older.data.path(), Box::new(move |report| drop(sender.send(report))));
    for attempt in ["ends", "stopped"] {
        assert_eq!(client.adopt(attempt, &older.stem(attempt)), Adopted::Minded);
    }
    // What is new goes to a new one, made ready or not.
    let spawn = |attempt: &str| Spawn {
        attempt: attempt.into(),
        argv: vec!["sh".into(), "-c".into(), "exit 7".into()],
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        cwd: "/".into(),
        stem: older.stem(attempt).to_str().unwrap().into(),
        ..Spawn::default()
    };
    client.spawn(spawn("new"), b"");
    assert_eq!(next(&mut reports).await, ("new".into(), Some(7), false));
    let ahead = client.prepare(spawn("ready"), b"").expect("there is a keeper of this release");
    client.go(ahead);
    assert_eq!(next(&mut reports).await, ("ready".into(), Some(7), false));
    let ahead = client.prepare(spawn("unwanted"), b"").expect("there is a keeper of this release");
    client.never(ahead);
    // What the older one has begun it is asked about, and believed.
    client.stop("stopped", Duration::from_secs(20));
    assert_eq!(next(&mut reports).await, ("stopped".into(), None, true));
    fs::write(older.data.path().join("go"), "").unwrap();
    assert_eq!(next(&mut reports).await, ("ends".into(), Some(3), false));
    assert!(reports.try_recv().is_err(), "each end once");
    let heard = older.heard.lock().unwrap().clone();
    let known = |text: &String| ["{\"hello\"", "{\"stop\"", "{\"forget\""].iter().any(|name| text.starts_with(name));
    assert!(heard.iter().all(known) && heard.contains(&golden("asks.jsonl")[0]), "{heard:?}");
    let ours =
        |(_, identity): &(PathBuf, keeper::Identity)| i64::from(identity.keeper.pid) != i64::from(std::process::id());
    let new: Vec<_> = keeper::keepers(older.data.path()).into_iter().filter(ours).collect();
    assert_eq!(new.len(), 1);
    drop(Command::new("kill").arg(new[0].1.keeper.pid.to_string()).status());
}
