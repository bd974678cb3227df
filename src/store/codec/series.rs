//! What is kept of a series, as bytes, version 1: columns, packed where that is shorter.

use crate::base::ids::StepId;
use crate::base::level::Level;
use crate::base::limits::MAX_BATCH;
use crate::engine::history::{Chunk, Grain, Sum};
use crate::engine::series::Series;
use crate::store::codec::CodecError;
use crate::store::codec::access::{read, unknown, write};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How hard is tried; a chunk is packed once and read many times.
const EFFORT: i32 = 12;

/// Version 1: never edited, only followed.
#[derive(Debug, Serialize, Deserialize)]
struct V1 {
    v: u32,
    #[serde(flatten)]
    place: PlaceV1,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// The columns as they are, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    columns: Option<ColumnsV1>,
    /// … or their JSON, by zstd, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    packed: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct PlaceV1 {
    measure: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    grain: String,
    from: Timestamp,
    #[serde(default, skip_serializing_if = "is_zero")]
    part: u16,
}

/// One entry for each sample or sum in each column; those of sums are empty for samples.
#[derive(Debug, Default, Serialize, Deserialize)]
struct ColumnsV1 {
    /// Microseconds since the one before; the first since the chunk's beginning.
    at: Vec<i64>,
    last: Vec<f64>,
    /// A letter each: `o`, `n`, `w`, `c`.
    level: String,
    /// Microseconds from the beginning of the stretch to its last sample.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    until: Vec<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    count: Vec<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    min: Vec<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    max: Vec<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    total: Vec<f64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    worst: String,
}

/// A chunk as bytes.
///
/// # Errors
/// [`CodecError::Unstorable`], in theory.
pub fn encode_chunk(chunk: &Chunk) -> Result<Vec<u8>, CodecError> {
    let cannot = |error: &dyn std::fmt::Display| CodecError::Unstorable(error.to_string());
    let columns = ColumnsV1::of(chunk);
    let plain = serde_json::to_vec(&columns).map_err(|error| cannot(&error))?;
    let packed = zstd::bulk::compress(&plain, EFFORT).map_err(|error| cannot(&error))?;
    let packed = STANDARD_NO_PAD.encode(packed);
    let (columns, packed) = if packed.len() < plain.len() { (None, Some(packed)) } else { (Some(columns), None) };
    let place = PlaceV1 {
        measure: chunk.series.name.to_string(),
        labels: chunk.series.labels.clone(),
        grain: chunk.grain.as_str().into(),
        from: chunk.from,
        part: chunk.part,
    };
    write(&V1 { v: 1, place, unit: chunk.unit.clone(), columns, packed })
}

/// The chunk of these bytes.
///
/// # Errors
/// [`CodecError::Newer`] or [`CodecError::Malformed`].
pub fn decode_chunk(bytes: &[u8]) -> Result<Chunk, CodecError> {
    let V1 { place, unit, columns, packed, .. } = read(bytes)?;
    let columns = match (columns, packed) {
        (Some(columns), None) => columns,
        (None, Some(packed)) => unpack(&packed)?,
        (Some(_), Some(_)) | (None, None) => return Err(malformed("samples twice, or none")),
    };
    let (series, grain) = place.series()?;
    let sums = columns.sums(grain, place.from).ok_or_else(|| malformed("columns that do not fit together"))?;
    Ok(Chunk { series, grain, from: place.from, part: place.part, unit, sums })
}

/// What the chunk of these bytes is of; its samples are not looked at, and it comes without them.
///
/// # Errors
/// As [`decode_chunk`].
pub fn glance_chunk(bytes: &[u8]) -> Result<Chunk, CodecError> {
    let place: PlaceV1 = read(bytes)?;
    let (series, grain) = place.series()?;
    Ok(Chunk { series, grain, from: place.from, part: place.part, unit: None, sums: Vec::new() })
}

impl PlaceV1 {
    fn series(&self) -> Result<(Series, Grain), CodecError> {
        let name = StepId::parse(&self.measure).map_err(|_| unknown(&self.measure))?;
        let grain = Grain::parse(&self.grain).ok_or_else(|| unknown(&self.grain))?;
        Ok((Series { name, labels: self.labels.clone() }, grain))
    }
}

impl ColumnsV1 {
    fn of(chunk: &Chunk) -> Self {
        let mut columns = Self::default();
        let mut before = chunk.from;
        for sum in &chunk.sums {
            columns.at.push(micros(before, sum.at));
            columns.last.push(finite(sum.last));
            columns.level.push(letter(sum.last_level));
            before = sum.at;
            if chunk.grain != Grain::Sample {
                columns.until.push(micros(sum.at, sum.last_at));
                columns.count.push(sum.count);
                columns.min.push(finite(sum.min));
                columns.max.push(finite(sum.max));
                columns.total.push(finite(sum.total));
                columns.worst.push(letter(sum.worst));
            }
        }
        columns
    }

    fn sums(&self, grain: Grain, from: Timestamp) -> Option<Vec<Sum>> {
        let mut at = from;
        let (levels, worst) = (self.level.as_bytes(), self.worst.as_bytes());
        let whole = self.at.len() == self.last.len() && self.at.len() == levels.len();
        let entries = 0..self.at.len();
        whole
            .then_some(entries)?
            .map(|n| {
                at = at.checked_add(SignedDuration::from_micros(*self.at.get(n)?)).ok()?;
                let one = Sum::one(at, *self.last.get(n)?, level(*levels.get(n)?)?);
                Some(match grain {
                    Grain::Sample => one,
                    Grain::FiveMinutes | Grain::Hour => Sum {
                        last_at: at.checked_add(SignedDuration::from_micros(*self.until.get(n)?)).ok()?,
                        count: *self.count.get(n)?,
                        min: *self.min.get(n)?,
                        max: *self.max.get(n)?,
                        total: *self.total.get(n)?,
                        worst: level(*worst.get(n)?)?,
                        ..one
                    },
                })
            })
            .collect()
    }
}

fn unpack(packed: &str) -> Result<ColumnsV1, CodecError> {
    let bytes = STANDARD_NO_PAD.decode(packed).map_err(|error| malformed(&error.to_string()))?;
    let plain = zstd::bulk::decompress(&bytes, MAX_BATCH).map_err(|error| malformed(&error.to_string()))?;
    serde_json::from_slice(&plain).map_err(|error| malformed(&error.to_string()))
}

fn malformed(what: &str) -> CodecError {
    CodecError::Malformed(what.to_owned())
}

fn micros(from: Timestamp, to: Timestamp) -> i64 {
    to.as_microsecond().saturating_sub(from.as_microsecond())
}

/// What adds up to more than a number can be is as large as one can be.
fn finite(value: f64) -> f64 {
    value.clamp(f64::MIN, f64::MAX)
}

fn letter(level: Level) -> char {
    match level {
        Level::Ok => 'o',
        Level::Notice => 'n',
        Level::Warning => 'w',
        Level::Critical => 'c',
    }
}

fn level(letter: u8) -> Option<Level> {
    Level::ALL.into_iter().find(|level| self::letter(*level) == char::from(letter))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(part: &u16) -> bool {
    *part == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::{CHUNK_POINTS, MAX_EVENT};

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_microsecond(1_795_392_000_000_000 + micros).expect("an instant")
    }

    fn series() -> Series {
        let labels = [("mount".to_owned(), "/".to_owned())].into();
        Series { name: StepId::parse("disk_used").expect("a name"), labels }
    }

    fn chunk(grain: Grain, sums: Vec<Sum>) -> Chunk {
        Chunk { series: series(), grain, from: at(0), part: 0, unit: Some("%".into()), sums }
    }

    #[test]
    fn what_release_one_wrote_reads_back() {
        let two = vec![Sum::one(at(5), 81.3, Level::Ok), Sum::one(at(60_000_005), -0.0, Level::Critical)];
        let samples = chunk(Grain::Sample, two.clone());
        let golden = r#"{"v":1,"measure":"disk_used","labels":{"mount":"/"},"grain":"raw","from":"2026-11-23T00:00:00Z","unit":"%","columns":{"at":[5,60000000],"last":[81.3,-0.0],"level":"oc"}}"#;
        assert_eq!(encode_chunk(&samples).map(|bytes| String::from_utf8(bytes).expect("text")), Ok(golden.to_owned()));
        assert_eq!(decode_chunk(golden.as_bytes()), Ok(samples.clone()));
        assert_eq!(glance_chunk(golden.as_bytes()).map(|chunk| chunk.place()), Ok(samples.place()));
        let sum = Sum {
            at: at(0),
            last_at: at(60_000_005),
            count: 2,
            min: -0.0,
            max: 81.3,
            total: 81.3,
            worst: Level::Critical,
            ..two[1]
        };
        let sums = Chunk { part: 2, unit: None, ..chunk(Grain::FiveMinutes, vec![sum]) };
        let golden = r#"{"v":1,"measure":"disk_used","labels":{"mount":"/"},"grain":"5m","from":"2026-11-23T00:00:00Z","part":2,"columns":{"at":[0],"last":[-0.0],"level":"c","until":[60000005],"count":[2],"min":[-0.0],"max":[81.3],"total":[81.3],"worst":"c"}}"#;
        assert_eq!(encode_chunk(&sums).map(|bytes| String::from_utf8(bytes).expect("text")), Ok(golden.to_owned()));
        assert_eq!(decode_chunk(golden.as_bytes()), Ok(sums));
        // Packed by an earlier zstd, or a later one: what it unpacks to is what counts.
        let packed = r#"{"v":1,"measure":"disk_used","labels":{"mount":"/"},"grain":"raw","from":"2026-11-23T00:00:00Z","unit":"%","packed":"PACKED"}"#;
        assert_eq!(decode_chunk(packed.replace("PACKED", PACKED).as_bytes()), Ok(samples));
    }

    /// The columns of two samples, as zstd packed them on the day this was released.
    const PACKED: &str = "KLUv/QBgmQEAeyJhdCI6WzUsNjAwMDAwMDBdLCJsYXN0IjpbODEuMywtMC4wXSwibGV2ZWwiOiJvYyJ9";

    #[test]
    fn what_is_not_a_chunk_says_so() {
        let good = r#"{"v":1,"measure":"m","grain":"raw","from":"2026-11-23T00:00:00Z","columns":{"at":[5],"last":[1.0],"level":"o"}}"#;
        assert!(decode_chunk(good.as_bytes()).is_ok());
        for (from, to) in [
            ("\"raw\"", "\"1y\""),
            ("\"m\"", "\"M M\""),
            ("[5]", "[5,6]"),
            ("\"o\"", "\"x\""),
            ("\"raw\"", "\"5m\""),
            ("[5]", "[9223372036854775807]"),
            ("\"columns\"", "\"packed\":\"!\",\"other\""),
            ("\"columns\"", "\"packed\":\"AAAA\",\"other\""),
            ("\"columns\"", "\"other\""),
        ] {
            let bad = good.replace(from, to);
            assert!(matches!(decode_chunk(bad.as_bytes()), Err(CodecError::Malformed(_))), "{bad}");
        }
        assert_eq!(decode_chunk(br#"{"v":2}"#), Err(CodecError::Newer { found: 2 }));
    }

    #[test]
    fn the_largest_chunk_of_the_least_regular_samples_fits_into_an_event() {
        let mut seed = 7_u64;
        let mut random = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        let mut when = 0;
        let sums: Vec<Sum> = (0..CHUNK_POINTS)
            .map(|_| {
                when += i64::try_from(random() % 604_000_000).expect("small");
                let value = f64::from_bits(random() & !(1 << 62) | 1 << 61);
                let count = u32::try_from(random() >> 32).expect("half of it");
                let level = Level::ALL[usize::try_from(random() % 4).expect("small")];
                Sum {
                    min: -value,
                    max: value * 1.1,
                    total: value * 3.7,
                    count,
                    last_at: at(when + 1),
                    ..Sum::one(at(when), value, level)
                }
            })
            .collect();
        for grain in Grain::ALL {
            let sums = match grain {
                Grain::Sample => sums.iter().map(|sum| Sum::one(sum.at, sum.last, sum.last_level)).collect(),
                // No more fit into its stretch of time.
                Grain::FiveMinutes | Grain::Hour => sums[..288].to_vec(),
            };
            let chunk = chunk(grain, sums);
            let bytes = encode_chunk(&chunk).expect("bytes");
            assert!(bytes.len() < MAX_EVENT, "{} of {}", bytes.len(), grain.as_str());
            assert_eq!(decode_chunk(&bytes), Ok(chunk));
        }
    }

    #[test]
    fn a_day_that_nothing_happened_on_is_small() {
        let calm: Vec<Sum> = (0..60)
            .map(|n| {
                Sum::one(
                    at(n * 60_000_000 + n % 7 * 1_000),
                    40.0 + 0.1 * f64::from(u8::try_from(n % 5).expect("small")),
                    Level::Ok,
                )
            })
            .collect();
        let bytes = encode_chunk(&chunk(Grain::Sample, calm)).expect("bytes");
        assert!(bytes.len() < 60 * 8, "an hour of minutes takes {} bytes", bytes.len());
    }
}
