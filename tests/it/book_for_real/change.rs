//! A change of the configuration: approved by somebody else, watched, and rolled back when it is no good.

use crate::book_for_real::place::{Place, Ran, VOICE};
use std::fs;

/// What staging makes of a configuration: an archive with the name `release`.
fn released(place: &Place, arguments: &str, tls: &str) {
    let staging = place.path("staging");
    for (name, text) in [
        ("stepladder.yaml", "timezone: UTC\nkeep: { min_free: 1MiB }\nroots: { config: config, backups: backups }\n"),
        (
            "runbooks/release.yaml",
            "runbook: release\nsteps:\n  - { id: save, backup: { to: backups, name: release, sources: { config: '**' } } }\n",
        ),
        ("config/voice-system.args", arguments),
        ("config/security.yaml", tls),
        ("config/new.yaml", "added: by the change\n"),
    ] {
        place.write(&format!("staging/{name}"), text);
    }
    let book = staging.display().to_string();
    place.well("tester", &["--book", &book, "run", "release"]);
    fs::create_dir_all(place.path("backups")).unwrap();
    for file in fs::read_dir(staging.join("backups")).unwrap() {
        let file = file.unwrap();
        fs::rename(file.path(), place.path("backups").join(file.file_name())).unwrap();
    }
}

/// Starts a change and has somebody else approve it or not.
fn changed(place: &Place, version: &str, verb: &str) -> Ran {
    let inputs = [
        format!("version={version}"),
        "section=Security".into(),
        "summary=Connections without TLS are refused".into(),
        "rfc=https://wiki.company.com/rfc/7".into(),
        "impact=Telephones without TLS cannot call".into(),
        format!("staging={}", place.plain()),
    ];
    let inputs: Vec<&str> = inputs.iter().flat_map(|input| ["--input", input]).collect();
    let run = place.well("tester", &[&["run", "change", "--detach"], inputs.as_slice()].concat());
    place.until("somebody is asked", || place.last("change").row["state"] == "waiting");
    let out = place.command("tester", &["approve", run.trim()]).output().unwrap();
    assert_ne!(out.status.code(), Some(0), "nobody approves a change of their own");
    let path = format!("/api/v1/runs/{}/{verb}", run.trim());
    assert_eq!(place.post("senior", &path, r#"{"place":"approved"}"#), 200);
    place.until("the change has ended", || place.ended("change"));
    place.last("change")
}

#[test]
fn a_change_for_real() {
    let Some(place) = Place::start() else { return };
    let _daemon = place.serve();
    released(&place, "\n", "tls: always\n");
    let voice = place.pid(VOICE);
    let ran = changed(&place, "1.2.2", "reject");
    assert_eq!(ran.row["outcome"], "cancelled", "{ran:?}");
    assert!(place.pid(VOICE) == voice && place.read("config/security.yaml") == "tls: required\n");

    let ran = changed(&place, "1.2.3", "approve");
    assert_eq!((&ran.row["outcome"], &ran.row["level"]), (&"succeeded".into(), &"ok".into()), "{ran:?}");
    assert!(place.pid(VOICE) != voice && place.is_healthy());
    assert_eq!(place.read("config/security.yaml"), "tls: always\n");
    assert_eq!(place.read("config/new.yaml"), "added: by the change\n");
    let entry = place.read("changes/1.2.3.md");
    assert!(entry.starts_with("## [1.2.3] - 20"), "{entry}");
    for line in [
        "\n### Security\n- Connections without TLS are refused (https://wiki.company.com/rfc/7)\n",
        "Impact: Telephones without TLS cannot call Planned downtime: 5m.",
        "Approved by senior.",
    ] {
        assert!(entry.contains(line), "{line}: {entry}");
    }
}

/// The change is slow: latency is held against the thresholds, it is rolled back, and the team hears of it.
#[test]
fn a_change_that_is_no_good_is_rolled_back_for_real() {
    let Some(place) = Place::start() else { return };
    let _daemon = place.serve();
    released(&place, "--fault high-latency\n", "tls: none\n");
    let ran = changed(&place, "2.0.0", "approve");
    assert_eq!(ran.row["outcome"], "failed", "{ran:?}");
    assert_eq!(place.read("config/security.yaml"), "tls: required\n");
    assert_eq!(place.read("config/voice-system.args"), "\n");
    assert!(!place.path("config/new.yaml").exists(), "what the change added is gone");
    assert!(!place.path("changes/2.0.0.md").exists());
    assert!(place.is_healthy() && place.metric("livekit_api_request_duration_seconds_bucket{le=\"0.5\"}") > 0.0);
    let mut told = Vec::new();
    place.until("the team is told", || {
        told.extend(place.slack.asked());
        told.iter().any(|asked| {
            let words = "The change 2.0.0 did not go through. What was there before is put back, and it is healthy.";
            asked.body.contains(words)
        })
    });
}
