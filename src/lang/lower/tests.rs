//! `tests/*.yaml`: what is given and what is expected; whether the names in it exist is for a rule to say.

use crate::base::ids::Name;
use crate::base::level::{Level, Outcome};
use crate::base::span::Span;
use crate::base::value::{Map, Value};
use crate::diagnostic::{Code, Diagnostic};
use crate::lang::decode::{Ctx, Fields};
use crate::lang::keys::tests::{RESULT_WORDS, TEST};
use crate::lang::lower::rehearsals;
use crate::lang::yaml::{Node, NodeKind};
use crate::model::perform::Finding;
use crate::model::policy::FailureKind;
use crate::model::shape::Key;
use crate::model::test::{
    Bounds, Expect, ExpectStep, Given, GivenResult, How, Incident, Listed, Reaction, Said, Say, Saying, Script,
    Subject, Test, Written,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What a document gives to the tests below it in its file.
#[derive(Default)]
pub(super) struct Defaults {
    runbook: Option<Written<Name>>,
    given: Given,
}

/// The tests of one file, each with whether it could be read whole: what else is wrong with those that could not is
/// looked for all the same.
pub(super) fn tests(ctx: &mut Ctx, documents: &[&Node], zone: &str) -> Vec<(Test, bool)> {
    let mut shared = Defaults::default();
    let mut tests = Vec::new();
    for root in documents {
        if root.pairs().is_none() {
            let help = "begin with `test: WHAT IS TRIED`, a line for each key";
            ctx.error_help(Code::WrongType, root.spot, format!("a test must be a map, not {}", root.is_a()), help);
        } else if root.get("defaults").is_some() {
            shared = defaults(ctx, root, zone);
        } else {
            tests.extend(test(ctx, root, zone, &shared));
        }
    }
    tests
}

fn defaults(ctx: &mut Ctx, root: &Node, zone: &str) -> Defaults {
    let fields = ctx.fields(root, TEST, Some("a document of defaults"));
    for other in fields.iter().filter(|field| field.name != "defaults") {
        let message = format!("`{}` beside `defaults`", other.name);
        let help = "a document of defaults is nothing else: write `---` and the test below it";
        ctx.findings.push(Diagnostic::error(Code::UnknownKey, other.key, message).help(help));
    }
    let Some(node) = fields.node("defaults") else { return Defaults::default() };
    let runbook =
        node.get("runbook").and_then(|name| Some(Written { value: Name::parse(name.name()?).ok()?, spot: name.spot }));
    Defaults { runbook, given: node.get("given").map(|node| given(ctx, node, zone)).unwrap_or_default() }
}

/// The test of one document, as much of it as could be read, and whether that is all; what is wrong has been said.
fn test(ctx: &mut Ctx, root: &Node, zone: &str, shared: &Defaults) -> Option<(Test, bool)> {
    let before = ctx.findings.counts().0;
    let fields = ctx.fields(root, TEST, Some("a test"));
    for (key, help) in [
        ("test", "add `test:` (what it shows, in a sentence)"),
        ("expect", "add `expect:` (what must have come of it): at least `expect: { outcome: succeeded }`"),
    ] {
        if !fields.has(key) {
            let spot = root.pairs().and_then(|pairs| pairs.first()).map_or(root.spot, |(key, _)| key.spot);
            ctx.error_help(Code::MissingKey, spot, format!("`{key}` is missing in a test"), help);
        }
    }
    let subjects = usize::from(fields.has("runbook")) + usize::from(fields.has("incident"));
    if subjects > 1 || (subjects == 0 && shared.runbook.is_none()) {
        let help = "write one: `runbook: NAME` tries a runbook, `incident: { severity: P1 }` the ladder";
        ctx.error_help(Code::MissingKey, root.spot, "a test needs either `runbook` or `incident`", help);
    }
    expects_something(ctx, &fields, root);
    let subject = match (fields.text("runbook"), fields.node("incident")) {
        (Some(name), _) => Name::parse(name)
            .ok()
            .map(|value| Subject::Runbook(Written { value, spot: fields.spot("runbook", root.spot) })),
        (None, Some(node)) => Some(Subject::Incident(incident(node, zone))),
        (None, None) => shared.runbook.clone().map(Subject::Runbook),
    };
    let own = fields.node("given").map(|node| given(ctx, node, zone)).unwrap_or_default();
    let given = if matches!(subject, Some(Subject::Runbook(_))) { own.over(&shared.given) } else { own };
    let expect = fields.node("expect").map(|node| expect(ctx, node)).unwrap_or_default();
    let title = fields.string("test").unwrap_or_default();
    let test = Test { spot: fields.spot("test", root.spot), title, subject: subject?, given, expect };
    Some((test, ctx.findings.counts().0 == before))
}

/// A test that expects nothing could not fail.
fn expects_something(ctx: &mut Ctx, fields: &Fields<'_>, root: &Node) {
    let empty = fields.node("expect").is_some_and(|node| node.is_null() || node.pairs().is_some_and(<[_]>::is_empty));
    if empty {
        let spot = fields.spot("expect", root.spot);
        let help = "write at least `expect: { outcome: succeeded }`";
        ctx.error_help(Code::MissingKey, spot, "this test expects nothing, so it can't fail", help);
    }
}

fn incident(node: &Node, zone: &str) -> Incident {
    let text = |key: &str| node.get(key).and_then(Node::name).map(str::to_owned);
    let labels = node.get("labels").and_then(Node::pairs).unwrap_or_default();
    Incident {
        spot: node.spot,
        severity: node.get("severity").and_then(written),
        at: text("at").and_then(|at| moment(&at, zone)),
        message: text("message"),
        key: text("key"),
        kind: text("type"),
        labels: labels.iter().filter_map(|(key, value)| Some((key.name()?.into(), value.name()?.into()))).collect(),
    }
}

fn given(ctx: &mut Ctx, node: &Node, zone: &str) -> Given {
    let moment_of = |key: &str| node.get(key)?.get("at").and_then(span);
    let map = |key: &str| node.get(key).and_then(Node::pairs).unwrap_or_default();
    let texts = |(key, value): &(Node, Node)| Some((written(key)?, value.name()?.to_owned()));
    Given {
        at: node.get("at").and_then(Node::name).and_then(|at| moment(at, zone)),
        inputs: map("inputs")
            .iter()
            .filter_map(|(key, value)| Some((written(key)?, Written { value: value.value(), spot: value.spot })))
            .collect(),
        env: map("env").iter().filter_map(texts).collect(),
        trigger: object(node.get("trigger")),
        steps: map("steps").iter().filter_map(|(key, value)| script(ctx, key, value)).collect(),
        answers: map("answers").iter().filter_map(|(key, value)| reaction(key, value)).collect(),
        cancel: moment_of("cancel"),
        crash: moment_of("crash"),
        incident: rehearsals::given(ctx, node),
        keys: keys_in(node, crate::lang::keys::tests::GIVEN),
    }
}

fn script(ctx: &mut Ctx, key: &Node, node: &Node) -> Option<Script> {
    let step = written(key)?;
    let items = node.get("items").and_then(Node::pairs).unwrap_or_default();
    let items: Vec<_> = items.iter().filter_map(|(key, value)| Some((written(key)?, results(ctx, value)))).collect();
    let only_items = node.pairs().is_some_and(|pairs| pairs.len() == 1) && !items.is_empty();
    let results = if only_items { Vec::new() } else { results(ctx, node) };
    Some(Script { step, results, items })
}

fn results(ctx: &mut Ctx, node: &Node) -> Vec<GivenResult> {
    match &node.kind {
        NodeKind::Seq(nodes, _) if nodes.is_empty() => {
            let help = "write `ok`, or a list with at least one result";
            ctx.error_help(Code::WrongType, node.spot, "a list of results is empty", help);
            Vec::new()
        }
        NodeKind::Seq(nodes, _) => nodes.iter().filter_map(|node| result(ctx, node)).collect(),
        NodeKind::Scalar(_) | NodeKind::Map(..) => result(ctx, node).into_iter().collect(),
    }
}

fn result(ctx: &mut Ctx, node: &Node) -> Option<GivenResult> {
    let plain = |how| Some(GivenResult { spot: node.spot, takes: Span::ZERO, how });
    if let Some(word) = node.name() {
        return match RESULT_WORDS.iter().position(|known| *known == word)? {
            0 => plain(How::Ok { output: Vec::new(), finds: Vec::new() }),
            _ => plain(How::Hangs),
        };
    }
    let ways: Vec<&str> = ["ok", "fails", "lost", "hangs"].into_iter().filter(|key| node.get(key).is_some()).collect();
    if let [one, other, ..] = ways.as_slice() {
        let help = "a result ends in one way; a list has one result for each execution";
        ctx.error_help(Code::WrongType, node.spot, format!("`{one}` and `{other}` in one result"), help);
        return None;
    }
    let takes = node.get("takes").and_then(span).unwrap_or(Span::ZERO);
    let how = match ways.first() {
        Some(&"fails") => fails(node.get("fails")?),
        Some(&"lost") => How::Lost(node.get("lost")?.name()?.to_owned()),
        Some(&"hangs") => How::Hangs,
        Some(_) | None => How::Ok { output: output(node.get("ok")), finds: finds(node.get("finds")) },
    };
    Some(GivenResult { spot: node.spot, takes, how })
}

/// The fields that are written; a bare text is what a process prints.
fn output(node: Option<&Node>) -> Vec<(Written<String>, Value)> {
    let Some(node) = node else { return Vec::new() };
    match &node.kind {
        NodeKind::Map(pairs, _) => {
            pairs.iter().filter_map(|(key, value)| Some((written(key)?, value.value()))).collect()
        }
        NodeKind::Scalar(scalar) if !node.is_null() => {
            vec![(Written { value: "stdout".into(), spot: node.spot }, Value::from(scalar.text.to_string()))]
        }
        NodeKind::Scalar(_) | NodeKind::Seq(..) => Vec::new(),
    }
}

fn finds(node: Option<&Node>) -> Vec<Finding> {
    let Some(node) = node else { return Vec::new() };
    let nodes = node.items().unwrap_or(std::slice::from_ref(node));
    let found = |node: &Node| {
        let text = |key: &str| Some(node.get(key)?.name()?.to_owned());
        Some(Finding { level: text("level")?, message: text("message")? })
    };
    let mut finds: Vec<Finding> = nodes.iter().filter_map(found).collect();
    finds.sort_by_key(|finding| Level::parse(&finding.level));
    finds
}

fn fails(node: &Node) -> How {
    if let Some(message) = node.name() {
        return How::Fails { kind: None, message: message.into(), output: Value::Null };
    }
    let text = |key: &str| node.get(key).and_then(Node::name);
    How::Fails {
        kind: text("kind").and_then(FailureKind::parse),
        message: text("message").unwrap_or_default().to_owned(),
        output: node.get("output").map(Node::value).unwrap_or_default(),
    }
}

fn reaction(key: &Node, node: &Node) -> Option<Reaction> {
    let nodes = node.items().unwrap_or(std::slice::from_ref(node));
    Some(Reaction { step: written(key)?, says: nodes.iter().filter_map(saying).collect() })
}

fn saying(node: &Node) -> Option<Saying> {
    let word = node.name().or_else(|| node.get("say").and_then(Node::name))?;
    let say = match word {
        "go" => Say::Go,
        "stop" => Say::Stop,
        "succeeded" => Say::Succeeded,
        "failed" => Say::Failed,
        "again" => Say::Again,
        "approve" => Say::Approve,
        "reject" => Say::Reject,
        _ => return None,
    };
    Some(Saying {
        say,
        after: node.get("after").and_then(span).unwrap_or(Span::ZERO),
        by: node.get("by").and_then(written),
        fields: object(node.get("fields")),
        note: node.get("note").and_then(Node::name).unwrap_or_default().to_owned(),
    })
}

fn expect(ctx: &mut Ctx, node: &Node) -> Expect {
    let text = |key: &str| node.get(key).and_then(written);
    let map = |key: &str| node.get(key).and_then(Node::pairs).unwrap_or_default();
    Expect {
        outcome: text("outcome")
            .and_then(|word| Some(Written { value: Outcome::parse(&word.value)?, spot: word.spot })),
        level: text("level").and_then(|word| Some(Written { value: Level::parse(&word.value)?, spot: word.spot })),
        reason: text("reason"),
        failed_step: text("failed_step"),
        outputs: map("outputs").iter().filter_map(|(key, value)| Some((written(key)?, value.value()))).collect(),
        steps: map("steps").iter().filter_map(|(key, value)| ended(key, value)).collect(),
        ran: node.get("ran").map(|node| listed(node, &|node| node.name().map(str::to_owned))),
        notified: node.get("notified").map(|node| listed(node, &|node| Some(said(node)))),
        paged: node.get("paged").map(|node| listed(node, &|node| Some(said(node)))),
        took: node.get("took").and_then(took),
        incident: rehearsals::expect(ctx, node),
        keys: keys_in(node, crate::lang::keys::tests::EXPECT),
    }
}

fn ended(key: &Node, node: &Node) -> Option<ExpectStep> {
    let text = |name: &str| node.get(name).and_then(Node::name);
    Some(ExpectStep {
        step: written(key)?,
        outcome: node.name().or_else(|| text("outcome")).and_then(Outcome::parse),
        level: text("level").and_then(Level::parse),
        reason: text("reason").map(str::to_owned),
        attempts: text("attempts").and_then(|count| count.parse().ok()),
        output: object(node.get("output")),
    })
}

fn listed<T>(node: &Node, read: &dyn Fn(&Node) -> Option<T>) -> Written<Listed<T>> {
    let one = |node: &Node| Some(Written { value: read(node)?, spot: node.spot });
    let many = |node: Option<&Node>| -> Vec<Written<T>> {
        let Some(node) = node else { return Vec::new() };
        node.items().unwrap_or(std::slice::from_ref(node)).iter().filter_map(one).collect()
    };
    let value = match node.items() {
        Some(items) => Listed::Exactly(items.iter().filter_map(one).collect()),
        None => Listed::Partly { includes: many(node.get("includes")), never: many(node.get("never")) },
    };
    Written { value, spot: node.spot }
}

fn said(node: &Node) -> Said {
    if let Some(text) = node.name() {
        return Said { message: Some(text.to_owned()), ..Said::default() };
    }
    let text = |key: &str| node.get(key).and_then(Node::name).map(str::to_owned);
    let by = node.get("by").map(|by| by.items().unwrap_or(std::slice::from_ref(by)));
    Said {
        at: node.get("at").and_then(span),
        channel: text("channel"),
        contact: text("contact"),
        by: by.unwrap_or_default().iter().filter_map(|way| way.name().map(str::to_owned)).collect(),
        severity: text("severity"),
        key: text("key"),
        title: text("title"),
        message: text("message"),
    }
}

fn took(node: &Node) -> Option<Written<Bounds>> {
    let value = match node.name() {
        Some(text) => {
            let exactly = Span::parse(text).ok()?;
            Bounds { at_least: exactly, at_most: Some(exactly) }
        }
        None => Bounds {
            at_least: node.get("at_least").and_then(span).unwrap_or(Span::ZERO),
            at_most: node.get("at_most").and_then(span),
        },
    };
    Some(Written { value, spot: node.spot })
}

/// Those of the keys that are written.
fn keys_in(node: &Node, keys: &[Key]) -> Vec<Written<&'static str>> {
    let written = keys.iter().filter_map(|key| Some(Written { value: key.name, spot: node.entry(key.name)?.0.spot }));
    written.collect()
}

pub(super) fn written(node: &Node) -> Option<Written<String>> {
    Some(Written { value: node.name()?.to_owned(), spot: node.spot })
}

pub(super) fn span(node: &Node) -> Option<Span> {
    Span::parse(node.name()?).ok()
}

fn object(node: Option<&Node>) -> Map<String, Value> {
    match node.map(Node::value) {
        Some(Value::Object(map)) => map,
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) | None => Map::new(),
    }
}

/// The instant a text means: with an offset as it stands, without one in the book's zone.
fn moment(text: &str, zone: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    zone.to_ambiguous_zoned(civil).compatible().ok().map(|zoned| zoned.timestamp())
}
