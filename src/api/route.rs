//! The routes of the API, one line each, and how requests and answers look in HTTP.

mod approvals;
mod incidents;
mod intake;
mod replies;
mod schedules;
mod sent;
mod watched;

use crate::api::desk::Desk;
use crate::api::socket::Peer;
use crate::api::wire::{
    AnswerRequest, CancelRequest, CarryRequest, OutputRequest, OutputStream, Problem, RetryRequest, RunsRequest,
    StartRequest, TokenRequest,
};
use crate::base::actor::Actor;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::convert::Infallible;

/// Runs in a list that does not say how many.
const RUNS: u32 = 50;

type Answered = Result<Response, Problem>;
type From = ConnectInfo<Peer>;

/// Every route.
pub(super) fn routes(desk: Desk) -> Router {
    Router::new()
        .route("/api/v1/runs", post(start).get(runs))
        .route("/api/v1/runs/{run}", get(run))
        .route("/api/v1/runs/{run}/plan", get(plan))
        .route("/api/v1/runs/{run}/events", get(events))
        .route("/api/v1/runs/{run}/cancel", post(cancel))
        .route("/api/v1/runs/{run}/retry", post(retry))
        .route("/api/v1/runs/{run}/answer", post(answer))
        .route("/api/v1/runs/{run}/output", get(output))
        .route("/api/v1/find/{text}", get(find))
        .route("/api/v1/tokens", get(tokens).post(create_token))
        .route("/api/v1/tokens/{name}", delete(revoke_token))
        .route("/api/v1/audit", get(audit))
        .route("/api/v1/status", get(status))
        .route("/api/v1/book", get(book))
        .route("/api/v1/book/reload", post(reload))
        .route("/api/v1/owner/make-room", post(make_room))
        .route("/api/v1/store/doctor", get(doctor))
        .route("/api/v1/store/export", post(export))
        .route("/api/v1/store/backup", post(backup))
        .merge(schedules::routes())
        .merge(approvals::routes())
        .merge(incidents::routes())
        .merge(replies::routes())
        .merge(watched::routes())
        .merge(intake::routes())
        .fallback(async || Problem::new(404, "no-such-route", "no such route", "there is nothing under this path"))
        .with_state(desk)
}

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
#[derive(Debug, Deserialize)]
struct RunsQuery {
    runbook: Option<String>,
    #[serde(default)]
    outcome: String,
    since: Option<jiff::Timestamp>,
    #[serde(default)]
    dry: bool,
    limit: Option<u32>,
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

#[derive(Debug, Deserialize)]
struct EventsQuery {
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

#[derive(Debug, Deserialize)]
struct CancelBody {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    mode: crate::api::wire::CancelMode,
}

async fn cancel(State(desk): State<Desk>, Path(run): Path<String>, from: From, body: Bytes) -> Answered {
    let CancelBody { reason, mode } = read(&body)?;
    desk.cancel(actor(from)?, &CancelRequest { run, reason, mode })?;
    Ok(StatusCode::ACCEPTED.into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetryBody {
    #[serde(default)]
    new: Option<String>,
}

async fn retry(State(desk): State<Desk>, Path(run): Path<String>, from: From, body: Bytes) -> Answered {
    let RetryBody { new } = read(&body)?;
    let reply = desk.retry(actor(from)?, &RetryRequest { run, new }).await?;
    Ok((StatusCode::CREATED, Json(reply)).into_response())
}

#[derive(Debug, Deserialize)]
struct AnswerBody {
    place: String,
    answer: String,
}

async fn answer(State(desk): State<Desk>, Path(run): Path<String>, from: From, body: Bytes) -> Answered {
    let AnswerBody { place, answer } = read(&body)?;
    desk.answer(actor(from)?, &AnswerRequest { run, place, answer })?;
    Ok(StatusCode::ACCEPTED.into_response())
}

#[derive(Debug, Deserialize)]
struct OutputQuery {
    place: String,
    attempt: u32,
    stream: OutputStream,
    #[serde(default)]
    from: i64,
}

async fn output(State(desk): State<Desk>, Path(run): Path<String>, query: AnyQuery<OutputQuery>) -> Answered {
    let OutputQuery { place, attempt, stream, from } = asked(query)?;
    let asked = OutputRequest { run, place, attempt, stream, from };
    Ok(Json(blocking(move || desk.output(&asked)).await?).into_response())
}

async fn tokens(State(desk): State<Desk>, from: From) -> Answered {
    let actor = actor(from)?;
    Ok(Json(blocking(move || desk.tokens(&actor)).await?).into_response())
}

async fn create_token(State(desk): State<Desk>, from: From, body: Bytes) -> Answered {
    let (actor, asked) = (actor(from)?, read::<TokenRequest>(&body)?);
    Ok((StatusCode::CREATED, Json(blocking(move || desk.create_token(actor, asked)).await?)).into_response())
}

async fn revoke_token(State(desk): State<Desk>, Path(name): Path<String>, from: From) -> Answered {
    let actor = actor(from)?;
    blocking(move || desk.revoke_token(actor, &name)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Debug, Deserialize)]
struct AuditQuery {
    limit: Option<u32>,
}

async fn audit(State(desk): State<Desk>, from: From, query: AnyQuery<AuditQuery>) -> Answered {
    let (actor, limit) = (actor(from)?, asked(query)?.limit.unwrap_or(RUNS));
    Ok(Json(blocking(move || desk.deeds(&actor, limit)).await?).into_response())
}

async fn status(State(desk): State<Desk>) -> Answered {
    Ok(Json(blocking(move || desk.status()).await?).into_response())
}

async fn book(State(desk): State<Desk>, from: From) -> Answered {
    let actor = actor(from)?;
    Ok(Json(blocking(move || desk.book_texts(&actor)).await?).into_response())
}

async fn reload(State(desk): State<Desk>, from: From) -> Answered {
    let actor = actor(from)?;
    Ok(Json(blocking(move || desk.reload(actor)).await?).into_response())
}

async fn make_room(State(desk): State<Desk>, from: From) -> Answered {
    desk.make_room(&actor(from)?)?;
    Ok(StatusCode::ACCEPTED.into_response())
}

#[derive(Debug, Deserialize)]
struct DoctorQuery {
    #[serde(default)]
    repair: bool,
}

async fn doctor(State(desk): State<Desk>, from: From, query: AnyQuery<DoctorQuery>) -> Answered {
    let (actor, repair) = (actor(from)?, asked(query)?.repair);
    Ok(Json(blocking(move || desk.doctor(&actor, repair)).await?).into_response())
}

async fn export(State(desk): State<Desk>, from: From, body: Bytes) -> Answered {
    let (actor, asked) = (actor(from)?, read::<CarryRequest>(&body)?);
    Ok(Json(blocking(move || desk.export(&actor, &asked)).await?).into_response())
}

async fn backup(State(desk): State<Desk>, from: From, body: Bytes) -> Answered {
    let (actor, asked) = (actor(from)?, read::<CarryRequest>(&body)?);
    Ok(Json(blocking(move || desk.backup(&actor, &asked)).await?).into_response())
}

type AnyQuery<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

fn asked<T>(query: AnyQuery<T>) -> Result<T, Problem> {
    query.map(|Query(asked)| asked).map_err(|error| bad(error.body_text()))
}

/// A request that makes no sense.
fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(400, "bad-request", "the request does not read", detail)
}

/// The body as JSON, whatever its type says; an empty one is an empty object.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    let body = if body.is_empty() { b"{}".as_slice() } else { body.as_ref() };
    serde_json::from_slice(body).map_err(|error| bad(format!("the body does not read: {error}")))
}

fn actor(ConnectInfo(Peer(actor)): From) -> Result<Actor, Problem> {
    actor
        .ok_or_else(|| Problem::new(403, "forbidden", "that needs another role", "the kernel does not say who you are"))
}

/// Reads of the store take their time, which nobody else should wait for.
async fn blocking<T: Send + 'static>(read: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|error| Err(Problem::new(500, "internal", "a bug", format!("the answer broke off: {error}"))))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, "application/problem+json")], serde_json::to_vec(&self).unwrap_or_default())
            .into_response()
    }
}
