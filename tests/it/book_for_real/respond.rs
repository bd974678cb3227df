//! The first responses to the guide's five types of incidents: what each finds, and what it mends.

use crate::book_for_real::place::{NGINX, Place, REDIS, SIP, VOICE};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn the_first_response_of_authentication_for_real() {
    let Some(place) = Place::start() else { return };
    let voice = place.pid(VOICE);
    let ran = place.run("respond-authentication", &[]);
    assert!(ran.row["outcome"] == "succeeded" && ran.code < 2, "{}: {}", ran.end(), ran.shown);
    assert!(ran.shown.contains("the LiveKit server takes our token, and has 3 rooms"), "{}", ran.shown);
    assert_eq!(place.pid(VOICE), voice, "who is healthy is not restarted");

    // It has old keys, and refuses; restarted it reads the new ones.
    place.fault("unavailable");
    place.append("logs/livekit_system.log", "ERROR livekit 401 unauthorized: invalid token");
    let ran = place.run("respond-authentication", &[]);
    assert_eq!(ran.row["outcome"], "recovered", "{}", ran.shown);
    assert!(ran.shown.contains("refused 1, expired or too early 0"), "{}", ran.shown);
    assert!(place.pid(VOICE) != voice && place.is_healthy());

    place.begins_with(&["unavailable"]);
    let ran = place.run("respond-authentication", &[]);
    assert_eq!(ran.end(), "failed at critical, exit 2", "{}", ran.shown);
}

#[test]
fn the_first_response_of_the_api_for_real() {
    let Some(place) = Place::start() else { return };
    let ran = place.run("respond-api", &[]);
    assert_eq!(ran.end(), "succeeded at ok, exit 0", "{}", ran.shown);
    // The fault is on this side.
    place.fault("unavailable");
    let ran = place.run("respond-api", &[]);
    assert!(["succeeded", "recovered"].contains(&ran.row["outcome"].as_str().unwrap()), "{}", ran.shown);
    assert!(place.is_healthy());
    assert_eq!(place.last("auto-recovery").outputs()["helped"], "restart_application", "{}", ran.shown);
    // It is on the other.
    let voice = place.pid(VOICE);
    let nobody = place.nobody();
    let ran = place.run("respond-api", &[&format!("livekit={nobody}")]);
    assert_eq!(ran.end(), "failed at critical, exit 2", "{}", ran.shown);
    assert!(
        ran.reason().contains(&format!("no connection to {nobody}: the LiveKit server is down or cut off")),
        "{}",
        ran.reason()
    );
    assert_eq!(place.pid(VOICE), voice, "nothing on this machine mends that");
}

#[test]
fn the_first_response_of_sip_for_real() {
    let Some(place) = Place::start() else { return };
    let before = [VOICE, REDIS, NGINX, SIP].map(|unit| place.pid(unit));
    let ran = place.run("respond-sip", &[]);
    assert_eq!(ran.end(), "succeeded at ok, exit 0", "{}", ran.shown);
    assert_eq!([VOICE, REDIS, NGINX, SIP].map(|unit| place.pid(unit)), before);
    // The service has died: it starts anew, and it alone.
    place.stop(SIP);
    let ran = place.run("respond-sip", &[]);
    assert_eq!(ran.row["outcome"], "recovered", "{}", ran.shown);
    assert_eq!(ran.step("trunk"), "failed warning", "{}", ran.shown);
    let after = [VOICE, REDIS, NGINX, SIP].map(|unit| place.pid(unit));
    assert!(before[..3] == after[..3] && ![0, before[3]].contains(&after[3]), "{before:?} {after:?}");
    place.healthy();
    // The trunk answers and refuses calls: no restart here mends that, and the log says why.
    place.begins_with(&["sip-failures"]);
    place.append("logs/livekit_system.log", "ERROR sip: 401 Unauthorized from trunk");
    let ran = place.run("respond-sip", &[]);
    assert_eq!(ran.end(), "failed at critical, exit 2", "{}", ran.shown);
    assert!(ran.shown.contains("the trunk answers: password, limit or numbers"), "{}", ran.shown);
}

#[test]
fn the_first_response_of_performance_for_real() {
    let Some(place) = Place::start() else { return };
    let mut keys = place.keys();
    let mut set = |key: &str| redis::cmd("SET").arg(key).arg("x").exec(&mut keys).unwrap();
    set("session:1");
    (0..500).for_each(|number| set(&format!("cache:{number}")));
    let ran = place.run("respond-performance", &[]);
    assert_eq!(ran.end(), "succeeded at ok, exit 0", "{}", ran.shown);
    let left = |place: &Place| redis::cmd("DBSIZE").query::<u64>(&mut place.keys()).unwrap();
    assert_eq!(left(&place), 501, "who is quick keeps its cache");
    let before = [VOICE, REDIS, NGINX, SIP].map(|unit| place.pid(unit));
    place.fault("slow-api");
    let ran = place.run("respond-performance", &[]);
    assert_eq!(ran.end(), "failed at critical, exit 2", "{}", ran.shown);
    assert_eq!(left(&place), 1, "of the cache goes what is cached");
    assert_eq!([VOICE, REDIS, NGINX, SIP].map(|unit| place.pid(unit)), before, "no call is cut");
}

#[test]
fn the_first_response_of_security_for_real() {
    let Some(place) = Place::start() else { return };
    place.append("logs/livekit_system.log", "WARN livekit 403 forbidden: GET /../../etc/passwd");
    let before = [VOICE, REDIS, NGINX, SIP].map(|unit| place.pid(unit));
    let ran = place.run("respond-security", &[]);
    assert_eq!(ran.end(), "failed at critical, exit 2", "a person has to decide\n{}", ran.shown);
    let archive = place.file("backups", "evidence-", ".tar.zst");
    assert_eq!(fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = format!("evidence is kept in {}", archive.file_name().unwrap().to_str().unwrap());
    assert!(ran.reason().contains(&kept), "{}", ran.reason());
    let page = place.text_of("reports/security", "security_", ".md");
    assert!(page.contains("\"refused\":1") && page.contains("\"odd\":1"), "{page}");
    assert_eq!([VOICE, REDIS, NGINX, SIP].map(|unit| place.pid(unit)), before, "nothing warns whoever it is");
    // The logs cannot be kept: that is what the reason begins with.
    fs::rename(place.path("backups"), place.path("gone")).unwrap();
    place.write("backups", "a file where a directory has to be");
    let ran = place.run("respond-security", &[]);
    assert_eq!(ran.end(), "failed at critical, exit 2", "{}", ran.shown);
    assert!(ran.reason().contains("evidence is NOT kept"), "{}", ran.reason());
}
