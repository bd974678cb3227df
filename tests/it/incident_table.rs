//! The closed table of an incident (invariant 2), whole: every kind of state against every kind of event, as a golden text.

use crate::ladder_world::{name, opening, person, source, trouble};
use crate::rust_text::root;
use jiff::Timestamp;
use std::fmt::Write;
use stepladder::base::actor::Actor;
use stepladder::base::ids::RunId;
use stepladder::base::level::{Level, Outcome};
use stepladder::base::span::Span;
use stepladder::escalation::decide::Input;
use stepladder::escalation::event::{Clock, Ending, Event, Opened, Page, PageFate, Part, Recorded, Turn, What, Why};
use stepladder::escalation::state::Incident;
use stepladder::model::message::Address;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn opened() -> Event {
    let Input::Open(opening) = opening(trouble(source("alert", 1), None, &[]), None) else { panic!("an opening") };
    let (severity, texts) = ("P2".into(), opening.texts);
    let (id, trouble) = (opening.id, opening.trouble);
    Event::Opened(Box::new(Opened { id, trouble, severity, owner: None, first_response: None, texts, recurs: None }))
}

fn turn(who: &str) -> Turn {
    let address = Address { channel: name("sms"), to: who.into() };
    Turn { who: Some(name(who)), after: Span::ZERO, address, what: What::Call }
}

fn page(number: u32, level: u32, round: u32, who: &str) -> Event {
    let (channel, address) = (name("sms"), who.to_owned());
    Event::Paged(Box::new(Page { number, level, who: Some(name(who)), channel, address, what: What::Call, round }))
}

fn climbed(level: u32) -> Event {
    Event::Climbed { level, why: Why::Time, reason: "r".into() }
}

fn round(level: u32, number: u32) -> Event {
    Event::Round { level, number, turns: vec![turn("a"), turn("b")] }
}

fn acknowledged() -> Event {
    Event::Acknowledged { actor: person("a"), who: None, note: String::new() }
}

fn snoozed(until: i64) -> Event {
    Event::Snoozed { actor: person("a"), until: at(until), reason: "r".into() }
}

fn muted(silence: &str, until: i64) -> Event {
    Event::Muted { silence: silence.into(), until: at(until) }
}

fn responding() -> Event {
    Event::Responding { run: RunId::new(1, 1), runbook: name("mend"), part: Part::Try }
}

fn stopping() -> Event {
    Event::Stopping { run: RunId::new(1, 1), reason: "r".into() }
}

fn responded() -> Event {
    let (run, outcome) = (RunId::new(1, 1), Some(Outcome::Succeeded));
    Event::Responded { run, outcome, level: Level::Ok, text: String::new() }
}

fn settled(fate: PageFate) -> Event {
    Event::Settled { page: 1, fate, note: String::new() }
}

fn resolved(key: &str) -> Event {
    Event::Resolved { actor: person("a"), how: Ending::Person, reason: "r".into(), key: key.into() }
}

fn duty(done: bool) -> Event {
    Event::Duty { actor: person("a"), level: 2, index: 0, done }
}

/// Every event there is, each with a name; of those with numbers the next one, the same, and one that is far off.
fn events() -> Vec<(String, Event)> {
    let actor = || Actor::engine("test");
    let r = || "r".to_owned();
    let severity = |to: &str| Event::SeverityChanged { actor: actor(), to: to.into(), reason: r() };
    let mut events: Vec<(String, Event)> = vec![
        ("opened".into(), opened()),
        ("again, 2".into(), Event::Again { source: source("alert", 1), text: None, count: 2 }),
        ("again, 1".into(), Event::Again { source: source("alert", 1), text: None, count: 1 }),
        ("cleared".into(), Event::Cleared { source: source("alert", 1), reason: r() }),
        ("cleared by a stranger".into(), Event::Cleared { source: source("other", 1), reason: r() }),
        ("cleared by a person".into(), Event::Cleared { source: source("person", 1), reason: r() }),
        ("responding".into(), responding()),
        ("passed over".into(), Event::PassedOver { runbook: name("mend"), part: Part::Try, reason: r() }),
        ("stopping".into(), stopping()),
        ("responded".into(), responded()),
        ("unreached".into(), Event::Unreached { level: 2, who: name("a"), reason: r() }),
        ("undeliverable".into(), Event::Undeliverable { level: 2, reason: r() }),
        ("exhausted".into(), Event::Exhausted { reason: r() }),
        ("breached".into(), Event::Breached { clock: Clock::Response, by: at(9) }),
        ("acknowledged".into(), acknowledged()),
        ("unacknowledged".into(), Event::Unacknowledged { actor: actor(), reason: r() }),
        ("lapsed".into(), Event::Lapsed),
        ("snoozed into the past".into(), snoozed(0)),
        ("snoozed".into(), snoozed(99)),
        ("woke".into(), Event::Woke),
        ("assigned".into(), Event::Assigned { actor: actor(), to: name("b") }),
        ("severity P1".into(), severity("P1")),
        ("severity P2".into(), severity("P2")),
        ("classified".into(), Event::Classified { actor: actor(), kind: "sip".into() }),
        ("noted".into(), Event::Noted { actor: actor(), text: "t".into() }),
        ("duty done".into(), duty(true)),
        ("duty undone".into(), duty(false)),
        ("muted".into(), muted("s", 50)),
        ("muted for longer".into(), muted("s", 60)),
        ("muted into the past".into(), muted("s", 0)),
        ("unmuted".into(), Event::Unmuted { reason: r() }),
        ("resolved".into(), resolved("api-watch")),
        ("resolved under another key".into(), resolved("other")),
    ];
    for level in [0, 1, 2, 3] {
        events.push((format!("climbed to {level}"), climbed(level)));
        events.push((format!("level {level} empty"), Event::LevelEmpty { level, reason: r() }));
        for number in [1, 2] {
            events.push((format!("round {number} of {level}"), round(level, number)));
        }
    }
    for (number, level, of, who) in [(1, 2, 1, "a"), (2, 2, 1, "b"), (2, 2, 1, "c"), (2, 2, 2, "b"), (7, 2, 1, "b")] {
        events.push((format!("page {number} of round {of} of {level} to {who}"), page(number, level, of, who)));
    }
    for fate in [PageFate::Accepted, PageFate::Failed] {
        events.push((format!("settled {fate:?}"), settled(fate)));
    }
    events
}

/// Every kind of state, each with the events that lead to it from its opening.
fn states() -> Vec<(&'static str, Vec<Event>)> {
    let told = || vec![climbed(2), round(2, 1), page(1, 2, 1, "a")];
    let with = |more: Vec<Event>| told().into_iter().chain(more).collect::<Vec<_>>();
    vec![
        ("open", vec![]),
        ("responding", vec![responding()]),
        ("stopping", vec![responding(), stopping()]),
        ("on a level", vec![climbed(2)]),
        ("in a round", told()),
        ("told, accepted", with(vec![settled(PageFate::Accepted)])),
        ("acknowledged", with(vec![acknowledged()])),
        ("snoozed", with(vec![snoozed(99)])),
        ("acknowledged and snoozed", with(vec![acknowledged(), snoozed(99)])),
        ("muted", with(vec![muted("s", 50)])),
        ("acknowledged and muted", with(vec![acknowledged(), muted("s", 50)])),
        ("exhausted", with(vec![Event::Exhausted { reason: "r".into() }])),
        ("cleared", with(vec![Event::Cleared { source: source("alert", 1), reason: "r".into() }])),
        ("with a duty done", with(vec![duty(true)])),
        ("resolved", with(vec![resolved("api-watch")])),
        ("resolved with a run that goes on", vec![responding(), resolved("api-watch")]),
    ]
}

fn table() -> String {
    let mut text = String::new();
    let mut states: Vec<(&str, Vec<Event>)> =
        states().into_iter().map(|(name, before)| (name, [vec![opened()], before].concat())).collect();
    states.insert(0, ("new", vec![]));
    for (name, before) in states {
        let before: Vec<Recorded> = before.into_iter().map(|event| Recorded { at: at(1), event }).collect();
        let state = Incident::replay(&before).unwrap_or_else(|error| panic!("{name}: {error}"));
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
fn the_table_of_an_incident_is_the_one_that_was_read() {
    let path = root().join("tests/fixtures/events/incident-transitions.txt");
    let table = table();
    if crate::golden::updating() {
        std::fs::write(&path, &table).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let diff = crate::golden::difference(&kept, &table);
    assert!(diff.is_empty(), "UPDATE=1 rewrites it:\n{diff}");
}
