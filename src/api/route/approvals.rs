//! The routes of approvals.

use super::{Answered, AnyQuery, From, actor, asked, blocking, read};
use crate::api::desk::Desk;
use crate::api::wire::VoteRequest;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

/// The routes of approvals.
pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/api/v1/approvals", get(approvals))
        .route("/api/v1/runs/{run}/approve", post(approve))
        .route("/api/v1/runs/{run}/reject", post(reject))
}

#[derive(Debug, Deserialize)]
struct ApprovalsQuery {
    run: Option<String>,
}

async fn approvals(State(desk): State<Desk>, from: From, query: AnyQuery<ApprovalsQuery>) -> Answered {
    let (actor, run) = (actor(from)?, asked(query)?.run);
    Ok(Json(blocking(move || desk.approvals(&actor, run.as_deref())).await?).into_response())
}

async fn approve(State(desk): State<Desk>, Path(run): Path<String>, from: From, body: Bytes) -> Answered {
    vote(&desk, VoteRequest { run, approve: true, ..read(&body)? }, from).await
}

async fn reject(State(desk): State<Desk>, Path(run): Path<String>, from: From, body: Bytes) -> Answered {
    vote(&desk, VoteRequest { run, approve: false, ..read(&body)? }, from).await
}

async fn vote(desk: &Desk, asked: VoteRequest, from: From) -> Answered {
    Ok(Json(desk.vote(actor(from)?, asked).await?).into_response())
}
