//! Images of a data directory after a power loss, on a real file system, opened as the program opens it: some
//! blocks and some names are there, some are not, and beside them lies an index of another moment.

use crate::store::Journal;
use crate::store::conformance::{append, dump, project};
use crate::store::disk::DiskJournal;
use crate::store::disk::device::Real;
use crate::store::disk::directory::check_format;
use crate::store::disk::faulty::{Faulty, Left, Stop};
use crate::store::disk::index::Index;
use crate::store::disk::tests::{host, makers, stepped_in_segments_of};
use crate::store::disk::tests_of_crashes::{SEGMENT, dumps, everything_once, play};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Images of the normal run; `IMAGES` asks for more.
const IMAGES: u64 = 50;

/// Writes the files of an image out.
fn write_out(disk: &Faulty, folder: &Path) {
    for path in disk.paths() {
        let file = folder.join(&path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, disk.content(&path)).expect("written");
    }
}

/// As the program opens it, with an index on the disk from the first row on.
fn open(folder: &Path) -> std::io::Result<DiskJournal> {
    check_format(&Real::new(folder), folder, &host(), false).map_err(std::io::Error::other)?;
    let index = Index::new(Some(folder.join("index")), project(), makers()).eager();
    DiskJournal::stepped(Arc::new(Real::new(folder)), index, SEGMENT)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let there = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &there);
        } else {
            fs::copy(entry.path(), there).expect("copied");
        }
    }
}

/// The index of a directory in which so many batches were taken.
fn index_of(batches: &[crate::store::Batch], keep: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(folder.path()).expect("opens");
    for batch in batches {
        append(&journal, batch.clone()).expect("taken");
    }
    journal.keep_up();
    drop(journal);
    if folder.path().join("index").is_dir() {
        copy(&folder.path().join("index"), keep);
    }
}

#[test]
fn an_image_of_a_power_loss_opens_with_all_that_was_promised() {
    let asked = std::env::var_os("IMAGES").and_then(|text| text.to_str()?.parse().ok());
    let scenario = everything_once();
    let expected = dumps(&scenario);
    let whole = Faulty::default();
    play(&scenario, &whole);
    let indexes = tempfile::tempdir().expect("a folder");
    for taken in 0..=expected.0.len() {
        index_of(&expected.0[..taken], &indexes.path().join(taken.to_string()));
    }
    assert!(fs::read_dir(indexes.path()).expect("a folder").count() > 3, "indexes of several moments");
    let mut seen = std::collections::BTreeSet::new();
    for image in 0..asked.unwrap_or(IMAGES) {
        let disk = Faulty::default().stopping(
            image * 7 % whole.operations(),
            [Stop::Torn, Stop::After, Stop::Before][usize::try_from(image % 3).expect("small")],
        );
        let promised = play(&scenario, &disk);
        let folder = tempfile::tempdir().expect("a folder");
        write_out(&disk.restarted(Left::Some(image * 1_000_003 + 7)), folder.path());
        let index = indexes.path().join((image * 5 % (expected.0.len() as u64 + 1)).to_string());
        if image % 4 != 0 && index.is_dir() {
            copy(&index, &folder.path().join("index"));
        }
        if fs::read_dir(folder.path()).expect("a folder").next().is_some() && !folder.path().join("format").exists() {
            assert_eq!(promised.batches, 0, "image {image}: something was promised before the directory was one");
            continue;
        }
        let journal = open(folder.path()).unwrap_or_else(|error| panic!("image {image}: {error}"));
        assert_eq!((journal.damage(), journal.damaged_streams()), (&[][..], Vec::new()), "image {image}");
        let found = dump(&journal);
        let may = expected.1.len().min(promised.batches + 1 + promised.unknown);
        assert!(
            expected.1[promised.batches..may].contains(&found),
            "image {image}: {} were promised",
            promised.batches
        );
        seen.insert(journal.streams("").expect("streams").len());
    }
    println!("images with {seen:?} streams");
    assert!(seen.len() > 2, "the images differ");
}

#[test]
fn without_anchor_and_frames_a_directory_is_left_as_it_is() {
    let scenario = everything_once();
    let disk = Faulty::default();
    play(&scenario, &disk);
    let anchor = disk.content("anchor");
    let segments: Vec<_> = disk.paths().into_iter().filter(|path| path.starts_with("journal/")).collect();
    disk.bend("anchor", |bytes| *bytes = vec![b'?'; 9_000]);
    for path in &segments {
        disk.bend(path, |bytes| bytes.clone_from(&anchor));
    }
    let refused = stepped_in_segments_of(&disk, SEGMENT).err().map(|error| error.to_string());
    assert!(refused.is_some_and(|why| why.contains("neither its anchor nor any frame")));
    assert!(segments.iter().all(|path| disk.content(path) == anchor), "nothing was cleared");
}
