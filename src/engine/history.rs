//! What is kept of a series, with or without the runs that measured it: every sample for a week, then sums of
//! five minutes, then of hours.
//!
//! Knows samples and stretches of time; never where they are stored, nor how they are packed. Source: DESIGN, *Streams*.

use crate::base::level::Level;
use crate::base::limits;
use crate::engine::series::{Series, instant, ordered};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How fine what is kept is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// Each sample by itself.
    Sample,
    /// Sums of five minutes.
    FiveMinutes,
    /// Sums of an hour.
    Hour,
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

impl Grain {
    /// All of them, the finest first.
    pub const ALL: [Self; 3] = [Self::Sample, Self::FiveMinutes, Self::Hour];

    /// Its word, in names of streams and in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sample => "raw",
            Self::FiveMinutes => "5m",
            Self::Hour => "1h",
        }
    }

    /// The grain of that word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grain| grain.as_str() == text)
    }

    /// The length of what is summed up; `None` where nothing is.
    #[must_use]
    pub fn bin(self) -> Option<SignedDuration> {
        match self {
            Self::Sample => None,
            Self::FiveMinutes => Some(SignedDuration::from_secs(300)),
            Self::Hour => Some(SignedDuration::from_secs(HOUR)),
        }
    }

    /// The stretch of time that is one chunk, in whole seconds since 1970.
    fn chunk(self) -> i64 {
        match self {
            Self::Sample => HOUR,
            Self::FiveMinutes => DAY,
            Self::Hour => 7 * DAY,
        }
    }

    /// The stretch of time whose chunks are forgotten together; a whole number of chunks.
    fn shelf(self) -> i64 {
        match self {
            Self::Sample => 4 * DAY,
            Self::FiveMinutes => 30 * DAY,
            Self::Hour => 26 * 7 * DAY,
        }
    }

    /// How long it is kept at least; it goes with its shelf.
    #[must_use]
    pub fn kept(self) -> SignedDuration {
        let days = match self {
            Self::Sample => limits::RAW_DAYS,
            Self::FiveMinutes => limits::FIVE_MINUTE_DAYS,
            Self::Hour => limits::HOUR_DAYS,
        };
        SignedDuration::from_secs(DAY.saturating_mul(i64::try_from(days).unwrap_or(i64::MAX)))
    }

    /// When the chunk begins that an instant is in.
    #[must_use]
    pub fn begin(self, at: Timestamp) -> Timestamp {
        floor(at, self.chunk())
    }

    /// When the chunk ends that an instant is in.
    #[must_use]
    pub fn end(self, at: Timestamp) -> Timestamp {
        later(self.begin(at), self.chunk())
    }

    /// When the shelf begins that an instant is on.
    #[must_use]
    pub fn shelf_of(self, at: Timestamp) -> Timestamp {
        floor(at, self.shelf())
    }

    /// Whether all of a shelf is older than it need be kept.
    #[must_use]
    pub fn may_go(self, shelf: Timestamp, now: Timestamp) -> bool {
        now.duration_since(later(shelf, self.shelf())) >= self.kept()
    }
}

/// One sample, or several taken together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sum {
    /// When the sample was taken, or when the stretch of time begins.
    pub at: Timestamp,
    /// When the last of them was taken.
    pub last_at: Timestamp,
    /// How many.
    pub count: u32,
    /// The least, in the unit of the chunk, as all values here.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// All of them added up.
    pub total: f64,
    /// The last of them.
    pub last: f64,
    /// The level of the last.
    pub last_level: Level,
    /// The worst level.
    pub worst: Level,
}

impl Sum {
    /// One sample.
    #[must_use]
    pub fn one(at: Timestamp, value: f64, level: Level) -> Self {
        let (min, max, total, last) = (value, value, value, value);
        Self { at, last_at: at, count: 1, min, max, total, last, last_level: level, worst: level }
    }

    /// The mean of all of them.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count == 1 { self.total } else { self.total / f64::from(self.count.max(1)) }
    }

    /// This and what came after it, as of the same beginning.
    fn with(self, next: &Self) -> Self {
        Self {
            at: self.at,
            last_at: next.last_at,
            count: self.count.saturating_add(next.count),
            min: self.min.min(next.min),
            max: self.max.max(next.max),
            total: self.total + next.total,
            last: next.last,
            last_level: next.last_level,
            worst: self.worst.max(next.worst),
        }
    }

    /// The same in another unit, which is so many of this one's.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let by = |value: f64| value * factor;
        // A negative factor would turn least into greatest; units have none.
        Self { min: by(self.min), max: by(self.max), total: by(self.total), last: by(self.last), ..self }
    }
}

/// What is kept of one series and one stretch of time, in one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// What it is of.
    pub series: Series,
    /// How fine it is.
    pub grain: Grain,
    /// When its stretch of time begins.
    pub from: Timestamp,
    /// Which of several of the same stretch. They are written from the last to the first: where the first (0) is, all are.
    pub part: u16,
    /// The unit of the values.
    pub unit: Option<String>,
    /// In the order of time.
    pub sums: Vec<Sum>,
}

impl Chunk {
    /// Where it belongs.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { series: self.series.key(), grain: self.grain, from: self.from, part: self.part }
    }
}

/// Where a chunk belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// [`Series::key`].
    pub series: Vec<u8>,
    /// How fine it is.
    pub grain: Grain,
    /// When its stretch of time begins.
    pub from: Timestamp,
    /// Which of several of the same stretch.
    pub part: u16,
}

impl Place {
    /// The key of its row; those of one series and grain together and in the order of time.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        let mut key = grain_key(&self.series, self.grain, self.from);
        key.extend(self.part.to_be_bytes());
        key
    }

    /// The place of a row's key.
    #[must_use]
    pub fn of_key(key: &[u8]) -> Option<Self> {
        let (head, part) = key.split_at_checked(key.len().checked_sub(2)?)?;
        let (head, from) = head.split_at_checked(head.len().checked_sub(8)?)?;
        let (grain, series) = head.split_last()?;
        let from = instant(from.try_into().ok()?)?;
        let grain = Grain::ALL.into_iter().find(|known| *known as u8 == *grain)?;
        Some(Self { series: series.to_vec(), grain, from, part: u16::from_be_bytes(part.try_into().ok()?) })
    }
}

/// The beginning of the keys of all chunks of a series and a grain from that instant on.
#[must_use]
pub fn grain_key(series: &[u8], grain: Grain, from: Timestamp) -> Vec<u8> {
    [series, &[grain as u8], &ordered(from)].concat()
}

/// What was measured in one stretch of time, by unit, as chunks of at most [`limits::CHUNK_POINTS`] in the order in which they
/// are to be written.
#[must_use]
pub fn chunks(
    series: &Series,
    grain: Grain,
    from: Timestamp,
    by_unit: &BTreeMap<Option<String>, Vec<Sum>>,
) -> Vec<Chunk> {
    let some = by_unit.iter().flat_map(|(unit, sums)| sums.chunks(limits::CHUNK_POINTS).map(move |some| (unit, some)));
    let parts: Vec<Chunk> = (0..)
        .zip(some)
        .map(|(part, (unit, some))| Chunk {
            series: series.clone(),
            grain,
            from,
            part,
            unit: unit.clone(),
            sums: some.to_vec(),
        })
        .collect();
    parts.into_iter().rev().collect()
}

/// Samples or sums, in the order of time, summed up by stretches of that length; a stretch without any is left out.
#[must_use]
pub fn roll(sums: &[Sum], bin: SignedDuration) -> Vec<Sum> {
    let mut rolled: Vec<Sum> = Vec::new();
    for sum in sums {
        let at = floor(sum.at, bin.as_secs());
        match rolled.last_mut().filter(|last| last.at == at) {
            Some(last) => *last = last.with(sum),
            None => rolled.push(Sum { at, ..*sum }),
        }
    }
    rolled
}

/// Samples or sums, in the order of time, summed up by what lies between two neighbouring `edges`; one number for each
/// stretch, `None` where there was nothing.
#[must_use]
pub fn between(sums: &[Sum], edges: &[Timestamp]) -> Vec<Option<Sum>> {
    let mut left = sums;
    let stretches = edges.windows(2).map(|edge| {
        let before = left.iter().take_while(|sum| sum.at < edge[0]).count();
        let within = left[before..].iter().take_while(|sum| sum.at < edge[1]).count();
        let (some, rest) = left[before..].split_at(within);
        left = rest;
        let whole = some.iter().copied().reduce(|all, next| all.with(&next))?;
        Some(Sum { at: edge[0], ..whole })
    });
    stretches.collect()
}

/// Two lists of the same samples or others, as one in the order of time, each sample once.
#[must_use]
pub fn union(one: Vec<Sum>, other: Vec<Sum>) -> Vec<Sum> {
    let mut all = one;
    all.extend(other);
    all.sort_by(|a, b| a.at.cmp(&b.at).then(a.last.total_cmp(&b.last)));
    all.dedup_by(|a, b| a.at == b.at && a.last.to_bits() == b.last.to_bits() && a.last_level == b.last_level);
    all
}

fn floor(at: Timestamp, seconds: i64) -> Timestamp {
    let begin = at.as_nanosecond().div_euclid(i128::from(seconds) * 1_000_000_000).saturating_mul(i128::from(seconds));
    i64::try_from(begin).ok().and_then(|begin| Timestamp::from_second(begin).ok()).unwrap_or(Timestamp::MIN)
}

fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::StepId;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_microsecond(micros).expect("an instant")
    }

    fn one(secs: i64, value: f64, level: Level) -> Sum {
        Sum::one(at(secs * 1_000_000), value, level)
    }

    #[test]
    fn a_stretch_begins_at_or_before_what_is_in_it() {
        for micros in [-7_200_000_001, -3_600_000_000, -1, 0, 1, 3_599_999_999, 3_600_000_000, 1_795_392_000_123_456] {
            for grain in Grain::ALL {
                let (begin, end) = (grain.begin(at(micros)), grain.end(at(micros)));
                assert!(begin <= at(micros) && at(micros) < end, "{micros} {}", grain.as_str());
                assert_eq!(grain.begin(begin), begin, "its own beginning");
                let shelf = grain.shelf_of(at(micros));
                assert!(shelf <= begin && end <= later(shelf, grain.shelf()), "a chunk is on one shelf");
                assert_eq!(Grain::parse(grain.as_str()), Some(grain));
            }
        }
    }

    #[test]
    fn samples_are_summed_up_without_losing_what_is_asked_of_them() {
        let samples = [
            one(299, 4.0, Level::Ok),
            one(300, 1.0, Level::Critical),
            one(310, 7.0, Level::Warning),
            one(1200, 5.0, Level::Ok),
        ];
        let five = roll(&samples, SignedDuration::from_secs(300));
        assert_eq!(five.len(), 3, "nothing was measured from 600 to 1200");
        let middle = five[1];
        assert_eq!((middle.at, middle.last_at), (at(300_000_000), at(310_000_000)));
        assert_eq!((middle.count, middle.min, middle.max, middle.mean(), middle.last), (2, 1.0, 7.0, 4.0, 7.0));
        assert_eq!((middle.last_level, middle.worst), (Level::Warning, Level::Critical));
        let hour = SignedDuration::from_secs(3600);
        assert_eq!(roll(&five, hour), roll(&samples, hour), "sums of sums are the sums of all");
        let edges = [at(0), at(300_000_000), at(600_000_000), at(900_000_000)];
        let by_edges = between(&samples, &edges);
        assert_eq!(by_edges.iter().map(|sum| sum.map_or(0, |sum| sum.count)).collect::<Vec<_>>(), [1, 2, 0]);
    }

    #[test]
    fn a_place_is_its_key_and_parts_come_last_to_first() {
        let series = Series { name: StepId::parse("used").expect("a name"), labels: [].into() };
        let many: Vec<Sum> = (0..2_500).map(|n| one(n, 1.0, Level::Ok)).collect();
        let by_unit = [(None, many[..5].to_vec()), (Some("%".to_owned()), many.clone())].into();
        let parts = chunks(&series, Grain::Sample, at(0), &by_unit);
        assert_eq!(
            parts.iter().map(|chunk| (chunk.part, chunk.sums.len())).collect::<Vec<_>>(),
            [(3, 500), (2, 1000), (1, 1000), (0, 5)]
        );
        for chunk in &parts {
            assert_eq!(Place::of_key(&chunk.place().key()), Some(chunk.place()));
        }
        assert!(grain_key(&series.key(), Grain::Sample, at(-1)) < grain_key(&series.key(), Grain::Sample, at(1)));
        let twice = union(many[..10].to_vec(), many[5..15].to_vec());
        assert_eq!(twice, many[..15]);
    }

    #[test]
    fn what_is_old_goes_by_the_shelf() {
        let now = at(1_795_392_000_000_000);
        for grain in Grain::ALL {
            let at = now.checked_sub(grain.kept()).expect("an instant");
            assert!(!grain.may_go(grain.shelf_of(at), now), "younger samples are beside it");
            let older = grain.shelf_of(at).checked_sub(SignedDuration::from_secs(1)).expect("an instant");
            assert!(grain.may_go(grain.shelf_of(older), now));
        }
    }
}
