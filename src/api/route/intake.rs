//! The routes that other systems call. Each proves itself in its own way, so they stand outside the door that wants a token.

use crate::act::Incoming;
use crate::api::desk::Desk;
use crate::api::route::{Answered, From, actor, bad};
use crate::api::socket::Peer;
use crate::api::wire::Problem;
use crate::base::actor::Actor;
use crate::base::limits::MAX_HOOK_BODY;
use crate::base::value::{Value, json};
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

/// After how many seconds a sender may come again.
const AGAIN: HeaderValue = HeaderValue::from_static("10");

/// Those routes.
pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/hooks/{path}", post(hook))
        .route("/heartbeats/{path}", post(heartbeat))
        .route("/alerts/{source}", post(alerts))
        .route("/v2/enqueue", post(pagerduty))
        .route("/v2/alerts", post(opsgenie))
        .route("/v2/alerts/{alias}/{what}", post(opsgenie_about))
        .route("/api/v1/alerts", get(known_alerts))
        .layer(DefaultBodyLimit::max(MAX_HOOK_BODY))
}

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
        _ => return Err(Problem::new(404, "no-such-route", "no such route", "an alert is closed by `…/close`")),
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
    let unknown = |detail: &str| Problem::new(401, "no-token", "a token is needed", detail);
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
