//! `escalation.yaml`: severities, levels, people, rotations, routes.

use crate::base::ids::Name;
use crate::base::span::Span;
use crate::base::value::Value;
use crate::diagnostic::Code;
use crate::lang::decode::{Ctx, Fields};
use crate::lang::keys::escalation::ESCALATION;
use crate::lang::lower::policy::{pairs, span, text};
use crate::lang::lower::rotations;
use crate::lang::lower::runbook::labels;
use crate::lang::yaml::Node;
use crate::model::book::Settings;
use crate::model::escalation::{Escalation, LadderLevel, Reach, Route, Severity, Unless};
use crate::model::param::Param;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// The ladder, as much of it as is right.
pub(super) fn ladder(ctx: &mut Ctx, root: &Node, settings: &Settings) -> Option<Escalation> {
    if root.pairs().is_none() {
        let message = format!("escalation.yaml must be a map, not {}", root.is_a());
        ctx.error_help(
            Code::WrongType,
            root.spot,
            message,
            "write each part below its key: `severities:`, `levels:`, `contacts:` …",
        );
        return None;
    }
    let fields = ctx.fields(root, ESCALATION, Some("escalation.yaml"));
    let zone = fields.string("timezone").unwrap_or_else(|| settings.timezone.clone());
    let zone = crate::base::zone::zone(&zone).unwrap_or(TimeZone::UTC);
    let severities =
        fields.map("severities").iter().map(|(name, param)| (name.clone(), severity(ctx, &fields, name, param)));
    let severities = severities.collect();
    let levels = fields.map("levels").iter().filter_map(|(number, param)| {
        let number = level_number(ctx, number, fields.node("levels"))?;
        Some((number, level(param)))
    });
    let levels = levels.collect();
    Some(Escalation {
        severities,
        levels,
        contacts: rotations::contacts(ctx, &fields, &zone),
        on_call: named(ctx, &fields, "on_call", |_, _, param| names(param.get("members"))),
        announce: fields.map("announce").iter().map(|(name, list)| (name.clone(), texts(Some(list)))).collect(),
        catch_all: fields.texts("catch_all"),
        timezone: fields.string("timezone"),
        rotations: rotations::rotations(ctx, &fields, &zone, settings),
        routes: routes(&fields),
        drill: super::drill::drill(ctx, &fields, &zone),
    })
}

/// A map whose keys are names; the others are reported.
pub(super) fn named<T>(
    ctx: &mut Ctx,
    fields: &Fields<'_>,
    key: &str,
    make: impl Fn(&mut Ctx, Option<&Node>, &Param) -> T,
) -> BTreeMap<Name, T> {
    let mut found = BTreeMap::new();
    for (text, param) in fields.map(key) {
        match Name::parse(text) {
            Ok(name) => {
                let node = fields.node(key).and_then(|node| node.get(text));
                let one = make(ctx, node, param);
                found.insert(name, one);
            }
            Err(bad) => {
                if let Some((key, _)) = fields.node(key).and_then(|node| node.entry(text)) {
                    ctx.bad_name(key.spot, text, &bad);
                }
            }
        }
    }
    found
}

fn level_number(ctx: &mut Ctx, text: &str, node: Option<&Node>) -> Option<u32> {
    let number = text.parse::<u32>().ok().filter(|number| *number > 0);
    if let (None, Some((key, _))) = (number, node.and_then(|node| node.entry(text))) {
        ctx.error(Code::BadNumber, key.spot, format!("`{text}` is not a level: they are numbered 1, 2, 3 …"));
    }
    number
}

fn severity(ctx: &mut Ctx, fields: &Fields<'_>, name: &str, param: &Param) -> Severity {
    let node = fields.node("severities").and_then(|node| node.get(name));
    let climb_node = node.and_then(|node| node.get("climb"));
    let climb = pairs(param.get("climb"))
        .iter()
        .filter_map(|(number, at)| Some((level_number(ctx, number, climb_node)?, span(at)?)));
    let climb = climb.collect();
    let reach = param.get("reach").and_then(|reach| {
        let wait = reach.get("wait").and_then(span).unwrap_or(Span::from_secs(300));
        match (reach.get("at_once"), reach.get("in_turn")) {
            (Some(list), None) => Some(Reach::AtOnce(names(Some(list)))),
            (None, Some(list)) => Some(Reach::InTurn(names(Some(list)), wait)),
            (Some(_), Some(_)) | (None, None) => {
                let spot = node.and_then(|node| node.get("reach")).map(|reach| reach.spot);
                if let Some(spot) = spot {
                    let help = "write one: `reach: { at_once: [slack, email] }`, or `in_turn` for one after the other";
                    ctx.error_help(Code::MissingKey, spot, "`reach` needs either `at_once` or `in_turn`", help);
                }
                None
            }
        }
    });
    Severity {
        title: param.get("title").and_then(text).unwrap_or(name).to_owned(),
        respond_within: param.get("respond_within").and_then(span),
        climb,
        climb_early: param.get("climb_early").and_then(Param::value).and_then(Value::as_bool).unwrap_or(false),
        repeat: param.get("repeat").and_then(span),
        ack_lapses: param.get("ack_lapses").and_then(span),
        announce: string(param, "announce"),
        reach,
    }
}

fn level(param: &Param) -> LadderLevel {
    LadderLevel {
        name: string(param, "name").unwrap_or_default(),
        page: texts(param.get("page")),
        gather: names(param.get("gather")),
        tries: names(param.get("try")),
        duties: texts(param.get("duties")),
        limit: param.get("limit").and_then(span),
        not_again_within: param.get("not_again_within").and_then(span),
        unless: if string(param, "unless").as_deref() == Some("resolved") {
            Unless::Resolved
        } else {
            Unless::Acknowledged
        },
    }
}

fn routes(fields: &Fields<'_>) -> Vec<Route> {
    let Some(Param::List(list)) = fields.param("routes") else { return Vec::new() };
    let name = |param: &Param, key: &str| Name::parse(&string(param, key)?).ok();
    let route = |param: &Param| Route {
        matches: labels(param.get("match")),
        severity: string(param, "severity"),
        kind: string(param, "type"),
        owner: name(param, "owner"),
        first_response: name(param, "first_response"),
    };
    list.iter().map(route).collect()
}

/// The text of a key of a map.
pub(super) fn string(param: &Param, key: &str) -> Option<String> {
    param.get(key).and_then(text).map(str::to_owned)
}

/// The texts of a list.
pub(super) fn texts(param: Option<&Param>) -> Vec<String> {
    match param {
        Some(Param::List(list)) => list.iter().filter_map(text).map(str::to_owned).collect(),
        Some(Param::Value(_) | Param::Text(_) | Param::Expr(_) | Param::Map(_)) | None => Vec::new(),
    }
}

/// The names of a list; what is none was reported.
pub(super) fn names(param: Option<&Param>) -> Vec<Name> {
    texts(param).iter().filter_map(|name| Name::parse(name).ok()).collect()
}
