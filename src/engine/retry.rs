//! Retry arithmetic. Knows policies and attempts; never reads a clock, never schedules.

use crate::base::address::Place;
use crate::base::digest::Digest;
use crate::base::span::Span;
use crate::engine::reckon::Own;
use crate::model::perform::Failure;
use crate::model::policy::{FailureKind, Retry};
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
    pub(super) began: Own,
    /// How long an attempt may take, where the step says so.
    pub(super) timeout: Option<Span>,
    /// When the run has to end.
    pub(super) run_ends: Option<Own>,
    /// Now.
    pub(super) now: Own,
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

/// What follows from a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Another one, then.
    At(Own),
    /// None: there are no more.
    NoMore,
    /// None, though there are more: why, in a line.
    Refused(String),
}

/// How much is left of `within`, which began to count at `began`.
pub(super) fn left(within: Span, began: Own, now: Own) -> Span {
    Span::from_millis(within.millis().saturating_sub(now.after(began).millis()))
}

/// Why a failure is not tried again whatever the time; `None` = it is.
fn refusal(policy: &Retry, failure: &Failure) -> Option<String> {
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
    if never {
        return Some("not tried again: another attempt would fail in the same way".into());
    }
    let named = policy.on.is_empty() || policy.on.contains(&failure.kind);
    (!named).then(|| format!("not tried again: `retry.on` does not name `{}`", failure.kind.as_str()))
}

/// When the next attempt is due, or why there is none. One begins only where it can end within its run: within its
/// timeout where it has one, at all where it has none.
pub(super) fn next(policy: &Retry, failure: &Failure, attempted: &Attempted<'_>) -> Next {
    if attempted.nth >= policy.attempts {
        return Next::NoMore;
    }
    if let Some(reason) = refusal(policy, failure) {
        return Next::Refused(reason);
    }
    let asked = failure.retry_after.map(Span::from_secs);
    let pause = asked.unwrap_or_else(|| jittered(policy, attempted));
    let due = attempted.now.later(pause);
    let within = policy.within.map(|within| (within, attempted.began.later(within)));
    if let Some((within, end)) = within.filter(|(_, end)| due >= *end) {
        let over = if attempted.now >= end { "is over" } else { "would be over" };
        return Next::Refused(format!("not tried again: `retry.for` of {within} {over}"));
    }
    let ends = [attempted.timeout.map(|timeout| due.later(timeout)), within.map(|(_, end)| end)];
    let ends = ends.into_iter().flatten().min();
    match attempted.run_ends {
        Some(limit) if due >= limit || attempted.timeout.and(ends).is_some_and(|end| end > limit) => {
            Next::Refused("not tried again: it could not end before the run's timeout".into())
        }
        Some(_) | None => Next::At(due),
    }
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
    use jiff::Timestamp;

    fn policy(attempts: u32, backoff: u64, cap: u64) -> Retry {
        let (backoff, cap) = (Span::from_secs(backoff), Span::from_secs(cap));
        Retry { attempts, backoff, cap, jitter: false, within: None, on: Vec::new(), unless: None }
    }

    fn waits(policy: &Retry, failure: &Failure, seed: u64) -> Vec<Option<u64>> {
        let place = Place::root(Lane::Body(1), StepId::parse("x").expect("id"));
        let began = Own::of(Timestamp::UNIX_EPOCH);
        let wait = |nth| {
            let attempted = Attempted { seed, place: &place, nth, began, timeout: None, run_ends: None, now: began };
            match next(policy, failure, &attempted) {
                Next::At(due) => Some(due.after(began).millis()),
                Next::NoMore | Next::Refused(_) => None,
            }
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

    #[test]
    fn an_attempt_begins_where_it_can_end_and_says_why_it_does_not() {
        let place = Place::root(Lane::Body(1), StepId::parse("x").expect("id"));
        let at = |seconds| Own::of(Timestamp::from_second(seconds).expect("instant"));
        let says = |policy: &Retry, failure: &Failure, timeout: Option<u64>, run_ends: i64| {
            let (timeout, run_ends) = (timeout.map(Span::from_secs), Some(at(run_ends)));
            let attempted = Attempted { seed: 1, place: &place, nth: 1, began: at(0), timeout, run_ends, now: at(10) };
            match next(policy, failure, &attempted) {
                Next::At(due) => (due.after(at(0)).millis() / 1_000).to_string(),
                Next::NoMore => "no more".into(),
                Next::Refused(why) => why,
            }
        };
        let exit = Failure::new(FailureKind::Exit, "1");
        let (plain, run_over) = (policy(3, 5, 5), "not tried again: it could not end before the run's timeout");
        assert_eq!(says(&plain, &exit, Some(20), 35), "15", "it may take until 35 s");
        assert_eq!(says(&plain, &exit, Some(20), 34), run_over);
        assert_eq!(says(&plain, &exit, None, 16), "15", "nobody knows how long it takes");
        assert_eq!(says(&plain, &exit, None, 15), run_over);
        let within = Retry { within: Some(Span::from_secs(18)), ..policy(3, 5, 5) };
        assert_eq!(says(&within, &exit, Some(20), 19), "15", "`for` cuts it at 18 s");
        let over = Retry { within: Some(Span::from_secs(15)), ..policy(3, 5, 5) };
        assert_eq!(says(&over, &exit, None, 99), "not tried again: `retry.for` of 15s would be over");
        let on = Retry { on: vec![FailureKind::Timeout], ..policy(3, 5, 5) };
        assert_eq!(says(&on, &exit, None, 99), "not tried again: `retry.on` does not name `exit`");
        assert_eq!(says(&policy(1, 5, 5), &exit, None, 99), "no more");
    }
}
