//! Samples of the past, wherever they are kept: in the events of runs, or in chunks that outlive them.
//!
//! [`read`] takes a stretch of time from whichever of its sources knows most of it; [`keep`] makes the chunks. Knows rows of
//! the index and streams `series/…`; never what a sample means for anyone.

pub mod keep;
pub mod read;

use crate::base::ids::StepId;
use crate::base::value::Value;
use crate::engine::project::{CHUNKS, SAMPLES};
use crate::engine::series::Series;
use crate::store::{Journal, KeyValue, ReadError, codec};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a series' key behind its name.
const BEHIND_NAME: usize = 17;

/// At most so many series of a measure, or of all (`None`), by name and labels: those that have samples, and those of which something
/// is kept.
///
/// # Errors
/// [`ReadError`] when the index can't be read.
pub fn series_of(journal: &dyn Journal, measure: Option<&StepId>, most: usize) -> Result<Vec<Series>, ReadError> {
    let mut keys = BTreeSet::new();
    let mut found = Vec::new();
    for tree in [SAMPLES, CHUNKS] {
        let (mut from, to) = measure.map_or_else(
            || (Vec::new(), Vec::new()),
            |name| ([name.as_str().as_bytes(), &[0]].concat(), [name.as_str().as_bytes(), &[1]].concat()),
        );
        while let Some(row) = journal.scan(tree, &from, &to, false, 1)?.into_iter().next() {
            let Some(key) = series_key(&row.0) else { break };
            from = behind(key);
            if keys.contains(key) {
                continue;
            }
            if keys.len() >= most {
                break;
            }
            keys.insert(key.to_vec());
            let series = if tree == SAMPLES { of_sample(&row) } else { of_chunk(&row) };
            found.extend(series);
        }
    }
    found.sort();
    Ok(found)
}

/// The part of a row's key that is its series'.
fn series_key(key: &[u8]) -> Option<&[u8]> {
    let name = key.iter().position(|byte| *byte == 0)?;
    key.get(..name + BEHIND_NAME)
}

/// The first key behind all of a series: instants and grains begin with no byte as high.
fn behind(series: &[u8]) -> Vec<u8> {
    [series, &[0xff; 9]].concat()
}

fn of_sample((key, row): &KeyValue) -> Option<Series> {
    let name = key.split(|byte| *byte == 0).next()?;
    let row: Value = serde_json::from_slice(row).ok()?;
    let labels = row.get(3)?.as_object()?.iter();
    let labels: BTreeMap<String, String> =
        labels.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
    Some(Series { name: StepId::parse(&String::from_utf8_lossy(name)).ok()?, labels })
}

fn of_chunk((_, row): &KeyValue) -> Option<Series> {
    codec::glance_chunk(row).ok().map(|chunk| chunk.series)
}

#[cfg(test)]
mod tests;
