//! Every point at which the machine can stop: whatever was promised is there afterwards, and of the
//! batch that was under way all or nothing.

use crate::base::digest::Digest;
use crate::store::conformance::{append, batch, dump, project, stream};
use crate::store::disk::DiskJournal;
use crate::store::disk::faulty::{Faulty, Left, Stop};
use crate::store::disk::frame;
use crate::store::disk::tests::stepped_in_segments_of;
use crate::store::memory::Memory;
use crate::store::{AppendError, Batch, Done, Guard, Journal};
use std::sync::mpsc;

/// Small, so that the scenario passes through several segments.
const SEGMENT: u64 = 96 * 1024;
/// How many batches share a sync.
const GROUPS: [usize; 6] = [1, 2, 1, 2, 1, 1];
const STOPS: [Stop; 3] = [Stop::Before, Stop::After, Stop::Torn];
const LEFT: [Left; 8] = [
    Left::All,
    Left::Synced,
    Left::Some(3),
    Left::Some(77),
    Left::Some(1_234_567),
    Left::Some(987_654_321),
    Left::Some(42),
    Left::Some(31_415),
];

/// The batches, in order: one stream, two streams, rows put and deleted, frames small and large.
fn batches() -> Vec<Batch> {
    let large = "x".repeat(30_000);
    let at = |name, version| Guard::At(stream(name), version);
    vec![
        batch(&[at("run/a", 0)], &[("run/a", &["put a 1"])]),
        batch(&[at("run/b", 0)], &[("run/b", &["put b 1", "put c 1"]), ("group/g", &["put g b"])]),
        batch(&[at("run/a", 1)], &[("run/a", &[&large])]),
        batch(&[at("run/a", 2)], &[("run/a", &["del a"]), ("run/b", &["del c"]), ("group/g", &["put g a"])]),
        batch(&[], &[("run/b", &[&large, &large])]),
        batch(&[at("group/g", 2)], &[("group/g", &["del g"]), ("run/c", &["put c 2"])]),
        batch(&[], &[("run/c", &[&large])]),
        batch(&[], &[("run/d", &["put d 1"]), ("run/c", &["x"])]),
    ]
}

/// What a journal looks like after none, one, two … of the batches.
fn dumps() -> Vec<String> {
    let journal = Memory::new(project());
    let mut dumps = vec![dump(&journal)];
    for batch in batches() {
        append(&journal, batch).expect("taken");
        dumps.push(dump(&journal));
    }
    dumps
}

/// How far a scenario came.
#[derive(Default)]
struct Promised {
    batches: usize,
    /// How many more may have been written.
    unknown: usize,
    blobs: Vec<Vec<u8>>,
}

/// Appends batches as one group; how many were taken, and how many may have been.
fn append_group(journal: &DiskJournal, group: Vec<Batch>) -> (usize, usize) {
    let (tell, told) = mpsc::channel();
    let member = |batch| {
        let tell = tell.clone();
        let done: Done = Box::new(move |answer| drop(tell.send(answer)));
        (batch, done)
    };
    journal.append_together(group.into_iter().map(member).collect());
    drop(tell);
    let answers: Vec<_> = told.into_iter().collect();
    let unknown = answers.iter().filter(|answer| matches!(answer, Err(AppendError::Unknown(_)))).count();
    let broken = answers.iter().filter(|answer| matches!(answer, Err(AppendError::Broken(_)))).count();
    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(taken + unknown + broken, answers.len(), "{answers:?}");
    (taken, unknown)
}

fn scenario(disk: &Faulty) -> Promised {
    let mut promised = Promised::default();
    let Ok(mut journal) = stepped_in_segments_of(disk, SEGMENT) else { return promised };
    let mut rest = batches();
    for (turn, size) in GROUPS.into_iter().enumerate() {
        let group: Vec<Batch> = rest.drain(..size).collect();
        let (taken, unknown) = append_group(&journal, group);
        promised.batches += taken;
        promised.unknown = unknown;
        if taken < size {
            break;
        }
        match turn {
            1 | 3 => journal.keep_up(),
            2 => {
                let blob = b"some output".to_vec();
                if journal.put_blob(&blob).is_ok() {
                    promised.blobs.push(blob);
                }
            }
            4 => {
                drop(journal);
                let Ok(again) = stepped_in_segments_of(disk, SEGMENT) else { break };
                journal = again;
            }
            _ => {}
        }
    }
    promised
}

fn check(disk: &Faulty, promised: &Promised, dumps: &[String], point: &str) {
    let journal = stepped_in_segments_of(disk, SEGMENT).unwrap_or_else(|error| panic!("{point}: {error}"));
    assert_eq!((journal.damage(), journal.damaged_streams()), (&[][..], Vec::new()), "{point}: a crash is no damage");
    let found = dump(&journal);
    let may = dumps.len().min(promised.batches + 1 + promised.unknown);
    let at = dumps[promised.batches..may].iter().position(|dump| *dump == found);
    let at = promised.batches
        + at.unwrap_or_else(|| {
            panic!("{point}: {} batches were promised, found\n{}", promised.batches, found.replace('x', ""))
        });
    for blob in &promised.blobs {
        assert_eq!(journal.blob(&Digest::of(blob)).as_ref(), Ok(blob), "{point}");
    }
    finish(journal, disk, at, dumps, point);
}

/// The rest of the scenario goes on where it was.
fn finish(journal: DiskJournal, disk: &Faulty, at: usize, dumps: &[String], point: &str) {
    for batch in batches().into_iter().skip(at) {
        append(&journal, batch).unwrap_or_else(|error| panic!("{point}: {error}"));
    }
    drop(journal);
    let journal = stepped_in_segments_of(&disk.restarted(Left::Synced), SEGMENT)
        .unwrap_or_else(|error| panic!("{point}: {error}"));
    assert_eq!((journal.damage(), Some(&dump(&journal))), (&[][..], dumps.last()), "{point}: and on");
}

#[test]
fn nothing_promised_is_lost_at_any_point() {
    let dumps = dumps();
    let whole = Faulty::default();
    assert_eq!(scenario(&whole).batches, batches().len());
    let operations = whole.operations();
    let mut points = 0;
    for at in 0..operations {
        for stop in STOPS {
            let disk = Faulty::default().stopping(at, stop);
            let promised = scenario(&disk);
            for left in LEFT {
                points += 1;
                check(
                    &disk.restarted(left),
                    &promised,
                    &dumps,
                    &format!("stop {stop:?} operation {at}, left {left:?}"),
                );
            }
        }
    }
    println!("{points} crash points over {operations} operations");
    assert!(points > 1_000, "the scenario has become too small to mean anything");
}

#[test]
fn nothing_promised_is_lost_when_recovery_crashes_too() {
    let dumps = dumps();
    let whole = Faulty::default();
    scenario(&whole);
    let mut points = 0;
    for at in (0..whole.operations()).step_by(2) {
        let disk = Faulty::default().stopping(at, Stop::Torn);
        let promised = scenario(&disk);
        for (first, then) in [(Left::Some(5), Left::Synced), (Left::All, Left::Some(9)), (Left::Some(6), Left::Some(7))]
        {
            for again in 0.. {
                let recovering = disk.restarted(first).stopping(again, STOPS[usize::try_from(again % 3).unwrap()]);
                let opened = stepped_in_segments_of(&recovering, SEGMENT);
                points += 1;
                let through = opened.is_ok();
                drop(opened);
                check(
                    &recovering.restarted(then),
                    &promised,
                    &dumps,
                    &format!("stop at {at}, again at {again}, {then:?}"),
                );
                if through {
                    break;
                }
            }
        }
    }
    println!("{points} double crash points");
    assert!(points > 400);
}

#[test]
fn what_stood_behind_a_torn_frame_never_comes_back() {
    let disk = Faulty::default();
    let journal = stepped_in_segments_of(&disk, SEGMENT).expect("opens");
    append(&journal, batch(&[], &[("a", &["one"])])).expect("taken");
    let end = frame::read(&disk.content("journal/00000000000000000001.seg"), 0).expect("a frame").header.total();
    let group = [batch(&[], &[("a", &["two"])]), batch(&[], &[("b", &["never"])])];
    append_group(&journal, group.into());
    // The machine stops while both are written: the anchor knows of one frame, the second is torn.
    let lost = disk.copy();
    lost.bend("journal/00000000000000000001.seg", |bytes| {
        let body = frame::read(bytes, end).and_then(|found| found.body).expect("a body");
        bytes[body].fill(b'?');
    });
    let journal = stepped_in_segments_of(&lost, SEGMENT).expect("opens");
    assert_eq!((journal.damage(), journal.streams("")), (&[][..], Ok(vec![(stream("a"), 1)])));
    append(&journal, batch(&[], &[("a", &["new"])])).expect("taken");
    let again = stepped_in_segments_of(&lost.restarted(Left::All), SEGMENT).expect("opens");
    assert_eq!((again.damage(), again.streams("")), (&[][..], Ok(vec![(stream("a"), 2)])));
}
