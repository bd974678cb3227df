//! What a condition says of stored samples at an instant, for one set of labels: it holds, it does not, or samples are missing.
//!
//! As Prometheus has it where both have it: a value standing alone is the newest sample unless that is stale, windows do not
//! include their beginning, a counter that falls was reset, rates are extended to the ends of their window. Unlike it, what
//! is missing is not taken for false: that is for `missing:` to say. Knows no clock and no store.

use super::{Condition, Function, Read, Sign, Value};
use crate::base::ids::StepId;
use crate::base::span::Span;
use crate::model::buckets::{COUNT, LE, OrderedBound, SUM, bound, histogram_quantile};
use crate::model::measure::{Op, Threshold};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Labels, by name.
pub type Labels = BTreeMap<String, String>;
/// When, and how much in the declared unit; the oldest first.
pub type Samples = Vec<(Timestamp, f64)>;
/// Samples of each series of each measure.
pub type Stored = BTreeMap<StepId, BTreeMap<Labels, Samples>>;

/// After how long a sample says nothing any more where its threshold has no `stale_after`; Prometheus' own.
pub const STALE: Span = Span::from_secs(300);

/// Past a gap the rise goes on for so much of what is usual between samples.
const HALF: f64 = 0.5;
/// A gap to the end of a window up to so many times the usual one between samples is no gap.
const NEAR: f64 = 1.1;

/// What a condition says of one set of labels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// Whether it holds; `None` = it can't be told, samples are missing.
    pub holds: Option<bool>,
    /// The left side of its first comparison that has one.
    pub value: Option<f64>,
}

/// The samples of one read, and how far back they reach.
type Window<'a> = (&'a [(Timestamp, f64)], SignedDuration);

/// The series of a histogram by their `le`.
type Parts<'a> = Vec<(&'a str, &'a [(Timestamp, f64)])>;

/// A condition, and the samples it reads for one set of labels.
#[derive(Debug)]
pub struct Judge<'a> {
    when: &'a Condition,
    reads: BTreeMap<super::At, Window<'a>>,
    histograms: BTreeMap<super::At, Parts<'a>>,
}

impl Condition {
    /// Every set of labels it is judged for: those of the series that it reads. Labels that are part of another set are no
    /// set of their own: what has fewer labels counts for each that has them. Without any series, what `=` asks for.
    #[must_use]
    pub fn subjects(&self, stored: &Stored) -> Vec<Labels> {
        let reads = self.reads();
        let mut found: Vec<Labels> = Vec::new();
        for read in &reads {
            let series = stored.get(&read.of.measure).into_iter().flat_map(BTreeMap::keys);
            let selected = series.filter(|labels| read.of.selects(labels)).cloned();
            // Buckets are judged together.
            found.extend(selected.map(|labels| if read.buckets { without_le(labels) } else { labels }));
        }
        found.sort();
        found.dedup();
        let most = found.iter().map(BTreeMap::len).max();
        let whole: Vec<Labels> = found
            .iter()
            .filter(|one| Some(one.len()) == most || !found.iter().any(|other| within(one, other)))
            .cloned()
            .collect();
        if !whole.is_empty() {
            return whole;
        }
        let asked = reads.iter().flat_map(|read| &read.of.labels);
        let asked = asked.filter_map(|(name, wanted, _)| match wanted {
            super::Match::Is(value) if !value.is_empty() => Some((name.to_string(), value.clone())),
            super::Match::Is(_) | super::Match::IsNot(_) | super::Match::Matches(_) | super::Match::MatchesNot(_) => {
                None
            }
        });
        vec![asked.collect()]
    }

    /// How far back its samples reach from the instant it is judged at.
    #[must_use]
    pub fn reach(&self, measures: &BTreeMap<StepId, Threshold>) -> SignedDuration {
        self.reads().iter().map(|read| reach(read, measures)).max().unwrap_or_default()
    }
}

/// How far back the samples of a read reach.
fn reach(read: &Read, measures: &BTreeMap<StepId, Threshold>) -> SignedDuration {
    let stale = || measures.get(&read.of.measure).and_then(|measure| measure.stale_after).unwrap_or(STALE);
    read.window.unwrap_or_else(stale).into()
}

/// Whether all labels of one are labels of another that has more.
fn within(one: &Labels, other: &Labels) -> bool {
    one.len() < other.len() && one.iter().all(|(name, value)| other.get(name) == Some(value))
}

impl<'a> Judge<'a> {
    /// Of that condition, for that set of labels.
    #[must_use]
    pub fn new(
        when: &'a Condition,
        subject: &Labels,
        stored: &'a Stored,
        measures: &BTreeMap<StepId, Threshold>,
    ) -> Self {
        let of = |read: &Read| -> &'a [(Timestamp, f64)] {
            let Some(all) = stored.get(&read.of.measure) else { return &[] };
            let fits = |labels: &Labels| read.of.selects(labels);
            if let Some(samples) = all.get(subject).filter(|_| fits(subject)) {
                return samples;
            }
            let part = all.iter().filter(|(labels, _)| within(labels, subject) && fits(labels));
            part.max_by_key(|(labels, _)| labels.len()).map_or(&[], |(_, samples)| samples)
        };
        let reads = when.reads().into_iter().map(|read| (read.at, (of(read), reach(read, measures)))).collect();
        let parts = |read: &Read| -> Parts<'a> {
            let all = stored.get(&read.of.measure).into_iter().flatten().filter(|(labels, _)| read.of.selects(labels));
            let parts = all.filter_map(|(labels, samples)| {
                let rest = without_le(labels.clone());
                let le = labels.get(LE).filter(|_| rest == *subject || within(&rest, subject))?;
                Some((le.as_str(), samples.as_slice()))
            });
            parts.collect()
        };
        let histograms = when.reads().into_iter().filter(|read| read.buckets);
        let histograms = histograms.map(|read| (read.at, parts(read))).collect();
        Self { when, reads, histograms }
    }

    /// What it says at that instant. Samples from after it say nothing.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Verdict {
        let mut value = None;
        let holds = self.condition(self.when, at, &mut value);
        Verdict { holds, value }
    }

    fn condition(&self, condition: &Condition, at: Timestamp, shown: &mut Option<f64>) -> Option<bool> {
        match condition {
            Condition::Compare { left, op, right, .. } => {
                let left = self.value(left, at);
                *shown = shown.or(left);
                Some(compare(left?, *op, self.value(right, at)?))
            }
            Condition::All(parts) => self.any(parts, at, shown, false).map(|found| !found),
            Condition::Either(parts) => self.any(parts, at, shown, true),
            Condition::Not(part) => self.condition(part, at, shown).map(|holds| !holds),
            Condition::Absent(read) if read.buckets => {
                let parts = self.histograms.get(&read.at).into_iter().flatten();
                Some(parts.map(|(_, samples)| self.seen(read, samples, at)).all(<[_]>::is_empty))
            }
            Condition::Absent(read) => Some(self.window(read, at).is_empty()),
        }
    }

    /// Whether any part is `wanted`, which decides whatever is missing of the others.
    fn any(&self, parts: &[Condition], at: Timestamp, shown: &mut Option<f64>, wanted: bool) -> Option<bool> {
        let mut found = Some(false);
        for part in parts {
            match self.condition(part, at, shown) {
                Some(holds) if holds == wanted => return Some(true),
                Some(_) => {}
                None => found = None,
            }
        }
        found
    }

    fn value(&self, value: &Value, at: Timestamp) -> Option<f64> {
        match value {
            Value::Number { value, .. } => Some(*value),
            Value::Negate(value, _) => self.value(value, at).map(|value| -value),
            Value::Reckon(sign, left, right, _) => {
                let (left, right) = (self.value(left, at)?, self.value(right, at)?);
                Some(match sign {
                    Sign::Plus => left + right,
                    Sign::Minus => left - right,
                    Sign::Times => left * right,
                    Sign::Over => left / right,
                })
            }
            Value::Read(read) => {
                if read.buckets {
                    return self.of_buckets(read, at);
                }
                let reach = self.reads.get(&read.at).map(|(_, reach)| *reach).unwrap_or_default();
                made(read.function.unwrap_or(Function::Last), self.window(read, at), at, reach)
            }
        }
    }

    /// The samples a read sees at that instant.
    fn window(&self, read: &Read, at: Timestamp) -> &'a [(Timestamp, f64)] {
        self.reads.get(&read.at).map_or(&[], |(samples, _)| self.seen(read, samples, at))
    }

    /// Those of the samples that a read sees at that instant.
    fn seen(&self, read: &Read, samples: &'a [(Timestamp, f64)], at: Timestamp) -> &'a [(Timestamp, f64)] {
        let reach = self.reads.get(&read.at).map(|(_, reach)| *reach).unwrap_or_default();
        let from = at.checked_sub(reach).unwrap_or(Timestamp::MIN);
        let begin = samples.partition_point(|(when, _)| *when <= from);
        let end = samples.partition_point(|(when, _)| *when <= at);
        samples.get(begin..end).unwrap_or(&[])
    }

    /// What is made of a histogram by what its buckets rose in the window, so that what was before does not count. None
    /// without an observation in it.
    fn of_buckets(&self, read: &Read, at: Timestamp) -> Option<f64> {
        let reach = self.reads.get(&read.at).map(|(_, reach)| *reach).unwrap_or_default();
        let parts = self.histograms.get(&read.at)?;
        let rise = |samples: &&'a [(Timestamp, f64)]| increase(self.seen(read, samples, at), at, reach);
        let part = |name: &str| parts.iter().find(|(le, _)| *le == name).and_then(|(_, samples)| rise(samples));
        let share = match read.function {
            Some(Function::Avg) => {
                return part(SUM).zip(part(COUNT).filter(|count| *count > 0.0)).map(|(sum, count)| sum / count);
            }
            Some(Function::Median) => 0.5,
            Some(Function::P95) => 0.95,
            Some(Function::P99) => 0.99,
            // Refused when the condition is checked; `absent` is no number.
            Some(
                Function::Rate
                | Function::Increase
                | Function::Min
                | Function::Max
                | Function::Sum
                | Function::Count
                | Function::Last
                | Function::Absent,
            )
            | None => return None,
        };
        let mut buckets = BTreeMap::new();
        for (le, samples) in parts {
            if let Some(bound) = bound(le) {
                buckets.insert(OrderedBound(bound), rise(samples)?);
            }
        }
        histogram_quantile(share, &buckets)
    }
}

fn without_le(mut labels: Labels) -> Labels {
    labels.remove(LE);
    labels
}

#[expect(clippy::float_cmp, reason = "`== 0` in a condition means exactly that")]
fn compare(left: f64, op: Op, right: f64) -> bool {
    match op {
        Op::Less => left < right,
        Op::AtMost => left <= right,
        Op::More => left > right,
        Op::AtLeast => left >= right,
        Op::Equal => left == right,
        Op::NotEqual => left != right,
    }
}

#[expect(clippy::cast_precision_loss, reason = "samples are counted in thousands")]
fn made(function: Function, samples: &[(Timestamp, f64)], at: Timestamp, window: SignedDuration) -> Option<f64> {
    let (_, last) = *samples.last()?;
    let values = samples.iter().map(|(_, value)| *value);
    let count = samples.len() as f64;
    Some(match function {
        Function::Rate => increase(samples, at, window)? / window.as_secs_f64(),
        Function::Increase => increase(samples, at, window)?,
        Function::Avg => values.sum::<f64>() / count,
        Function::Min => values.fold(f64::INFINITY, f64::min),
        Function::Max => values.fold(f64::NEG_INFINITY, f64::max),
        Function::Sum => values.sum(),
        Function::Count => count,
        Function::Median => quantile(samples, 0.5),
        Function::P95 => quantile(samples, 0.95),
        Function::P99 => quantile(samples, 0.99),
        Function::Last | Function::Absent => last,
    })
}

/// By how much a counter rose in a window, extended to the ends of it as Prometheus does; at least two samples are needed.
#[expect(clippy::cast_precision_loss, reason = "samples are counted in thousands")]
fn increase(samples: &[(Timestamp, f64)], at: Timestamp, window: SignedDuration) -> Option<f64> {
    let ((first_at, first), (last_at, last)) = (*samples.first()?, *samples.last()?);
    let between = last_at.duration_since(first_at).as_secs_f64();
    if samples.len() < 2 || between <= 0.0 {
        return None;
    }
    let falls = samples.iter().zip(samples.iter().skip(1)).filter(|((_, before), (_, after))| after < before);
    let rise = last - first + falls.map(|((_, before), _)| before).sum::<f64>();
    let usual = between / (samples.len() - 1) as f64;
    let to_end = at.duration_since(last_at).as_secs_f64();
    let to_begin = (window.as_secs_f64() - between - to_end).max(0.0);
    let ended = |gap: f64| if gap >= usual * NEAR { usual * HALF } else { gap };
    let mut before = ended(to_begin);
    if rise > 0.0 && first >= 0.0 {
        // A counter was never below nothing.
        before = before.min(between * (first / rise));
    }
    Some(rise * (between + before + ended(to_end)) / between)
}

/// The value below which that share of the samples lies, between two of them in proportion.
#[expect(clippy::cast_precision_loss, reason = "samples are counted in thousands")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a place in the list")]
fn quantile(samples: &[(Timestamp, f64)], share: f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
    values.sort_by(f64::total_cmp);
    let rank = share * (values.len().saturating_sub(1)) as f64;
    let value = |place: f64| values.get(place as usize).copied().unwrap_or(f64::NAN);
    let (low, high) = (value(rank.floor()), value(rank.ceil()));
    low + (high - low) * rank.fract()
}

#[cfg(test)]
#[path = "eval_tests.rs"]
mod tests;
