//! The place where the book is run: a directory with the voice system, its units, and the world around it.

use crate::book_for_real::units::{Manager, Unit};
use crate::channels::fake::{Fake, say};
use crate::channels::mail;
use crate::kinds::livekit::{KEY, SECRET};
use crate::kinds::servers::Servers;
use crate::main_job::example;
use crate::monitoring::{ask, with};
use crate::owner::{Home, kill, text};
use crate::rust_text::root;
use crate::serve::Daemon;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stepladder::runtime::clock::{now, ticks};

/// The units of the place.
pub(super) const VOICE: &str = "livekit-voice-ai";
pub(super) const REDIS: &str = "redis-server";
pub(super) const NGINX: &str = "nginx";
pub(super) const SIP: &str = "livekit-sip";

/// What the voice system is told beside its addresses; a part of its configuration.
const ARGUMENTS: &str = "config/voice-system.args";

/// Of waits, how long they are here, and of latencies, what a machine under load has, too. Each stands somewhere in the book.
const TIMES: &[(&str, &str)] = &[
    ("settle: 10s", "settle: 500ms"),
    ("every: 5s", "every: 200ms"),
    ("every: 15s", "every: 200ms"),
    ("at_least: 20", "at_least: 2"),
    ("tolerate: 2", "tolerate: 1"),
    ("for: 10m", "for: 3s"),
    ("latency: 500ms", "latency: 1400ms"),
    ("backoff: 5m", "backoff: 200ms"),
    ("backoff: 1m", "backoff: 200ms"),
    ("backoff: 5s", "backoff: 500ms"),
    ("backoff: 2s", "backoff: 200ms"),
    ("sample: 30s", "sample: 1s"),
    ("sample: 5s", "sample: 1s"),
    ("sample: 1s", "sample: 200ms"),
];

/// Ports that are ours as long as the test lasts, though nobody listens there for a while: below those that the kernel
/// gives to whoever asks for any.
fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 1_500).unwrap() * 10;
    for _ in 0..2_000 {
        let port = 15_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 16_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// The letters that have arrived.
struct Letters {
    process: u32,
    reader: Option<std::thread::JoinHandle<()>>,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Letters {
    fn of(mut server: mail::Server) -> Self {
        let (process, seen) = (server.process.id(), Arc::new(Mutex::new(Vec::new())));
        let into = Arc::clone(&seen);
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            while server.lines.read_line(&mut line).is_ok_and(|size| size > 0) {
                into.lock().unwrap().push(serde_json::from_str(&line).unwrap());
                line.clear();
            }
        });
        Self { process, reader: Some(reader), seen }
    }
}

impl Drop for Letters {
    fn drop(&mut self) {
        kill(self.process, Signal::KILL);
        let _ended = self.reader.take().map(std::thread::JoinHandle::join);
    }
}

/// What became of a run.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: i32,
    /// What a terminal would have shown.
    pub(super) shown: String,
    /// Outcome, level, reason.
    pub(super) row: Value,
    events: Vec<Value>,
}

impl Ran {
    /// Outcome, level and exit code in one line.
    pub(super) fn end(&self) -> String {
        let word = |name: &str| self.row[name].as_str().unwrap_or("-");
        format!("{} at {}, exit {}", word("outcome"), word("level"), self.code)
    }

    pub(super) fn reason(&self) -> &str {
        self.row["reason"].as_str().unwrap_or_default()
    }

    /// Outputs of the runbook.
    pub(super) fn outputs(&self) -> Value {
        let ended = self.events.iter().find(|event| event["event"] == "run_ended");
        ended.map_or(Value::Null, |event| event["outputs"].clone())
    }

    /// How a step ended, `outcome level`.
    pub(super) fn step(&self, place: &str) -> String {
        let ended = self.events.iter().rev().find(|event| event["event"] == "step_ended" && event["place"] == place);
        let word = |event: &Value, name: &str| event[name].as_str().unwrap_or("-").to_owned();
        ended.map_or("-".into(), |event| format!("{} {}", word(event, "outcome"), word(event, "level")))
    }

    /// The places at which something was tried, in order.
    pub(super) fn tried(&self) -> Vec<&str> {
        let begun = self.events.iter().filter(|event| event["event"] == "attempt_started");
        begun.filter_map(|event| event["place"].as_str()).collect()
    }
}

/// The place. What it has is ended with it.
pub(super) struct Place {
    pub(super) home: Home,
    pub(super) slack: Fake,
    pub(super) sms: Fake,
    manager: Manager,
    letters: Option<Letters>,
    livekit: Servers,
    voice: u16,
    nginx: u16,
    pub(super) redis: u16,
    pub(super) http: u16,
    _outside: tempfile::TempDir,
}

impl Place {
    /// With a real manager of units, where there can be one; `None`, said aloud, where a program is missing.
    pub(super) fn start() -> Option<Self> {
        Self::with(true, false)
    }

    /// The same, with a mail server.
    pub(super) fn with_mail() -> Option<Self> {
        Self::with(true, true)
    }

    /// A real manager, or in any case the stand-in; with a mail server, or without.
    pub(super) fn with(real: bool, mail: bool) -> Option<Self> {
        if !["redis-server", "sipp", "nginx", "openssl", "dbus-daemon"].into_iter().all(crate::tools::there) {
            return None;
        }
        let server = if mail { Some(mail::Server::start("starttls")?) } else { None };
        let (home, outside) = (Home::new(&[]), tempfile::tempdir().unwrap());
        let [voice, redis, nginx, sip, http] = std::array::from_fn(|_| port());
        let livekit = Servers::start().livekit_now();
        let (slack, sms) = (Fake::start(vec![say(200, "ok")]), Fake::start(vec![say(201, r#"{"sid":"SM1"}"#)]));
        let here = home.dir.path();
        copy(here);
        let livekit_address = livekit.fill("{livekit}", here);
        addresses(
            here,
            &[
                ("http://localhost:8000", &format!("https://localhost:{nginx}")),
                ("default: 8000", &format!("default: {voice}")),
                ("localhost:6379", &format!("127.0.0.1:{redis}")),
                ("localhost:7880", &livekit_address),
                ("localhost:5060", &format!("127.0.0.1:{sip}")),
                ("localhost:443", &format!("localhost:{nginx}")),
            ],
        );
        let mail = server.as_ref().map(|server| (server.port.clone(), server.keys.path().join("tls.pem")));
        settings(here, mail, &slack.url, &sms.url, http);
        of_the_voice_system(here);
        certificate(here, 365);
        let units = units(here, outside.path(), [voice, redis, nginx, sip]);
        let manager = Manager::start(&units, here, real)?;
        let letters = server.map(Letters::of);
        let place = Self { home, slack, sms, manager, letters, livekit, voice, nginx, redis, http, _outside: outside };
        for unit in [REDIS, SIP, NGINX, VOICE] {
            place.manager.order("StartUnit", unit);
        }
        place.until("nginx listens", || TcpStream::connect(("127.0.0.1", nginx)).is_ok());
        place.healthy();
        Some(place)
    }

    /// Waits for something that is about to happen. What is asked is asked of a program each time: not too often.
    pub(super) fn until(&self, what: &str, mut happened: impl FnMut() -> bool) {
        let begun = ticks();
        while ticks().saturating_sub(begun) < Duration::from_mins(2) {
            if happened() {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        let log = ["log", "nginx.log"].map(|name| fs::read_to_string(self.path(name)).unwrap_or_default()).concat();
        let pids = [VOICE, REDIS, NGINX, SIP].map(|unit| self.pid(unit));
        panic!("waited in vain until {what}; processes {pids:?}\n{}\n{log}", shown(&self.stepladder(&["runs"])));
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.home.path(name)
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        put(self.home.dir.path(), name, text);
    }

    /// `stepladder ARGS`, as somebody.
    pub(super) fn command(&self, user: &str, args: &[&str]) -> Command {
        let mut command = self.home.command(args);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", self.home.dir.path());
        command.env("USER", user).env("NO_COLOR", "1").env("LANG", "C.UTF-8");
        command.env("DBUS_SYSTEM_BUS_ADDRESS", self.manager.address());
        command.env("SSL_CERT_FILE", self.path("config/tls/cert.pem"));
        command.env("LIVEKIT_API_KEY", KEY).env("LIVEKIT_API_SECRET", SECRET);
        command.env("SMTP_PASSWORD", "hunter2-hunter2").env("TWILIO_TOKEN", "a token");
        command.env("SLACK_WEBHOOK", format!("{}/services/T1/B1/x", self.slack.url));
        command
    }

    pub(super) fn stepladder(&self, args: &[&str]) -> Output {
        self.command("tester", args).output().unwrap()
    }

    /// What a command says that has to succeed.
    pub(super) fn well(&self, user: &str, args: &[&str]) -> String {
        let out = self.command(user, args).output().unwrap();
        assert_eq!(out.status.code(), Some(0), "{args:?}: {}", shown(&out));
        text(&out.stdout)
    }

    /// Runs a runbook with these inputs or flags.
    pub(super) fn run(&self, runbook: &str, more: &[&str]) -> Ran {
        let inputs = more.iter().flat_map(|one| if one.starts_with("--") { vec![*one] } else { vec!["--input", *one] });
        let args: Vec<&str> = ["run", runbook].into_iter().chain(inputs).collect();
        let out = self.stepladder(&args);
        let said = shown(&out);
        let id = said.split("begins, run ").nth(1).and_then(|rest| rest.split(',').next());
        let mut ran = self.last(id.unwrap_or_else(|| panic!("{runbook} did not begin: {said}")));
        (ran.code, ran.shown) = (out.status.code().unwrap_or(-1), said);
        ran
    }

    /// When a runbook is due next, by the clocks of the book.
    pub(super) fn due(&self, runbook: &str) -> String {
        let all = self.well("tester", &["next", runbook, "--json"]);
        let first: Value = serde_json::from_str(all.lines().next().unwrap()).unwrap();
        first["local"].as_str().unwrap().to_owned()
    }

    /// The last run of a runbook, whoever started it, or the run of that name.
    pub(super) fn last(&self, runbook: &str) -> Ran {
        let out = self.stepladder(&["show", runbook, "--json"]);
        let run: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{runbook}: {}", shown(&out)));
        Ran {
            code: -1,
            shown: String::new(),
            row: run["row"].clone(),
            events: run["events"].as_array().cloned().unwrap_or_default(),
        }
    }

    /// Whether the last run of a runbook has ended.
    pub(super) fn ended(&self, runbook: &str) -> bool {
        let out = self.stepladder(&["show", runbook, "--json"]);
        serde_json::from_slice::<Value>(&out.stdout).is_ok_and(|run| run["row"]["state"] == "ended")
    }

    /// The daemon of the book.
    pub(super) fn serve(&self) -> Daemon {
        let log = fs::File::create(self.path("log")).unwrap();
        Daemon::started(&self.home, self.command("root", &["serve"]).stderr(log).spawn().unwrap())
    }

    /// The newest file of a directory whose name begins and ends so: a day may have ended meanwhile.
    pub(super) fn file(&self, directory: &str, begins: &str, ends: &str) -> PathBuf {
        let all = fs::read_dir(self.path(directory)).unwrap_or_else(|error| panic!("{directory}: {error}"));
        let mut found: Vec<PathBuf> = all
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.starts_with(begins) && name.ends_with(ends)
            })
            .collect();
        found.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
        found.pop().unwrap_or_else(|| panic!("{directory} has no {begins}*{ends}"))
    }

    pub(super) fn text_of(&self, directory: &str, begins: &str, ends: &str) -> String {
        fs::read_to_string(self.file(directory, begins, ends)).unwrap()
    }

    pub(super) fn json_of(&self, directory: &str, begins: &str) -> Value {
        serde_json::from_str(&self.text_of(directory, begins, ".json")).unwrap()
    }

    /// Sets faults of the voice system with which it begins whenever it is started, and starts it anew.
    pub(super) fn begins_with(&self, faults: &[&str]) {
        let before = self.pid(VOICE);
        self.write(ARGUMENTS, &faults.iter().map(|fault| format!("--fault {fault} ")).collect::<String>());
        self.manager.order("RestartUnit", VOICE);
        self.until("it is another process", || ![0, before].contains(&self.pid(VOICE)));
        self.until("it answers", || self.page().is_some());
    }

    /// Switches a fault of the voice system on; a restart of its unit mends it.
    pub(super) fn fault(&self, name: &str) {
        ask(self.voice, "POST", &format!("/faults/{name}?on=true")).unwrap_or_else(|| panic!("no fault `{name}`"));
    }

    /// The page of metrics of the voice system.
    pub(super) fn page(&self) -> Option<String> {
        ask(self.voice, "GET", "/metrics")
    }

    /// A metric of that page.
    pub(super) fn metric(&self, name: &str) -> f64 {
        let page = self.page().unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {page}"));
        line.trim().parse().unwrap()
    }

    pub(super) fn is_healthy(&self) -> bool {
        let answer = ask(self.voice, "GET", "/health").and_then(|body| serde_json::from_str::<Value>(&body).ok());
        answer.is_some_and(|health| health["status"] == "healthy")
    }

    pub(super) fn healthy(&self) {
        self.until("the voice system is healthy", || self.is_healthy());
    }

    /// Stops a unit, as if it had died.
    pub(super) fn stop(&self, unit: &str) {
        self.manager.order("StopUnit", unit);
        self.until("it has stopped", || self.pid(unit) == 0);
    }

    pub(super) fn pid(&self, unit: &str) -> u32 {
        self.manager.pid(unit)
    }

    /// The mails that have come, as sender, recipients, subject and text.
    pub(super) fn mails(&self) -> Vec<Value> {
        let seen = self.letters.as_ref().unwrap().seen.lock().unwrap();
        seen.iter()
            .map(|mail| {
                assert_eq!((&mail["login"], &mail["encrypted"]), (&json!(true), &json!(true)), "{mail}");
                json!({ "to": mail["to"], "subject": mail["headers"]["Subject"], "text": mail["parts"]["text/plain"] })
            })
            .collect()
    }

    /// The mail to somebody, once it has come.
    pub(super) fn mail_to(&self, to: &str) -> Value {
        let mut found = None;
        self.until(&format!("{to} has mail"), || {
            found = self.mails().into_iter().find(|mail| mail["to"] == json!([to]));
            found.is_some()
        });
        found.unwrap()
    }

    /// Commands to the Redis of the place, with its one connection.
    pub(super) fn keys(&self) -> redis::Connection {
        redis::Client::open(format!("redis://127.0.0.1:{}/", self.redis)).unwrap().get_connection().unwrap()
    }

    /// `--input` of an address where nobody listens.
    pub(super) fn nobody(&self) -> String {
        self.livekit.fill("{closed}", Path::new("/"))
    }

    /// The address of the voice system without nginx before it.
    pub(super) fn plain(&self) -> String {
        format!("http://127.0.0.1:{}", self.voice)
    }

    /// Posts to the daemon as the holder of a token of that name, which is made for it and revoked; the status of its answer.
    pub(super) fn post(&self, name: &str, path: &str, body: &str) -> u16 {
        let token = self.well("root", &["token", "create", name, "--role", "operator"]);
        let token = token.trim();
        let mut stream = TcpStream::connect(("127.0.0.1", self.http)).unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\n", self.http);
        let about = format!(
            "authorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}",
            body.len()
        );
        write!(stream, "{head}{about}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        self.well("root", &["token", "revoke", name]);
        answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
    }

    /// Adds a line of this moment to a log.
    pub(super) fn append(&self, name: &str, line: &str) {
        let mut file = fs::File::options().append(true).open(self.path(name)).unwrap();
        writeln!(file, "{} {line}", now()).unwrap();
    }

    /// The LiveKit server.
    pub(super) fn livekit(&self) -> String {
        self.livekit.fill("{livekit}", Path::new("/"))
    }

    /// Gives nginx another certificate, good for so many days.
    pub(super) fn certificate(&self, days: u32) {
        certificate(self.home.dir.path(), days);
        let before = self.pid(NGINX);
        self.manager.order("RestartUnit", NGINX);
        self.until("nginx is another process", || ![0, before].contains(&self.pid(NGINX)));
        self.until("nginx listens", || TcpStream::connect(("127.0.0.1", self.nginx)).is_ok());
    }
}

pub(super) fn shown(out: &Output) -> String {
    format!("{}{}", text(&out.stdout), text(&out.stderr))
}

fn put(here: &Path, name: &str, text: &str) {
    let file = here.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// The book as it ships, with shorter waits; how busy this machine is, is its own affair.
fn copy(here: &Path) {
    for name in ["stepladder.yaml", "thresholds.yaml", "alerts.yaml", "escalation.yaml"] {
        fs::copy(root().join(name), here.join(name)).unwrap();
    }
    for file in fs::read_dir(root().join("runbooks")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), here.join("runbooks").join(file.file_name())).unwrap();
    }
    addresses(here, TIMES);
    // A remedy that does not say how often it looks does so each five seconds.
    for file in fs::read_dir(here.join("runbooks")).unwrap() {
        let file = file.unwrap().path();
        let text = fs::read_to_string(&file).unwrap();
        if text.contains("settle: 500ms") && !text.contains("every:") {
            fs::write(file, text.replace("      settle: 500ms", "      settle: 500ms\n      every: 200ms")).unwrap();
        }
    }
    let bands = fs::read_to_string(here.join("thresholds.yaml")).unwrap();
    let mut found = 0;
    let bands: Vec<String> = bands
        .lines()
        .map(|line| {
            let name = line.split(':').next().unwrap_or_default();
            if !["cpu_used", "memory_used", "disk_used", "health_latency", "redis_latency", "disk_io"].contains(&name) {
                return line.to_owned();
            }
            found += 1;
            let labels = if name == "disk_used" { ", labels: [mount]" } else { "" };
            let unit = line.split("unit: ").nth(1).and_then(|rest| rest.split([',', ' ']).next()).unwrap();
            format!("{name}: {{ unit: {unit}{labels}, help: Of this machine }}")
        })
        .collect();
    assert_eq!(found, 6, "measures of the machine are called otherwise");
    fs::write(here.join("thresholds.yaml"), bands.join("\n")).unwrap();
}

/// Each of these is in some runbook, and becomes what stands beside it wherever it is.
fn addresses(here: &Path, changes: &[(&str, &str)]) {
    let mut unused: Vec<&str> = changes.iter().map(|(from, _)| *from).collect();
    for file in fs::read_dir(here.join("runbooks")).unwrap() {
        let file = file.unwrap().path();
        let before = fs::read_to_string(&file).unwrap();
        let after = changes.iter().fold(before.clone(), |text, (from, to)| {
            unused.retain(|one| one != from || !text.contains(from));
            text.replace(from, to)
        });
        if before != after {
            fs::write(&file, after).unwrap();
        }
    }
    assert_eq!(unused, [""; 0], "these are in no runbook any more");
}

/// `stepladder.yaml` with addresses of this place.
fn settings(here: &Path, mail: Option<(String, PathBuf)>, slack: &str, sms: &str, http: u16) {
    let file = here.join("stepladder.yaml");
    let (port, ca) = mail.map_or(("9".into(), String::new()), |(port, ca)| (port, format!(", ca: '{}'", ca.display())));
    let text = with(
        &fs::read_to_string(&file).unwrap(),
        &[
            ("smtp.company.com:587\", tls: starttls", &format!("localhost:{port}\", tls: starttls{ca}")),
            ("from: \"+1-555-0100\"", &format!("from: \"+1-555-0100\", url: \"{sms}\"")),
            ("https://watcher.company.com/ping/stepladder", &format!("{slack}/ping")),
            ("temporary: /tmp", "temporary: tmp"),
            ("min_free: 256MiB", "min_free: 1MiB"),
        ],
    );
    fs::write(file, format!("{text}http: {{ listen: \"127.0.0.1:{http}\" }}\n")).unwrap();
}

/// What belongs to the voice system: configuration, variables, scripts.
fn of_the_voice_system(here: &Path) {
    for (name, text) in [
        ("config/livekit_auth.yaml", "token_ttl: 3600\n"),
        ("config/monitoring.yaml", "every: 30s\n"),
        ("config/security.yaml", "tls: required\n"),
        (ARGUMENTS, "\n"),
        ("livekit-sip-correct.yaml", "trunk: main\n"),
        ("scripts/start.sh", "#!/bin/sh\nexec voice-system\n"),
        ("tmp/.keep", ""),
        (
            ".env",
            "LIVEKIT_URL=wss://localhost\nLIVEKIT_API_KEY=k\nLIVEKIT_API_SECRET=s\nSIP_SERVER=sip.company.com\n\
             SIP_USERNAME=voice\nSIP_PASSWORD=p\n",
        ),
    ] {
        put(here, name, text);
    }
    fs::set_permissions(here.join(".env"), fs::Permissions::from_mode(0o600)).unwrap();
}

/// A certificate for nginx, good for so many days; it is read when nginx is started.
fn certificate(here: &Path, days: u32) {
    let directory = here.join("config/tls");
    fs::create_dir_all(&directory).unwrap();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-days", &days.to_string(), "-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(&directory)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", shown(&made));
    fs::set_permissions(directory.join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
}

/// Redis, sipp, nginx and the voice system, as units.
fn units(here: &Path, outside: &Path, ports: [u16; 4]) -> Vec<Unit> {
    let [voice, redis, nginx, sip] = ports;
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<String>>();
    let (book, other) = (here.display(), outside.display());
    let conf = format!(
        "daemon off;\nmaster_process off;\npid {other}/nginx.pid;\nerror_log {book}/nginx.log crit;\nevents {{}}\nhttp {{\n  access_log off;\n  \
         client_body_temp_path {other}/1;\n  proxy_temp_path {other}/2;\n  fastcgi_temp_path {other}/3;\n  uwsgi_temp_path {other}/4;\n  \
         scgi_temp_path {other}/5;\n  server {{\n    listen 127.0.0.1:{nginx} ssl;\n    server_name localhost;\n    \
         ssl_certificate {book}/config/tls/cert.pem;\n    ssl_certificate_key {book}/config/tls/key.pem;\n    \
         location / {{ proxy_pass http://127.0.0.1:{voice}; }}\n  }}\n}}\n"
    );
    fs::write(outside.join("nginx.conf"), conf).unwrap();
    let scenario = crate::kinds::fixtures().join("sipp/options.xml");
    let script = format!("exec \"$0\" \"$@\" $(cat {ARGUMENTS})");
    let system = format!(
        "{} --port {voice} --redis 127.0.0.1:{redis} --sip 127.0.0.1:{sip} --for 10 --dir {book}",
        example("voice-system").display()
    );
    vec![
        Unit {
            name: REDIS,
            argv: words(&format!("/usr/bin/redis-server --bind 127.0.0.1 --port {redis} --dir {other} --save ")),
        },
        Unit {
            name: SIP,
            argv: words(&format!("/usr/bin/sipp -sf {} -i 127.0.0.1 -t u1 -nostdin -p {sip}", scenario.display())),
        },
        Unit { name: NGINX, argv: words(&format!("/usr/sbin/nginx -c {other}/nginx.conf -p {other}")) },
        Unit { name: VOICE, argv: ["/bin/sh".into(), "-c".into(), script].into_iter().chain(words(&system)).collect() },
    ]
}
