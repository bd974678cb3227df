//! `examples/monitoring`: what ships is taken by promtool and amtool, and with the real Prometheus and Alertmanager the
//! metric rises, the rule fires, Alertmanager calls the daemon, the runbook runs, and it is over.
//!
//! Where something runs, a copy of the files does, in which time goes thirty times as fast: every duration of them is
//! divided, no threshold is touched.

use crate::check::load;
use crate::http::Site;
use crate::main_job::example;
use crate::owner::{Home, text};
use crate::rust_text::{files, root};
use regex::{Captures, Regex};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use stepladder::model::oncall;

/// How much faster time goes in the copies.
const FASTER: u64 = 30;

/// The alerts of the guide's chapter 3.1, the fault of the stand-in that raises each, and the severity of its incident.
const ALERTS: [(&str, &str, &str, &str); 4] = [
    ("HighErrorRate", "connection-errors", "P1", "High error rate detected"),
    ("HighAPILatency", "high-latency", "P3", "High API latency detected"),
    ("SIPCallFailures", "sip-failures", "P1", "SIP call failures detected"),
    ("HighCPUUsage", "high-cpu", "P3", "High CPU usage"),
];

/// A server as a process, ended with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Server {
    /// A Prometheus or an Alertmanager on a port of its own; `None` where it is not installed.
    pub(crate) fn start(program: &str, args: &[String]) -> Option<Self> {
        let mut command = Command::new(program);
        command.args(args).arg("--web.listen-address=127.0.0.1:0");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let Ok(mut child) = child else {
            crate::tools::missing(program);
            return None;
        };
        let (mut lines, mut said) = (BufReader::new(child.stderr.take().unwrap()).lines(), String::new());
        let port = loop {
            let Some(line) = lines.next().and_then(Result::ok) else { panic!("{program} has ended:\n{said}") };
            if let Some(port) = line.split("\"Listening on\" address=127.0.0.1:").nth(1) {
                break port.trim().parse().unwrap();
            }
            said.extend([line.as_str(), "\n"]);
        };
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, port })
    }

    /// The result of a query; `None` while it does not answer.
    fn query(&self, expr: &str) -> Option<Vec<Value>> {
        let answer = ask(self.port, "GET", &format!("/api/v1/query?query={}", encoded(expr)))?;
        let answer: Value = serde_json::from_str(&answer).ok()?;
        assert_eq!(answer["status"], "success", "{expr}: {answer}");
        answer["data"]["result"].as_array().cloned()
    }

    /// The one number a query comes to, if it does.
    pub(crate) fn number(&self, expr: &str) -> Option<f64> {
        self.query(expr)?.first()?["value"][1].as_str()?.parse().ok()
    }

    /// Which jobs it reads well.
    fn read(&self) -> BTreeSet<String> {
        let up = self.query("up == 1").unwrap_or_default();
        up.iter().filter_map(|series| series["metric"]["job"].as_str().map(str::to_owned)).collect()
    }
}

fn encoded(text: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric();
    text.bytes().map(|byte| if safe(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The body of an answer of 200; HTTP/1.0, so that it comes in one piece.
pub(crate) fn ask(port: u16, method: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "{method} {path} HTTP/1.0\r\nhost: 127.0.0.1:{port}\r\ncontent-length: 0\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = text(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split(' ').nth(1).filter(|code| *code == "200").map(|_| body.to_owned())
}

/// The stand-in for the watched system, as a process.
pub(crate) struct Voice {
    child: Child,
    pub(crate) port: u16,
}

impl Drop for Voice {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Voice {
    pub(crate) fn start(dir: &Path, faults: &[&str]) -> Self {
        let mut command = Command::new(example("voice-system"));
        command.args(["--port", "0", "--redis-port", "0", "--dir"]).arg(dir);
        command.args(faults.iter().flat_map(|fault| ["--fault", fault]));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        Self { child, port: first.rsplit(':').next().unwrap().parse().unwrap() }
    }

    fn fault(&self, name: &str) {
        ask(self.port, "POST", &format!("/faults/{name}?on=true")).unwrap_or_else(|| panic!("no fault `{name}`"));
    }
}

fn shipped(name: &str) -> PathBuf {
    root().join("examples/monitoring").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(shipped(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The text with every duration divided; comments stay.
fn faster(text: &str) -> String {
    let duration = Regex::new(r"\b(\d+)(s|m|h)\b").unwrap();
    let divided = |found: &Captures<'_>| {
        let unit =
            [("s", 1_000), ("m", 60_000), ("h", 3_600_000)].iter().find(|(unit, _)| *unit == &found[2]).unwrap().1;
        format!("{}ms", found[1].parse::<u64>().unwrap() * unit / FASTER)
    };
    let comment = |line: &str| line.trim_start().starts_with('#');
    let lines = text.lines().map(|line| if comment(line) { line.into() } else { duration.replace_all(line, divided) });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// Each of these has to be there, and becomes what stands beside it.
pub(crate) fn with(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "`{from}` is not in\n{text}");
        text.replace(from, to)
    })
}

/// A site with the book of the example over a voice system; metrics are collected each second.
fn site(voice: &Voice, more: impl FnOnce(&Home)) -> Site {
    let home = Home::new(&[]);
    let address = format!("127.0.0.1:{}", voice.port);
    for name in ["collect-livekit-metrics", "look-at-alert", "mend-voice-system"] {
        let text = read(&format!("book/runbooks/{name}.yaml"));
        let text = with(&text, &[("localhost:8000", &address)]).replace("every: 30s", "every: 1s");
        fs::write(home.path(&format!("runbooks/{name}.yaml")), text).unwrap();
    }
    for name in ["thresholds.yaml", "escalation.yaml"] {
        fs::write(home.path(name), read(&format!("book/{name}"))).unwrap();
    }
    let settings = with(&read("book/stepladder.yaml"), &[("http: { listen: \"127.0.0.1:8320\" }\n", "")]);
    fs::write(home.path("stepladder.yaml"), settings).unwrap();
    more(&home);
    Site::over(home, "")
}

fn rows(site: &Site, args: &[&str]) -> Vec<Value> {
    let out = site.home.run(args);
    assert_eq!(out.status.code(), Some(0), "{}{}", text(&out.stdout), text(&out.stderr));
    text(&out.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The incidents so far: title, severity, status.
fn incidents(site: &Site) -> BTreeSet<(String, String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = rows(site, &["incidents", "--all", "--json"]);
    all.iter().map(|one| (word(&one["title"]), word(&one["severity"]), word(&one["status"]))).collect()
}

/// The pages that were written when an alert fired.
fn looked(site: &Site) -> Vec<String> {
    let written = fs::read_dir(site.home.path("reports/alerts")).into_iter().flatten();
    written.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

/// What a check of a tool says about what ships; `None` where the tool is not installed.
fn tool(program: &str, args: &[&str], names: &[&str]) -> Option<(bool, String)> {
    let out = Command::new(program).args(args).args(names.iter().map(|name| shipped(name))).output();
    let Ok(out) = out else {
        crate::tools::missing(program);
        return None;
    };
    Some((out.status.success(), format!("{}{}", text(&out.stdout), text(&out.stderr))))
}

const RULES: [&str; 2] = ["prometheus/rules/livekit_alerts.yml", "prometheus/rules/watching.yml"];

#[test]
fn promtool_and_amtool_take_what_ships() {
    let tests = ["prometheus/rule-tests/livekit_alerts_test.yml", "prometheus/rule-tests/watching_test.yml"];
    for (program, args, names) in [
        ("promtool", &["check", "config"][..], &["prometheus/prometheus.yml"][..]),
        ("promtool", &["check", "rules"], &RULES),
        ("promtool", &["test", "rules"], &tests),
        ("amtool", &["check-config"], &["alertmanager/alertmanager.yml"]),
    ] {
        let Some((good, said)) = tool(program, args, names) else { return };
        assert!(good, "{program} {args:?}: {said}");
    }
    // Both files of rules are meant by the configuration.
    let (_, said) = tool("promtool", &["check", "config"], &["prometheus/prometheus.yml"]).unwrap();
    assert!(said.contains("2 rule files found"), "{said}");
}

/// The rules as they are written: name, condition, `for`, severity, component.
fn rules(text: &str) -> Vec<[String; 5]> {
    let rule = Regex::new(
        r"- alert: (\w+)\n +expr: (.+)\n(?: +for: (\w+)\n)? +labels:\n +severity: (\w+)\n +component: (\w+)\n",
    );
    let rule = rule.unwrap();
    let found: Vec<_> = rule
        .captures_iter(text)
        .map(|found| [1, 2, 3, 4, 5].map(|at| found.get(at).map_or("", |it| it.as_str()).to_owned()))
        .collect();
    assert_eq!(found.len(), text.matches("- alert:").count(), "a rule is written in another way");
    found
}

/// The guide's table, `alerts.yaml`, and the ladder of the book speak of the same four.
#[test]
fn the_four_alerts_are_the_guides_and_the_book_has_an_answer_to_each() {
    let four = rules(&read(RULES[0]));
    let told: Vec<String> = four.iter().map(|rule| rule.join(" | ")).collect();
    assert_eq!(
        told,
        [
            "HighAPILatency | histogram_quantile(0.95, rate(livekit_api_request_duration_seconds_bucket[5m])) > 0.5 | 2m | warning | api",
            "HighErrorRate | rate(livekit_connection_errors_total[5m]) / rate(livekit_connections_total[5m]) > 0.05 | 1m | critical | api",
            "HighCPUUsage | livekit_system_cpu_usage > 85 | 5m | warning | host",
            "SIPCallFailures | rate(livekit_sip_call_failures_total[5m]) > 0.1 | 2m | critical | sip",
        ]
    );
    let alerts = fs::read_to_string(root().join("alerts.yaml")).unwrap();
    for [name, _, held, _, component] in &four {
        let line = alerts.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap_or_default();
        assert!(
            line.contains(&format!("for: {held},")) && line.contains(&format!("component: {component} ")),
            "{line}"
        );
    }
    // Each has a first response in the ladder of the repository's book, by the labels that Alertmanager brings.
    let settings = ["stepladder.yaml", "thresholds.yaml", "alerts.yaml", "escalation.yaml"];
    let settings = settings.map(|name| (name.to_owned(), fs::read_to_string(root().join(name)).unwrap()));
    let all: Vec<(String, Arc<str>)> =
        settings.into_iter().chain(files("runbooks", "yaml")).map(|(name, text)| (name, text.into())).collect();
    let ladder = load(&all).book.escalation.clone().unwrap();
    let answer = |[name, _, _, severity, component]: &[String; 5]| {
        let pairs = [("alertname", name), ("severity", severity), ("component", component)];
        let labels: BTreeMap<String, String> = pairs.map(|(label, value)| (label.to_owned(), value.clone())).into();
        let response = oncall::route(&ladder, &labels).and_then(|route| route.first_response.as_ref());
        response.map(ToString::to_string).unwrap_or_default()
    };
    let answers: Vec<String> = four.iter().map(answer).collect();
    assert_eq!(answers, ["respond-api", "p1-response", "respond-performance", "p1-response"]);
}

#[test]
fn the_book_of_the_example_passes_its_checks() {
    let names = ["stepladder.yaml", "thresholds.yaml", "escalation.yaml"].map(str::to_owned);
    let runbooks = fs::read_dir(shipped("book/runbooks")).unwrap();
    let runbooks = runbooks.map(|file| format!("runbooks/{}", file.unwrap().file_name().to_str().unwrap()));
    let texts = names.into_iter().chain(runbooks).map(|name| {
        let text = read(&format!("book/{name}"));
        (name, Arc::from(text))
    });
    let loaded = load(&texts.collect::<Vec<(String, Arc<str>)>>());
    let codes: Vec<&str> = loaded.findings.sorted().into_iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["SL0607", "SL0708"], "its settings say why these two");
}

/// The queries of the dashboard with the titles of their panels.
fn queries() -> Vec<(String, String)> {
    let board: Value = serde_json::from_str(&read("grafana/livekit-voice-ai.json")).unwrap();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let panels = board["panels"].as_array().unwrap();
    let of = |panel: &Value| -> Vec<(String, String)> {
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.iter().map(|target| (word(&panel["title"]), word(&target["expr"]))).collect()
    };
    panels.iter().flat_map(of).collect()
}

#[test]
fn the_dashboard_can_be_imported_and_shows_what_the_guide_asks_for() {
    let board: Value = serde_json::from_str(&read("grafana/livekit-voice-ai.json")).unwrap();
    assert!(
        board["title"] == "LiveKit Voice AI System" && board["schemaVersion"].as_u64() >= Some(36),
        "{}",
        board["title"]
    );
    let variable = &board["templating"]["list"][0];
    assert_eq!(
        (&variable["type"], &variable["query"], &variable["name"]),
        (&json!("datasource"), &json!("prometheus"), &json!("datasource"))
    );
    let panels = board["panels"].as_array().unwrap();
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "two panels have the id {}", panel["id"]);
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{} is wider than the page", panel["title"]);
        for cell in (0..place("w")).flat_map(|x| (0..place("h")).map(move |y| (x, y))) {
            assert!(
                taken.insert((place("x") + cell.0, place("y") + cell.1)),
                "{} lies on another panel",
                panel["title"]
            );
        }
        if panel["type"] == "row" {
            continue;
        }
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty() && panel["datasource"] == source, "{panel}");
        assert!(targets.iter().all(|target| target["datasource"] == source), "{panel}");
        let refs: BTreeSet<&str> = targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
        assert_eq!(refs.len(), targets.len(), "{panel}");
    }
    let all: Vec<String> = queries().into_iter().map(|(title, expr)| format!("{title}: {expr}")).collect();
    for wanted in [
        "API Response Time: histogram_quantile(0.95,",
        "Active Rooms & Participants: sum(livekit_rooms_active)",
        "Active Rooms & Participants: sum(livekit_participants_active)",
        "livekit_api_requests_total",
        "livekit_api_request_duration_seconds_bucket",
        "livekit_connections_total",
        "livekit_connection_errors_total",
        "livekit_sip_calls_active",
        "livekit_sip_call_duration_seconds",
        "livekit_sip_call_failures_total",
        "livekit_audio_quality_score",
        "livekit_system_cpu_usage",
        "livekit_system_memory_usage",
        "sum by (outcome) (increase(stepladder_runs_ended_total",
        "sum by (fate) (increase(stepladder_fires_total",
        "stepladder_fire_lateness_seconds_bucket",
        "stepladder_incidents_open",
        "stepladder_pages_total",
    ] {
        assert!(all.iter().any(|query| query.contains(wanted)), "no panel shows `{wanted}`: {all:#?}");
    }
}

/// Everything of the example, running.
struct Monitored {
    voice: Voice,
    site: Site,
    /// Reads the voice system and the daemon, as the configuration that ships says.
    prometheus: Server,
    /// Reads the daemon alone.
    alone: Server,
    _alertmanager: Server,
    _dir: tempfile::TempDir,
}

impl Monitored {
    /// `None` where Prometheus or Alertmanager is not installed.
    fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let voice = Voice::start(dir.path(), &[]);
        let site = site(&voice, |_| ());
        let put = |name: &str, text: &str| fs::write(site.home.path(name), text).unwrap();
        let file = |name: &str| format!("--config.file={}", site.home.path(name).display());
        put("viewer", &site.token("viewer"));
        put("operator", &site.token("operator"));
        let daemon = format!("127.0.0.1:{}", site.port);
        let changes = [("localhost:8320", daemon.as_str()), ("stepladder.token\n", "operator\n")];
        put("alertmanager.yml", &faster(&with(&read("alertmanager/alertmanager.yml"), &changes)));
        let store = format!("--storage.path={}", site.home.path("alertmanager").display());
        let alertmanager = Server::start(
            "prometheus-alertmanager",
            &[file("alertmanager.yml"), store, "--cluster.listen-address=".into()],
        )?;

        fs::create_dir(site.home.path("rules")).unwrap();
        for name in RULES {
            put(&name.replace("prometheus/", ""), &faster(&read(name)));
        }
        let (watched, notified) = (format!("127.0.0.1:{}", voice.port), format!("127.0.0.1:{}", alertmanager.port));
        let changes = [
            ("localhost:8000", watched.as_str()),
            ("localhost:8320", &daemon),
            ("localhost:9093", &notified),
            ("stepladder.token\n", "viewer\n"),
        ];
        let both = faster(&with(&read("prometheus/prometheus.yml"), &changes));
        put("prometheus.yml", &both);
        // As the comment in it says: without the voice system, and then nothing is dropped.
        let cut = |from: &str, to: &str| both.find(from).unwrap()..both.find(to).unwrap();
        let (head, job) =
            (&both[cut("global:", "rule_files:")], &both[cut("  - job_name: 'stepladder'", "    # It tells")]);
        put("alone.yml", &format!("{head}scrape_configs:\n{job}"));
        let prometheus = |name: &str| {
            let store = format!("--storage.tsdb.path={}", site.home.path(&format!("{name}.db")).display());
            // What a series was five minutes ago it still is; of time that is as fast that is ten seconds.
            Server::start("prometheus", &[file(&format!("{name}.yml")), store, "--query.lookback-delta=10s".into()])
        };
        let (prometheus, alone) = (prometheus("prometheus")?, prometheus("alone")?);
        Some(Self { voice, site, prometheus, alone, _alertmanager: alertmanager, _dir: dir })
    }

    /// Waits until an alert has fired in Prometheus, its incident is open or was, and it has been looked at.
    fn fired(&self, alert: &str) {
        let (_, _, severity, title) = ALERTS.iter().find(|(name, ..)| *name == alert).unwrap();
        let known = format!("max_over_time(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}[10m])");
        self.site.home.until(&format!("{alert} fires"), || self.prometheus.number(&known) == Some(1.0));
        let opened = |one: &(String, String, String)| one.0 == *title && one.1 == *severity;
        self.site.home.until(&format!("{alert} has an incident"), || incidents(&self.site).iter().any(opened));
        let page = format!("# {alert} at ");
        self.site.home.until("somebody has looked", || looked(&self.site).iter().any(|text| text.starts_with(&page)));
    }
}

/// The queries of the dashboard that have no number now.
fn empty(server: &Server) -> Vec<String> {
    let shows = |expr: &str| {
        // In the place of Grafana's own word: four scrapes at least.
        let series = server.query(&expr.replace("$__rate_interval", "20s")).unwrap_or_default();
        let number = |one: &Value| one["value"][1].as_str().and_then(|it| it.parse::<f64>().ok());
        series.iter().any(|one| number(one).is_some_and(f64::is_finite))
    };
    queries().into_iter().filter(|(_, expr)| !shows(expr)).map(|(title, expr)| format!("{title}: {expr}")).collect()
}

#[test]
fn the_metric_rises_the_rule_fires_the_runbook_runs_and_it_is_over() {
    let Some(all) = Monitored::start() else { return };
    let (site, prometheus) = (&all.site, &all.prometheus);
    let jobs = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    site.home.until("both are read", || prometheus.read() == jobs(&["livekit-voice-ai", "stepladder"]));
    site.home.until("the daemon is read", || all.alone.read() == jobs(&["stepladder"]));
    site.home.until("the metrics are collected", || all.alone.number("livekit_rooms_active").is_some());
    assert!(prometheus.query("ALERTS{alertname!~\"Stepladder.*|VoiceSystem.*\"}").unwrap().is_empty());
    assert!(looked(site).is_empty());

    // The processors last: the first response to any of them switches off all that is on.
    let (cpu, others) = ALERTS.split_last().unwrap();
    for (_, fault, ..) in others {
        all.voice.fault(fault);
    }
    for (alert, ..) in others {
        all.fired(alert);
    }
    all.voice.fault(cpu.1);
    all.fired(cpu.0);
    let runs = rows(site, &["runs", "mend-voice-system", "--json"]);
    assert!(runs.iter().any(|run| run["outcome"] == "recovered"), "{runs:?}");
    let over = |incidents: &BTreeSet<(String, String, String)>| {
        ALERTS.iter().all(|(_, _, severity, title)| {
            incidents.contains(&((*title).into(), (*severity).into(), "resolved".into()))
        })
    };
    site.home.until("Alertmanager says that they are over", || over(&incidents(site)));
    let said = looked(site);
    for (alert, text) in [("HighErrorRate", "Error rate is "), ("HighCPUUsage", "CPU usage is 92.5%")] {
        let about: Vec<_> = said.iter().filter(|page| page.starts_with(&format!("# {alert} at "))).collect();
        assert!(about.len() == 1 && about[0].contains(text) && about[0].contains("\"cpu\""), "{about:?}");
    }
    assert!(prometheus.query("ALERTS{alertname=~\"High.*|SIP.*\",alertstate=\"firing\"}").unwrap().is_empty());

    // Everything on the dashboard has something to show, whichever of the two is asked.
    for (what, server) in [("both", prometheus), ("the daemon alone", &all.alone)] {
        let mut left = Vec::new();
        for _ in 0..100 {
            left = empty(server);
            if left.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(left.is_empty(), "with {what} these show nothing: {left:#?}");
    }
    let sources = prometheus.query("count by (job) (livekit_system_cpu_usage)").unwrap();
    assert!(sources.len() == 1 && sources[0]["metric"]["job"] == "livekit-voice-ai", "told by one: {sources:?}");
    for (expr, least) in [
        ("max_over_time(sum(stepladder_incidents_open{severity=\"P1\"})[5m:500ms])", 1.0),
        ("sum(stepladder_incidents_ended_total{how=\"mended\"})", 4.0),
        ("sum(stepladder_pages_total{fate=\"delivered\"})", 8.0),
        ("sum(stepladder_calls_total{kind=\"alert\"})", 4.0),
        ("sum(stepladder_fire_lateness_seconds_count)", 10.0),
    ] {
        site.home.until(expr, || prometheus.number(expr) >= Some(least));
    }
    let page = site.ask("GET /metrics", &fs::read_to_string(site.home.path("viewer")).unwrap(), "").body;
    for (whose, page) in [("daemon", page), ("voice system", ask(all.voice.port, "GET", "/metrics").unwrap())] {
        let (good, said) = crate::watched::promtool(&page).unwrap();
        assert!(good && said.trim().is_empty(), "of the {whose}: {said}\n{page}");
    }
}

/// The same four as `alerts.yaml` has them, with no Prometheus anywhere.
#[test]
fn the_same_four_fire_without_a_prometheus() {
    let dir = tempfile::tempdir().unwrap();
    let faults = ["connection-errors", "high-latency", "sip-failures"];
    let voice = Voice::start(dir.path(), &faults);
    let site = site(&voice, |home| {
        fs::write(home.path("alerts.yaml"), faster(&fs::read_to_string(root().join("alerts.yaml")).unwrap())).unwrap();
        // How busy this machine is, is its own affair.
        let collect = home.path("runbooks/collect-livekit-metrics.yaml");
        let busy = [("value: output.cpu.used_percent", "value: \"output.cpu.used_percent * 0.0 + 92.5\"")];
        fs::write(&collect, with(&fs::read_to_string(&collect).unwrap(), &busy)).unwrap();
    });
    let opened = |severity: &str| incidents(&site).iter().filter(|one| one.1 == severity).count();
    site.home.until("all four have an incident", || opened("P1") == 2 && opened("P3") == 2);
    let keys: BTreeSet<String> = rows(&site, &["incidents", "--all", "--json"])
        .iter()
        .filter_map(|one| one["key"].as_str()?.strip_prefix("alert/")?.split('/').next().map(str::to_owned))
        .collect();
    assert_eq!(keys, ALERTS.map(|(alert, ..)| alert.to_owned()).into());
    site.home.until("each is looked at", || looked(&site).len() == ALERTS.len());
    // The faults are mended. Rates and percentiles are over with their window; the processors stay as they are made up to be.
    let over = || incidents(&site).iter().filter(|one| one.2 == "resolved").count() == 3;
    site.home.until("all but the processors are well again", over);
    the_page_of_the_manual_lists_every_metric(&site.ask("GET /metrics", &site.token("viewer"), "").body);
    let firing = rows(&site, &["alerts", "--json"]);
    assert!(firing.iter().any(|one| one["fingerprint"] == "HighCPUUsage" && one["state"] == "firing"), "{firing:?}");
}

/// The table of `docs/monitoring.md` has the families of the engine's own, and no others.
fn the_page_of_the_manual_lists_every_metric(page: &str) {
    let own = page.lines().filter_map(|line| line.strip_prefix("# HELP stepladder_")?.split(' ').next());
    let manual = fs::read_to_string(root().join("docs/monitoring.md")).unwrap();
    let table = manual.lines().skip_while(|line| !line.starts_with("| `stepladder_…`")).skip(2);
    let cells = table.take_while(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
    let listed: BTreeSet<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert_eq!(own.collect::<BTreeSet<_>>(), listed);
}
