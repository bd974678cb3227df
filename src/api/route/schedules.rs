//! The routes of schedules and their ledger.

use super::{Answered, AnyQuery, From, actor, asked, blocking, read};
use crate::api::desk::Desk;
use crate::api::wire::{BackfillRequest, MissingRequest, PauseRequest, WhyRequest};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

/// The routes of schedules.
pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/api/v1/schedules", get(schedules))
        .route("/api/v1/schedules/{runbook}/why", get(why))
        .route("/api/v1/schedules/{runbook}/missing", get(missing))
        .route("/api/v1/schedules/{runbook}/backfill", post(backfill))
        .route("/api/v1/schedules/{runbook}/pause", post(pause))
        .route("/api/v1/schedules/{runbook}/resume", post(resume))
}

async fn schedules(State(desk): State<Desk>) -> Answered {
    Ok(Json(blocking(move || desk.schedules()).await?).into_response())
}

async fn pause(State(desk): State<Desk>, Path(runbook): Path<String>, from: From, body: Bytes) -> Answered {
    let asked = read::<PauseRequest>(&body)?;
    Ok(Json(desk.pause(&actor(from)?, &runbook, &asked).await?).into_response())
}

async fn resume(State(desk): State<Desk>, Path(runbook): Path<String>, from: From, body: Bytes) -> Answered {
    let asked = read::<PauseRequest>(&body)?;
    Ok(Json(desk.resume(&actor(from)?, &runbook, &asked).await?).into_response())
}

#[derive(Debug, Deserialize)]
struct WhyQuery {
    at: jiff::Timestamp,
}

async fn why(State(desk): State<Desk>, Path(runbook): Path<String>, query: AnyQuery<WhyQuery>) -> Answered {
    let asked = WhyRequest { runbook, at: asked(query)?.at };
    Ok(Json(blocking(move || desk.why(&asked)).await?).into_response())
}

#[derive(Debug, Deserialize)]
struct MissingQuery {
    from: jiff::Timestamp,
    to: jiff::Timestamp,
    trigger: Option<String>,
}

async fn missing(State(desk): State<Desk>, Path(runbook): Path<String>, query: AnyQuery<MissingQuery>) -> Answered {
    let MissingQuery { from, to, trigger } = asked(query)?;
    let asked = MissingRequest { runbook, trigger, from, to };
    Ok(Json(blocking(move || desk.missing(&asked)).await?).into_response())
}

async fn backfill(State(desk): State<Desk>, Path(runbook): Path<String>, from: From, body: Bytes) -> Answered {
    let asked = read::<BackfillRequest>(&body)?;
    Ok(Json(desk.backfill(&actor(from)?, &runbook, &asked).await?).into_response())
}
