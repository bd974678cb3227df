//! The closed table of a schedule (invariant 2), whole: every kind of state against every kind of event, as a golden text.

use crate::rust_text::root;
use jiff::Timestamp;
use std::fmt::Write;
use stepladder::base::actor::Actor;
use stepladder::base::digest::Digest;
use stepladder::base::ids::RunId;
use stepladder::schedule::backfill::Left;
use stepladder::schedule::call::Call;
use stepladder::schedule::event::{Event, Fate, Instant, Recorded};
use stepladder::schedule::nominal::Nominal;
use stepladder::schedule::state::Schedule;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn due(second: i64) -> Instant {
    Instant { nominal: Nominal::Utc(at(second)), at: at(second) }
}

fn settled(from: i64, to: i64, count: u64, fate: Fate) -> Event {
    Event::Settled { from: due(from), to: due(to), count, fate, why: None, deadline: None }
}

fn called(second: i64) -> Event {
    let call = Call {
        key: Digest::of(b"k"),
        subject: None,
        inputs: serde_json::Map::new(),
        about: serde_json::Map::new(),
        at: None,
        depth: 0,
        file: Some(("a".into(), Some("1".into()))),
    };
    Event::Called { due: due(second), call: Box::new(call) }
}

/// Every event there is; of those about instants one before the watermark of the states (50), one on it, one after it.
fn events() -> Vec<(String, Event)> {
    let actor = || Actor::engine("test");
    let mut events = vec![
        ("began".to_owned(), Event::Began { after: at(60), times: Digest::of(b"x") }),
        ("withdrawn".into(), Event::Withdrawn),
        ("called 50".into(), called(50)),
        ("called 70".into(), called(70)),
        ("beat".into(), Event::Beat),
        ("silent".into(), Event::Silent { by: at(60) }),
        ("seen".into(), Event::Seen { files: vec![("a".into(), Some("1".into())), ("b".into(), None)] }),
        ("paused".into(), Event::Paused { actor: actor(), reason: "r".into() }),
        ("resumed".into(), Event::Resumed { actor: actor() }),
        ("deadline met".into(), Event::DeadlineMet(due(50).nominal)),
        ("deadline missed".into(), Event::DeadlineMissed { nominal: due(50).nominal, run: None }),
        ("settled 20 to 90, five".into(), settled(20, 90, 5, Fate::SkippedOverlap)),
        ("settled 70 to 90, two".into(), settled(70, 90, 2, Fate::SkippedOverlap)),
        ("settled 70 to 90, one".into(), settled(70, 90, 1, Fate::SkippedOverlap)),
        ("settled 90 to 70, two".into(), settled(90, 70, 2, Fate::SkippedOverlap)),
    ];
    for second in [20, 50, 70] {
        events.push((format!("ran {second}"), Event::Ran { due: due(second), run: RunId::new(1, 1), deadline: None }));
        let had = (second == 20).then(|| Left { fate: Fate::TooOld, why: None, parts: Vec::new() });
        let filled = Event::Backfilled { due: due(second), run: RunId::new(1, 2), actor: actor(), had };
        events.push((format!("backfilled {second}"), filled));
        events.push((format!("queued {second}"), Event::Queued { due: due(second), deadline: None }));
        events.push((format!("settled {second}"), settled(second, second, 1, Fate::TooOld)));
    }
    events
}

/// Every kind of state, each with the events that lead to it; its watermark is 50 where it has one.
fn states() -> Vec<(&'static str, Vec<Event>)> {
    let began = || Event::Began { after: at(10), times: Digest::of(b"") };
    let actor = || Actor::engine("test");
    let ran = |deadline| Event::Ran { due: due(50), run: RunId::new(1, 1), deadline };
    let paused = || Event::Paused { actor: actor(), reason: "r".into() };
    vec![
        ("new", vec![]),
        ("idle", vec![began(), ran(None)]),
        ("with a deadline", vec![began(), ran(Some(at(99)))]),
        ("with a row that may grow", vec![began(), settled(20, 50, 4, Fate::SkippedOverlap)]),
        ("with one that waits", vec![began(), Event::Queued { due: due(50), deadline: None }]),
        (
            "with two that wait",
            vec![
                began(),
                Event::Queued { due: due(20), deadline: None },
                Event::Queued { due: due(50), deadline: None },
            ],
        ),
        ("paused", vec![began(), ran(None), paused()]),
        ("called", vec![began(), ran(None), called(70)]),
        ("with a call that waits", vec![began(), called(50), Event::Queued { due: due(50), deadline: None }]),
        ("silent", vec![began(), ran(None), Event::Silent { by: at(20) }]),
        ("withdrawn", vec![began(), ran(None), Event::Withdrawn]),
        (
            "made up for",
            vec![
                began(),
                settled(20, 50, 4, Fate::SkippedOverlap),
                Event::Backfilled { due: due(30), run: RunId::new(1, 2), actor: actor(), had: None },
            ],
        ),
    ]
}

fn table() -> String {
    let mut text = String::new();
    for (name, before) in states() {
        let before: Vec<Recorded> = before.into_iter().map(|event| Recorded { at: at(1), event }).collect();
        let state = Schedule::replay(&before).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (mut legal, mut refused) = (Vec::new(), 0);
        for (event_name, event) in events() {
            let mut after = state.clone();
            if after.evolve(&Recorded { at: at(2), event }).is_ok() {
                assert_eq!(after.version, state.version + 1);
                legal.push(event_name);
            } else {
                refused += 1;
                assert_eq!(after, state, "{name}: a refused `{event_name}` left something behind");
            }
        }
        let _ = writeln!(text, "{name}: {refused} refused\n    {}", legal.join("\n    "));
    }
    text
}

#[test]
fn the_table_of_a_schedule_is_the_one_that_was_read() {
    let path = root().join("tests/fixtures/events/schedule-transitions.txt");
    let table = table();
    if crate::golden::updating() {
        std::fs::write(&path, &table).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let diff = crate::golden::difference(&kept, &table);
    assert!(diff.is_empty(), "UPDATE=1 rewrites it:\n{diff}");
}
