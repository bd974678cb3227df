//! The closed table (invariant 2), whole: every kind of state against every kind of event, as a golden text.
//!
//! What is not in the table is refused, changes nothing and never panics; what is in it occurs in a
//! fixture or a simulated run.

use crate::rust_text::root;
use crate::{run, simulate};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use stepladder::base::actor::Actor;
use stepladder::base::address::{Lane, Place};
use stepladder::base::ids::{Name, RunId};
use stepladder::base::level::{Level, Outcome};
use stepladder::base::timekeeping::Reckoning;
use stepladder::base::value::{Map, Value};
use stepladder::engine::event::{
    Answer, AttemptResult, Ended, Event, Recorded, Selection, Sought, Stage, Started, StepEnded, StepEvent, Vote,
};
use stepladder::engine::evolve::{begin, evolve};
use stepladder::engine::run::{Run, RunPhase, StepPhase};

/// Legal pairs that no run comes to by itself, and why they are legal all the same.
const UNREACHED: &[(&str, &str)] = &[
    // The timeout of a run counts for its steps alone; the table does not look at timeouts.
    ("Undo", "TimedOut"),
    ("OnFailure", "TimedOut"),
    ("Finally", "TimedOut"),
];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn started() -> Event {
    Event::Started(Box::new(Started {
        run: RunId::new(1, 1),
        runbook: Name::parse("x").unwrap(),
        texts: BTreeMap::new(),
        inputs: Map::new(),
        sealed: BTreeMap::new(),
        vars: Map::new(),
        env: BTreeMap::new(),
        actor: Actor::engine("test"),
        trigger: Value::Null,
        parent: None,
        depth: 0,
        seed: 0,
        node: "n".into(),
        dry: false,
        selection: Selection::default(),
        repeats: None,
        reckoning: None,
    }))
}

fn place() -> Place {
    Place::parse("s").unwrap()
}

fn step(event: StepEvent) -> Event {
    Event::Step { place: place(), event }
}

fn step_ended() -> Box<StepEnded> {
    Box::new(StepEnded {
        outcome: Outcome::Succeeded,
        level: Level::Ok,
        failure: None,
        reason: None,
        output: None,
        planned: None,
    })
}

fn attempt(number: u32, child: bool) -> StepEvent {
    StepEvent::Attempt { number, request: None, deadline: None, child: child.then(|| RunId::new(2, 2)) }
}

fn opened(pass: u32, items: bool) -> StepEvent {
    StepEvent::Opened { pass, deadline: None, until: None, items: items.then(|| vec![Value::from("i")]) }
}

fn attempted(number: u32) -> StepEvent {
    let result = AttemptResult {
        output: Value::Null,
        failure: None,
        stopped: false,
        findings: Vec::new(),
        samples: Vec::new(),
        usage: None,
    };
    StepEvent::Attempted { number, result: Box::new(result) }
}

fn held() -> StepEvent {
    StepEvent::Held { mutex: Name::parse("m").unwrap(), holder: None }
}

fn asked() -> StepEvent {
    StepEvent::Asked { question: "?".into(), known: String::new() }
}

fn answered(answer: Answer) -> StepEvent {
    StepEvent::Answered { actor: Actor::engine("test"), answer }
}

fn sought() -> StepEvent {
    StepEvent::Sought(Box::new(Sought {
        message: "?".into(),
        by: vec!["operator".into()],
        quorum: 2,
        until: Some(at(99)),
    }))
}

fn voted(who: &str, approve: bool) -> StepEvent {
    let actor = Actor { id: who.into(), ..Actor::engine("test") };
    let vote = Vote { actor, person: None, approve, fields: Map::new(), note: String::new(), over: false };
    StepEvent::Voted(Box::new(vote))
}

fn told() -> StepEvent {
    StepEvent::Told { problems: Vec::new() }
}

/// Every event there is, each with a name; of those with numbers the next one, the same, and one that is far off.
fn events() -> Vec<(String, Event)> {
    let group = || Event::Queued { group: Name::parse("g").unwrap(), holders: Vec::new() };
    let mut events: Vec<(String, Event)> = vec![
        ("started".into(), started()),
        ("queued".into(), group()),
        ("admitted".into(), Event::Admitted),
        ("cancel asked".into(), Event::CancelAsked { actor: Actor::engine("test"), reason: "r".into() }),
        ("timed out".into(), Event::TimedOut),
        (
            "ended".into(),
            Event::Ended(Box::new(Ended {
                outcome: Outcome::Succeeded,
                level: Level::Ok,
                reason: "r".into(),
                outputs: Map::new(),
                tells: None,
                unknown: false,
            })),
        ),
    ];
    let reckoning = Reckoning { boot: "b".into(), lead_ms: 0 };
    events.push(("clock set".into(), Event::ClockSet { by_ms: 0, reckoning }));
    for stage in [Stage::Steps, Stage::Undo, Stage::OnFailure, Stage::Finally] {
        events.push((format!("entered {stage:?}"), Event::Entered(stage)));
    }
    let mut steps = vec![
        ("step held".to_owned(), held()),
        ("step asked".into(), asked()),
        ("step sought".into(), sought()),
        ("step told".into(), told()),
        ("step voted by a".into(), voted("a", true)),
        ("step rejected by b".into(), voted("b", false)),
        ("step backoff".into(), StepEvent::Backoff { until: at(99) }),
        ("step judged".into(), StepEvent::Judged { good: true, data: true }),
        ("step rest".into(), StepEvent::Rest { until: at(99) }),
        ("step timed out".into(), StepEvent::TimedOut),
        ("step taken over".into(), StepEvent::TakenOver(step_ended())),
        ("step ended".into(), StepEvent::Ended(step_ended())),
    ];
    for number in [1, 2, 7] {
        steps.push((format!("step attempt {number}"), attempt(number, false)));
        steps.push((format!("step attempted {number}"), attempted(number)));
        steps.push((format!("step opened {number}"), opened(number, false)));
    }
    for answer in [Answer::Go, Answer::Stop, Answer::Succeeded, Answer::Failed, Answer::Again] {
        steps.push((format!("step answered {answer:?}"), answered(answer)));
    }
    for lane in [
        Lane::Body(1),
        Lane::Recover,
        Lane::OnError,
        Lane::Undo,
        Lane::OnFailure,
        Lane::Finally,
        Lane::Until(1),
        Lane::Try(1),
        Lane::Round(1),
    ] {
        steps.push((format!("step lane {lane:?}"), StepEvent::Lane(lane)));
    }
    events.extend(steps.into_iter().map(|(name, event)| (name, step(event))));
    events
}

/// Every kind of state, each with the events that lead to it.
fn states() -> Vec<(&'static str, Vec<Event>)> {
    let queued = || events().remove(1).1;
    let steps = |events: Vec<StepEvent>| events.into_iter().map(step).collect::<Vec<_>>();
    vec![
        ("at work", vec![]),
        ("queued", vec![queued()]),
        ("admitted", vec![queued(), Event::Admitted]),
        ("cancelled", vec![events().remove(3).1]),
        ("late", vec![Event::TimedOut]),
        ("undo", vec![Event::Entered(Stage::Undo)]),
        ("on_failure", vec![Event::Entered(Stage::OnFailure)]),
        ("finally", vec![Event::Entered(Stage::Finally)]),
        ("ended", vec![events().remove(5).1]),
        ("step held", steps(vec![held()])),
        ("step asked", steps(vec![asked()])),
        ("step asked about a lost attempt", steps(vec![attempt(1, false), asked()])),
        ("step waiting for approval", steps(vec![sought()])),
        ("step waiting for approval, told", steps(vec![sought(), told()])),
        ("step approved by a", steps(vec![sought(), voted("a", true)])),
        ("step confirmed", steps(vec![asked(), answered(Answer::Go)])),
        ("step running", steps(vec![attempt(1, false)])),
        ("step running a child", steps(vec![attempt(1, true)])),
        ("step running late", steps(vec![attempt(1, true), StepEvent::TimedOut])),
        ("step ready", steps(vec![attempt(1, false), attempted(1)])),
        ("step backing off", steps(vec![attempt(1, false), attempted(1), StepEvent::Backoff { until: at(9) }])),
        ("step open", steps(vec![opened(1, false)])),
        ("step open over items", steps(vec![opened(1, true)])),
        ("step open late", steps(vec![opened(1, false), StepEvent::TimedOut])),
        ("step recovering", steps(vec![attempt(1, false), attempted(1), StepEvent::Lane(Lane::Recover)])),
        ("step erring", steps(vec![attempt(1, false), attempted(1), StepEvent::Lane(Lane::OnError)])),
        ("step over", steps(vec![StepEvent::Ended(step_ended())])),
    ]
}

/// The whole table: for each state what may follow, and how many may not.
pub(crate) fn table() -> String {
    let mut text = String::new();
    for (name, before) in states() {
        let mut run = begin(&Recorded { at: at(0), event: started() }).unwrap();
        for event in before {
            evolve(&mut run, &Recorded { at: at(1), event }).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let (mut legal, mut refused) = (Vec::new(), 0);
        for (event_name, event) in events() {
            let mut after = run.clone();
            match evolve(&mut after, &Recorded { at: at(2), event }) {
                Ok(()) => legal.push(event_name),
                Err(illegal) => {
                    refused += 1;
                    assert_eq!(illegal.version, run.version + 1, "{name}, {event_name}");
                    assert_eq!(after, run, "{name}: a refused `{event_name}` left something behind");
                }
            }
        }
        let _ = writeln!(text, "{name}: {refused} refused\n    {}", legal.join("\n    "));
    }
    text
}

#[test]
fn the_table_is_the_one_that_was_read() {
    let path = root().join("tests/fixtures/events/transitions.txt");
    let table = table();
    if crate::golden::updating() {
        std::fs::write(&path, &table).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let diff = crate::golden::difference(&kept, &table);
    assert!(diff.is_empty(), "UPDATE=1 rewrites it:\n{diff}");
}

#[test]
fn only_the_first_event_begins_a_run() {
    for (name, event) in events() {
        assert_eq!(begin(&Recorded { at: at(0), event }).is_ok(), name == "started", "{name}");
    }
}

/// The kind of a state and of an event, as coverage counts them.
pub(crate) fn kinds(run: &Run, event: &Event) -> (String, String) {
    let Event::Step { place, event } = event else {
        let state = match &run.phase {
            RunPhase::Queued { .. } => "queued".into(),
            RunPhase::At(stage) => format!("{stage:?}"),
            RunPhase::Ended(_) => "ended".into(),
        };
        let event = match event {
            Event::Entered(stage) => format!("Entered {stage:?}"),
            other => word(&format!("{other:?}")),
        };
        return (state, event);
    };
    let state = match run.phase(place) {
        None => "waiting".into(),
        Some(StepPhase::Asked { attempt, .. }) => format!("Asked {}", attempt.is_some()),
        Some(phase) => word(&format!("{phase:?}")),
    };
    let event = match event {
        StepEvent::Lane(lane) => format!("Lane {}", word(&format!("{lane:?}"))),
        StepEvent::Answered { answer, .. } => format!("Answered {answer:?}"),
        other => word(&format!("{other:?}")),
    };
    (format!("step {state}"), format!("step {event}"))
}

fn word(debug: &str) -> String {
    debug.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().into()
}

/// Every legal pair of kinds, from the table.
fn legal() -> BTreeSet<(String, String)> {
    let mut legal = BTreeSet::new();
    for (_, before) in states() {
        let mut run = begin(&Recorded { at: at(0), event: started() }).unwrap();
        for event in before {
            evolve(&mut run, &Recorded { at: at(1), event }).unwrap();
        }
        for (_, event) in events() {
            let mut after = run.clone();
            if evolve(&mut after, &Recorded { at: at(2), event: event.clone() }).is_ok() {
                legal.insert(kinds(&run, &event));
            }
        }
    }
    legal
}

#[test]
fn every_legal_transition_occurs_in_a_run() {
    let mut seen: BTreeSet<(String, String)> = simulate::transitions(1_000);
    for events in run::every_event() {
        let mut run = begin(&events[0]).unwrap();
        for recorded in &events[1..] {
            seen.insert(kinds(&run, &recorded.event));
            evolve(&mut run, recorded).unwrap();
        }
    }
    let known = |pair: &(String, String)| UNREACHED.iter().any(|(state, event)| pair.0 == *state && pair.1 == *event);
    let missing: Vec<_> = legal().into_iter().filter(|pair| !seen.contains(pair) && !known(pair)).collect();
    assert!(missing.is_empty(), "in the table, and in no run: {missing:#?}");
    let unneeded: Vec<_> =
        UNREACHED.iter().filter(|(state, event)| seen.contains(&((*state).into(), (*event).into()))).collect();
    assert!(unneeded.is_empty(), "these do occur: {unneeded:?}");
}
