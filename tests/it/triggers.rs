//! Triggers that something from outside sets off: each call counts once, also when the daemon is killed in the middle of it.

use crate::http::{Answer, Site};
use crate::owner::{Home, text};
use crate::serve::Daemon;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

const DEPLOY: &str = "\
triggers:
  - { id: hook, webhook: { path: deploys, verify: { github: HOOK }, inputs: { target: body.environment } } }
secrets: [HOOK]
inputs: { target: { type: choice, options: [staging, production], default: staging } }
steps: [ { id: a, shell: 'echo {{ inputs.target }} >> did' } ]
";

/// A home whose book has the secret `HOOK`.
fn home(runbooks: &[(&str, &str)]) -> Home {
    let home = Home::new(runbooks);
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    fs::write(home.path("stepladder.yaml"), format!("{settings}secrets: [ {{ file: secrets.yaml }} ]\n")).unwrap();
    fs::write(home.path("secrets.yaml"), "HOOK: the secret of the hook\n").unwrap();
    fs::set_permissions(home.path("secrets.yaml"), fs::Permissions::from_mode(0o600)).unwrap();
    home
}

fn signature(body: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"the secret of the hook");
    let tag = ring::hmac::sign(&key, body.as_bytes());
    tag.as_ref().iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// A signed delivery of that name.
fn deliver(site: &Site, delivery: &str, body: &str) -> Answer {
    let signed = signature(body);
    site.with("POST /hooks/deploys", &[("x-hub-signature-256", &signed), ("x-github-delivery", delivery)], body)
}

fn ended(site: &Site) -> usize {
    site.home.rows().iter().filter(|row| row["state"] == "ended").count()
}

/// The site of a home whose daemon was there before.
fn again(site: Site, signal: Signal) -> Site {
    let Site { home, daemon, .. } = site;
    drop(daemon.end(signal));
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    let rest: Vec<&str> = settings.lines().filter(|line| !line.starts_with("http:")).collect();
    fs::write(home.path("stepladder.yaml"), rest.join("\n") + "\n").unwrap();
    Site::over(home, "")
}

#[test]
fn a_webhook_starts_a_run_once_for_each_delivery_and_says_whose_fault_it_is() {
    let site = Site::over(home(&[("deploy", DEPLOY)]), "");
    let production = r#"{"environment":"production"}"#;
    let first = deliver(&site, "one", production);
    assert_eq!(first.status, 202, "{first:?}");
    let told = first.json();
    assert_eq!((&told["runbook"], &told["trigger"], &told["fate"]), (&json!("deploy"), &json!("hook"), &json!("ran")));
    site.home.until("it has run", || site.home.lines("did") == 1);
    let same = deliver(&site, "one", production);
    assert_eq!((same.status, &same.json()["again"]), (200, &json!(true)), "{same:?}");
    assert_eq!(same.json()["run"], told["run"]);
    for (headers, body, status) in [
        (vec![("x-hub-signature-256", signature("{}"))], production, 401),
        (vec![], production, 401),
        (vec![("x-hub-signature-256", signature("{"))], "{", 400),
        (vec![("x-hub-signature-256", signature("{}"))], "{}", 422),
        (vec![("x-hub-signature-256", signature(r#"{"environment":"moon"}"#))], r#"{"environment":"moon"}"#, 422),
        (vec![("x-hub-signature-256", "x".into())], &" ".repeat((1 << 20) + 1), 413),
    ] {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = site.with("POST /hooks/deploys", &headers, body);
        let start = body.get(..20).unwrap_or(body);
        assert_eq!(answer.status, status, "{headers:?} {start}: {answer:?}");
        assert!(answer.head.contains("application/problem+json"), "{answer:?}");
    }
    assert_eq!(site.with("POST /hooks/nothing", &[], "").status, 404);
    assert_eq!(site.with("GET /hooks/deploys", &[], "").status, 405);
    // What was turned away has no row and no run; what was accepted is told of as every instant is.
    assert_eq!((site.home.rows().len(), site.home.lines("did")), (1, 1));
    let at = told["delivery"].as_str().unwrap();
    let why = text(&site.home.run(&["why", "deploy", at]).stdout);
    assert!(why.contains("ran"), "{why}");
    let listed = text(&site.home.run(&["schedule", "list"]).stdout);
    assert!(listed.contains("webhook deploys") && listed.contains("when called"), "{listed}");
    let page = site.ask("GET /metrics", &site.token("viewer"), "").body;
    assert!(page.contains("stepladder_calls_total{kind=\"webhook\"} 2\n"), "{page}");
    assert!(page.contains("stepladder_calls_turned_away_total{why=\"unproved\"} 2\n"), "{page}");
    // Known also by the next daemon.
    let site = again(site, Signal::TERM);
    assert_eq!(deliver(&site, "one", production).status, 200);
    assert_eq!(site.home.rows().len(), 1);
    crate::owner::walk(&site.home.path(".stepladder"), &mut |path, bytes| {
        let secret = b"the secret of the hook";
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "the secret is in {}", path.display());
    });
}

#[test]
fn without_space_a_call_is_to_come_again_and_leaves_nothing() {
    let site = Site::over(home(&[("deploy", DEPLOY)]), "");
    let settings = fs::read_to_string(site.home.path("stepladder.yaml")).unwrap();
    fs::write(site.home.path("stepladder.yaml"), settings.replace("min_free: 1MiB", "min_free: 1000000GiB")).unwrap();
    assert_eq!(site.home.run(&["reload"]).status.code(), Some(0));
    let body = r#"{"environment":"staging"}"#;
    site.home.until("there is no space", || deliver(&site, "x", body).status == 503);
    let none = deliver(&site, "one", body);
    assert!(none.status == 503 && none.head.contains("retry-after: 10"), "{none:?}");
    fs::write(site.home.path("stepladder.yaml"), &settings).unwrap();
    site.home.until("there is space", || deliver(&site, "one", body).status != 503);
    site.home.until("it has run", || ended(&site) >= 1);
    let rows = site.home.rows().len();
    assert_eq!(deliver(&site, "one", body).status, 200, "the one that was refused counts when it comes again, once");
    assert_eq!(site.home.rows().len(), rows);
}

/// Killed at any moment after the call was sent: whoever has no answer sends it again, and there is one run.
#[test]
fn a_call_counts_once_however_often_the_daemon_is_killed() {
    let all = DEPLOY.replace("body.environment } } }", "body.environment } }, overlap: allow }");
    let mut site = Site::over(home(&[("deploy", &all)]), "");
    let body = r#"{"environment":"staging"}"#;
    for round in 0..6_u32 {
        let delivery = format!("round {round}");
        let mut stream = TcpStream::connect(("127.0.0.1", site.port)).unwrap();
        let signed = signature(body);
        let request = format!(
            "POST /hooks/deploys HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nx-hub-signature-256: {signed}\r\n\
             x-github-delivery: {delivery}\r\ncontent-length: {}\r\n\r\n{body}",
            site.port,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        // From before it is read to after it is answered.
        (0..round * 200_000).for_each(|_| std::hint::spin_loop());
        site = again(site, Signal::KILL);
        let answer = deliver(&site, &delivery, body);
        assert!(matches!(answer.status, 200 | 202), "{answer:?}");
        let wanted = round as usize + 1;
        site.home.until("every delivery has had its run", || ended(&site) == wanted);
        assert_eq!(site.home.rows().len(), wanted, "round {round}");
    }
}

const GROUP: &str = "\
triggers:
  - { id: down, alert: { match: { alertname: Down }, inputs: { host: alert.labels.instance } } }
inputs: { host: { type: text } }
steps: [ { id: a, shell: 'echo {{ inputs.host }} >> handled' } ]
";

fn alertmanager(group: &str, status: &str, hosts: &[&str]) -> String {
    let alerts = hosts.iter().map(|host| {
        json!({ "status": status, "labels": { "alertname": "Down", "instance": host, "severity": "critical" },
                "annotations": { "summary": format!("{host} is down") }, "startsAt": "2026-11-24T06:30:00Z",
                "endsAt": "0001-01-01T00:00:00Z", "fingerprint": format!("{group}-{host}") })
    });
    json!({ "version": "4", "groupKey": group, "status": status, "alerts": alerts.collect::<Vec<_>>() }).to_string()
}

fn known(site: &Site, token: &str) -> Vec<(String, bool, u64)> {
    let rows = site.ask("GET /api/v1/alerts", token, "").json();
    let row = |row: &Value| {
        (row["fingerprint"].as_str().unwrap().to_owned(), row["firing"] == true, row["count"].as_u64().unwrap())
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn an_alert_starts_a_run_once_each_time_its_group_fires() {
    let site = Site::over(home(&[("handle", GROUP)]), "");
    let (operator, viewer) = (site.token("operator"), site.token("viewer"));
    let send = |site: &Site, body: &str| site.ask("POST /alerts/alertmanager", &operator, body).status;
    let one = alertmanager("g", "firing", &["web-1"]);
    assert_eq!(site.ask("POST /alerts/alertmanager", &viewer, &one).status, 403);
    assert_eq!(site.with("POST /alerts/alertmanager", &[], &one).status, 401);
    assert_eq!(site.ask("POST /alerts/alertmanager", "slt_00", &one).status, 401);
    assert_eq!(send(&site, "{"), 400);
    assert_eq!(send(&site, "{}"), 400);
    assert_eq!(send(&site, &one), 202);
    site.home.until("it is handled", || ended(&site) == 1);
    // Told again, and with one alert more: the group has not ceased to fire.
    assert_eq!(send(&site, &one), 202);
    assert_eq!(send(&site, &alertmanager("g", "firing", &["web-1", "web-2"])), 202);
    assert_eq!(site.home.lines("handled"), 1);
    assert_eq!(known(&site, &viewer), [("g-web-1".into(), true, 3), ("g-web-2".into(), true, 1)]);
    let site = again(site, Signal::KILL);
    assert_eq!(send(&site, &one), 202);
    assert_eq!(known(&site, &viewer)[0], ("g-web-1".into(), true, 4), "a restart forgets nothing");
    assert_eq!(send(&site, &alertmanager("g", "resolved", &["web-1"])), 202);
    assert_eq!(send(&site, &one), 202, "its group fired on");
    assert_eq!(send(&site, &alertmanager("g", "resolved", &["web-1", "web-2"])), 202);
    assert_eq!(site.home.lines("handled"), 1);
    assert_eq!(send(&site, &one), 202);
    site.home.until("it fires again, and is handled again", || ended(&site) == 2);
    // One that says nothing of what its run needs is taken all the same: its row says why nothing came of it.
    let odd = json!({ "fingerprint": "odd", "group": "odd", "labels": { "alertname": "Down" } }).to_string();
    assert_eq!(send(&site, &odd), 202);
    let listed = text(&site.home.run(&["schedule", "list"]).stdout);
    assert!(listed.contains("failed-to-start"), "{listed}");
    assert_eq!(site.home.rows().len(), 2);
}

#[test]
fn senders_of_other_systems_change_nothing_but_the_host() {
    let site = Site::over(home(&[("handle", GROUP)]), "");
    let (operator, viewer) = (site.token("operator"), site.token("viewer"));
    let event = |action: &str, token: &str| {
        json!({ "routing_key": token, "event_action": action, "dedup_key": "disk",
                "payload": { "summary": "Disk full", "source": "web-1", "severity": "critical" } })
        .to_string()
    };
    let done = site.with("POST /v2/enqueue", &[], &event("trigger", &operator));
    assert_eq!((done.status, &done.json()["dedup_key"]), (202, &json!("disk")), "{done:?}");
    assert_eq!(site.with("POST /v2/enqueue", &[], &event("trigger", &viewer)).status, 403);
    assert_eq!(site.with("POST /v2/enqueue", &[], &event("trigger", "x")).status, 401);
    let genie = format!("GenieKey {operator}");
    let genie = [("authorization", genie.as_str())];
    let opened = site.with("POST /v2/alerts", &genie, r#"{"message":"CPU is hot","alias":"cpu","priority":"P2"}"#);
    assert_eq!(opened.status, 202, "{opened:?}");
    let mut all = known(&site, &viewer);
    all.sort();
    assert_eq!(all, [("cpu".into(), true, 1), ("disk".into(), true, 1)]);
    assert_eq!(site.with("POST /v2/alerts/cpu/close?identifierType=alias", &genie, "{}").status, 202);
    assert_eq!(site.with("POST /v2/enqueue", &[], &event("resolve", &operator)).status, 202);
    assert!(known(&site, &viewer).iter().all(|(_, firing, _)| !firing));
    // Grafana can send a password.
    let grafana = format!("slt:{operator}");
    let basic = format!("Basic {}", base64(grafana.as_bytes()));
    let body = alertmanager("g", "firing", &["web-9"]);
    assert_eq!(site.with("POST /alerts/grafana", &[("authorization", &basic)], &body).status, 202);
    site.home.until("it is handled", || ended(&site) == 1);
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let mut block = [0; 3];
        block[..three.len()].copy_from_slice(three);
        let bits = u32::from_be_bytes([0, block[0], block[1], block[2]]);
        for at in 0..4 {
            let digit = (bits >> (18 - 6 * at) & 63) as usize;
            text.push(if at <= three.len() { char::from(LETTERS[digit]) } else { '=' });
        }
    }
    text
}

/// Ten thousand alerts from four senders at once: none is refused, each is counted, one run is started.
#[test]
fn a_storm_is_taken_collapsed_and_counted() {
    let site = Site::over(home(&[("handle", GROUP)]), "");
    let operator = site.token("operator");
    let hosts: Vec<String> = (0..50).map(|number| format!("web-{number}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let body = alertmanager("g", "firing", &hosts);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(site.ask("POST /alerts/alertmanager", &operator, &body).status, 202);
                }
            });
        }
    });
    let all = known(&site, &operator);
    assert_eq!((all.len(), all.iter().map(|(_, _, count)| count).sum::<u64>()), (50, 10_000));
    assert!(all.iter().all(|(_, firing, count)| *firing && *count == 200), "{all:?}");
    site.home.until("it is handled", || ended(&site) == 1);
    assert_eq!(site.home.rows().len(), 1);
    let page = site.ask("GET /metrics", &operator, "").body;
    assert!(page.contains("stepladder_alerts_received_total 10000\n"), "{page}");
}

/// Sixty runs a minute are the most that one trigger starts: the next call has its row, and one incident says so, also when the
/// daemon is killed in the middle of the storm.
#[test]
fn calls_past_the_most_open_one_incident() {
    let all = DEPLOY.replace("body.environment } } }", "body.environment } }, overlap: allow }");
    let home = home(&[("deploy", &all)]);
    let ladder = "severities:\n  P3: { title: Minor, respond_within: 4h, climb: { 2: 0s }, repeat: 1h, ack_lapses: 8h, reach: { at_once: [log] } }\n\
                  levels: { 2: { name: On call, page: [anna] } }\ncontacts: { anna: { name: Anna, addresses: { log: anna } } }\n\
                  on_call: { platform: { members: [anna] } }\ncatch_all: [anna]\nroutes: [ { match: {}, severity: P3, owner: platform } ]\n";
    fs::write(home.path("escalation.yaml"), ladder).unwrap();
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    let channels = "channels: { log: { exec: { command: ['true'] } } }\n";
    fs::write(home.path("stepladder.yaml"), format!("{settings}{channels}")).unwrap();
    let mut site = Site::over(home, "");
    let body = r#"{"environment":"staging"}"#;
    let incidents = |site: &Site| -> Vec<Value> {
        let out = text(&site.home.run(&["incidents", "--all", "--json"]).stdout);
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    for number in 0..60 {
        let answer = deliver(&site, &format!("d{number}"), body);
        assert_eq!((answer.status, &answer.json()["fate"]), (202, &json!("ran")), "{number}: {answer:?}");
    }
    assert_eq!(incidents(&site), Vec::<Value>::new());
    for number in 60..63 {
        let answer = deliver(&site, &format!("d{number}"), body);
        assert_eq!((answer.status, &answer.json()["fate"]), (202, &json!("failed-to-start")), "{number}: {answer:?}");
        assert!(answer.body.contains("60 runs within a minute"), "{answer:?}");
    }
    site.home.until("the incident is there", || incidents(&site).len() == 1);
    let incident = incidents(&site).remove(0);
    assert_eq!((&incident["key"], &incident["severity"]), (&json!("starts/deploy/hook"), &json!("P3")), "{incident}");
    assert_eq!(incident["count"], 1, "told once a minute, not once a call: {incident}");
    site = again(site, Signal::KILL);
    site.home.until("the next daemon tells of it, too", || incidents(&site)[0]["count"] == 2);
    assert_eq!(incidents(&site).len(), 1);
    site.home.until("those that were started have run", || site.home.lines("did") == 60);
}

const BEFORE: &str = "steps: [ { id: a, shell: 'echo >> first' } ]\n";
const AFTER: &str = "\
triggers: [ { id: after, run_ended: { runbook: first, outcome: [succeeded], inputs: { of: run.id } } } ]
inputs: { of: { type: text } }
steps: [ { id: a, shell: 'echo {{ inputs.of }} >> second' } ]
";

#[test]
fn the_end_of_a_run_starts_the_next_once_also_when_nobody_was_there() {
    let home = Home::new(&[("first", BEFORE), ("second", AFTER)]);
    assert_eq!(home.run(&["run", "first"]).status.code(), Some(0));
    let mut site = Site::over(home, "");
    let run = |site: &Site| assert_eq!(site.home.run(&["run", "first"]).status.code(), Some(0));
    // What had ended before the trigger was obeyed for the first time is no business of it.
    run(&site);
    site.home.until("the next has run", || site.home.lines("second") == 1);
    let Site { home, daemon, .. } = site;
    drop(daemon.end(Signal::KILL));
    assert_eq!(home.run(&["run", "first"]).status.code(), Some(0), "no daemon serves");
    assert_eq!(home.lines("second"), 1);
    for _ in 0..3 {
        let daemon = Daemon::start(&home);
        home.until("what ended meanwhile is followed", || home.lines("second") == 2);
        drop(daemon.end(Signal::KILL));
    }
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    let rest: Vec<&str> = settings.lines().filter(|line| !line.starts_with("http:")).collect();
    fs::write(home.path("stepladder.yaml"), rest.join("\n") + "\n").unwrap();
    site = Site::over(home, "");
    run(&site);
    site.home.until("the next has run", || site.home.lines("second") == 3);
    let ids = fs::read_to_string(site.home.path("second")).unwrap();
    let of: std::collections::BTreeSet<&str> = ids.lines().collect();
    assert_eq!(of.len(), 3, "each of another run: {ids}");
}

#[test]
fn a_start_of_the_daemon_starts_a_run_once() {
    let home = Home::new(&[("up", "triggers: [ { startup: true } ]\nsteps: [ { id: a, shell: 'echo >> up' } ]\n")]);
    for count in 1..=3 {
        let daemon = Daemon::start(&home);
        let ended = || home.rows().iter().filter(|row| row["outcome"] == "succeeded").count();
        home.until("it has run", || ended() == count);
        // One that comes while the daemon is there has not seen it start.
        let late = "runbook: late\ntriggers: [ { startup: true } ]\nsteps: [ { id: a, shell: 'echo >> late' } ]\n";
        if count == 3 {
            fs::write(home.path("runbooks/late.yaml"), late).unwrap();
            assert_eq!(home.run(&["reload"]).status.code(), Some(0));
            let listed = || text(&home.run(&["schedule", "list"]).stdout);
            home.until("it is known", || listed().contains("late"));
        }
        assert_eq!((home.lines("up"), home.lines("late")), (count, 0));
        drop(daemon.end(Signal::KILL));
    }
}

#[test]
fn a_call_that_does_not_come_is_noticed_once_and_over_restarts() {
    let heartbeat = |path: &str, every: &str| {
        format!("triggers: [ {{ id: beat, heartbeat: {{ path: {path}, every: {every}, severity: P2 }} }} ]\n{BEFORE}")
    };
    let site = Site::open(&[("backup", &heartbeat("nightly", "1h")), ("importer", &heartbeat("often", "1s"))], "");
    let (operator, viewer) = (site.token("operator"), site.token("viewer"));
    assert_eq!(site.ask("POST /heartbeats/nightly", &viewer, "").status, 403);
    assert_eq!(site.with("POST /heartbeats/nightly", &[], "").status, 401);
    assert_eq!(site.ask("POST /heartbeats/nothing", &operator, "").status, 404);
    let answer = site.ask("POST /heartbeats/nightly", &operator, "");
    assert_eq!((answer.status, answer.json()), (202, json!({ "runbooks": ["backup"] })));
    let missed = |site: &Site, count: u32| {
        let page = site.ask("GET /metrics", &viewer, "").body;
        page.contains(&format!("stepladder_heartbeats_missed_total {count}\n"))
    };
    site.home.until("it is missed", || missed(&site, 1));
    site.home.until("it is in the log", || {
        let log = fs::read_to_string(site.home.path("log")).unwrap();
        log.contains("the call that had to come has not come") && log.contains("`often` has not called")
    });
    // It was noticed, durably: the next daemon does not notice it again, until it has come and fails to come again.
    let site = again(site, Signal::KILL);
    assert!(missed(&site, 0));
    assert_eq!(site.ask("POST /heartbeats/often", &operator, "").status, 202);
    site.home.until("it is missed again", || missed(&site, 1));
    assert!(site.home.rows().is_empty(), "a call that must come starts nothing");
}

#[test]
fn a_file_that_appears_or_changes_starts_a_run_also_while_nobody_looked() {
    let watches = "\
triggers:
  - file: { path: 'in/*.csv', on: [created, changed, removed], inputs: { name: file.path, what: file.change } }
    overlap: { queue: 100 }
inputs: { name: { type: text }, what: { type: text } }
steps: [ { id: a, shell: 'echo {{ inputs.what }} {{ inputs.name }} >> saw' } ]
";
    let home = Home::new(&[("watch", watches)]);
    fs::create_dir(home.path("in")).unwrap();
    for name in ["old", "a"] {
        fs::write(home.path(&format!("in/{name}.csv")), "1").unwrap();
    }
    let site = Site::over(home, "");
    let log = || fs::read_to_string(site.home.path("log")).unwrap();
    site.home.until("what is there is known", || log().contains("the files that are there are known"));
    let saw = |home: &Home| fs::read_to_string(home.path("saw")).unwrap_or_default();
    let seen = |home: &Home, line: &str| home.until(line, || saw(home).lines().any(|one| one == line));
    fs::write(site.home.path("in/b.csv"), "1").unwrap();
    fs::write(site.home.path("in/c.txt"), "1").unwrap();
    seen(&site.home, "created in/b.csv");
    fs::write(site.home.path("in/b.csv"), "12").unwrap();
    seen(&site.home, "changed in/b.csv");
    let Site { home, daemon, .. } = site;
    drop(daemon.end(Signal::KILL));
    fs::write(home.path("in/c.csv"), "1").unwrap();
    fs::write(home.path("in/old.csv"), "22").unwrap();
    fs::remove_file(home.path("in/a.csv")).unwrap();
    let daemon = Daemon::start(&home);
    for line in ["created in/c.csv", "changed in/old.csv", "removed in/a.csv"] {
        seen(&home, line);
    }
    drop(daemon.end(Signal::KILL));
    let daemon = Daemon::start(&home);
    fs::write(home.path("in/d.csv"), "1").unwrap();
    seen(&home, "created in/d.csv");
    let mut all: Vec<String> = saw(&home).lines().map(str::to_owned).collect();
    all.sort();
    let want = [
        "changed in/b.csv",
        "changed in/old.csv",
        "created in/b.csv",
        "created in/c.csv",
        "created in/d.csv",
        "removed in/a.csv",
    ];
    assert_eq!(all, want, "each once, and what was there at first not at all");
    drop(daemon);
}
