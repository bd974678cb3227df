//! Which series of a measure: `disk_used{mount="/"}`.

use super::At;
use crate::base::ids::StepId;
use crate::base::limits::MAX_PATTERN;
use regex::{Regex, RegexBuilder};
use std::collections::BTreeMap;

/// The series of one measure whose labels match.
#[derive(Debug, Clone)]
pub struct Selector {
    /// The measure.
    pub measure: StepId,
    /// Where that is written.
    pub at: At,
    /// What its labels must be: all of it.
    pub labels: Vec<(StepId, Match, At)>,
}

/// What one label must be. A label that is not there is an empty text, as in Prometheus.
#[derive(Debug, Clone)]
pub enum Match {
    /// `=`
    Is(String),
    /// `!=`
    IsNot(String),
    /// `=~`: the whole value matches.
    Matches(Regex),
    /// `!~`
    MatchesNot(Regex),
}

impl Match {
    pub(super) fn new(sign: &str, text: String) -> Result<Self, regex::Error> {
        let whole = |text: &str| RegexBuilder::new(&format!("^(?:{text})$")).size_limit(MAX_PATTERN).build();
        Ok(match sign {
            "!=" => Self::IsNot(text),
            "=~" => Self::Matches(whole(&text)?),
            "!~" => Self::MatchesNot(whole(&text)?),
            _ => Self::Is(text),
        })
    }

    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Is(text) => value == text,
            Self::IsNot(text) => value != text,
            Self::Matches(pattern) => pattern.is_match(value),
            Self::MatchesNot(pattern) => !pattern.is_match(value),
        }
    }
}

impl Selector {
    /// Whether a series with these labels is meant.
    #[must_use]
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.labels.iter().all(|(name, wanted, _)| wanted.holds(labels.get(name.as_str()).map_or("", String::as_str)))
    }
}
