//! What `of baseline` compares with: which earlier hours or days, and how they become one number.

use crate::base::span::Span;
use std::fmt;

/// `baseline:` of a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Baseline {
    /// The same hour of earlier days, or earlier days as a whole.
    pub same: Same,
    /// Of which days.
    pub of: Days,
    /// How far back.
    pub over: Span,
    /// How they become one number.
    pub by: By,
    /// How many earlier hours or days with samples it needs.
    pub at_least: u32,
}

/// What counts once: an hour or a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Same {
    /// The hour of the local day that it is now.
    Hour,
    /// The local day.
    Day,
}

/// Which earlier days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Days {
    /// All.
    Every,
    /// Monday to Friday on one of those, Saturday and Sunday on one of these.
    Weekday,
    /// Those with the name of today.
    SameWeekday,
}

/// How several numbers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The one in the middle, or half way between the two there.
    Median,
    /// Their mean.
    Mean,
    /// The least that 95 of 100 do not exceed.
    P95,
    /// The highest.
    Max,
    /// The lowest.
    Min,
}

impl Same {
    /// The word of the language.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [("hour", Self::Hour), ("day", Self::Day)].into_iter().find_map(|(known, same)| (known == word).then_some(same))
    }
}

impl Days {
    /// The word of the language.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Every => "every_day",
            Self::Weekday => "weekday",
            Self::SameWeekday => "same_weekday",
        }
    }

    /// The one of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Every, Self::Weekday, Self::SameWeekday].into_iter().find(|days| days.as_str() == word)
    }
}

impl By {
    /// The word of the language.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [("median", Self::Median), ("mean", Self::Mean), ("p95", Self::P95), ("max", Self::Max), ("min", Self::Min)]
            .into_iter()
            .find_map(|(known, by)| (known == word).then_some(by))
    }

    /// The one number of several; `None` of none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a handful of samples is far below 2^52")]
    pub fn of(self, mut values: Vec<f64>) -> Option<f64> {
        values.sort_by(f64::total_cmp);
        let (first, last) = (*values.first()?, *values.last()?);
        let count = values.len();
        let middle = || f64::midpoint(values[(count - 1) / 2], values[count / 2]);
        Some(match self {
            Self::Median => middle(),
            Self::Mean => values.iter().sum::<f64>() / count as f64,
            Self::P95 => values[(count * 95).div_ceil(100) - 1],
            Self::Max => last,
            Self::Min => first,
        })
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Median => "median",
            Self::Mean => "mean",
            Self::P95 => "95th percentile",
            Self::Max => "highest",
            Self::Min => "lowest",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_numbers_become_one() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        for (by, values, want) in [
            (By::Median, vec![3.0, 1.0, 2.0], Some(2.0)),
            (By::Median, vec![4.0, 1.0, 2.0, 3.0], Some(2.5)),
            (By::Mean, vec![1.0, 2.0, 6.0], Some(3.0)),
            (By::P95, hundred.clone(), Some(95.0)),
            (By::P95, vec![7.0], Some(7.0)),
            (By::Max, hundred.clone(), Some(100.0)),
            (By::Min, hundred, Some(1.0)),
            (By::Median, vec![], None),
        ] {
            assert_eq!(by.of(values.clone()), want, "{by} of {values:?}");
        }
    }
}
