//! Samples become chunks before the runs that hold them may go, and chunks become coarser ones before they go themselves.
//!
//! Everything here may be done again at any time: what is to be done is seen from what is there, and a chunk that is written
//! twice is the same. Source: DESIGN, *Streams*: raw 7 days, 5 min 90 days, 1 h 2 years.

use crate::base::ids::StepId;
use crate::engine::history::{Chunk, Grain, Place, Sum, chunks, grain_key, roll, union};
use crate::engine::project::{CHUNKS, SAMPLES};
use crate::engine::series::Series;
use crate::runtime::append::append;
use crate::runtime::history::{read, series_of};
use crate::runtime::index::{series_stream, shelf_of};
use crate::store::{AppendError, Batch, Forget, Guard, Journal, ReadError, StreamId, Version, codec};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// After the end of an hour it may be so long until the last event of it is stored.
const LATE: SignedDuration = SignedDuration::from_mins(5);
/// Bytes of events that are made durable together.
const TOGETHER: usize = 256 * 1024;
/// Streams that are forgotten together.
const FORGOTTEN: usize = 100;

/// How far it has come. What it has not seen itself it sees from the chunks.
#[derive(Debug, Default)]
pub struct Keeping {
    /// All that was measured before is in chunks.
    through: Option<Timestamp>,
    /// The latest instant it was asked at.
    latest: Option<Timestamp>,
    /// The clock went back to then: chunks from there on may lack what was measured since.
    again: Option<Timestamp>,
}

/// What came of one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Looked {
    /// All that was measured before is in chunks; `None` = it is not known of anything.
    pub through: Option<Timestamp>,
    /// How many streams of old chunks have gone.
    pub gone: usize,
}

/// Why a look did not come to its end; another does.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The index or a stream can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A batch was not taken.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A chunk has no form.
    #[error(transparent)]
    Codec(#[from] codec::CodecError),
}

impl Keeping {
    /// Makes the chunks that are due, then lets go those that need not be kept any more.
    ///
    /// # Errors
    /// [`KeepError`]; what was made until then stays, and the next look goes on.
    pub fn look(&mut self, journal: &dyn Journal, now: Timestamp) -> Result<Looked, KeepError> {
        let closed = Grain::Sample.begin(now.checked_sub(LATE).unwrap_or(now));
        if self.latest.is_some_and(|latest| now < latest) {
            self.went_back(now);
        }
        if self.through == Some(closed) && self.again.is_none_or(|again| again >= closed) {
            self.latest = self.latest.max(Some(now));
            return Ok(Looked { through: self.through, gone: 0 });
        }
        let mut pen = Pen::new(journal, now);
        for series in series_of(journal, None, usize::MAX)? {
            let key = series.key();
            if read::end(journal, &key, Grain::Sample, Timestamp::MAX)?.is_some_and(|end| end > now) {
                self.went_back(now);
            }
            self.samples(&mut pen, &series, &key, closed)?;
            self.sums(&mut pen, &series, &key, Grain::FiveMinutes, closed)?;
            self.sums(&mut pen, &series, &key, Grain::Hour, closed)?;
        }
        pen.flush()?;
        // What the clock had been set ahead of is reached again: nothing is measured behind chunks any more.
        if self.latest.is_none_or(|latest| closed >= latest) {
            self.again = None;
        }
        (self.through, self.latest) = (Some(closed), self.latest.max(Some(now)));
        Ok(Looked { through: self.through, gone: forget(journal, now)? })
    }

    fn went_back(&mut self, now: Timestamp) {
        let now = Grain::Sample.begin(now);
        self.again = Some(self.again.map_or(now, |again| again.min(now)));
    }

    /// From when on the chunks of a grain are to be made.
    fn begin(&self, pen: &Pen<'_>, key: &[u8], grain: Grain, closed: Timestamp) -> Result<Timestamp, ReadError> {
        let end = read::end(pen.journal, key, grain, closed)?.unwrap_or(Timestamp::MIN);
        let from = self.again.map_or(end, |again| end.min(grain.begin(again)));
        // What is older would go at once.
        let oldest = pen.now.checked_sub(grain.kept()).unwrap_or(Timestamp::MIN);
        Ok(from.max(grain.begin(oldest)))
    }

    /// The samples of each hour that has ended.
    fn samples(&self, pen: &mut Pen<'_>, series: &Series, key: &[u8], closed: Timestamp) -> Result<(), KeepError> {
        let grain = Grain::Sample;
        let mut from = self.begin(pen, key, grain, closed)?;
        while let Some(next) = next(pen.journal, key, &[], (from, closed))? {
            let (begin, end) = (grain.begin(next), grain.end(next));
            let mut by_unit: BTreeMap<Option<String>, Vec<Sum>> = BTreeMap::new();
            for (unit, sum) in read::samples(pen.journal, key, (begin, end))? {
                by_unit.entry(unit).or_default().push(sum);
            }
            let mut there: BTreeMap<Option<String>, Vec<Sum>> = BTreeMap::new();
            for (unit, sum) in read::kept(pen.journal, key, grain, (begin, end))? {
                there.entry(unit).or_default().push(sum);
            }
            for (unit, sums) in there {
                let fresh = by_unit.remove(&unit).unwrap_or_default();
                by_unit.insert(unit, union(sums, fresh));
            }
            pen.write(&chunks(series, grain, begin, &by_unit))?;
            from = end;
        }
        Ok(())
    }

    /// The sums of each stretch that has ended.
    fn sums(
        &self,
        pen: &mut Pen<'_>,
        series: &Series,
        key: &[u8],
        grain: Grain,
        closed: Timestamp,
    ) -> Result<(), KeepError> {
        let Some(bin) = grain.bin() else { return Ok(()) };
        let finer: &[Grain] = match grain {
            Grain::Sample => &[],
            Grain::FiveMinutes => &[Grain::Sample],
            Grain::Hour => &[Grain::Sample, Grain::FiveMinutes],
        };
        let closed = grain.begin(closed);
        let mut from = self.begin(pen, key, grain, closed)?;
        while let Some(next) = next(pen.journal, key, finer, (from, closed))? {
            let (begin, end) = (grain.begin(next), grain.end(next));
            let mut by_unit: BTreeMap<Option<String>, Vec<Sum>> = BTreeMap::new();
            for (unit, sum) in read::stored(pen.journal, key, (begin, end), usize::MAX)?.into_iter().rev() {
                by_unit.entry(unit).or_default().push(sum);
            }
            for sums in by_unit.values_mut() {
                *sums = roll(sums, bin);
            }
            pen.write(&chunks(series, grain, begin, &by_unit))?;
            from = end;
        }
        Ok(())
    }
}

/// When the first of what is stored within a stretch of time is of: a sample, or a chunk of one of these grains.
fn next(
    journal: &dyn Journal,
    key: &[u8],
    grains: &[Grain],
    (from, to): (Timestamp, Timestamp),
) -> Result<Option<Timestamp>, ReadError> {
    if from >= to {
        return Ok(None);
    }
    let mut first = journal
        .scan(SAMPLES, &read::at(key, from), &read::at(key, to), false, 1)?
        .first()
        .and_then(|row| read::sample(key, row))
        .map(|(_, sum)| sum.at);
    for grain in grains {
        let rows = journal.scan(CHUNKS, &grain_key(key, *grain, from), &grain_key(key, *grain, to), false, 1)?;
        let found = rows.first().and_then(|(key, _)| Place::of_key(key)).map(|place| place.from);
        first = first.into_iter().chain(found).min();
    }
    Ok(first)
}

/// Forgets chunks that need not be kept any more, shelf by shelf; returns how many streams have gone.
fn forget(journal: &dyn Journal, now: Timestamp) -> Result<usize, KeepError> {
    let all = journal.streams("series/")?;
    let old = |stream: &StreamId| shelf_of(stream).is_some_and(|(grain, shelf)| grain.may_go(shelf, now));
    let old: Vec<StreamId> = all.into_iter().map(|(stream, _)| stream).filter(old).collect();
    for some in old.chunks(FORGOTTEN) {
        let forgets = some.iter().cloned().map(Forget::Whole).collect();
        append(journal, Batch { forgets, ..Batch::default() })?;
    }
    Ok(old.len())
}

/// Chunks on their way to the journal.
struct Pen<'a> {
    journal: &'a dyn Journal,
    now: Timestamp,
    /// The stream of each measure, grain and shelf, and its version.
    streams: BTreeMap<(StepId, Grain, Timestamp), (StreamId, Version)>,
    waiting: BTreeMap<(StepId, Grain, Timestamp), Vec<Vec<u8>>>,
    bytes: usize,
}

impl<'a> Pen<'a> {
    fn new(journal: &'a dyn Journal, now: Timestamp) -> Self {
        Self { journal, now, streams: BTreeMap::new(), waiting: BTreeMap::new(), bytes: 0 }
    }

    fn write(&mut self, chunks: &[Chunk]) -> Result<(), KeepError> {
        for chunk in chunks {
            let event = codec::encode_chunk(chunk)?;
            self.bytes += event.len();
            let place = (chunk.series.name.clone(), chunk.grain, chunk.grain.shelf_of(chunk.from));
            self.waiting.entry(place).or_default().push(event);
            if self.bytes >= TOGETHER {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), KeepError> {
        self.bytes = 0;
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        for (place, events) in waiting {
            let (stream, version) = self.stream(&place)?;
            batch.guards.push(Guard::At(stream.clone(), version));
            self.streams.insert(place, (stream.clone(), version + events.len() as u64));
            batch.appends.push((stream, events));
        }
        append(self.journal, batch)?;
        Ok(())
    }

    /// The stream of a shelf, begun now where there is none.
    fn stream(&self, place: &(StepId, Grain, Timestamp)) -> Result<(StreamId, Version), ReadError> {
        if let Some(known) = self.streams.get(place) {
            return Ok(known.clone());
        }
        let (measure, grain, shelf) = place;
        let new = series_stream(measure, *grain, *shelf, self.now);
        let shelf = new.as_str().rsplit_once('/').map_or("", |(shelf, _)| shelf);
        let there = self.journal.streams(&format!("{shelf}/"))?.pop();
        Ok(there.unwrap_or((new, 0)))
    }
}
