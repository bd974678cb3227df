//! What was measured is known as long as it is promised, whichever runs go and whenever, and wherever it is stopped.

use super::keep::{KeepError, Keeping};
use super::{read, series_of};
use crate::base::address::Place;
use crate::base::ids::{RunId, StepId};
use crate::base::level::{Level, Outcome};
use crate::base::value::{Map, Value};
use crate::engine::event::{AttemptResult, Ended, Event, Recorded, Sample, StepEvent};
use crate::engine::history::{Grain, Sum};
use crate::engine::project::{CHUNKS, SAMPLES};
use crate::engine::series::Series;
use crate::runtime::append::append;
use crate::runtime::index::{projection, run_stream};
use crate::store::memory::Memory;
use crate::store::{Batch, Forget, Journal, Project, StreamId, codec};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// A Monday.
const START: i64 = 1_795_392_000;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_second(START + secs).expect("an instant")
}

fn series(mount: &str) -> Series {
    let labels = BTreeMap::from([("mount".to_owned(), mount.to_owned())]);
    Series { name: StepId::parse("used").expect("a name"), labels }
}

/// A run that measured this and ended.
fn measured(journal: &dyn Journal, secs: i64, samples: &[(&str, f64, &str, Level)]) -> RunId {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let run = RunId::new(1, NEXT.fetch_add(1, Ordering::Relaxed) as u128);
    let samples = samples.iter().map(|(mount, value, unit, level)| Sample {
        name: StepId::parse("used").expect("a name"),
        labels: series(mount).labels,
        value: Some(*value),
        unit: Some((*unit).to_owned()),
        level: *level,
        note: None,
    });
    let result = AttemptResult {
        output: Value::Null,
        failure: None,
        stopped: false,
        findings: Vec::new(),
        samples: samples.collect(),
        usage: None,
    };
    let event = StepEvent::Attempted { number: 1, result: Box::new(result) };
    let ended = Ended {
        outcome: Outcome::Succeeded,
        level: Level::Ok,
        reason: String::new(),
        outputs: Map::new(),
        tells: None,
        unknown: false,
    };
    let events = [Event::Step { place: Place::parse("look").expect("a place"), event }, Event::Ended(Box::new(ended))];
    let events = events.map(|event| codec::encode(&Recorded { at: at(secs), event }).expect("stored"));
    append(journal, Batch { appends: vec![(run_stream(run), events.into())], ..Batch::default() }).expect("taken");
    run
}

fn forget(journal: &dyn Journal, run: RunId) {
    append(journal, Batch { forgets: vec![Forget::Whole(run_stream(run))], ..Batch::default() }).expect("forgotten");
}

fn random(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

fn below(seed: &mut u64, most: i64) -> i64 {
    i64::try_from(random(seed) % most.unsigned_abs()).expect("small")
}

/// What is known of a stretch, the oldest first.
fn known(journal: &dyn Journal, mount: &str, from: i64, to: i64) -> Vec<Sum> {
    let mut reading = read::Reading::new(journal, series(mount).key(), at(to)).expect("it reads");
    let mut sums = reading.stretch(Some("%"), (at(from), at(to)), usize::MAX).expect("it reads");
    sums.reverse();
    assert!(sums.is_sorted_by_key(|sum| sum.at), "in the order of time");
    sums
}

fn total(sums: &[Sum]) -> (u64, f64, f64) {
    let count = sums.iter().map(|sum| u64::from(sum.count)).sum();
    let ends = sums.iter().fold((f64::MAX, f64::MIN), |(min, max), sum| (min.min(sum.min), max.max(sum.max)));
    (count, ends.0, ends.1)
}

#[test]
fn whatever_goes_what_was_measured_is_known() {
    let journal = Memory::new(projection());
    let (mut keeping, mut seed) = (Keeping::default(), 42_u64);
    // What was really measured: second, mount, value; and the runs that still hold it.
    let mut truth: Vec<(i64, &str, f64, Level)> = Vec::new();
    let mut runs: Vec<(i64, RunId)> = Vec::new();
    let mut now = 0;
    for round in 0..900_u32 {
        now += below(&mut seed, 2 * HOUR) + 1;
        let (value, level) =
            (f64::from(round % 97) + 0.5, Level::ALL[usize::try_from(random(&mut seed) % 4).expect("small")]);
        let mounts: &[&str] = if round % 3 == 0 { &["/", "/var"] } else { &["/"] };
        let samples: Vec<_> = mounts.iter().map(|mount| (*mount, value, "%", level)).collect();
        runs.push((now, measured(&journal, now, &samples)));
        truth.extend(mounts.iter().map(|mount| (now, *mount, value, level)));
        // Now and then nobody looks for days.
        if round % 200 < 190 {
            let looked = keeping.look(&journal, at(now), &|| false).expect("kept");
            let through = looked.through.expect("known").as_second() - START;
            assert!(through <= now && through > now - 2 * HOUR);
            runs.retain(|(when, run)| {
                let goes = *when < through && random(&mut seed).is_multiple_of(3);
                if goes {
                    forget(&journal, *run);
                }
                !goes
            });
        }
        for mount in mounts {
            let last =
                read::last(&journal, &series(mount), Some("%"), at(now)).expect("it reads").expect("there is one");
            assert_eq!((last.at, last.value, last.level), (at(now), value, level));
        }
        if round % 30 == 29 {
            let from = now - below(&mut seed, 5 * DAY);
            let to = from + below(&mut seed, 2 * DAY);
            let was = |mount| truth.iter().filter(move |(when, of, ..)| *of == mount && *when >= from && *when < to);
            for mount in ["/", "/var"] {
                let found: Vec<_> =
                    known(&journal, mount, from, to).iter().map(|sum| (sum.at, sum.last, sum.last_level)).collect();
                assert_eq!(
                    found,
                    was(mount).map(|(when, _, value, level)| (at(*when), *value, *level)).collect::<Vec<_>>(),
                    "of a week, every sample"
                );
            }
        }
    }
    assert!(now > 30 * DAY && truth.len() > 1_000);
    for mount in ["/", "/var"] {
        let was: Vec<_> = truth.iter().filter(|(_, of, ..)| *of == mount).collect();
        let (count, min, max) = total(&known(&journal, mount, 0, now + 1));
        let least =
            was.iter().fold((f64::MAX, f64::MIN), |(min, max), (_, _, value, _)| (min.min(*value), max.max(*value)));
        assert_eq!((count, min, max), (was.len() as u64, least.0, least.1), "of a month, every sample or its sum");
    }
    let rows = |tree| journal.scan(tree, &[], &[], false, usize::MAX).expect("rows").len();
    assert!(rows(SAMPLES) < truth.len() / 2, "many runs have gone: {} of {}", rows(SAMPLES), truth.len());
}

#[test]
fn what_is_kept_grows_coarser_and_goes() {
    let journal = Memory::new(projection());
    let mut keeping = Keeping::default();
    let first = measured(&journal, 10, &[("/", 1.0, "%", Level::Ok)]);
    let second = measured(&journal, 20, &[("/", 3.0, "%", Level::Warning)]);
    keeping.look(&journal, at(2 * HOUR), &|| false).expect("kept");
    for run in [first, second] {
        forget(&journal, run);
    }
    let mut grains = Vec::new();
    for day in 0..1_200 {
        keeping.look(&journal, at(2 * HOUR + day * DAY), &|| false).expect("kept");
        let streams = journal.streams("series/").expect("streams");
        let there = Grain::ALL.map(|grain| {
            streams.iter().filter(|(name, _)| name.as_str().contains(&format!("/{}/", grain.as_str()))).count()
        });
        if grains.last().is_none_or(|(_, last)| *last != there) {
            grains.push((day, there));
        }
        if there != [0, 0, 0] {
            let (count, min, max) = total(&known(&journal, "/", 0, 30));
            assert_eq!((count, min, max), (2, 1.0, 3.0), "on day {day}");
        }
    }
    let days: Vec<i64> = grains.iter().map(|(day, _)| *day).collect();
    assert_eq!(
        grains.iter().map(|(_, there)| *there).collect::<Vec<_>>(),
        [[1, 0, 0], [1, 1, 0], [1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]]
    );
    for (day, least, most) in [(days[3], 7, 11), (days[4], 90, 120), (days[5], 730, 912)] {
        assert!(day > least && day <= most, "{day} is between {least} and {most}");
    }
    assert_eq!(journal.scan(CHUNKS, &[], &[], false, 9).expect("rows"), [], "rows go with their streams");
    assert_eq!(series_of(&journal, None, 9), Ok(Vec::new()), "a series of which nothing is known is none");
}

/// A journal that stops taking batches of series after some.
struct Stops {
    inner: Memory,
    left: AtomicUsize,
}

impl Journal for Stops {
    fn append(&self, batch: Batch, done: crate::store::Done) {
        let series = batch.appends.iter().any(|(stream, _)| stream.as_str().starts_with("series/"));
        let out = || self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err();
        if series && out() {
            return done(Err(crate::store::AppendError::Full("no room".into())));
        }
        self.inner.append(batch, done);
    }
    fn epoch(&self) -> u64 {
        self.inner.epoch()
    }
    fn streams(&self, prefix: &str) -> Result<Vec<(StreamId, u64)>, crate::store::ReadError> {
        self.inner.streams(prefix)
    }
    fn version(&self, stream: &StreamId) -> Result<u64, crate::store::ReadError> {
        self.inner.version(stream)
    }
    fn read(&self, stream: &StreamId, from: u64) -> Result<Vec<Vec<u8>>, crate::store::ReadError> {
        self.inner.read(stream, from)
    }
    fn past(&self, stream: &StreamId) -> Result<(u64, Vec<u8>), crate::store::ReadError> {
        self.inner.past(stream)
    }
    fn get(&self, row: &crate::store::Row) -> Result<Option<Vec<u8>>, crate::store::ReadError> {
        self.inner.get(row)
    }
    fn scan(
        &self,
        tree: &'static str,
        from: &[u8],
        to: &[u8],
        backwards: bool,
        limit: usize,
    ) -> Result<Vec<crate::store::KeyValue>, crate::store::ReadError> {
        self.inner.scan(tree, from, to, backwards, limit)
    }
    fn put_blob(&self, bytes: &[u8]) -> Result<crate::base::digest::Digest, crate::store::AppendError> {
        self.inner.put_blob(bytes)
    }
    fn has_blob(&self, digest: &crate::base::digest::Digest) -> bool {
        self.inner.has_blob(digest)
    }
    fn blob(&self, digest: &crate::base::digest::Digest) -> Result<Vec<u8>, crate::store::ReadError> {
        self.inner.blob(digest)
    }
}

#[test]
fn wherever_it_is_stopped_it_goes_on_and_no_run_goes_before() {
    // Enough for parts and for several batches: three hours with samples of every second, two mounts.
    let fill = |journal: &dyn Journal| {
        for second in 0..2 * HOUR {
            let value = f64::from(u32::try_from(second * 7_919 % 1_000_003).expect("small")) / 7.0;
            measured(journal, second, &[("/", value, "%", Level::Ok), ("/var", value, "KiB", Level::Ok)]);
        }
    };
    let whole = Memory::new(projection());
    fill(&whole);
    Keeping::default().look(&whole, at(3 * HOUR), &|| false).expect("kept");
    let chunks = |journal: &dyn Journal| journal.scan(CHUNKS, &[], &[], false, usize::MAX).expect("rows");
    assert!(chunks(&whole).len() > 15, "several parts of each hour");
    for taken in 0..8 {
        let journal = Stops { inner: Memory::new(projection()), left: AtomicUsize::new(taken) };
        fill(&journal);
        let mut keeping = Keeping::default();
        let stopped = keeping.look(&journal, at(3 * HOUR), &|| false);
        let before = total(&known(&journal, "/", 0, 2 * HOUR));
        assert_eq!(before.0, 2 * HOUR.unsigned_abs(), "half written chunks take the place of nothing");
        journal.left.store(usize::MAX, Ordering::Relaxed);
        if stopped.is_ok() {
            assert_eq!(chunks(&journal), chunks(&whole));
            continue;
        }
        // The same process, or the next one.
        let mut next = if taken % 2 == 0 { keeping } else { Keeping::default() };
        let looked = next.look(&journal, at(3 * HOUR), &|| false).expect("kept");
        assert_eq!(looked.through, Some(at(2 * HOUR)));
        assert_eq!(chunks(&journal), chunks(&whole), "after {taken} batches");
    }
}

#[test]
fn a_clock_that_goes_back_loses_no_sample() {
    for restart in [false, true] {
        let journal = Memory::new(projection());
        let mut keeping = Keeping::default();
        let mut runs = vec![measured(&journal, 10 * HOUR, &[("/", 1.0, "%", Level::Ok)])];
        keeping.look(&journal, at(12 * HOUR), &|| false).expect("kept");
        // It had been nine hours ahead, and what was measured then stays where it was put.
        for hour in 3..16 {
            runs.push(measured(&journal, hour * HOUR + 60, &[("/", 2.0, "%", Level::Ok)]));
            if restart && hour == 3 {
                keeping = Keeping::default();
            }
            keeping.look(&journal, at(hour * HOUR + 120), &|| false).expect("kept");
        }
        let looked = keeping.look(&journal, at(17 * HOUR), &|| false).expect("kept");
        assert_eq!(looked.through, Some(at(16 * HOUR)));
        for run in runs {
            forget(&journal, run);
        }
        assert_eq!(total(&known(&journal, "/", 0, DAY)).0, 14, "restarted: {restart}");
    }
}

#[test]
fn units_stay_apart_and_come_back_in_the_one_that_is_asked_for() {
    let journal = Memory::new(projection());
    let runs = [
        measured(&journal, 10, &[("/", 2.0, "s", Level::Ok)]),
        measured(&journal, 20, &[("/", 500.0, "ms", Level::Ok)]),
        measured(&journal, 30, &[("/", 7.0, "%", Level::Ok)]),
    ];
    let asked = |unit| {
        let mut reading = read::Reading::new(&journal, series("/").key(), at(DAY)).expect("it reads");
        let found = reading.stretch(Some(unit), (at(0), at(DAY)), usize::MAX).expect("it reads");
        found.iter().map(Sum::mean).collect::<Vec<_>>()
    };
    assert_eq!((asked("ms"), asked("%"), asked("B")), (vec![500.0, 2_000.0], vec![7.0], Vec::new()));
    Keeping::default().look(&journal, at(2 * HOUR), &|| false).expect("kept");
    for run in runs {
        forget(&journal, run);
    }
    assert_eq!((asked("ms"), asked("%"), asked("B")), (vec![500.0, 2_000.0], vec![7.0], Vec::new()));
    let last = read::last(&journal, &series("/"), Some("%"), at(DAY)).expect("it reads");
    assert_eq!(last.map(|point| point.value), Some(7.0));
}

#[test]
fn a_run_that_goes_takes_no_series_of_others_with_it() {
    let journal = Memory::new(projection());
    let first = measured(&journal, 10, &[("/", 1.0, "%", Level::Ok)]);
    measured(&journal, 20, &[("/", 2.0, "%", Level::Ok)]);
    forget(&journal, first);
    assert_eq!(series_of(&journal, None, 9), Ok(vec![series("/")]));
    let again = rebuilt(&journal, &projection());
    assert_eq!(series_of(&again, None, 9), Ok(vec![series("/")]), "the index made anew says the same");
}

/// The same events in a journal whose index is made from them.
fn rebuilt(journal: &Memory, project: &Project) -> Memory {
    let again = Memory::new(Arc::clone(project));
    for (stream, _) in journal.streams("").expect("streams") {
        let events = journal.read(&stream, 0).expect("events");
        append(&again, Batch { appends: vec![(stream, events)], ..Batch::default() }).expect("taken");
    }
    again
}

#[test]
fn looked_at_each_minute_a_step_of_the_clock_writes_nothing_twice() {
    let journal = Memory::new(projection());
    let mut keeping = Keeping::default();
    let look = |keeping: &mut Keeping, secs: i64| keeping.look(&journal, at(secs), &|| false).expect("kept");
    let written = || journal.streams("series/").expect("streams").iter().map(|(_, version)| *version).sum::<u64>();
    let mut runs = Vec::new();
    let minute = |keeping: &mut Keeping, secs: i64, runs: &mut Vec<RunId>| {
        runs.push(measured(&journal, secs, &[("/", 1.0, "%", Level::Ok)]));
        look(keeping, secs);
    };
    for secs in (0..2 * HOUR + 6 * 60).step_by(60) {
        minute(&mut keeping, secs, &mut runs);
    }
    // Back over the full hour that is in a chunk already, by seven minutes.
    for secs in (2 * HOUR - 50..30 * HOUR).step_by(60) {
        minute(&mut keeping, secs, &mut runs);
    }
    // 29 hours, one of them made again, and the first day.
    assert!(written() <= 29 + 1 + 2, "{} events", written());
    let count = runs.len() as u64;
    let closed = look(&mut keeping, 31 * HOUR).through.expect("known");
    assert_eq!(closed, at(30 * HOUR));
    for run in runs {
        forget(&journal, run);
    }
    assert_eq!(total(&known(&journal, "/", 0, 31 * HOUR)).0, count, "and none is lost");
    assert!(matches!(Keeping::default().look(&journal, at(40 * HOUR), &|| true), Err(KeepError::Stopped)));
}
