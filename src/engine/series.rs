//! One measure with one set of labels, and what is known of its past.
//!
//! Knows questions and answers about stored samples; never where they are stored. Whoever drives a run looks
//! the answers up and hands them in with the input ([`crate::engine::decide::decide`]).

use crate::base::digest::Digest;
use crate::base::ids::StepId;
use crate::base::level::Level;
use crate::base::value::json;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// An instant as bytes that are in the order of time; microseconds, as all instants that are stored.
#[must_use]
pub fn ordered(at: Timestamp) -> [u8; 8] {
    (at.as_microsecond().cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// The instant of bytes that [`ordered`] made.
#[must_use]
pub fn instant(bytes: [u8; 8]) -> Option<Timestamp> {
    Timestamp::from_microsecond((u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed()).ok()
}

/// A measure and its labels: what one series is known by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// The declared name.
    pub name: StepId,
    /// Labels, by name.
    pub labels: BTreeMap<String, String>,
}

/// A stored sample that had a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When it was taken.
    pub at: Timestamp,
    /// In the declared unit.
    pub value: f64,
    /// The level it was given.
    pub level: Level,
}

/// From when (included) to when (not included).
pub type Window = (Timestamp, Timestamp);

/// What is to be looked up before a sample can be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Of which series.
    pub series: Series,
    /// The unit the answer is to be in.
    pub unit: Option<String>,
    /// Of which times.
    pub windows: Vec<Window>,
    /// The last sample up to then is wanted in any case.
    pub now: Timestamp,
}

/// What is stored of a series, as far as it was asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Past {
    /// The last sample.
    pub last: Option<Point>,
    /// The samples within the windows of the question: when, and the value.
    pub samples: Vec<(Timestamp, f64)>,
}

/// What has been looked up for one decision, by the series and the times that were asked for.
pub type Known = BTreeMap<(Series, Vec<Window>), Past>;

impl Series {
    /// What is the same for every sample of the series and for no other: the name, a zero byte, half a hash of its labels.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        let labels = Digest::of(json!(self.labels).to_string().as_bytes());
        [self.name.as_str().as_bytes(), &[0], &labels.bytes()[..16]].concat()
    }

    /// The beginning of the key of every sample of the series at that instant; in the order of time.
    #[must_use]
    pub fn key_at(&self, at: Timestamp) -> Vec<u8> {
        [self.key().as_slice(), &ordered(at)].concat()
    }
}
