//! Routes of incidents and silences.

use crate::api::desk::Desk;
use crate::api::route::{Answered, AnyQuery, From, actor, asked, blocking, read};
use crate::api::wire::{ActRequest, OpenRequest, ReportFormat, SilenceRequest};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;

/// Incidents in a list that does not say how many.
const INCIDENTS: u32 = 100;

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/api/v1/incidents", get(incidents).post(open))
        .route("/api/v1/incidents/{incident}", get(incident))
        .route("/api/v1/incidents/{incident}/report", get(report))
        .route("/api/v1/incidents/{incident}/{verb}", post(act))
        .route("/api/v1/silences", get(silences).post(add_silence))
        .route("/api/v1/silences/{silence}", delete(end_silence))
}

#[derive(Debug, Deserialize)]
struct IncidentsQuery {
    #[serde(default)]
    all: bool,
    limit: Option<u32>,
}

async fn incidents(State(desk): State<Desk>, query: AnyQuery<IncidentsQuery>) -> Answered {
    let IncidentsQuery { all, limit } = asked(query)?;
    Ok(Json(blocking(move || desk.incidents(all, limit.unwrap_or(INCIDENTS))).await?).into_response())
}

async fn incident(State(desk): State<Desk>, Path(incident): Path<String>) -> Answered {
    Ok(Json(blocking(move || desk.incident(&incident)).await?).into_response())
}

#[derive(Debug, Deserialize)]
struct ReportQuery {
    #[serde(default)]
    format: ReportFormat,
}

async fn report(State(desk): State<Desk>, Path(incident): Path<String>, query: AnyQuery<ReportQuery>) -> Answered {
    let format = asked(query)?.format;
    let text = blocking(move || desk.report(&incident, format)).await?;
    let kind = match format {
        ReportFormat::Markdown => "text/markdown; charset=utf-8",
        ReportFormat::Html => "text/html; charset=utf-8",
    };
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

async fn open(State(desk): State<Desk>, from: From, body: Bytes) -> Answered {
    let reply = desk.open_incident(actor(from)?, read::<OpenRequest>(&body)?).await?;
    let status = if reply.opened { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(reply)).into_response())
}

async fn act(
    State(desk): State<Desk>,
    Path((incident, verb)): Path<(String, String)>,
    from: From,
    body: Bytes,
) -> Answered {
    let wanted = if body.is_empty() { ActRequest::default() } else { read::<ActRequest>(&body)? };
    Ok(Json(desk.act(actor(from)?, &incident, &verb, wanted).await?).into_response())
}

async fn silences(State(desk): State<Desk>) -> Answered {
    Ok(Json(blocking(move || desk.silences()).await?).into_response())
}

async fn add_silence(State(desk): State<Desk>, from: From, body: Bytes) -> Answered {
    let (actor, wanted) = (actor(from)?, read::<SilenceRequest>(&body)?);
    Ok((StatusCode::CREATED, Json(blocking(move || desk.add_silence(actor, wanted)).await?)).into_response())
}

async fn end_silence(State(desk): State<Desk>, Path(silence): Path<String>, from: From) -> Answered {
    let actor = actor(from)?;
    blocking(move || desk.end_silence(actor, &silence)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
