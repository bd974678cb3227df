//! What was measured last, series by series, with what the book says of each measure.

use crate::base::limits::MAX_SERIES;
use crate::base::span::Span;
use crate::base::value::Value;
use crate::engine::project::{SAMPLES, SERIES};
use crate::model::book::Book;
use crate::model::buckets::LE;
use crate::model::measure::MetricType;
use crate::service::{Service, Trouble};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One measure, with the last sample of each of its series.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// What it is.
    pub metric: MetricType,
    /// What it is, for people.
    pub help: Option<String>,
    /// The unit of the samples.
    pub unit: Option<String>,
    /// After how long a sample says nothing any more.
    pub stale_after: Option<Span>,
    /// Labels, value and instant of each series.
    pub last: Vec<(BTreeMap<String, String>, f64, Timestamp)>,
}

impl Measured {
    /// Whether it is a histogram that was measured whole, each of its parts under a label `le`.
    #[must_use]
    pub fn is_bucketed(&self) -> bool {
        self.metric == MetricType::Histogram && self.last.iter().any(|(labels, _, _)| labels.contains_key(LE))
    }
}

impl Service {
    /// The book that a start would go by.
    ///
    /// # Errors
    /// [`Trouble`] when its files can't be read.
    pub fn current_book(&self) -> Result<Arc<Book>, Trouble> {
        if let Some(digest) = self.book.as_ref().and_then(|book| book.stand().digest) {
            let book = self.shelf.book(self.journal.as_ref(), &digest);
            return book.map_err(|error| Trouble::Store(error.to_string()));
        }
        let now = (self.files)().map_err(Trouble::Book)?;
        Ok(Arc::new(now.loaded.book.clone()))
    }

    /// The last sample of each series, by the name of its measure. Of what is stored and not in the book any more nothing.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn measured(&self) -> Result<BTreeMap<String, Measured>, Trouble> {
        let book = self.current_book()?;
        let cannot = |error: crate::store::ReadError| Trouble::Store(error.to_string());
        let mut measured: BTreeMap<String, Measured> = BTreeMap::new();
        for (key, row) in self.journal.scan(SERIES, &[], &[], false, MAX_SERIES).map_err(cannot)? {
            let name = String::from_utf8_lossy(key.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
            let Some(threshold) = book.thresholds.values().find(|threshold| threshold.name.as_str() == name) else {
                continue;
            };
            let end = [key.as_slice(), &[0xff; 9]].concat();
            let last = self.journal.scan(SAMPLES, &key, &end, true, 1).map_err(cannot)?;
            let Some((value, at)) = last.first().and_then(|(at, row)| sample(&key, at, row)) else { continue };
            let row: Value = serde_json::from_slice(&row).unwrap_or_default();
            let labels = row["labels"].as_object().into_iter().flatten();
            let labels = labels.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
            let entry = measured.entry(name).or_insert_with(|| Measured {
                metric: threshold.metric,
                help: threshold.help.clone(),
                unit: threshold.unit.clone(),
                stale_after: threshold.stale_after,
                last: Vec::new(),
            });
            entry.last.push((labels.collect(), value, at));
        }
        Ok(measured)
    }
}

/// Value and instant of a row of samples.
fn sample(series: &[u8], key: &[u8], row: &[u8]) -> Option<(f64, Timestamp)> {
    let at = key.get(series.len()..)?.first_chunk::<8>()?;
    let at = Timestamp::from_microsecond((u64::from_be_bytes(*at) ^ (1 << 63)).cast_signed()).ok()?;
    let row: Value = serde_json::from_slice(row).ok()?;
    Some((row[0].as_f64()?, at))
}
