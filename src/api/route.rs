//! The routes of the API, of which the tables below are all there is, and how requests and answers look in HTTP.

mod approvals;
mod incidents;
mod intake;
mod keeping;
mod measures;
pub(super) mod once;
mod page;
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
use crate::base::limits::MAX_NAME;
use crate::diagnostic::closest;
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
    Group { name: "measures", about: "What was measured, and when.", routes: measures::ROUTES },
    Group { name: "incidents", about: "Trouble, and what people do about it.", routes: incidents::ROUTES },
    Group { name: "silences", about: "Trouble that pages nobody.", routes: incidents::SILENCES },
    Group { name: "people", about: "Who can be reached, and by what.", routes: people::ROUTES },
    Group { name: "book", about: "How everything stands, and by which texts.", routes: keeping::ROUTES },
    Group { name: "access", about: "Tokens, and what was done with them.", routes: keeping::ACCESS },
    Group { name: "store", about: "The data directory; over the socket alone.", routes: keeping::STORE },
    Group { name: "page", about: "The daemon in a browser.", routes: page::ROUTES },
    Group { name: "watching", about: "Health and metrics, for those who watch.", routes: watched::ROUTES },
    Group { name: "intake", about: "What other systems call.", routes: intake::ROUTES },
    Group { name: "replies", about: "What people answer to a page.", routes: replies::ROUTES },
];

/// The router, made from the table.
pub(super) fn routes(desk: Desk) -> Router {
    let all = GROUPS.iter().flat_map(|group| group.routes);
    all.fold(Router::new(), |router, route| router.route(route.path, route.handler(&desk)))
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
    serde_json::from_slice(body)
        .map_err(|error| bad(format!("the body does not read: {}", misread(&error.to_string()))))
}

/// Why a body does not read. Of a field that nobody knows serde says which there are; here also which was perhaps meant.
fn misread(error: &str) -> String {
    let Some(rest) = error.strip_prefix("unknown field `") else { return error.to_owned() };
    let Some((wrong, rest)) = rest.split_once('`') else { return error.to_owned() };
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let wrong: String = wrong.chars().take(MAX_NAME).collect();
    let way = match (closest(&wrong, known.iter().copied()), known.as_slice()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, []) => "it has none".to_owned(),
        (None, known) => format!("there are `{}`", known.join("`, `")),
    };
    format!("it has a field `{wrong}`, which nothing here has, and nothing was done; {way}")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::wire::{PauseRequest, TokenRequest};

    #[test]
    fn a_field_that_nobody_knows_is_named_with_what_was_perhaps_meant() {
        let said = |body: &'static str| read::<PauseRequest>(&Bytes::from_static(body.as_bytes())).unwrap_err().detail;
        assert_eq!(
            said(r#"{"raeson":"x"}"#),
            "the body does not read: it has a field `raeson`, which nothing here has, and nothing was done; did you mean `reason`?"
        );
        assert_eq!(
            said(r#"{"because":"x"}"#),
            "the body does not read: it has a field `because`, which nothing here has, and nothing was done; there are `trigger`, `reason`"
        );
        assert!(said(r#"{"reason":1}"#).contains("invalid type: integer `1`, expected a string"));
        assert!(said("[]").contains("it is a list"));
        let twice = read::<TokenRequest>(&Bytes::from_static(br#"{"name":"a","role":"viewer","right":"admin"}"#));
        assert!(twice.unwrap_err().detail.contains("a field `right`"));
        assert_eq!(
            misread("unknown field `x`, there are no fields at line 1"),
            "it has a field `x`, which nothing here has, and nothing was done; it has none"
        );
    }
}
