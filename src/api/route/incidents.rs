//! Routes of incidents and silences.

use crate::api::desk::{Desk, VERBS};
use crate::api::route::table::Route;
use crate::api::route::{Answered, AnyQuery, From, actor, asked, blocking, read};
use crate::api::wire::{
    ActRequest, Fault, IncidentDetail, IncidentReply, IncidentReport, IncidentRow, IncidentStatistics, OpenRequest,
    ReportFormat, SilenceRequest, SilenceRow,
};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use schemars::JsonSchema;
use serde::Deserialize;

/// Incidents in a list that does not say how many.
const INCIDENTS: u32 = 100;
/// Weeks of statistics that do not say how many.
const WEEKS: u32 = 8;

const ACT: &[Fault] = &[
    Fault::NoIncident,
    Fault::NoAct,
    Fault::MissingField,
    Fault::Input,
    Fault::Book,
    Fault::NoDaemon,
    Fault::NoClock,
    Fault::NoOwner,
    Fault::Stopped,
    Fault::NoSpace,
    Fault::NotKept,
];

/// The routes of incidents. `{incident}` is an id, its beginning or end, a key, or `last`.
pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/incidents", "listIncidents", "Incidents, newest first", || get(incidents))
        .query::<IncidentsQuery>()
        .json::<Vec<IncidentRow>>(200, "Those that are not resolved, or all."),
    Route::post("/api/v1/incidents", "openIncident", "Open an incident by hand", || post(open))
        .body::<OpenRequest>()
        .json::<IncidentReply>(201, "It was opened.")
        .json::<IncidentReply>(200, "One with this key is open: it was told of again.")
        .faults(ACT),
    Route::get("/api/v1/incidents/statistics", "getIncidentStatistics", "What weeks held of incidents", || get(statistics))
        .more("Everything of an incident counts in the week in which it was opened, by the clocks of the book.")
        .query::<StatisticsQuery>()
        .json::<IncidentStatistics>(200, "The figures of each week, and of all of them.")
        .faults(&[Fault::Book]),
    Route::get("/api/v1/incidents/{incident}", "getIncident", "An incident in full", || get(incident))
        .json::<IncidentDetail>(200, "With its timeline, its pages, its runs, its duties.")
        .faults(&[Fault::NoIncident, Fault::Input]),
    Route::get("/api/v1/incidents/{incident}/report", "getReport", "The report of an incident", || get(report))
        .query::<ReportQuery>()
        .text(200, "text/markdown; charset=utf-8", "The report.")
        .text(200, "text/html; charset=utf-8", "The report.")
        .json::<IncidentReport>(200, "The report.")
        .faults(&[Fault::NoIncident, Fault::Input]),
    Route::post("/api/v1/incidents/{incident}/{verb}", "actOnIncident", "Do something about an incident", || post(act))
        .more("Needed: `until` of `snooze`, `to` of `assign`, `severity` and `classify`, `reason` of `note`, `level` and `number` of `duty`.")
        .words("verb", VERBS)
        .body::<ActRequest>()
        .json::<IncidentReply>(200, "It was done: it is durable.")
        .faults(ACT),
];

/// The routes of silences.
pub(super) const SILENCES: &[Route] = &[
    Route::get("/api/v1/silences", "listSilences", "Silences that count now", || get(silences))
        .json::<Vec<SilenceRow>>(200, "The silences."),
    Route::post("/api/v1/silences", "addSilence", "Mute troubles with those labels", || post(add_silence))
        .body::<SilenceRequest>()
        .json::<SilenceRow>(201, "The silence: it is durable.")
        .faults(&[Fault::Input, Fault::NoOwner, Fault::Stopped, Fault::NoSpace]),
    Route::delete("/api/v1/silences/{silence}", "endSilence", "End a silence before its time", || delete(end_silence))
        .empty(204, "It mutes nothing any more.")
        .faults(&[Fault::NoSilence, Fault::NoOwner, Fault::Stopped, Fault::NoSpace]),
];

#[derive(Debug, Deserialize, JsonSchema)]
struct IncidentsQuery {
    /// Whether those that are resolved are listed too.
    #[serde(default)]
    all: bool,
    /// At most so many; 100 where nobody says.
    limit: Option<u32>,
}

async fn incidents(State(desk): State<Desk>, query: AnyQuery<IncidentsQuery>) -> Answered {
    let IncidentsQuery { all, limit } = asked(query)?;
    Ok(Json(blocking(move || desk.incidents(all, limit.unwrap_or(INCIDENTS))).await?).into_response())
}

#[derive(Debug, Deserialize, JsonSchema)]
struct StatisticsQuery {
    /// How many weeks, that of now included; 8 where nobody says, 105 at most.
    weeks: Option<u32>,
}

async fn statistics(State(desk): State<Desk>, query: AnyQuery<StatisticsQuery>) -> Answered {
    let weeks = asked(query)?.weeks.unwrap_or(WEEKS);
    Ok(Json(blocking(move || desk.statistics(weeks)).await?).into_response())
}

async fn incident(State(desk): State<Desk>, Path(incident): Path<String>) -> Answered {
    Ok(Json(blocking(move || desk.incident(&incident)).await?).into_response())
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ReportQuery {
    /// Its form.
    #[serde(default)]
    format: ReportFormat,
}

async fn report(State(desk): State<Desk>, Path(incident): Path<String>, query: AnyQuery<ReportQuery>) -> Answered {
    let format = asked(query)?.format;
    let text = blocking(move || desk.report(&incident, format)).await?;
    let kind = match format {
        ReportFormat::Markdown => "text/markdown; charset=utf-8",
        ReportFormat::Html => "text/html; charset=utf-8",
        ReportFormat::Json => "application/json",
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
