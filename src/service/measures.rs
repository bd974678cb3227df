//! What was measured last, series by series, with what the book says of each measure.

use crate::base::limits::MAX_SERIES;
use crate::base::span::Span;
use crate::engine::history::Grain;
use crate::engine::series::{Point, Series};
use crate::model::book::Book;
use crate::model::buckets::LE;
use crate::model::measure::MetricType;
use crate::runtime::clock;
use crate::runtime::history::{read, series_of};
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

/// One series and its last sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    /// Name and labels.
    pub series: Series,
    /// What it is.
    pub metric: MetricType,
    /// What the book calls it, for people.
    pub help: Option<String>,
    /// The unit of the sample.
    pub unit: Option<String>,
    /// After how long a sample says nothing any more.
    pub stale_after: Option<Span>,
    /// The sample.
    pub last: Point,
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

    /// The last sample of each series of the book's measures, by name and labels. Of what is stored and not in the book any more
    /// nothing.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn latest(&self) -> Result<Vec<Latest>, Trouble> {
        let book = self.current_book()?;
        self.latest_of(&book)
    }

    fn latest_of(&self, book: &Book) -> Result<Vec<Latest>, Trouble> {
        let cannot = |error: crate::store::ReadError| Trouble::Store(error.to_string());
        let (journal, now) = (self.journal.as_ref(), clock::now());
        let mut all = Vec::new();
        for (name, threshold) in &book.thresholds {
            for series in series_of(journal, Some(name), MAX_SERIES - all.len()).map_err(cannot)? {
                let unit = threshold.unit.clone();
                let Some(last) = read::last(journal, &series, unit.as_deref(), now).map_err(cannot)? else { continue };
                // A disk that was taken out in spring is no disk.
                if now.duration_since(last.at) > Grain::FiveMinutes.kept() {
                    continue;
                }
                let (metric, help, stale_after) = (threshold.metric, threshold.help.clone(), threshold.stale_after);
                all.push(Latest { series, metric, help, unit, stale_after, last });
            }
        }
        Ok(all)
    }

    /// The same by the name of the measure.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn measured(&self) -> Result<BTreeMap<String, Measured>, Trouble> {
        let book = self.current_book()?;
        let mut measured: BTreeMap<String, Measured> = BTreeMap::new();
        for Latest { series, metric, help, unit, stale_after, last } in self.latest_of(&book)? {
            let new = || Measured { metric, help, unit, stale_after, last: Vec::new() };
            let entry = measured.entry(series.name.to_string()).or_insert_with(new);
            entry.last.push((series.labels, last.value, last.at));
        }
        Ok(measured)
    }
}
