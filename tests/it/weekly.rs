//! Statistics and reports of incidents by the whole program: what was done to a few, in figures.

use crate::http::Site;
use crate::owner::{Home, text};
use serde_json::{Value, json};
use std::fs;

const LADDER: &str = "severities:
  P1: { title: Critical, respond_within: 15m, climb: { 1: 0m }, reach: { at_once: [log] } }
  P3: { title: Medium, respond_within: 4h, climb: { 1: 0m }, reach: { at_once: [log] } }
levels:
  1: { name: On call, page: [ivanova], duties: [Look, Tell] }
contacts:
  ivanova: { name: Ivanova, addresses: { log: pages } }
routes: [ { match: {}, severity: P3 } ]
catch_all: [ivanova]
";

fn site() -> Site {
    let home = Home::new(&[("noop", "steps: [ { id: a, shell: 'true' } ]\n")]);
    let settings = "timezone: Asia/Tokyo\nkeep: { min_free: 1MiB }\nchannels: { log: { file: pages } }\n";
    fs::write(home.path("stepladder.yaml"), settings).unwrap();
    fs::write(home.path("escalation.yaml"), LADDER).unwrap();
    Site::over(home, "")
}

fn said(site: &Site, args: &[&str]) -> String {
    let out = site.home.run(args);
    assert_eq!(out.status.code(), Some(0), "{args:?}: {}{}", text(&out.stdout), text(&out.stderr));
    text(&out.stdout)
}

#[test]
fn what_was_done_to_incidents_is_counted_and_reported() {
    let site = site();
    let empty: Value = serde_json::from_str(&said(&site, &["incidents", "--weekly", "--json"])).unwrap();
    assert_eq!((empty["weeks"].as_array().unwrap().len(), &empty["total"]["opened"]), (8, &json!(0)), "{empty}");
    said(&site, &["incident", "open", "the trunk is down", "--severity", "P1", "--type", "sip"]);
    let pages = || site.home.lines("reports/pages");
    site.home.until("somebody is paged", || pages() == 1);
    said(&site, &["ack", "last", "on it", "--as", "ivanova"]);
    said(&site, &["incident", "duty", "last", "1", "2"]);
    said(&site, &["incident", "resolve", "last", "a new trunk"]);
    // The same trouble again is a recurrence; another one stays open.
    said(&site, &["incident", "open", "the trunk is down", "--severity", "P1"]);
    said(&site, &["incident", "resolve", "last"]);
    said(&site, &["incident", "open", "it is slow"]);
    site.home.until("somebody is paged", || pages() == 3);

    let told = said(&site, &["incidents", "--weekly", "--weeks", "2", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let total = &told["total"];
    assert_eq!(told["zone"], "Asia/Tokyo");
    assert_eq!(told["weeks"].as_array().unwrap().len(), 2, "{told}");
    assert_eq!(told["weeks"][1]["figures"], *total, "all of it is of this week: {told}");
    assert_eq!([&total["opened"], &total["open"], &total["recurred"]], [3, 1, 1], "{told}");
    assert_eq!(total["by_severity"], json!({ "P1": 2, "P3": 1 }));
    assert_eq!(total["by_type"], json!({ "sip": 1 }));
    assert_eq!(total["ended"], json!({ "person": 2 }));
    assert_eq!([&total["to_acknowledge"]["count"], &total["to_resolve"]["count"]], [1, 2], "{told}");
    assert!(total["to_resolve"]["p90_seconds"].as_i64().unwrap() < 60, "{told}");
    assert_eq!(total["messages"]["log"].as_object().unwrap().values().map(|it| it.as_u64().unwrap()).sum::<u64>(), 3);
    let person = &total["people"][0];
    assert_eq!([&person["pages"], &person["taken"]], [&json!(3), &json!(1)], "{told}");
    assert_eq!((&person["who"], &total["pages"]), (&json!("ivanova"), &json!(3)));
    let noisy = &total["noisiest"][0];
    assert_eq!(
        [&noisy["source"], &noisy["incidents"], &noisy["told"], &noisy["pages"]],
        [&json!("person"), &json!(3), &json!(3), &json!(3)]
    );
    let shown = said(&site, &["incidents", "--weekly"]);
    assert!(shown.lines().any(|line| line.starts_with("all") && line.contains('3')), "{shown}");
    assert!(shown.contains("severity     2 P1, 1 P3\n") && shown.contains("by the clocks of Asia/Tokyo"), "{shown}");
    // The same over HTTP.
    let token = site.token("viewer");
    let mut over = site.ask("GET /api/v1/incidents/statistics?weeks=2", &token, "").json();
    over["until"] = told["until"].clone();
    assert_eq!(over, told);

    let ids: Vec<Value> = said(&site, &["incidents", "--all", "--json"])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let first = ids.last().unwrap()["incident"].as_str().unwrap();
    let report: Value = serde_json::from_str(&said(&site, &["incident", "report", first, "--json"])).unwrap();
    assert_eq!(report["row"]["title"], "the trunk is down");
    assert!(report["to_acknowledge_seconds"].as_i64().unwrap() <= report["to_resolve_seconds"].as_i64().unwrap());
    assert_eq!(report["levels"][0]["level"], 1, "{report}");
    assert_eq!(report["pages"].as_object().unwrap().values().map(|it| it.as_u64().unwrap()).sum::<u64>(), 1);
    let duties = report["checklist"].as_array().unwrap();
    let done: Vec<_> = duties.iter().map(|duty| (duty["text"].as_str().unwrap(), duty["done"] == true)).collect();
    assert_eq!(done, [("Look", false), ("Tell", true)]);
    assert!(duties[1]["at"].is_string() && duties[1]["by"].is_string(), "{report}");
    let lines = report["timeline"].as_array().unwrap();
    assert!(lines[0]["text"].as_str().unwrap().starts_with("opened as P1 by person"), "{report}");
    assert!(lines.iter().all(|line| line["after_seconds"].is_i64()), "{report}");
    let over = site.ask(&format!("GET /api/v1/incidents/{first}/report?format=json"), &token, "");
    assert!(over.head.contains("content-type: application/json"), "{over:?}");
    assert_eq!(over.json(), report);
}
