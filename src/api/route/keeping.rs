//! The routes of the daemon itself: its book, its tokens, its audit, its data directory, its own description.

use super::table::{Door, Key, Route};
use crate::api::desk::Desk;
use crate::api::openapi;
use crate::api::route::{Answered, AnyQuery, From, actor, asked, blocking, read};
use crate::api::wire::{
    BookTexts, Carried, CarryRequest, Checkup, DeedRow, Fault, Reloaded, SettingRow, Status, TokenReply, TokenRequest,
    TokenRow,
};
use crate::base::actor::Role;
use crate::base::value::Value;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use schemars::JsonSchema;
use serde::Deserialize;

/// Rows of the audit where nobody says how many.
const DEEDS: u32 = 50;

const ADMIN: Door = Door::Token(Role::Admin);

/// The routes of the book and how everything stands.
pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/status", "getStatus", "How everything stands", || get(status))
        .json::<Status>(200, "The owner, what has not ended and why, the files that do not count.")
        .faults(&[Fault::Book]),
    Route::get("/api/v1/book", "getBook", "The texts of the book that count", || get(book))
        .door(Door::Token(Role::Operator))
        .json::<BookTexts>(200, "By the names of their files.")
        .faults(&[Fault::NoDaemon, Fault::Book]),
    Route::get("/api/v1/settings", "getSettings", "Every setting: what counts, and where that comes from", || get(settings))
        .more("Of stepladder.yaml as it was when the owner began, or as it is now where a change is obeyed at once. What may be a secret is hidden.")
        .door(Door::Token(Role::Operator))
        .json::<Vec<SettingRow>>(200, "In the order of the manual; flags and variables behind."),
    Route::post("/api/v1/book/reload", "reloadBook", "Read the files of the book again, now", || post(reload))
        .json::<Reloaded>(200, "What has changed, and what does not count as it is.")
        .faults(&[Fault::NoDaemon, Fault::Book, Fault::NoOwner, Fault::Stopped]),
    Route::get("/api/v1/openapi.json", "getOpenApi", "This document", || get(openapi))
        .json::<Value>(200, "OpenAPI 3.1; `stepladder schema openapi` prints the same."),
];

/// The routes of tokens and of the audit.
pub(super) const ACCESS: &[Route] = &[
    Route::get("/api/v1/tokens", "listTokens", "Every token there ever was", || get(tokens))
        .door(ADMIN)
        .json::<Vec<TokenRow>>(200, "The tokens, without what opens them."),
    Route::post("/api/v1/tokens", "createToken", "Make a token", || post(create_token))
        .more("A name is given once, so asking twice makes one; there is no `Idempotency-Key`, since the answer is kept nowhere.")
        .door(ADMIN)
        .key(Key::Nobody)
        .body::<TokenRequest>()
        .json::<TokenReply>(201, "The token, which is told this once.")
        .faults(&[Fault::Input, Fault::NoOwner, Fault::Stopped, Fault::NoSpace]),
    Route::delete("/api/v1/tokens/{name}", "revokeToken", "Take a token's right away", || delete(revoke_token))
        .door(ADMIN)
        .empty(204, "It opens nothing any more.")
        .faults(&[Fault::NoSuchToken, Fault::NoOwner, Fault::Stopped, Fault::NoSpace]),
    Route::get("/api/v1/audit", "listAudit", "What was done, newest first", || get(audit))
        .more("Everything that may have changed something: who, through which door, from where, what, and what came of it.")
        .door(ADMIN)
        .query::<AuditQuery>()
        .json::<Vec<DeedRow>>(200, "The newest."),
];

/// The routes of the data directory, which only the socket has.
pub(super) const STORE: &[Route] = &[
    Route::post("/api/v1/owner/make-room", "makeRoom", "Let another owner drive the runs", || post(make_room))
        .door(Door::Socket)
        .empty(202, "It ends.")
        .faults(&[Fault::Serving, Fault::NoOwner]),
    Route::get("/api/v1/store/doctor", "examineStore", "Examine the data directory, or mend it", || get(doctor))
        .door(Door::Socket)
        .query::<DoctorQuery>()
        .json::<Checkup>(200, "What was found.")
        .faults(&[Fault::Serving]),
    Route::post("/api/v1/store/export", "exportStore", "Write an archive of everything", || post(export))
        .door(Door::Socket)
        .body::<CarryRequest>()
        .json::<Carried>(200, "What is in it.")
        .faults(&[Fault::Input]),
    Route::post("/api/v1/store/backup", "backUpStore", "Copy the data directory", || post(backup))
        .door(Door::Socket)
        .body::<CarryRequest>()
        .json::<Carried>(200, "What was copied.")
        .faults(&[Fault::Input]),
];

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi::text())
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

#[derive(Debug, Deserialize, JsonSchema)]
struct AuditQuery {
    /// At most so many; 50 where nobody says.
    limit: Option<u32>,
}

async fn audit(State(desk): State<Desk>, from: From, query: AnyQuery<AuditQuery>) -> Answered {
    let (actor, limit) = (actor(from)?, asked(query)?.limit.unwrap_or(DEEDS));
    Ok(Json(blocking(move || desk.deeds(&actor, limit)).await?).into_response())
}

async fn status(State(desk): State<Desk>) -> Answered {
    Ok(Json(blocking(move || desk.status()).await?).into_response())
}

async fn book(State(desk): State<Desk>, from: From) -> Answered {
    let actor = actor(from)?;
    Ok(Json(blocking(move || desk.book_texts(&actor)).await?).into_response())
}

async fn settings(State(desk): State<Desk>, from: From) -> Answered {
    let actor = actor(from)?;
    Ok(Json(blocking(move || desk.settings(&actor)).await?).into_response())
}

async fn reload(State(desk): State<Desk>, from: From) -> Answered {
    let actor = actor(from)?;
    Ok(Json(blocking(move || desk.reload(actor)).await?).into_response())
}

async fn make_room(State(desk): State<Desk>, from: From) -> Answered {
    desk.make_room(&actor(from)?)?;
    Ok(StatusCode::ACCEPTED.into_response())
}

#[derive(Debug, Deserialize, JsonSchema)]
struct DoctorQuery {
    /// Whether to mend what can be mended.
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
