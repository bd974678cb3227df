//! The routes that other systems call. Each proves itself in its own way, so they stand outside the door that wants a token.

use crate::act::Incoming;
use crate::api::desk::Desk;
use crate::api::route::table::{Door, Route};
use crate::api::route::{Answered, From, actor, bad};
use crate::api::socket::Peer;
use crate::api::wire::{AlertRow, Beat, Delivery, Fault, Problem, Taken};
use crate::base::actor::Actor;
use crate::base::limits::MAX_HOOK_BODY;
use crate::base::value::{Map, Value, json};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

/// After how many seconds a sender may come again.
const AGAIN: HeaderValue = HeaderValue::from_static("10");

const TAKEN: &[Fault] = &[
    Fault::BadRequest,
    Fault::Unreadable,
    Fault::Input,
    Fault::Store,
    Fault::NoSpace,
    Fault::NoOwner,
    Fault::Stopped,
    Fault::NotKept,
];

/// Those routes.
pub(super) const ROUTES: &[Route] = &[
    Route::post("/hooks/{path}", "callHook", "Call a webhook of a runbook", || post(hook))
        .more("What is sent and how the caller proves itself (a signature, a token, a time) is what `webhook` of the runbook says.")
        .door(Door::Proof)
        .body::<Value>()
        .json::<Delivery>(202, "It was taken: it is durable.")
        .json::<Delivery>(200, "It had come before: nothing was done again.")
        .limit(MAX_HOOK_BODY)
        .faults(&[
            Fault::NoHook,
            Fault::Unproved,
            Fault::Unreadable,
            Fault::Input,
            Fault::Store,
            Fault::NoSpace,
            Fault::NoOwner,
            Fault::Stopped,
            Fault::NotKept,
        ]),
    Route::post("/heartbeats/{path}", "beat", "The call that must come", || post(heartbeat))
        .json::<Beat>(202, "It was taken: it is durable.")
        .faults(&[Fault::NoHook, Fault::Store, Fault::NoOwner, Fault::Stopped, Fault::NoSpace, Fault::NotKept]),
    Route::post("/alerts/{source}", "tellAlerts", "Tell of alerts, or that they are over", || post(alerts))
        .more("In the shape of Alertmanager's or Grafana's webhook, or plain JSON: docs/triggers.md.")
        .door(Door::Sender)
        .body::<Value>()
        .json::<Taken>(202, "They were taken: they are durable.")
        .limit(MAX_HOOK_BODY)
        .faults(TAKEN),
    Route::post("/v2/enqueue", "enqueueEvent", "Tell of an alert as PagerDuty's Events API v2 does", || post(pagerduty))
        .more("`routing_key` of the body may be the token.")
        .door(Door::Sender)
        .body::<Map<String, Value>>()
        .json::<Value>(202, "As PagerDuty answers.")
        .limit(MAX_HOOK_BODY)
        .faults(TAKEN),
    Route::post("/v2/alerts", "createAlert", "Tell of an alert as Opsgenie's API does", || post(opsgenie))
        .door(Door::Sender)
        .body::<Map<String, Value>>()
        .json::<Value>(202, "As Opsgenie answers.")
        .limit(MAX_HOOK_BODY)
        .faults(TAKEN),
    Route::post("/v2/alerts/{alias}/{what}", "actOnAlert", "Say of an alert what Opsgenie is told", || post(opsgenie_about))
        .more("`close` ends it; that somebody has seen it changes nothing here.")
        .words("what", ABOUT)
        .door(Door::Sender)
        .json::<Value>(202, "As Opsgenie answers.")
        .limit(MAX_HOOK_BODY)
        .faults(&[
            Fault::NoRoute,
            Fault::Unreadable,
            Fault::Store,
            Fault::NoSpace,
            Fault::NoOwner,
            Fault::Stopped,
            Fault::NotKept,
        ]),
    Route::get("/api/v1/alerts", "listAlerts", "The alerts that are known, those that fire first", || get(known_alerts))
        .json::<Vec<AlertRow>>(200, "The first thousand.")
        .faults(&[Fault::NoOwner, Fault::Stopped]),
];

/// What Opsgenie is told of an alert.
const ABOUT: &[&str] = &["close", "acknowledge", "snooze"];

async fn hook(State(desk): State<Desk>, Path(path): Path<String>, headers: HeaderMap, body: Bytes) -> Answered {
    let done = desk.hook(&path, &incoming(&headers, &body)).await;
    Ok(answered(done.map(|done| (if done.again { StatusCode::OK } else { StatusCode::ACCEPTED }, Json(done)))))
}

async fn heartbeat(State(desk): State<Desk>, Path(path): Path<String>, from: From) -> Answered {
    let done = desk.heartbeat(&actor(from)?, &path).await;
    Ok(answered(done.map(|done| (StatusCode::ACCEPTED, Json(done)))))
}

/// Alertmanager, Grafana, and whoever sends plain JSON.
async fn alerts(
    State(desk): State<Desk>,
    Path(source): Path<String>,
    from: From,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    if source.len() > 64 || !source.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return Err(bad("the last part of the path names who sends: letters, digits, `-`, `_`, `.`"));
    }
    let who = teller(&desk, from, credential(&headers))?;
    let body = json_of(&body)?;
    let done = desk.alerts(&who, &source, &body).await;
    Ok(answered(done.map(|done| (StatusCode::ACCEPTED, Json(done)))))
}

/// PagerDuty Events v2: the routing key is one of our tokens.
async fn pagerduty(State(desk): State<Desk>, from: From, headers: HeaderMap, body: Bytes) -> Answered {
    let mut body = json_of(&body)?;
    let key = body["routing_key"].as_str().map(str::to_owned);
    let who = teller(&desk, from, key.or_else(|| credential(&headers)))?;
    let dedup = match (body["dedup_key"].as_str(), body["event_action"].as_str()) {
        (Some(key), _) => Some(key.to_owned()),
        // Who brings no key hears the one it gets, by which it can say that it is over.
        (None, Some("trigger")) => {
            Some(crate::base::digest::Digest::of(body["payload"].to_string().as_bytes()).to_string())
        }
        (None, _) => None,
    };
    if let (Some(map), Some(dedup)) = (body.as_object_mut(), &dedup) {
        map.insert("dedup_key".into(), dedup.clone().into());
    }
    let done = desk.alerts(&who, "pagerduty", &body).await;
    let said = json!({ "status": "success", "message": "Event processed", "dedup_key": dedup });
    Ok(answered(done.map(|_| (StatusCode::ACCEPTED, Json(said)))))
}

/// Opsgenie: a token of ours stands behind `GenieKey`.
async fn opsgenie(State(desk): State<Desk>, from: From, headers: HeaderMap, body: Bytes) -> Answered {
    let who = teller(&desk, from, credential(&headers))?;
    let body = json_of(&body)?;
    if !body["message"].is_string() {
        return Err(bad("`message` is missing"));
    }
    let done = desk.alerts(&who, "opsgenie", &body).await;
    Ok(answered(done.map(|_| (StatusCode::ACCEPTED, Json(json!({ "result": "Request will be processed" }))))))
}

/// What Opsgenie is told about an alert: that it is over. That somebody has seen it changes nothing here.
async fn opsgenie_about(
    State(desk): State<Desk>,
    Path((alias, what)): Path<(String, String)>,
    from: From,
    headers: HeaderMap,
) -> Answered {
    let who = teller(&desk, from, credential(&headers))?;
    let done = match what.as_str() {
        "close" => desk.close_alert(&who, "opsgenie", &alias).await.map(drop),
        "acknowledge" | "snooze" => Ok(()),
        _ => return Err(Problem::new(Fault::NoRoute, "an alert is closed by `…/close`")),
    };
    Ok(answered(done.map(|()| (StatusCode::ACCEPTED, Json(json!({ "result": "Request will be processed" }))))))
}

async fn known_alerts(State(desk): State<Desk>) -> Answered {
    Ok(Json(desk.known_alerts(1_000).await?).into_response())
}

/// Who tells: whoever came through the socket, or has that token.
fn teller(desk: &Desk, ConnectInfo(Peer(peer)): From, token: Option<String>) -> Result<Actor, Problem> {
    if let Some(peer) = peer {
        return Ok(peer);
    }
    let unknown = |detail: &str| Problem::new(Fault::NoToken, detail);
    let token = token.ok_or_else(|| unknown("send `Authorization: Bearer TOKEN`"))?;
    desk.bearer(token.trim())?.ok_or_else(|| unknown("this token opens nothing: it was revoked, or never was one"))
}

/// A token, in the ways that other systems send one: `Bearer`, `GenieKey`, or the password of `Basic`.
fn credential(headers: &HeaderMap) -> Option<String> {
    let (kind, value) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    match kind.to_ascii_lowercase().as_str() {
        "bearer" | "geniekey" => Some(value.to_owned()),
        "basic" => {
            let pair = String::from_utf8(crate::act::unbase64(value)?).ok()?;
            pair.split_once(':').map(|(_, password)| password.to_owned())
        }
        _ => None,
    }
}

fn json_of(body: &Bytes) -> Result<Value, Problem> {
    serde_json::from_slice(body).map_err(|error| bad(format!("the body is not JSON: {error}")))
}

/// A call as it came. Headers that are no text say nothing to us.
pub(super) fn incoming(headers: &HeaderMap, body: &Bytes) -> Incoming {
    let text = |(name, value): (&header::HeaderName, &HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    Incoming { headers: headers.iter().filter_map(text).collect(), body: body.to_vec() }
}

/// The answer, with when to come again where it is our fault.
pub(super) fn answered(done: Result<impl IntoResponse, Problem>) -> Response {
    let mut response = done.map_or_else(IntoResponse::into_response, IntoResponse::into_response);
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, AGAIN);
    }
    response
}
