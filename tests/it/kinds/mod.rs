//! Every kind against the real thing on loopback: `tests/fixtures/kinds/<kind>.md`, request in, reply out.
//!
//! `UPDATE=1` rewrites the replies; read them in the diff. A kind whose server is not installed says
//! `skipped`, `.ci/run` installs it.

mod buckets;
pub(crate) mod livekit;
mod logind;
mod manual;
pub(crate) mod servers;
mod sip;
pub(crate) mod systemd;

use crate::kinds::servers::Servers;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stepladder::act::channel::Posted;
use stepladder::act::{Captured, ProcessExit, Seal, Secrets, World, command, perform, reply};
use stepladder::base::address::Place;
use stepladder::base::arg::{Arg, Landing, Piece, SecretRef, Text};
use stepladder::base::ids::Name;
use stepladder::base::span::Span;
use stepladder::model::book::{SecretSource, Settings};
use stepladder::model::kind::Kind;
use stepladder::model::perform::{Reply, Request};
use stepladder::model::policy::OutputForm;
use stepladder::model::shape::{Field, FieldType};

const NOW: &str = "2026-01-02T12:00:00Z";

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kinds")
}

/// A clock of this thread that moves a quarter of a second at each look, so that latencies are data.
fn ticks() -> Duration {
    std::thread_local! { static LOOKS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) }; }
    LOOKS.with(|looks| {
        looks.set(looks.get() + 1);
        Duration::from_millis(looks.get() * 250)
    })
}

struct Stage {
    book: tempfile::TempDir,
    said: Arc<Mutex<Vec<String>>>,
    servers: Servers,
}

impl Stage {
    fn world(&self) -> World {
        let said = Arc::clone(&self.said);
        let root = |name: &str, path: &str| (Name::parse(name).unwrap(), path.to_owned());
        let settings = Settings {
            timezone: "Europe/Moscow".into(),
            roots: BTreeMap::from([
                root("audits", "audits"),
                root("lost", "lost"),
                root("saved", "saved"),
                root("tree", "tree"),
            ]),
            ..Settings::default()
        };
        World {
            book_dir: self.book.path().into(),
            run_dir: self.book.path().join("run"),
            settings: Arc::new(settings),
            ladder: Arc::default(),
            secrets: Arc::new(Secrets {
                sources: vec![SecretSource::Env],
                environment: BTreeMap::from([("TOKEN".into(), "hunter2-hunter2".into())]),
                book_dir: self.book.path().into(),
                credentials: None,
                seal: Some(Seal::of(self.book.path())),
            }),
            base_env: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
            now: NOW.parse().unwrap(),
            ticks,
            timekeeping: stepladder::runtime::clock::timekeeping,
            say: Arc::new(move |announcement| {
                said.lock().unwrap().push(announcement.message.clone());
                true
            }),
            posted: Posted::default(),
        }
    }
}

/// `<secrets.NAME>` in a text becomes a hole.
fn arg(value: &Value) -> Arg {
    match value {
        Value::String(text) if text.contains("<secrets.") => {
            let (before, rest) = text.split_once("<secrets.").unwrap();
            let (name, after) = rest.split_once('>').unwrap();
            let hole = SecretRef { name: name.into(), landing: Landing::Plain };
            Arg::Text(Text(vec![Piece::Lit(before.into()), Piece::Secret(hole), Piece::Lit(after.into())]))
        }
        Value::Array(list) => Arg::List(list.iter().map(arg).collect()),
        Value::Object(map) => Arg::Map(map.iter().map(|(key, value)| (key.clone(), arg(value))).collect()),
        plain => Arg::Value(plain.clone()),
    }
}

fn request(kind: &str, params: &Value) -> Request {
    let mut params = params.clone();
    let form = params.as_object_mut().and_then(|map| map.remove("output"));
    let output = form.map_or(OutputForm::Text, |form| serde_json::from_value(form).unwrap());
    let rehearsal = params.as_object_mut().and_then(|map| map.remove("dry")) == Some(Value::Bool(true));
    let env = params.as_object_mut().and_then(|map| map.remove("env"));
    let env = env.iter().flat_map(|map| map.as_object().unwrap()).map(|(name, value)| match arg(value) {
        Arg::Text(text) => (name.clone(), text),
        other => (name.clone(), Text::lit(other.shown().as_str().unwrap())),
    });
    Request {
        run: "r1".into(),
        place: Place::parse("check").unwrap(),
        attempt: 1,
        kind: kind.into(),
        env: env.collect(),
        workdir: None,
        output,
        timeout: Some(Span::from_secs(5)),
        params: arg(&params),
        sealed: std::collections::BTreeMap::new(),
        artifacts: Vec::new(),
        rehearsal,
        listed: None,
    }
}

/// What the keeper does, without a keeper.
async fn child(request: &Request, world: &World) -> Reply {
    let filled = world.secrets.gather(request).await.unwrap();
    let command = match command(request, world, &filled) {
        Ok(command) => command,
        Err(failure) => return Reply::Failed(failure),
    };
    let mut child = std::process::Command::new(&command.argv[0]);
    child.args(&command.argv[1..]).env_clear().envs(command.env.clone()).current_dir(&command.cwd);
    let captured = |bytes: Vec<u8>| Captured { total: bytes.len() as u64, tail: bytes, unkept: None };
    let (exit, stdout, stderr) = match child.output() {
        Ok(output) => {
            use std::os::unix::process::ExitStatusExt;
            let (code, signal) = (output.status.code(), output.status.signal());
            let exit = ProcessExit { code, signal, duration_ms: 250, ..ProcessExit::default() };
            (exit, captured(output.stdout), captured(output.stderr))
        }
        Err(error) => {
            let exit = ProcessExit { start_error: Some(error.to_string()), ..ProcessExit::default() };
            (exit, Captured::default(), Captured::default())
        }
    };
    filled.mask(reply(request, &exit, &stdout, &stderr))
}

fn show(reply: &Reply) -> String {
    let pretty = |value: &Value| match value.as_object() {
        Some(map) => map.iter().map(|(key, value)| format!("  {key}: {value}\n")).collect(),
        None => format!("  {value}\n"),
    };
    match reply {
        Reply::Done { output, findings } => {
            let lines = findings.iter().map(|finding| format!("{}: {}\n", finding.level, finding.message));
            format!("done\n{}{}", lines.collect::<String>(), pretty(output))
        }
        Reply::Failed(failure) => {
            let lasting = if failure.lasting { ", lasting" } else { "" };
            let wait = failure.retry_after.map_or_else(String::new, |wait| format!(", retry after {wait}s"));
            let output = if failure.output.is_null() { String::new() } else { pretty(&failure.output) };
            format!("failed ({}{lasting}{wait})\n{}\n{output}", failure.kind.as_str(), failure.message)
        }
        other => format!("{other:?}\n"),
    }
}

/// Every case of a file: what stands before its reply, and the reply.
fn cases(text: &str) -> Vec<(String, String)> {
    let mut cases = Vec::new();
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once("```text\n") {
        let (answer, tail) = tail.split_once("```\n").unwrap();
        cases.push((before.to_owned(), answer.to_owned()));
        rest = tail;
    }
    assert_eq!(rest.trim(), "", "something stands behind the last reply");
    cases
}

fn run(kind: &str, servers: Servers) {
    let stage = Stage { book: tempfile::tempdir().unwrap(), said: Arc::default(), servers };
    let path = fixtures().join(format!("{kind}.md"));
    let text = std::fs::read_to_string(&path).unwrap();
    let world = stage.world();
    let mut written = String::new();
    for (before, _) in cases(&text) {
        let (_, params) = before.rsplit_once("```json\n").unwrap();
        let params = params.split_once("```").unwrap().0;
        let params: Value = serde_json::from_str(&stage.servers.fill(params, &world.book_dir)).unwrap();
        if let Some(files) = params.get("files_before").and_then(Value::as_object) {
            for (name, content) in files {
                let file = world.book_dir.join(name);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(&file, content.as_str().unwrap()).unwrap();
                let written = NOW.parse::<jiff::Timestamp>().unwrap() - jiff::SignedDuration::from_hours(40 * 24);
                let file = std::fs::File::options().append(true).open(file).unwrap();
                file.set_modified(written.into()).unwrap();
            }
        }
        let request = request(kind, params.get("request").unwrap_or(&params));
        let reply = match Kind::parse(kind) {
            Some(Kind::Shell | Kind::Exec | Kind::Script) => stage.servers.block_on(child(&request, &world)),
            Some(_) | None => stage.servers.block_on(async {
                let done = tokio::time::timeout(Duration::from_secs(30), perform(&request, &world)).await;
                done.unwrap_or_else(|_| panic!("{before}: not done after 30s"))
            }),
        };
        if let Reply::Done { output, .. } = &reply {
            fits(output, Kind::parse(kind).unwrap().spec().output, &before);
        }
        let answer = steady(kind, &stage.servers.scrub(&show(&reply), &world.book_dir));
        let _ = writeln!(written, "{before}```text\n{answer}```");
    }
    if kind == "notify" {
        assert_eq!(*stage.said.lock().unwrap(), ["all is well", "a\nb"]);
        let line = std::fs::read_to_string(world.book_dir.join("reports/alerts.jsonl")).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        let want = json!({ "time": NOW, "level": "critical", "title": "Daily check", "message": "a\nb", "fields": { "disk": "91 %" } });
        assert_eq!(line, want);
    }
    assert!(!written.contains("hunter2"), "a secret came back");
    if updating() {
        std::fs::write(&path, &written).unwrap();
    }
    let now = std::fs::read_to_string(&path).unwrap();
    assert!(
        now == written,
        "{} differs; UPDATE=1 rewrites it:\n{}",
        path.display(),
        crate::golden::difference(&now, &written)
    );
}

/// Sizes and checksums of archives differ with the user, whose id is in them.
fn steady(kind: &str, text: &str) -> String {
    if kind == "files" {
        // What the step itself wrote, and directories, are from now.
        return regex::Regex::new(r#""age_s":-\d+"#).unwrap().replace_all(text, r#""age_s":<now>"#).into_owned();
    }
    if kind != "backup" {
        return text.to_owned();
    }
    let text = regex::Regex::new(r"(?m)^  bytes: \d+$").unwrap().replace_all(text, "  bytes: <size>").into_owned();
    let text = regex::Regex::new(r"[0-9a-f]{64}").unwrap().replace_all(&text, "<sum>").into_owned();
    regex::Regex::new(r", in [\d.]+ \w+,").unwrap().replace_all(&text, ", in <size>,").into_owned()
}

fn updating() -> bool {
    std::env::vars().any(|(name, value)| name == "UPDATE" && value == "1")
}

/// The output has every field of the row, of its type, and no other.
fn fits(output: &Value, fields: &[Field], case: &str) {
    let map = output.as_object().unwrap();
    let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
    for key in map.keys() {
        assert!(known.contains(&key.as_str()), "{case}: `{key}` is not in the row");
    }
    for field in fields {
        // The files that are kept are told where some were asked for.
        let Some(value) = map.get(field.name) else {
            assert!(["artifacts", "not_kept"].contains(&field.name), "{case}: `{}` is missing", field.name);
            continue;
        };
        assert!(is_of(value, &field.ty, case), "{case}: `{}` is {value}, not {:?}", field.name, field.ty);
    }
}

fn is_of(value: &Value, ty: &FieldType, case: &str) -> bool {
    match ty {
        FieldType::Any => true,
        FieldType::Bool => value.is_boolean(),
        FieldType::Int => value.is_i64() || value.is_u64(),
        // What has no number is null: a threshold's `missing` judges it.
        FieldType::Number => value.is_number() || value.is_null(),
        FieldType::Text | FieldType::Secret => value.is_string(),
        FieldType::List(of) => value.as_array().is_some_and(|list| list.iter().all(|value| is_of(value, of, case))),
        FieldType::Map(of) => value.as_object().is_some_and(|map| map.values().all(|value| is_of(value, of, case))),
        FieldType::Record(fields) => {
            fits(value, fields, case);
            true
        }
        FieldType::Maybe(of) => value.is_null() || is_of(value, of, case),
    }
}

#[test]
fn http() {
    run("http", Servers::start().web());
}

#[test]
fn scrape() {
    run("scrape", Servers::start().web());
}

#[test]
fn prometheus() {
    run("prometheus", Servers::start().web());
}

#[test]
fn tcp() {
    run("tcp", Servers::start().web());
}

#[test]
fn tls() {
    run("tls", Servers::start().secure());
}

#[test]
fn sip() {
    if let Some(servers) = Servers::start().trunks() {
        run("sip", servers);
    }
}

#[test]
fn service() {
    if let Some(servers) = Servers::start().units() {
        run("service", servers);
    }
}

#[test]
fn livekit() {
    run("livekit", Servers::start().livekit());
}

#[test]
fn dns() {
    run("dns", Servers::start().names());
}

#[test]
fn redis() {
    if let Some(servers) = Servers::start().redis() {
        run("redis", servers);
    }
}

#[test]
fn sql() {
    if let Some(servers) = Servers::start().postgres() {
        run("sql", servers);
    }
}

/// A statement that nobody waits for any more ends in the server, too.
#[test]
fn a_timed_out_statement_is_stopped_in_the_server() {
    let Some(servers) = Servers::start().postgres() else { return };
    let stage = Stage { book: tempfile::tempdir().unwrap(), said: Arc::default(), servers };
    let world = stage.world();
    let asked = |query: &str| {
        let url = format!("postgresql://ops@127.0.0.1:{}/postgres", stage.servers.port("postgres"));
        request("sql", &json!({ "postgres": url, "password": "<secrets.TOKEN>", "query": query }))
    };
    let long = asked("select pg_sleep(600)");
    let ended = stage
        .servers
        .block_on(async { tokio::time::timeout(Duration::from_secs(1), perform(&long, &world)).await.is_ok() });
    assert!(!ended, "it sleeps for ten minutes");
    let count = asked("select count(*) from pg_stat_activity where state = 'active' and query like 'select pg_sleep%'");
    for _ in 0..600 {
        let reply = stage.servers.block_on(perform(&count, &world));
        let Reply::Done { output, .. } = reply else { panic!("{reply:?}") };
        if output["value"] == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the statement still runs after half a minute");
}

#[test]
fn child_processes() {
    for kind in ["shell", "exec", "script"] {
        run(kind, Servers::start());
    }
}

#[test]
fn files_and_words() {
    for kind in ["logs", "files", "backup", "restore", "report", "notify", "escalate"] {
        run(kind, Servers::start());
    }
}

/// Its numbers are never the same twice, so only what must hold is held.
#[test]
fn system() {
    let servers = Servers::start().web();
    let port = servers.port("http");
    let stage = Stage { book: tempfile::tempdir().unwrap(), said: Arc::default(), servers };
    let world = stage.world();
    std::fs::write(world.book_dir.join("ten"), "0123456789").unwrap();
    let open = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let params =
        json!({ "sample": 200, "ports": [port], "processes": ["it-*", "nothing-of-the-kind"], "sizes": ["ten"] });
    let reply = stage.servers.block_on(perform(&request("system", &params), &world));
    drop(open);
    let Reply::Done { output, .. } = reply else { panic!("{reply:?}") };
    fits(&output, Kind::System.spec().output, "system");
    assert_eq!(output["sockets"][0]["listening"], true, "{output}");
    assert!(output["connections"].as_u64() >= Some(1), "{output}");
    assert_eq!(output["sizes"]["ten"], 10);
    assert!(output["processes"][0]["count"].as_u64() >= Some(1), "this test is a process: {output}");
    assert_eq!(output["processes"][1]["count"], 0);
    assert!(output["memory"]["total_bytes"].as_u64() > Some(1 << 20) && output["cpu"]["cores"].as_u64() > Some(0));
    assert!(output["disks"].as_array().unwrap().iter().any(|disk| disk["mount"] == "/"), "{output}");
    assert_eq!([&output["listening"], &output["logins"], &output["clock"]], [&Value::Null; 3], "nobody asked for them");
    let asked = json!({ "sample": 200, "listening": { "protocol": "tcp", "except": [port] }, "clock": true });
    let known = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let reply = stage.servers.block_on(perform(&request("system", &asked), &world));
    let Reply::Done { output, .. } = reply else { panic!("{reply:?}") };
    fits(&output, Kind::System.spec().output, "system");
    let listed = output["listening"].as_array().unwrap();
    let at = known.local_addr().unwrap();
    let ours = listed.iter().find(|one| one["port"] == at.port()).unwrap();
    assert!(ours["text"].as_str().unwrap().starts_with(&format!("tcp {at} ")), "with its process: {ours}");
    assert!(!listed.iter().any(|one| one["port"] == port), "it was left out: {output}");
    assert!(output["clock"]["synchronised"].is_boolean(), "{output}");
    let missing = stage.servers.block_on(perform(&request("system", &json!({ "mounts": ["/nowhere"] })), &world));
    assert!(matches!(missing, Reply::Failed(failure) if failure.message == "nothing is mounted at `/nowhere`"));
}

#[test]
fn every_kind_has_its_fixture() {
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::System) {
        assert!(fixtures().join(format!("{}.md", kind.name())).exists(), "no fixture of `{}`", kind.name());
    }
}
