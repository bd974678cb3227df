//! The guide's daily check as an operator runs it: the whole program, against the voice system as a process.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

use crate::rust_text::root;

/// The stand-in as a process, with the book of this repository beside it.
struct Day {
    dir: TempDir,
    voice: Child,
    url: String,
    redis: String,
}

impl Day {
    /// A day that begins with these faults.
    fn with(faults: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        let book = dir.path().join("book");
        fs::create_dir_all(book.join("runbooks")).unwrap();
        for name in ["stepladder.yaml", "thresholds.yaml", "escalation.yaml"] {
            fs::copy(root().join(name), book.join(name)).unwrap();
        }
        for file in fs::read_dir(root().join("runbooks")).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), book.join("runbooks").join(file.file_name())).unwrap();
        }
        // What a loaded machine does to latencies is no affair of these tests; the stand-in's own second and a half is.
        let bands = fs::read_to_string(book.join("thresholds.yaml")).unwrap();
        let bands = bands
            .replace("warning: \">= 1000\"", "warning: \">= 1500\"")
            .replace("warning: \">= 500\"", "warning: \">= 60000\"");
        fs::write(book.join("thresholds.yaml"), bands).unwrap();
        let faults = faults.iter().flat_map(|fault| ["--fault", fault]);
        let mut voice = Command::new(example("voice-system"))
            .args(["--port", "0", "--redis-port", "0", "--dir"])
            .arg(dir.path().join("voice"))
            .args(faults)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(voice.stdout.take().unwrap()).lines();
        let mut said = |start: &str| lines.next().unwrap().unwrap().strip_prefix(start).unwrap().to_owned();
        let (url, redis) = (said("voice system: "), said("redis: "));
        Self { dir, voice, url, redis }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `stepladder ARGS` in the book, in a clean environment.
    fn stepladder(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_stepladder"))
            .args(args)
            .current_dir(self.path("book"))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.dir.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs a runbook against the stand-in; gives the exit code, what was shown, and the level of each step.
    fn run(&self, runbook: &str, more: &[&str]) -> (i32, String, BTreeMap<String, String>) {
        let inputs = [
            format!("base_url={}", self.url),
            format!("port={}", self.url.rsplit(':').next().unwrap()),
            format!("redis={}", self.redis),
            format!("log={}", self.path("voice/logs/livekit_system.log").display()),
            format!("database={}", self.path("voice/data/voice.db").display()),
        ];
        let inputs = inputs.iter().filter(|input| runbook == "daily-check" || input.starts_with("base_url"));
        let inputs: Vec<&str> = inputs.flat_map(|input| ["--input", input]).collect();
        let output = self.stepladder(&[&["run", runbook], inputs.as_slice(), more].concat());
        (output.status.code().unwrap(), shown(&output), self.levels())
    }

    /// The level of each step of the last run.
    fn levels(&self) -> BTreeMap<String, String> {
        let output = self.stepladder(&["show", "last", "--json"]);
        let run: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let events = run["events"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let ended = events.iter().filter(|event| event["event"] == "step_ended");
        ended.map(|event| (text(&event["place"]), text(&event["level"]))).collect()
    }

    /// Switches a fault on.
    fn fault(&self, name: &str) {
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "POST /faults/{name} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

impl Drop for Day {
    fn drop(&mut self) {
        let _gone = self.voice.kill();
        let _status = self.voice.wait();
    }
}

/// All that a terminal would have shown.
fn shown(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// A built example: cargo builds them beside this binary.
pub(crate) fn example(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let built = this.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(
        built.exists(),
        "{} is not built: `cargo test` builds it, `cargo test --test it` does not",
        built.display()
    );
    built
}

/// The levels of the steps that look at the voice system, `id=level`; what this machine is like is its own affair.
fn of_the_voice_system(levels: &BTreeMap<String, String>) -> String {
    let steps = ["health", "parts", "metrics", "log_errors", "connections", "redis", "database"];
    let shown = |step: &str| format!("{step}={}", levels.get(step).map_or("-", String::as_str));
    steps.map(shown).join(" ")
}

const WELL: &str = "health=ok parts=ok metrics=ok log_errors=ok connections=ok redis=ok database=ok";

#[test]
fn a_day_on_which_all_is_well() {
    let day = Day::with(&[]);
    let (code, shown, levels) = day.run("daily-check", &[]);
    assert_eq!(of_the_voice_system(&levels), WELL, "{shown}");
    assert_eq!(levels.get("summary").map(String::as_str), Some("ok"), "{shown}");
    let worst = if levels.values().any(|level| level == "critical") {
        2
    } else {
        i32::from(levels.values().any(|level| level == "warning"))
    };
    assert_eq!(code, worst, "the exit code is the worst level\n{shown}");
    let reports: Vec<_> = fs::read_dir(day.path("book/reports")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let page = fs::read_to_string(&reports[0]).unwrap();
    assert!(page.contains("| health | ok | healthy in "), "{page}");
    assert!(page.contains("| database | ok |"), "{page}");
}

#[test]
fn each_fault_shows_where_it_is() {
    for (fault, want) in [
        (
            "health-degraded",
            "health=warning parts=warning metrics=ok log_errors=ok connections=ok redis=ok database=ok",
        ),
        (
            "redis-down",
            "health=critical parts=critical metrics=ok log_errors=ok connections=ok redis=critical database=ok",
        ),
        (
            "database-locked",
            "health=critical parts=critical metrics=ok log_errors=ok connections=ok redis=ok database=critical",
        ),
        ("high-latency", "health=ok parts=ok metrics=critical log_errors=ok connections=ok redis=ok database=ok"),
        ("unavailable", "health=critical parts=critical metrics=ok log_errors=ok connections=ok redis=ok database=ok"),
        ("slow-api", "health=warning parts=ok metrics=critical log_errors=ok connections=ok redis=ok database=ok"),
    ] {
        let day = Day::with(&[fault]);
        let (code, shown, levels) = day.run("daily-check", &[]);
        assert_eq!(of_the_voice_system(&levels), want, "{fault}\n{shown}");
        assert!(code == 2 || (code == 1 && !want.contains("critical")), "{fault}: {code}\n{shown}");
    }
}

#[test]
fn errors_in_the_log_are_counted_and_shown() {
    let day = Day::with(&[]);
    day.fault("error-burst-in-log");
    let log = day.path("voice/logs/livekit_system.log");
    let errors = || fs::read_to_string(&log).unwrap().matches(" ERROR ").count();
    (0..400)
        .find(|_| {
            errors() >= 12 || {
                std::thread::sleep(std::time::Duration::from_millis(25));
                false
            }
        })
        .unwrap();
    let (_, shown, levels) = day.run("daily-check", &[]);
    assert_eq!(levels.get("log_errors").map(String::as_str), Some("warning"), "{shown}");
}

#[test]
fn on_a_bare_machine_the_result_is_honest_and_says_what_to_do() {
    let day = Day::with(&[]);
    let nobody = ["base_url=http://127.0.0.1:9", "redis=127.0.0.1:9", "log=no/such.log", "database=no/such.db"];
    let inputs: Vec<&str> = nobody.iter().flat_map(|input| ["--input", input]).collect();
    let output = day.stepladder(&[&["run", "daily-check"], inputs.as_slice()].concat());
    let shown = shown(&output);
    assert_eq!(output.status.code(), Some(2), "{shown}");
    for hint in ["--input base_url=", "systemctl status redis-server", "--input log=FILE", "--input database=FILE"] {
        assert!(shown.contains(hint), "the way out `{hint}` is not shown:\n{shown}");
    }
}

#[test]
fn the_daily_report_has_the_shape_of_the_guide() {
    let day = Day::with(&[]);
    let (code, shown, _) = day.run("daily-report", &[]);
    assert_eq!(code, 0, "{shown}");
    let reports = fs::read_dir(day.path("book/reports")).unwrap().map(|entry| entry.unwrap().path());
    let json = reports.into_iter().find(|path| path.extension().is_some_and(|it| it == "json")).unwrap();
    let report: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(report["summary"]["overall_health"], "healthy", "{report}");
    assert_eq!(report["health_status"]["checks"]["sip"]["status"], "healthy", "{report}");
    for figure in ["avg_api_latency_ms", "active_rooms", "error_rate"] {
        assert!(report["performance_metrics"][figure].is_number(), "{figure}: {report}");
    }
    for figure in ["avg_api_latency", "active_rooms", "error_rate"] {
        assert!(report["summary"][figure].is_number(), "{figure}: {report}");
    }
}

#[test]
fn the_monthly_audit_counts_secrets_and_names_what_is_missing() {
    let day = Day::with(&[]);
    let config = day.path("book/config/sub");
    fs::create_dir_all(&config).unwrap();
    let given = "password: hunter2\nsmtp_password: \"Tr0ub4dor&3xyzzy!!\"\nurl: postgres://u:supersecretpw@db/x\n\
                 aws: AKIAABCDEFGHIJKLMNOP\ntoken: \"${TOKEN}\"\napi_key: \"{{ secrets.KEY }}\"\ntoken_ttl: 3600\n";
    fs::write(day.path("book/config/security.yaml"), given).unwrap();
    fs::write(config.join("deep.yaml"), "deep:\n  secret: abcdefghij\n").unwrap();
    fs::write(day.path("book/.env"), "LIVEKIT_URL=x\nSIP_SERVER=y\n").unwrap();
    let (code, shown, _) = day.run("monthly-audit", &[]);
    assert_eq!(code, 1, "{shown}");
    let audits = fs::read_dir(day.path("book/audits")).unwrap().map(|entry| entry.unwrap().path());
    let json = audits.into_iter().find(|path| path.extension().is_some_and(|it| it == "json")).unwrap();
    let audit: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(audit["security_audit"]["in_configuration"]["secrets"], 5, "{audit}");
    assert!(audit["security_audit"]["modes"].to_string().contains(".env"), "{audit}");
    let configuration = &audit["configuration_audit"];
    assert_eq!((&configuration["issues_found"], &configuration["status"]), (&7.into(), &"needs_attention".into()));
    assert!(configuration["issues"].to_string().contains("Missing environment variable: SIP_PASSWORD"), "{audit}");
    assert!(!shown.contains("hunter2"), "counted, never shown");
}

#[test]
fn the_demonstration_goes_as_it_should() {
    let output =
        Command::new(example("demo")).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null()).output().unwrap();
    let shown = shown(&output);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("$ stepladder run daily-check") && shown.contains("Both days, side by side"), "{shown}");
}
