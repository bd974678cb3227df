//! What is forgotten is gone and stays gone, its room is won back, and nothing else changes: in order, at
//! every point at which the machine can stop, and under damage.

use crate::base::digest::Digest;
use crate::store::conformance::{append, batch, dump, project, stream};
use crate::store::disk::DiskJournal;
use crate::store::disk::faulty::{Faulty, Left, Stop};
use crate::store::disk::frame::Entry;
use crate::store::disk::record::Record;
use crate::store::disk::streams::{Place, Streams};
use crate::store::disk::tests::stepped_in_segments_of;
use crate::store::disk::tidy::RESERVE;
use crate::store::memory::Memory;
use crate::store::{AppendError, Batch, Forget, Journal};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const SEGMENT: u64 = 8 * 1024;

enum Do {
    Batch(Batch),
    Clean,
    Reopen,
}

fn forget(forgets: &[Forget]) -> Batch {
    Batch { forgets: forgets.into(), ..Batch::default() }
}

fn whole(name: &str) -> Forget {
    Forget::Whole(stream(name))
}

fn is_kept(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|end| end == "kept")
}

fn past(name: &str) -> Forget {
    Forget::Past(stream(name))
}

/// Runs that come and go beside one that stays, in a group whose past goes too.
fn steps() -> Vec<Do> {
    let text =
        |run: u32, step: u32| format!("put r{run}.{step} {}", "v".repeat(300 + 17 * usize::try_from(run).unwrap()));
    let mut steps = vec![Do::Batch(batch(&[], &[("run/stays", &["put stays 1"])]))];
    for run in 0..14_u32 {
        let name = format!("run/{run}");
        for step in 0..3 {
            let text = text(run, step);
            let both: &[(&str, &[&str])] = &[(&name, &[&text]), ("group/g", &["held"])];
            steps.push(Do::Batch(batch(&[], if step == 1 { &both[..1] } else { both })));
        }
        if run % 4 == 3 {
            let old = format!("run/{}", run - 2);
            let older = format!("run/{}", run - 3);
            steps.push(Do::Batch(forget(&[whole(&old), whole(&older)])));
            steps.push(Do::Batch(Batch { forgets: vec![past("group/g")], ..batch(&[], &[("group/g", &["held"])]) }));
            steps.push(Do::Clean);
        }
        if run == 9 {
            steps.push(Do::Batch(Batch { forgets: vec![past("group/g")], ..batch(&[], &[("group/g", &["held"])]) }));
            steps.push(Do::Reopen);
            steps.push(Do::Clean);
        }
    }
    steps.push(Do::Batch(batch(&[], &[("run/stays", &["put stays 2"]), ("group/g", &["held"])])));
    steps
}

fn open(disk: &Faulty) -> std::io::Result<DiskJournal> {
    stepped_in_segments_of(disk, SEGMENT)
}

/// What a journal looks like before each step and at the end.
fn dumps() -> Vec<String> {
    let journal = Memory::new(project());
    let mut dumps = vec![dump(&journal)];
    for step in steps() {
        if let Do::Batch(batch) = step {
            append(&journal, batch).expect("taken");
        }
        dumps.push(dump(&journal));
    }
    dumps
}

/// Does the steps from `at` on; returns how many were done, and whether the next may have been.
fn scenario(disk: &Faulty, at: usize) -> (usize, bool) {
    let Ok(mut journal) = open(disk) else { return (at, false) };
    for (nth, step) in steps().into_iter().enumerate().skip(at) {
        match step {
            Do::Batch(batch) => match append(&journal, batch) {
                Ok(_) => {}
                Err(AppendError::Unknown(_)) => return (nth, true),
                Err(_) => return (nth, false),
            },
            Do::Clean => {
                if journal.clean().is_err() {
                    return (nth, false);
                }
            }
            Do::Reopen => {
                drop(journal);
                let Ok(again) = open(disk) else { return (nth, false) };
                journal = again;
            }
        }
    }
    (steps().len(), false)
}

fn journal_bytes(disk: &Faulty) -> usize {
    disk.paths().iter().filter(|path| path.starts_with("journal/")).map(|path| disk.content(path).len()).sum()
}

#[test]
fn what_is_forgotten_is_gone_and_nothing_else_changes() {
    let (disk, dumps) = (Faulty::default(), dumps());
    let mut journal = open(&disk).expect("opens");
    let mut kept = 0;
    for (step, want) in steps().into_iter().zip(&dumps[1..]) {
        match step {
            Do::Batch(batch) => drop(append(&journal, batch).expect("taken")),
            Do::Clean => journal.clean().expect("cleaned"),
            Do::Reopen => {
                drop(journal);
                journal = open(&disk).expect("opens");
            }
        }
        assert_eq!(&dump(&journal), want);
        kept = kept.max(disk.paths().iter().filter(|path| is_kept(path)).count());
    }
    assert!(kept > 0, "something was cleaned: {:?}", disk.paths());
    drop(journal);
    let journal = open(&disk).expect("opens");
    assert_eq!((journal.damage(), Some(&dump(&journal))), (&[][..], dumps.last()));
    let refused = append(&journal, batch(&[], &[("store/whole/run/stays", &["x"])]));
    assert!(matches!(refused, Err(AppendError::Refused(_))), "{refused:?}");
}

#[test]
fn nothing_comes_back_and_nothing_is_lost_at_any_point() {
    let dumps = dumps();
    let all = Faulty::default();
    assert_eq!(scenario(&all, 0), (steps().len(), false));
    let mut points = 0;
    for at in 0..all.operations() {
        for stop in [Stop::Before, Stop::After, Stop::Torn] {
            let disk = Faulty::default().stopping(at, stop);
            let (done, unknown) = scenario(&disk, 0);
            for left in [Left::All, Left::Synced, Left::Some(5 + at)] {
                points += 1;
                let point = format!("stop {stop:?} operation {at}, left {left:?}, step {done}");
                let disk = disk.restarted(left);
                let journal = open(&disk).unwrap_or_else(|error| panic!("{point}: {error}"));
                assert_eq!((journal.damage(), journal.damaged_streams()), (&[][..], Vec::new()), "{point}");
                let found = dump(&journal);
                let until = done + usize::from(unknown);
                let here = (done..=until).find(|nth| dumps[*nth] == found);
                let here = here.unwrap_or_else(|| panic!("{point}: {}", found.replace('v', "")));
                drop(journal);
                let through = scenario(&disk, here).0;
                assert_eq!(through, steps().len(), "{point}: and on");
                let again = open(&disk.restarted(Left::Synced)).unwrap_or_else(|error| panic!("{point}: {error}"));
                assert_eq!((again.damage(), Some(&dump(&again))), (&[][..], dumps.last()), "{point}: at the end");
            }
        }
    }
    println!("{points} crash points over {} operations", all.operations());
    assert!(points > 1_000, "{points}");
}

#[test]
fn growth_is_bounded_under_steady_load() {
    // Large beside the zeros that are written ahead.
    let segment = 256 * 1024;
    let open = |disk: &Faulty| stepped_in_segments_of(disk, segment);
    let disk = Faulty::default();
    let mut journal = open(&disk).expect("opens");
    let (mut most, mut live) = (0, 0);
    for run in 0..400_u32 {
        let name = format!("run/{run}");
        let text = format!("put r{run} {}", "v".repeat(2_000));
        for _ in 0..4 {
            append(&journal, batch(&[], &[(&name, &[&text]), ("group/g", &["held"])])).expect("taken");
        }
        if run >= 10 {
            let forgets = vec![whole(&format!("run/{}", run - 10)), past("group/g")];
            append(&journal, Batch { forgets, ..batch(&[], &[("group/g", &["held"])]) }).expect("taken");
            journal.clean().expect("cleaned");
        }
        if run % 50 == 49 {
            drop(journal);
            journal = open(&disk).expect("opens");
        }
        most = most.max(journal_bytes(&disk));
        live = live.max(journal.read(&stream(&name), 0).expect("events").iter().map(|event| event.len() + 400).sum());
    }
    // Eleven runs and the group, their frames with all they cost; the spare is one segment more.
    let bound = 2 * 11 * live + 3 * usize::try_from(segment).unwrap();
    println!("at most {most} bytes, the bound is {bound}");
    assert!(most <= bound, "{most} bytes of journal, at most {bound}");
    assert_eq!(journal.streams("run/").expect("streams").len(), 10);
}

#[test]
fn damage_in_a_cleaned_segment_is_never_silent() {
    let disk = Faulty::default();
    scenario(&disk, 0);
    let journal = open(&disk).expect("opens");
    let events: Vec<_> = journal.streams("").expect("streams").into_iter().map(|(name, _)| name).collect();
    let events: Vec<_> = events.into_iter().map(|name| (journal.read(&name, 0).expect("events"), name)).collect();
    drop(journal);
    let kept = disk.paths().into_iter().find(|path| is_kept(path)).expect("something was cleaned");
    let length = disk.content(&kept).len();
    let mut harmed = 0;
    let mut check = |disk: &Faulty, what: &str| {
        let journal = open(disk).unwrap_or_else(|error| panic!("{what}: {error}"));
        for (events, name) in &events {
            match journal.read(name, 0) {
                Ok(found) if found == *events => {}
                Ok(found) if found.is_empty() => {
                    let said = journal.damage().iter().any(|damage| damage.streams.is_empty());
                    assert!(said, "{what}: `{name}` is gone in silence");
                }
                Ok(_) => panic!("{what}: `{name}` is wrong in silence"),
                Err(_) => harmed += 1,
            }
        }
        drop(journal.clean());
    };
    for at in (0..length).step_by(97) {
        let bent = disk.copy();
        bent.bend(&kept, |bytes| bytes[at] ^= 1 << (at % 8));
        check(&bent, &format!("bit {} of byte {at}", at % 8));
        let cut = disk.copy();
        cut.bend(&kept, |bytes| bytes.truncate(at));
        check(&cut, &format!("cut at {at}"));
    }
    let gone = disk.copy();
    crate::store::disk::device::Disk::remove(&gone, &kept).expect("removed");
    check(&gone, "gone");
    assert!(harmed > 50, "{harmed}");
}

#[test]
fn on_a_full_disk_the_reserve_is_left() {
    let full = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&full);
    let fails = move |what: &str, _: &str| {
        let full = seen.load(Ordering::Relaxed) && ["write", "create"].contains(&what);
        full.then_some(std::io::ErrorKind::StorageFull)
    };
    // A write into what is there already goes through: `write` fails only where it would make a file longer.
    let disk = Faulty::default().failing_longer(Arc::new(fails));
    let journal = stepped_in_segments_of(&disk, RESERVE).expect("opens");
    append(&journal, batch(&[], &[("a", &["1"])])).expect("taken");
    journal.fill_reserve().expect("filled");
    full.store(true, Ordering::Relaxed);
    let large = "x".repeat(30_000);
    let mut taken = 0;
    let refused = loop {
        match append(&journal, batch(&[], &[("a", &[&large])])) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::Full(_)), "{refused:?}");
    assert!(taken > 100, "{taken} events of 30 kB into the reserve of four megabytes");
    full.store(false, Ordering::Relaxed);
    append(&journal, batch(&[], &[("a", &["2"])])).expect("room again");
    let before = dump(&journal);
    drop(journal);
    assert_eq!(dump(&open(&disk).expect("opens")), before);
}

#[test]
fn blobs_that_nobody_names_go_and_others_stay() {
    let disk = Faulty::default();
    let journal = open(&disk).expect("opens");
    let put = |bytes: &[u8]| journal.put_blob(bytes).expect("kept");
    let (named, shared, never) = (put(b"named"), put(b"shared"), put(b"never"));
    let name = |digest: &Digest| format!("{{\"blob\":\"{digest}\"}}");
    let events: &[(&str, &[&str])] = &[("run/1", &[&name(&named), &name(&shared)]), ("run/2", &[&name(&shared)])];
    append(&journal, batch(&[], events)).expect("taken");
    assert_eq!(journal.sweep().expect("swept"), 0, "what was just put may be named any moment");
    drop(journal);
    let journal = open(&disk).expect("opens");
    assert_eq!(journal.sweep().expect("swept"), 1, "written, and never named");
    let there = |journal: &DiskJournal| [named, shared, never].map(|digest| journal.blob(&digest).is_ok());
    assert_eq!(there(&journal), [true, true, false]);
    append(&journal, forget(&[whole("run/1")])).expect("taken");
    assert!(journal.has_blob(&named), "asked for: it stays a while");
    assert_eq!((journal.sweep().expect("swept"), there(&journal)), (0, [true, true, false]));
    drop(journal);
    let journal = open(&disk).expect("opens");
    assert_eq!((journal.sweep().expect("swept"), there(&journal)), (1, [false, true, false]), "named by one still");
    assert_eq!(journal.put_blob(b"named"), Ok(named), "and put again");
    drop(journal);
    // Whatever can't be read may name something.
    disk.bend("journal/00000000000000000001.seg", |bytes| bytes[200] ^= 1);
    let journal = open(&disk).expect("opens");
    assert_eq!((journal.damage().is_empty(), journal.sweep().expect("swept")), (false, 0));
}

/// Files of a journal of format 1 with everything a cleaner leaves, and what they answer. Never edited.
#[test]
fn a_cleaned_journal_of_format_one_answers_for_ever() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journal/v1/cleaned");
    if !root.exists() && std::env::var_os("UPDATE").is_some() {
        let disk = Faulty::default();
        scenario(&disk, 0);
        for path in disk.paths().into_iter().filter(|path| !path.contains("reserve") && !path.contains("spare")) {
            let mut bytes = disk.content(&path);
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| (last + 1).next_multiple_of(8));
            bytes.resize(end, 0);
            std::fs::create_dir_all(root.join(&path).parent().expect("a folder")).expect("made");
            std::fs::write(root.join(&path), bytes).expect("written");
        }
        std::fs::write(root.join("answers.txt"), dump(&open(&disk).expect("opens"))).expect("written");
    }
    let disk = Faulty::default();
    let mut kept = 0;
    for folder in ["", "journal"] {
        for entry in std::fs::read_dir(root.join(folder)).expect("the fixture") {
            let path = entry.expect("an entry").path();
            if path.is_dir() || path.ends_with("answers.txt") {
                continue;
            }
            kept += usize::from(path.extension().is_some_and(|end| end == "kept"));
            let name = path.strip_prefix(&root).expect("below").to_str().expect("text").to_owned();
            let file = crate::store::disk::device::Disk::create(&disk, &name).expect("made");
            file.write_at(0, &std::fs::read(&path).expect("read")).expect("written");
        }
    }
    assert!(kept > 0, "the fixture has a cleaned segment");
    let journal = open(&disk).expect("opens");
    let answers = std::fs::read_to_string(root.join("answers.txt")).expect("read");
    assert_eq!((journal.damage(), dump(&journal)), (&[][..], answers));
}

#[test]
fn readers_and_writers_never_notice_the_cleaner() {
    let disk = Faulty::default();
    let journal = stepped_in_segments_of(&disk, 64 * 1024).expect("opens");
    let stays = "put stays 1";
    append(&journal, batch(&[], &[("run/stays", &[stays; 8])])).expect("taken");
    let over = AtomicBool::new(false);
    let text = "v".repeat(1_500);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                journal.clean().expect("cleaned");
                assert_eq!(journal.sweep().expect("swept"), 0, "every blob is leased");
            }
        });
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                assert_eq!(journal.read(&stream("run/stays"), 0).map(|events| events.len()), Ok(8));
                let seen = journal.examine().expect("examined");
                assert_eq!((seen.damage.len(), seen.damaged, seen.wrong_rows), (0, Vec::new(), Vec::new()));
            }
        });
        for run in 0..120_u32 {
            let digest = journal.put_blob(run.to_string().as_bytes()).expect("kept");
            let first = format!("put r{run} {digest}");
            append(&journal, batch(&[], &[(&format!("run/{run}"), &[&first, &text])])).expect("taken");
            if run >= 5 {
                let name = format!("run/{}", run - 5);
                assert!(journal.read(&stream(&name), 0).is_ok_and(|events| events.len() == 2), "{name}");
                append(&journal, forget(&[whole(&name)])).expect("forgotten");
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(journal.streams("run/").expect("streams").len(), 6);
}

/// What is forgotten behind the rows that are on the disk is needed still: after a crash only its events make its rows go.
#[test]
fn what_the_index_has_not_let_go_of_stays() {
    let mut streams = Streams::default();
    let entry = |name: &str, from| Entry { stream: name.into(), from, lengths: vec![1], chain: [0; 16] };
    let place = |at| Place { segment: 3, at, from: 0 };
    streams.take(&entry("run/a", 0), place(10), 1, true);
    let record = Record::Whole(stream("run/a")).entry(b"");
    streams.take(&record, place(20), 5, true);
    let needed = |flushed| streams.needs_since(&entry("run/a", 0), 3, 10, flushed);
    assert!(needed(4) && !needed(5), "it is needed up to the frame that forgets it");
    assert!(!streams.needs(&entry("run/a", 0), 3, 10), "nobody reads it");
    assert_eq!((streams.forgotten_behind(4).len(), streams.forgotten_behind(5).len()), (1, 0));
}
