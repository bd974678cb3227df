//! The routes of the API, of which the tables below are all there is, and how requests and answers look in HTTP.

mod approvals;
mod incidents;
mod intake;
mod keeping;
mod people;
mod replies;
mod runs;
mod schedules;
mod sent;
pub(super) mod table;
mod watched;

use crate::api::desk::Desk;
use crate::api::socket::Peer;
use crate::api::wire::{Fault, Problem};
use crate::base::actor::Actor;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use table::Group;

type Answered = Result<Response, Problem>;
type From = ConnectInfo<Peer>;

/// Every route there is.
pub(super) const GROUPS: &[Group] = &[
    Group { name: "runs", about: "What runs and what has run.", routes: runs::ROUTES },
    Group { name: "approvals", about: "What waits for the yes of people.", routes: approvals::ROUTES },
    Group {
        name: "schedules",
        about: "When things start by themselves, and what became of it.",
        routes: schedules::ROUTES,
    },
    Group { name: "incidents", about: "Trouble, and what people do about it.", routes: incidents::ROUTES },
    Group { name: "silences", about: "Trouble that pages nobody.", routes: incidents::SILENCES },
    Group { name: "people", about: "Who can be reached, and by what.", routes: people::ROUTES },
    Group { name: "book", about: "How everything stands, and by which texts.", routes: keeping::ROUTES },
    Group { name: "access", about: "Tokens, and what was done with them.", routes: keeping::ACCESS },
    Group { name: "store", about: "The data directory; over the socket alone.", routes: keeping::STORE },
    Group { name: "watching", about: "Health and metrics, for those who watch.", routes: watched::ROUTES },
    Group { name: "intake", about: "What other systems call.", routes: intake::ROUTES },
    Group { name: "replies", about: "What people answer to a page.", routes: replies::ROUTES },
];

/// The router, made from the table.
pub(super) fn routes(desk: Desk) -> Router {
    let all = GROUPS.iter().flat_map(|group| group.routes);
    all.fold(Router::new(), |router, route| router.route(route.path, route.handler()))
        .fallback(async || Problem::new(Fault::NoRoute, "there is nothing under this path"))
        .with_state(desk)
}

type AnyQuery<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

fn asked<T>(query: AnyQuery<T>) -> Result<T, Problem> {
    query.map(|Query(asked)| asked).map_err(|error| bad(error.body_text()))
}

/// A request that makes no sense.
fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(Fault::BadRequest, detail)
}

/// The body as JSON, whatever its type says; an empty one is an empty object.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    let body = if body.is_empty() { b"{}".as_slice() } else { body.as_ref() };
    // Serde would read a list as the fields in the order in which they happen to stand in the source.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(bad("the body does not read: it is a list, and should be an object"));
    }
    serde_json::from_slice(body).map_err(|error| bad(format!("the body does not read: {error}")))
}

fn actor(ConnectInfo(Peer(actor)): From) -> Result<Actor, Problem> {
    actor.ok_or_else(|| Problem::new(Fault::Forbidden, "the kernel does not say who you are"))
}

/// Reads of the store take their time, which nobody else should wait for.
async fn blocking<T: Send + 'static>(read: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|error| Err(Problem::new(Fault::Internal, format!("the answer broke off: {error}"))))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, "application/problem+json")], serde_json::to_vec(&self).unwrap_or_default())
            .into_response()
    }
}
