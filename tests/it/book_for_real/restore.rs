//! Restores: of a database that lost what mattered, of a configuration with which nothing works, of a damaged archive.

use crate::book_for_real::place::{Place, REDIS, Ran, VOICE};
use std::fs;

/// Runs the restore, and says yes when it asks.
fn restored(place: &Place, inputs: &[&str]) -> Ran {
    let inputs: Vec<&str> = inputs.iter().flat_map(|input| ["--input", input]).collect();
    let run = place.well("tester", &[&["run", "restore", "--detach"], inputs.as_slice()].concat());
    let waits = || place.last("restore").row["state"] == "waiting";
    place.until("somebody is asked", waits);
    place.well("tester", &["answer", run.trim(), "agreed", "go"]);
    place.until("the restore has ended", || place.ended("restore"));
    place.last("restore")
}

fn settings(place: &Place) -> i64 {
    let db = rusqlite::Connection::open(place.path("data/voice.db")).unwrap();
    db.query_row("select count(*) from settings", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_database_comes_back_for_real() {
    let Some(place) = Place::start() else { return };
    let _daemon = place.serve();
    assert_eq!(place.run("backup-database", &[]).code, 0);
    let db = rusqlite::Connection::open(place.path("data/voice.db")).unwrap();
    db.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    db.execute("delete from settings", []).unwrap();
    drop(db);
    assert_eq!(settings(&place), 0);
    let before = [VOICE, REDIS].map(|unit| place.pid(unit));
    let ran = restored(&place, &["what=database"]);
    assert_eq!(ran.row["outcome"], "succeeded", "{ran:?}");
    assert_eq!(settings(&place), 1);
    assert!(place.is_healthy());
    let after = [VOICE, REDIS].map(|unit| place.pid(unit));
    assert!(before[0] != after[0] && before[1] != after[1] && !after.contains(&0), "{before:?} {after:?}");
    assert!(place.file("backups", "database-before-restore-", ".tar.zst").exists());

    // An archive that is damaged is read before anything is touched; nothing else is wrong, and everything runs again.
    let archive = place.file("backups", "database-2", ".tar.zst");
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xFF;
    fs::write(&archive, bytes).unwrap();
    let name = format!("archive={}", archive.file_name().unwrap().to_str().unwrap());
    let ran = restored(&place, &["what=database", &name]);
    assert_eq!(ran.row["outcome"], "failed", "{ran:?}");
    assert!(ran.reason().contains("was not put back, and what is there is whole"), "{}", ran.reason());
    assert!(ran.reason().contains("the services run again and are healthy"), "{}", ran.reason());
    assert_eq!(settings(&place), 1);
    assert!(place.is_healthy());

    // Nobody has to: who says no stops it before a service does.
    let voice = place.pid(VOICE);
    let run = place.well("tester", &["run", "restore", "--detach", "--input", "what=database"]);
    place.until("somebody is asked", || place.last("restore").row["state"] == "waiting");
    place.well("tester", &["answer", run.trim(), "agreed", "stop"]);
    place.until("the restore has ended", || place.ended("restore"));
    assert_eq!(place.pid(VOICE), voice);
}

/// With a configuration that does not work it is rolled back. The units are those of the stand-in: the other restore has
/// those of a real manager, where there is one.
#[test]
fn a_restore_that_does_not_help_is_rolled_back_for_real() {
    let Some(place) = Place::with(false, false) else { return };
    place.write("config/voice-system.args", "--fault unavailable\n");
    place.write("config/security.yaml", "tls: none\n");
    assert_eq!(place.run("backup-configs", &[]).code, 0);
    place.write("config/voice-system.args", "\n");
    place.write("config/security.yaml", "tls: required\n");
    let _daemon = place.serve();
    let ran = restored(&place, &["what=configs"]);
    assert_eq!((&ran.row["outcome"], &ran.row["level"]), (&"failed".into(), &"critical".into()), "{ran:?}");
    assert!(ran.reason().contains("rolled back to configs-before-restore-"), "{}", ran.reason());
    assert!(ran.reason().contains("it is healthy again"), "{}", ran.reason());
    assert_eq!(place.read("config/security.yaml"), "tls: required\n");
    assert_eq!(place.read("config/voice-system.args"), "\n");
    assert!(place.is_healthy() && place.pid(VOICE) != 0 && place.pid(REDIS) != 0);
}
