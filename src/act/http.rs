//! `http`: one request, and what is expected of the answer.

use crate::act::args::Args;
use crate::act::millis;
use crate::act::subset::differences;
use crate::act::trust::Trust;
use crate::act::verdict::{Done, Verdict, beginning, latency};
use crate::act::web::{Answer, Body, Call, url, wrong_status};
use crate::act::world::World;
use crate::base::limits::MAX_OUTPUT_VALUE;
use crate::base::value::{Map, Value, json, plain};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use regex::Regex;
use reqwest::Method;
use std::time::Duration;

pub(super) async fn perform(args: &Args, world: &World) -> Result<Done, Failure> {
    let call = call(args)?;
    let subject = call.subject();
    let answer = call.send(args, world).await?;
    let body = body_json(&answer);
    judged(args, &subject, &answer, body.as_ref(), world)
}

/// The same for an answer that is given as its output: what was expected of it is looked at all the same.
pub(super) fn judge(args: &Args, output: &Map<String, Value>, took: Duration, world: &World) -> Result<Done, Failure> {
    let call = call(args)?;
    let subject = call.subject();
    let text = |name: &str| output.get(name).map(plain).unwrap_or_default();
    let body = output.get("json").filter(|body| !body.is_null()).cloned();
    let written = body.as_ref().filter(|_| text("text").is_empty()).map(ToString::to_string);
    let latency = output.get("latency_ms").and_then(Value::as_f64).filter(|millis| *millis >= 0.0);
    let headers = output.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
    let url = if text("url").is_empty() { call.url.to_string() } else { text("url") };
    let answer = Answer {
        status: output
            .get("status")
            .and_then(Value::as_u64)
            .and_then(|status| u16::try_from(status).ok())
            .unwrap_or(200),
        headers: headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), plain(value))).collect(),
        body: written.unwrap_or_else(|| text("text")).into_bytes(),
        url,
        took: latency.map_or(took, |millis| Duration::from_secs_f64(millis / 1_000.0)),
    };
    let body = body.or_else(|| body_json(&answer));
    judged(args, &subject, &answer, body.as_ref(), world)
}

/// What came back, judged by what is expected of it.
fn judged(args: &Args, subject: &str, answer: &Answer, body: Option<&Value>, world: &World) -> Result<Done, Failure> {
    let output = output(answer, body);
    let mut statuses: Vec<Value> = Vec::new();
    let verdict = Verdict::of(args, |entry| {
        let mut problems: Vec<String> = latency(entry, answer.took)?.into_iter().collect();
        if !entry.has("level") {
            statuses.extend(entry.list("status"));
        } else if entry.has("status") && !status_is(&entry.list("status"), answer.status) {
            problems.push(format!("status {}, expected {}", answer.status, listed(&entry.list("status"))));
        }
        problems.extend(headers(entry, answer));
        problems.extend(texts(entry, answer)?);
        problems.extend(entry.get("json").map_or_else(Vec::new, |want| json_differences(want, body)));
        Ok(problems)
    })?;
    if statuses.is_empty() {
        statuses.push(json!("2xx"));
    }
    if !status_is(&statuses, answer.status) {
        return Err(Failure { output, ..wrong_status(subject, answer, &listed(&statuses), world) });
    }
    verdict.end(subject, output)
}

fn call(args: &Args) -> Result<Call, Failure> {
    let methods = [
        ("get", Method::GET),
        ("head", Method::HEAD),
        ("post", Method::POST),
        ("put", Method::PUT),
        ("patch", Method::PATCH),
        ("delete", Method::DELETE),
    ];
    let bad = |why: &str| Failure::lasting(FailureKind::Template, why);
    let (key, method) = methods.into_iter().find(|(key, _)| args.has(key)).ok_or_else(|| bad("there is no URL"))?;
    let mut call = Call { method, ..Call::get(url(&args.need(key)?)?) };
    let query = args.pairs("query");
    if !query.is_empty() {
        call.url.query_pairs_mut().extend_pairs(query);
    }
    call.body = match (args.get("json"), args.has("form"), args.text("body")) {
        (Some(body), _, _) => Body::Json(body.to_string().into_bytes()),
        (None, true, _) => Body::Form(args.pairs("form")),
        (None, false, Some(text)) => Body::Text(text),
        (None, false, None) => Body::Nothing,
    };
    call.redirects = usize::try_from(args.count("redirects")?.unwrap_or_default()).unwrap_or_default();
    call.proxy = args.text("proxy");
    call.trust = if args.flag("verify")? == Some(false) { Trust::Anybody } else { Trust::Verified };
    Ok(call)
}

fn body_json(answer: &Answer) -> Option<Value> {
    serde_json::from_slice(&answer.body).ok()
}

fn output(answer: &Answer, body: Option<&Value>) -> Value {
    let text = answer.text();
    let end = (0..=text.len().min(MAX_OUTPUT_VALUE)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    json!({
        "status": answer.status,
        "headers": answer.headers,
        "json": body,
        "text": &text[..end],
        "latency_ms": millis(answer.took),
        "url": answer.url,
    })
}

/// Whether the status is among `200`, `"2xx"`, `"200-299"`.
pub(super) fn status_is(wanted: &[Value], status: u16) -> bool {
    wanted.iter().map(plain).any(|want| {
        let want = want.trim();
        let class = || want.strip_suffix("xx")?.parse::<u16>().ok().map(|class| class == status / 100);
        let range = || {
            let (from, to) = want.split_once('-')?;
            Some((from.trim().parse::<u16>().ok()?..=to.trim().parse().ok()?).contains(&status))
        };
        want.parse::<u16>().ok().map(|one| one == status).or_else(class).or_else(range).unwrap_or(false)
    })
}

pub(super) fn listed(wanted: &[Value]) -> String {
    wanted.iter().map(plain).collect::<Vec<_>>().join(" or ")
}

fn headers(entry: &Args, answer: &Answer) -> Vec<String> {
    let wrong = |(name, want): (String, String)| match answer.headers.get(&name.to_ascii_lowercase()) {
        None => Some(format!("header `{name}` is missing")),
        Some(found) if want != "*" && *found != want => {
            Some(format!("header `{name}` is `{found}`, expected `{want}`"))
        }
        Some(_) => None,
    };
    entry.pairs("headers").into_iter().filter_map(wrong).collect()
}

fn texts(entry: &Args, answer: &Answer) -> Result<Vec<String>, Failure> {
    let text = answer.text();
    let absent = entry.texts("text").into_iter().filter(|want| !text.contains(want.as_str()));
    let mut problems: Vec<String> =
        absent.map(|want| format!("the body does not contain `{want}`; it begins `{}`", beginning(&text))).collect();
    if let Some(pattern) = entry.text("matches") {
        let bad = |error| Failure::lasting(FailureKind::Template, format!("`matches`: {error}"));
        if !Regex::new(&pattern).map_err(bad)?.is_match(&text) {
            problems.push(format!("the body does not match `{pattern}`; it begins `{}`", beginning(&text)));
        }
    }
    Ok(problems)
}

fn json_differences(want: &Value, body: Option<&Value>) -> Vec<String> {
    match body {
        Some(body) => differences(want, body),
        None => vec!["the body is no JSON".into()],
    }
}
