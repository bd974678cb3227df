//! What is done each day, each week and each month, on a good day and on a bad one.

use crate::book_for_real::place::{Place, REDIS};
use crate::owner::text;
use rustix::fs::{Timespec, Timestamps};
use serde_json::{Value, json};
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The file as it would be, had nobody written to it for so many days.
fn aged(file: &Path, days: i64) {
    let then = stepladder::runtime::clock::now().as_second() - days * 86_400;
    let then = Timespec { tv_sec: then, tv_nsec: 0 };
    let times = Timestamps { last_access: then, last_modification: then };
    rustix::fs::utimensat(rustix::fs::CWD, file, &times, rustix::fs::AtFlags::empty()).unwrap();
}

#[test]
fn the_daily_check_for_real() {
    let Some(place) = Place::start() else { return };
    let ran = place.run("daily-check", &[]);
    assert_eq!(ran.end(), "succeeded at ok, exit 0", "{}", ran.shown);
    let page = place.text_of("reports", "daily_check_", ".md");
    for line in
        ["# Daily check: ok", "| health | ok | healthy in ", "| Redis | ok | version 7", "| database | ok | \"ok\" |"]
    {
        assert!(page.contains(line), "{line}\n{page}");
    }
    // Redis dies: the voice system says so, too, and everything else is looked at all the same.
    place.stop(REDIS);
    let ran = place.run("daily-check", &[]);
    assert_eq!(ran.end(), "failed at critical, exit 2", "{}", ran.shown);
    assert_eq!(
        ["health", "parts", "redis", "metrics", "database", "log_errors"].map(|step| ran.step(step)),
        ["failed critical", "failed critical", "failed critical", "succeeded ok", "succeeded ok", "succeeded ok"]
    );
    assert!(ran.shown.contains("systemctl status redis-server"), "{}", ran.shown);
    let page = place.text_of("reports", "daily_check_", ".md");
    assert!(page.contains("# Daily check: critical") && page.contains("| Redis | critical | "), "{page}");
    // Day stands beside day.
    let days = place.well("tester", &["runs", "daily-check"]);
    assert!(days.contains("succeeded") && days.contains("failed"), "{days}");
}

#[test]
fn the_daily_report_for_real() {
    let Some(place) = Place::start() else { return };
    let ran = place.run("daily-report", &[]);
    assert_eq!(ran.end(), "succeeded at ok, exit 0", "{}", ran.shown);
    let report = place.json_of("reports", "daily_report_");
    let name = place.file("reports", "daily_report_", ".json").file_stem().unwrap().to_str().unwrap().to_owned();
    assert_eq!(json!(name.trim_start_matches("daily_report_")), report["date"]);
    assert_eq!(report["health_status"]["checks"]["redis"]["status"], "healthy", "{report}");
    let (summary, figures) = (&report["summary"], &report["performance_metrics"]);
    assert_eq!((&summary["overall_health"], &summary["level"]), (&json!("healthy"), &json!("ok")), "{report}");
    let within = |value: &Value, low: f64, high: f64| value.as_f64().is_some_and(|it| (low..=high).contains(&it));
    assert!(within(&figures["avg_api_latency_ms"], 12.0, 18.0), "{report}");
    assert!(within(&figures["p95_api_latency_ms"], 12.0, 25.0), "{report}");
    assert!(within(&figures["active_rooms"], 3.0, 6.0) && within(&figures["error_rate"], 0.0, 0.5), "{report}");
    for figure in ["active_rooms", "error_rate"] {
        assert_eq!(summary[figure], figures[figure], "{report}");
    }
    assert!(place.text_of("reports", "daily_report_", ".md").contains("Overall: healthy (ok)"));

    // One connection in five fails.
    place.fault("connection-errors");
    let rate = || place.metric("livekit_connection_errors_total ") / place.metric("livekit_connections_total ");
    place.until("more than one in twenty has failed", || rate() > 0.06);
    let ran = place.run("daily-report", &[]);
    assert_eq!(ran.end(), "succeeded at critical, exit 2", "{}", ran.shown);
    let report = place.json_of("reports", "daily_report_");
    assert!(within(&report["summary"]["error_rate"], 5.0, 20.0), "{report}");
    assert_eq!(report["summary"]["level"], "critical", "{report}");

    // Nobody answers: there is a report all the same, and it says so.
    place.stop(crate::book_for_real::place::NGINX);
    let ran = place.run("daily-report", &[]);
    assert_eq!(ran.end(), "succeeded at warning, exit 1", "{}", ran.shown);
    let report = place.json_of("reports", "daily_report_");
    assert_eq!(report["health_status"]["status"], "no answer", "{report}");
    assert_eq!(
        (&report["summary"]["overall_health"], &report["summary"]["active_rooms"]),
        (&json!("unhealthy"), &Value::Null)
    );
    assert!(place.text_of("reports", "daily_report_", ".md").contains("the system does not answer"));
}

#[test]
fn the_weekly_analysis_for_real() {
    let Some(place) = Place::start() else { return };
    // Where nobody has ever saved anything, that is a warning.
    let ran = place.run("weekly-performance", &[]);
    assert_eq!(ran.end(), "succeeded at warning, exit 1", "{}", ran.shown);
    assert!(ran.shown.contains("`backups` can't be measured"), "{}", ran.shown);
    assert_eq!(place.run("backup-configs", &[]).code, 0);
    let ran = place.run("weekly-performance", &[]);
    assert_eq!(ran.end(), "succeeded at ok, exit 0", "{}", ran.shown);
    let page = place.text_of("reports", "weekly_performance_", ".md");
    assert!(page.contains("| certificate | ok | 36") && page.contains("| API | ok | 95th percentile 0\\.02"), "{page}");
    assert!(page.contains("| errors in the logs | ok | 0 of ") && !page.contains("Logs with errors"), "{page}");
    let drawings = place.text_of("reports", "weekly_performance_", ".html");
    assert!(drawings.matches("<svg").count() == 9, "{drawings}");

    // The certificate of nginx ends the day after tomorrow, the API is slow, and the log fills with errors.
    place.certificate(2);
    place.begins_with(&["high-latency"]);
    place.fault("error-burst-in-log");
    place
        .home
        .until("errors are in the log", || place.read("logs/livekit_system.log").matches(" ERROR ").count() >= 12);
    let ran = place.run("weekly-performance", &[]);
    assert_eq!(ran.end(), "succeeded at critical, exit 2", "{}", ran.shown);
    assert_eq!(ran.step("certificate"), "succeeded critical", "{}", ran.shown);
    assert_eq!(ran.step("figures"), "succeeded critical", "{}", ran.shown);
    let page = place.text_of("reports", "weekly_performance_", ".md");
    assert!(
        page.contains("| certificate | critical | 2 days") && page.contains("/logs/livekit\\_system.log: "),
        "{page}"
    );
}

/// What a directory holds, names and sizes, at any depth.
fn listed(directory: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(listed(&path));
        } else {
            found.push((path.display().to_string(), fs::metadata(&path).unwrap().len()));
        }
    }
    found.sort();
    found
}

#[test]
fn the_weekly_cleanup_for_real() {
    let Some(place) = Place::start() else { return };
    let old = "2026-01-01T00:00:00Z INFO  livekit a line\n".repeat(500);
    for (name, text, days) in [
        ("logs/old.log", old.as_str(), 40),
        ("logs/new.log", "x", 1),
        ("recordings/2026/january.wav", "old", 100),
        ("recordings/yesterday.wav", "new", 1),
        ("recordings/today.wav", "new", 0),
        ("tmp/livekit_scratch", "old", 3),
        ("tmp/livekit_now", "new", 0),
        ("tmp/of_somebody_else", "old", 300),
    ] {
        place.write(name, text);
        aged(&place.path(name), days);
    }
    // A link out of the roots leads nowhere.
    fs::create_dir(place.path("elsewhere")).unwrap();
    place.write("elsewhere/precious.wav", "old");
    aged(&place.path("elsewhere/precious.wav"), 400);
    std::os::unix::fs::symlink(place.path("elsewhere"), place.path("recordings/linked")).unwrap();
    let still = || ["recordings", "tmp", "elsewhere"].map(|name| listed(&place.path(name)));
    let before = still();
    let dry = place.run("weekly-cleanup", &["--dry-run"]);
    assert_eq!(dry.code, 0, "{}", dry.shown);
    for gone in ["old.log", "january.wav", "livekit_scratch"] {
        assert!(dry.shown.contains(gone), "{gone}: {}", dry.shown);
    }
    for kept in ["new.log", "today.wav", "livekit_now", "of_somebody_else", "precious"] {
        assert!(!dry.shown.contains(kept), "{kept}: {}", dry.shown);
    }
    assert_eq!(still(), before, "a dry run touches nothing");

    let ran = place.run("weekly-cleanup", &[]);
    assert_eq!(ran.end(), "succeeded at ok, exit 0", "{}", ran.shown);
    let archive = place.file("logs", "old.log", "");
    let unpacked = Command::new("gzip").arg("-dc").arg(&archive).stderr(Stdio::null()).output().unwrap();
    assert!(archive.extension().is_some_and(|it| it == "gz") && text(&unpacked.stdout) == old, "{}", archive.display());
    let left = |name: &str| place.path(name).exists();
    assert!(!left("logs/old.log") && !left("recordings/2026/january.wav") && !left("tmp/livekit_scratch"));
    for kept in [
        "logs/new.log",
        "logs/livekit_system.log",
        "recordings/today.wav",
        "recordings/yesterday.wav",
        "tmp/livekit_now",
        "tmp/of_somebody_else",
        "elsewhere/precious.wav",
    ] {
        assert!(left(kept), "{kept}");
    }

    // A clock that was wrong: everything looks old. Far more than usual would go, and nothing does.
    for name in ["recordings/today.wav", "recordings/yesterday.wav"] {
        aged(&place.path(name), 4_000);
    }
    let before = still();
    let ran = place.run("weekly-cleanup", &[]);
    assert!(ran.end().starts_with("failed at ") && ran.code == 2, "{}: {}", ran.end(), ran.shown);
    assert_eq!(still(), before);
}

/// What an audit recommends, as `priority category`, with its words.
fn recommended(audit: &Value) -> Vec<(String, String)> {
    let word = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let all = audit["recommendations"].as_array().unwrap();
    all.iter()
        .map(|one| (format!("{} {}", word(one, "priority"), word(one, "category")), word(one, "description")))
        .collect()
}

#[test]
fn the_monthly_audit_for_real() {
    let Some(place) = Place::start() else { return };
    let ran = place.run("monthly-audit", &[]);
    let audit = place.json_of("audits", "monthly_audit_");
    // Who listens, which accounts there are and who keeps the clock is this machine's affair.
    let ours = |audit: &Value| -> Vec<(String, String)> {
        let of_the_machine = ["listens", "Listeners", "account", "Accounts", "clock"];
        let all = recommended(audit).into_iter();
        all.filter(|(_, words)| !of_the_machine.iter().any(|word| words.contains(word))).collect()
    };
    assert_eq!(ours(&audit), [], "{}", ran.shown);
    assert_eq!(ran.row["outcome"], "succeeded", "{}", ran.shown);
    assert_eq!(
        (&audit["configuration_audit"]["status"], &audit["configuration_audit"]["issues_found"]),
        (&json!("healthy"), &json!(0))
    );
    let days = audit["security_audit"]["certificate_days"].as_f64().unwrap();
    assert!((363.0..366.0).contains(&days), "{days}");
    let month = place.file("audits", "monthly_audit_", ".json").file_stem().unwrap().to_str().unwrap().to_owned();
    let month = month.trim_start_matches("monthly_audit_").to_owned();
    assert!(month.len() == 6 && audit["audit_date"].as_str().unwrap().replace('-', "").starts_with(&month), "{audit}");

    // Everything that may be wrong with it is.
    place.write("config/security.yaml", "smtp_password: hunter2-hunter2\ntoken_ttl: 90d\n");
    fs::remove_file(place.path("config/monitoring.yaml")).unwrap();
    place.write(".env", "LIVEKIT_URL=wss://localhost\n");
    fs::set_permissions(place.path(".env"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(place.path("scripts/start.sh"), fs::Permissions::from_mode(0o777)).unwrap();
    place.certificate(10);
    place.begins_with(&["high-latency", "connection-errors"]);
    place.until("there are figures", || place.metric("livekit_connection_errors_total ") >= 5.0);
    let ran = place.run("monthly-audit", &[]);
    assert_eq!(ran.end(), "succeeded at warning, exit 1", "{}", ran.shown);
    let mut all = String::new();
    fs::File::open(place.file("audits", "monthly_audit_", ".json")).unwrap().read_to_string(&mut all).unwrap();
    assert!(!all.contains("hunter2") && !ran.shown.contains("hunter2"), "counted, never shown");
    let audit: Value = serde_json::from_str(&all).unwrap();
    let found = ours(&audit);
    for (sort, words) in [
        ("high security", ".env"),
        ("high security", "scripts/start.sh"),
        ("high security", "Secrets stand in configuration"),
        ("medium security", "Tokens live longer than a day"),
        ("high security", "certificate"),
        ("medium performance", "API latency is above recommended threshold. Consider optimization."),
        ("medium performance", "More than one connection in a hundred fails"),
        ("high configuration", "variables"),
        ("high configuration", "files are missing"),
    ] {
        assert!(found.iter().any(|(is, says)| is == sort && says.contains(words)), "{sort}, {words}: {found:#?}");
    }
    let issues = audit["configuration_audit"]["issues"].to_string();
    for issue in ["Missing environment variable: SIP_PASSWORD", "Missing configuration file: config/monitoring.yaml"] {
        assert!(issues.contains(issue), "{issues}");
    }
}
