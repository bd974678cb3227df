//! Every form of every event of an incident, as it is kept for ever.

use super::*;
use crate::base::actor::Actor;
use crate::model::trouble::Source;
use std::collections::BTreeMap;
use std::path::Path;

fn named(text: &str) -> Name {
    Name::parse(text).expect(text)
}

fn actor() -> Actor {
    Actor { id: "ivanova".into(), via: Via::Cli, role: Role::Operator }
}

fn trouble(source: Source) -> Trouble {
    Trouble {
        key: "api-watch".into(),
        title: "The voice API does not answer".into(),
        text: "GET /health: connection refused".into(),
        severity: Some("P1".into()),
        kind: Some("api".into()),
        labels: BTreeMap::from([("component".to_owned(), "api".to_owned())]),
        owner: Some(named("platform")),
        source,
        link: Some("https://steps.company.com/runs/1".into()),
    }
}

fn opened(source: Source) -> Event {
    let few =
        Trouble { severity: None, kind: None, labels: BTreeMap::new(), owner: None, link: None, ..trouble(source) };
    Event::Opened(Box::new(Opened {
        id: IncidentId::new(1, 3),
        trouble: few,
        severity: "P3".into(),
        owner: None,
        first_response: None,
        texts: BTreeMap::new(),
        recurs: None,
    }))
}

fn samples() -> Vec<(&'static str, Event)> {
    let at = |text: &str| text.parse::<jiff::Timestamp>().expect(text);
    let until = at("2026-11-24T09:00:00Z");
    let run = RunId::new(1, 2);
    let turn = |who: Option<&str>, after, what| Turn {
        who: who.map(named),
        after: Span::from_secs(after),
        address: Address { channel: named("slack"), to: "@oncall-engineer".into() },
        what,
    };
    let whole = Event::Opened(Box::new(Opened {
        id: IncidentId::new(1, 3),
        trouble: trouble(Source::Run { runbook: named("api-watch"), run }),
        severity: "P1".into(),
        owner: Some(named("platform")),
        first_response: Some(named("p1-response")),
        texts: BTreeMap::from([("escalation.yaml".to_owned(), Digest::of(b""))]),
        recurs: Some((IncidentId::new(0, 9), 2)),
    }));
    let mut samples = vec![
        ("opened", whole),
        ("opened-step", opened(Source::Step { runbook: named("api-watch"), run, step: "tell/1".into() })),
        ("opened-alert", opened(Source::Alert { name: "HighErrorRate".into() })),
        ("opened-inbound", opened(Source::Inbound { intake: "alertmanager".into(), fingerprint: "a1".into() })),
        (
            "opened-deadline",
            opened(Source::Deadline { runbook: named("backup"), trigger: "nightly".into(), due: until }),
        ),
        ("opened-heartbeat", opened(Source::Heartbeat { path: "nightly-import".into() })),
        ("opened-person", opened(Source::Person(actor()))),
        ("opened-engine", opened(Source::Engine { part: "sweep".into() })),
        ("again", Event::Again { source: Source::Alert { name: "x".into() }, text: Some("worse".into()), count: 40 }),
        ("cleared", Event::Cleared { source: Source::Alert { name: "x".into() }, reason: "resolved".into() }),
        ("responding", Event::Responding { run, runbook: named("auto-recovery"), part: Part::Try }),
        ("responding-gather", Event::Responding { run, runbook: named("diagnose"), part: Part::Gather }),
        (
            "passed-over",
            Event::PassedOver { runbook: named("auto-recovery"), part: Part::Try, reason: "it ran".into() },
        ),
        ("stopping", Event::Stopping { run, reason: "the time is over".into() }),
        ("responded-never", Event::Responded { run, outcome: None, level: Level::Critical, text: "no room".into() }),
        ("level-empty", Event::LevelEmpty { level: 2, reason: "nobody".into() }),
        (
            "round",
            Event::Round {
                level: 2,
                number: 3,
                turns: vec![turn(Some("ivanova"), 0, What::Call), turn(None, 300, What::CatchAll)],
            },
        ),
        ("unreached", Event::Unreached { level: 2, who: named("ivanova"), reason: "every way failed".into() }),
        ("undeliverable", Event::Undeliverable { level: 2, reason: "nobody".into() }),
        ("exhausted", Event::Exhausted { reason: "the last level".into() }),
        ("breached-response", Event::Breached { clock: Clock::Response, by: until }),
        ("breached-escalation", Event::Breached { clock: Clock::Escalation, by: until }),
        ("acknowledged", Event::Acknowledged { actor: actor(), who: Some(named("ivanova")), note: "on it".into() }),
        ("acknowledged-unknown", Event::Acknowledged { actor: actor(), who: None, note: String::new() }),
        ("unacknowledged", Event::Unacknowledged { actor: actor(), reason: "asleep".into() }),
        ("lapsed", Event::Lapsed),
        ("snoozed", Event::Snoozed { actor: actor(), until, reason: "a deploy".into() }),
        ("woke", Event::Woke),
        ("assigned", Event::Assigned { actor: actor(), to: named("petrov") }),
        ("severity-changed", Event::SeverityChanged { actor: actor(), to: "P1".into(), reason: "all of it".into() }),
        ("classified", Event::Classified { actor: actor(), kind: "sip".into() }),
        ("noted", Event::Noted { actor: actor(), text: "restarted by hand".into() }),
        ("duty", Event::Duty { actor: actor(), level: 4, index: 2, done: true }),
        ("muted", Event::Muted { silence: "window `deploy`".into(), until }),
        ("unmuted", Event::Unmuted { reason: "it is over".into() }),
    ];
    samples.extend(words());
    samples
}

/// The words of outcomes, reasons, fates, messages and endings.
fn words() -> Vec<(&'static str, Event)> {
    let run = RunId::new(1, 2);
    let page = |who: Option<&str>, what| Page {
        number: 7,
        level: 2,
        who: who.map(named),
        channel: named("sms"),
        address: "+1-555-0123".into(),
        what,
        round: 3,
    };
    let mut samples: Vec<(&'static str, Event)> = Vec::new();
    for outcome in Outcome::ALL {
        let name: &'static str = match outcome {
            Outcome::Succeeded => "responded-succeeded",
            Outcome::Recovered => "responded-recovered",
            Outcome::Failed => "responded-failed",
            Outcome::Skipped => "responded-skipped",
            Outcome::Unreached => "responded-unreached",
            Outcome::Cancelled => "responded-cancelled",
            Outcome::Interrupted => "responded-interrupted",
        };
        samples.push((name, Event::Responded { run, outcome: Some(outcome), level: Level::Ok, text: "done".into() }));
    }
    let whys = ["climbed-time", "climbed-early", "climbed-nobody", "climbed-asked", "climbed-caught-up"];
    samples.extend(
        whys.into_iter().zip(WHYS).map(|(name, why)| (name, Event::Climbed { level: 3, why, reason: "r".into() })),
    );
    let fates = ["settled-accepted", "settled-delivered", "settled-read", "settled-failed", "settled-withdrawn"];
    samples.extend(
        fates.into_iter().zip(FATES).map(|(name, fate)| (name, Event::Settled { page: 7, fate, note: "SM1".into() })),
    );
    let whats = ["call", "reminder", "opening", "climb", "taken", "end", "catch-all"];
    let files =
        ["paged-call", "paged-reminder", "paged-opening", "paged-climb", "paged-taken", "paged-end", "paged-catch-all"];
    samples.extend(files.into_iter().zip(whats).zip(WHATS).map(|((name, word), what)| {
        assert_eq!(what_word(what), word);
        (name, Event::Paged(Box::new(page((what == What::Call).then_some("ivanova"), what))))
    }));
    for (name, how) in [
        ("resolved-person", Ending::Person),
        ("resolved-cleared", Ending::Cleared),
        ("resolved-mended", Ending::Mended),
        ("resolved-step", Ending::Step),
    ] {
        samples.push((
            name,
            Event::Resolved { actor: actor(), how, reason: "good again".into(), key: "api-watch".into() },
        ));
    }
    samples
}

#[test]
fn stored_events_of_incidents_are_read_for_ever() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/events/v1/incident");
    let mut kinds = std::collections::BTreeSet::new();
    for (name, event) in samples() {
        kinds.insert(crate::escalation::evolve::word(&event));
        let sample = Recorded { at: "2026-11-24T03:30:00.25Z".parse().expect("an instant"), event };
        let written = encode_incident(&sample).expect("encodes");
        let file = folder.join(format!("{name}.json"));
        if std::env::var_os("UPDATE").is_some() && !file.exists() {
            std::fs::write(&file, [&written[..], b"\n"].concat()).expect("a new fixture");
        }
        let stored =
            std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}; UPDATE=1 adds it", file.display()));
        assert_eq!(decode_incident(&stored), Ok(sample), "{name}: stored events are never edited; write a version 2");
        assert_eq!(String::from_utf8_lossy(stored.trim_ascii_end()), String::from_utf8_lossy(&written), "{name}");
    }
    assert_eq!(kinds.len(), 29, "every kind of event has a fixture");
}

#[test]
fn what_does_not_read_and_what_is_too_large_is_said() {
    assert!(matches!(decode_incident(br#"{"v":2}"#), Err(CodecError::Newer { found: 2 })));
    for text in [
        r#"{"v":1,"at":"noon","incident":"lapsed"}"#,
        r#"{"v":1,"at":"2026-11-24T03:30:00Z","incident":{"settled":{"page":1,"fate":"lost","note":""}}}"#,
        r#"{"v":1,"at":"2026-11-24T03:30:00Z","incident":{"stopping":{"run":"x","reason":""}}}"#,
        r#"{"v":1,"at":"2026-11-24T03:30:00Z","incident":"gone"}"#,
    ] {
        assert!(matches!(decode_incident(text.as_bytes()), Err(CodecError::Malformed(_))), "{text}");
    }
    let event = Event::Unmuted { reason: "x".repeat(MAX_EVENT) };
    let large = Recorded { at: jiff::Timestamp::UNIX_EPOCH, event };
    assert!(matches!(encode_incident(&large), Err(CodecError::Unstorable(_))));
}
