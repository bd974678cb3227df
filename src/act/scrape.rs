//! `scrape`: a `/metrics` page, and values picked from it.

use crate::act::args::Args;
use crate::act::exposition::{Page, Sample};
use crate::act::millis;
use crate::act::verdict::{Done, Verdict, beginning, bounds, latency, tidy};
use crate::act::web::{Call, url, wrong_status};
use crate::act::world::World;
use crate::base::value::{Map, Value, json, plain};
use crate::model::buckets::{self, OrderedBound, histogram_quantile};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::collections::BTreeMap;

pub(super) async fn perform(args: &Args, world: &World) -> Result<Done, Failure> {
    let call = Call::get(url(&args.need("url")?)?);
    let subject = call.subject();
    let answer = call.send(args, world).await?;
    if answer.status != 200 {
        return Err(wrong_status(&subject, &answer, "200", world));
    }
    let page = Page::parse(&answer.text()).map_err(|(line, text)| {
        let message = format!("{subject}: line {line} is no metric: `{}`", beginning(&text));
        Failure::new(FailureKind::Expect, message)
    })?;
    let (mut values, mut absent) = (Map::new(), Vec::new());
    for (name, how) in args.map("pick") {
        match pick(&page, &how)? {
            Ok(value) => drop(values.insert(name, tidy(value))),
            Err(why) => absent.push(format!("`{name}`: {why}")),
        }
    }
    let mut histograms = Map::new();
    for (name, how) in args.map("histograms") {
        match histogram(&page, &how)? {
            Ok(rows) => drop(histograms.insert(name, Value::Array(rows))),
            Err(why) => absent.push(format!("`{name}`: {why}")),
        }
    }
    let mut verdict = Verdict::of(args, |entry| {
        let mut problems: Vec<String> = latency(entry, answer.took)?.into_iter().collect();
        let missing = entry
            .texts("has")
            .into_iter()
            .filter(|name| page.of(name, &[]).next().is_none() && !page.metrics().contains(name.as_str()));
        problems.extend(missing.map(|name| format!("metric `{name}` is missing")));
        for (name, want) in entry.map("values") {
            match values.get(&name).and_then(Value::as_f64) {
                Some(actual) => problems.extend(bounds(&want, actual, &format!("`{name}`"))),
                None => problems.push(format!("`{name}` is not picked")),
            }
        }
        Ok(problems)
    })?;
    for problem in absent {
        verdict.unmet(problem);
    }
    let output = json!({
        "values": values,
        "histograms": histograms,
        "metrics": page.metrics().len(),
        "samples": page.samples.len(),
        "latency_ms": millis(answer.took),
    });
    verdict.end(&subject, output)
}

/// The value one entry of `pick:` asks for, or why there is none.
fn pick(page: &Page, how: &Value) -> Result<Result<f64, String>, Failure> {
    let Some(map) = how.as_object() else { return Ok(combined(page, &plain(how), &[], "sum")) };
    let args = Args::from_map(map.clone());
    let (metric, labels) = (args.need("metric")?, args.pairs("labels"));
    let found = match args.number("quantile")? {
        Some(quantile) => quantile_of(page, &metric, &labels, quantile),
        None => combined(page, &metric, &labels, &args.text("by").unwrap_or_else(|| "sum".into())),
    };
    let missing = args.number("missing")?;
    Ok(found.or_else(|why| missing.ok_or(why)))
}

fn combined(page: &Page, metric: &str, labels: &[(String, String)], by: &str) -> Result<f64, String> {
    let values: Vec<f64> = page.of(metric, labels).map(|sample| sample.value).filter(|value| !value.is_nan()).collect();
    if values.is_empty() {
        let histogram = page.of(&format!("{metric}_bucket"), &[]).next().is_some();
        return Err(if histogram {
            format!("`{metric}` is a histogram: say `quantile`, or take `{metric}_count` or `{metric}_sum`")
        } else {
            format!("metric `{metric}`{} is not on the page", with_labels(labels))
        });
    }
    #[expect(clippy::cast_precision_loss, reason = "a handful of samples")]
    let count = values.len() as f64;
    let sum: f64 = values.iter().sum();
    Ok(match by {
        "avg" => sum / count,
        "min" => values.iter().copied().fold(f64::INFINITY, f64::min),
        "max" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "count" => count,
        _ => sum,
    })
}

fn quantile_of(page: &Page, metric: &str, labels: &[(String, String)], quantile: f64) -> Result<f64, String> {
    if !(0.0..=1.0).contains(&quantile) {
        return Err(format!("`quantile` is from 0 to 1, not {quantile}"));
    }
    let summary = page.of(metric, labels).find(|sample| bound(sample, "quantile") == Some(quantile));
    if let Some(sample) = summary {
        return if sample.value.is_nan() { Err(format!("`{metric}` has no observations")) } else { Ok(sample.value) };
    }
    let buckets = buckets_of(page, metric, labels)?;
    match (buckets.is_empty(), histogram_quantile(quantile, &buckets)) {
        (true, _) => Err(format!("`{metric}`{} is no histogram on the page", with_labels(labels))),
        (false, None) => Err(format!("`{metric}` has no observations")),
        (false, Some(value)) => Ok(value),
    }
}

/// The buckets of a histogram, those of several sets of labels added up.
fn buckets_of(page: &Page, metric: &str, labels: &[(String, String)]) -> Result<BTreeMap<OrderedBound, f64>, String> {
    let name = format!("{metric}_bucket");
    let mut buckets = BTreeMap::new();
    for sample in page.of(&name, labels) {
        let bound = bound(sample, "le").ok_or_else(|| format!("`{name}` has a bucket without `le`"))?;
        *buckets.entry(OrderedBound(bound)).or_insert(0.0) += sample.value;
    }
    Ok(buckets)
}

/// A whole histogram as rows to measure: its buckets, then its sum and its count.
fn histogram(page: &Page, how: &Value) -> Result<Result<Vec<Value>, String>, Failure> {
    let (metric, labels, missing_ok) = match how.as_object() {
        Some(map) => {
            let args = Args::from_map(map.clone());
            (args.need("metric")?, args.pairs("labels"), args.text("missing").as_deref() == Some("ok"))
        }
        None => (plain(how), Vec::new(), false),
    };
    let rows = || {
        let buckets = buckets_of(page, &metric, &labels)?;
        if buckets.is_empty() && missing_ok {
            return Ok(Vec::new());
        }
        if buckets.is_empty() {
            return Err(format!("`{metric}`{} is no histogram on the page", with_labels(&labels)));
        }
        let row = |le: String, value: f64| json!({ "le": le, "value": tidy(value) });
        let part = |part: &str| combined(page, &format!("{metric}_{part}"), &labels, "sum");
        let (sum, count) = (part("sum")?, part("count")?);
        let ends = [row(buckets::SUM.into(), sum), row(buckets::COUNT.into(), count)];
        let rows = buckets.iter().map(|(OrderedBound(bound), value)| row(buckets::le(*bound), *value));
        Ok(rows.chain(ends).collect())
    };
    Ok(rows())
}

fn bound(sample: &Sample, label: &str) -> Option<f64> {
    buckets::bound(sample.labels.get(label)?)
}

fn with_labels(labels: &[(String, String)]) -> String {
    let all: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
    if all.is_empty() { String::new() } else { format!(" with {}", all.join(", ")) }
}
