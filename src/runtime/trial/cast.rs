//! What the world of a test answers: results by step, one for each execution, and what it has been told.

use super::{NotGiven, Spoken};
use crate::act::{self, ProcessExit, Seat, World};
use crate::base::ids::StepId;
use crate::base::span::Span;
use crate::base::value::{Map, Value, json, plain};
use crate::model::book::Book;
use crate::model::kind::Kind;
use crate::model::perform::{Failure, Reply, Request};
use crate::model::policy::FailureKind;
use crate::model::runbook::Runbook;
use crate::model::test::{GivenResult, How, Script, StepPath, Test, Written, resolve};
use crate::runtime::perform::late::timed_out;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The script of a test, and how far it has been played.
pub(super) struct Cast<'t> {
    scripts: BTreeMap<StepPath, &'t Script>,
    /// Executions so far, by step and item.
    counts: BTreeMap<(StepPath, Option<String>), usize>,
    asked: BTreeSet<StepPath>,
}

/// What an execution comes to.
pub(super) enum Answer<'t> {
    /// This.
    Given(&'t GivenResult),
    /// Words for people, which nobody has to give a result for.
    Spoken,
    /// Nothing is given.
    Nothing,
}

impl<'t> Cast<'t> {
    /// The script of a test of this runbook; names that lead nowhere were reported by the checker.
    pub(super) fn new(book: &Book, runbook: &Arc<Runbook>, test: &'t Test) -> Self {
        let scripts = test.given.steps.iter().filter_map(|script| {
            let (path, _) = resolve(book, runbook, &script.step.value).ok()?;
            Some((path, script))
        });
        Self { scripts: scripts.collect(), counts: BTreeMap::new(), asked: BTreeSet::new() }
    }

    /// The next result of a step.
    pub(super) fn next(&mut self, path: &StepPath, item: Option<&str>, kind: &str) -> Answer<'t> {
        let Some(script) = self.scripts.get(path) else {
            let speaks = matches!(Kind::parse(kind), Some(Kind::Notify | Kind::Escalate));
            return if speaks { Answer::Spoken } else { Answer::Nothing };
        };
        self.asked.insert(path.clone());
        let own = item.and_then(|item| script.items.iter().find(|(name, _)| name.value == item));
        let (results, key) = match own {
            Some((name, results)) => (results, Some(name.value.clone())),
            None => (&script.results, None),
        };
        let count = self.counts.entry((path.clone(), key)).or_insert(0);
        let result = results.get(*count).or(results.last());
        *count += 1;
        result.map_or(Answer::Nothing, Answer::Given)
    }

    /// Results that nothing asked for.
    pub(super) fn unasked(&self) -> Vec<Written<String>> {
        let left = self.scripts.iter().filter(|(path, _)| !self.asked.contains(*path));
        left.map(|(_, script)| script.step.clone()).collect()
    }
}

/// The reply of a given result, and after how long; `None` = it never comes. `left` is how long the attempt may take.
pub(super) fn reply(
    request: &Request,
    result: &GivenResult,
    left: Option<Span>,
    world: &World,
) -> Option<(Span, Reply)> {
    let late = |left: Span| (left, out_of_time(request, left));
    if let Some(left) = left.filter(|left| result.takes > *left || result.how == How::Hangs) {
        return Some(late(left));
    }
    let reply = match &result.how {
        How::Hangs => return None,
        How::Lost(known) => Reply::Lost { known: known.clone() },
        How::Fails { kind, message, output } => Reply::Failed(failure(request, *kind, message, output)),
        How::Ok { output, finds } => {
            let given: Map<String, Value> =
                output.iter().map(|(name, value)| (name.value.clone(), value.clone())).collect();
            match act::judge(request, &given, result.takes.into(), world) {
                Reply::Done { output, mut findings } => {
                    findings.extend(finds.iter().cloned());
                    Reply::Done { output, findings }
                }
                other @ (Reply::Failed(_) | Reply::Stopped { .. } | Reply::Lost { .. }) => other,
            }
        }
    };
    Some((result.takes, reply))
}

fn out_of_time(request: &Request, left: Span) -> Reply {
    if act::seat(request) != Seat::Child {
        return timed_out(request);
    }
    let exit = ProcessExit { timed_out: true, duration_ms: left.millis(), ..ProcessExit::default() };
    act::reply(request, &exit, &act::Captured::default(), &act::Captured::default())
}

fn failure(request: &Request, kind: Option<FailureKind>, message: &str, output: &Value) -> Failure {
    let child = act::seat(request) == Seat::Child;
    let kind = kind.unwrap_or(if child { FailureKind::Exit } else { FailureKind::Connect });
    let output = if child && kind == FailureKind::Exit && output.is_null() {
        json!({ "exit_code": 1, "stdout": "", "stderr": message, "value": null, "duration_ms": 0 })
    } else {
        output.clone()
    };
    // As the kinds themselves say: what the other side will not do however often it is asked.
    let status = output.get("status").and_then(Value::as_u64);
    let refused = status.is_some_and(|status| (400..500).contains(&status) && ![408, 429].contains(&status));
    let unknown = output.get("exit_code").and_then(Value::as_i64) == Some(127);
    let lasting = match kind {
        FailureKind::Status => refused,
        FailureKind::Exit => unknown,
        FailureKind::Start | FailureKind::Missing | FailureKind::Template => true,
        FailureKind::Timeout
        | FailureKind::Connect
        | FailureKind::Expect
        | FailureKind::Steps
        | FailureKind::Interrupted
        | FailureKind::Fail
        | FailureKind::Rejected
        | FailureKind::Other => false,
    };
    Failure { output, lasting, ..Failure::new(kind, message) }
}

/// What `notify` and `escalate` come to where nothing is given: everybody was reached.
pub(super) fn delivered(request: &Request, world: &World) -> Reply {
    let reached = |address: String| json!({ "channel": address, "state": "delivered", "reason": "" });
    let (channels, contacts) = addresses(&request.params.shown());
    let given = if Kind::parse(&request.kind) == Some(Kind::Escalate) {
        Map::from_iter([("incident".to_owned(), json!("test"))])
    } else {
        let contacts = contacts.iter().map(|contact| format!("contact {contact}"));
        let deliveries: Vec<Value> = channels.into_iter().chain(contacts).map(reached).collect();
        Map::from_iter([("deliveries".to_owned(), Value::Array(deliveries))])
    };
    act::judge(request, &given, std::time::Duration::ZERO, world)
}

/// What a request says to people, if it does.
pub(super) fn spoken(request: &Request, calls: &[StepId], at: Span) -> Option<Spoken> {
    let kind = Kind::parse(&request.kind)?;
    let pages = kind == Kind::Escalate;
    if !pages && kind != Kind::Notify {
        return None;
    }
    let params = request.params.shown();
    let text = |key: &str| params.get(key).filter(|value| !value.is_null()).map(plain);
    let (channels, contacts) = addresses(&params);
    let channels =
        if channels.is_empty() && contacts.is_empty() && !pages { vec!["terminal".into()] } else { channels };
    Some(Spoken {
        at,
        step: Some((calls.to_vec(), request.place.step().clone())),
        pages,
        channels,
        contacts,
        severity: text("severity"),
        key: text("key"),
        title: text("title"),
        message: text("message").unwrap_or_default(),
    })
}

fn addresses(params: &Value) -> (Vec<String>, Vec<String>) {
    let list = |key: &str| match params.get(key) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(all)) => all.iter().map(plain).collect(),
        Some(one) => vec![plain(one)],
    };
    (list("channel"), list("contact"))
}

/// What a request asked for that nothing was given for.
pub(super) fn not_given(request: &Request, path: StepPath, item: Option<String>, at: Span) -> NotGiven {
    let (attempt, kind, params) = (request.attempt, request.kind.clone(), request.params.shown());
    NotGiven { at, step: path, item, attempt, kind, params }
}
