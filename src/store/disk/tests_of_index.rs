//! When the stored index is believed, and that it makes no difference to any answer when it is not.

use crate::store::conformance::{append, batch, dump, project, suite};
use crate::store::disk::DiskJournal;
use crate::store::disk::device::Real;
use crate::store::disk::directory::Host;
use crate::store::disk::index::Index;
use crate::store::disk::segment::SEGMENT;
use crate::store::disk::table::Makers;
use crate::store::disk::tests::makers;
use crate::store::memory::Memory;
use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A journal whose index is stored from the first row on.
fn open(folder: &Path, makers: Makers) -> DiskJournal {
    let index = Index::new(Some(folder.join("index")), project(), makers).eager();
    DiskJournal::stepped(Arc::new(Real::new(folder)), index, SEGMENT).expect("opens")
}

fn fill(journal: &DiskJournal, from: u32, to: u32) {
    for turn in from..to {
        let put = format!("put k{} {turn}", turn % 40);
        let text = if turn % 7 == 6 { format!("del k{}", (turn - 3) % 40) } else { put };
        append(journal, batch(&[], &[(&format!("run/{}", turn % 5), &[&text])])).expect("taken");
        if turn % 50 == 20 {
            journal.keep_up();
        }
    }
}

/// The directory as another process, or the next boot, would find it right now.
fn copy(folder: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().expect("a folder");
    let mut folders = vec![String::new()];
    while let Some(below) = folders.pop() {
        fs::create_dir_all(to.path().join(&below)).expect("made");
        for entry in fs::read_dir(folder.join(&below)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(folder).expect("below").display().to_string();
            if path.is_dir() {
                folders.push(name);
            } else {
                fs::copy(&path, to.path().join(&name)).expect("copied");
            }
        }
    }
    to
}

#[test]
fn conforms_with_a_stored_index() {
    let folders = RefCell::new(Vec::new());
    let again = || open(folders.borrow().last().map(tempfile::TempDir::path).expect("a folder"), makers());
    let fresh = || {
        folders.borrow_mut().push(tempfile::tempdir().expect("a folder"));
        again()
    };
    suite(fresh, |journal| {
        drop(journal);
        again()
    });
}

#[test]
fn without_its_index_a_journal_answers_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(folder.path(), makers());
    fill(&journal, 0, 230);
    let before = dump(&journal);
    drop(journal);
    let believed = open(folder.path(), makers());
    assert_eq!((believed.index_doubt(), dump(&believed)), (None, before.clone()));
    drop(believed);
    fs::remove_dir_all(folder.path().join("index")).expect("there is one");
    let rebuilt = open(folder.path(), makers());
    assert_eq!(dump(&rebuilt), before, "byte for byte");
    drop(rebuilt);
    let small =
        DiskJournal::stepped(Arc::new(Real::new(folder.path())), Index::new(None, project(), makers()), SEGMENT)
            .expect("opens");
    assert_eq!(dump(&small), before, "in memory too");
}

#[test]
fn an_index_is_believed_only_by_the_rules() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(folder.path(), makers());
    fill(&journal, 0, 120);
    let older = copy(folder.path());
    fill(&journal, 120, 200);
    let killed = copy(folder.path());
    let before = dump(&journal);
    drop(journal);
    let doubt = |folder: &Path, makers: Makers| {
        let journal = open(folder, makers);
        let found = dump(&journal);
        (journal.index_doubt(), found)
    };
    let boot = |boot: &str| Makers { host: Host { machine: "m".into(), boot: boot.into() }, ..makers() };
    let (why, found) = doubt(copy(killed.path()).path(), makers());
    assert_eq!((why, &found), (None, &before), "kill -9 leaves an index to be believed");
    let (why, found) = doubt(copy(killed.path()).path(), boot("next"));
    assert_eq!((why.as_deref(), &found), (Some("it was not closed before the machine went down"), &before));
    let (why, found) = doubt(copy(folder.path()).path(), boot("next"));
    assert_eq!((why, &found), (None, &before), "closed cleanly");
    let (why, found) = doubt(copy(folder.path()).path(), Makers { project: "2".into(), ..makers() });
    assert_eq!((why.as_deref(), &found), (Some("another projection made it"), &before));
    // The index of later on in front of the journal of before.
    fs::remove_dir_all(older.path().join("index")).expect("there is one");
    let ahead = copy(folder.path());
    fs::rename(ahead.path().join("index"), older.path().join("index")).expect("moved");
    let (why, found) = doubt(older.path(), makers());
    assert!(why.as_deref().is_some_and(|why| why.starts_with("it is at frame 200, the journal at 120")), "{why:?}");
    assert_ne!(found, before);
}

#[test]
fn a_damaged_index_is_noticed_or_does_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(folder.path(), makers());
    fill(&journal, 0, 200);
    let killed = copy(folder.path());
    let before = dump(&journal);
    drop(journal);
    let mut doubted = 0;
    for from in [folder.path(), killed.path()] {
        let length =
            fs::read(from.join("index/db")).expect("a file").iter().rposition(|byte| *byte != 0).expect("bytes");
        for turn in 0..12 {
            let bent = copy(from);
            let db = bent.path().join("index/db");
            let mut bytes = fs::read(&db).expect("a file");
            let at = length * turn / 12;
            bytes[at] ^= 1 << (turn % 8);
            fs::write(&db, bytes).expect("written");
            let journal = open(bent.path(), makers());
            assert_eq!(dump(&journal), before, "byte {at} of {length}");
            doubted += usize::from(journal.index_doubt().is_some());
        }
    }
    println!("{doubted} of 24 damaged indexes were made again");
    assert!(doubted > 0, "no damage was ever noticed");
}

/// Numbers that look drawn and are the same each time.
fn draw(seed: &mut u64) -> u32 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    u32::try_from(*seed >> 33).expect("31 bits")
}

#[test]
fn memory_and_disk_agree_on_anything() {
    for seed in 0..6 {
        let mut chance = seed;
        let folder = tempfile::tempdir().expect("a folder");
        let memory = Memory::new(project());
        let mut disk = open(folder.path(), makers());
        for _ in 0..150 {
            let name = |n: u32| format!("run/{}", n % 4);
            let (one, two) = (name(draw(&mut chance)), name(draw(&mut chance)));
            let key = draw(&mut chance) % 9;
            let text = if draw(&mut chance).is_multiple_of(3) {
                format!("del {key}")
            } else {
                format!("put {key} {}", draw(&mut chance))
            };
            let guard =
                crate::store::Guard::At(crate::store::conformance::stream(&one), u64::from(draw(&mut chance) % 20));
            let guards = if draw(&mut chance).is_multiple_of(4) { vec![guard] } else { Vec::new() };
            let batch = batch(&guards, &[(&one, &[&text, "x"]), (&two, &[&text])]);
            assert_eq!(append(&disk, batch.clone()), append(&memory, batch), "seed {seed}");
            match draw(&mut chance) % 30 {
                0 => {
                    drop(disk);
                    disk = open(folder.path(), makers());
                }
                1..4 => disk.keep_up(),
                _ => {}
            }
        }
        assert_eq!(dump(&disk), dump(&memory), "seed {seed}");
    }
}
