//! What was measured: the samples of a measure between two instants, as they are or summed up.

use crate::base::ids::StepId;
use crate::base::limits::{MAX_MEASURE_POINTS, MAX_MEASURED, MAX_SERIES};
use crate::base::span::Span;
use crate::diagnostic::closest;
use crate::engine::history::{Sum, between};
use crate::engine::series::Series;
use crate::model::book::Book;
use crate::runtime::clock;
use crate::runtime::history::{read, series_of};
use crate::service::{Service, Trouble};
use crate::store::ReadError;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::collections::BTreeMap;

const DAY: i64 = 24 * 3_600;
/// What a step may be where nobody says one, in seconds: the first that makes few enough points.
const STEPS: [i64; 7] = [60, 300, 900, 3_600, 6 * 3_600, DAY, 7 * DAY];
/// Few enough.
const FEW: i64 = 300;

/// How finely samples are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So that there are a few hundred points at most.
    Fitting,
    /// Each sample by itself, as long as it is kept so.
    Each,
    /// Summed up over so long; of whole days, days of the book's zone.
    Every(Span),
}

impl Step {
    /// The step of these words: `raw`, or a length of time.
    ///
    /// # Errors
    /// A sentence with a way out.
    pub fn parse(text: &str) -> Result<Self, String> {
        match (text, Span::parse(text)) {
            ("raw", _) => Ok(Self::Each),
            (_, Ok(span)) if span.millis() >= 60_000 && span.millis().is_multiple_of(60_000) => Ok(Self::Every(span)),
            (_, Ok(_) | Err(_)) => Err(format!(
                "`{text}` is no step: a whole number of minutes, such as `5m`, `1h`, `1d`, or `raw` for every sample"
            )),
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastAsked {
    /// The measure.
    pub measure: String,
    /// Labels that a series must have, by name.
    pub labels: BTreeMap<String, String>,
    /// From when, included.
    pub from: Timestamp,
    /// Up to when, not included.
    pub to: Timestamp,
    /// How finely.
    pub step: Step,
}

/// One series and its points.
#[derive(Debug, Clone, PartialEq)]
pub struct PastSeries {
    /// Name and labels.
    pub series: Series,
    /// The unit of the values.
    pub unit: Option<String>,
    /// The length of what is summed up; `None` where each sample is by itself.
    pub step: Option<SignedDuration>,
    /// In the order of time; of a stretch without samples there is none.
    pub points: Vec<Sum>,
    /// Whether there are older samples than fit into an answer.
    pub cut: bool,
}

impl Service {
    /// The samples of a measure between two instants, series by series.
    ///
    /// # Errors
    /// [`Trouble::NoMeasure`]; [`Trouble::Input`] when that would be too many points or series.
    pub fn past(&self, asked: &PastAsked) -> Result<Vec<PastSeries>, Trouble> {
        let cannot = |error: ReadError| Trouble::Store(error.to_string());
        if asked.from >= asked.to {
            let sentence = format!("{} is not before {}: the earlier instant comes first", asked.from, asked.to);
            return Err(Trouble::Input(sentence));
        }
        let book = self.current_book()?;
        let journal = self.journal.as_ref();
        let threshold = book.thresholds.values().find(|threshold| threshold.name.as_str() == asked.measure);
        let name = StepId::parse(&asked.measure).ok();
        let of_measure = match &name {
            Some(name) => series_of(journal, Some(name), usize::MAX).map_err(cannot)?,
            None => Vec::new(),
        };
        if of_measure.is_empty() && threshold.is_none() {
            let all = series_of(journal, None, MAX_SERIES).map_err(cannot)?;
            return Err(no_measure(&book, &all, &asked.measure));
        }
        let has = |series: &Series| asked.labels.iter().all(|(name, value)| series.labels.get(name) == Some(value));
        let wanted: Vec<Series> = of_measure.iter().filter(|series| has(series)).cloned().collect();
        if wanted.is_empty() && !of_measure.is_empty() {
            return Err(no_labels(&of_measure, &asked.measure));
        }
        if wanted.len() > MAX_MEASURED {
            return Err(Trouble::Input(format!(
                "`{}` has {} series with these labels, at most {MAX_MEASURED} are shown together: name more labels, such as `{}`",
                asked.measure,
                wanted.len(),
                shown(&wanted[0].labels)
            )));
        }
        let zone = TimeZone::get(&book.settings.timezone).unwrap_or(TimeZone::UTC);
        let (step, edges) = edges(asked, &zone)?;
        let answer = |series: Series| -> Result<PastSeries, ReadError> {
            let unit = match threshold {
                Some(threshold) => threshold.unit.clone(),
                // Not in the book any more: as it was measured last.
                None => read::newest(journal, &series.key(), clock::now())?.and_then(|(unit, _)| unit),
            };
            let within = match (edges.first(), edges.last()) {
                (Some(first), Some(last)) => (*first, *last),
                (None, _) | (_, None) => (asked.from, asked.to),
            };
            let most = if step.is_some() { usize::MAX } else { MAX_MEASURE_POINTS + 1 };
            let mut reading = read::Reading::new(journal, series.key(), within.1)?;
            let mut sums = reading.stretch(unit.as_deref(), within, most)?;
            let cut = step.is_none() && sums.len() > MAX_MEASURE_POINTS;
            sums.truncate(if cut { MAX_MEASURE_POINTS } else { usize::MAX });
            sums.reverse();
            let points = if step.is_some() { between(&sums, &edges).into_iter().flatten().collect() } else { sums };
            Ok(PastSeries { series, unit, step, points, cut })
        };
        wanted.into_iter().map(answer).collect::<Result<Vec<_>, _>>().map_err(cannot)
    }
}

/// The step that is meant, and where each stretch begins and the last ends.
fn edges(asked: &PastAsked, zone: &TimeZone) -> Result<(Option<SignedDuration>, Vec<Timestamp>), Trouble> {
    let seconds = asked.to.duration_since(asked.from).as_secs().max(1);
    let step = match asked.step {
        Step::Each => return Ok((None, Vec::new())),
        Step::Every(span) => i64::try_from(span.millis() / 1_000).unwrap_or(i64::MAX),
        Step::Fitting => STEPS.into_iter().find(|step| seconds / step <= FEW).unwrap_or(30 * DAY),
    };
    let count = seconds / step;
    if count >= i64::try_from(MAX_MEASURE_POINTS).unwrap_or(i64::MAX) {
        let sentence = format!(
            "{count} points are more than the {MAX_MEASURE_POINTS} of one answer: take a coarser step or a shorter time"
        );
        return Err(Trouble::Input(sentence));
    }
    let mut edges = Vec::new();
    if step % DAY == 0 {
        // Days are those of the zone's clocks, and may have 23 or 25 hours.
        let mut day = zone.to_datetime(asked.from).date();
        let begin = |day: jiff::civil::Date| day.to_zoned(zone.clone()).ok().map(|at| at.timestamp());
        while let Some(at) = begin(day) {
            edges.push(at);
            let next = day.checked_add((step / DAY).days());
            let (Ok(next), true) = (next, at < asked.to) else { break };
            day = next;
        }
    } else {
        let first = asked.from.as_second().div_euclid(step) * step;
        let all = (0..).map(|n| first.saturating_add(step.saturating_mul(n)));
        let mut all = all.map_while(|at| Timestamp::from_second(at).ok());
        for at in all.by_ref() {
            edges.push(at);
            if at >= asked.to {
                break;
            }
        }
    }
    Ok((Some(SignedDuration::from_secs(step)), edges))
}

fn no_measure(book: &Book, all: &[Series], measure: &str) -> Trouble {
    let stored = all.iter().map(|series| series.name.as_str());
    let known: Vec<&str> = stored.chain(book.thresholds.keys().map(crate::base::ids::StepId::as_str)).collect();
    let hint = match closest(measure, known.iter().copied()) {
        Some(near) => format!(": did you mean `{near}`?"),
        None if known.is_empty() => ": nothing was measured yet, and `thresholds.yaml` names none".into(),
        None => ": `stepladder measures` shows those there are".into(),
    };
    Trouble::NoMeasure { name: measure.into(), hint }
}

fn no_labels(series: &[Series], measure: &str) -> Trouble {
    let some: Vec<String> = series.iter().take(5).map(|series| format!("`{}`", shown(&series.labels))).collect();
    let more = if series.len() > some.len() { ", …" } else { "" };
    Trouble::Input(format!("no series of `{measure}` has these labels; there is {}{more}", some.join(", ")))
}

fn shown(labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return "no label".into();
    }
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(from: &str, to: &str, step: Step) -> PastAsked {
        let [from, to] = [from, to].map(|at| at.parse().expect("an instant"));
        PastAsked { measure: "used".into(), labels: BTreeMap::new(), from, to, step }
    }

    fn found(from: &str, to: &str, step: Step) -> (Option<i64>, usize, String, String) {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        let (step, edges) = edges(&asked(from, to, step), &zone).expect("fits");
        let end = |at: Option<&Timestamp>| at.map_or_else(String::new, ToString::to_string);
        (step.map(|step| step.as_secs()), edges.len(), end(edges.first()), end(edges.last()))
    }

    #[test]
    fn a_fitting_step_makes_a_few_hundred_points_and_covers_all_that_is_asked() {
        for (from, to, step, count) in [
            ("2026-12-01T10:07:00Z", "2026-12-01T11:00:00Z", 60, 54),
            ("2026-12-01T00:02:00Z", "2026-12-02T00:00:00Z", 300, 289),
            ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", 6 * 3_600, 121),
            ("2024-12-01T00:00:00Z", "2026-12-01T00:00:00Z", 7 * DAY, 106),
        ] {
            let (stepped, edges, first, last) = found(from, to, Step::Fitting);
            assert_eq!((stepped, edges), (Some(step), count), "{from} to {to}");
            assert!(first.as_str() <= from && last.as_str() >= to, "{first} to {last}");
        }
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let day = Step::Every(Span::parse("1d").expect("a day"));
        // The night of the change has 25 hours, and the days are the same number.
        let (_, count, first, last) = found("2026-10-23T12:00:00Z", "2026-10-26T12:00:00Z", day);
        assert_eq!((count, first.as_str(), last.as_str()), (5, "2026-10-22T22:00:00Z", "2026-10-26T23:00:00Z"));
    }

    #[test]
    fn steps_are_minutes_or_every_sample_and_not_too_many() {
        assert_eq!(Step::parse("raw"), Ok(Step::Each));
        for bad in ["30s", "90s", "0m", "x", ""] {
            assert!(Step::parse(bad).is_err_and(|why| why.contains("5m")), "{bad}");
        }
        let fine = asked("2026-01-01T00:00:00Z", "2026-12-01T00:00:00Z", Step::parse("1m").expect("a step"));
        let refused = edges(&fine, &TimeZone::UTC).expect_err("too many");
        assert!(refused.to_string().contains("coarser step"), "{refused}");
        assert_eq!(found("2026-01-01T00:00:00Z", "2026-12-01T00:00:00Z", Step::Each).0, None);
    }
}
