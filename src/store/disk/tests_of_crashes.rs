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
pub(crate) const SEGMENT: u64 = 96 * 1024;
const STOPS: [Stop; 3] = [Stop::Before, Stop::After, Stop::Torn];
const LEFT: [Left; 5] = [Left::All, Left::Synced, Left::Some(3), Left::Some(1_234_567), Left::Some(987_654_321)];

/// What is done between two groups of batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Nothing,
    /// Anchor and index are brought up to date.
    KeepUp,
    /// Output is put beside the journal.
    Blob,
    /// The journal is closed and opened.
    Reopen,
}

/// A template: groups of batches that share a sync, and what is done behind each.
pub(crate) struct Scenario {
    name: &'static str,
    groups: Vec<(Vec<Batch>, Deed)>,
}

fn at(name: &str, version: u64) -> Guard {
    Guard::At(stream(name), version)
}

/// One batch of small events for one stream.
fn small(name: &str, texts: &[&str]) -> Batch {
    batch(&[], &[(name, texts)])
}

/// One batch of one event of that size.
fn large(name: &str, size: usize) -> Batch {
    small(name, &[&"x".repeat(size)])
}

fn scenarios() -> Vec<Scenario> {
    of_writing().into_iter().chain(of_deeds()).collect()
}

/// Templates of what is written.
fn of_writing() -> Vec<Scenario> {
    use Deed::{KeepUp, Nothing};
    let each = |batches: Vec<Batch>, deed: Deed| batches.into_iter().map(|batch| (vec![batch], deed)).collect();
    let keys = ["a", "b", "c", "d"];
    let scenario = |name, groups| Scenario { name, groups };
    vec![
        scenario("one stream", each(keys.map(|key| small("run/a", &[&format!("put {key} 1")])).into(), Nothing)),
        scenario(
            "two streams in one batch",
            each(
                (0..4)
                    .map(|n| {
                        batch(&[at("run/a", n), at("group/g", n)], &[("run/a", &["x"]), ("group/g", &["put g 1"])])
                    })
                    .collect(),
                Nothing,
            ),
        ),
        scenario(
            "rows that come and go",
            each(
                ["put k 1", "del k", "put k 2", "put k 3", "del k"].map(|text| small("run/a", &[text])).into(),
                KeepUp,
            ),
        ),
        scenario(
            "many batches share a sync",
            vec![
                (keys.map(|key| small(&format!("run/{key}"), &["put x 1"])).into(), Nothing),
                (keys.map(|key| small("run/a", &[key])).into(), Nothing),
            ],
        ),
        scenario("frames over several segments", each((0..5).map(|_| large("run/a", 60_000)).collect(), Nothing)),
    ]
}

/// Templates of what is done in between.
fn of_deeds() -> Vec<Scenario> {
    use Deed::{Blob, KeepUp, Nothing, Reopen};
    let each = |batches: Vec<Batch>, deed: Deed| batches.into_iter().map(|batch| (vec![batch], deed)).collect();
    let keys = ["a", "b", "c", "d"];
    let scenario = |name, groups| Scenario { name, groups };
    vec![
        scenario(
            "a segment filled to the brim",
            each([48_000, 48_000, 10, 48_000, 47_000].map(|size| large("run/a", size)).into(), Nothing),
        ),
        scenario(
            "an anchor behind each batch",
            each(keys.map(|key| small(&format!("run/{key}"), &["put x 1"])).into(), KeepUp),
        ),
        scenario("output between batches", each(keys.map(|key| small("run/a", &[key])).into(), Blob)),
        scenario("opened again behind each batch", each(keys.map(|key| small("run/a", &[key])).into(), Reopen)),
        scenario(
            "refused ones among the others",
            vec![
                (
                    vec![
                        batch(&[at("run/a", 0)], &[("run/a", &["1"])]),
                        batch(&[at("run/a", 7)], &[("run/a", &["never"])]),
                        small("run/b", &["put b 1"]),
                    ],
                    Nothing,
                ),
                (
                    vec![
                        batch(&[at("run/b", 9)], &[("run/b", &["never"])]),
                        batch(&[at("run/a", 1)], &[("run/a", &["del b"])]),
                    ],
                    Nothing,
                ),
            ],
        ),
        scenario(
            "large and small in turn",
            (0..3)
                .map(|n| {
                    (vec![large("run/a", 30_000), small("run/b", &["put b 1"]), large("run/c", 90 * (n + 1))], KeepUp)
                })
                .collect(),
        ),
        scenario(
            "a chain of runs: an end and a start in one batch",
            each(
                (0..4)
                    .map(|n| {
                        batch(
                            &[],
                            &[(&format!("run/{n}"), &["ended"]), (&format!("run/{}", n + 1), &["started", "put u 1"])],
                        )
                    })
                    .collect(),
                Nothing,
            ),
        ),
        scenario("everything", everything()),
    ]
}

/// Streams, rows, frames small and large, segments, anchors, output, and a second opening.
fn everything() -> Vec<(Vec<Batch>, Deed)> {
    let large = "x".repeat(30_000);
    vec![
        (vec![batch(&[at("run/a", 0)], &[("run/a", &["put a 1"])])], Deed::Nothing),
        (
            vec![
                batch(&[at("run/b", 0)], &[("run/b", &["put b 1", "put c 1"]), ("group/g", &["put g b"])]),
                batch(&[at("run/a", 1)], &[("run/a", &[&large])]),
            ],
            Deed::KeepUp,
        ),
        (
            vec![batch(&[at("run/a", 2)], &[("run/a", &["del a"]), ("run/b", &["del c"]), ("group/g", &["put g a"])])],
            Deed::Blob,
        ),
        (
            vec![
                batch(&[], &[("run/b", &[&large, &large])]),
                batch(&[at("group/g", 2)], &[("group/g", &["del g"]), ("run/c", &["put c 2"])]),
            ],
            Deed::KeepUp,
        ),
        (vec![batch(&[], &[("run/c", &[&large])])], Deed::Reopen),
        (vec![batch(&[], &[("run/d", &["put d 1"]), ("run/c", &["x"])])], Deed::Nothing),
    ]
}

/// The largest template by itself.
pub(crate) fn everything_once() -> Scenario {
    Scenario { name: "everything", groups: everything() }
}

/// The batches that are taken, in order, and what a journal looks like after none, one, two … of them.
pub(crate) fn dumps(scenario: &Scenario) -> (Vec<Batch>, Vec<String>) {
    let journal = Memory::new(project());
    let (mut taken, mut dumps) = (Vec::new(), vec![dump(&journal)]);
    for batch in scenario.groups.iter().flat_map(|(group, _)| group) {
        if append(&journal, batch.clone()).is_ok() {
            taken.push(batch.clone());
            dumps.push(dump(&journal));
        }
    }
    (taken, dumps)
}

/// How far a scenario came.
#[derive(Default)]
pub(crate) struct Promised {
    pub(crate) batches: usize,
    /// How many more may have been written.
    pub(crate) unknown: usize,
    blobs: Vec<Vec<u8>>,
}

/// Appends batches as one group; how many were taken, how many may have been, whether the journal goes on.
fn append_group(journal: &DiskJournal, group: Vec<Batch>) -> (usize, usize, bool) {
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
    let refused = answers.iter().filter(|answer| matches!(answer, Err(AppendError::Conflict(_)))).count();
    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(taken + unknown + broken + refused, answers.len(), "{answers:?}");
    (taken, unknown, unknown + broken == 0)
}

pub(crate) fn play(scenario: &Scenario, disk: &Faulty) -> Promised {
    let mut promised = Promised::default();
    let Ok(mut journal) = stepped_in_segments_of(disk, SEGMENT) else { return promised };
    for (group, deed) in &scenario.groups {
        let (taken, unknown, goes_on) = append_group(&journal, group.clone());
        promised.batches += taken;
        promised.unknown = unknown;
        if !goes_on {
            break;
        }
        match deed {
            Deed::Nothing => {}
            Deed::KeepUp => journal.keep_up(),
            Deed::Blob => {
                let blob = format!("output {}", promised.batches).into_bytes();
                if journal.put_blob(&blob).is_ok() {
                    promised.blobs.push(blob);
                }
            }
            Deed::Reopen => {
                drop(journal);
                let Ok(again) = stepped_in_segments_of(disk, SEGMENT) else { break };
                journal = again;
            }
        }
    }
    promised
}

fn check(disk: &Faulty, promised: &Promised, (batches, dumps): &(Vec<Batch>, Vec<String>), point: &str) {
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
    // The rest of the scenario goes on where it was.
    for batch in batches.iter().skip(at) {
        append(&journal, batch.clone()).unwrap_or_else(|error| panic!("{point}: {error}"));
    }
    drop(journal);
    let journal = stepped_in_segments_of(&disk.restarted(Left::Synced), SEGMENT)
        .unwrap_or_else(|error| panic!("{point}: {error}"));
    assert_eq!((journal.damage(), Some(&dump(&journal))), (&[][..], dumps.last()), "{point}: and on");
}

#[test]
fn nothing_promised_is_lost_at_any_point() {
    let (mut points, mut operations) = (0, 0);
    let scenarios = scenarios();
    for scenario in &scenarios {
        let expected = dumps(scenario);
        let whole = Faulty::default();
        assert_eq!(play(scenario, &whole).batches, expected.0.len(), "{}", scenario.name);
        operations += whole.operations();
        for at in 0..whole.operations() {
            for stop in STOPS {
                let disk = Faulty::default().stopping(at, stop);
                let promised = play(scenario, &disk);
                for left in LEFT {
                    points += 1;
                    let point = format!("{}: stop {stop:?} operation {at}, left {left:?}", scenario.name);
                    check(&disk.restarted(left), &promised, &expected, &point);
                }
            }
        }
    }
    println!("{points} crash points over {operations} operations of {} templates", scenarios.len());
    assert!(scenarios.len() >= 12 && points >= 5_000, "the templates have become too small to mean anything");
}

#[test]
fn nothing_promised_is_lost_when_recovery_crashes_too() {
    let scenario = everything_once();
    let expected = dumps(&scenario);
    let whole = Faulty::default();
    play(&scenario, &whole);
    let mut points = 0;
    for at in (0..whole.operations()).step_by(2) {
        let disk = Faulty::default().stopping(at, Stop::Torn);
        let promised = play(&scenario, &disk);
        for (first, then) in [(Left::Some(5), Left::Synced), (Left::All, Left::Some(9)), (Left::Some(6), Left::Some(7))]
        {
            for again in 0.. {
                let recovering = disk.restarted(first).stopping(again, STOPS[usize::try_from(again % 3).unwrap()]);
                let opened = stepped_in_segments_of(&recovering, SEGMENT);
                points += 1;
                let through = opened.is_ok();
                drop(opened);
                let point = format!("stop at {at}, again at {again}, {then:?}");
                check(&recovering.restarted(then), &promised, &expected, &point);
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
fn nothing_is_lost_when_power_goes_soon_after_a_process_did() {
    let scenario = everything_once();
    let expected = dumps(&scenario);
    let whole = Faulty::default();
    play(&scenario, &whole);
    let mut points = 0;
    for at in 0..whole.operations() {
        for stop in STOPS {
            let disk = Faulty::default().stopping(at, stop);
            let promised = play(&scenario, &disk);
            let point = format!("stop {stop:?} operation {at}, then power");
            check(&disk.resumed(), &promised, &expected, &point);
            // What the next process has seen, it may have told somebody.
            let next = disk.resumed();
            let journal = stepped_in_segments_of(&next, SEGMENT).unwrap_or_else(|error| panic!("{point}: {error}"));
            let seen = dump(&journal);
            for left in [Left::Synced, Left::Some(3 + at), Left::Some(70 + at)] {
                let found = next.restarted(left);
                let journal = stepped_in_segments_of(&found, SEGMENT);
                let journal = journal.unwrap_or_else(|error| panic!("{point} {left:?}: {error}"));
                assert_eq!((journal.damage(), dump(&journal)), (&[][..], seen.clone()), "{point} {left:?}");
                points += 1;
            }
        }
    }
    println!("{points} points of process, then power");
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
