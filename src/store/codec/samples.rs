//! One event of every kind, with every field filled at least once.

use crate::base::actor::{Actor, Role, Via};
use crate::base::address::{Lane, Place};
use crate::base::arg::{Arg, Landing, Piece, SecretRef, Text};
use crate::base::digest::Digest;
use crate::base::ids::{IncidentId, Name, RunId, StepId};
use crate::base::level::{Level, Outcome};
use crate::base::span::Span;
use crate::base::timekeeping::Reckoning;
use crate::base::value::{Map, Value, json};
use crate::engine::event::{
    Answer, AttemptResult, Ended, Event, Parent, Planned, Recorded, Sample, Selection, Sought, Stage, Started,
    StepEnded, StepEvent, Tells, Vote,
};
use crate::model::perform::{Failure, Finding, Request, Unkept, Usage};
use crate::model::policy::{FailureKind, OutputForm};
use jiff::Timestamp;
use std::collections::BTreeMap;

macro_rules! kinds {
    ($($pattern:pat => $name:literal,)*) => {
        /// Every kind of event; a new variant of the engine's breaks `kind`, a missing sample the test.
        pub(crate) const KINDS: &[&str] = &[$($name),*];

        pub(crate) fn kind(event: &Event) -> &'static str {
            match event { $($pattern => $name),* }
        }
    };
}

kinds! {
    Event::Started(_) => "started",
    Event::Queued { .. } => "queued",
    Event::Admitted => "admitted",
    Event::CancelAsked { .. } => "cancel-asked",
    Event::TimedOut => "timed-out",
    Event::Entered(_) => "entered",
    Event::ClockSet { .. } => "clock-set",
    Event::Ended(_) => "ended",
    Event::Step { event: StepEvent::Held { .. }, .. } => "step-held",
    Event::Step { event: StepEvent::Asked { .. }, .. } => "step-asked",
    Event::Step { event: StepEvent::Answered { .. }, .. } => "step-answered",
    Event::Step { event: StepEvent::Sought(_), .. } => "step-sought",
    Event::Step { event: StepEvent::Told { .. }, .. } => "step-told",
    Event::Step { event: StepEvent::Voted(_), .. } => "step-voted",
    Event::Step { event: StepEvent::Attempt { .. }, .. } => "step-attempt",
    Event::Step { event: StepEvent::Attempted { .. }, .. } => "step-attempted",
    Event::Step { event: StepEvent::Backoff { .. }, .. } => "step-backoff",
    Event::Step { event: StepEvent::Opened { .. }, .. } => "step-opened",
    Event::Step { event: StepEvent::Lane(_), .. } => "step-lane",
    Event::Step { event: StepEvent::Judged { .. }, .. } => "step-judged",
    Event::Step { event: StepEvent::Rest { .. }, .. } => "step-rest",
    Event::Step { event: StepEvent::TimedOut, .. } => "step-timed-out",
    Event::Step { event: StepEvent::TakenOver(_), .. } => "step-taken-over",
    Event::Step { event: StepEvent::Ended(_), .. } => "step-ended",
}

fn id(text: &str) -> StepId {
    StepId::parse(text).expect(text)
}

fn name(text: &str) -> Name {
    Name::parse(text).expect(text)
}

fn at(second: i64) -> Timestamp {
    Timestamp::new(1_795_392_000 + second, 123_456_789).expect("an instant of 2026")
}

fn run(n: u128) -> RunId {
    RunId::new(1_795_392_000_123, n)
}

fn person() -> Actor {
    Actor { id: "1000 ana".into(), via: Via::Socket, role: Role::Operator }
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("an object, not {value}") };
    map
}

fn place() -> Place {
    Place::root(Lane::Body(1), id("fleet")).item(1).child(Lane::Recover, id("restart"))
}

fn failure(kind: FailureKind) -> Failure {
    Failure {
        kind,
        message: "exit code 7".into(),
        output: json!({"stderr": "no"}),
        retry_after: Some(30),
        lasting: true,
    }
}

fn started() -> Started {
    Started {
        run: run(1),
        runbook: name("daily-check"),
        texts: [("daily.yaml".to_owned(), Digest::of(b"steps:")), ("settings.yaml".to_owned(), Digest::of(b""))].into(),
        sealed: BTreeMap::new(),
        inputs: object(json!({"host": "web-1", "token": {"sealed": "k1:abc"}, "list": [1, 2.5, null, "ü\u{0}"]})),
        vars: object(json!({"limit": 80})),
        env: [("LANG".to_owned(), "C".to_owned())].into(),
        actor: person(),
        trigger: json!({"kind": "cron", "due": "2026-11-23T00:00:00Z"}),
        parent: Some(Parent { run: run(2), place: place(), attempt: 3 }),
        depth: 1,
        seed: u64::MAX,
        node: "node-a".into(),
        dry: false,
        selection: Selection { only: vec![id("a"), id("b")], skip: vec![id("c")] },
        repeats: Some(run(3)),
        reckoning: None,
    }
}

/// Every landing place and piece in one request.
pub(crate) fn request() -> Request {
    let landings = [
        Landing::Plain,
        Landing::ShellWord,
        Landing::ShellSingle,
        Landing::ShellDouble,
        Landing::Argv,
        Landing::Env,
        Landing::Url,
        Landing::UrlPart,
        Landing::Json,
        Landing::Html,
        Landing::Markdown,
        Landing::Chat,
        Landing::Header,
        Landing::PathPart,
        Landing::Path,
        Landing::Host,
    ];
    let secret = |landing| Piece::Secret(SecretRef { name: "TOKEN".into(), landing });
    Request {
        run: run(1).to_string(),
        place: place(),
        attempt: 2,
        kind: "shell".into(),
        params: Arg::Map(vec![
            ("sh".into(), Arg::Text(Text(landings.into_iter().map(secret).collect()))),
            ("body".into(), Arg::List(vec![Arg::Value(json!({"n": 1})), Arg::Text(Text::lit("x"))])),
        ]),
        env: vec![("A".into(), Text::lit("1"))],
        workdir: Some(Text::lit("/srv")),
        output: OutputForm::Kv,
        timeout: Some(Span::from_secs(90)),
        sealed: BTreeMap::new(),
        artifacts: Vec::new(),
        rehearsal: false,
        listed: None,
    }
}

/// A sample, with a reading or without.
pub(crate) fn reading(value: Option<f64>) -> Sample {
    Sample {
        name: id("used"),
        labels: [("mount".to_owned(), "/".to_owned())].into(),
        value,
        unit: None,
        level: Level::Critical,
        note: Some(">= 80".into()),
    }
}

fn result() -> AttemptResult {
    let sample = |value: f64, unit: Option<&str>| Sample { unit: unit.map(str::to_owned), ..reading(Some(value)) };
    AttemptResult {
        output: json!({"exit_code": 0, "stdout": "ok\n", "value": null}),
        failure: Some(failure(FailureKind::Exit)),
        stopped: true,
        findings: vec![Finding { level: "notice".into(), message: "slow".into() }],
        samples: vec![sample(81.300_000_000_000_01, Some("%")), sample(f64::INFINITY, None), sample(-0.0, None)],
        usage: None,
    }
}

fn step_ended(output: Option<Value>) -> StepEnded {
    StepEnded {
        outcome: Outcome::Recovered,
        level: Level::Warning,
        failure: Some(failure(FailureKind::Steps)),
        reason: Some("2 of 3 items failed".into()),
        output,
        planned: None,
    }
}

fn step(event: StepEvent) -> Event {
    Event::Step { place: place(), event }
}

fn sought(until: Option<Timestamp>) -> Sought {
    Sought {
        message: "Release 2.5.0 goes live".into(),
        by: vec!["on_call.platform".into(), "admin".into()],
        quorum: 2,
        until,
    }
}

fn vote() -> Vote {
    Vote {
        actor: person(),
        person: Some(name("ivanova")),
        approve: true,
        fields: object(json!({"ticket": "OPS-7", "window": 1800.0})),
        note: "go".into(),
        over: false,
    }
}

fn step_events() -> Vec<Event> {
    let attempt = |request, deadline, child| step(StepEvent::Attempt { number: 2, request, deadline, child });
    let opened = |items| step(StepEvent::Opened { pass: 1, deadline: Some(at(60)), until: Some(at(90)), items });
    vec![
        step(StepEvent::Held { mutex: name("db"), holder: Some(run(9)) }),
        step(StepEvent::Held { mutex: name("db"), holder: None }),
        step(StepEvent::Asked { question: "go on?".into(), known: "pid 7 is gone".into() }),
        step(StepEvent::Answered { actor: person(), answer: Answer::Again }),
        attempt(Some(Box::new(request())), Some(at(60)), Some(run(4))),
        attempt(None, None, None),
        step(StepEvent::Attempted { number: 2, result: Box::new(result()) }),
        step(StepEvent::Backoff { until: at(5) }),
        opened(Some(vec![json!("web-1"), json!({"a": [true]})])),
        opened(Some(Vec::new())),
        opened(None),
        step(StepEvent::Lane(Lane::Round(7))),
        step(StepEvent::Judged { good: true, data: false }),
        step(StepEvent::Rest { until: at(6) }),
        step(StepEvent::TimedOut),
        step(StepEvent::TakenOver(Box::new(step_ended(Some(json!({"n": 1})))))),
        step(StepEvent::Ended(Box::new(step_ended(Some(Value::Null))))),
        step(StepEvent::Ended(Box::new(step_ended(None)))),
    ]
}

/// Every word of every closed list, once.
fn words() -> Vec<Event> {
    let mut all: Vec<Event> = [Stage::Steps, Stage::Undo, Stage::OnFailure, Stage::Finally].map(Event::Entered).into();
    for lane in [
        Lane::Body(2),
        Lane::Recover,
        Lane::OnError,
        Lane::Undo,
        Lane::OnFailure,
        Lane::Finally,
        Lane::Until(1),
        Lane::Try(2),
    ] {
        all.push(step(StepEvent::Lane(lane)));
    }
    for answer in [Answer::Go, Answer::Stop, Answer::Succeeded, Answer::Failed] {
        all.push(step(StepEvent::Answered { actor: Actor::engine("sweep"), answer }));
    }
    for kind in FailureKind::ALL {
        all.push(step(StepEvent::Ended(Box::new(StepEnded { failure: Some(failure(kind)), ..step_ended(None) }))));
    }
    for (via, role) in [(Via::Cli, Role::Viewer), (Via::Api, Role::Admin)] {
        all.push(Event::CancelAsked { actor: Actor { id: String::new(), via, role }, reason: String::new() });
    }
    for outcome in Outcome::ALL {
        for level in Level::ALL {
            let ended = Ended { outcome, level, reason: "x".into(), outputs: Map::new(), tells: None, unknown: false };
            all.push(Event::Ended(Box::new(ended)));
        }
    }
    let incident = IncidentId::new(7, 8);
    for tells in [
        Tells::Response { incident },
        Tells::Good { key: "api-watch".into() },
        Tells::Bad { key: "api-watch".into(), severity: Some("P2".into()) },
        Tells::Bad { key: "api-watch".into(), severity: None },
    ] {
        let ended = Ended {
            outcome: Outcome::Failed,
            level: Level::Critical,
            reason: "x".into(),
            outputs: Map::new(),
            tells: Some(tells),
            unknown: false,
        };
        all.push(Event::Ended(Box::new(ended)));
    }
    for output in [OutputForm::Text, OutputForm::Json, OutputForm::Lines, OutputForm::Number] {
        let request = Some(Box::new(Request { output, workdir: None, timeout: None, ..request() }));
        all.push(step(StepEvent::Attempt { number: 1, request, deadline: None, child: None }));
    }
    all
}

fn sealed(name: &str) -> BTreeMap<String, String> {
    [(name.to_owned(), "0011223344556677:c2VhbGVk".to_owned())].into()
}

/// Fields that came later, each in a file of its own.
pub(crate) fn added() -> Vec<(&'static str, Recorded)> {
    let planned = |planned| step(StepEvent::Ended(Box::new(StepEnded { planned: Some(planned), ..step_ended(None) })));
    let request = Box::new(Request { sealed: sealed("inputs.token"), ..request() });
    let lists = Box::new(Request { listed: Some(vec!["removed app/1.log".into()]), ..self::request() });
    let attempt = StepEvent::Attempt { number: 1, request: Some(request.clone()), deadline: None, child: None };
    let used =
        AttemptResult { usage: Some(Usage { cpu_ms: 1_250, peak_kib: Some(48_128), unkept: Vec::new() }), ..result() };
    let past = Unkept { stream: "stdout".into(), kept: 1 << 20, more: 2 << 20, why: None };
    let lost =
        Unkept { stream: "stderr".into(), kept: 0, more: 12, why: Some("cannot keep the output: no room".into()) };
    let unkept =
        AttemptResult { usage: Some(Usage { cpu_ms: 3, peak_kib: None, unkept: vec![past, lost] }), ..result() };
    let artifacts = vec!["*.log".into(), "out/report.txt".into()];
    let keeps = Some(Box::new(Request { artifacts, ..self::request() }));
    let keeps = StepEvent::Attempt { number: 1, request: keeps, deadline: None, child: None };
    let no = Vote { person: None, approve: false, over: true, fields: Map::new(), ..vote() };
    let reckoning = Reckoning { boot: "3f0c52c4-9d0e-4a55-8d2b-6a2f2c1b7a11".into(), lead_ms: 1_763_000_000_123 };
    let events = vec![
        ("clock-set", Event::ClockSet { by_ms: -3_600_000, reckoning: reckoning.clone() }),
        ("step-attempt-artifacts", step(keeps)),
        ("step-sought", step(StepEvent::Sought(Box::new(sought(Some(at(60))))))),
        ("step-sought-ever", step(StepEvent::Sought(Box::new(sought(None))))),
        (
            "step-told",
            step(StepEvent::Told { problems: vec!["not delivered by contact petrov by email: refused".into()] }),
        ),
        ("step-told-all", step(StepEvent::Told { problems: Vec::new() })),
        ("step-voted", step(StepEvent::Voted(Box::new(vote())))),
        ("step-voted-no", step(StepEvent::Voted(Box::new(no)))),
        ("started-sealed", Event::Started(Box::new(Started { sealed: sealed("token"), ..started() }))),
        ("started-reckoning", Event::Started(Box::new(Started { reckoning: Some(reckoning), ..started() }))),
        ("step-attempt-sealed", step(attempt)),
        ("step-attempted-usage", step(StepEvent::Attempted { number: 1, result: Box::new(used) })),
        ("step-attempted-unkept", step(StepEvent::Attempted { number: 1, result: Box::new(unkept) })),
        ("ended-unknown", Event::Ended(Box::new(Ended { unknown: true, ..run_ended() }))),
        ("step-ended-planned", planned(Planned::Request(request))),
        ("step-ended-listed", planned(Planned::Request(lists))),
        ("step-ended-unknown", planned(Planned::Unknown("`steps.build.output` is missing".into()))),
    ];
    events.into_iter().map(|(name, event)| (name, Recorded { at: at(0), event })).collect()
}

fn run_ended() -> Ended {
    Ended {
        outcome: Outcome::Failed,
        level: Level::Critical,
        reason: "step `restart` failed".into(),
        outputs: object(json!({"helped": false})),
        tells: None,
        unknown: false,
    }
}

/// One event of every kind first of its kind, then every variation.
pub(crate) fn all() -> Vec<Recorded> {
    let ended = run_ended();
    let bare = Started {
        inputs: Map::new(),
        vars: Map::new(),
        env: [].into(),
        trigger: Value::Null,
        parent: None,
        repeats: None,
        dry: true,
        selection: Selection::default(),
        ..started()
    };
    let mut events = vec![
        Event::Started(Box::new(started())),
        Event::Started(Box::new(bare)),
        Event::Queued { group: name("app"), holders: vec![run(5), run(6)] },
        Event::Admitted,
        Event::CancelAsked { actor: person(), reason: "wrong host".into() },
        Event::TimedOut,
        Event::Ended(Box::new(ended)),
    ];
    events.extend(step_events());
    events.extend(words());
    let events = (0..).zip(events).map(|(second, event)| Recorded { at: at(second), event });
    events.chain(added().into_iter().map(|(_, event)| event)).collect()
}
