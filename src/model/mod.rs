//! What is valid, and only that: a value of a type here is proof that it was checked.
//!
//! Built by `lang` from text, read by `engine`. Knows no YAML, no storage, no clock.

pub mod acceptance;
pub mod access;
pub mod alert;
pub mod approval;
pub mod baseline;
pub mod book;
pub mod buckets;
pub mod calendar;
pub mod called;
pub mod channel;
pub mod cron;
pub mod defaults;
pub mod escalation;
pub mod graph;
pub mod ics;
pub mod input;
pub mod kind;
pub mod measure;
pub mod message;
pub mod oncall;
pub mod param;
pub mod perform;
pub mod plan;
pub mod plot;
pub mod policy;
pub mod reach;
pub mod rehearsal;
pub mod reported;
pub mod runbook;
pub mod schedule;
pub mod shape;
pub mod silence;
pub mod step;
pub mod test;
pub mod trigger;
pub mod trouble;
pub mod turns;
