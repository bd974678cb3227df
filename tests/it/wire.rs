//! What is sent and printed as JSON, frozen: one golden file for each stored event and each other shape.

use crate::golden::{files, updating};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{from_str, json, to_string_pretty};
use std::path::Path;
use stepladder::api::wire::{
    AnswerRequest, BackfillReply, BackfillRequest, BrokenFile, CancelMode, CancelRequest, DrillReply, DrillRequest,
    IdleAddress, IncidentFigures, IncidentStatistics, LedgerRow, Lengths, Missing, MissingRequest, MissingRow, Outline,
    OutlineStep, OutputChunk, OutputRequest, OutputStream, OwnerStatus, PersonFigures, PersonReach, Problem,
    ReachReport, Reloaded, RetryRequest, RunDetail, RunRow, RunState, RunsRequest, SourceFigures, StartReply,
    StartRequest, Status, UnfinishedRun, WayFact, WayReach, WeekFigures, What, WhyRequest, WireEvent,
};
use stepladder::store::codec::decode;

/// The shape is printed as its golden file has it, and read back as it was.
fn frozen<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(name: &str, value: &T) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wire").join(format!("{name}.json"));
    let printed = to_string_pretty(value).unwrap() + "\n";
    if updating() && !path.exists() {
        std::fs::write(&path, &printed).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}; UPDATE=1 adds it"));
    assert_eq!(printed, golden, "{name}: fields are added, never renamed or taken away");
    assert_eq!(&from_str::<T>(&golden).unwrap(), value, "{name} does not read back");
}

#[test]
fn events_are_sent_as_they_were_ever_since() {
    let stored = files("events/v1", "json");
    assert!(stored.len() > 15, "the stored events are not where they were");
    for path in stored {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let recorded = decode(std::fs::read(&path).unwrap().trim_ascii_end()).unwrap();
        frozen(&name, &WireEvent::new(7, &recorded));
    }
}

#[test]
fn an_event_of_a_later_version_is_no_error() {
    let event = r#"{"seq":9,"at":"2026-11-23T06:30:00Z","event":"moon_landed","crew":3}"#;
    assert_eq!(from_str::<WireEvent>(event).unwrap().what, What::Unknown);
    let event = r#"{"seq":9,"at":"2026-11-23T06:30:00Z","event":"step_timed_out","place":"a","mood":"bad"}"#;
    assert_eq!(from_str::<WireEvent>(event).unwrap().what, What::StepTimedOut { place: "a".into() });
}

#[test]
fn rows_of_the_ledger_and_what_is_missing_stay() {
    let at = "2026-11-24T01:30:00Z".parse().unwrap();
    let ran = LedgerRow {
        runbook: "backup".into(),
        trigger: "nightly".into(),
        from: "2026-11-24T02:30:00".into(),
        to: "2026-11-24T02:30:00".into(),
        due: at,
        until: at,
        count: 1,
        fate: "ran".into(),
        decided: at,
        run: Some("01kaz3v7q0h5n8w2c4d6e8f0g2".into()),
        how: None,
        by: None,
        why: None,
        calendar: None,
    };
    frozen("ledger-row", &ran);
    let made_up = LedgerRow { how: Some("backfill".into()), by: Some("anna".into()), ..ran };
    frozen("ledger-row-backfill", &made_up);
    let (trigger, nominal) = ("nightly".to_owned(), "2026-11-24T02:30:00".to_owned());
    let missing =
        MissingRow { trigger: trigger.clone(), nominal: nominal.clone(), due: at, fate: Some("too-old".into()) };
    frozen("missing", &Missing { rows: vec![missing], more: 0, ran: 3, waiting: 1, left_out: 2 });
    frozen("request-missing", &MissingRequest { runbook: "backup".into(), trigger: None, from: at, to: at });
    frozen("request-backfill", &BackfillRequest { trigger, nominal, due: at });
    frozen("reply-backfill", &BackfillReply { run: made_up.run, started: true });
}

fn outputs(run: String) {
    let (place, stream) = ("heal[1]/ask".to_owned(), OutputStream::Stderr);
    frozen("request-output", &OutputRequest { run, place: place.clone(), attempt: 1, stream, from: -2048 });
    let text = "connection refused\n".to_owned();
    let chunk =
        OutputChunk { place, attempt: 1, stream, offset: 0, text, bytes: 19, total: 19, flaw: None, recorded: false };
    frozen("output", &chunk);
    let flaw = Some("is not whole: 19 of 4096 bytes that were kept are there".into());
    frozen("output-flawed", &OutputChunk { flaw, recorded: true, ..chunk });
}

#[test]
fn all_other_shapes_stay() {
    let run = || "01kaz3v7q0h5n8w2c4d6e8f0g2".to_owned();
    let probe = OutlineStep {
        id: "ask".into(),
        title: "ask".into(),
        kind: "tcp".into(),
        attempts: 3,
        ..OutlineStep::default()
    };
    let heal = OutlineStep {
        id: "heal".into(),
        title: "Redis is healthy".into(),
        kind: "remedy".into(),
        foreach: true,
        attempts: 1,
        until: vec![probe],
        ..OutlineStep::default()
    };
    let outline = Outline { runbook: "heal".into(), title: "Heal".into(), steps: vec![heal], ..Outline::default() };
    let row = RunRow {
        run: run(),
        runbook: "heal".into(),
        state: RunState::Ended,
        started: "2026-11-23T06:30:00Z".parse().unwrap(),
        ended: Some("2026-11-23T06:30:04.5Z".parse().unwrap()),
        outcome: Some("recovered".into()),
        level: Some("notice".into()),
        reason: Some("kick helped".into()),
        actor: "anna".into(),
        dry: false,
        repeats: None,
        parent: None,
    };
    frozen("reply-start", &StartReply { run: run(), outline: outline.clone() });
    frozen("run-detail", &RunDetail { row, outline, events: Vec::new() });
    let inputs = json!({ "target": "staging" }).as_object().unwrap().clone();
    let start = StartRequest { runbook: "heal".into(), inputs, from: Some("ask".into()), ..StartRequest::default() };
    frozen("request-start", &start);
    let at = "2026-11-24T01:30:00Z".parse().unwrap();
    frozen("request-why", &WhyRequest { runbook: "backup".into(), at });
    frozen("request-retry", &RetryRequest { run: run(), new: None });
    frozen("request-cancel", &CancelRequest { run: run(), reason: "wrong host".into(), mode: CancelMode::Now });
    frozen("request-answer", &AnswerRequest { run: run(), place: "heal[1]/ask".into(), answer: "go".into() });
    frozen("request-runs", &RunsRequest { outcome: vec!["failed".into()], limit: 20, ..RunsRequest::default() });
    outputs(run());
    let broken = BrokenFile {
        file: "runbooks/heal.yaml".into(),
        kept: true,
        since: "2026-11-23T06:30:00Z".parse().unwrap(),
        findings: vec!["runbooks/heal.yaml:2:5: SL0101 unknown key".into()],
    };
    let status = Status {
        owner: Some(OwnerStatus { process: 7, stays: true, since: broken.since, version: "0.1.0".into() }),
        runs: vec![UnfinishedRun {
            run: run(),
            runbook: "heal".into(),
            state: RunState::Queued,
            waits_for: Some("group `one`, held by 01kaz3v7q0h5n8w2c4d6e8f0g3".into()),
            started: broken.since,
        }],
        book_since: Some(broken.since),
        files: 3,
        broken: vec![broken.clone()],
        orphans: [("old".to_owned(), 1)].into(),
        restart: true,
        unobeyed: Vec::new(),
        aside: Vec::new(),
        unreached: Vec::new(),
    };
    frozen("status", &status);
    frozen("status-unobeyed", &Status { unobeyed: vec!["deploy: webhook".into()], ..status.clone() });
    frozen(
        "status-aside",
        &Status { aside: vec!["`group/app` is set aside: its events 3 to 4 are missing".into()], ..status.clone() },
    );
    frozen("status-unreached", &Status { unreached: vec!["every way to `ivanova` failed".into()], ..status });
    frozen("reloaded", &Reloaded { changed: vec!["thresholds.yaml".into()], broken: vec![broken], restart: false });
    let problem = Problem {
        kind: "no-such-runbook".into(),
        title: "no such runbook".into(),
        status: 404,
        detail: "no runbook `heel` in this book".into(),
    };
    frozen("problem", &problem);
}

#[test]
fn figures_of_incidents_and_ways_to_people_stay() {
    let at = "2026-11-24T01:30:00Z".parse().unwrap();
    let lengths = Lengths { count: 2, median_seconds: 60, p90_seconds: 90 };
    let person = PersonFigures { who: "ivanova".into(), pages: 3, failed: 1, out_of_hours: 2, at_night: 1, taken: 2 };
    let (source, name) = ("run".into(), "api-watch".into());
    let count = |word: &str, count: u64| [(word.to_owned(), count)].into();
    let figures = IncidentFigures {
        opened: 3,
        open: 1,
        by_severity: count("P2", 3),
        by_type: count("api", 1),
        ended: count("mended", 2),
        recurred: 1,
        to_acknowledge: Some(lengths.clone()),
        to_resolve: Some(lengths),
        messages: [("sms".to_owned(), count("accepted", 3))].into(),
        pages: 3,
        out_of_hours: 2,
        at_night: 1,
        people: vec![person],
        breaches: count("response", 1),
        late: 1,
        gaps: 1,
        exhausted: 1,
        noisiest: vec![SourceFigures { source, name, incidents: 3, told: 5, pages: 3 }],
    };
    let week = WeekFigures { week: "2026-W48".into(), from: at, to: at, figures: figures.clone() };
    let weeks = vec![week];
    frozen(
        "statistics",
        &IncidentStatistics { zone: "UTC".into(), until: at, only_since: None, unread: 0, weeks, total: figures },
    );
    let fact = |what: &str, drill| WayFact { at, what: what.into(), drill, words: "SM1".into() };
    let way = WayReach {
        channel: "sms".into(),
        to: "+1-555-0123".into(),
        state: "works".into(),
        good: Some(fact("delivered", true)),
        bad: Some(fact("failed", false)),
        confirmed: Some(at),
    };
    let person = PersonReach {
        contact: "ivanova".into(),
        name: "Ivanova".into(),
        soon: true,
        ways: vec![way],
        idle: vec![IdleAddress { channel: "telegram".into(), to: "@ivanova".into() }],
        unreachable: None,
        unproved: None,
    };
    let people = vec![person];
    frozen("reach", &ReachReport { stale_after_seconds: 3_024_000, last_drill: Some(at), next_drill: None, people });
    frozen("request-drill", &DrillRequest { who: vec!["ivanova".into()], channels: vec!["sms".into()] });
    frozen("reply-drill", &DrillReply { drill: "01kaz3v7q0h5n8w2c4d6e8f0g2".into(), pages: 1 });
}
