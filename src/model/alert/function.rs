//! The functions of alerts: one table for parser, checks, hover text and manual.

use crate::model::measure::MetricType;

/// What is made of the samples of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// How fast a counter rises, per second.
    Rate,
    /// By how much a counter rose.
    Increase,
    /// The mean.
    Avg,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// All added up.
    Sum,
    /// How many.
    Count,
    /// The middle one.
    Median,
    /// The 95th percentile.
    P95,
    /// The 99th percentile.
    P99,
    /// The newest.
    Last,
    /// Whether there is none.
    Absent,
}

/// One function.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// As written.
    pub name: &'static str,
    /// What it is to us.
    pub function: Function,
    /// Whether a window must be given.
    pub window: bool,
    /// The kinds of measure it makes sense of.
    pub takes: &'static [MetricType],
    /// What it does, for people.
    pub doc: &'static str,
}

impl MetricType {
    /// The word of `type:`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

impl Row {
    /// Whether it makes sense of a histogram of buckets.
    #[must_use]
    pub fn of_buckets(&self) -> bool {
        match self.function {
            Function::Avg | Function::Median | Function::P95 | Function::P99 | Function::Absent => true,
            Function::Rate
            | Function::Increase
            | Function::Min
            | Function::Max
            | Function::Sum
            | Function::Count
            | Function::Last => false,
        }
    }
}

const COUNTERS: &[MetricType] = &[MetricType::Counter];
const READINGS: &[MetricType] = &[MetricType::Gauge, MetricType::Histogram];
const ALL: &[MetricType] = &[MetricType::Gauge, MetricType::Counter, MetricType::Histogram];

const fn row(
    name: &'static str,
    function: Function,
    window: bool,
    takes: &'static [MetricType],
    doc: &'static str,
) -> Row {
    Row { name, function, window, takes, doc }
}

/// Every function.
pub const FUNCTIONS: &[Row] = &[
    row(
        "rate",
        Function::Rate,
        true,
        COUNTERS,
        "How fast it rises, per second. A restart (a fall) is no negative rise.",
    ),
    row("increase", Function::Increase, true, COUNTERS, "By how much it rose."),
    row("avg", Function::Avg, true, READINGS, "The mean of the samples."),
    row("min", Function::Min, true, READINGS, "The smallest sample."),
    row("max", Function::Max, true, READINGS, "The largest sample."),
    row("sum", Function::Sum, true, READINGS, "All samples added up."),
    row("count", Function::Count, true, ALL, "How many samples there are."),
    row("median", Function::Median, true, READINGS, "The sample in the middle."),
    row("p95", Function::P95, true, READINGS, "The 95th percentile of the samples."),
    row("p99", Function::P99, true, READINGS, "The 99th percentile of the samples."),
    row("last", Function::Last, false, ALL, "The newest sample; with a window, if it is not older than that."),
    row("absent", Function::Absent, false, ALL, "Whether there is no sample: a condition by itself."),
];

impl Function {
    /// Its row.
    #[must_use]
    pub fn row(self) -> &'static Row {
        // The table has a row for every variant: a test says so.
        FUNCTIONS.iter().find(|row| row.function == self).unwrap_or(&FUNCTIONS[0])
    }
}

/// How functions of Prometheus are called here.
const THEIRS: &[(&str, &str)] = &[
    ("irate", "rate"),
    ("delta", "increase"),
    ("avg_over_time", "avg"),
    ("min_over_time", "min"),
    ("max_over_time", "max"),
    ("sum_over_time", "sum"),
    ("count_over_time", "count"),
    ("last_over_time", "last"),
    ("absent_over_time", "absent"),
    ("quantile_over_time", "p95"),
    ("histogram_quantile", "p95"),
    ("mean", "avg"),
    ("average", "avg"),
];

/// The row of a name.
pub(super) fn named(name: &str) -> Option<&'static Row> {
    FUNCTIONS.iter().find(|row| row.name == name)
}

/// What a function of Prometheus is called here.
pub(super) fn theirs(name: &str) -> Option<&'static str> {
    THEIRS.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours)
}
