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

    /// In the place of the daemon that was there before, where there was one.
    pub(crate) fn over(home: Home, http: &str) -> Self {
        let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
        let settings: String =
            settings.lines().filter(|line| !line.starts_with("http:")).map(|line| format!("{line}\n")).collect();
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
        (&format!("POST /api/v1/runs/{run}/retry"), "", [401, 403, 422, 422]),
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
    let site = Site::over(home, "");
    assert_eq!(start(&site, &one, "k1", "noop"), (200, run));
    assert_eq!(site.home.lines("did"), 12);
}

/// Who turns HTTP on finds a token, once.
#[test]
fn a_first_token_is_left_for_the_owner() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::open(&[("noop", NOOP)], "");
    let file = site.home.path(".stepladder/http-token");
    let token = fs::read_to_string(&file).unwrap().trim().to_owned();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(site.ask("GET /api/v1/audit", &token, "").status, 200, "it may do everything");
    let log = fs::read_to_string(site.home.path("log")).unwrap();
    assert!(log.contains("http-token") && !log.contains(&token), "{log}");
    let copy = site.home.path("copy");
    assert_eq!(site.home.run(&["store", "backup", copy.to_str().unwrap()]).status.code(), Some(0));
    let holds = std::process::Command::new("grep").args(["-r", &token]).arg(&copy).output().unwrap();
    assert!(holds.stdout.is_empty() && copy.join("format").exists(), "{}", text(&holds.stdout));
    assert_eq!(site.home.run(&["token", "revoke", "first"]).status.code(), Some(0));
    assert_eq!(site.ask("GET /api/v1/runs", &token, "").status, 401);
    assert!(!file.exists());
    let Site { home, daemon, .. } = site;
    drop(daemon.end(Signal::TERM));
    let site = Site::over(home, "");
    assert!(!site.home.path(".stepladder/http-token").exists(), "it was taken away, and does not come back");
}

/// What starts no run, asked for again with its key.
#[test]
fn an_act_with_a_key_is_done_once() {
    let site = Site::open(&[("noop", NOOP)], "");
    let (one, two) = (site.token("operator"), site.token("admin"));
    let viewer = site.token("viewer");
    let ask = |site: &Site, token: &str, (key, line): (&str, &str), body: &str| {
        site.with(line, &[("authorization", &format!("Bearer {token}")), ("idempotency-key", key)], body)
    };
    let add = "POST /api/v1/silences";
    let body = |why: &str| format!(r#"{{"match":{{"service":"a"}},"until":"2099-01-01T00:00:00Z","reason":"{why}"}}"#);
    let silences = |site: &Site| site.ask("GET /api/v1/silences", &one, "").json().as_array().unwrap().len();
    let first = ask(&site, &one, ("k", add), &body("x"));
    assert_eq!(first.status, 201, "{first:?}");
    for _ in 0..2 {
        let again = ask(&site, &one, ("k", add), &body("x"));
        assert_eq!((again.status, &again.body), (201, &first.body));
    }
    assert_eq!(silences(&site), 1);
    // The key is of this request and this caller.
    let refused = [
        ask(&site, &one, ("k", add), &body("y")),
        ask(&site, &one, ("k", "POST /api/v1/schedules/noop/pause"), &body("x")),
        ask(&site, &one, ("k", "POST /api/v1/runs"), &body("x")),
        ask(&site, &one, ("", add), &body("x")),
        ask(&site, &one, (&"k".repeat(256), add), &body("x")),
    ];
    for refused in &refused {
        assert!(refused.status == 422 || refused.json()["type"] == "bad-request", "{refused:?}");
    }
    assert_eq!(ask(&site, &viewer, ("v", add), &body("x")).status, 403);
    assert_eq!(silences(&site), 1);
    assert_ne!(ask(&site, &two, ("k", add), &body("x")).body, first.body);
    assert_eq!(silences(&site), 2);
    // What was refused was not done, and is looked at anew.
    let id = first.json()["silence"].as_str().unwrap().to_owned();
    let retry = "POST /api/v1/runs/00000000000000000000000000/retry";
    assert_eq!([0; 2].map(|_| ask(&site, &one, ("r", retry), "").status), [404; 2]);
    // Without words, and again without.
    let end = format!("DELETE /api/v1/silences/{id}");
    assert_eq!([0; 2].map(|_| ask(&site, &one, ("e", &end), "").status), [204; 2]);
    assert_eq!(ask(&site, &one, ("f", &end), "").status, 404);
    // Several at once: one does it, the others hear the same, or that it is being done.
    for round in 0..10 {
        let key = format!("at-once-{round}");
        let all: Vec<(u16, String)> = std::thread::scope(|scope| {
            let asks: Vec<_> = (0..6).map(|_| scope.spawn(|| ask(&site, &one, (&key, add), &body("x")))).collect();
            asks.into_iter().map(|ask| ask.join().unwrap()).map(|answer| (answer.status, answer.body)).collect()
        });
        let mut done: Vec<_> = all.iter().filter(|(status, _)| *status == 201).collect();
        assert!(all.iter().all(|(status, _)| [201, 409].contains(status)) && !done.is_empty(), "{all:?}");
        done.dedup();
        assert_eq!(done.len(), 1, "{all:?}");
        assert_eq!(silences(&site), 2 + round);
    }
}

/// A daemon that dies in the middle of keyed requests: what was answered is answered so again, and nothing is done twice.
#[test]
fn no_act_with_a_key_is_done_twice_over_a_kill() {
    let mut site = Site::open(&[("noop", NOOP)], "");
    let token = site.token("operator");
    let bearer = format!("Bearer {token}");
    let mut known: Vec<(u16, String)> = Vec::new();
    for round in 0..6 {
        let add = |key: usize| {
            let headers = [("authorization", bearer.as_str()), ("idempotency-key", &format!("{round}-{key}"))];
            let body =
                format!(r#"{{"match":{{"service":"{round}-{key}"}},"until":"2099-01-01T00:00:00Z","reason":"x"}}"#);
            let answer = site.with("POST /api/v1/silences", &headers, &body);
            (answer.status, answer.body)
        };
        let process = site.daemon.id();
        let first: Vec<(u16, String)> = std::thread::scope(|scope| {
            let asks: Vec<_> = (0..8).map(|key| scope.spawn(move || add(key))).collect();
            std::thread::sleep(Duration::from_millis(round * 2));
            kill(process, Signal::KILL);
            asks.into_iter().map(|ask| ask.join().unwrap()).collect()
        });
        let Site { home, daemon, .. } = site;
        drop(daemon.end(Signal::KILL));
        site = Site::over(home, "");
        let list = site.ask("GET /api/v1/silences", &token, "").json();
        let count = |key: usize| {
            let service = format!("{round}-{key}");
            list.as_array().unwrap().iter().filter(|row| row["match"]["service"] == service.as_str()).count()
        };
        for (key, (status, body)) in first.iter().enumerate() {
            let headers = [("authorization", bearer.as_str()), ("idempotency-key", &format!("{round}-{key}"))];
            let ask =
                format!(r#"{{"match":{{"service":"{round}-{key}"}},"until":"2099-01-01T00:00:00Z","reason":"x"}}"#);
            let again = site.with("POST /api/v1/silences", &headers, &ask);
            match status {
                201 => assert_eq!((again.status, &again.body, count(key)), (201, body, 1), "{again:?}"),
                _ => assert!([201, 409].contains(&again.status) && count(key) <= 1, "{again:?}"),
            }
            known.push((again.status, again.body));
        }
        let after = site.ask("GET /api/v1/silences", &token, "").json();
        let services: Vec<&str> =
            after.as_array().unwrap().iter().filter_map(|row| row["match"]["service"].as_str()).collect();
        let once: std::collections::BTreeSet<&str> = services.iter().copied().collect();
        assert_eq!(services.len(), once.len(), "{services:?}");
    }
    assert_eq!(known.len(), 48);
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
