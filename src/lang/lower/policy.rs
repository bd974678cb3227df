//! From decoded keys to the policies of a step: retries, measures, iteration, environment.

use crate::base::ids::StepId;
use crate::base::level::Level;
use crate::base::span::Span;
use crate::base::value::{Value, plain};
use crate::diagnostic::Code;
use crate::expr::Expr;
use crate::lang::decode::{Ctx, Fields};
use crate::model::measure::Measure;
use crate::model::param::Param;
use crate::model::policy::{FailureKind, Foreach, OnInterrupt, OutputForm, Retry};
use crate::template::Template;
use std::collections::BTreeSet;

/// The length of time a parameter is.
pub(super) fn span(param: &Param) -> Option<Span> {
    param.value()?.as_u64().map(Span::from_millis)
}

/// The template a parameter is.
pub(super) fn template(param: &Param) -> Option<Template> {
    if let Param::Text(template) = param { Some(template.clone()) } else { None }
}

/// The expression a parameter is.
pub(super) fn expr(param: &Param) -> Option<Expr> {
    if let Param::Expr(expr) = param { Some(expr.clone()) } else { None }
}

/// The pairs of a parameter that is a map.
pub(super) fn pairs(param: Option<&Param>) -> &[(String, Param)] {
    match param {
        Some(Param::Map(map)) => map,
        _ => &[],
    }
}

/// The text a parameter is.
pub(super) fn text(param: &Param) -> Option<&str> {
    param.value()?.as_str()
}

fn count(param: &Param) -> Option<u32> {
    param.value()?.as_u64().and_then(|count| u32::try_from(count).ok())
}

/// `retry:`, a number of attempts or a map.
pub(super) fn retry(param: Option<&Param>) -> Option<Retry> {
    let param = param?;
    let get = |key: &str| param.get(key);
    let backoff = get("backoff").and_then(text).unwrap_or("1s..30s");
    let (first, cap) = backoff.split_once("..").unwrap_or((backoff, backoff));
    let words = match get("on") {
        Some(Param::List(list)) => list.iter().filter_map(text).filter_map(FailureKind::parse).collect(),
        _ => Vec::new(),
    };
    Some(Retry {
        attempts: count(param).or_else(|| get("attempts").and_then(count)).unwrap_or(3),
        backoff: Span::parse(first).unwrap_or(Span::from_secs(1)),
        cap: Span::parse(cap).unwrap_or(Span::from_secs(30)),
        jitter: get("jitter").and_then(Param::value).and_then(Value::as_bool).unwrap_or(true),
        within: get("for").and_then(span),
        on: words,
        unless: get("unless").and_then(expr),
    })
}

/// `allow_failure:`, true or a level.
pub(super) fn allow_failure(param: &Param) -> Option<Level> {
    match param.value()? {
        Value::Bool(true) => Some(Level::Warning),
        Value::String(word) => Level::parse(word),
        Value::Null | Value::Bool(false) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `on_interrupt:`.
pub(super) fn on_interrupt(param: &Param) -> Option<OnInterrupt> {
    match text(param)? {
        "retry" => Some(OnInterrupt::Retry),
        "fail" => Some(OnInterrupt::Fail),
        "ask" => Some(OnInterrupt::Ask),
        _ => None,
    }
}

/// `output:`.
pub(super) fn output(param: Option<&Param>) -> OutputForm {
    match param.and_then(text) {
        Some("json") => OutputForm::Json,
        Some("lines") => OutputForm::Lines,
        Some("number") => OutputForm::Number,
        Some("kv") => OutputForm::Kv,
        _ => OutputForm::Text,
    }
}

/// `env:`, a step's own names before those of `defaults`.
pub(super) fn env(ctx: &mut Ctx, fields: &Fields<'_>, inherited: Option<&Param>) -> Vec<(String, Template)> {
    if let Some(node) = fields.node("env") {
        for (key, _) in node.pairs().unwrap_or_default() {
            let name = key.name().unwrap_or_default();
            if name.is_empty()
                || name.starts_with(|c: char| c.is_ascii_digit())
                || name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            {
                ctx.error(
                    Code::BadName,
                    key.spot,
                    format!("`{name}` is no name of an environment variable: letters, digits and `_`, no digit first"),
                );
            }
        }
    }
    let own = fields.map("env");
    let more = pairs(inherited).iter().filter(|(name, _)| !own.iter().any(|(taken, _)| taken == name));
    more.chain(own).filter_map(|(name, param)| Some((name.clone(), template(param)?))).collect()
}

/// Adds the names of an outer map that an inner one does not have.
pub(super) fn add_names(inner: &mut Param, outer: Param) {
    if let (Param::Map(inner), Param::Map(outer)) = (inner, outer) {
        let new = outer.into_iter().filter(|(name, _)| !inner.iter().any(|(taken, _)| taken == name));
        let new: Vec<_> = new.collect();
        inner.extend(new);
    }
}

/// `foreach:` and what belongs to it.
pub(super) fn foreach(fields: &Fields<'_>, ctx: &mut Ctx) -> Option<Foreach> {
    // A list that is wrong was reported: that its items are unknown then says nothing new.
    let field = fields.field("foreach")?;
    let items = field.param.clone().unwrap_or(Param::Value(Value::Null));
    let item = StepId::parse(fields.text("as").unwrap_or("item")).ok()?;
    if let Some(taken) = SCOPE.iter().find(|word| **word == item.as_str()) {
        ctx.error(Code::BadName, fields.field("as")?.node.spot, format!("`as: {taken}` would hide `{taken}`"));
    }
    if let Some(twice) = twice(&items) {
        ctx.error_help(
            Code::DuplicateKey,
            fields.field("foreach")?.node.spot,
            format!("`{twice}` is in the list more than once, and a result is found by its item"),
            "give each item once; for two rounds over the same thing write two steps",
        );
    }
    let max_failures = match fields.value("max_failures") {
        Some(Value::String(_)) => None,
        Some(_) | None => Some(fields.count("max_failures").unwrap_or(1)),
    };
    let max_parallel = fields.count("max_parallel").unwrap_or(1);
    Some(Foreach { items, item, max_parallel, max_failures, allow_empty: fields.flag("allow_empty").unwrap_or(false) })
}

/// The first item of a list as it stands that has the key of one before it.
fn twice(items: &Param) -> Option<String> {
    let known = |item: &Param| match item {
        Param::Value(value) => Some(plain(value)),
        Param::Text(text) => text.literal().map(str::to_owned),
        Param::Expr(_) | Param::List(_) | Param::Map(_) => None,
    };
    let items: Vec<String> = match items {
        Param::List(items) => items.iter().filter_map(known).collect(),
        Param::Value(Value::Array(items)) => items.iter().map(plain).collect(),
        Param::Value(_) | Param::Text(_) | Param::Expr(_) | Param::Map(_) => return None,
    };
    let mut seen = BTreeSet::new();
    items.into_iter().find(|item| !seen.insert(item.clone()))
}

/// The root names of expressions, which no item may hide.
const SCOPE: &[&str] = &[
    "inputs", "vars", "steps", "run", "trigger", "incident", "env", "level", "failed", "output", "error", "secrets",
    "runbook", "it", "plots",
];

/// `measure:`, by name.
pub(super) fn measures(fields: &Fields<'_>, ctx: &mut Ctx) -> Vec<Measure> {
    let mut measures = Vec::new();
    for (name, param) in fields.map("measure") {
        let spot = fields.node("measure").and_then(|node| node.entry(name)).map(|(key, _)| key.spot);
        let id = match StepId::parse(name) {
            Ok(id) => id,
            Err(bad) => {
                if let Some(spot) = spot {
                    ctx.bad_name(spot, name, &bad);
                }
                continue;
            }
        };
        let labels = pairs(param.get("labels"))
            .iter()
            .filter_map(|(label, text)| Some((StepId::parse(label).ok()?, template(text)?)));
        let Some(value) = expr(param).or_else(|| param.get("value").and_then(expr)) else { continue };
        measures.push(Measure {
            name: id,
            each: param.get("each").and_then(expr),
            value,
            unit: param.get("unit").and_then(text).map(str::to_owned),
            labels: labels.collect(),
        });
    }
    measures
}
