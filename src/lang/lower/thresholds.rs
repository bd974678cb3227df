//! `thresholds.yaml`: every name that may be measured.

use crate::base::ids::StepId;
use crate::base::level::Level;
use crate::base::span::Span;
use crate::base::value::Value;
use crate::diagnostic::Code;
use crate::lang::decode::{Ctx, Fields};
use crate::lang::keys::thresholds::THRESHOLD;
use crate::lang::lower::policy::{span, text};
use crate::lang::yaml::Node;
use crate::model::baseline::{Baseline, By, Days, Same};
use crate::model::measure::{Band, Bound, MetricType, Missing, Threshold};
use crate::model::param::Param;
use std::collections::BTreeMap;

/// Worst first, as bands are tested.
const TESTED: [Level; 3] = [Level::Critical, Level::Warning, Level::Notice];

/// Every threshold that is right.
pub(super) fn thresholds(ctx: &mut Ctx, root: &Node) -> BTreeMap<StepId, Threshold> {
    let mut thresholds = BTreeMap::new();
    let Some(pairs) = root.pairs() else {
        let message = format!("thresholds.yaml must be a map of measures, not {}", root.is_a());
        ctx.error_help(
            Code::WrongType,
            root.spot,
            message,
            "write each as a line: `api_latency: { unit: ms, warning: \">= 100\" }`",
        );
        return thresholds;
    };
    for (key, node) in pairs {
        let text = key.name().unwrap_or_default();
        match StepId::parse(text) {
            Ok(name) => {
                if let Some(threshold) = ctx.under(text, |ctx| threshold(ctx, &name, node)) {
                    thresholds.insert(name, threshold);
                }
            }
            Err(bad) => ctx.bad_name(key.spot, text, &bad),
        }
    }
    thresholds
}

fn threshold(ctx: &mut Ctx, name: &StepId, node: &Node) -> Option<Threshold> {
    if node.pairs().is_none() && !node.is_null() {
        ctx.error_help(
            Code::WrongType,
            node.spot,
            format!("`{name}` must be a map, not {}", node.is_a()),
            "write `{ unit: ms, warning: \">= 100\" }`",
        );
        return None;
    }
    let context = format!("the threshold `{name}`");
    let fields = ctx.fields(node, THRESHOLD, Some(&context));
    let bands = |get: &dyn Fn(&str) -> Option<String>| -> Vec<(Level, Band)> {
        TESTED.iter().filter_map(|level| Some((*level, Band::parse(&get(level.as_str())?).ok()?))).collect()
    };
    let threshold = Threshold {
        name: name.clone(),
        metric: match fields.text("type") {
            Some("counter") => MetricType::Counter,
            Some("histogram") => MetricType::Histogram,
            _ => MetricType::Gauge,
        },
        help: fields.string("help"),
        unit: fields.string("unit"),
        labels: fields.texts("labels").iter().filter_map(|label| StepId::parse(label).ok()).collect(),
        bands: bands(&|level| fields.string(level)),
        missing: missing(fields.value("missing")),
        stale_after: fields.span("stale_after"),
        clear: bands(&|level| fields.param("clear")?.get(level).and_then(text).map(str::to_owned)),
        baseline: fields.param("baseline").map(baseline),
    };
    bands_are_met(ctx, &threshold, &fields, node);
    clear_has_band(ctx, &threshold, &fields, node);
    baseline_is_there(ctx, &threshold, &fields, node);
    baseline_is_long_enough(ctx, &threshold, &fields, node);
    Some(threshold)
}

fn missing(value: Option<&Value>) -> Option<Missing> {
    match value? {
        Value::String(word) if word == "keep" => Some(Missing::Keep),
        Value::String(word) => Level::parse(word).map(Missing::Level),
        Value::Number(number) => number.as_f64().map(Missing::Value),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Words that are wrong were said to be so when the map was decoded.
fn baseline(param: &Param) -> Baseline {
    let word = |key: &str| param.get(key).and_then(text).unwrap_or_default();
    let at_least = param.get("at_least").and_then(Param::value).and_then(Value::as_u64);
    Baseline {
        same: Same::parse(word("same")).unwrap_or(Same::Hour),
        of: Days::parse(word("of")).unwrap_or(Days::Every),
        over: param.get("over").and_then(span).unwrap_or(Span::from_secs(28 * 86_400)),
        by: By::parse(word("by")).unwrap_or(By::Median),
        at_least: at_least.and_then(|count| u32::try_from(count).ok()).unwrap_or(7),
    }
}

/// Numbers that stand for all there are, as far as some bands tell them apart.
fn samples<'b>(bands: impl Iterator<Item = &'b Band>) -> Vec<f64> {
    let bounds = bands.flat_map(|band| band.any.iter().flatten()).filter_map(|one| match one.with {
        Bound::Number(number) => Some(number),
        Bound::OfBaseline(_) => None,
    });
    let mut bounds: Vec<f64> = bounds.collect();
    bounds.sort_by(f64::total_cmp);
    let mut samples: Vec<f64> = bounds.windows(2).map(|pair| f64::midpoint(pair[0], pair[1])).collect();
    samples.extend(bounds.first().map(|first| first - 1.0 - first.abs()));
    samples.extend(bounds.last().map(|last| last + 1.0 + last.abs()));
    samples.extend(bounds);
    samples
}

/// A band is of no use where a worse one that is tested first covers it, and `clear` where the level still holds.
fn bands_are_met(ctx: &mut Ctx, threshold: &Threshold, fields: &Fields<'_>, node: &Node) {
    if threshold.bands.iter().any(|(_, band)| band.needs_baseline()) {
        return;
    }
    let values = samples(threshold.bands.iter().map(|(_, band)| band));
    for (level, band) in &threshold.bands {
        if values.iter().any(|value| threshold.judge(*value, None).0 == *level) {
            continue;
        }
        let spot = fields.spot(level.as_str(), node.spot);
        let worse = threshold.bands.iter().map(|(level, _)| level.as_str()).take_while(|name| *name != level.as_str());
        let message = if values.iter().any(|value| band.holds(*value, None)) {
            let worse = worse.collect::<Vec<_>>().join(" and ");
            format!("`{level}` is never met: every value of `{}` is {worse} already", band.text)
        } else {
            format!("`{level}` is never met: no value is `{}`", band.text)
        };
        ctx.error_help(
            Code::BadBand,
            spot,
            message,
            "the worse a level, the further out its band: warning `>= 80`, critical `> 90`",
        );
    }
    for (level, clear) in &threshold.clear {
        let Some((_, band)) = threshold.bands.iter().find(|(known, _)| known == level) else { continue };
        let both = samples([clear, band].into_iter());
        if both.iter().any(|value| clear.holds(*value, None) && band.holds(*value, None)) {
            let spot = fields.node("clear").and_then(|map| map.get(level.as_str())).map_or(node.spot, |node| node.spot);
            let message = format!("`{}` clears `{level}` where its band `{}` still holds", clear.text, band.text);
            let help = "clear on the other side of the band: band `> 90`, clear `< 85`";
            ctx.error_help(Code::BadBand, spot, message, help);
        }
    }
}

/// A level can only be left late if it is entered at all.
fn clear_has_band(ctx: &mut Ctx, threshold: &Threshold, fields: &Fields<'_>, node: &Node) {
    for (level, _) in &threshold.clear {
        if !threshold.bands.iter().any(|(band, _)| band == level) {
            let map = fields.node("clear").and_then(|clear| clear.entry(level.as_str()));
            let spot = map.map_or(node.spot, |(key, _)| key.spot);
            let message = format!("`clear` names `{level}`, which has no band of its own");
            ctx.error_help(Code::BadBand, spot, message, format!("give it one, `{level}: \"> 90\"`, or take this out"));
        }
    }
}

/// A baseline that looks back over fewer days than it needs never comes about.
fn baseline_is_long_enough(ctx: &mut Ctx, threshold: &Threshold, fields: &Fields<'_>, node: &Node) {
    let Some(baseline) = &threshold.baseline else { return };
    let days = baseline.over.millis() / 86_400_000;
    let most = match baseline.of {
        Days::Every => days,
        Days::Weekday => days - days / 7 * 2,
        Days::SameWeekday => days / 7,
    };
    if most < u64::from(baseline.at_least) {
        let map = fields.node("baseline");
        let spot = map.and_then(|map| map.entry("over").or_else(|| map.entry("at_least")));
        let spot = spot.map_or_else(|| fields.spot("baseline", node.spot), |(_, value)| value.spot);
        let message = format!(
            "{} of {} are at most {most} samples, and the baseline needs {}: it never comes about",
            baseline.over,
            baseline.of.as_str(),
            baseline.at_least
        );
        ctx.error_help(Code::BadBand, spot, message, "look further back with `over`, or ask for fewer with `at_least`");
    }
}

/// `of baseline` without `baseline:` would never hold.
fn baseline_is_there(ctx: &mut Ctx, threshold: &Threshold, fields: &Fields<'_>, node: &Node) {
    let clear = |level: Level| {
        let entry = fields.node("clear").and_then(|clear| clear.entry(level.as_str()));
        entry.map_or(node.spot, |(_, band)| band.spot)
    };
    let bands = threshold.bands.iter().map(|(level, band)| (fields.spot(level.as_str(), node.spot), band));
    let clears = threshold.clear.iter().map(|(level, band)| (clear(*level), band));
    for (spot, band) in bands.chain(clears) {
        if band.needs_baseline() && threshold.baseline.is_none() {
            ctx.error_help(
                Code::BadBand,
                spot,
                "this band compares with a baseline, and none is described",
                "add `baseline: { same: hour, over: 28d }`",
            );
        }
    }
}
