//! A ladder, its people and their channels, for tests of the incident machine: nothing waits, everything is at hand.

use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use stepladder::base::actor::{Actor, Role, Via};
use stepladder::base::ids::{IncidentId, Name, RunId};
use stepladder::base::span::Span;
use stepladder::escalation::decide::{Decision, Input, Known, Opening, decide};
use stepladder::escalation::state::Incident;
use stepladder::model::escalation::{Escalation, LadderLevel, Reach, Route, Severity, Unless};
use stepladder::model::message::Address;
use stepladder::model::trouble::{Source, Trouble};

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn span(text: &str) -> Span {
    Span::parse(text).unwrap()
}

pub(crate) fn person(id: &str) -> Actor {
    Actor { id: id.into(), via: Via::Cli, role: Role::Operator }
}

fn severity(climb: &[&str], early: bool, more: [&str; 4], reach: Reach) -> Severity {
    let [within, repeat, lapses, announce] = more;
    Severity {
        title: announce.into(),
        respond_within: Some(span(within)),
        climb: (1..).zip(climb).map(|(level, offset)| (level, span(offset))).collect(),
        climb_early: early,
        repeat: Some(span(repeat)),
        ack_lapses: Some(span(lapses)),
        announce: Some(announce.into()),
        reach: Some(reach),
    }
}

/// The ladder of the language's own page.
pub(crate) fn policy() -> Escalation {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let all = Reach::AtOnce(vec![name("slack"), name("email"), name("sms")]);
    let two = Reach::AtOnce(vec![name("slack"), name("email")]);
    let turns = Reach::InTurn(vec![name("slack"), name("email")], span("5m"));
    let mut policy = Escalation::default();
    policy.severities.extend([
        ("P1".into(), severity(&["0", "15m", "1h", "2h"], true, ["15m", "5m", "30m", "critical"], all)),
        ("P2".into(), severity(&["0", "15m", "2h", "4h"], true, ["1h", "15m", "2h", "high"], two)),
        ("P3".into(), severity(&["0", "15m", "8h"], false, ["4h", "2h", "8h", "medium"], turns)),
    ]);
    let people = |name: &str, page: &str, duties: &[&str]| LadderLevel {
        name: name.into(),
        page: texts(&[page]),
        duties: texts(duties),
        ..LadderLevel::default()
    };
    let first = LadderLevel {
        name: "Automated response".into(),
        gather: vec![name("diagnose")],
        tries: vec![name("auto-recovery"), name("restart-all")],
        limit: Some(span("15m")),
        not_again_within: Some(span("1h")),
        ..LadderLevel::default()
    };
    let last = LadderLevel { unless: Unless::Resolved, ..people("Management", "manager", &["Post-incident review"]) };
    policy.levels.extend([
        (1, first),
        (2, people("On-call engineer", "on_call.owner", &["Manual diagnostics", "Status updates"])),
        (3, people("Senior engineer", "senior", &["Architecture decisions"])),
        (4, last),
    ]);
    policy.on_call.insert(name("platform"), vec![name("ivanova"), name("petrov")]);
    policy.announce.insert("critical".into(), texts(&["slack:#incidents", "email:team@company.com"]));
    policy.announce.insert("high".into(), texts(&["slack:#alerts"]));
    policy.catch_all = texts(&["director"]);
    let route = |matches: &[(&str, &str)], severity: &str, first: Option<&str>| Route {
        matches: matches.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect(),
        severity: Some(severity.into()),
        kind: matches.first().map(|(_, value)| (*value).to_owned()),
        owner: Some(name("platform")),
        first_response: first.map(name),
    };
    policy.routes = vec![route(&[("component", "sip")], "P1", Some("sip-response")), route(&[], "P3", None)];
    policy
}

/// Everything around an incident, as a test sets it.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    /// Who is on call, by rotation; a contact is itself.
    pub(crate) on_call: BTreeMap<String, Vec<Name>>,
    /// People without an address.
    pub(crate) nowhere: BTreeSet<Name>,
    /// When a runbook last began.
    pub(crate) ran: BTreeMap<Name, (RunId, Timestamp)>,
    /// Runbooks that cannot start.
    pub(crate) broken: BTreeSet<Name>,
    /// Who holds what every response waits for.
    pub(crate) holder: Option<String>,
    /// What mutes the incident.
    pub(crate) mute: Option<(String, Timestamp)>,
}

impl World {
    pub(crate) fn new() -> Self {
        let on_call = BTreeMap::from([("on_call.platform".to_owned(), vec![name("ivanova")])]);
        Self { on_call, ..Self::default() }
    }

    pub(crate) fn decide(
        &self,
        policy: &Escalation,
        incident: &mut Incident,
        input: Input,
        now: Timestamp,
    ) -> Result<Decision, String> {
        let contact = |text: &str| match Name::parse(text) {
            Ok(name) if text != "nobody" => vec![name],
            Ok(_) | Err(_) => Vec::new(),
        };
        let reach = |who: &Name, severity: &str| {
            if self.nowhere.contains(who) {
                return Vec::new();
            }
            let (channels, wait) = match policy.severities.get(severity).and_then(|known| known.reach.as_ref()) {
                Some(Reach::AtOnce(channels)) => (channels.clone(), Span::ZERO),
                Some(Reach::InTurn(channels, wait)) => (channels.clone(), *wait),
                None => (vec![name("email")], Span::ZERO),
            };
            let way = |(place, channel): (u64, Name)| {
                let to = format!("{who}@{channel}");
                (Span::from_millis(wait.millis() * place), Address { channel, to })
            };
            (0..).zip(channels).map(way).collect()
        };
        let known = Known {
            who: &|text| self.on_call.get(text).cloned().unwrap_or_else(|| contact(text)),
            reach: &reach,
            ran: &|runbook| self.ran.get(runbook).copied(),
            startable: &|runbook| match self.broken.contains(runbook) {
                true => Err("there is no such runbook".into()),
                false => Ok(()),
            },
            holder: &|_| self.holder.clone(),
            muted: &|_| self.mute.clone(),
        };
        decide(policy, incident, input, &known, now).map_err(|error| error.to_string())
    }
}

/// A trouble under the key `api-watch`.
pub(crate) fn trouble(source: Source, severity: Option<&str>, labels: &[(&str, &str)]) -> Trouble {
    Trouble {
        key: "api-watch".into(),
        title: "The voice API does not answer".into(),
        text: "GET /health: connection refused".into(),
        severity: severity.map(str::to_owned),
        kind: None,
        labels: labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect(),
        owner: None,
        source,
        link: None,
    }
}

pub(crate) fn opening(trouble: Trouble, recurs: Option<(IncidentId, u32)>) -> Input {
    let id = IncidentId::new(1_700_000_000_000, 7);
    Input::Open(Box::new(Opening { id, trouble, texts: BTreeMap::new(), recurs }))
}

/// The word of a script for who told of the trouble; `again` is the how-manieth time.
pub(crate) fn source(word: &str, again: u64) -> Source {
    let run = RunId::new(again, 1);
    match word {
        "run" => Source::Run { runbook: name("api-watch"), run },
        "step" => Source::Step { runbook: name("api-watch"), run, step: "tell/1".into() },
        "person" => Source::Person(person("sidorov")),
        "deadline" => Source::Deadline {
            runbook: name("api-watch"),
            trigger: "nightly".into(),
            due: Timestamp::from_second(i64::try_from(again).unwrap()).unwrap(),
        },
        "inbound" => Source::Inbound { intake: "alertmanager".into(), fingerprint: "a1".into() },
        other => Source::Alert { name: other.into() },
    }
}
