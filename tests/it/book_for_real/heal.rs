//! Automatic recovery, and the response to a critical incident: what is restarted, who is told, who is paged.

use crate::book_for_real::place::{NGINX, Place, REDIS, SIP, VOICE};
use crate::owner::text;
use serde_json::json;

/// Under a real manager of units and under the stand-in.
#[test]
fn automatic_recovery_for_real() {
    for real in [true, false] {
        let Some(place) = Place::with(real, false) else { return };
        let before = [VOICE, REDIS, NGINX, SIP].map(|unit| place.pid(unit));
        let ran = place.run("auto-recovery", &[]);
        assert_eq!(
            (ran.end().as_str(), &ran.outputs()["helped"]),
            ("succeeded at ok, exit 0", &json!("nothing was needed"))
        );
        assert_eq!([VOICE, REDIS, NGINX, SIP].map(|unit| place.pid(unit)), before, "what is well is left alone");

        // The gentlest remedy that helps is the last.
        place.stop(REDIS);
        let ran = place.run("auto-recovery", &[]);
        assert_eq!(ran.end(), "recovered at notice, exit 0", "{}", ran.shown);
        assert_eq!(ran.outputs()["helped"], "restart_redis");
        assert!(place.is_healthy() && place.pid(VOICE) == before[0] && place.pid(REDIS) != 0);

        place.fault("unavailable");
        let ran = place.run("auto-recovery", &[]);
        assert_eq!(ran.end(), "recovered at notice, exit 0", "{}", ran.shown);
        assert_eq!(ran.outputs()["helped"], "restart_application");
        assert!(place.is_healthy() && place.pid(VOICE) != before[0]);
    }
}

/// Each of them is tried, in the guide's order; of the cache goes what is cached, and nothing else.
#[test]
fn when_no_remedy_helps_a_person_is_called_for_real() {
    let Some(place) = Place::start() else { return };
    place.begins_with(&["unavailable"]);
    let mut keys = place.keys();
    for key in ["session:1", "session:2"] {
        redis::cmd("SET").arg(key).arg("x").exec(&mut keys).unwrap();
    }
    let ran = place.run("auto-recovery", &[]);
    assert_eq!(ran.end(), "failed at critical, exit 2", "{}", ran.shown);
    assert_eq!(ran.outputs()["helped"], "nothing helped");
    let tried: Vec<&str> = ran.tried().into_iter().filter(|place| place.contains("/try:")).collect();
    let order = ["restart_redis", "restart_application", "clear_cache", "reload_configuration", "test_connectivity"];
    let mut at = tried.iter();
    for remedy in order {
        assert!(at.any(|place| place.contains(remedy)), "{remedy}: {tried:?}");
    }
    assert!(ran.shown.contains("stepladder run diagnose-livekit"), "{}", ran.shown);
}

/// A daily check that failed starts the response by itself; the team is told by mail and chat what was found and what helped.
#[test]
fn the_response_to_a_failed_check_for_real() {
    let Some(place) = Place::with_mail() else { return };
    let _daemon = place.serve();
    place.fault("unavailable");
    let voice = place.pid(VOICE);
    assert_eq!(place.run("daily-check", &[]).end(), "failed at critical, exit 2");
    place.until("the response has come to its end", || place.ended("p1-response"));
    let ran = place.last("p1-response");
    assert!(["succeeded", "recovered"].contains(&ran.row["outcome"].as_str().unwrap()), "{ran:?}");
    assert_eq!(ran.outputs()["helped"], "restart_application", "{ran:?}");
    assert!(place.is_healthy() && place.pid(VOICE) != voice);
    let mail = place.mail_to("team@company.com");
    let words = mail["text"].as_str().unwrap();
    assert!(words.contains("Recovery: restart_application"), "{mail}");
    assert!(words.contains("the system does not answer, or says that it is not well"), "{mail}");
    let told = |asked: &crate::channels::fake::Asked| asked.body.contains("#incidents");
    place.until("the chat was told", || place.slack.asked().iter().any(told));
    // What was looked at is on a page.
    assert!(place.path("reports/diagnosis").is_dir());
}

/// Nothing helps: the incident climbs to whoever is on call, by every way that a critical one takes, until they have it.
#[test]
fn a_critical_alert_that_nothing_mends_climbs_to_a_person_for_real() {
    let Some(place) = Place::with_mail() else { return };
    let _daemon = place.serve();
    place.begins_with(&["unavailable"]);
    let alert = json!({ "status": "firing", "alerts": [ { "status": "firing", "startsAt": "2026-01-01T00:00:00Z",
        "labels": { "alertname": "SIPCallFailures", "severity": "critical", "component": "sip" },
        "annotations": { "summary": "SIP call failures detected" } } ] });
    let status = place.post("alertmanager", "/alerts/alertmanager", &alert.to_string());
    assert!((200..300).contains(&status), "{status}");
    place.until("the response has come to its end", || place.ended("p1-response"));
    let ran = place.last("p1-response");
    assert_eq!(ran.row["outcome"], "failed", "{ran:?}");
    assert_eq!(ran.outputs()["helped"], "nothing helped");
    let team = place.mail_to("team@company.com");
    assert!(team.to_string().contains("SIP call failures detected"), "{team}");

    // Level 2, at once since level 1 failed: chat, mail and a text message.
    let page = place.mail_to("oncall@company.com");
    assert!(page["subject"].as_str().unwrap().starts_with("[P1] "), "{page}");
    let mut texts = Vec::new();
    place.until("the telephone of whoever is on call has a text", || {
        texts.extend(place.sms.asked());
        texts.iter().any(|asked| asked.body.contains("5550123"))
    });
    let open = text(&place.stepladder(&["incidents", "--json"]).stdout);
    let open: Vec<serde_json::Value> = open.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let one = open.iter().find(|one| one["title"] == "SIP call failures detected").unwrap();
    assert_eq!(one["severity"], "P1", "{one}");
    // Whoever is on call takes it, and everybody knows.
    assert_eq!(place.post("oncall", "/api/v1/incidents/last/ack", ""), 200);
    let shown = || text(&place.stepladder(&["incidents"]).stdout);
    place.until("it is known who has it", || shown().contains("taken by oncall"));
}

/// What is less than critical begins at level 1, too: with the first response of its type, or with automatic recovery. Where
/// that helps it is over, and nobody was called.
#[test]
fn level_1_mends_what_it_can_for_real() {
    let Some(place) = Place::start() else { return };
    let _daemon = place.serve();
    let fires = |name: &str, labels: serde_json::Value, says: &str| {
        let mut labels = labels;
        labels["alertname"] = json!(name);
        let alert = json!({ "status": "firing", "alerts": [ { "status": "firing", "startsAt": "2026-01-01T00:00:00Z",
            "labels": labels, "annotations": { "summary": says } } ] });
        let status = place.post("alertmanager", "/alerts/alertmanager", &alert.to_string());
        assert!((200..300).contains(&status), "{status}");
    };
    let (sip, voice) = (place.pid(SIP), place.pid(VOICE));
    place.stop(SIP);
    fires("CallsFail", json!({ "severity": "warning", "component": "sip" }), "Calls fail");
    place.until("the first response has come to its end", || place.ended("respond-sip"));
    assert_eq!(place.last("respond-sip").row["outcome"], "recovered");
    assert!(![0, sip].contains(&place.pid(SIP)) && place.pid(VOICE) == voice);

    place.fault("unavailable");
    fires("SomethingIsWrong", json!({ "severity": "warning" }), "Something is wrong");
    place.until("automatic recovery has come to its end", || place.ended("auto-recovery"));
    let ran = place.last("auto-recovery");
    assert_eq!((&ran.row["outcome"], &ran.outputs()["helped"]), (&json!("recovered"), &json!("restart_application")));
    assert!(place.is_healthy() && place.pid(VOICE) != voice);
    let timeline = |title: &str| {
        let all = text(&place.stepladder(&["incidents", "--all", "--json"]).stdout);
        let mut all = all.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let one = all.find(|one| one["title"] == title).unwrap();
        text(&place.stepladder(&["incident", "show", one["incident"].as_str().unwrap()]).stdout)
    };
    for title in ["Calls fail", "Something is wrong"] {
        place.until("level 1 has helped", || timeline(title).contains("recovered"));
        let timeline = timeline(title);
        assert!(timeline.starts_with("P3 ") && !timeline.contains("call to oncall"), "{timeline}");
    }
}
