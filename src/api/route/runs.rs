//! The routes of runs.

use super::sent;
use super::table::{Header, Key, Route};
use crate::api::desk::Desk;
use crate::api::route::{Answered, AnyQuery, From, actor, asked, bad, blocking, read};
use crate::api::wire::{
    AnswerRequest, CancelMode, CancelRequest, Fault, OutputChunk, OutputRequest, OutputStream, RetryRequest, RunDetail,
    RunRow, RunsRequest, StartReply, StartRequest, WireEvent,
};
use crate::base::limits::MAX_IDEMPOTENCY_KEY;
use crate::base::value::Value;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use schemars::JsonSchema;
use serde::Deserialize;
use std::convert::Infallible;

/// Runs in a list that does not say how many.
const RUNS: u32 = 50;

/// The one that makes a start happen once.
const KEY: &[Header] = &[Header {
    name: "Idempotency-Key",
    about: "Makes it one run however often it is sent: the same key and body within a day find the run again (200), the same \
            key with another body is refused (422, `input`).",
    most: MAX_IDEMPOTENCY_KEY,
}];
/// Those that a reader of events sends.
const READER: &[Header] =
    &[Header { name: "Last-Event-ID", about: "With server-sent events: go on behind this number.", most: 0 }];

/// What may become of a start.
const START: &[Fault] = &[
    Fault::NoRunbook,
    Fault::NoRun,
    Fault::BadRunbook,
    Fault::Book,
    Fault::Input,
    Fault::Ended,
    Fault::Quarantined,
    Fault::NoOwner,
    Fault::Stopped,
    Fault::NoSpace,
];
/// What may become of an act on a run.
const ACT: &[Fault] =
    &[Fault::NoRun, Fault::Ended, Fault::Input, Fault::Book, Fault::Quarantined, Fault::NoOwner, Fault::Stopped];
/// What may become of a look at a run.
const LOOK: &[Fault] = &[Fault::NoRun, Fault::Input, Fault::Quarantined];

/// The routes of runs.
pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/runs", "listRuns", "Runs, newest first", || get(runs))
        .more("A page goes on behind the last run of the page before: `before=RUN`. The end is a page with fewer rows than `limit`.")
        .query::<RunsQuery>()
        .json::<Vec<RunRow>>(200, "A page of runs.")
        .faults(&[Fault::NoRun, Fault::Input]),
    Route::post("/api/v1/runs", "startRun", "Start a run", || post(start))
        .more("A runbook may ask for a higher role (`allow: { start: … }`).")
        .key(Key::Route)
        .headers(KEY)
        .body::<StartRequest>()
        .json::<StartReply>(201, "The run was started: it is durable.")
        .json::<StartReply>(200, "The run was started before with this key.")
        .faults(START),
    Route::get("/api/v1/runs/{run}", "getRun", "A run in full", || get(run))
        .json::<RunDetail>(200, "The run, its runbook as a tree, everything that happened.")
        .faults(LOOK),
    Route::get("/api/v1/runs/{run}/plan", "getPlan", "The plan that a dry run makes", || get(plan))
        .more("Sent back as `plan` of a start, the run does what the plan lists and nothing else.")
        .json::<Value>(200, "The plan.")
        .faults(LOOK),
    Route::get("/api/v1/runs/{run}/events", "followRun", "Events of a run as they come", || get(events))
        .more("Ends behind `run_ended`. With `Accept: text/event-stream` they are server-sent events with their numbers as ids, else a JSON \
               object a line. A reader that is too far behind is hung up on and asks again from where it was.")
        .headers(READER)
        .query::<EventsQuery>()
        .stream::<WireEvent>("application/x-ndjson", "The events, from the first that is asked for.")
        .stream::<WireEvent>("text/event-stream", "The events, from the first that is asked for.")
        .faults(LOOK),
    Route::post("/api/v1/runs/{run}/cancel", "cancelRun", "Ask for the end of a run", || post(cancel))
        .body::<CancelBody>()
        .empty(202, "It was asked for; the run ends when what it has to undo is undone.")
        .faults(ACT),
    Route::post("/api/v1/runs/{run}/retry", "retryRun", "Run again what failed, with the same pinned text", || post(retry))
        .body::<RetryBody>()
        .json::<StartReply>(201, "The new run was started.")
        .faults(START),
    Route::post("/api/v1/runs/{run}/answer", "answerRun", "Answer a question that a step waits with", || post(answer))
        .body::<AnswerBody>()
        .empty(202, "The answer was taken.")
        .faults(ACT),
    Route::get("/api/v1/runs/{run}/output", "getOutput", "What an attempt printed on one stream", || get(output))
        .query::<OutputQuery>()
        .json::<OutputChunk>(200, "A stretch of it; the next begins at `offset` + `bytes`.")
        .faults(LOOK),
    Route::get("/api/v1/find/{text}", "findRun", "The whole id of the run that begins or ends so", || get(find))
        .json::<String>(200, "The id; for `last` that of the newest run.")
        .faults(&[Fault::NoRun, Fault::Input]),
];

async fn start(State(desk): State<Desk>, from: From, headers: HeaderMap, body: Bytes) -> Answered {
    if let Some(key) = headers.get("idempotency-key") {
        let key = key.to_str().map_err(|_| bad("an idempotency key is plain text"))?;
        let asked = read::<StartRequest>(&body)?;
        let (reply, again) = desk.start_once(actor(from)?, asked, (key, &body)).await?;
        let status = if again { StatusCode::OK } else { StatusCode::CREATED };
        return Ok((status, Json(reply)).into_response());
    }
    let reply = desk.start(actor(from)?, read::<StartRequest>(&body)?).await?;
    Ok((StatusCode::CREATED, Json(reply)).into_response())
}

/// What a list may be asked for; outcomes with commas between them.
#[derive(Debug, Deserialize, JsonSchema)]
struct RunsQuery {
    /// Of this runbook only.
    runbook: Option<String>,
    /// With these outcomes only, commas between them.
    #[serde(default)]
    outcome: String,
    /// Started at or after this instant only.
    since: Option<jiff::Timestamp>,
    /// Whether dry runs are listed too.
    #[serde(default)]
    dry: bool,
    /// At most so many; 50 where nobody says.
    limit: Option<u32>,
    /// Only those older than this run: the last one of the page before.
    before: Option<String>,
}

async fn runs(State(desk): State<Desk>, query: AnyQuery<RunsQuery>) -> Answered {
    let RunsQuery { runbook, outcome, since, dry, limit, before } = asked(query)?;
    let outcome = outcome.split(',').filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect();
    let asked = RunsRequest { runbook, outcome, since, dry, limit: limit.unwrap_or(RUNS), before };
    Ok(Json(blocking(move || desk.runs(asked)).await?).into_response())
}

async fn run(State(desk): State<Desk>, Path(run): Path<String>) -> Answered {
    Ok(Json(blocking(move || desk.run(&run)).await?).into_response())
}

async fn plan(State(desk): State<Desk>, Path(run): Path<String>) -> Answered {
    Ok(Json(blocking(move || desk.plan(&run)).await?).into_response())
}

async fn find(State(desk): State<Desk>, Path(text): Path<String>) -> Answered {
    Ok(Json(blocking(move || desk.find(&text)).await?).into_response())
}

#[derive(Debug, Deserialize, JsonSchema)]
struct EventsQuery {
    /// Behind this number; 0 = from the first.
    #[serde(default)]
    from: u64,
}

/// One event a line, as they come; or server-sent events, where those are asked for.
async fn events(
    State(desk): State<Desk>,
    Path(run): Path<String>,
    headers: HeaderMap,
    query: AnyQuery<EventsQuery>,
) -> Answered {
    let from = asked(query)?.from;
    if let Some(from) = sent::wanted(&headers, from) {
        return Ok(sent::stream(desk.events(&run, from).await?));
    }
    let events = desk.events(&run, from).await?;
    let lines = futures_util::stream::unfold(events, |mut events| async {
        let event = events.recv().await?;
        let mut line = serde_json::to_vec(&event).unwrap_or_default();
        line.push(b'\n');
        Some((Ok::<_, Infallible>(Bytes::from(line)), events))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CancelBody {
    /// Why, for the record.
    #[serde(default)]
    reason: String,
    /// How much patience its children get.
    #[serde(default)]
    mode: CancelMode,
}

async fn cancel(State(desk): State<Desk>, Path(run): Path<String>, from: From, body: Bytes) -> Answered {
    let CancelBody { reason, mode } = read(&body)?;
    desk.cancel(actor(from)?, &CancelRequest { run, reason, mode })?;
    Ok(StatusCode::ACCEPTED.into_response())
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RetryBody {
    /// The id that the new run is to have; counts over the socket alone.
    #[serde(default)]
    new: Option<String>,
}

async fn retry(State(desk): State<Desk>, Path(run): Path<String>, from: From, body: Bytes) -> Answered {
    let RetryBody { new } = read(&body)?;
    let reply = desk.retry(actor(from)?, &RetryRequest { run, new }).await?;
    Ok((StatusCode::CREATED, Json(reply)).into_response())
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AnswerBody {
    /// The place that asks.
    #[schemars(length(min = 1))]
    place: String,
    /// `go` or `stop` to a question, `succeeded`, `failed` or `again` of an attempt that was lost.
    #[schemars(extend("enum" = ["go", "stop", "succeeded", "failed", "again"]))]
    answer: String,
}

async fn answer(State(desk): State<Desk>, Path(run): Path<String>, from: From, body: Bytes) -> Answered {
    let AnswerBody { place, answer } = read(&body)?;
    desk.answer(actor(from)?, &AnswerRequest { run, place, answer })?;
    Ok(StatusCode::ACCEPTED.into_response())
}

#[derive(Debug, Deserialize, JsonSchema)]
struct OutputQuery {
    /// Where in the run.
    #[schemars(length(min = 1))]
    place: String,
    /// Which attempt, from 1.
    attempt: u32,
    /// Which stream.
    stream: OutputStream,
    /// From this byte on; a negative number counts from the end.
    #[serde(default)]
    from: i64,
}

async fn output(State(desk): State<Desk>, Path(run): Path<String>, query: AnyQuery<OutputQuery>) -> Answered {
    let OutputQuery { place, attempt, stream, from } = asked(query)?;
    let asked = OutputRequest { run, place, attempt, stream, from };
    Ok(Json(blocking(move || desk.output(&asked)).await?).into_response())
}
