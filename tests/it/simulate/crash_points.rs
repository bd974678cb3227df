//! Every point at which the owner of a run can die: for each template, each batch given to the journal, each way it
//! may end there, and again while the next owner takes it up. The run ends as if nothing had happened.
//!
//! The points within one batch, down to half a write, are those of `store/disk/tests_of_crashes.rs`.

use super::book::templates;
use super::machine::{Machine, Played};
use super::script::{BatchFault, Deed, Item, Script};

/// How a batch ends at which the process dies: nothing of it and of what came with it is kept, it alone, all.
const KEPT: [usize; 3] = [0, 1, 9];

/// Batches after which the next owner dies too; `None` = it lives.
const AGAIN: [Option<u64>; 4] = [None, Some(0), Some(1), Some(2)];

/// Where everything else is drawn from.
const SEED: u64 = 3;

/// Templates in which runs meet: of those two are started.
const MEETING: [&str; 5] = ["group", "crowd", "choosy", "mutex", "both"];

fn runs(template: &str) -> Script {
    let start = |at| Item::At(at, Deed::Start(template.into()));
    let starts = if MEETING.contains(&template) { vec![start(0), start(10)] } else { vec![start(0)] };
    Script { seed: SEED, items: starts }
}

/// A crash changes no end, but for a run that was never acknowledged, and for who comes first where runs meet.
fn same(template: &str, calm: &Played, after: &Played) -> bool {
    let fits = |(calm, after): (&String, &String)| calm == after || after == "never was";
    MEETING.contains(&template) || calm.ends.iter().zip(&after.ends).all(fits)
}

/// Every case of one template: what it is called, and how it went.
fn points(template: &str) -> Vec<Result<(), String>> {
    let script = runs(template);
    let calm = Machine::new(&script).play().unwrap_or_else(|why| panic!("{template}: {why}"));
    let judge = |what: String, played: Result<Played, String>| match played {
        Ok(after) if same(template, &calm, &after) => Ok(()),
        Ok(after) => Err(format!("{what}: {:?} instead of {:?}", after.ends, calm.ends)),
        Err(why) => Err(format!("{what}: {why}")),
    };
    let mut points = Vec::new();
    for at in 0..calm.batches {
        for (kept, again) in KEPT.into_iter().flat_map(|kept| AGAIN.map(|again| (kept, again))) {
            let mut machine = Machine::new(&script);
            machine.stop_at = vec![(at, kept)];
            machine.stop_at.extend(again.map(|more| (at + more + 1, 0)));
            points.push(judge(format!("{template}, batch {at} keeping {kept}, again {again:?}"), machine.play()));
        }
        for fault in [BatchFault::UnknownWritten, BatchFault::UnknownLost, BatchFault::Busy, BatchFault::Broken] {
            let mut script = script.clone();
            script.items.push(Item::Batch(at, fault));
            points.push(judge(format!("{template}, batch {at} {fault:?}"), Machine::new(&script).play()));
        }
    }
    points
}

#[test]
fn a_crash_at_any_batch_of_any_template_changes_no_end() {
    let templates = templates();
    let points: Vec<_> = templates.iter().flat_map(|template| points(template)).collect();
    let wrong: Vec<_> = points.iter().filter_map(|point| point.as_ref().err()).collect();
    println!("{} crash points over {} templates", points.len(), templates.len());
    assert!(wrong.is_empty(), "{} are wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(12)]);
    assert!(templates.len() >= 12 && points.len() >= 2_000);
}
