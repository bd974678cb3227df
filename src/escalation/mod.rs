//! The incident machine: one trouble, from its opening to its end, and the ladder it climbs. Pure.
//!
//! [`decide`](decide::decide) takes an incident, an input and the time and says what happens and what is to be done about
//! it; [`state`] is the closed table of what may follow what. Every wait is an absolute instant that follows from the state,
//! so whoever comes back after a pause knows what is due and how late it is.
//!
//! Knows no clock, no journal, no channel: who is on call, where they are reached and what else is going on is asked through
//! [`Known`](decide::Known).

pub mod event;
