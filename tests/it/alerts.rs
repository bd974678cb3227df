//! The alerts of a book with the real daemon: what is measured makes one fire and ends it, also when the daemon is killed between.

use crate::http::Site;
use crate::owner::{Home, text};
use crate::serve::Daemon;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;

/// Measures what the file `value` says.
const LOOK: &str = "triggers: [ { every: 1s } ]\n\
    steps: [ { id: look, shell: 'echo >> looked; cat \"$BOOK_DIR/value\"', output: number, measure: { used: output.value } } ]\n";
/// Started by the alert.
const CLEAN: &str = "triggers: [ { id: full, alert: { match: { alertname: Full, component: disk }, inputs: { severity: alert.labels.severity } } } ]\n\
    inputs: { severity: { type: text } }\nsteps: [ { id: a, shell: 'echo {{ inputs.severity }} >> cleaned' } ]\n";
const LADDER: &str = "\
severities:
  P2: { title: High, respond_within: 4h, climb: { 1: 0s, 2: 1h }, repeat: 1h, ack_lapses: 8h, announce: all, reach: { at_once: [log] } }
levels:
  1: { name: On call, page: [anna], duties: [Look] }
  2: { name: Boss, page: [boss] }
contacts:
  anna: { name: Anna, addresses: { log: anna } }
  boss: { name: Boss, addresses: { log: boss } }
on_call: { platform: { since: 2026-01-05, rotate: never, members: [anna] } }
announce: { all: [ 'log:everybody' ] }
routes: [ { match: {}, severity: P2, owner: platform } ]
catch_all: [boss]
";

fn home() -> Home {
    let home = Home::new(&[("look", LOOK), ("clean", CLEAN)]);
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    let channel = "channels: { log: { exec: { command: [sh, -c, 'cat >> pages; echo >> pages'] } } }\n\
                   dead_man: { url: \"http://127.0.0.1:9/\", every: 1h }\n";
    fs::write(home.path("stepladder.yaml"), settings + channel).unwrap();
    fs::write(home.path("escalation.yaml"), LADDER).unwrap();
    fs::write(home.path("thresholds.yaml"), "used: { unit: \"%\", labels: [mount] }\n").unwrap();
    let alerts =
        "Full: { expr: used > 85, for: 2s, severity: P2, title: The disk is full, labels: { component: disk } }\n";
    fs::write(home.path("alerts.yaml"), alerts).unwrap();
    fs::write(home.path("value"), "10").unwrap();
    let look = LOOK.replace("output.value", "{ value: output.value, unit: \"%\" }");
    fs::write(home.path("runbooks/look.yaml"), format!("runbook: look\n{look}")).unwrap();
    home
}

fn lines(home: &Home, args: &[&str]) -> Vec<Value> {
    let out = home.run(args);
    assert_eq!(out.status.code(), Some(0), "{}{}", text(&out.stdout), text(&out.stderr));
    text(&out.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn incidents(home: &Home) -> Vec<Value> {
    lines(home, &["incidents", "--all", "--json"])
}

/// Waits until it was measured so often from now on.
fn measured(home: &Home, times: usize) {
    let before = home.lines("looked");
    home.until("it is measured", || home.lines("looked") >= before + times);
}

#[test]
fn an_alert_opens_one_incident_and_ends_it_however_often_the_daemon_is_killed() {
    let site = Site::over(home(), "");
    measured(&site.home, 3);
    assert!(incidents(&site.home).is_empty());
    fs::write(site.home.path("value"), "90").unwrap();
    site.home.until("an incident is open", || incidents(&site.home).len() == 1);
    let incident = &incidents(&site.home)[0];
    assert_eq!(
        (&incident["title"], &incident["severity"], &incident["status"]),
        (&json!("The disk is full"), &json!("P2"), &json!("triggered"))
    );
    site.home.until("what waits for the alert has run", || site.home.lines("cleaned") == 1);
    assert_eq!(fs::read_to_string(site.home.path("cleaned")).unwrap(), "P2\n");
    let alert = &lines(&site.home, &["alerts", "--json"])[0];
    assert_eq!(
        (&alert["state"], &alert["value"], &alert["source"], &alert["fingerprint"]),
        (&json!("firing"), &json!(90.0), &json!("stepladder"), &json!("Full"))
    );
    let shown = text(&site.home.run(&["alerts"]).stdout);
    assert!(shown.contains("firing") && shown.contains("The disk is full"), "{shown}");
    let page = site.ask("GET /metrics", &site.token("viewer"), "").body;
    assert!(page.contains("stepladder_alerts{name=\"Full\",state=\"firing\"} 1\n"), "{page}");
    assert!(page.contains("stepladder_alerts{name=\"Full\",state=\"pending\"} 0\n"), "{page}");
    // Nobody else may tell of the book's own alerts.
    let forged = r#"{"fingerprint":"Full","status":"resolved"}"#;
    assert_eq!(site.ask("POST /alerts/stepladder", &site.token("operator"), forged).status, 400);

    let Site { home, daemon, .. } = site;
    drop(daemon.end(Signal::KILL));
    let daemon = Daemon::start(&home);
    measured(&home, 4);
    let known = incidents(&home);
    assert_eq!((known.len(), &known[0]["count"], home.lines("cleaned")), (1, &json!(1), 1), "{known:?}");

    // What ends while nobody looks has ended when somebody does.
    drop(daemon.end(Signal::KILL));
    fs::write(home.path("value"), "10").unwrap();
    let daemon = Daemon::start(&home);
    home.until("it is resolved", || incidents(&home)[0]["status"] == "resolved");
    assert_eq!(incidents(&home).len(), 1);
    assert!(lines(&home, &["alerts", "--json"]).is_empty());
    assert_eq!(lines(&home, &["alerts", "--all", "--json"])[0]["state"], "over");

    // It begins anew.
    fs::write(home.path("value"), "90").unwrap();
    home.until("another incident is open", || incidents(&home).len() == 2 && home.lines("cleaned") == 2);
    drop(daemon);
}
