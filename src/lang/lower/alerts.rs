//! `alerts.yaml`: conditions over time.

use crate::base::ids::StepId;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, FileId, Spot};
use crate::lang::Loaded;
use crate::lang::TextSpot;
use crate::lang::decode::{Ctx, Fields};
use crate::lang::keys::alerts::ALERT;
use crate::lang::lower::runbook::labels;
use crate::lang::yaml::Node;
use crate::model::alert::{Alert, Condition, Missing, Trouble};
use crate::model::measure::Threshold;
use std::collections::BTreeMap;

/// Every alert that is right.
pub(super) fn alerts(ctx: &mut Ctx, root: &Node, loaded: &Loaded) -> BTreeMap<String, Alert> {
    let mut alerts = BTreeMap::new();
    let Some(pairs) = root.pairs() else {
        let message = format!("alerts.yaml must be a map of alerts, not {}", root.is_a());
        ctx.error_help(
            Code::WrongType,
            root.spot,
            message,
            "write each as a line: `HighLoad: { expr: load > 8, for: 5m, severity: P3 }`",
        );
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
        if let Some(alert) = alert(ctx, key.spot, &fields, loaded) {
            alerts.insert(name.to_owned(), alert);
        }
    }
    alerts
}

fn alert(ctx: &mut Ctx, spot: Spot, fields: &Fields<'_>, loaded: &Loaded) -> Option<Alert> {
    for key in ["for", "keep_firing_for"] {
        let long = fields.span(key).and_then(|span| Condition::too_long(&format!("`{key}`"), span));
        if let Some(message) = long {
            let help = "whether it held is read from stored samples: take a shorter time";
            ctx.error_help(Code::AlertWindow, fields.spot(key, spot), message, help);
        }
    }
    let when = condition(ctx, fields, &Thresholds::new(loaded));
    if let Some(severity) = fields.text("severity") {
        crate::lang::check::severity(loaded, severity, fields.spot("severity", spot), &mut ctx.findings);
    }
    let (expr, severity) = (fields.string("expr")?, fields.string("severity")?);
    Some(Alert {
        spot,
        when: when?,
        expr,
        holds_for: fields.span("for").unwrap_or(Span::ZERO),
        keep_firing_for: fields.span("keep_firing_for").unwrap_or(Span::ZERO),
        missing: fields.text("missing").and_then(Missing::parse).unwrap_or(Missing::Keep),
        severity,
        title: fields.string("title"),
        description: fields.string("description"),
        labels: labels(fields.param("labels")),
    })
}

/// The condition, where there is nothing wrong with it.
fn condition(ctx: &mut Ctx, fields: &Fields<'_>, thresholds: &Thresholds<'_>) -> Option<Condition> {
    let (node, text) = (fields.node("expr")?, fields.text("expr")?);
    let place = ctx.text_spot(node, node.scalar()?);
    let mut condition = match Condition::parse(text) {
        Ok(condition) => condition,
        Err(trouble) => {
            ctx.findings.push(thresholds.finding(&trouble, &place));
            return None;
        }
    };
    let troubles = condition.fit(thresholds.measures);
    let unknown = |trouble: &&Trouble| trouble.code == Code::UnknownThreshold;
    for trouble in troubles.iter().filter(|it| !(unknown(it) && thresholds.wrong(text.get(it.at.0..it.at.1)))) {
        ctx.findings.push(thresholds.finding(trouble, &place));
    }
    troubles.is_empty().then_some(condition)
}

/// What is declared, and where.
struct Thresholds<'a> {
    measures: &'a BTreeMap<StepId, Threshold>,
    file: Option<(FileId, &'a str)>,
}

impl<'a> Thresholds<'a> {
    fn new(loaded: &'a Loaded) -> Self {
        let named = |name: &str| matches!(name, "thresholds.yaml" | "thresholds.yml");
        let file = loaded.sources.iter().find(|(_, source)| named(&source.name));
        Self { measures: &loaded.book.thresholds, file: file.map(|(id, source)| (id, &*source.text)) }
    }

    /// Where a measure is declared: its name begins a line, as keys of a map do.
    fn declared(&self, name: &str) -> Option<Spot> {
        let (file, text) = self.file?;
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let key = line.split(':').next().unwrap_or_default();
            if key.trim().trim_matches(['"', '\'']) == name {
                let start = start + key.find(name).unwrap_or_default();
                return Some(Spot { file, start, end: start + name.len() });
            }
            start += line.len();
        }
        None
    }

    /// Whether a name is declared in a way that could not be read, which was said there.
    fn wrong(&self, name: Option<&str>) -> bool {
        name.is_some_and(|name| self.declared(name).is_some())
    }

    fn finding(&self, trouble: &Trouble, place: &TextSpot) -> Diagnostic {
        let (from, to) = trouble.at;
        let finding = Diagnostic::error(trouble.code, place.spot(from, to - from), trouble.message.clone());
        let finding = match &trouble.help {
            Some(help) => finding.help(help.clone()),
            None => finding,
        };
        match trouble.measure.as_ref().and_then(|name| self.declared(name.as_str())) {
            Some(spot) => finding.note(spot, "declared here"),
            None => finding,
        }
    }
}
