//! Which runs go, as a table: finished ones beyond the number, or too old; never what is still needed.

use super::*;
use crate::base::address::Place;
use crate::engine::event::{Event, Parent, Recorded};
use crate::engine::project::project;
use crate::runtime::index::projection;
use crate::store::codec::{self, samples};
use crate::store::memory::Memory;

const DAY: u64 = 86_400_000;

/// A run of runbook `app` that began on that day; the end as it is in `state`.
fn put(journal: &Memory, day: u64, state: &str, parent: Option<RunId>) -> RunId {
    let run = RunId::new(day * DAY, u128::from(day));
    let at = Timestamp::from_millisecond(i64::try_from(day * DAY).expect("a day")).expect("an instant");
    let events = samples::all().into_iter().filter_map(|recorded| match recorded.event {
        Event::Started(mut started) => {
            started.run = run;
            started.runbook = Name::parse("app").expect("a name");
            let place = Place::parse("ask_it").expect("a place");
            started.parent = parent.map(|run| Parent { run, place, attempt: 1 });
            Some(Event::Started(started))
        }
        Event::Ended(ended) => (state == "ended").then_some(Event::Ended(ended)),
        Event::Queued { .. }
        | Event::Admitted
        | Event::CancelAsked { .. }
        | Event::TimedOut
        | Event::Entered(_)
        | Event::ClockSet { .. }
        | Event::Step { .. } => None,
    });
    let mut payloads: Vec<_> = events.map(|event| codec::encode(&Recorded { at, event }).expect("stored")).collect();
    payloads.dedup();
    append(journal, Batch { appends: vec![(run_stream(run), payloads)], ..Batch::default() }).expect("taken");
    run
}

fn days(journal: &Memory) -> Vec<u64> {
    let all = journal.streams("run/").expect("streams");
    let ids = all.iter().map(|(stream, _)| RunId::parse(stream.as_str().trim_start_matches("run/")).expect("an id"));
    (0..400).filter(|day| ids.clone().any(|run| run == RunId::new(day * DAY, u128::from(*day)))).collect()
}

fn keeping(runs: u32, days: u64) -> Keeping {
    Keeping {
        runs,
        age: Span::from_secs(days * 86_400),
        incidents: Span::from_secs(730 * 86_400),
        min_free: 0,
        own: BTreeMap::new(),
    }
}

fn on(day: i64) -> Timestamp {
    Timestamp::from_second(day * 86_400).expect("an instant")
}

#[test]
fn finished_runs_go_by_number_and_age_and_others_stay() {
    let journal = Memory::new(projection());
    let running = put(&journal, 101, "running", None);
    put(&journal, 102, "ended", Some(running));
    for day in 103..110 {
        put(&journal, day, "ended", None);
    }
    assert_eq!(forget_old(&journal, &keeping(100, 400), None, on(111)), Ok(Vec::new()));
    assert_eq!(forget_old(&journal, &keeping(100, 6), None, on(111)).map(|gone| gone.len()), Ok(2));
    // The running one, and what it called, which it may ask about.
    assert_eq!(days(&journal), [101, 102, 105, 106, 107, 108, 109]);
    assert_eq!(forget_old(&journal, &keeping(2, 400), None, on(111)).map(|gone| gone.len()), Ok(3));
    assert_eq!(days(&journal), [101, 102, 108, 109]);
    let rows = journal.scan(BY_RUNBOOK, &[], &[], false, 99).expect("rows");
    assert_eq!(rows.len(), 4, "rows go with their runs");
    let own = BTreeMap::from([(Name::parse("app").expect("a name"), Keep { runs: Some(1), age: None })]);
    let one = Keeping { own, ..keeping(100, 400) };
    assert_eq!(forget_old(&journal, &one, None, on(111)).map(|gone| gone.len()), Ok(1));
    assert_eq!(days(&journal), [101, 102, 109]);
}

#[test]
fn a_run_whose_samples_are_nowhere_else_stays() {
    let journal = Memory::new(projection());
    let (first, second) = (put(&journal, 101, "ended", None), put(&journal, 102, "ended", None));
    let result = samples::all().into_iter().find(|recorded| {
        let row = project(first, 1, recorded);
        row.iter().any(|(tree, _, _)| *tree == SAMPLED)
    });
    let sampled = codec::encode(&result.expect("a sample")).expect("stored");
    let appends = vec![(run_stream(first), vec![sampled.clone()]), (run_stream(second), vec![sampled])];
    append(&journal, Batch { appends, ..Batch::default() }).expect("taken");
    let gone = |through| forget_old(&journal, &keeping(100, 6), through, on(111));
    assert_eq!(gone(None), Ok(Vec::new()), "of nothing is known that it is kept");
    assert_eq!(gone(Some(on(101))), Ok(Vec::new()), "the first ended just then");
    assert_eq!(gone(Some(on(102))), Ok(vec![first]));
    assert_eq!(gone(Some(on(103))), Ok(vec![second]));
}
