//! Backups of a voice system that is at work, and what becomes of them when something is wrong.

use crate::book_for_real::place::Place;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What is in an archive: names and bytes.
fn unpacked(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = zstd::stream::decode_all(fs::File::open(archive).unwrap()).unwrap();
    let mut tar = tar::Archive::new(bytes.as_slice());
    let entries = tar.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let (name, mut bytes) = (entry.path().unwrap().display().to_string(), Vec::new());
        entry.read_to_end(&mut bytes).unwrap();
        (name, bytes)
    });
    entries.collect()
}

/// The archives of that name, oldest first.
fn archives(place: &Place, name: &str) -> Vec<String> {
    let all = fs::read_dir(place.path("backups")).into_iter().flatten();
    let mut found: Vec<String> = all
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| file.starts_with(name) && file.ends_with(".tar.zst"))
        .collect();
    found.sort();
    found
}

/// The manifest in an archive names every file with its checksum.
fn told(files: &BTreeMap<String, Vec<u8>>) {
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let word = |file: &Value, name: &str| file[name].as_str().unwrap().to_owned();
    let sums: BTreeMap<String, String> = manifest["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (format!("{}/{}", word(file, "root"), word(file, "path")), word(file, "sha256")))
        .collect();
    for (name, bytes) in files.iter().filter(|(name, _)| *name != "manifest.json") {
        let sum = ring::digest::digest(&ring::digest::SHA256, bytes);
        let sum: String = sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sums.get(name), Some(&sum), "{name}: {manifest}");
    }
    assert_eq!(sums.len() + 1, files.len(), "{manifest}");
}

#[test]
fn the_backup_of_the_configuration_for_real() {
    let Some(place) = Place::start() else { return };
    assert!(place.due("backup-configs").ends_with(" 02:00 +03:00"), "{}", place.due("backup-configs"));
    let ran = place.run("backup-configs", &[]);
    assert_eq!(ran.end(), "succeeded at ok, exit 0", "{}", ran.shown);
    let archive = place.file("backups", "configs-", ".tar.zst");
    assert_eq!(fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600);
    let files = unpacked(&archive);
    for name in ["home/.env", "home/stepladder.yaml", "config/security.yaml", "config/tls/key.pem", "scripts/start.sh"]
    {
        assert_eq!(
            files.get(name).map(Vec::as_slice),
            fs::read(place.path(name.trim_start_matches("home/"))).ok().as_deref()
        );
    }
    told(&files);
    assert!(!files.keys().any(|name| name.starts_with("data/") || name.starts_with("logs/")));

    // There is no room for another: nothing of it is left, and the good one stays.
    let before = archives(&place, "configs-");
    fs::rename(place.path("backups"), place.path("saved")).unwrap();
    place.write("backups", "a file where a directory has to be");
    let ran = place.run("backup-configs", &[]);
    assert_eq!(ran.end(), "failed at critical, exit 2", "{}", ran.shown);
    assert_eq!(ran.tried(), ["save", "save", "save"]);
    assert!(ran.reason().contains("backups"), "{}", ran.reason());
    fs::remove_file(place.path("backups")).unwrap();
    fs::rename(place.path("saved"), place.path("backups")).unwrap();
    assert_eq!(archives(&place, "configs-"), before);
}

#[test]
fn the_backup_of_the_databases_for_real() {
    let Some(place) = Place::start() else { return };
    let due = place.due("backup-database");
    assert!(due.starts_with("Sun ") && due.ends_with(" 03:00 +03:00"), "{due}");
    let ran = place.run("backup-database", &[]);
    assert_eq!(ran.end(), "succeeded at ok, exit 0", "{}", ran.shown);
    let files = unpacked(&place.file("backups", "database-", ".tar.zst"));
    told(&files);
    // The copy of a database that was written to meanwhile is whole.
    place.write("copy.db", "");
    fs::write(place.path("copy.db"), &files["data/voice.db"]).unwrap();
    let copy = rusqlite::Connection::open(place.path("copy.db")).unwrap();
    let one = |query: &str| copy.query_row(query, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(one("pragma integrity_check"), "ok");
    assert_eq!(one("select value from settings where key = 'schema_version'"), "7");
    assert_ne!(one("select cast(count(*) as text) from calls"), "0");

    // A database that is damaged is none to keep in the place of good ones.
    let before = archives(&place, "database-");
    let mut bytes = files["data/voice.db"].clone();
    let middle = bytes.len() / 2;
    bytes[4_096..middle.max(8_192)].fill(0xA5);
    fs::write(place.path("data/other.db"), bytes).unwrap();
    let ran = place.run("backup-database", &[]);
    assert_eq!(ran.end(), "failed at critical, exit 2", "{}", ran.shown);
    assert!(ran.reason().contains("other.db"), "{}", ran.reason());
    assert_eq!(archives(&place, "database-"), before);
}

#[test]
fn the_backup_of_everything_for_real() {
    let Some(place) = Place::start() else { return };
    let due = place.due("backup-full");
    assert!(due.ends_with("-01 04:00 +03:00"), "{due}");
    place.write("recordings/call.wav", "much sound");
    let ran = place.run("backup-full", &[]);
    assert_eq!(ran.end(), "succeeded at ok, exit 0", "{}", ran.shown);
    let files = unpacked(&place.file("backups", "full-", ".tar.zst"));
    told(&files);
    for name in ["home/.env", "config/security.yaml", "scripts/start.sh", "data/voice.db", "logs/livekit_system.log"] {
        assert!(files.contains_key(name), "{name}: {:?}", files.keys());
    }
    assert!(!files.contains_key("recordings/call.wav"));
    let ran = place.run("backup-full", &["recordings=true"]);
    assert_eq!(ran.end(), "succeeded at ok, exit 0", "{}", ran.shown);
    let all = archives(&place, "full-");
    let last = unpacked(&place.path("backups").join(all.last().unwrap()));
    assert_eq!(last["recordings/call.wav"], b"much sound");

    fs::write(place.path("data/other.db"), "SQLite format 3\0 and then nothing").unwrap();
    let ran = place.run("backup-full", &[]);
    assert_eq!(ran.end(), "failed at critical, exit 2", "{}", ran.shown);
    assert!(ran.reason().contains("other.db"), "{}", ran.reason());
    assert_eq!(archives(&place, "full-"), all, "nothing is removed for one that is not there");
}
