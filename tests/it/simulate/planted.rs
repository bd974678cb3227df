//! A simulator that has never failed proves nothing: each bug on purpose is found, by the harness it names, in seconds.

use super::play;
use super::script::{FAULTS, Script};
use crate::transitions;
use std::time::Duration;
use stepladder::base::arg::Landing;
use stepladder::base::mask::{Masker, variants};
use stepladder::base::planted::{Bug, choose};
use stepladder::base::value::{Map, Value};
use stepladder::expr::Scope;
use stepladder::template::Template;

/// The longest it may take to find one, of this thread's processor time: others may be at work beside it.
const EACH: Duration = Duration::from_secs(10);

/// Seeds after which the search is given up.
const SEEDS: u64 = 4_000;

/// Says how a harness failed; `None` = it found nothing wrong.
fn harness(name: &str) -> Option<String> {
    match name {
        "simulator" => (0..SEEDS).find_map(|seed| Some(format!("seed {seed}: {}", play(&Script::of(seed)).err()?))),
        "transitions" => {
            let kept = std::fs::read_to_string(crate::rust_text::root().join("tests/fixtures/events/transitions.txt"));
            (kept.unwrap() != transitions::table()).then(|| "2: the table is another".into())
        }
        "schedules" => {
            (0..200).find_map(|seed| super::schedules::play(seed).err().map(|why| format!("seed {seed}: {why}")))
        }
        "incidents" => {
            (0..2_000).find_map(|seed| super::incidents::play(seed).err().map(|why| format!("seed {seed}: {why}")))
        }
        "oracle of clock changes" => {
            crate::clock_changes::differences(&["Europe/Berlin"], 2).into_iter().next().map(|why| format!("5: {why}"))
        }
        "canary" => canary(),
        "escape table" => escape(),
        other => panic!("no harness `{other}`"),
    }
}

/// A secret in several guises, in two pieces, through the mask.
fn canary() -> Option<String> {
    let secret = "s3cret/Zürich 7";
    let guises =
        ["s3cret/Zürich 7", "s3cret%2FZ%C3%BCrich%207", "czNjcmV0L1rDvHJpY2ggN", "7333637265742f5ac3bc726963682037"];
    for guise in guises {
        for cut in (0..=guise.len()).filter(|cut| guise.is_char_boundary(*cut)) {
            let mut masker = Masker::new(&variants(secret)).unwrap();
            let mut seen = Vec::new();
            masker.push(&guise.as_bytes()[..cut], &mut |part| seen.extend_from_slice(part));
            masker.push(&guise.as_bytes()[cut..], &mut |part| seen.extend_from_slice(part));
            masker.finish(&mut |part| seen.extend_from_slice(part));
            let seen = String::from_utf8_lossy(&seen).into_owned();
            if seen.contains(guise) {
                return Some(format!("11: `{seen}` came through, cut at {cut}"));
            }
        }
    }
    None
}

/// A value with a quote in it, in a quoted word of a shell line.
fn escape() -> Option<String> {
    let template = Template::compile("printf '%s' '{{ x }}'", Landing::ShellWord).unwrap();
    let scope = Scope::of(Map::from_iter([("x".to_owned(), Value::from("'; touch HACKED; '"))]));
    let line = template.render(&scope).unwrap().whole().unwrap();
    (line != r"printf '%s' ''\''; touch HACKED; '\'''").then(|| format!("12: the line became {line}"))
}

/// How long this thread has been at work.
fn worked() -> Duration {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(at.tv_sec.unsigned_abs(), u32::try_from(at.tv_nsec).unwrap())
}

#[test]
fn every_planted_bug_is_found() {
    let harnesses: std::collections::BTreeSet<_> = Bug::ALL.iter().map(|bug| bug.harness()).collect();
    for name in harnesses.into_iter().filter(|name| !["simulator", "schedules", "incidents"].contains(name)) {
        assert_eq!(harness(name), None, "{name} is quiet without a bug");
    }
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        choose(Some(*bug));
        let start = worked();
        let found = harness(bug.harness());
        choose(None);
        let took = worked().saturating_sub(start);
        println!(
            "{:>2} {}: {} in {} ms: {}",
            bug.invariant(),
            bug.name(),
            bug.harness(),
            took.as_millis(),
            found.as_deref().and_then(|found| found.lines().next()).unwrap_or("NOT FOUND")
        );
        if found.is_none() || took > EACH {
            missed.push(bug.name());
        }
    }
    assert!(missed.is_empty(), "these bugs were not found in time: {missed:#?}");
    assert!(Bug::ALL.len() >= 20);
}

/// What the page about reliability counts is what there is.
#[test]
fn the_figures_of_the_page_are_those_of_the_code() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reliability.md")).unwrap();
    let faults = FAULTS.len();
    for figure in [format!("{} bugs on purpose", Bug::ALL.len()), format!("{faults} kinds of fault")] {
        assert!(page.contains(&figure), "`docs/reliability.md` does not say `{figure}`");
    }
}

/// Every invariant this release has is undone by one bug at least.
#[test]
fn every_invariant_has_a_planted_bug() {
    let bound = 1..=19;
    let without: Vec<u8> = bound.filter(|number| Bug::ALL.iter().all(|bug| bug.invariant() != *number)).collect();
    assert_eq!(without, [0_u8; 0]);
}
