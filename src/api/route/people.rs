//! Routes of the ways to people.

use crate::api::desk::Desk;
use crate::api::route::table::Route;
use crate::api::route::{Answered, From, actor, blocking, read};
use crate::api::wire::{DrillReply, DrillRequest, Fault, ReachReport};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};

/// Those routes.
pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/contacts", "getReach", "Who can be reached, and by what", || get(reach))
        .json::<ReachReport>(200, "Every contact, with what is known of each way to them.")
        .faults(&[Fault::Book]),
    Route::post("/api/v1/contacts/drill", "holdDrill", "Send everybody a page that is marked as a test", || {
        post(drill)
    })
    .more("The pages go out behind everything else; `GET /api/v1/contacts` has what becomes of them.")
    .body::<DrillRequest>()
    .json::<DrillReply>(201, "It has begun: it is durable.")
    .faults(&[Fault::Input, Fault::Book, Fault::NoDaemon, Fault::Stopped]),
];

async fn reach(State(desk): State<Desk>) -> Answered {
    Ok(Json(blocking(move || desk.reach()).await?).into_response())
}

async fn drill(State(desk): State<Desk>, from: From, body: Bytes) -> Answered {
    let (actor, asked) = (actor(from)?, read::<DrillRequest>(&body)?);
    Ok((StatusCode::CREATED, Json(desk.hold_drill(actor, &asked).await?)).into_response())
}
