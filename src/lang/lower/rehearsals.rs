//! What tests of incidents give and expect.

use super::tests::{span, written};
use crate::base::span::Span;
use crate::diagnostic::Code;
use crate::lang::decode::Ctx;
use crate::lang::yaml::Node;
use crate::model::rehearsal::{Acknowledged, ExpectIncident, GivenIncident, Mending, Resolved};
use crate::model::test::Written;

/// What is given to an incident.
pub(super) fn given(ctx: &mut Ctx, node: &Node) -> GivenIncident {
    let channels = node.get("channels").and_then(Node::pairs).unwrap_or_default();
    GivenIncident {
        level_1: node.get("level_1").and_then(|node| level_1(ctx, node)),
        acknowledged: node.get("acknowledged").and_then(|node| acknowledged(ctx, node)),
        resolved: node.get("resolved").and_then(|node| resolved(ctx, node)),
        cleared: node.get("cleared").and_then(span),
        away: node.get("away").and_then(|node| away(ctx, node)),
        channels: channels.iter().filter_map(|(key, value)| Some((written(key)?, value.name()? == "ok"))).collect(),
    }
}

fn level_1(ctx: &mut Ctx, node: &Node) -> Option<Mending> {
    if node.name() == Some("hangs") {
        return Some(Mending::Hangs);
    }
    let after = |key: &str| node.get(key).and_then(span);
    match (after("ok"), after("fails")) {
        (Some(after), None) => Some(Mending::Helps(after)),
        (None, Some(after)) => Some(Mending::Fails(after)),
        (Some(_), Some(_)) | (None, None) => {
            let help = "write one of `{ ok: 2m }`, `{ fails: 2m }`, `hangs`";
            ctx.error_help(Code::WrongType, node.spot, "level 1 comes to one thing", help);
            None
        }
    }
}

/// An instant after the opening, or a finding that says what else could stand there.
fn after(ctx: &mut Ctx, node: &Node, key: &str, others: &str) -> Option<Span> {
    match Span::parse(node.name()?) {
        Ok(after) => Some(after),
        Err(bad) => {
            let help = format!("write {others}how long after the opening: `20m`");
            ctx.error_help(Code::BadDuration, node.spot, format!("{bad} (at `given.{key}`)"), help);
            None
        }
    }
}

fn acknowledged(ctx: &mut Ctx, node: &Node) -> Option<Acknowledged> {
    match node.name() {
        Some("never") => Some(Acknowledged::Never),
        Some(_) => {
            let after = after(ctx, node, "acknowledged", "`never`, or ")?;
            Some(Acknowledged::After { after, by: None, idle: false })
        }
        None => Some(Acknowledged::After {
            after: node.get("at").and_then(span)?,
            by: node.get("by").and_then(written),
            idle: node.get("idle").and_then(Node::name) == Some("true"),
        }),
    }
}

fn resolved(ctx: &mut Ctx, node: &Node) -> Option<Resolved> {
    let by = node.get("by").and_then(written);
    let after = match node.name() {
        Some(_) => after(ctx, node, "resolved", "")?,
        None => node.get("at").and_then(span)?,
    };
    Some(Resolved { after, by })
}

fn away(ctx: &mut Ctx, node: &Node) -> Option<(Span, Span)> {
    let (from, to) = (node.get("from").and_then(span)?, node.get("to").and_then(span)?);
    if from < to {
        return Some((from, to));
    }
    let help = "`from` is when it stops, `to` when it is back, both counted from the opening";
    ctx.error_help(Code::BadDuration, node.spot, "`given.away` ends before it begins", help);
    None
}

/// What must have come of it.
pub(super) fn expect(ctx: &mut Ctx, node: &Node) -> ExpectIncident {
    let levels = node.get("levels").and_then(Node::pairs).unwrap_or_default();
    let levels: Vec<_> = levels.iter().filter_map(|(key, value)| level(ctx, key, value)).collect();
    let breached = node.get("breached").map(|list| {
        let items = list.items().unwrap_or(std::slice::from_ref(list)).iter();
        Written { value: items.filter_map(|item| Some(item.name()?.to_owned())).collect(), spot: list.spot }
    });
    ExpectIncident { levels, status: node.get("status").and_then(written), breached }
}

fn level(ctx: &mut Ctx, key: &Node, value: &Node) -> Option<(Written<u32>, Option<Span>)> {
    let Some(level) = key.name().and_then(|text| text.parse().ok()) else {
        let help = "levels are numbers: `{ 2: 15m, 3: never }`";
        ctx.error_help(Code::WrongType, key.spot, "this is no level (at `expect.levels`)", help);
        return None;
    };
    let level = Written { value: level, spot: key.spot };
    match (value.name()?, span(value)) {
        ("never", _) => Some((level, None)),
        (_, Some(after)) => Some((level, Some(after))),
        (text, None) => {
            let help = "write `never`, or how long after the opening: `15m`";
            ctx.error_help(
                Code::BadDuration,
                value.spot,
                format!("`{text}` is no duration (at `expect.levels`)"),
                help,
            );
            None
        }
    }
}
