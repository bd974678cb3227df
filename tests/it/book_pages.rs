//! The shipped book at work beside a voice system: what Prometheus and who asks for health find after its checks, what a dry
//! run of the cleanup says, what is in a full backup and comes back.

use crate::http::Site;
use crate::monitoring::Voice;
use crate::owner::{Home, text};
use crate::rust_text::{files, root};
use std::fs;

/// The shipped book beside a voice system, its addresses put in; nothing starts by itself.
fn book(voice: &Voice) -> Home {
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
    home
}

fn site(voice: &Voice) -> Site {
    Site::over(book(voice), "")
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
        None => crate::tools::missing("promtool"),
    }
}

fn write(home: &Home, path: &str, text: &str) {
    let path = home.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_dry_run_of_the_cleanup_lists_what_is_in_the_way_and_ends_as_the_run_does() {
    let dir = tempfile::tempdir().unwrap();
    let voice = Voice::start(dir.path(), &[]);
    let home = book(&voice);
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    fs::write(home.path("stepladder.yaml"), settings.replace("temporary: /tmp", "temporary: temporary")).unwrap();
    fs::create_dir(home.path("temporary")).unwrap();
    for name in ["a.log", "b.log"] {
        write(&home, &format!("logs/{name}"), "a line\n");
        let file = fs::File::options().append(true).open(home.path(&format!("logs/{name}"))).unwrap();
        let now = file.metadata().unwrap().modified().unwrap();
        file.set_modified(now - std::time::Duration::from_hours(24 * 40)).unwrap();
    }
    // Recordings, which are rehearsed beside, are not before the logs: they make nothing unknown.
    let dry = home.run(&["run", "weekly-cleanup", "--dry-run"]);
    let said = format!("{}{}", text(&dry.stdout), text(&dry.stderr));
    assert!(said.contains("a.log to a.log.gz, b.log to b.log.gz"), "{said}");
    assert!(said.contains("a run refuses, and touches nothing"), "{said}");
    let real = home.run(&["run", "weekly-cleanup"]);
    assert_eq!((dry.status.code(), real.status.code()), (Some(2), Some(2)), "{said}{}", text(&real.stdout));
    assert!(home.path("logs/a.log").exists() && !home.path("logs/a.log.gz").exists());
    // One that is young brings it below: both are good ends, and now the run does what the dry run listed.
    for name in ["c.log", "d.log"] {
        write(&home, &format!("logs/{name}"), "young\n");
    }
    let dry = home.run(&["run", "weekly-cleanup", "--dry-run"]);
    assert!(text(&dry.stdout).contains("would have compressed 2 of 4 files"), "{}", text(&dry.stdout));
    let real = home.run(&["run", "weekly-cleanup"]);
    assert_eq!((dry.status.code(), real.status.code()), (Some(0), Some(0)), "{}", text(&real.stdout));
    assert!(!home.path("logs/a.log").exists() && home.path("logs/a.log.gz").exists());
}

#[test]
fn a_full_backup_has_the_book_in_it_and_a_restore_leaves_the_logs_alone() {
    let dir = tempfile::tempdir().unwrap();
    let voice = Voice::start(dir.path(), &[]);
    let home = book(&voice);
    // No manager of services here, and nobody to ask; all else is the shipped runbook.
    let restore = fs::read_to_string(home.path("runbooks/restore.yaml")).unwrap();
    let service = regex::Regex::new(r#"service: \{ (stop|start): "[^"]*" \}"#).unwrap();
    let confirm = regex::Regex::new(r"(?m)^    confirm: .*\n").unwrap();
    let restore = confirm.replace(&service.replace_all(&restore, "shell: 'true'"), "").into_owned();
    assert!(!restore.contains("service: {") && !restore.contains("confirm:"), "{restore}");
    // A restore puts back runbooks as well: what the backup has is this one.
    fs::write(home.path("runbooks/restore.yaml"), &restore).unwrap();
    write(&home, "config/app.yaml", "as it was\n");
    write(&home, "logs/app.log", "before\n");
    write(&home, "tests/own.yaml", "# a test of our own\n");
    let went = |args: &[&str]| {
        let out = home.run(args);
        assert_eq!(out.status.code(), Some(0), "{args:?}\n{}{}", text(&out.stdout), text(&out.stderr));
    };
    went(&["run", "backup-full"]);
    write(&home, "config/app.yaml", "broken\n");
    write(&home, "logs/app.log", "before\nwhy it broke\n");
    fs::remove_file(home.path("tests/own.yaml")).unwrap();
    let daily = fs::read_to_string(home.path("runbooks/daily-check.yaml")).unwrap();
    fs::remove_file(home.path("runbooks/daily-check.yaml")).unwrap();
    write(&home, "runbooks/p1-response.yaml", "runbook: p1-response\nsteps: [ { id: a, pass: it is gone } ]\n");
    went(&["run", "restore", "--input", "what=full"]);
    let read = |path: &str| fs::read_to_string(home.path(path)).unwrap_or_default();
    assert_eq!(read("config/app.yaml"), "as it was\n");
    assert_eq!(read("logs/app.log"), "before\nwhy it broke\n", "what was written since says why");
    assert_eq!(read("tests/own.yaml"), "# a test of our own\n");
    assert_eq!(read("runbooks/daily-check.yaml"), daily);
    assert!(read("runbooks/p1-response.yaml").contains("title: Response to a critical incident"));
}

#[test]
fn a_change_that_waits_for_a_yes_holds_up_no_recovery() {
    let dir = tempfile::tempdir().unwrap();
    let voice = Voice::start(dir.path(), &[]);
    let site = site(&voice);
    let staging = format!("staging=http://127.0.0.1:{}", voice.port);
    let inputs = [
        "version=2.5.0",
        "section=Changed",
        "summary=Larger rooms are allowed",
        "rfc=https://wiki.company.com/rfc/17",
        "impact=Nobody, calls go on",
        &staging,
    ];
    let inputs = inputs.iter().flat_map(|input| ["--input", input]);
    let started = site.home.run(&["run", "change", "--detach"].into_iter().chain(inputs).collect::<Vec<_>>());
    assert_eq!(started.status.code(), Some(0), "{}{}", text(&started.stdout), text(&started.stderr));
    let waits = || site.home.rows().iter().any(|row| row["runbook"] == "change" && row["state"] == "waiting");
    site.home.until("it waits for a yes", waits);
    let mut recovery = site.home.start(&["run", "auto-recovery"]);
    let mut ended = None;
    site.home.until("the recovery has ended beside it", || {
        ended = recovery.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(0), "nothing was wrong");
    assert!(waits(), "and nobody has said yes yet");
}
