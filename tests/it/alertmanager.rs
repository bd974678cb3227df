//! The real Alertmanager calls the daemon: an alert fires, a runbook runs; it is over, and that is known.

use crate::http::Site;
use crate::monitoring::Server;
use crate::owner::{Home, text};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

const HANDLE: &str = "\
triggers:
  - { id: down, alert: { match: { alertname: Down }, inputs: { host: alert.labels.instance } } }
inputs: { host: { type: text } }
steps: [ { id: a, shell: 'echo {{ inputs.host }} >> handled' } ]
";

/// One that sends what it hears to the site; `None` where it is not installed.
fn start(site: &Site, token: &str) -> Option<Server> {
    let config = format!(
        "route: {{ receiver: us, group_by: [alertname], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h }}\n\
         receivers:\n  - name: us\n    webhook_configs:\n      - url: http://127.0.0.1:{}/alerts/alertmanager\n        \
         send_resolved: true\n        http_config: {{ authorization: {{ credentials: {token} }} }}\n",
        site.port
    );
    fs::write(site.home.path("alertmanager.yml"), config).unwrap();
    let file = format!("--config.file={}", site.home.path("alertmanager.yml").display());
    let store = format!("--storage.path={}", site.home.path("alertmanager").display());
    Server::start("prometheus-alertmanager", &[file, store, "--cluster.listen-address=".into()])
}

/// Tells it of an alert, as Prometheus does.
fn tell(alertmanager: &Server, alert: &Value) -> bool {
    let body = json!([alert]).to_string();
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", alertmanager.port)) else { return false };
    let head = "POST /api/v2/alerts HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json";
    write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    text(&answer).starts_with("HTTP/1.1 200")
}

#[test]
fn an_alert_that_alertmanager_sends_starts_a_run_and_its_end_is_known() {
    let site = Site::over(Home::new(&[("handle", HANDLE)]), "");
    let token = site.token("operator");
    let Some(alertmanager) = start(&site, &token) else { return };
    let labels = json!({ "alertname": "Down", "instance": "web-1", "severity": "critical" });
    let annotations = json!({ "summary": "web-1 is down" });
    let firing = json!({ "labels": labels, "annotations": annotations });
    site.home.until("Alertmanager listens", || tell(&alertmanager, &firing));
    site.home.until("it is handled", || site.home.lines("handled") == 1);
    let known = || site.ask("GET /api/v1/alerts", &token, "").json();
    let alert = known()[0].clone();
    assert_eq!(
        (&alert["title"], &alert["severity"], &alert["firing"]),
        (&json!("web-1 is down"), &json!("P1"), &json!(true))
    );
    assert!(alert["group"].as_str().unwrap().contains("alertname=\"Down\""), "{alert}");
    let over = json!({ "labels": labels, "annotations": annotations, "endsAt": "2026-01-01T00:00:00Z", "startsAt": "2025-12-31T00:00:00Z" });
    site.home.until("its end is known", || tell(&alertmanager, &over) && known()[0]["firing"] == false);
    assert_eq!(site.home.lines("handled"), 1);
}
