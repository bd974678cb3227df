//! Server-sent events: the events of a run for browsers and `curl -N`, each with the number to go on from.

use crate::api::desk::Events;
use crate::api::wire::WireEvent;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::timeout;

/// After so long without an event a comment says that somebody is there still.
const SILENCE: Duration = Duration::from_secs(15);

/// From where, if they are asked for: behind the event that was seen last, else as the query says.
pub(super) fn wanted(headers: &HeaderMap, from: u64) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let asked = text("accept").is_some_and(|kinds| kinds.contains("text/event-stream"));
    asked.then(|| text("last-event-id").and_then(|id| id.parse().ok()).unwrap_or(from))
}

/// The events as they come.
pub(super) fn stream(events: Events) -> Response {
    let pieces = futures_util::stream::unfold(events, |mut events| async {
        let piece = match timeout(SILENCE, events.recv()).await {
            Ok(event) => told(&event?),
            Err(_) => ": still here\n\n".to_owned(),
        };
        Some((Ok::<_, Infallible>(Bytes::from(piece)), events))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(pieces)).into_response()
}

/// One event. JSON has no line breaks of its own, so it is one line.
fn told(event: &WireEvent) -> String {
    format!("id: {}\ndata: {}\n\n", event.seq, serde_json::to_string(event).unwrap_or_default())
}
