//! Who comes in over TCP: the right host, the right origin, a token; what may have changed something is written down.

use crate::api::desk::Desk;
use crate::api::http::Listen;
use crate::api::socket::Peer;
use crate::api::wire::{Fault, Problem};
use crate::base::actor::Actor;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Paths that need no token: they say whether all is well, or are the page, which says nothing by itself.
const OPEN: &[&str] = &["/livez", "/readyz", "/health", "/", "/page.css", "/page.js"];
/// Whoever asks for one component hears how it is, too; why is for who has a token.
const OPEN_BELOW: (&str, &str) = ("/health/", "/health/detailed");
/// Paths that only the socket has: they speak of processes and paths of this machine.
const SOCKET_ONLY: &[&str] = &["/api/v1/owner/", "/api/v1/store/"];
/// What begins so proves itself in a way of its own.
const PROVES_ITSELF: &[&str] = &["/hooks/", "/alerts/", "/v2/", "/act/", "/replies/"];
/// How long an answer may take to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller(pub(super) SocketAddr);

/// What the gate knows.
pub(super) struct Gate {
    desk: Desk,
    hosts: BTreeSet<String>,
}

impl Gate {
    pub(super) fn new(desk: Desk, listen: &Listen, address: SocketAddr) -> Self {
        let port = address.port();
        let mut hosts: BTreeSet<String> =
            ["localhost", "127.0.0.1", "[::1]"].iter().map(|host| format!("{host}:{port}")).collect();
        hosts.insert(address.to_string());
        let named = listen.address.rsplit_once(':').map_or(listen.address.as_str(), |(host, _)| host);
        hosts.insert(format!("{named}:{port}").to_ascii_lowercase());
        hosts.extend(listen.public_url.as_deref().and_then(authority));
        Self { desk, hosts }
    }

    /// A page of another site that makes a browser ask us is not whom the token was given to.
    fn is_ours(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let host = text(header::HOST).unwrap_or_default().to_ascii_lowercase();
        if !self.hosts.contains(&host) {
            let detail = format!("`{host}` is not served here: name it in `http.public_url`, or call this address");
            return Err(Problem::new(Fault::WrongHost, detail));
        }
        match text(header::ORIGIN) {
            None => Ok(()),
            Some(origin) if authority(origin).is_some_and(|from| self.hosts.contains(&from)) => Ok(()),
            Some(origin) => Err(Problem::new(Fault::WrongOrigin, format!("pages of `{origin}` may not ask here"))),
        }
    }

    fn actor(&self, headers: &HeaderMap) -> Result<Actor, Problem> {
        let unknown = |detail: &str| Problem::new(Fault::NoToken, detail);
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            value.and_then(|value| value.split_once(' ')).filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else {
            return Err(unknown("send `Authorization: Bearer TOKEN`; `stepladder token create NAME` makes one"));
        };
        self.desk
            .bearer(token.trim())?
            .ok_or_else(|| unknown("this token opens nothing: it was revoked, or never was one"))
    }
}

/// Lets a request through, or not.
pub(super) async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let from = request.extensions().get::<Caller>().map(|caller| caller.0.to_string()).unwrap_or_default();
    let mut answered = match enter(&gate, request, &path) {
        Err(problem) => problem.into_response(),
        Ok((request, actor)) => {
            let response = match timeout(PATIENCE, next.run(request)).await {
                Ok(response) => said(response),
                Err(_) => Problem::new(Fault::TooSlow, "the answer did not begin in 30 s").into_response(),
            };
            if let Some(actor) = actor.filter(|_| may_change(&method)) {
                gate.desk.audit(actor, from, format!("{method} {path}"), response.status().as_u16());
            }
            response
        }
    };
    let headers = answered.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if answered.status() == StatusCode::UNAUTHORIZED {
        answered.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answered
}

fn enter(gate: &Gate, mut request: Request, path: &str) -> Result<(Request, Option<Actor>), Problem> {
    gate.is_ours(request.headers())?;
    if OPEN.contains(&path) || (path.starts_with(OPEN_BELOW.0) && path != OPEN_BELOW.1) {
        return Ok((request, None));
    }
    if PROVES_ITSELF.iter().any(|start| path.starts_with(start)) {
        request.extensions_mut().insert(ConnectInfo(Peer(None)));
        return Ok((request, None));
    }
    let actor = gate.actor(request.headers())?;
    if SOCKET_ONLY.iter().any(|start| path.starts_with(start)) {
        let detail = "this is asked over the socket of the data directory alone: by `stepladder` on that machine";
        return Err(Problem::new(Fault::SocketOnly, detail));
    }
    request.extensions_mut().insert(ConnectInfo(Peer(Some(actor.clone()))));
    Ok((request, Some(actor)))
}

fn may_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// A refusal that no route of ours has worded, as a problem.
fn said(response: Response) -> Response {
    let status = response.status();
    let ours = ["application/problem+json", "application/json", "text/html; charset=utf-8"];
    let worded = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| ours.iter().any(|one| kind == one));
    if worded || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (fault, detail) = match status {
        StatusCode::PAYLOAD_TOO_LARGE => (Fault::TooLarge, "a body has at most 1 MiB, a reply to a page 64 KiB"),
        StatusCode::METHOD_NOT_ALLOWED => (Fault::NoMethod, "this path has no such method"),
        _ if status.is_client_error() => (Fault::BadRequest, "path, query or body could not be read"),
        _ => (Fault::Internal, "the request could not be taken"),
    };
    let mut refused = Problem { status: status.as_u16(), ..Problem::new(fault, detail) }.into_response();
    // Which methods there are, where this one is none.
    if let Some(allow) = response.headers().get(header::ALLOW) {
        refused.headers_mut().insert(header::ALLOW, allow.clone());
    }
    refused
}

/// Host and port of a URL, the port left out where the URL does.
fn authority(url: &str) -> Option<String> {
    let rest = url.split_once("://").map(|(_, rest)| rest)?;
    let authority = rest.split(['/', '?', '#']).next()?;
    (!authority.is_empty()).then(|| authority.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_what_browsers_send_as_host() {
        for (url, want) in [
            ("https://Steps.example.com", Some("steps.example.com")),
            ("https://steps.example.com:8443/x", Some("steps.example.com:8443")),
            ("http://[::1]:8320/", Some("[::1]:8320")),
            ("null", None),
            ("https://", None),
        ] {
            assert_eq!(authority(url).as_deref(), want, "{url}");
        }
    }
}
