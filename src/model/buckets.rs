//! Histograms as Prometheus has them: how many observations lie below each bound.

use std::collections::BTreeMap;

/// The label whose value is a bucket's bound, or says that a series is the sum or the count of all observations.
pub const LE: &str = "le";
/// The `le` of the sum of all observations.
pub const SUM: &str = "sum";
/// The `le` of how many there are.
pub const COUNT: &str = "count";

/// The bound that a text of `le` is.
#[must_use]
pub fn bound(text: &str) -> Option<f64> {
    if text == "+Inf" { Some(f64::INFINITY) } else { text.parse().ok().filter(|bound: &f64| bound.is_finite()) }
}

/// A bound as `le` has it.
#[must_use]
pub fn le(bound: f64) -> String {
    if bound == f64::INFINITY { "+Inf".into() } else { bound.to_string() }
}

/// The quantile of a histogram's buckets, as PromQL's `histogram_quantile` says: linear within a bucket.
///
/// `buckets` are (upper bound, cumulative count); `None` without observations or without a `+Inf` bucket.
#[must_use]
pub fn histogram_quantile(quantile: f64, buckets: &BTreeMap<OrderedBound, f64>) -> Option<f64> {
    let total = buckets.get(&OrderedBound(f64::INFINITY)).copied().filter(|total| *total > 0.0)?;
    let rank = quantile * total;
    let (mut below, mut start) = (0.0, 0.0);
    for (OrderedBound(bound), count) in buckets {
        if *count >= rank {
            return Some(match bound.is_infinite() {
                true => start,
                false if *count > below => {
                    start.min(*bound) + (bound - start.min(*bound)) * (rank - below) / (count - below)
                }
                false => *bound,
            });
        }
        (below, start) = (*count, *bound);
    }
    None
}

/// The upper bound of a bucket, in order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderedBound(pub f64);

impl Eq for OrderedBound {}

impl PartialOrd for OrderedBound {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OrderedBound {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}
