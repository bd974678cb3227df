//! The incident machine: one trouble, from its opening to its end, and the ladder it climbs. Pure.
//!
//! [`decide`](decide::decide) takes an incident, an input and the time and says what happens and what is to be done about
//! it; [`state`] is the closed table of what may follow what. Every wait is an absolute instant that follows from the state,
//! so whoever comes back after a pause knows what is due and how late it is.
//!
//! `climb` is what the time does, `respond` the runbooks of level 1, `tell` rounds and pages, `people` what persons want;
//! `ladder` reads the policy for all of them. [`words`] makes a page readable, [`report`] tells the whole afterwards,
//! [`statistics`] the weeks, [`rehearsal`] plays it before; [`calls`] says who was told.
//! [`drill`] is a test page to each person by each way, [`ways`] what is known of those.
//!
//! Knows no clock, no journal, no channel: who is on call, where they are reached and what else is going on is asked through
//! [`Known`](decide::Known).

pub mod calls;
mod climb;
pub mod decide;
pub mod drill;
pub mod event;
pub(crate) mod evolve;
pub mod fate;
mod ladder;
mod people;
pub mod project;
pub mod rehearsal;
pub mod report;
mod respond;
pub mod state;
pub mod statistics;
mod tell;
pub mod text;
pub mod ways;
pub mod words;
