//! The routes that other systems call. Each proves itself in its own way, so they stand outside the door that wants a token.

use crate::act::Incoming;
use crate::api::desk::Desk;
use crate::api::route::{Answered, From, actor};
use crate::api::wire::Problem;
use crate::base::limits::MAX_HOOK_BODY;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};

/// After how many seconds a sender may come again.
const AGAIN: HeaderValue = HeaderValue::from_static("10");

/// Those routes.
pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/hooks/{path}", post(hook))
        .route("/heartbeats/{path}", post(heartbeat))
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
