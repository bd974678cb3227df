//! Samples become chunks before the runs that hold them may go, and chunks become coarser ones before they go themselves.
//!
//! Everything here may be done again at any time: what is to be done is seen from what is there, and a chunk that is written
//! twice is the same. Source: DESIGN, *Streams*: raw 7 days, 5 min 90 days, 1 h 2 years.

use crate::base::ids::StepId;
use crate::engine::history::{Chunk, Grain, Place, Sum, chunks, grain_key, roll, union};
use crate::engine::project::{CHUNKS, SAMPLES};
use crate::engine::series::Series;
use crate::runtime::append::append;
use crate::runtime::history::read::{self, Reading, Stored};
use crate::runtime::history::series_of;
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
    /// When it was asked last.
    latest: Option<Timestamp>,
    /// The clock went back to then, and had been there: chunks in between may lack what is measured now.
    again: Option<(Timestamp, Timestamp)>,
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
    /// It was to stop.
    #[error("the owner ends")]
    Stopped,
    /// A chunk has no form.
    #[error(transparent)]
    Codec(#[from] codec::CodecError),
}

impl Keeping {
    /// Makes the chunks that are due, then lets go those that need not be kept any more; leaves off when it is to stop.
    ///
    /// # Errors
    /// [`KeepError`]; what was made until then stays, and the next look goes on.
    pub fn look(
        &mut self,
        journal: &dyn Journal,
        now: Timestamp,
        stop: &dyn Fn() -> bool,
    ) -> Result<Looked, KeepError> {
        let closed = Grain::Sample.begin(now.checked_sub(LATE).unwrap_or(now));
        let back = self.latest.filter(|latest| now < *latest);
        self.latest = Some(now);
        if let Some(latest) = back {
            self.went_back(now, latest);
        }
        if self.through == Some(closed) && back.is_none() {
            return Ok(Looked { through: self.through, gone: 0 });
        }
        let all = series_of(journal, None, usize::MAX)?;
        let mut pen = Pen::new(journal, now);
        for series in &all {
            if let Some(end) =
                read::end(journal, &series.key(), Grain::Sample, Timestamp::MAX)?.filter(|end| *end > now)
            {
                self.went_back(now, end);
            }
        }
        // What is summed up is read from the journal, so finer chunks have to be there before.
        for grain in Grain::ALL {
            for series in &all {
                if stop() {
                    return Err(KeepError::Stopped);
                }
                match grain {
                    Grain::Sample => self.samples(&mut pen, series, closed)?,
                    Grain::FiveMinutes | Grain::Hour => self.sums(&mut pen, series, grain, closed)?,
                }
            }
            pen.flush()?;
        }
        self.again = self.again.filter(|(_, until)| closed < *until);
        self.through = Some(closed);
        Ok(Looked { through: self.through, gone: forget(journal, now)? })
    }

    fn went_back(&mut self, now: Timestamp, until: Timestamp) {
        let from = Grain::Sample.begin(now.checked_sub(LATE).unwrap_or(now));
        let known = self.again.unwrap_or((from, until));
        self.again = Some((known.0.min(from), known.1.max(until)));
    }

    /// From when on the chunks of a grain are to be made.
    fn begin(&self, pen: &Pen<'_>, key: &[u8], grain: Grain, closed: Timestamp) -> Result<Timestamp, ReadError> {
        let end = read::end(pen.journal, key, grain, closed)?.unwrap_or(Timestamp::MIN);
        let from = self.again.map_or(end, |(again, _)| end.min(grain.begin(again)));
        // What is older would go at once.
        let oldest = pen.now.checked_sub(grain.kept()).unwrap_or(Timestamp::MIN);
        Ok(from.max(grain.begin(oldest)))
    }

    /// The samples of each hour that has ended.
    fn samples(&self, pen: &mut Pen<'_>, series: &Series, closed: Timestamp) -> Result<(), KeepError> {
        let (grain, key) = (Grain::Sample, &series.key());
        let mut from = self.begin(pen, key, grain, closed)?;
        while let Some(next) = next(pen.journal, key, &[], (from, closed))? {
            let (begin, end) = (grain.begin(next), grain.end(next));
            let there = by_unit(read::kept(pen.journal, key, grain, (begin, end))?);
            let mut all = there.clone();
            for (unit, fresh) in by_unit(read::samples(pen.journal, key, (begin, end))?) {
                let known = all.remove(&unit).unwrap_or_default();
                all.insert(unit, union(known, fresh));
            }
            if all != there {
                pen.write(&chunks(series, grain, begin, &all))?;
            }
            from = end;
        }
        Ok(())
    }

    /// The sums of each stretch that has ended.
    fn sums(&self, pen: &mut Pen<'_>, series: &Series, grain: Grain, closed: Timestamp) -> Result<(), KeepError> {
        let Some(bin) = grain.bin() else { return Ok(()) };
        let key = &series.key();
        let finer: &[Grain] = match grain {
            Grain::Sample => &[],
            Grain::FiveMinutes => &[Grain::Sample],
            Grain::Hour => &[Grain::Sample, Grain::FiveMinutes],
        };
        let closed = grain.begin(closed);
        let mut from = self.begin(pen, key, grain, closed)?;
        while let Some(next) = next(pen.journal, key, finer, (from, closed))? {
            let (begin, end) = (grain.begin(next), grain.end(next));
            let stored = Reading::new(pen.journal, key.clone(), end)?.stored((begin, end), usize::MAX)?;
            let mut sums = by_unit(stored.into_iter().rev().collect());
            for all in sums.values_mut() {
                *all = roll(all, bin);
            }
            if sums != by_unit(read::kept(pen.journal, key, grain, (begin, end))?) {
                pen.write(&chunks(series, grain, begin, &sums))?;
            }
            from = end;
        }
        Ok(())
    }
}

/// In the order of time, by unit.
fn by_unit(stored: Vec<Stored>) -> BTreeMap<Option<String>, Vec<Sum>> {
    let mut all: BTreeMap<Option<String>, Vec<Sum>> = BTreeMap::new();
    for (unit, sum) in stored {
        all.entry(unit).or_default().push(sum);
    }
    all
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
