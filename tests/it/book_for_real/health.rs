//! The parts of the voice system, each by itself: what the daemon answers at `/health/COMPONENT`.

use crate::book_for_real::place::{Place, REDIS, Ran, SIP};

const WELL: &str = "succeeded at ok, exit 0";

fn ends(ran: [Ran; 5]) -> [String; 5] {
    ran.map(|ran| ran.end())
}

fn all(place: &Place, livekit: &[&str]) -> [Ran; 5] {
    [
        place.run("health-livekit", livekit),
        place.run("health-sip", &[]),
        place.run("health-ai", &[]),
        place.run("health-database", &[]),
        place.run("health-redis", &[]),
    ]
}

#[test]
fn the_health_of_each_part_for_real() {
    let Some(place) = Place::start() else { return };
    assert_eq!(ends(all(&place, &[])), [WELL; 5]);

    place.fault("health-degraded");
    let limps = "succeeded at warning, exit 1";
    assert_eq!(ends(all(&place, &[])), [WELL, WELL, limps, WELL, WELL], "the AI service limps, and nothing else does");

    // Each is asked by itself as well: nothing depends on what the voice system says of it.
    place.stop(REDIS);
    place.stop(SIP);
    let nobody = place.nobody();
    let [livekit, sip, ai, database, redis] = all(&place, &[&format!("livekit={nobody}")]);
    assert!(livekit.reason().contains("nothing listens"), "{}", livekit.shown);
    for dead in [&livekit, &sip, &redis] {
        assert_eq!((dead.row["outcome"].as_str(), dead.code), (Some("failed"), 2), "{}", dead.shown);
    }
    assert_eq!((ai.end().as_str(), database.end().as_str()), (limps, WELL));
}
