//! A stretch of time of one series, from the source that knows most of it.
//!
//! A run that goes takes its samples with it, and runs go one by one; a chunk has all samples of its time, and goes after
//! a while. So each stretch is taken from whichever has more of them, the finest where they are equal.

use crate::base::level::Level;
use crate::base::value::Value;
use crate::engine::history::{Grain, Place, Sum, grain_key};
use crate::engine::project::{CHUNKS, SAMPLES};
use crate::engine::series::{Point, Series, instant, ordered};
use crate::model::measure::convert;
use crate::store::{Journal, KeyValue, ReadError, Row, codec};
use jiff::{SignedDuration, Timestamp};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// A sample or sum in the unit it is stored in.
pub type Stored = (Option<String>, Sum);

/// One series, read again and again: what of it is kept is looked up once, and each chunk is unpacked once.
pub struct Reading<'a> {
    journal: &'a dyn Journal,
    series: Vec<u8>,
    /// From when to when each grain has all there was.
    kept: Vec<(Grain, Timestamp, Timestamp)>,
    unpacked: BTreeMap<(Grain, Timestamp), Vec<Stored>>,
}

impl<'a> Reading<'a> {
    /// A series, by [`Series::key`], as far as it is asked for up to an instant.
    ///
    /// # Errors
    /// [`ReadError`] when the index can't be read.
    pub fn new(journal: &'a dyn Journal, series: Vec<u8>, until: Timestamp) -> Result<Self, ReadError> {
        let mut kept = Vec::new();
        for grain in Grain::ALL {
            // A chunk of the future, from when the clock was ahead, says nothing of what is before it.
            if let Some(end) = end(journal, &series, grain, until)?
                && let Some(begin) = begin(journal, &series, grain)?
            {
                kept.push((grain, begin, end));
            }
        }
        Ok(Self { journal, series, kept, unpacked: BTreeMap::new() })
    }

    /// The samples from an instant (included) to another, or what they were summed up to: at most so many, the newest first, in
    /// the unit asked for. Those in units that are another thing are left out.
    ///
    /// # Errors
    /// [`ReadError`] when the index can't be read.
    pub fn stretch(
        &mut self,
        unit: Option<&str>,
        time: (Timestamp, Timestamp),
        most: usize,
    ) -> Result<Vec<Sum>, ReadError> {
        Ok(self.stored(time, most)?.into_iter().filter_map(|stored| in_unit(stored, unit)).collect())
    }

    /// The same in the units that are stored.
    ///
    /// # Errors
    /// [`ReadError`] when the index can't be read.
    pub fn stored(&mut self, (from, to): (Timestamp, Timestamp), most: usize) -> Result<Vec<Stored>, ReadError> {
        let edges = self.kept.iter().flat_map(|(_, begin, end)| [*begin, *end]);
        let edges: BTreeSet<Timestamp> = edges.filter(|edge| *edge > from && *edge < to).chain([from, to]).collect();
        let edges: Vec<Timestamp> = edges.into_iter().collect();
        let mut found = Vec::new();
        for pair in edges.windows(2).rev() {
            let left = most - found.len();
            if left == 0 {
                break;
            }
            found.extend(self.segment((pair[0], pair[1]), left)?);
        }
        Ok(found)
    }

    /// What is stored of a stretch that no source begins or ends in, the newest first.
    fn segment(&mut self, (from, to): (Timestamp, Timestamp), most: usize) -> Result<Vec<Stored>, ReadError> {
        let (first, last) = (at(&self.series, from), at(&self.series, to));
        let rows = self.journal.scan(SAMPLES, &first, &last, true, most)?;
        let mut best: Vec<Stored> = rows.iter().filter_map(|row| sample(&self.series, row)).collect();
        // The finest grain that has all of it knows no less than those made from it.
        let whole = |(_, begin, end): &&(Grain, Timestamp, Timestamp)| *begin <= from && to <= *end;
        let Some((grain, ..)) = self.kept.iter().find(whole).copied().filter(|_| rows.len() < most) else {
            return Ok(best);
        };
        let sums = self.unpacked(grain, (from, to))?;
        // Of one that is only partly within it is not known how many of its samples are.
        let within = |sum: &Sum| grain.bin().is_none_or(|bin| sum.at.checked_add(bin).is_ok_and(|end| end <= to));
        let count: u64 = sums.iter().filter(|(_, sum)| within(sum)).map(|(_, sum)| u64::from(sum.count)).sum();
        if count > best.len() as u64 || (best.is_empty() && !sums.is_empty()) {
            best = sums.into_iter().rev().take(most).collect();
        }
        Ok(best)
    }

    /// What the chunks of a grain have of a stretch of time, in the order of time.
    fn unpacked(&mut self, grain: Grain, (from, to): (Timestamp, Timestamp)) -> Result<Vec<Stored>, ReadError> {
        let (mut begin, mut found) = (grain.begin(from), Vec::new());
        while begin < to {
            let end = grain.end(begin);
            let chunk = match self.unpacked.entry((grain, begin)) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(kept(self.journal, &self.series, grain, (begin, end))?),
            };
            found.extend(chunk.iter().filter(|(_, sum)| sum.at >= from && sum.at < to).cloned());
            begin = end;
        }
        Ok(found)
    }
}

/// The last sample up to an instant, in the unit asked for.
///
/// # Errors
/// [`ReadError`] when the index can't be read.
pub fn last(
    journal: &dyn Journal,
    series: &Series,
    unit: Option<&str>,
    now: Timestamp,
) -> Result<Option<Point>, ReadError> {
    let newest = newest(journal, &series.key(), now)?;
    let sum = newest.and_then(|newest| in_unit(newest, unit));
    Ok(sum.map(|sum| Point { at: sum.last_at, value: sum.last, level: sum.last_level }))
}

/// The last sample up to an instant, in the unit it is stored in.
///
/// # Errors
/// [`ReadError`] when the index can't be read.
pub fn newest(journal: &dyn Journal, series: &[u8], now: Timestamp) -> Result<Option<Stored>, ReadError> {
    let until = [at(series, now), vec![0xff]].concat();
    let rows = journal.scan(SAMPLES, &at(series, Timestamp::MIN), &until, true, 1)?;
    Ok(match rows.first().and_then(|row| sample(series, row)) {
        Some(sample) if !is_behind(journal, series, sample.1.at, now)? => Some(sample),
        older => last_kept(journal, series, now)?.into_iter().chain(older).max_by_key(|(_, sum)| sum.last_at),
    })
}

/// The end of the last whole chunk of a grain that begins before an instant.
///
/// # Errors
/// [`ReadError`] when the index can't be read.
pub fn end(
    journal: &dyn Journal,
    series: &[u8],
    grain: Grain,
    before: Timestamp,
) -> Result<Option<Timestamp>, ReadError> {
    let (from, to) = (grain_key(series, grain, Timestamp::MIN), grain_key(series, grain, before));
    let rows = journal.scan(CHUNKS, &from, &to, true, 1)?;
    let Some(newest) = rows.first().and_then(|(key, _)| Place::of_key(key)) else { return Ok(None) };
    // One whose first part is missing was not written to its end.
    let first = Place { part: 0, ..newest.clone() };
    let whole = newest.part == 0 || journal.get(&Row { tree: CHUNKS, key: first.key() })?.is_some();
    Ok(Some(if whole { grain.end(newest.from) } else { newest.from }))
}

/// The beginning of the first chunk of a grain.
///
/// # Errors
/// [`ReadError`] when the index can't be read.
pub fn begin(journal: &dyn Journal, series: &[u8], grain: Grain) -> Result<Option<Timestamp>, ReadError> {
    let (from, to) = (grain_key(series, grain, Timestamp::MIN), grain_key(series, grain, Timestamp::MAX));
    let rows = journal.scan(CHUNKS, &from, &to, false, 1)?;
    Ok(rows.first().and_then(|(key, _)| Place::of_key(key)).map(|place| place.from))
}

/// What the chunks of a grain have of a stretch of time, in the order of time.
///
/// # Errors
/// [`ReadError`] when the index can't be read.
pub fn kept(
    journal: &dyn Journal,
    series: &[u8],
    grain: Grain,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<Stored>, ReadError> {
    let keys = (grain_key(series, grain, grain.begin(from)), grain_key(series, grain, to));
    let rows = journal.scan(CHUNKS, &keys.0, &keys.1, false, usize::MAX)?;
    let mut found = Vec::new();
    for row in &rows {
        found.extend(chunk(row).into_iter().filter(|(_, sum)| sum.at >= from && sum.at < to));
    }
    found.sort_by_key(|(_, sum)| sum.at);
    Ok(found)
}

/// The samples that runs still hold of a stretch of time, in the order of time.
///
/// # Errors
/// [`ReadError`] when the index can't be read.
pub fn samples(
    journal: &dyn Journal,
    series: &[u8],
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<Stored>, ReadError> {
    let rows = journal.scan(SAMPLES, &at(series, from), &at(series, to), false, usize::MAX)?;
    Ok(rows.iter().filter_map(|row| sample(series, row)).collect())
}

/// Whether something younger than that instant is kept of the series.
fn is_behind(journal: &dyn Journal, series: &[u8], at: Timestamp, now: Timestamp) -> Result<bool, ReadError> {
    let before = now.checked_add(SignedDuration::from_micros(1)).unwrap_or(now);
    Ok(end(journal, series, Grain::Sample, before)?.is_some_and(|end| end > at))
}

fn last_kept(journal: &dyn Journal, series: &[u8], now: Timestamp) -> Result<Option<Stored>, ReadError> {
    for grain in Grain::ALL {
        let before = now.checked_add(SignedDuration::from_micros(1)).unwrap_or(now);
        let (from, mut to) = (grain_key(series, grain, Timestamp::MIN), grain_key(series, grain, before));
        // One step back at a time: the newest may have begun before `now` and hold younger samples alone.
        while let Some((key, _)) = journal.scan(CHUNKS, &from, &to, true, 1)?.into_iter().next() {
            let Some(place) = Place::of_key(&key) else { break };
            let begin = grain_key(series, grain, place.from);
            let parts = journal.scan(CHUNKS, &begin, &to, false, usize::MAX)?;
            let sums = parts.iter().flat_map(chunk).filter(|(_, sum)| sum.last_at <= now);
            if let Some(last) = sums.max_by_key(|(_, sum)| sum.last_at) {
                return Ok(Some(last));
            }
            to = begin;
        }
    }
    Ok(None)
}

/// The samples of a row of chunks. One that does not read is passed over: its stream is set aside when somebody reads that.
fn chunk((key, bytes): &KeyValue) -> Vec<Stored> {
    match codec::decode_chunk(bytes) {
        Ok(chunk) => chunk.sums.into_iter().map(|sum| (chunk.unit.clone(), sum)).collect(),
        Err(error) => {
            let place = Place::of_key(key);
            tracing::error!(?place, %error, "what is kept of a series can't be read");
            Vec::new()
        }
    }
}

/// A row of samples.
pub(super) fn sample(series: &[u8], (key, row): &KeyValue) -> Option<Stored> {
    let at = key.get(series.len()..)?.first_chunk::<8>()?;
    let at = instant(*at)?;
    let row: Value = serde_json::from_slice(row).ok()?;
    let sum = Sum::one(at, row.get(0)?.as_f64()?, Level::parse(row.get(1)?.as_str()?)?);
    Some((row.get(2)?.as_str().map(str::to_owned), sum))
}

pub(super) fn at(series: &[u8], at: Timestamp) -> Vec<u8> {
    [series, &ordered(at)].concat()
}

/// In the unit asked for; `None` where its own is another thing.
fn in_unit((own, sum): Stored, wanted: Option<&str>) -> Option<Sum> {
    match (own.as_deref(), wanted) {
        (Some(own), Some(wanted)) if own == wanted => Some(sum),
        (Some(own), Some(wanted)) => Some(sum.scaled(convert(own, wanted)?)),
        (None, None) => Some(sum),
        (Some(_), None) | (None, Some(_)) => None,
    }
}
