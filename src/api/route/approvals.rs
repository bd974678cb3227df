//! The routes of approvals.

use super::{Answered, AnyQuery, From, actor, asked, blocking, read};
use crate::api::desk::Desk;
use crate::api::route::table::Route;
use crate::api::wire::{ApprovalRow, Fault, VoteReply, VoteRequest};
use crate::base::value::{Map, Value};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use schemars::JsonSchema;
use serde::Deserialize;

const VOTE: &[Fault] = &[
    Fault::NoRun,
    Fault::Ended,
    Fault::Input,
    Fault::Book,
    Fault::BadRunbook,
    Fault::Quarantined,
    Fault::NoOwner,
    Fault::Stopped,
    Fault::NoSpace,
];

/// The routes of approvals.
pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/approvals", "listApprovals", "What waits for the yes of people", || get(approvals))
        .query::<ApprovalsQuery>()
        .json::<Vec<ApprovalRow>>(200, "In all runs, or in one.")
        .faults(&[Fault::NoRun, Fault::Ended, Fault::Book, Fault::BadRunbook, Fault::Quarantined]),
    Route::post("/api/v1/runs/{run}/approve", "approveRun", "Say yes", || post(approve))
        .body::<VoteBody>()
        .json::<VoteReply>(200, "The vote counts: it is durable.")
        .faults(VOTE),
    Route::post("/api/v1/runs/{run}/reject", "rejectRun", "Say no", || post(reject))
        .body::<VoteBody>()
        .json::<VoteReply>(200, "The vote counts: it is durable.")
        .faults(VOTE),
];

#[derive(Debug, Deserialize, JsonSchema)]
struct ApprovalsQuery {
    /// In this run only.
    run: Option<String>,
}

async fn approvals(State(desk): State<Desk>, from: From, query: AnyQuery<ApprovalsQuery>) -> Answered {
    let (actor, run) = (actor(from)?, asked(query)?.run);
    Ok(Json(blocking(move || desk.approvals(&actor, run.as_deref())).await?).into_response())
}

/// A vote; the route says for which run, and whether it is a yes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct VoteBody {
    /// The step that waits; may be left out where one does.
    #[serde(default)]
    place: Option<String>,
    /// What is filled in, by name.
    #[serde(default)]
    fields: Map<String, Value>,
    /// What is written with it.
    #[serde(default)]
    note: String,
    /// Decide past those who may and past the quorum, as admin, for all to see.
    #[serde(default, rename = "override")]
    over: bool,
}

async fn approve(State(desk): State<Desk>, Path(run): Path<String>, from: From, body: Bytes) -> Answered {
    vote(&desk, (run, true), read(&body)?, from).await
}

async fn reject(State(desk): State<Desk>, Path(run): Path<String>, from: From, body: Bytes) -> Answered {
    vote(&desk, (run, false), read(&body)?, from).await
}

async fn vote(desk: &Desk, (run, approve): (String, bool), body: VoteBody, from: From) -> Answered {
    let VoteBody { place, fields, note, over } = body;
    let asked = VoteRequest { run, approve, place, fields, note, over };
    Ok(Json(desk.vote(actor(from)?, asked).await?).into_response())
}
