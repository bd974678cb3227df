//! The diagnosis: LiveKit by a signed token, the trunk by OPTIONS, Redis, the database, the log, this machine.

use crate::book_for_real::place::{Place, REDIS, SIP};
use std::fs;

/// The newest page, by the output of the run.
fn page(ran: &crate::book_for_real::place::Ran) -> String {
    fs::read_to_string(ran.outputs()["report"].as_str().unwrap()).unwrap()
}

#[test]
fn the_diagnosis_for_real() {
    let Some(place) = Place::start() else { return };
    let ran = place.run("diagnose-livekit", &[]);
    assert_eq!(ran.end(), "succeeded at ok, exit 0", "{}", ran.shown);
    assert_eq!(ran.outputs()["verdict"], "", "{}", ran.shown);
    let said = page(&ran);
    assert!(said.contains("Nothing is wrong that this looks at."), "{said}");
    assert!(said.contains("3 with 3 people") && said.contains("200 OK in "), "{said}");

    // Redis and the SIP service have died, the LiveKit server does not answer, and the log is full of it.
    place.stop(REDIS);
    place.stop(SIP);
    place.fault("error-burst-in-log");
    place.until("errors are in the log", || place.read("logs/livekit_system.log").matches(" ERROR ").count() >= 6);
    let nobody = place.nobody();
    let ran = place.run("diagnose-livekit", &[&format!("livekit={nobody}"), &format!("api=http://{nobody}")]);
    assert_eq!(ran.end(), "succeeded at critical, exit 2", "finding trouble is its work\n{}", ran.shown);
    let verdict = ran.outputs()["verdict"].as_str().unwrap().to_owned();
    for wrong in [
        "the system does not answer, or says that it is not well",
        "a part of it is not healthy",
        "no connection to the LiveKit server",
        "no answer from the SIP trunk",
        "Redis does not answer",
    ] {
        assert!(verdict.contains(wrong), "{wrong}: {verdict}");
    }
    assert!(!verdict.contains("the database cannot be used"), "{verdict}");
    let said = page(&ran);
    assert!(said.contains("- Redis does not answer") && said.contains("call dropped"), "{said}");
}

/// A key that the LiveKit server does not know: the port answers, and our token is refused.
#[test]
fn a_refused_token_is_told_apart_for_real() {
    let Some(place) = Place::start() else { return };
    let mut command = place.command("tester", &["run", "diagnose-livekit"]);
    let out = command.env("LIVEKIT_API_SECRET", "another").output().unwrap();
    let ran = place.last("diagnose-livekit");
    assert_eq!(out.status.code(), Some(1), "{}", crate::book_for_real::place::shown(&out));
    assert_eq!(ran.outputs()["verdict"], "the LiveKit server was asked for its rooms in vain");
    assert!(!crate::book_for_real::place::shown(&out).contains("another"));
}
