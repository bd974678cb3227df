//! The pages of a daemon that serves the shipped book: what Prometheus and who asks for health find there after its checks.

use crate::http::Site;
use crate::monitoring::Voice;
use crate::owner::{Home, text};
use crate::rust_text::{files, root};
use std::fs;

/// The shipped book beside a voice system, its addresses put in; nothing starts by itself.
fn site(voice: &Voice) -> Site {
    let home = Home::new(&[]);
    let address = format!("http://127.0.0.1:{}", voice.port);
    let triggers = regex::Regex::new(r"(?m)^triggers:\n(  .*\n)+").unwrap();
    for (name, text) in files("runbooks", "yaml") {
        let text = triggers.replace(&text, "").replace("http://localhost:8000", &address);
        fs::write(home.path(&name), text).unwrap();
    }
    for name in ["thresholds.yaml", "escalation.yaml", "alerts.yaml"] {
        fs::copy(root().join(name), home.path(name)).unwrap();
    }
    let shipped = fs::read_to_string(root().join("stepladder.yaml")).unwrap();
    let kept = |line: &&str| !["dead_man:", "keep:"].iter().any(|key| line.starts_with(key));
    let settings: String = shipped.lines().filter(kept).map(|line| format!("{line}\n")).collect();
    fs::write(home.path("stepladder.yaml"), format!("{settings}keep: {{ min_free: 1MiB }}\n")).unwrap();
    Site::over(home, "")
}

fn run(site: &Site, args: &[&str], codes: &[i32]) {
    let out = site.home.run(&[&["run"], args].concat());
    let code = out.status.code().unwrap();
    assert!(codes.contains(&code), "{args:?}: {code}\n{}{}", text(&out.stdout), text(&out.stderr));
}

#[test]
fn the_health_family_answers_once_its_checks_have_run() {
    let dir = tempfile::tempdir().unwrap();
    let voice = Voice::start(dir.path(), &[]);
    let site = site(&voice);
    let parts = ["livekit", "sip", "ai", "database", "redis"];
    for part in parts {
        let answer = site.with(&format!("GET /health/{part}"), &[], "");
        assert_eq!((answer.status, answer.json()["status"].as_str()), (503, Some("unknown")), "{part}");
    }
    // Nothing listens where LiveKit, the trunk and Redis are said to be; the voice system itself says that all is well.
    let nobody = "127.0.0.1:1";
    run(&site, &["health-ai"], &[0]);
    run(&site, &["health-livekit", "--input", &format!("livekit=127.0.0.1:{}", voice.port)], &[0]);
    run(&site, &["health-redis", "--input", &format!("redis={nobody}")], &[2]);
    run(&site, &["health-sip", "--input", &format!("sip={nobody}")], &[2]);
    let database = dir.path().join("data/voice.db");
    let input = format!("database={}", database.display());
    run(&site, &["health-database", "--input", &input], if database.exists() { &[0] } else { &[2] });
    for part in parts {
        let well = part == "ai" || part == "livekit" || (part == "database" && database.exists());
        let answer = site.with(&format!("GET /health/{part}"), &[], "");
        let (status, told) = (answer.status, answer.json());
        assert_eq!(status, if well { 200 } else { 503 }, "{part}: {told}");
        assert_eq!(told["status"], if well { "healthy" } else { "unhealthy" }, "{part}");
        assert!(told["age_seconds"].as_i64().is_some_and(|age| age < 3_600), "{part}: {told}");
    }
}

#[test]
fn the_page_of_metrics_is_what_promtool_takes_after_all_that_measures() {
    let dir = tempfile::tempdir().unwrap();
    let voice = Voice::start(dir.path(), &[]);
    let site = site(&voice);
    let anyhow: &[i32] = &[0, 1, 2];
    for runbook in ["collect-livekit-metrics", "daily-check", "weekly-performance", "diagnose-livekit", "monthly-audit"]
    {
        run(&site, &[runbook], anyhow);
    }
    let page = site.ask("GET /metrics", &site.token("viewer"), "").body;
    for line in [
        "# TYPE livekit_api_request_duration_seconds histogram",
        "livekit_api_request_duration_seconds_bucket{le=\"+Inf\"} ",
        "livekit_api_request_duration_seconds_sum ",
        "# TYPE livekit_sip_call_duration_seconds histogram",
        "livekit_sip_call_duration_seconds_count ",
        "# TYPE livekit_api_requests_total counter",
        "# TYPE livekit_rooms_active gauge",
        "disk_used{mount=\"/\"} ",
    ] {
        assert!(page.lines().any(|it| it.starts_with(line)), "`{line}` is not in\n{page}");
    }
    // Every measure of the book has a name that may be exported, whether it was taken now or not.
    let thresholds = fs::read_to_string(root().join("thresholds.yaml")).unwrap();
    let kind = |rest: &str| {
        ["counter", "histogram"].into_iter().find(|kind| rest.contains(&format!("type: {kind}"))).unwrap_or("gauge")
    };
    let declared = thresholds.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    });
    let missing =
        declared.filter(|(name, rest)| !page.contains(&format!("# TYPE {name} ")) && kind(rest) != "histogram");
    let named: String =
        missing.map(|(name, rest)| format!("# HELP {name} x\n# TYPE {name} {}\n{name} 1\n", kind(rest))).collect();
    match crate::watched::promtool(&format!("{page}{named}")) {
        Some((good, said)) => assert!(good && said.trim().is_empty(), "{said}\n{page}{named}"),
        None => println!("SKIPPED: there is no promtool here"),
    }
}
