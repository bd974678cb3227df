//! The desk's side for what was measured.

use crate::api::desk::{Desk, told};
use crate::api::wire::{Fault, MeasureAsked, MeasurePast, MeasurePoint, MeasureRow, Problem};
use crate::engine::history::Sum;
use crate::runtime::clock;
use crate::service::{Latest, PastAsked, PastSeries, Step};
use jiff::SignedDuration;
use std::collections::BTreeMap;

impl Desk {
    /// The last sample of each series.
    ///
    /// # Errors
    /// When the book or the store can't be read.
    pub fn measures(&self) -> Result<Vec<MeasureRow>, Problem> {
        let now = clock::now();
        let row = |latest: Latest| {
            let age = now.duration_since(latest.last.at);
            let stale = latest.stale_after.is_some_and(|most| age > SignedDuration::from(most));
            MeasureRow {
                measure: latest.series.name.to_string(),
                labels: latest.series.labels,
                metric: latest.metric.as_str().into(),
                help: latest.help,
                unit: latest.unit,
                value: latest.last.value,
                level: latest.last.level.as_str().into(),
                at: latest.last.at,
                stale,
            }
        };
        Ok(self.service.latest().map_err(told)?.into_iter().map(row).collect())
    }

    /// The samples of a measure between two instants, series by series.
    ///
    /// # Errors
    /// When there is no such measure or series, or that would be too many points.
    pub fn past(&self, measure: &str, asked: &MeasureAsked) -> Result<Vec<MeasurePast>, Problem> {
        let wrong = |detail: String| Problem::new(Fault::Input, detail);
        let to = asked.to.unwrap_or_else(clock::now);
        let day = SignedDuration::from_hours(24);
        let from = asked.from.or_else(|| to.checked_sub(day).ok()).unwrap_or(jiff::Timestamp::MIN);
        let step = asked.step.as_deref().map_or(Ok(Step::Fitting), Step::parse).map_err(wrong)?;
        let labels = asked.labels.as_deref().map_or(Ok(BTreeMap::new()), labels).map_err(wrong)?;
        let asked = PastAsked { measure: measure.to_owned(), labels, from, to, step };
        Ok(self.service.past(&asked).map_err(told)?.into_iter().map(past).collect())
    }
}

fn past(past: PastSeries) -> MeasurePast {
    MeasurePast {
        measure: past.series.name.to_string(),
        labels: past.series.labels,
        unit: past.unit,
        step_seconds: past.step.and_then(|step| u64::try_from(step.as_secs()).ok()),
        points: past.points.iter().map(point).collect(),
        cut: past.cut,
    }
}

fn point(sum: &Sum) -> MeasurePoint {
    let Sum { at, count, min, max, last, .. } = *sum;
    MeasurePoint { at, count, min, mean: sum.mean(), max, last, worst: sum.worst.as_str().into() }
}

/// `mount=/,host=a\,b` as labels.
fn labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    let (mut pairs, mut pair, mut escaped) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            ',' if !escaped => pairs.push(std::mem::take(&mut pair)),
            letter => pair.push(letter),
        }
        escaped = false;
    }
    pairs.push(pair);
    let pairs = pairs.iter().filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').ok_or_else(|| format!("`{pair}` is no label: write `name=value`"))?;
        Ok((name.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_with_commas_and_backslashes_in_them() {
        let read = |text| labels(text).map(|labels| labels.into_iter().collect::<Vec<_>>());
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read("mount=/"), Ok(vec![pair("mount", "/")]));
        assert_eq!(read(r"a=x\,y,b=c=d,c=\\"), Ok(vec![pair("a", "x,y"), pair("b", "c=d"), pair("c", "\\")]));
        assert_eq!(read(""), Ok(Vec::new()));
        assert!(read("mount").is_err_and(|why| why.contains("name=value")));
    }
}
