//! What watchers ask: metrics that Prometheus takes, the health of what is watched, events as they come.

use crate::http::Site;
use crate::owner::Home;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

const PROBE: &str = "labels: { component: sip }\nsteps: [ { id: a, shell: 'test ! -e broken' }, { id: b, when: 'steps.a.ok', shell: 'test ! -e slow', allow_failure: true } ]\n";
const MEASURES: &str = "\
labels: { component: database }
steps:
  - id: a
    shell: 'echo 40; echo 2'
    output: lines
    measure:
      disk_used: { each: '[#{mount: \"/\", used: 41.5}, #{mount: \"/a\\\\b\", used: 7.0}]', value: it.used, unit: \"%\", labels: { mount: \"{{ it.mount }}\" } }
  - { id: b, shell: 'echo 12', output: number, measure: { livekit_api_requests_total: output.value } }
";

/// What a page says to `promtool check metrics`; none where it is not installed.
pub(crate) fn promtool(page: &str) -> Option<(bool, String)> {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    Some((out.status.success(), format!("{}{}", crate::owner::text(&out.stdout), crate::owner::text(&out.stderr))))
}

#[test]
fn metrics_are_what_prometheus_takes() {
    let home = Home::new(&[("probe", PROBE), ("measures", MEASURES)]);
    fs::write(
        home.path("thresholds.yaml"),
        "disk_used: { unit: \"%\", labels: [mount], help: File systems in use }\nlivekit_api_requests_total: { type: counter, help: Requests since the start }\n",
    )
    .unwrap();
    let site = Site::over(home, "");
    let token = site.token("viewer");
    assert_eq!(site.with("GET /metrics", &[], "").status, 401);
    for (runbook, code) in [("measures", 0), ("probe", 0)] {
        let out = site.home.run(&["run", runbook]);
        assert_eq!(
            out.status.code(),
            Some(code),
            "{}{}",
            crate::owner::text(&out.stdout),
            crate::owner::text(&out.stderr)
        );
    }
    let answer = site.ask("GET /metrics", &token, "");
    assert!(answer.status == 200 && answer.head.contains("text/plain; version=0.0.4"), "{answer:?}");
    let page = &answer.body;
    for line in [
        "# HELP disk_used File systems in use (%)",
        "# TYPE disk_used gauge",
        "disk_used{mount=\"/\"} 41.5",
        "disk_used{mount=\"/a\\\\b\"} 7",
        "# TYPE livekit_api_requests_total counter",
        "livekit_api_requests_total 12",
        "stepladder_runs{state=\"running\"} 0",
        "stepladder_runs_started_total 2",
        "stepladder_runs_ended_total{outcome=\"succeeded\"} 2",
        "stepladder_steps_ended_total{outcome=\"succeeded\"} 4",
        "stepladder_attempts_started_total 4",
        "stepladder_append_duration_seconds_bucket{le=\"+Inf\"}",
        "stepladder_fires_total{fate=\"missed-down\"} 0",
        "stepladder_fire_lateness_seconds_bucket{le=\"+Inf\"}",
        "stepladder_pages_total{fate=\"failed\"} 0",
        "stepladder_keepers 1",
        "stepladder_book_broken_files 0",
        "stepladder_measured_timestamp_seconds{mount=\"/\",measure=\"disk_used\"}",
    ] {
        assert!(page.lines().any(|it| it.starts_with(line)), "`{line}` is not in\n{page}");
    }
    match promtool(page) {
        Some((good, said)) => assert!(good, "{said}\n{page}"),
        None => crate::tools::missing("promtool"),
    }
}

#[test]
fn health_is_what_was_found_last() {
    let site = Site::open(&[("probe", PROBE), ("other", "steps: [ { id: a, shell: 'true' } ]\n")], "");
    let token = site.token("viewer");
    let ask = |path: &str| {
        let answer = site.with(&format!("GET {path}"), &[], "");
        (answer.status, answer.json()["status"].as_str().map(str::to_owned).unwrap_or_default())
    };
    let is = |status: u16, word: &str| {
        for path in ["/health", "/health/sip"] {
            assert_eq!(ask(path), (status, word.to_owned()), "{path}");
        }
    };
    is(503, "unknown");
    site.home.run(&["run", "probe"]);
    is(200, "healthy");
    let one = site.with("GET /health/sip", &[], "").json();
    assert!(one["age_seconds"].as_i64().is_some_and(|age| age < 3_600) && one["at"].is_string(), "{one}");
    assert!(one["run"].is_null() && one["reason"].is_null(), "why is for who has a token: {one}");
    fs::write(site.home.path("slow"), "").unwrap();
    site.home.run(&["run", "probe"]);
    is(200, "degraded");
    fs::write(site.home.path("broken"), "").unwrap();
    site.home.run(&["run", "probe"]);
    is(503, "unhealthy");
    assert_eq!(site.with("GET /health/detailed", &[], "").status, 401);
    let detailed = site.ask("GET /health/detailed", &token, "");
    let sip = &detailed.json()["components"]["sip"];
    assert!(detailed.status == 503 && sip["runbook"] == "probe" && sip["reason"].is_string(), "{detailed:?}");
    let none = site.with("GET /health/nothing", &[], "");
    assert!(none.status == 404 && none.body.contains("there is: sip"), "{none:?}");
}

#[test]
fn events_are_sent_to_who_asks_and_go_on_from_where_one_was() {
    let site = Site::open(&[("noop", crate::http::NOOP)], "");
    let token = format!("Bearer {}", site.token("viewer"));
    for _ in 0..3 {
        site.home.run(&["run", "noop"]);
    }
    let runs: Vec<String> = site.home.rows().iter().map(|row| row["run"].as_str().unwrap().to_owned()).collect();
    let line = format!("GET /api/v1/runs/{}/events", runs[0]);
    let headers = [("authorization", token.as_str()), ("accept", "text/event-stream")];
    let all = site.with(&line, &headers, "");
    assert!(all.head.contains("content-type: text/event-stream"), "{all:?}");
    assert!(all.body.contains("id: 1\ndata: {\"seq\":1,"), "{all:?}");
    let count = all.body.matches("data: ").count();
    let rest = site.with(&line, &[headers[0], headers[1], ("last-event-id", "2")], "");
    assert_eq!(rest.body.matches("data: ").count(), count - 2);
    // Pages of a list, newest first.
    for path in ["/api/v1/runs?limit=2", "/api/v1/runs?limit=2&runbook=noop"] {
        let page = |more: &str| {
            let rows = site.with(&format!("GET {path}{more}"), &headers[..1], "").json();
            let ids = rows.as_array().unwrap().iter().map(|row| row["run"].as_str().unwrap().to_owned());
            ids.collect::<Vec<String>>()
        };
        assert_eq!(page(""), runs[..2]);
        assert_eq!(page(&format!("&before={}", runs[1])), runs[2..]);
    }
    assert_eq!(site.with("GET /api/v1/runs?before=zz", &headers[..1], "").status, 404);
}

#[test]
fn fires_are_counted_by_what_became_of_them() {
    let steps = "triggers: [ { id: fast, every: 1s } ]\nsteps: [ { id: a, shell: 'echo >> ticks; sleep 3' } ]\n";
    let site = Site::over(Home::new(&[("tick", steps)]), "");
    let token = site.token("viewer");
    let count = |fate: &str| {
        let page = site.ask("GET /metrics", &token, "").body;
        let line = format!("stepladder_fires_total{{fate=\"{fate}\"}} ");
        page.lines().find_map(|it| it.strip_prefix(&line)?.parse::<u64>().ok()).unwrap_or(0)
    };
    site.home.until("one ran, and the next found it at work", || count("ran") >= 1 && count("skipped-overlap") >= 2);
    let (skipped, rows) = (count("skipped-overlap"), site.home.run(&["runs", "--json"]));
    assert!(skipped <= 3 + count("ran") * 3, "each is counted once: {skipped}, {}", crate::owner::text(&rows.stdout));
}
