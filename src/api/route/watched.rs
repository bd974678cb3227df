//! The routes that watchers ask: metrics, health, and whether this process is there.

use crate::api::desk::Desk;
use crate::api::route::table::{Door, Route};
use crate::api::route::{Answered, blocking};
use crate::api::wire::{ComponentHealth, Fault, HealthWord, Problem, WholeHealth};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::time::Duration;

/// How long the thread that drives the runs may take to say so.
const PATIENCE: Duration = Duration::from_secs(5);

/// Those routes.
pub(super) const ROUTES: &[Route] = &[
    Route::get("/livez", "live", "Whether this process is there", || get(async || "ok\n"))
        .door(Door::Open)
        .text(200, PLAIN, "It is."),
    Route::get("/readyz", "ready", "Whether the runs are driven", || get(readyz))
        .door(Door::Open)
        .text(200, PLAIN, "They are.")
        .faults(&[Fault::NotReady]),
    Route::get("/metrics", "metrics", "The page of metrics, for Prometheus", || get(metrics))
        .text(200, "text/plain; version=0.0.4; charset=utf-8", "The metrics.")
        .faults(&[Fault::Book]),
    Route::get("/health", "health", "The worst of all that is watched, in a word", || get(health))
        .door(Door::Open)
        .json::<HealthWord>(200, "`healthy` or `degraded`.")
        .json::<HealthWord>(503, "`unhealthy` or `unknown`.")
        .faults(&[Fault::Book]),
    Route::get("/health/detailed", "healthInDetail", "Every component, with what found it so", || get(detailed))
        .json::<WholeHealth>(200, "`healthy` or `degraded`.")
        .json::<WholeHealth>(503, "`unhealthy` or `unknown`.")
        .faults(&[Fault::Book]),
    Route::get("/health/{component}", "componentHealth", "One component, and how old the reading is", || {
        get(component)
    })
    .door(Door::Open)
    .json::<ComponentHealth>(200, "`healthy` or `degraded`.")
    .json::<ComponentHealth>(503, "`unhealthy` or `unknown`.")
    .faults(&[Fault::NoComponent, Fault::Book]),
];

const PLAIN: &str = "text/plain; charset=utf-8";

/// The runs are driven.
async fn readyz(State(desk): State<Desk>) -> Answered {
    if tokio::time::timeout(PATIENCE, desk.beats()).await == Ok(true) {
        Ok("ok\n".into_response())
    } else {
        let detail = "the thread that drives the runs does not answer";
        Err(Problem::new(Fault::NotReady, detail))
    }
}

async fn metrics(State(desk): State<Desk>) -> Answered {
    let page = blocking(move || desk.metrics()).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response())
}

/// The worst of all, in a word.
async fn health(State(desk): State<Desk>) -> Answered {
    let whole = blocking(move || desk.health()).await?;
    Ok(answered(&whole.status, Json(HealthWord { status: whole.status.clone() })))
}

async fn detailed(State(desk): State<Desk>) -> Answered {
    let whole = blocking(move || desk.health()).await?;
    Ok(answered(&whole.status.clone(), Json(whole)))
}

/// One component: how it is and how old that is. Why is told to who has a token.
async fn component(State(desk): State<Desk>, Path(name): Path<String>) -> Answered {
    let mut whole = blocking(move || desk.health()).await?;
    let known: Vec<String> = whole.components.keys().cloned().collect();
    let found = whole.components.remove(&name).ok_or_else(|| {
        let known = if known.is_empty() { "none".into() } else { known.join(", ") };
        let detail = format!("no runbook has `labels: {{ component: {name} }}`; there is: {known}");
        Problem::new(Fault::NoComponent, detail)
    })?;
    let ComponentHealth { component, status, age_seconds, at, .. } = found;
    let told = ComponentHealth { component, status, age_seconds, at, ..ComponentHealth::default() };
    Ok(answered(&told.status.clone(), Json(told)))
}

/// 200 where somebody may rely on it, else 503.
fn answered(status: &str, body: impl IntoResponse) -> Response {
    let code = if matches!(status, "healthy" | "degraded") { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, body).into_response()
}
