//! `prometheus`: an instant or range query.

use crate::act::args::Args;
use crate::act::millis;
use crate::act::verdict::{Done, Verdict, beginning, bounds, tidy};
use crate::act::web::{Call, url, wrong_status};
use crate::act::world::World;
use crate::base::limits::MAX_PROMETHEUS_SERIES;
use crate::base::value::{Value, json};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::time::Duration;

pub(super) async fn perform(args: &Args, world: &World) -> Result<Done, Failure> {
    let query = bind(&args.need("query")?, &args.pairs("params"))?;
    let call = call(args, world, &query)?;
    let subject = format!("Prometheus {}", args.need("url")?);
    let answer = call.send(args, world).await?;
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if body["status"] == "error" {
        let message = format!("{subject}: {}", body["error"].as_str().unwrap_or("an error without words"));
        let lasting = body["errorType"] == "bad_data";
        return Err(Failure { lasting, ..Failure::new(FailureKind::Status, message) });
    }
    if answer.status != 200 {
        return Err(wrong_status(&subject, &answer, "200", world));
    }
    let series = series(&body["data"]).ok_or_else(|| {
        let message = format!("{subject}: what answers there is no Prometheus: `{}`", beginning(&answer.text()));
        Failure::new(FailureKind::Expect, message)
    })?;
    #[expect(clippy::cast_precision_loss, reason = "a count of series for a comparison")]
    let count = series.len() as f64;
    let mut asked = false;
    let mut verdict = Verdict::of(args, |entry| {
        asked |= entry.has("series");
        let mut problems: Vec<String> =
            entry.get("series").and_then(|want| bounds(want, count, "the number of series")).into_iter().collect();
        if let Some(want) = entry.get("value") {
            let each =
                series.iter().filter_map(|one| bounds(want, one["value"].as_f64().unwrap_or(f64::NAN), &name(one)));
            problems.extend(each.take(5));
        }
        Ok(problems)
    })?;
    if series.is_empty() && !asked {
        verdict.unmet(format!("no data for `{}`", beginning(&query)));
    }
    let output = json!({
        "value": series.first().map_or(Value::Null, |one| one["value"].clone()),
        "series": series.iter().take(MAX_PROMETHEUS_SERIES).collect::<Vec<_>>(),
        "count": series.len(),
        "warnings": body["warnings"].as_array().cloned().unwrap_or_default(),
        "latency_ms": millis(answer.took),
    });
    verdict.end(&subject, output)
}

fn call(args: &Args, world: &World, query: &str) -> Result<Call, Failure> {
    let mut base = url(&args.need("url")?)?;
    let range = args.span("range")?;
    let end = if range.is_some() { "query_range" } else { "query" };
    base.set_path(&format!("{}/api/v1/{end}", base.path().trim_end_matches('/')));
    let now = world.now.as_second();
    let mut pairs = vec![("query".to_owned(), query.to_owned())];
    match range {
        None => pairs.push(("time".into(), now.to_string())),
        Some(range) => {
            let seconds = range.as_secs().max(1);
            let step = args.span("step")?.unwrap_or_else(|| Duration::from_secs((seconds / 100).max(15)));
            let start = now - i64::try_from(seconds).unwrap_or_default();
            pairs.push(("start".into(), start.to_string()));
            pairs.push(("end".into(), now.to_string()));
            pairs.push(("step".into(), format!("{:.3}", step.as_secs_f64())));
        }
    }
    base.query_pairs_mut().extend_pairs(pairs);
    Ok(Call::get(base))
}

/// The query with `$name` in its quoted texts replaced, escaped for PromQL.
fn bind(query: &str, params: &[(String, String)]) -> Result<String, Failure> {
    let (mut bound, mut quote, mut rest) = (String::new(), None, query);
    while let Some(c) = rest.chars().next() {
        let mut step = c.len_utf8();
        match (quote, c) {
            (Some('`') | None, '\\') => {}
            (Some(_), '\\') => step += rest[step..].chars().next().map_or(0, char::len_utf8),
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (Some(open), '$') => {
                let word =
                    |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
                let name = &rest[1..=word(&rest[1..])];
                if let Some((_, value)) = params.iter().find(|(known, _)| known == name) {
                    bound.push_str(&escape(value, open)?);
                    rest = &rest[1 + name.len()..];
                    continue;
                }
            }
            (Some(_) | None, _) => {}
        }
        bound.push_str(&rest[..step]);
        rest = &rest[step..];
    }
    Ok(bound)
}

fn escape(value: &str, quote: char) -> Result<String, Failure> {
    if quote == '`' {
        let why = "a value can't stand in a text between backticks: use double quotes";
        return if value.contains('`') { Err(Failure::lasting(FailureKind::Template, why)) } else { Ok(value.into()) };
    }
    let escaped = value.replace('\\', "\\\\").replace('\n', "\\n");
    Ok(escaped.replace(quote, &format!("\\{quote}")))
}

/// Every series of an answer, or nothing where it is none.
fn series(data: &Value) -> Option<Vec<Value>> {
    let result = data["result"].as_array()?;
    Some(match data["resultType"].as_str()? {
        "scalar" => vec![json!({ "labels": {}, "value": number(result.get(1)?), "points": [] })],
        "vector" => {
            let one =
                |found: &Value| json!({ "labels": found["metric"], "value": number(&found["value"][1]), "points": [] });
            result.iter().map(one).collect()
        }
        "matrix" => result.iter().map(range_series).collect(),
        _ => return None,
    })
}

fn range_series(found: &Value) -> Value {
    let points: Vec<Value> = found["values"].as_array().into_iter().flatten().map(point).collect();
    let last = points.last().map_or(Value::Null, |point| point["value"].clone());
    json!({ "labels": found["metric"], "value": last, "points": points })
}

fn point(pair: &Value) -> Value {
    let instant = pair[0].as_f64().and_then(|seconds| {
        let millis = (seconds * 1_000.0).round();
        #[expect(clippy::cast_possible_truncation, reason = "jiff refuses what is no instant")]
        jiff::Timestamp::from_millisecond(millis as i64).ok()
    });
    json!({ "time": instant.map(|instant| instant.to_string()), "value": number(&pair[1]) })
}

/// Prometheus writes numbers as text; NaN and infinities have no JSON and become null.
fn number(text: &Value) -> Value {
    let number = text.as_str().and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite());
    number.map_or(Value::Null, tidy)
}

fn name(series: &Value) -> String {
    let labels = series["labels"].as_object().into_iter().flatten();
    let labels: Vec<String> = labels.map(|(key, value)| format!("{key}={value}")).collect();
    if labels.is_empty() { "the value".into() } else { format!("the value of {{{}}}", labels.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_only_go_where_text_is_and_cannot_leave_it() {
        let params = [("job".to_owned(), "a\"} or {x=\"".to_owned()), ("n".to_owned(), "1".to_owned())];
        for (query, bound) in [
            (r#"up{job="$job"}"#, r#"up{job="a\"} or {x=\""}"#),
            (r#"up{job=~"$job.*",n='$n'}"#, r#"up{job=~"a\"} or {x=\".*",n='1'}"#),
            ("up > $n", "up > $n"),
            (r#"up{a="\"$n"}"#, r#"up{a="\"1"}"#),
            (r#"up{a="$other $"}"#, r#"up{a="$other $"}"#),
        ] {
            assert_eq!(bind(query, &params).map_err(|failure| failure.message).as_deref(), Ok(bound));
        }
    }
}
