//! Where alerts stand: tables, and that what is derived is what somebody who watched all the time would have seen.

use super::*;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_second(secs).expect("an instant")
}

fn secs(secs: i64) -> SignedDuration {
    SignedDuration::from_secs(secs)
}

fn rule(holds_for: i64, keep: i64, missing: Missing) -> Rule {
    Rule { holds_for: secs(holds_for), keep: secs(keep), missing, step: STEP, back: secs(1_000_000) }
}

/// What is known at an instant: `x` it holds, `.` it does not, `?` and whatever is before the first nothing.
fn known(text: &str, now: Timestamp) -> Option<bool> {
    let place = usize::try_from(now.as_second() / 15).ok()?;
    match text.as_bytes().get(place) {
        Some(b'x') => Some(true),
        Some(b'.') => Some(false),
        Some(_) | None => None,
    }
}

/// Where an alert stands at each instant of the text: `-`, `p`, `F`.
fn derived(rule: &Rule, text: &str) -> String {
    let shown = |place: usize| {
        let now = at(i64::try_from(place).expect("small") * 15);
        let earlier = |when: Timestamp| if when.as_second() < 0 { None } else { known(text, when) };
        match (Rule { back: now.duration_since(at(0)), ..*rule }).phase(now, false, earlier) {
            Phase::Quiet => '-',
            Phase::Pending { .. } => 'p',
            Phase::Firing => 'F',
        }
    };
    (0..text.len()).map(shown).collect()
}

#[test]
fn an_alert_fires_once_it_held_for_long_enough_until_it_has_not_for_long_enough() {
    for (holds_for, keep, missing, text, want) in [
        (0, 0, Missing::Keep, ".x.xx.", "-F-FF-"),
        (30, 0, Missing::Keep, ".xx.xxxx.", "-pp-ppFF-"),
        (30, 45, Missing::Keep, "xxx..x.x...", "ppFFFFFFFF-"),
        // A short run long after the last fires anew only after its time.
        (15, 30, Missing::Keep, "xx..x.xx.", "pFF-p-pFF"),
        // Without samples it stays as it is: pending, firing or neither.
        (30, 0, Missing::Keep, "?x?x?.?", "-ppFF--"),
        (0, 0, Missing::Keep, "x???.??", "FFFF---"),
        (0, 30, Missing::Keep, "x.????.", "FFFFFF-"),
        (30, 0, Missing::Ok, "xxx?xx", "ppF-pp"),
        (15, 30, Missing::Ok, "xx?xx??", "pFFFFF-"),
        (30, 0, Missing::Fire, "?.???.", "p-ppF-"),
    ] {
        assert_eq!(
            derived(&rule(holds_for, keep, missing), text),
            want,
            "for {holds_for} keep {keep} {missing:?} {text}"
        );
    }
}

#[test]
fn what_was_told_counts_where_nothing_else_is_known() {
    let rule = rule(0, 0, Missing::Keep);
    let short = Rule { back: secs(60), ..rule };
    assert_eq!(short.phase(at(600), true, |_| None), Phase::Firing);
    assert_eq!(short.phase(at(600), false, |_| None), Phase::Quiet);
    assert_eq!(short.phase(at(600), true, |when| (when == at(555)).then_some(false)), Phase::Quiet);
    assert_eq!((Rule { missing: Missing::Ok, ..short }).phase(at(600), true, |_| None), Phase::Quiet);
}

#[test]
fn pending_says_since_when_and_short_waits_are_looked_at_more_often() {
    let rule = rule(60, 0, Missing::Keep);
    let holds = |when: Timestamp| Some(when >= at(40));
    assert_eq!(rule.phase(at(80), false, holds), Phase::Pending { since: at(45) });
    assert_eq!(rule.phase(at(104), false, holds), Phase::Pending { since: at(45) });
    assert_eq!(rule.phase(at(105), false, holds), Phase::Firing);
    let span = |text: &str| Span::parse(text).expect("a span");
    let steps = [["0s", "0s"], ["2s", "0s"], ["30s", "5m"], ["5m", "10s"], ["5m", "5m"]];
    assert_eq!(steps.map(|[a, b]| step(&[span(a), span(b)])), [15_000, 1_000, 7_000, 2_000, 15_000]);
}

/// Somebody who watches all the time.
#[derive(Clone, Copy)]
enum Seen {
    Quiet,
    Pending(i64),
    Firing(i64),
}

fn watch(rule: &Rule, seen: Seen, now: i64, holds: Option<bool>) -> Seen {
    let (wait, keep) = (rule.holds_for.as_secs(), rule.keep.as_secs());
    match (rule.read(holds), seen) {
        (None, seen) => seen,
        (Some(true), Seen::Firing(_)) => Seen::Firing(now),
        (Some(true), Seen::Pending(since)) if now - since >= wait => Seen::Firing(now),
        (Some(true), Seen::Pending(since)) => Seen::Pending(since),
        (Some(true), Seen::Quiet) if wait == 0 => Seen::Firing(now),
        (Some(true), Seen::Quiet) => Seen::Pending(now),
        (Some(false), Seen::Firing(last)) if now - last < keep => Seen::Firing(last),
        (Some(false), _) => Seen::Quiet,
    }
}

#[test]
fn derived_from_samples_it_stands_where_it_would_if_it_had_been_watched_all_the_time() {
    let mut chance = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |most: u64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance % most
    };
    let mut fired = 0;
    for _ in 0..4_000 {
        let missing = [Missing::Keep, Missing::Ok, Missing::Fire][usize::try_from(below(3)).expect("small")];
        let wait = |turns: u64| i64::try_from(turns).expect("small") * 15;
        let rule = rule(wait(below(6)), wait(below(6)), missing);
        let mut text = String::new();
        // Runs of the same, so that something has time to happen.
        while text.len() < 40 {
            let word = ["x", "x", ".", "?"][usize::try_from(below(4)).expect("small")];
            text.push_str(&word.repeat(usize::try_from(below(6) + 1).expect("small")));
        }
        let mut seen = Seen::Quiet;
        let mut watched = String::new();
        for place in 0..text.len() {
            let now = i64::try_from(place).expect("small") * 15;
            seen = watch(&rule, seen, now, known(&text, at(now)));
            watched.push(match seen {
                Seen::Quiet => '-',
                Seen::Pending(_) => 'p',
                Seen::Firing(_) => 'F',
            });
        }
        fired += usize::from(watched.contains("F-"));
        assert_eq!(derived(&rule, &text), watched, "{text} {rule:?}");
    }
    assert!(fired > 1_000, "only {fired} of them fired and ended");
}
