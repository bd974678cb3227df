//! Alerts: conditions over stored samples, which open an incident and feed `alert` triggers (`alerts.yaml`).
//!
//! `rate(errors_total, 5m) / rate(connections_total, 5m) > 0.05`: a small language of its own, near to what operators
//! know from Prometheus. Knows measures, windows and units; never where samples are kept nor what time it is.

mod call;
mod eval;
mod fit;
mod function;
mod parse;
mod phase;
mod scan;
mod selector;
mod trouble;
mod word;

use crate::base::ids::StepId;
use crate::base::span::Span;
use crate::diagnostic::Spot;
use crate::model::measure::Op;
pub use eval::{Judge, Labels, STALE, Samples, Stored, Verdict};
pub use function::{FUNCTIONS, Function, Row};
pub use phase::{Phase, Rule, STEP};
pub use selector::{Match, Selector};
use std::collections::BTreeMap;
pub use trouble::Trouble;
pub use word::Missing;

/// One entry of `alerts.yaml`.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Where its name is written.
    pub spot: Spot,
    /// The condition over stored samples.
    pub when: Condition,
    /// The condition as written.
    pub expr: String,
    /// How long it must hold.
    pub holds_for: Span,
    /// How long it stays on after it last held.
    pub keep_firing_for: Span,
    /// What missing samples mean.
    pub missing: Missing,
    /// The severity of its incident.
    pub severity: String,
    /// What people read.
    pub title: Option<String>,
    /// What to do; Markdown.
    pub description: Option<String>,
    /// Labels, for routes and triggers.
    pub labels: BTreeMap<String, String>,
}

/// First byte of a part of the text and the byte behind its last.
pub type At = (usize, usize);

/// Something that holds or does not, for one set of labels.
#[derive(Debug, Clone)]
pub enum Condition {
    /// Two values compared.
    Compare {
        /// The left one.
        left: Value,
        /// How.
        op: Op,
        /// The right one, in the unit of the left.
        right: Value,
        /// Where the whole is written.
        at: At,
    },
    /// `a and b`
    All(Vec<Condition>),
    /// `a or b`
    Either(Vec<Condition>),
    /// `not a`
    Not(Box<Condition>),
    /// `absent(x, 5m)`: there is no sample.
    Absent(Read),
}

/// A number for one set of labels.
#[derive(Debug, Clone)]
pub enum Value {
    /// A number, once it was checked in the unit of what it stands beside.
    Number {
        /// How much.
        value: f64,
        /// The unit behind it.
        unit: Option<String>,
        /// Where it is written.
        at: At,
    },
    /// What samples say.
    Read(Read),
    /// Two values reckoned together.
    Reckon(Sign, Box<Value>, Box<Value>, At),
    /// `-a`
    Negate(Box<Value>, At),
}

/// The four ways to reckon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`
    Over,
}

/// A measure, and what is made of its samples.
#[derive(Debug, Clone)]
pub struct Read {
    /// `None` where the measure stands alone: its newest sample.
    pub function: Option<Function>,
    /// Which series.
    pub of: Selector,
    /// The samples not older than this.
    pub window: Option<Span>,
    /// Where the whole is written.
    pub at: At,
    /// Where the window is written.
    pub window_at: At,
    /// Whether the measure is a histogram whose series are its buckets: they are judged together.
    pub buckets: bool,
}

impl Condition {
    /// The condition written as `text`; names and units are not looked at yet.
    ///
    /// # Errors
    /// The first thing that cannot be read.
    pub fn parse(text: &str) -> Result<Self, Trouble> {
        parse::parse(text)
    }

    /// What is wrong with it where these measures are declared. Numbers with a unit are converted to that of what they
    /// are compared with.
    pub fn fit(&mut self, measures: &BTreeMap<StepId, crate::model::measure::Threshold>) -> Vec<Trouble> {
        fit::fit(self, measures)
    }

    /// Why it cannot be known whether something held for so long, if it cannot: samples are not kept that long.
    #[must_use]
    pub fn too_long(what: &str, span: Span) -> Option<String> {
        fit::too_long(what, span)
    }

    /// Every read of a measure, in the order of the text.
    #[must_use]
    pub fn reads(&self) -> Vec<&Read> {
        let mut found = Vec::new();
        self.gather(&mut found);
        found
    }

    fn gather<'a>(&'a self, found: &mut Vec<&'a Read>) {
        match self {
            Self::Compare { left, right, .. } => {
                left.gather(found);
                right.gather(found);
            }
            Self::All(parts) | Self::Either(parts) => parts.iter().for_each(|part| part.gather(found)),
            Self::Not(part) => part.gather(found),
            Self::Absent(read) => found.push(read),
        }
    }
}

impl Value {
    /// Where it is written.
    #[must_use]
    pub fn at(&self) -> At {
        match self {
            Self::Number { at, .. } | Self::Reckon(.., at) | Self::Negate(_, at) => *at,
            Self::Read(read) => read.at,
        }
    }

    fn gather<'a>(&'a self, found: &mut Vec<&'a Read>) {
        match self {
            Self::Number { .. } => {}
            Self::Read(read) => found.push(read),
            Self::Reckon(_, left, right, _) => {
                left.gather(found);
                right.gather(found);
            }
            Self::Negate(value, _) => value.gather(found),
        }
    }
}

#[cfg(test)]
mod tests;
