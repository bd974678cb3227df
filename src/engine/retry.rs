//! Retry arithmetic. Knows policies and attempts; never reads a clock, never schedules.

use crate::base::address::Place;
use crate::base::digest::Digest;
use crate::base::span::Span;
use crate::model::perform::Failure;
use crate::model::policy::{FailureKind, Retry};
use jiff::{SignedDuration, Timestamp};
use std::borrow::Cow;

/// What is known when an attempt has failed.
pub(super) struct Attempted<'a> {
    /// The seed of the run.
    pub(super) seed: u64,
    /// Whose attempt.
    pub(super) place: &'a Place,
    /// Which attempt of this turn, from 1.
    pub(super) nth: u32,
    /// When the first attempt of this turn began.
    pub(super) began: Timestamp,
    /// When the run has to end.
    pub(super) run_ends: Option<Timestamp>,
    /// Now.
    pub(super) now: Timestamp,
}

/// How often a step is tried that the machine had no room to start, where its own `retry` says nothing of it.
const ROOM_ATTEMPTS: u32 = 5;

/// The policy for a failure: the step's own; for one that never began and may, a small one where the
/// step has none that names `start`. Nothing was done yet, so nothing is done twice.
pub(super) fn policy<'a>(own: Option<&'a Retry>, failure: &Failure) -> Option<Cow<'a, Retry>> {
    let unbegun = failure.kind == FailureKind::Start && !failure.lasting;
    let covers = |retry: &&Retry| !unbegun || retry.on.is_empty() || retry.on.contains(&failure.kind);
    match own.filter(covers) {
        Some(own) => Some(Cow::Borrowed(own)),
        None => unbegun.then(|| {
            let (backoff, cap) = (Span::from_secs(1), Span::from_secs(8));
            let within = own.and_then(|own| own.within);
            Cow::Owned(Retry {
                attempts: ROOM_ATTEMPTS,
                backoff,
                cap,
                jitter: true,
                within,
                on: Vec::new(),
                unless: None,
            })
        }),
    }
}

/// Whether this kind of failure can be tried again at all, and the policy names it.
fn is_retried(policy: &Retry, failure: &Failure) -> bool {
    let never = match failure.kind {
        FailureKind::Template | FailureKind::Fail | FailureKind::Rejected | FailureKind::Missing => true,
        FailureKind::Timeout
        | FailureKind::Connect
        | FailureKind::Status
        | FailureKind::Exit
        | FailureKind::Expect
        | FailureKind::Start
        | FailureKind::Steps
        | FailureKind::Interrupted
        | FailureKind::Other => failure.lasting,
    };
    !never && (policy.on.is_empty() || policy.on.contains(&failure.kind))
}

/// When the next attempt is due; `None` = there is none.
pub(super) fn next(policy: &Retry, failure: &Failure, attempted: &Attempted<'_>) -> Option<Timestamp> {
    if attempted.nth >= policy.attempts || !is_retried(policy, failure) {
        return None;
    }
    let asked = failure.retry_after.map(Span::from_secs);
    let pause = asked.unwrap_or_else(|| jittered(policy, attempted));
    let due = attempted.now.checked_add(SignedDuration::from(pause)).ok()?;
    let within = policy.within.and_then(|within| attempted.began.checked_add(SignedDuration::from(within)).ok());
    let late = |limit: Option<Timestamp>| limit.is_some_and(|limit| due >= limit);
    (!late(within) && !late(attempted.run_ends)).then_some(due)
}

/// Full jitter over the doubled wait, drawn from the run's seed: the same draw at every replay.
fn jittered(policy: &Retry, attempted: &Attempted<'_>) -> Span {
    let doubled = policy.backoff.millis().saturating_mul(1 << attempted.nth.saturating_sub(1).min(40));
    let wait = doubled.min(policy.cap.millis().max(policy.backoff.millis()));
    if !policy.jitter || wait == 0 {
        return Span::from_millis(wait);
    }
    let draw = Digest::of_parts(&[
        &attempted.seed.to_le_bytes(),
        attempted.place.to_string().as_bytes(),
        &attempted.nth.to_le_bytes(),
    ]);
    Span::from_millis(draw.seed() % (wait + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::address::Lane;
    use crate::base::ids::StepId;

    fn policy(attempts: u32, backoff: u64, cap: u64) -> Retry {
        let (backoff, cap) = (Span::from_secs(backoff), Span::from_secs(cap));
        Retry { attempts, backoff, cap, jitter: false, within: None, on: Vec::new(), unless: None }
    }

    fn waits(policy: &Retry, failure: &Failure, seed: u64) -> Vec<Option<i64>> {
        let place = Place::root(Lane::Body(1), StepId::parse("x").expect("id"));
        let began = Timestamp::UNIX_EPOCH;
        let wait = |nth| {
            let attempted = Attempted { seed, place: &place, nth, began, run_ends: None, now: began };
            next(policy, failure, &attempted).map(|due| due.as_millisecond())
        };
        (1..=policy.attempts).map(wait).collect()
    }

    #[test]
    fn waits_double_up_to_the_cap_and_the_last_attempt_has_none() {
        let failure = Failure::new(FailureKind::Connect, "no");
        let waits = waits(&policy(5, 5, 30), &failure, 1);
        assert_eq!(waits, [Some(5_000), Some(10_000), Some(20_000), Some(30_000), None]);
    }

    #[test]
    fn jitter_is_drawn_from_the_seed_and_stays_below_the_wait() {
        let policy = Retry { jitter: true, ..policy(6, 5, 30) };
        let failure = Failure::new(FailureKind::Timeout, "no");
        let (one, again, other) =
            (waits(&policy, &failure, 1), waits(&policy, &failure, 1), waits(&policy, &failure, 2));
        assert_eq!(one, again);
        assert_ne!(one, other);
        assert!(one.iter().flatten().zip([5_000, 10_000, 20_000, 30_000, 30_000]).all(|(wait, cap)| *wait <= cap));
    }

    #[test]
    fn what_cannot_help_is_not_tried_again() {
        let lasting = Failure { lasting: true, ..Failure::new(FailureKind::Status, "404") };
        assert_eq!(waits(&policy(2, 5, 5), &lasting, 1), [None, None]);
        let template = Failure::new(FailureKind::Template, "no such name");
        assert_eq!(waits(&policy(2, 5, 5), &template, 1), [None, None]);
        let only_timeouts = Retry { on: vec![FailureKind::Timeout], ..policy(2, 5, 5) };
        assert_eq!(waits(&only_timeouts, &Failure::new(FailureKind::Exit, "1"), 1), [None, None]);
    }

    #[test]
    fn the_other_side_may_ask_for_more_and_bounds_hold() {
        let asked = Failure { retry_after: Some(60), ..Failure::new(FailureKind::Status, "429") };
        assert_eq!(waits(&policy(2, 5, 5), &asked, 1), [Some(60_000), None]);
        let bounded = Retry { within: Some(Span::from_secs(30)), ..policy(2, 5, 5) };
        assert_eq!(waits(&bounded, &asked, 1), [None, None], "60 s do not fit in `for: 30s`");
    }
}
