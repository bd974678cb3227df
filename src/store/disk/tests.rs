//! The disk journal against the conformance suite, on a real file system and on the one in memory.

use crate::store::conformance::{append, batch, dump, project, stream, suite, texts};
use crate::store::disk::directory::{Host, Imported, OpenError, check_format};
use crate::store::disk::faulty::Faulty;
use crate::store::disk::index::Index;
use crate::store::disk::segment::SEGMENT;
use crate::store::disk::table::Makers;
use crate::store::disk::{DiskJournal, Settings};
use crate::store::{Guard, Journal};
use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn host() -> Host {
    Host { machine: "m".into(), boot: "b".into() }
}

pub(crate) fn makers() -> Makers {
    Makers { project: "1".into(), host: host() }
}

pub(crate) fn settings() -> Settings {
    Settings { project: project(), project_version: "1".into(), host: host(), adopt: false }
}

/// The journal on a disk in memory, stepped by its caller, its index in memory.
pub(crate) fn stepped(disk: &Faulty) -> std::io::Result<DiskJournal> {
    stepped_in_segments_of(disk, SEGMENT)
}

pub(crate) fn stepped_in_segments_of(disk: &Faulty, most: u64) -> std::io::Result<DiskJournal> {
    check_format(disk, Path::new("disk"), &host(), false).map_err(std::io::Error::other)?;
    DiskJournal::stepped(Arc::new(disk.clone()), Index::new(None, project(), makers()), most)
}

fn open(folder: &Path) -> DiskJournal {
    DiskJournal::open(folder, settings()).expect("opens")
}

#[test]
fn conforms_on_a_real_disk() {
    let folders = RefCell::new(Vec::new());
    let fresh = || {
        folders.borrow_mut().push(tempfile::tempdir().expect("a folder"));
        open(folders.borrow().last().expect("a folder").path())
    };
    suite(fresh, |journal| {
        drop(journal);
        open(folders.borrow().last().expect("a folder").path())
    });
}

#[test]
fn conforms_in_memory_stepped() {
    let disks = RefCell::new(Vec::new());
    let fresh = || {
        disks.borrow_mut().push(Faulty::default());
        stepped(disks.borrow().last().expect("a disk")).expect("opens")
    };
    suite(fresh, |journal| {
        drop(journal);
        stepped(disks.borrow().last().expect("a disk")).expect("opens")
    });
}

#[test]
fn one_owner_at_a_time_and_he_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(folder.path());
    let refused = DiskJournal::open(folder.path(), settings()).err();
    let directory = folder.path().display().to_string();
    assert_eq!(refused, Some(OpenError::Held { directory, pid: Some(std::process::id()) }));
    drop(first);
    open(folder.path());
}

#[test]
fn a_deleted_lock_makes_no_second_owner() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(folder.path());
    std::fs::remove_file(folder.path().join("lock")).expect("removed");
    for _ in 0..2 {
        let refused = DiskJournal::open(folder.path(), settings()).err();
        assert_eq!(refused, Some(OpenError::Held { directory: folder.path().display().to_string(), pid: None }));
    }
    drop(first);
    open(folder.path());
}

#[test]
fn a_part_of_an_archive_is_no_data_directory_and_a_whole_one_may_be_held() {
    let folder = tempfile::tempdir().expect("a folder");
    let adopts = || DiskJournal::open(folder.path(), Settings { adopt: true, ..settings() });
    let opened = || DiskJournal::open(folder.path(), settings());
    open(folder.path()).begin_import().expect("begun");
    for refused in [opened(), adopts()] {
        assert!(matches!(refused.err(), Some(OpenError::HalfImported { .. })));
    }
    for (imported, held) in [(Imported::AtWork, true), (Imported::Over, false)] {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = open(folder.path());
        journal.begin_import().expect("begun");
        journal.end_import(imported).expect("ended");
        drop(journal);
        let refused = DiskJournal::open(folder.path(), settings()).err();
        assert_eq!(matches!(refused, Some(OpenError::Copy { .. })), held);
        assert_eq!(refused.is_some(), held);
    }
}

#[test]
fn directories_that_are_not_ours_are_met_with_a_sentence() {
    let refused = |prepare: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().expect("a folder");
        prepare(folder.path());
        let error = DiskJournal::open(folder.path(), settings()).err().expect("refused").to_string();
        error.replace(&folder.path().display().to_string(), "DIR")
    };
    let made = |folder: &Path, format: &str| {
        drop(open(folder));
        std::fs::write(folder.join("format"), format).expect("written");
    };
    let newer = refused(&|folder| made(folder, "stepladder data 2\nmachine m\n"));
    assert_eq!(
        newer,
        "the data directory `DIR` has format 2 and was written by a newer stepladder; this one knows format 1: use the newer binary"
    );
    let cloned = refused(&|folder| made(folder, "stepladder data 1\nmachine other\n"));
    assert!(cloned.starts_with("the data directory `DIR` was written on another machine"), "{cloned}");
    assert!(refused(&|folder| made(folder, "#!")).contains("its `format` file is not one of stepladder's"));
    assert!(
        refused(&|folder| std::fs::write(folder.join("photo.jpg"), "x").expect("written"))
            .contains("it holds `photo.jpg`")
    );
    let lost = refused(&|folder| {
        drop(open(folder));
        std::fs::remove_file(folder.join("format")).expect("removed");
    });
    assert_eq!(lost, "`DIR` is no data directory of stepladder: its `format` file is missing");
    let folder = tempfile::tempdir().expect("a folder");
    made(folder.path(), "stepladder data 1\nmachine other\n");
    let adopts = || DiskJournal::open(folder.path(), Settings { adopt: true, ..settings() });
    drop(adopts().expect("looked into"));
    assert!(matches!(DiskJournal::open(folder.path(), settings()).err(), Some(OpenError::OtherMachine { .. })));
    let adopted = adopts().expect("opened");
    assert!(adopted.is_elsewhere(), "until it is written down");
    adopted.adopt().expect("written");
    drop(adopted);
    open(folder.path());
}

#[test]
fn nobody_else_may_look_into_a_data_directory() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new/data");
    let journal = open(&path);
    append(&journal, batch(&[], &[("a", &["x"])])).expect("taken");
    journal.put_blob(b"secret").expect("kept");
    let mut folders = vec![path];
    while let Some(folder) = folders.pop() {
        assert_eq!(folder.metadata().expect("there").permissions().mode() & 0o777, 0o700, "{}", folder.display());
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let mode = path.metadata().expect("there").permissions().mode() & 0o777;
            if path.is_dir() { folders.push(path) } else { assert_eq!(mode, 0o600, "{}", path.display()) }
        }
    }
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let full = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = Arc::clone(&full);
    let fails = move |what: &str, path: &str| {
        let full = seen.load(std::sync::atomic::Ordering::Relaxed) && what == "write" && path.starts_with("journal/");
        full.then_some(std::io::ErrorKind::StorageFull)
    };
    let disk = Faulty::default().failing(Arc::new(fails));
    let journal = stepped(&disk).expect("opens");
    append(&journal, batch(&[], &[("a", &["1"])])).expect("taken");
    full.store(true, std::sync::atomic::Ordering::Relaxed);
    let large = "x".repeat(60_000);
    let refused = append(&journal, batch(&[], &[("a", &[large.as_str(); 9])]));
    assert!(matches!(refused, Err(crate::store::AppendError::Full(_))), "{refused:?}");
    full.store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(append(&journal, batch(&[Guard::At(stream("a"), 1)], &[("a", &["2"])])), Ok(vec![2]));
    drop(journal);
    assert_eq!(texts(&stepped(&disk).expect("opens"), "a", 0), ["1", "2"]);
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    for failing in ["write", "sync"] {
        let turn = std::sync::atomic::AtomicU64::new(0);
        let fails = move |what: &str, path: &str| {
            let nth = if what == failing && path.starts_with("journal/") {
                turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
            } else {
                0
            };
            (nth == 2).then_some(std::io::ErrorKind::Other)
        };
        let disk = Faulty::default().failing(Arc::new(fails));
        let journal = stepped(&disk).expect("opens");
        let mut answers = Vec::new();
        for _ in 0..5 {
            answers.push(match append(&journal, batch(&[], &[("a", &["x"])])) {
                Ok(_) => "taken",
                Err(crate::store::AppendError::Unknown(_)) => "unknown",
                Err(crate::store::AppendError::Broken(_)) => "broken",
                Err(other) => panic!("{other}"),
            });
        }
        let taken = answers.iter().filter(|answer| **answer == "taken").count();
        assert_eq!(answers[taken..][0], "unknown", "{failing}: {answers:?}");
        assert!(answers[taken + 1..].iter().all(|answer| *answer == "broken"), "{failing}: {answers:?}");
        assert_eq!(journal.version(&stream("a")), Ok(taken as u64), "what may not be there is not shown");
    }
}

#[test]
fn segments_follow_one_another() {
    let disk = Faulty::default();
    let journal = stepped(&disk).expect("opens");
    let large = "x".repeat(60_000);
    for _ in 0..40 {
        append(&journal, batch(&[], &[("a", &[large.as_str(); 16]), ("b", &["small"])])).expect("taken");
    }
    let segments = disk.paths().into_iter().filter(|path| path.starts_with("journal/")).count();
    assert_eq!(segments, 3);
    let before = dump(&journal);
    drop(journal);
    let journal = stepped(&disk).expect("opens");
    assert_eq!((dump(&journal) == before, journal.damage()), (true, &[][..]));
    assert_eq!(journal.read(&stream("b"), 38).map(|events| events.len()), Ok(2));
}
