//! `alerts.yaml`: conditions over time.

use crate::base::span::Span;
use crate::diagnostic::Code;
use crate::lang::decode::Ctx;
use crate::lang::keys::alerts::ALERT;
use crate::lang::lower::runbook::labels;
use crate::lang::yaml::Node;
use crate::model::book::Alert;
use std::collections::BTreeMap;

/// Every alert that is right.
pub(super) fn alerts(ctx: &mut Ctx, root: &Node) -> BTreeMap<String, Alert> {
    let mut alerts = BTreeMap::new();
    let Some(pairs) = root.pairs() else {
        ctx.error(Code::WrongType, root.spot, format!("alerts.yaml must be a map of alerts, not {}", root.is_a()));
        return alerts;
    };
    for (key, node) in pairs {
        let name = key.name().unwrap_or_default();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic())
            || name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        {
            ctx.error(
                Code::BadName,
                key.spot,
                format!("`{name}` is no name of an alert: letters, digits and `_`, a letter first"),
            );
        }
        if node.pairs().is_none() {
            ctx.error_help(
                Code::WrongType,
                node.spot,
                format!("`{name}` must be a map, not {}", node.is_a()),
                "write `{ expr: cpu_usage > 85, severity: P3 }`",
            );
            continue;
        }
        let context = format!("the alert `{name}`");
        let fields = ctx.under(name, |ctx| ctx.fields(node, ALERT, Some(&context)));
        let (Some(expr), Some(severity)) = (fields.string("expr"), fields.string("severity")) else { continue };
        let alert = Alert {
            spot: key.spot,
            expr,
            holds_for: fields.span("for").unwrap_or(Span::ZERO),
            keep_firing_for: fields.span("keep_firing_for").unwrap_or(Span::ZERO),
            missing: fields.string("missing").unwrap_or_else(|| "keep".into()),
            severity,
            title: fields.string("title"),
            description: fields.string("description"),
            labels: labels(fields.param("labels")),
        };
        alerts.insert(name.to_owned(), alert);
    }
    alerts
}
