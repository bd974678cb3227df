//! The routes of schedules.

use super::table::Route;
use crate::api::desk::Desk;
use crate::api::route::{Answered, AnyQuery, From, actor, asked, blocking, read};
use crate::api::wire::{
    BackfillReply, BackfillRequest, Fault, LedgerRow, Missing, MissingRequest, PauseRequest, Paused, ScheduleRow,
    WhyRequest,
};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use schemars::JsonSchema;
use serde::Deserialize;

const CHANGE: &[Fault] =
    &[Fault::NoRunbook, Fault::Input, Fault::Book, Fault::NoDaemon, Fault::NoClock, Fault::NoOwner, Fault::Stopped];

/// The routes of schedules.
pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/schedules", "listSchedules", "Every schedule of the book", || get(schedules))
        .json::<Vec<ScheduleRow>>(200, "The schedules, with what is next and what was last.")
        .faults(&[Fault::Book]),
    Route::get("/api/v1/schedules/{runbook}/why", "whySchedule", "What became of an instant", || get(why))
        .query::<WhyQuery>()
        .json::<Vec<LedgerRow>>(200, "The rows of the ledger that have it, or those next to it.")
        .faults(&[Fault::NoRunbook, Fault::Input, Fault::Book]),
    Route::get("/api/v1/schedules/{runbook}/missing", "listMissing", "What did not run between two instants", || {
        get(missing)
    })
    .query::<MissingQuery>()
    .json::<Missing>(200, "The instants that have no run, the oldest first, and how many there are of the others.")
    .faults(&[Fault::NoRunbook, Fault::Input, Fault::Book]),
    Route::post(
        "/api/v1/schedules/{runbook}/backfill",
        "backfillSchedule",
        "Make up for an instant that did not run",
        || post(backfill),
    )
    .more("Once for each instant: asked again, it answers with the run that there is.")
    .body::<BackfillRequest>()
    .json::<BackfillReply>(200, "The run of the instant, and whether this started it.")
    .faults(CHANGE),
    Route::post("/api/v1/schedules/{runbook}/pause", "pauseSchedules", "Pause schedules of a runbook", || post(pause))
        .body::<PauseRequest>()
        .json::<Paused>(200, "Those that are paused now.")
        .faults(CHANGE),
    Route::post("/api/v1/schedules/{runbook}/resume", "resumeSchedules", "Resume schedules of a runbook", || {
        post(resume)
    })
    .body::<PauseRequest>()
    .json::<Paused>(200, "Those that were resumed.")
    .faults(CHANGE),
];

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

#[derive(Debug, Deserialize, JsonSchema)]
struct WhyQuery {
    /// The instant.
    at: jiff::Timestamp,
}

async fn why(State(desk): State<Desk>, Path(runbook): Path<String>, query: AnyQuery<WhyQuery>) -> Answered {
    let asked = WhyRequest { runbook, at: asked(query)?.at };
    Ok(Json(blocking(move || desk.why(&asked)).await?).into_response())
}

#[derive(Debug, Deserialize, JsonSchema)]
struct MissingQuery {
    /// The first instant.
    from: jiff::Timestamp,
    /// The last instant.
    to: jiff::Timestamp,
    /// A trigger; all of them unless said.
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
