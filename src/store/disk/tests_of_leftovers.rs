//! What could bring something back or lose it around a cleaning, one case each: records, names, rows, rot.

use crate::store::conformance::{append, batch, dump, project, stream};
use crate::store::disk::DiskJournal;
use crate::store::disk::device::Real;
use crate::store::disk::faulty::{Faulty, Left, Stop};
use crate::store::disk::index::Index;
use crate::store::disk::tests::{makers, stepped_in_segments_of};
use crate::store::{Batch, Forget, Journal, ReadError};
use std::path::Path;
use std::sync::Arc;

const SEGMENT: u64 = 32 * 1024;

fn open(disk: &Faulty) -> std::io::Result<DiskJournal> {
    stepped_in_segments_of(disk, SEGMENT)
}

/// So many events of a kilobyte.
fn put(journal: &DiskJournal, name: &str, events: usize) -> Option<()> {
    let text = format!("put {name} {}", "v".repeat(1_000));
    (0..events).try_for_each(|_| append(journal, batch(&[], &[(name, &[&text])])).ok().map(drop))
}

fn forget(journal: &DiskJournal, name: &str) -> Option<()> {
    let forgets = vec![Forget::Whole(stream(name))];
    append(journal, Batch { forgets, ..Batch::default() }).ok().map(drop)
}

fn names(journal: &DiskJournal) -> Vec<String> {
    journal.streams("").expect("streams").iter().map(|(name, _)| name.to_string()).collect()
}

fn files(disk: &Faulty, end: &str) -> usize {
    disk.paths().iter().filter(|path| path.ends_with(end)).count()
}

#[test]
fn what_is_forgotten_is_known_as_long_as_a_frame_of_it_is_there() {
    // Large beside the zeros that are written ahead.
    let open = |disk: &Faulty| stepped_in_segments_of(disk, 8 * SEGMENT);
    let disk = Faulty::default();
    let journal = open(&disk).expect("opens");
    // `small` is in a segment that is needed; that it is forgotten stands in one that is not.
    put(&journal, "stays", 180).expect("taken");
    put(&journal, "small", 1).expect("taken");
    put(&journal, "more", 60).expect("taken");
    put(&journal, "goes", 100).expect("taken");
    forget(&journal, "small").expect("taken");
    put(&journal, "goes", 100).expect("taken");
    put(&journal, "last", 300).expect("taken");
    forget(&journal, "goes").expect("taken");
    journal.clean().expect("cleaned");
    assert_eq!((files(&disk, ".kept"), files(&disk, "/00000000000000000001.seg")), (1, 1), "{:?}", disk.paths());
    drop(journal);
    let journal = open(&disk).expect("opens");
    assert_eq!((journal.damage(), names(&journal)), (&[][..], ["last", "more", "stays"].map(String::from).to_vec()));
}

/// Cleans a segment, then what is left of it once more; says at which operation the appends were through.
fn twice(disk: &Faulty) -> Option<u64> {
    let journal = open(disk).ok()?;
    put(&journal, "stays", 3)?;
    put(&journal, "first", 18)?;
    put(&journal, "second", 9)?;
    put(&journal, "more", 60)?;
    let filled = disk.operations();
    forget(&journal, "first")?;
    journal.clean().ok()?;
    forget(&journal, "second")?;
    journal.clean().ok().map(|()| filled)
}

#[test]
fn a_segment_that_is_cleaned_twice_never_comes_back() {
    let whole = Faulty::default();
    let filled = twice(&whole).expect("goes through");
    assert!(files(&whole, ".kept") > 0, "{:?}", whole.paths());
    let mut points = 0;
    for at in filled..whole.operations() {
        for stop in [Stop::Before, Stop::After, Stop::Torn] {
            let disk = Faulty::default().stopping(at, stop);
            let _ = twice(&disk);
            for left in [None, Some(Left::Synced), Some(Left::Some(7 + at)), Some(Left::Some(900 + at))] {
                let point = format!("stop {stop:?} operation {at}, left {left:?}");
                // Recovery stops, too, at each of its operations.
                for again in 0.. {
                    let found = left.map_or_else(|| disk.resumed(), |left| disk.restarted(left));
                    let recovering = found.stopping(again, Stop::After);
                    let through = open(&recovering).is_ok();
                    let last = recovering.restarted(Left::Some(31 * again + at));
                    let journal = open(&last).unwrap_or_else(|error| panic!("{point}, again at {again}: {error}"));
                    let damaged = (journal.damage().len(), journal.damaged_streams());
                    assert_eq!(damaged, (0, Vec::new()), "{point}, again at {again}");
                    let stays = journal.read(&stream("stays"), 0).expect("reads").len();
                    assert_eq!((stays, journal.version(&stream("more"))), (3, Ok(60)), "{point}, again at {again}");
                    points += 1;
                    if through {
                        break;
                    }
                }
            }
        }
    }
    println!("{points} points around a second cleaning");
    assert!(points > 500, "{points}");
}

#[test]
fn rows_of_what_is_forgotten_go_before_its_frames() {
    let folder = tempfile::tempdir().expect("a folder");
    let stored = |folder: &Path| {
        let index = Index::new(Some(folder.join("index")), project(), makers()).eager();
        DiskJournal::stepped(Arc::new(Real::new(folder)), index, SEGMENT).expect("opens")
    };
    let journal = stored(folder.path());
    put(&journal, "goes", 30).expect("taken");
    put(&journal, "stays", 60).expect("taken");
    journal.keep_up();
    forget(&journal, "goes").expect("taken");
    journal.clean().expect("cleaned");
    let before = dump(&journal);
    // Killed: the index is as it was last written.
    let copy = tempfile::tempdir().expect("a folder");
    let copied = std::process::Command::new("cp").arg("-r").arg(folder.path()).arg(copy.path().join("data")).status();
    assert!(copied.expect("copied").success());
    let killed = stored(&copy.path().join("data"));
    assert_eq!((dump(&killed), killed.index_doubt()), (before, None));
}

#[test]
fn what_rots_while_it_is_open_is_not_cleaned_away() {
    let disk = Faulty::default();
    let journal = open(&disk).expect("opens");
    put(&journal, "stays", 3).expect("taken");
    put(&journal, "goes", 27).expect("taken");
    put(&journal, "more", 60).expect("taken");
    forget(&journal, "goes").expect("taken");
    let first = "journal/00000000000000000001.seg";
    // A frame of `stays` is zeros now.
    disk.bend(first, |bytes| bytes[1_200..2_600].fill(0));
    journal.clean().expect("nothing to do");
    let read = journal.read(&stream("stays"), 0);
    assert!(matches!(read, Err(ReadError::Corrupt { .. })), "{read:?}");
    assert_eq!(files(&disk, first), 1, "the evidence stays: {:?}", disk.paths());
    drop(journal);
    let journal = open(&disk).expect("opens");
    assert!(!journal.damage().is_empty());
    journal.clean().expect("nothing to do");
    assert_eq!(files(&disk, first), 1, "the evidence stays: {:?}", disk.paths());
}
