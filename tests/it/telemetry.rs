//! Traces of runs as a collector gets them, read by the protocol's own decoder; and collectors that are busy, slow or gone.

use crate::http::Site;
use crate::owner::{Home, text};
use crate::serve::Daemon;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stepladder::runtime::clock::ticks;

/// A request that came to a collector.
#[derive(Debug, Clone)]
struct Asked {
    head: String,
    body: Vec<u8>,
}

/// A collector that answers as it is told, and keeps what it was asked.
struct Collector {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Collector {
    /// One that answers each request with the next of these, and with the last of them from then on. "" = it does not answer.
    fn start(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let keeps = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for (nth, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let Some(request) = read(&mut stream) else { continue };
                keeps.lock().unwrap().push(request);
                let answer = answers[nth.min(answers.len() - 1)];
                if answer.is_empty() {
                    held.push(stream);
                } else {
                    let all = format!("HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                    drop(stream.write_all(all.as_bytes()));
                }
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Every span that was sent in requests which were answered well, behind the first so many.
    fn spans(&self, behind: usize) -> Vec<Value> {
        spans(&self.asked()[behind..])
    }
}

fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? <= 2 {
            break;
        }
        if let Some(number) = line.to_lowercase().strip_prefix("content-length:") {
            length = number.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { head, body })
}

/// Whether the decoder is there.
fn decoder() -> bool {
    let there = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/otel/opentelemetry/proto").exists();
    if !there {
        crate::tools::missing("opentelemetry-proto");
    }
    there
}

fn spans(asked: &[Asked]) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut process = Command::new("python3")
        .arg(root.join("tests/it/telemetry.py"))
        .env("PYTHONPATH", root.join("target/tools/otel"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = String::new();
    for one in asked {
        for byte in &one.body {
            let _ = write!(lines, "{byte:02x}");
        }
        lines.push('\n');
    }
    process.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let out = process.wait_with_output().unwrap();
    assert!(out.status.success(), "{}", text(&out.stderr));
    text(&out.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const DEPLOY: &str = "\
triggers: [ { id: hook, webhook: { path: deploys, verify: { token: HOOK } } } ]
secrets: [HOOK]
steps:
  - { id: build, shell: 'test -e built || { touch built; exit 3; }', retry: { attempts: 3, backoff: 10ms, jitter: false } }
  - { id: each, foreach: [1, 2], shell: 'true' }
  - { id: asks, runbook: inner }
";
const INNER: &str = "steps: [ { id: deep, shell: 'true' } ]\n";
const AFTER: &str =
    "triggers: [ { id: t, run_ended: { runbook: deploy } } ]\nsteps: [ { id: bad, fail: 'no luck' } ]\n";
const LONG: &str =
    "steps: [ { id: first, shell: 'true' }, { id: waits, shell: 'while [ ! -e go ]; do sleep 0.05; done' } ]\n";

fn home(port: u16, more: &str) -> Home {
    let home = Home::new(&[("deploy", DEPLOY), ("inner", INNER), ("after", AFTER), ("long", LONG)]);
    let settings = format!(
        "timezone: UTC\nkeep: {{ min_free: 1MiB }}\nsecrets: [ {{ file: secrets.yaml }} ]\n\
         telemetry: {{ endpoint: \"http://127.0.0.1:{port}\", headers: {{ Authorization: \"Bearer {{{{ secrets.OTLP }}}}\" }}{more} }}\n"
    );
    fs::write(home.path("stepladder.yaml"), settings).unwrap();
    fs::write(home.path("secrets.yaml"), "HOOK: hook-token\nOTLP: s3cr3t-value\n").unwrap();
    fs::set_permissions(home.path("secrets.yaml"), fs::Permissions::from_mode(0o600)).unwrap();
    home
}

fn fact<'s>(span: &'s Value, name: &str) -> &'s Value {
    &span["facts"][name]
}

/// The spans of a run by its runbook, the run's own first.
fn of<'s>(all: &'s [Value], runbook: &str) -> Vec<&'s Value> {
    let Some(own) = all.iter().find(|span| span["name"] == format!("run {runbook}")) else { return Vec::new() };
    let mut found = vec![own];
    found.extend(
        all.iter().filter(|span| span["parent"] == own["id"] && span["name"].as_str().unwrap().starts_with("step")),
    );
    found
}

fn metric(site: &Site, token: &str, result: &str) -> u64 {
    let page = site.ask("GET /metrics", token, "").body;
    let start = format!("stepladder_trace_spans_total{{result=\"{result}\"}} ");
    let line = page.lines().find_map(|line| line.strip_prefix(start.as_str()));
    line.unwrap_or_else(|| panic!("{result} is not on the page:\n{page}")).trim().parse().unwrap()
}

#[test]
fn a_run_is_a_trace_as_the_protocol_has_it() {
    if !decoder() {
        return;
    }
    // Busy at first: what it did not take it is sent again.
    let collector = Collector::start(&["503 Service Unavailable\r\nretry-after: 1", "200 OK"]);
    let site = Site::over(home(collector.port, ", service: ladder, attributes: { zone: night }"), "");
    let viewer = site.token("viewer");
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("authorization", "Bearer hook-token"), ("idempotency-key", "one"), ("traceparent", parent)];
    assert_eq!(site.with("POST /hooks/deploys", &headers, "{}").status, 202);
    site.home.until("every span is taken", || metric(&site, &viewer, "sent") >= 10);
    let asked = collector.asked();
    assert!(asked[0].head.starts_with("POST /v1/traces HTTP/1.1"), "{asked:?}");
    let lower = asked[0].head.to_lowercase();
    assert!(
        lower.contains("content-type: application/x-protobuf") && lower.contains("authorization: bearer s3cr3t-value"),
        "{lower}"
    );
    assert_eq!(asked[0].body, asked[1].body, "what was not taken comes again, as it was");
    let all = collector.spans(1);
    assert_eq!(all.len(), 10, "{all:#?}");
    assert_eq!(all[0]["resource"]["service.name"], "ladder");
    assert_eq!(all[0]["resource"]["zone"], "night");
    let deploy = of(&all, "deploy");
    let names: Vec<&str> = deploy.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names.iter().filter(|name| **name == "step build").count(), 2, "each attempt is a span: {names:?}");
    assert_eq!(names.iter().filter(|name| **name == "step each").count(), 2, "{names:?}");
    let whole = deploy[0];
    assert_eq!(
        (&whole["trace"], &whole["parent"]),
        (&"4bf92f3577b34da6a3ce929d0e0e4736".into(), &"00f067aa0ba902b7".into())
    );
    for (name, value) in [
        ("stepladder.runbook", "deploy"),
        ("stepladder.trigger.kind", "webhook"),
        ("stepladder.trigger.id", "hook"),
        ("stepladder.outcome", "succeeded"),
        ("stepladder.level", "ok"),
    ] {
        assert_eq!(fact(whole, name), value, "{whole:#}");
    }
    let build: Vec<&&Value> = deploy.iter().filter(|span| span["name"] == "step build").collect();
    assert_eq!(
        (&build[0]["status"], fact(build[0], "error.type"), fact(build[1], "stepladder.retries")),
        (&2.into(), &"exit".into(), &1.into())
    );
    assert_eq!((&build[1]["status"], fact(build[1], "stepladder.outcome")), (&1.into(), &"succeeded".into()));
    assert!(all.iter().all(|span| span["begun"].as_u64() <= span["ended"].as_u64()
        && span["begun"].as_u64() > Some(1_700_000_000_000_000_000)));
    // What it called is part of it; what its end started is a trace of its own, linked to it.
    let call = deploy.iter().find(|span| span["name"] == "step asks").unwrap();
    let inner = of(&all, "inner");
    assert_eq!((&inner[0]["trace"], &inner[0]["parent"]), (&whole["trace"], &call["id"]));
    let after = of(&all, "after");
    assert_ne!(after[0]["trace"], whole["trace"]);
    assert_eq!(
        (&after[0]["links"][0]["id"], &after[0]["links"][0]["facts"]["stepladder.link"]),
        (&whole["id"], &"started_by".into())
    );
    assert_eq!(after[0]["status"], 2);
    assert_eq!((metric(&site, &viewer, "dropped"), metric(&site, &viewer, "rejected")), (0, 0));
    let log = fs::read_to_string(site.home.path("log")).unwrap();
    assert_eq!(log.matches("traces can't be sent").count(), 1, "{log}");
    assert_eq!(log.matches("traces are taken again").count(), 1, "{log}");
    assert!(!log.contains("s3cr3t-value"), "{log}");
}

#[test]
fn a_daemon_that_is_killed_goes_on_with_the_same_trace() {
    if !decoder() {
        return;
    }
    let collector = Collector::start(&["200 OK"]);
    let home = home(collector.port, "");
    let daemon = Daemon::start(&home);
    let run = text(&home.run(&["run", "long", "--detach"]).stdout).trim().to_owned();
    home.until("the first step is told of", || !collector.asked().is_empty());
    drop(daemon.end(Signal::KILL));
    let before = collector.spans(0);
    let daemon = Daemon::start(&home);
    fs::write(home.path("go"), "").unwrap();
    home.until("it has ended", || home.rows()[0]["state"] == "ended");
    home.until("its end is told of", || collector.spans(0).iter().any(|span| span["name"] == "run long"));
    drop(daemon.end(Signal::TERM));
    let all = collector.spans(0);
    let of_run: Vec<&Value> = all.iter().filter(|span| fact(span, "stepladder.run.id") == run.as_str()).collect();
    let traces: BTreeSet<&str> = of_run.iter().map(|span| span["trace"].as_str().unwrap()).collect();
    let ids: BTreeSet<&str> = of_run.iter().map(|span| span["id"].as_str().unwrap()).collect();
    assert_eq!((traces.len(), ids.len(), of_run.len()), (1, 3, 3), "one trace, each span once: {all:#?}");
    assert!(before.iter().all(|span| span["trace"] == *traces.first().unwrap()));
    let whole = of(&all, "long");
    assert_eq!(whole.len(), 3, "the end belongs to what began before the kill: {all:#?}");
    let waits = whole.iter().find(|span| span["name"] == "step waits").unwrap();
    assert!(waits["begun"].as_u64() >= whole[0]["begun"].as_u64());
}

/// A collector that never answers, and one that is not there: runs go on, the end is quick, and what is lost is counted.
#[test]
fn a_collector_that_is_slow_or_gone_is_in_nobodys_way() {
    let slow = Collector::start(&[""]);
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    for port in [slow.port, gone] {
        let site = Site::over(home(port, ", timeout: 10s"), "");
        let viewer = site.token("viewer");
        let begun = ticks();
        for _ in 0..20 {
            assert_eq!(site.home.run(&["run", "inner"]).status.code(), Some(0));
        }
        let took = ticks().saturating_sub(begun);
        assert!(took < Duration::from_secs(30), "{took:?}");
        assert_eq!(metric(&site, &viewer, "sent"), 0);
        let Site { home, daemon, .. } = site;
        let begun = ticks();
        drop(daemon.end(Signal::TERM));
        let took = ticks().saturating_sub(begun);
        assert!(took < Duration::from_secs(5), "it waited for a collector: {took:?}");
        let log = fs::read_to_string(home.path("log")).unwrap();
        assert!(log.matches("traces can't be sent").count() <= 1, "it is said once: {log}");
    }
}

/// What a collector will never take is counted and not sent again; the variables of the standard count where nothing is said.
#[test]
fn what_is_refused_is_counted_and_the_environment_counts_where_nothing_is_said() {
    let collector = Collector::start(&["400 Bad Request"]);
    let home = Home::new(&[("inner", INNER)]);
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    fs::write(home.path("stepladder.yaml"), format!("{settings}http: {{ listen: \"127.0.0.1:0\" }}\n")).unwrap();
    let log = fs::File::create(home.path("log")).unwrap();
    let child = home
        .command(&["serve", "--log-format", "json"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{}/base", collector.port))
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=ops%20team")
        .stderr(log)
        .spawn()
        .unwrap();
    let daemon = Daemon::started(&home, child);
    assert_eq!(home.run(&["run", "inner"]).status.code(), Some(0));
    home.until("it is refused", || collector.asked().len() == 1);
    let asked = collector.asked().remove(0);
    assert!(asked.head.starts_with("POST /base/v1/traces "), "{}", asked.head);
    assert!(asked.head.to_lowercase().contains("x-tenant: ops team"), "{}", asked.head);
    let said = || fs::read_to_string(home.path("log")).unwrap().contains("status 400");
    home.until("it is said", said);
    assert_eq!(home.run(&["run", "inner"]).status.code(), Some(0));
    home.until("the next is sent all the same", || collector.asked().len() == 2);
    drop(daemon.end(Signal::TERM));
}
