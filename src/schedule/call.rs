//! A call: something from outside that starts a run as a due instant does. It gets its instant, and with it its row in the
//! ledger, when it is accepted.

use crate::base::digest::Digest;
use crate::base::ids::RunId;
use crate::base::value::{Map, Value};
use crate::schedule::nominal::Nominal;
use jiff::Timestamp;

/// Something that calls for a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What makes two calls one: a delivery that comes again, the end of a run that is looked at again.
    pub key: Digest,
    /// What it is about: an alert, or a group of alerts. Runs about different things do not stand in each other's way.
    pub subject: Option<Digest>,
    /// Inputs of its run, already mapped.
    pub inputs: Map<String, Value>,
    /// What its run is told as `trigger`, beside kind, id and instant.
    pub about: Map<String, Value>,
    /// When it happened, where that was not just now.
    pub at: Option<Timestamp>,
    /// How many runs started one another above its run.
    pub depth: u32,
    /// The file it is about, with what tells this state of it from another; `None` = it is gone.
    pub file: Option<(String, Option<String>)>,
}

/// What is known of a call that was accepted earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The instant it was given.
    pub nominal: Nominal,
    /// Its run, where one was started.
    pub run: Option<RunId>,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The instant it was given: the name of its row in the ledger.
    pub nominal: Nominal,
    /// What became of it, in the ledger's word, or `waiting`. `None` = it came again: the ledger says what became of it.
    pub fate: Option<&'static str>,
    /// Its run.
    pub run: Option<RunId>,
    /// Why, where the word does not say it.
    pub why: Option<String>,
}
