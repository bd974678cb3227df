//! Damaged data directories, whole and real: a flipped bit, a zeroed page, a cut, a missing or swapped file, anywhere.
//!
//! What is damaged is named, what is not is as it was, nothing is wrong in silence, and nobody sees a panic.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use stepladder::base::digest::Digest;
use stepladder::runtime::index::projection;
use stepladder::store::disk::{DiskJournal, Host, Settings};
use stepladder::store::{Journal, ReadError};
use tempfile::TempDir;

/// Cases of the normal run; `DAMAGES` asks for more.
const CASES: u64 = 200;

/// Each so manieth case is looked at through the program, too.
const PROGRAM: u64 = 10;

const JOB: &str = "\
runbook: job
concurrency: { group: jobs, limit: 1 }
steps:
  - { id: a, shell: 'echo a' }
  - { id: b, shell: 'head -c 6000 /dev/zero | tr \"\\\\0\" x' }
";

/// A directory in memory where there is one: what a sync is worth is not the question here.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &there);
        } else if entry.file_type().unwrap().is_file() {
            // The socket of a keeper that is about to end may still be there.
            fs::copy(entry.path(), there).unwrap();
        }
    }
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

fn run(book: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepladder"));
    command.args(args).current_dir(book).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn settings() -> Settings {
    Settings { project: projection(), project_version: "damage".into(), host: Host::here(), adopt: true }
}

/// A book with some runs behind it, closed cleanly.
fn book() -> TempDir {
    let dir = scratch();
    fs::create_dir(dir.path().join("runbooks")).unwrap();
    fs::write(dir.path().join("stepladder.yaml"), "").unwrap();
    fs::write(dir.path().join("runbooks/job.yaml"), JOB).unwrap();
    for _ in 0..6 {
        let (code, said) = run(dir.path(), &["run", "job", "--plain"]);
        assert_eq!(code, Some(0), "{said}");
    }
    for (_, identity) in stepladder::keeper::keepers(&dir.path().join(".stepladder")) {
        drop(Command::new("kill").arg(identity.keeper.pid.to_string()).stderr(Stdio::null()).status());
    }
    dir
}

type Events = BTreeMap<String, Vec<Vec<u8>>>;

/// Everything in a directory: the events of each stream, the blobs.
fn contents(data: &Path) -> (Events, Vec<Digest>) {
    let journal = DiskJournal::open(data, settings()).unwrap();
    let streams = journal.streams("").unwrap();
    let events = streams.iter().map(|(name, _)| (name.to_string(), journal.read(name, 0).unwrap())).collect();
    let mut files = Vec::new();
    files_below(&data.join("blobs"), &mut files);
    let blobs = files.iter().filter_map(|path| Digest::parse(path.file_name()?.to_str()?)).collect();
    (events, blobs)
}

/// One damage, drawn; what it was.
fn damage(data: &Path, case: u64) -> String {
    let mut files = Vec::new();
    files_below(data, &mut files);
    files.retain(|path| !path.ends_with("lock") && !path.starts_with(data.join("spool")));
    let mut draw = case.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x1234_5678;
    let mut below = |most: usize| {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(draw >> 33).unwrap() % most.max(1)
    };
    // Half of the cases hit the journal, where the truth is.
    let journal: Vec<PathBuf> = files.iter().filter(|path| path.starts_with(data.join("journal"))).cloned().collect();
    let path =
        if case.is_multiple_of(2) { journal[below(journal.len())].clone() } else { files[below(files.len())].clone() };
    let other = files[below(files.len())].clone();
    let mut bytes = fs::read(&path).unwrap();
    let name = path.strip_prefix(data).unwrap().display().to_string();
    // Beyond its frames a segment is zeros: the damage is to hit something.
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let at = below(used);
    match below(6) {
        0 | 1 if used > 0 => {
            bytes[at] ^= 1 << below(8);
            fs::write(&path, bytes).unwrap();
            format!("a bit of byte {at} of {name}")
        }
        2 if used > 0 => {
            let page = at / 4096 * 4096;
            let end = (page + 4096).min(bytes.len());
            bytes[page..end].fill(0);
            fs::write(&path, bytes).unwrap();
            format!("the page at {page} of {name}")
        }
        3 => {
            bytes.truncate(at);
            fs::write(&path, bytes).unwrap();
            format!("{name} cut at {at}")
        }
        4 => {
            let theirs = fs::read(&other).unwrap();
            fs::write(&other, &bytes).unwrap();
            fs::write(&path, theirs).unwrap();
            format!("{name} and {} changed places", other.strip_prefix(data).unwrap().display())
        }
        _ => {
            fs::remove_file(&path).unwrap();
            format!("{name} removed")
        }
    }
}

/// How a damaged directory looks: nothing amiss, or what says that something is.
fn look(data: &Path, (events, blobs): &(Events, Vec<Digest>), what: &str) -> &'static str {
    let journal = match DiskJournal::open(data, settings()) {
        Ok(journal) => journal,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "{what}");
            return "refused";
        }
    };
    let told = !journal.damage().is_empty() || !journal.damaged_streams().is_empty();
    for (name, events) in events {
        let stream = stepladder::store::StreamId::from_name(name);
        match journal.read(&stream, 0) {
            Ok(found) if found == *events => {}
            Ok(found) => assert!(told, "{what}: `{name}` has {} of {} events, in silence", found.len(), events.len()),
            Err(ReadError::Corrupt { stream, what: why }) => assert!(stream == *name && !why.is_empty(), "{what}"),
            Err(other) => assert!(!other.to_string().is_empty(), "{what}"),
        }
        if let Ok(found) = journal.read(&stream, 0) {
            assert!(events.starts_with(&found), "{what}: `{name}` holds what was never written");
        }
    }
    let mut missing = 0;
    for digest in blobs {
        match journal.blob(digest) {
            Ok(bytes) => assert_eq!(Digest::of(&bytes), *digest, "{what}"),
            Err(ReadError::Blob(named)) => {
                assert_eq!(named, *digest, "{what}");
                missing += 1;
            }
            Err(other) => panic!("{what}: {other}"),
        }
    }
    // The index is what the journal says, whatever became of its files.
    let rows = |tree| journal.scan(tree, &[], &[], false, 1_000).map(|rows| rows.len());
    let runs = journal.streams("run/").unwrap().len();
    if !told {
        assert_eq!(rows(stepladder::engine::project::STARTED), Ok(runs), "{what}");
        assert_eq!(rows(stepladder::engine::project::UNFINISHED), Ok(0), "{what}");
    }
    match (told, missing) {
        (true, _) => "named",
        (false, 0) => "whole",
        (false, _) => "blob named",
    }
}

#[test]
fn damage_is_named_and_nothing_is_wrong_in_silence() {
    let asked = std::env::var_os("DAMAGES").and_then(|text| text.to_str()?.parse().ok());
    let book = book();
    let good = book.path().join(".stepladder");
    let expected = contents(&good);
    assert!(expected.0.len() >= 7 && !expected.1.is_empty());
    let mut ways: BTreeMap<&str, u32> = BTreeMap::new();
    for case in 0..asked.unwrap_or(CASES) {
        let place = scratch();
        copy(book.path(), place.path());
        let data = place.path().join(".stepladder");
        let what = format!("case {case}: {}", damage(&data, case));
        if case.is_multiple_of(PROGRAM) {
            for args in [&["runs"][..], &["run", "job", "--plain"]] {
                let (code, said) = run(place.path(), args);
                assert!(!said.contains("panicked") && code.is_some_and(|code| code <= 3), "{what}: {code:?} {said}");
            }
            for (_, identity) in stepladder::keeper::keepers(&data) {
                drop(Command::new("kill").arg(identity.keeper.pid.to_string()).stderr(Stdio::null()).status());
            }
            *ways.entry("by the program").or_insert(0) += 1;
            continue;
        }
        let looked = catch_unwind(AssertUnwindSafe(|| look(&data, &expected, &what)));
        *ways.entry(looked.unwrap_or_else(|_| panic!("{what}: see above"))).or_insert(0) += 1;
    }
    println!("{ways:?}");
    assert!(ways.len() >= 3, "the cases have become too alike");
}
