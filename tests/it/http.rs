//! HTTP over TCP: who gets in, what each role may do, what is refused and how, and what is written down.

use crate::owner::{Home, kill, text};
use crate::serve::Daemon;
use rustix::process::Signal;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub(crate) const NOOP: &str = "steps: [ { id: a, shell: 'echo done >> did' } ]\n";

/// A daemon with an open door.
pub(crate) struct Site {
    pub(crate) home: Home,
    pub(crate) daemon: Daemon,
    pub(crate) port: u16,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Site {
    pub(crate) fn open(runbooks: &[(&str, &str)], http: &str) -> Self {
        Self::over(Home::new(runbooks), http)
    }

    pub(crate) fn over(home: Home, http: &str) -> Self {
        let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
        fs::write(home.path("stepladder.yaml"), format!("{settings}http: {{ listen: \"127.0.0.1:0\"{http} }}\n"))
            .unwrap();
        let log = fs::File::create(home.path("log")).unwrap();
        let child = home.command(&["serve", "--log-format", "json"]).stderr(log).spawn().unwrap();
        let daemon = Daemon::started(&home, child);
        let port = || {
            let log = fs::read_to_string(home.path("log")).ok()?;
            let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.find_map(|line| line["address"].as_str()?.rsplit(':').next()?.parse().ok())
        };
        home.until("HTTP is served", || port().is_some());
        let port = port().unwrap();
        Self { home, daemon, port }
    }

    pub(crate) fn token(&self, role: &str) -> String {
        let out = self.home.run(&["token", "create", role, "--role", role]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        text(&out.stdout).trim().to_owned()
    }

    pub(crate) fn send(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        let answer = text(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    /// Asks with these headers beside the usual ones.
    pub(crate) fn with(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{line} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "host") {
            let _ = write!(request, "host: 127.0.0.1:{}\r\n", self.port);
        }
        for (name, value) in headers {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        self.send(&format!("{request}\r\n{body}"))
    }

    pub(crate) fn ask(&self, line: &str, token: &str, body: &str) -> Answer {
        self.with(line, &[("authorization", &format!("Bearer {token}"))], body)
    }
}

#[test]
fn each_role_may_do_what_it_may_and_nothing_else() {
    let site = Site::open(
        &[
            ("noop", NOOP),
            ("guarded", &format!("allow: {{ start: admin }}\n{NOOP}")),
            ("asks", "steps: [ { id: a, confirm: 'Really?', shell: 'true' } ]\n"),
            ("timed", &format!("triggers: [ {{ id: leap, cron: '0 0 29 2 *' }} ]\n{NOOP}")),
        ],
        "",
    );
    let run = text(&site.home.run(&["run", "noop", "--detach"]).stdout).trim().to_owned();
    site.home.until("it has ended", || site.home.rows()[0]["state"] == "ended");
    let waiting = text(&site.home.run(&["run", "asks", "--detach"]).stdout).trim().to_owned();
    site.home.until("it waits", || site.home.rows()[0]["state"] == "waiting");
    let tokens = ["viewer", "operator", "admin"].map(|role| site.token(role));
    for verb in ["cancel", "answer", "approve", "reject"] {
        let line = format!("POST /api/v1/runs/{waiting}/{verb}");
        let body = if verb == "answer" { r#"{"place":"a","answer":"go"}"# } else { "{}" };
        let answer = site.ask(&line, &tokens[0], body);
        assert_eq!(answer.status, 403, "who looks changes nothing: {line}: {answer:?}");
    }
    for (line, body, want) in [
        ("GET /livez", "", [200, 200, 200, 200]),
        ("GET /readyz", "", [200, 200, 200, 200]),
        ("GET /api/v1/runs", "", [401, 200, 200, 200]),
        (&format!("GET /api/v1/runs/{run}"), "", [401, 200, 200, 200]),
        (&format!("GET /api/v1/runs/{run}/events"), "", [401, 200, 200, 200]),
        (&format!("GET /api/v1/runs/{run}/events?from={}", u64::MAX - 1), "", [401, 200, 200, 200]),
        (&format!("GET /api/v1/runs/{run}/events?from={}", u64::MAX), "", [401, 200, 200, 200]),
        (&format!("GET /api/v1/runs/{run}/output?place=a&attempt=1&stream=stdout"), "", [401, 200, 200, 200]),
        ("GET /api/v1/find/last", "", [401, 200, 200, 200]),
        ("GET /api/v1/status", "", [401, 200, 200, 200]),
        ("GET /api/v1/book", "", [401, 403, 200, 200]),
        ("GET /api/v1/settings", "", [401, 403, 200, 200]),
        ("POST /api/v1/book/reload", "", [401, 403, 200, 200]),
        ("POST /api/v1/runs", r#"{"runbook":"noop"}"#, [401, 403, 201, 201]),
        ("POST /api/v1/runs", r#"{"runbook":"guarded"}"#, [401, 403, 403, 201]),
        (&format!("POST /api/v1/runs/{run}/retry"), "", [401, 403, 201, 201]),
        // It has ended: who may not hears that, who may hears this.
        (&format!("POST /api/v1/runs/{run}/cancel"), "", [401, 409, 409, 409]),
        (&format!("POST /api/v1/runs/{run}/answer"), r#"{"place":"a","answer":"go"}"#, [401, 409, 409, 409]),
        ("GET /api/v1/approvals", "", [401, 200, 200, 200]),
        (&format!("GET /api/v1/approvals?run={run}"), "", [401, 200, 200, 200]),
        (&format!("POST /api/v1/runs/{run}/approve"), "", [401, 409, 409, 409]),
        (&format!("POST /api/v1/runs/{run}/reject"), "", [401, 409, 409, 409]),
        ("GET /api/v1/schedules", "", [401, 200, 200, 200]),
        ("POST /api/v1/schedules/timed/pause", r#"{"reason":"x"}"#, [401, 403, 200, 200]),
        ("POST /api/v1/schedules/timed/resume", "", [401, 403, 200, 200]),
        ("POST /api/v1/schedules/noop/pause", "", [401, 403, 422, 422]),
        ("GET /api/v1/schedules/timed/why?at=2026-11-24T00:00:00Z", "", [401, 200, 200, 200]),
        ("GET /api/v1/incidents", "", [401, 200, 200, 200]),
        ("GET /api/v1/incidents/last", "", [401, 404, 404, 404]),
        ("POST /api/v1/incidents", r#"{"title":"the trunk is down"}"#, [401, 403, 201, 200]),
        ("GET /api/v1/incidents/last", "", [401, 200, 200, 200]),
        ("GET /api/v1/incidents/last/report", "", [401, 200, 200, 200]),
        ("GET /api/v1/incidents/statistics", "", [401, 200, 200, 200]),
        ("POST /api/v1/incidents/last/note", r#"{"text":"the provider knows"}"#, [401, 403, 200, 200]),
        ("POST /api/v1/incidents/last/ack", "", [401, 403, 200, 200]),
        ("POST /api/v1/incidents/last/dance", "", [401, 404, 404, 404]),
        ("POST /api/v1/incidents/last/severity", r#"{"to":"P9"}"#, [401, 403, 422, 422]),
        ("POST /api/v1/incidents/last/resolve", r#"{"reason":"it is back"}"#, [401, 403, 200, 422]),
        ("GET /api/v1/contacts", "", [401, 200, 200, 200]),
        ("POST /api/v1/contacts/drill", "", [401, 403, 422, 422]),
        ("GET /api/v1/silences", "", [401, 200, 200, 200]),
        (
            "POST /api/v1/silences",
            r#"{"match":{"component":"sip"},"until":"2999-01-01T00:00:00Z","reason":"x"}"#,
            [401, 403, 201, 201],
        ),
        ("DELETE /api/v1/silences/s-none", "", [401, 403, 404, 404]),
        ("GET /api/v1/alerts", "", [401, 200, 200, 200]),
        ("GET /api/v1/tokens", "", [401, 403, 403, 200]),
        ("POST /api/v1/tokens", r#"{"name":"more","role":"viewer"}"#, [401, 403, 403, 201]),
        ("DELETE /api/v1/tokens/more", "", [401, 403, 403, 204]),
        ("GET /api/v1/audit", "", [401, 403, 403, 200]),
        ("POST /api/v1/owner/make-room", "", [401, 403, 403, 403]),
        ("POST /api/v1/store/backup", r#"{"to":"/tmp/x"}"#, [401, 403, 403, 403]),
        ("GET /api/v1/store/doctor", "", [401, 403, 403, 403]),
        ("GET /api/v1/nothing", "", [401, 404, 404, 404]),
    ] {
        let mut got = vec![site.with(line, &[], body).status];
        got.extend(tokens.iter().map(|token| site.ask(line, token, body).status));
        assert_eq!(got, want, "{line} {body}: nobody, viewer, operator, admin");
    }
}

/// `dry_run` for `dry` would be a run for real.
#[test]
fn a_key_that_nobody_knows_is_refused_where_something_would_change() {
    let site = Site::open(&[("noop", NOOP)], "");
    let operator = site.token("operator");
    for (line, body) in [
        ("POST /api/v1/runs", r#"{"runbook":"noop","dry_run":true}"#),
        ("POST /api/v1/runs", r#"{"runbook":"noop","inptus":{}}"#),
    ] {
        let answer = site.ask(line, &operator, body);
        assert!((400..500).contains(&answer.status), "{} {}", answer.status, answer.body);
        assert!(answer.body.contains("dry_run") || answer.body.contains("inptus"), "{}", answer.body);
    }
    // A list is no object, though it could be read as the fields in the order of the source.
    let answer = site.ask("POST /api/v1/runs", &operator, r#" ["noop"]"#);
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(site.home.rows().is_empty(), "nothing was started");
}

#[test]
fn what_is_done_is_written_down_and_a_token_is_kept_as_a_hash() {
    let site = Site::open(&[("noop", NOOP)], "");
    let (admin, operator) = (site.token("admin"), site.token("operator"));
    assert_eq!(site.ask("POST /api/v1/runs", &operator, r#"{"runbook":"noop"}"#).status, 201);
    assert_eq!(site.ask("POST /api/v1/runs", &operator, r#"{"runbook":"nope"}"#).status, 404);
    assert_eq!(site.home.run(&["run", "noop"]).status.code(), Some(0));
    site.home
        .until("all is written down", || site.ask("GET /api/v1/audit", &admin, "").body.matches("/runs").count() == 3);
    let deeds = site.ask("GET /api/v1/audit?limit=3", &admin, "").json();
    let told = deeds.as_array().unwrap().iter().map(|deed| {
        let text = |key: &str| deed[key].as_str().unwrap_or_default().to_owned();
        format!("{} {} {} {} {}", text("actor"), text("via"), text("role"), text("what"), deed["status"])
    });
    let told: Vec<String> = told.collect();
    assert!(told[0].ends_with("socket admin POST /api/v1/runs 201"), "{told:?}");
    assert_eq!(
        told[1..],
        ["operator api operator POST /api/v1/runs 404", "operator api operator POST /api/v1/runs 201"]
    );
    assert!(deeds[1]["from"].as_str().unwrap().starts_with("127.0.0.1:"), "{deeds}");
    let shown = text(&site.home.run(&["show", "last", "--json"]).stdout);
    assert!(shown.contains("\"via\":\"socket\""), "{shown}");
    let listed = text(&site.home.run(&["token", "list"]).stdout);
    assert!(listed.contains("operator  operator  made ") && !listed.contains("slt_"), "{listed}");
    // Of the tokens themselves nothing is kept anywhere.
    crate::owner::walk(&site.home.path(".stepladder"), &mut |path, bytes| {
        for token in [&admin, &operator] {
            let found = bytes.windows(token.len()).any(|window| window == token.as_bytes());
            assert!(!found, "a token is in {}", path.display());
        }
    });
    // A token that is revoked opens nothing, at once, and not after a restart either.
    assert_eq!(site.home.run(&["token", "revoke", "operator"]).status.code(), Some(0));
    assert_eq!(site.ask("GET /api/v1/runs", &operator, "").status, 401);
    let Site { home, daemon, .. } = site;
    drop(daemon.end(Signal::KILL));
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    let rest: Vec<&str> = settings.lines().filter(|line| !line.starts_with("http:")).collect();
    fs::write(home.path("stepladder.yaml"), rest.join("\n") + "\n").unwrap();
    let site = Site::over(home, "");
    assert_eq!(site.ask("GET /api/v1/runs", &operator, "").status, 401);
    assert_eq!(site.ask("GET /api/v1/runs", &admin, "").status, 200);
    let taken = site.home.run(&["token", "create", "admin"]);
    assert!(text(&taken.stderr).contains("there is a token `admin`"), "{}", text(&taken.stderr));
}

#[test]
fn other_hosts_other_sites_and_nonsense_are_refused_as_problems() {
    let site = Site::open(&[("noop", NOOP)], ", public_url: \"https://Steps.example.com\"");
    let token = site.token("operator");
    let bearer = format!("Bearer {token}");
    let start = r#"{"runbook":"noop"}"#;
    for (line, headers, body, status) in [
        ("GET /api/v1/runs", &[("host", "evil.example")][..], "", 421),
        ("GET /api/v1/runs", &[("host", "steps.example.com")], "", 200),
        ("GET /livez", &[("host", "evil.example")], "", 421),
        ("POST /api/v1/runs", &[("origin", "https://evil.example")], start, 403),
        ("POST /api/v1/runs", &[("origin", "null")], start, 403),
        ("POST /api/v1/runs", &[("origin", "https://steps.example.com")], start, 201),
        ("POST /api/v1/runs", &[], "{", 400),
        ("POST /api/v1/runs", &[], r#"{"runbook":7}"#, 400),
        ("PUT /api/v1/runs", &[], start, 405),
        ("GET /api/v1/runs?limit=many", &[], "", 400),
        ("GET /api/v1/runs/%ff", &[], "", 400),
        ("GET /api/v1/runs/zzz", &[], "", 404),
        ("POST /api/v1/runs", &[], &format!("\"{}\"", "x".repeat(1 << 20)), 413),
    ] {
        let headers: Vec<_> = headers.iter().copied().chain([("authorization", bearer.as_str())]).collect();
        let answer = site.with(line, &headers, body);
        assert_eq!(answer.status, status, "{line} {headers:?}: {answer:?}");
        if status >= 400 {
            assert!(answer.head.contains("application/problem+json"), "{line}: {answer:?}");
            let problem = answer.json();
            assert!(problem["status"] == status && !problem["detail"].as_str().unwrap().is_empty(), "{problem}");
        }
        assert!(answer.head.contains("cache-control: no-store"), "{answer:?}");
    }
    for header in ["", "Basic abc", "Bearer", "Bearer slt_00"] {
        let answer = site.with("GET /api/v1/runs", &[("authorization", header)], "");
        assert!(answer.status == 401 && answer.head.contains("www-authenticate: bearer"), "{header}: {answer:?}");
    }
    // Who sends nothing, or half a head, harms nobody.
    let idle: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(("127.0.0.1", site.port)).unwrap()).collect();
    for mut stream in &idle {
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: ").unwrap();
    }
    assert_eq!(site.with("GET /livez", &[], "").status, 200);
    kill(site.daemon.id(), Signal::HUP);
    assert_eq!(site.with("GET /readyz", &[], "").status, 200);
}

/// A caller that heard no answer asks again with the same key, as often as it likes, over any number of daemons.
#[test]
fn a_start_with_a_key_is_one_run() {
    let site = Site::open(&[("noop", NOOP), ("other", NOOP)], "");
    let (one, two) = (site.token("operator"), site.token("admin"));
    let start = |site: &Site, token: &str, key: &str, runbook: &str| {
        let bearer = format!("Bearer {token}");
        let body = format!("{{\"runbook\":\"{runbook}\"}}");
        let answer = site.with("POST /api/v1/runs", &[("authorization", &bearer), ("idempotency-key", key)], &body);
        (answer.status, answer.json()["run"].as_str().unwrap_or_default().to_owned())
    };
    let (status, run) = start(&site, &one, "k1", "noop");
    assert_eq!(status, 201);
    assert_eq!(start(&site, &one, "k1", "noop"), (200, run.clone()));
    assert_eq!(start(&site, &one, "k1", "other").0, 422, "the same key for something else");
    assert_eq!(start(&site, &one, "", "noop").0, 422);
    // Another caller's key, and another key, are other runs; what is not started can be asked for again.
    assert_ne!(start(&site, &two, "k1", "noop"), (200, run.clone()));
    assert_eq!(start(&site, &one, "k2", "none").0, 404);
    assert_eq!(start(&site, &one, "k2", "none").0, 404);
    // Several at once.
    for key in 0..10 {
        let key = format!("at-once-{key}");
        let all: Vec<(u16, String)> = std::thread::scope(|scope| {
            let asks: Vec<_> = (0..6).map(|_| scope.spawn(|| start(&site, &one, &key, "noop"))).collect();
            asks.into_iter().map(|ask| ask.join().unwrap()).collect()
        });
        assert!(all.iter().all(|(_, run)| *run == all[0].1), "{all:?}");
        assert_eq!(all.iter().filter(|(status, _)| *status == 201).count(), 1, "{all:?}");
    }
    site.home.until("all have ended", || site.home.rows().iter().all(|row| row["state"] == "ended"));
    assert_eq!(site.home.lines("did"), 12);
    let Site { home, daemon, .. } = site;
    drop(daemon.end(Signal::KILL));
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    let rest: Vec<&str> = settings.lines().filter(|line| !line.starts_with("http:")).collect();
    fs::write(home.path("stepladder.yaml"), rest.join("\n") + "\n").unwrap();
    let site = Site::over(home, "");
    assert_eq!(start(&site, &one, "k1", "noop"), (200, run));
    assert_eq!(site.home.lines("did"), 12);
}

#[test]
fn tls_is_spoken_where_a_certificate_is_named() {
    let home = Home::new(&[("noop", NOOP)]);
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            "key.pem",
            "-out",
            "tls.pem",
        ])
        .current_dir(home.dir.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    let site = Site::over(home, ", tls: { certificate: tls.pem, key: key.pem }");
    let token = site.token("viewer");
    let connect = format!("localhost:{}", site.port);
    let request = format!(
        "GET /api/v1/runs HTTP/1.1\\r\\nhost: {connect}\\r\\nauthorization: Bearer {token}\\r\\nconnection: close\\r\\n\\r\\n"
    );
    let line = format!(
        "printf '{request}' | timeout 60 openssl s_client -quiet -verify_return_error -CAfile tls.pem -servername localhost -connect {connect} 2>&1"
    );
    let out = std::process::Command::new("sh").arg("-c").arg(line).current_dir(site.home.dir.path()).output().unwrap();
    let said = text(&out.stdout);
    assert!(said.contains("HTTP/1.1 200 OK"), "{said}");
    assert_eq!(site.with("GET /livez", &[], "").status, 0, "in clear nobody answers");
}

#[test]
fn a_door_that_cannot_be_opened_is_a_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let home = Home::new(&[("noop", NOOP)]);
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    for (http, says) in [
        (format!("listen: \"127.0.0.1:{port}\""), "cannot listen on"),
        ("listen: \"127.0.0.1:0\", tls: { certificate: no.pem, key: no.pem }".into(), "cannot use"),
    ] {
        fs::write(home.path("stepladder.yaml"), format!("{settings}http: {{ {http} }}\n")).unwrap();
        let out = home.run(&["serve"]);
        assert_eq!(out.status.code(), Some(3), "{}", text(&out.stderr));
        assert!(text(&out.stderr).contains(&format!("error: {says}")), "{}", text(&out.stderr));
    }
}

/// By runbook and by outcome, alone and together, page by page.
#[test]
fn runs_of_an_outcome_are_found_among_others() {
    let site = Site::open(&[("noop", NOOP), ("bad", "steps: [ { id: a, fail: no } ]\n")], "");
    let token = site.token("operator");
    for runbook in ["noop", "bad", "noop", "bad", "bad"] {
        let asked = format!(r#"{{"runbook":"{runbook}"}}"#);
        assert_eq!(site.ask("POST /api/v1/runs", &token, &asked).status, 201);
    }
    let list = |query: &str| -> Vec<(String, String)> {
        let rows = site.ask(&format!("GET /api/v1/runs?{query}"), &token, "").json();
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        rows.as_array().unwrap().iter().map(|row| (text(row, "runbook"), text(row, "run"))).collect()
    };
    site.home.until("all have ended", || list("outcome=succeeded").len() == 2 && list("outcome=failed").len() == 3);
    let names = |query: &str| list(query).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names("limit=9"), ["bad", "bad", "noop", "bad", "noop"], "newest first");
    assert_eq!(names("runbook=bad&outcome=failed"), ["bad"; 3]);
    assert_eq!(names("runbook=noop&outcome=failed"), [""; 0]);
    assert_eq!(names("runbook=noop&outcome=succeeded"), ["noop"; 2]);
    assert_eq!(names("outcome=failed,succeeded").len(), 5);
    assert_eq!(names("outcome=running"), [""; 0]);
    // A page of two, and what is behind it.
    let first = list("outcome=failed&limit=2");
    let rest = list(&format!("outcome=failed&before={}", first[1].1));
    let all = list("outcome=failed");
    assert_eq!([first, rest].concat(), all);
}
