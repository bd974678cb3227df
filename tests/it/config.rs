//! `stepladder config`: what is set and from where, and what a daemon goes by where that is something else.

use crate::owner::{Home, text};
use crate::serve::Daemon;
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::process::Output;

const NOOP: &str = "steps: [ { id: a, shell: 'true' } ]\n";
const SETTINGS: &str = "timezone: Europe/Moscow
keep: { min_free: 1MiB, runs: 500 }
secrets: [ { env: {} } ]
channels:
  hook: { hook: { url: \"https://hook.example/s3cr3t-path\", secret: s3cr3t-written } }
  mail: { smtp: \"mail.example:587\", password: \"{{ secrets.MAIL }}\", from: \"Bot <bot@example.com>\" }
";

fn home() -> Home {
    let home = Home::new(&[("noop", NOOP)]);
    fs::write(home.path("stepladder.yaml"), SETTINGS).unwrap();
    home
}

fn rows(out: &Output) -> Vec<Value> {
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    text(&out.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn row(rows: &[Value], key: &str) -> Value {
    let found = rows.iter().find(|row| row["key"] == key);
    found.unwrap_or_else(|| panic!("there is no row {key} in {rows:#?}")).clone()
}

#[test]
fn every_setting_is_shown_with_where_it_comes_from_and_no_secret() {
    let home = home();
    let out = home
        .command(&["config", "--json"])
        .env("OTEL_SERVICE_NAME", "night")
        .env("STEPLADDER_AGE_KEY", "AGE-SECRET-KEY-1S3CR3T")
        .output()
        .unwrap();
    let all = rows(&out);
    for (key, value, from) in [
        ("timezone", "Europe/Moscow", "file"),
        ("data", ".stepladder", "default"),
        ("keep.runs", "500", "file"),
        ("keep.age", "400d", "default"),
        ("output_limit", "64MiB", "default"),
        ("channels.hook.hook.secret", "***", "file"),
        ("channels.hook.hook.url", "https://hook.example/***", "file"),
        ("channels.mail.password", "{{ secrets.MAIL }}", "file"),
        ("telemetry.service", "night", "environment"),
        ("$STEPLADDER_AGE_KEY", "***", "environment"),
    ] {
        let row = row(&all, key);
        assert_eq!((&row["value"], &row["from"]), (&value.into(), &from.into()), "{row}");
        assert!(!row["about"].as_str().unwrap().is_empty(), "{row}");
    }
    assert_eq!((&row(&all, "timezone")["line"], &row(&all, "keep.runs")["line"]), (&1.into(), &2.into()));
    assert_eq!(row(&all, "http.listen")["from"], "nobody");
    assert_eq!(row(&all, "telemetry.service")["name"], "OTEL_SERVICE_NAME");
    assert_eq!(row(&all, "book")["from"], "default");
    let lower = text(&out.stdout).to_lowercase();
    assert!(!lower.contains("s3cr3t"), "{lower}");
    assert!(all.iter().all(|row| row.get("running").is_none()), "nobody drives the runs");
    // The same for people, wide and narrow, and nothing wider than the terminal.
    for (columns, line) in [("100", "keep.runs"), ("40", "keep.runs = 500")] {
        let out = home.command(&["config"]).env("COLUMNS", columns).env("LANG", "C").output().unwrap();
        let page = text(&out.stdout);
        assert!(page.contains(line) && page.contains("stepladder.yaml:2"), "{page}");
        let widest = page.lines().map(str::len).max().unwrap();
        assert!(widest <= columns.parse().unwrap(), "{widest} columns of {columns}:\n{page}");
    }
}

#[test]
fn one_setting_is_shown_alone_and_an_unknown_one_is_not_there() {
    let home = home();
    let one = text(&home.run(&["config", "keep.runs"]).stdout);
    let want = "keep.runs = 500\n  stepladder.yaml:2\n  How many finished runs of a runbook. `1000` unless said.\n";
    assert_eq!(one, want);
    let below = rows(&home.run(&["config", "keep", "--json"]));
    assert_eq!(
        below.iter().map(|row| row["key"].as_str().unwrap()).collect::<Vec<_>>(),
        ["keep.runs", "keep.age", "keep.incidents", "keep.min_free"]
    );
    let none = home.run(&["config", "keep.rnus"]);
    assert_eq!(none.status.code(), Some(3));
    assert!(text(&none.stderr).contains("did you mean `keep.runs`?"), "{}", text(&none.stderr));
    // What is wrong does not count, and is said.
    fs::write(home.path("stepladder.yaml"), "keep: { runs: many }\n").unwrap();
    let wrong = home.run(&["config", "keep.runs"]);
    assert!(
        text(&wrong.stdout).starts_with("keep.runs = 1000\n  default; what stepladder.yaml:1 says is wrong\n"),
        "{}",
        text(&wrong.stdout)
    );
}

#[test]
fn what_a_daemon_goes_by_is_shown_where_it_differs() {
    let home = home();
    let child = home.command(&["serve", "--log-format", "json"]).env("STEPLADDER_LOG", "warn").spawn().unwrap();
    let daemon = Daemon::started(&home, child);
    let all = rows(&home.run(&["config", "--json"]));
    assert!(row(&all, "keep.runs").get("running").is_none());
    let log = row(&all, "log");
    assert_eq!(
        (&log["running"]["value"], &log["running"]["name"]),
        (&"warn".into(), &"STEPLADDER_LOG".into()),
        "{log}"
    );
    let format = row(&all, "log_format");
    assert_eq!((&format["running"]["value"], &format["running"]["name"]), (&"json".into(), &"--log-format".into()));
    // A change that counts at once is the same for both; one that does not waits for a restart.
    let changed = SETTINGS.replace("runs: 500", "runs: 600").replace("Europe/Moscow", "Asia/Tokyo");
    fs::write(home.path("stepladder.yaml"), changed.replace("  mail:", "  # gone: mail:")).unwrap();
    assert_eq!(home.run(&["reload"]).status.code(), Some(0));
    let all = rows(&home.run(&["config", "--json"]));
    let runs = row(&all, "keep.runs");
    assert_eq!(
        (&runs["value"], &runs["running"]["value"], &runs["running"]["line"]),
        (&"600".into(), &"500".into(), &2.into())
    );
    assert!(row(&all, "timezone").get("running").is_none(), "it counts at once");
    assert_eq!(row(&all, "channels.mail.smtp")["running"]["value"], "mail.example:587", "the daemon still has it");
    let said = text(&home.run(&["config", "keep.runs"]).stdout);
    assert!(said.contains("the owner goes by 500 (stepladder.yaml:2); this counts after a restart"), "{said}");
    drop(daemon.end(Signal::TERM));
}
