//! What is asked for twice with one `Idempotency-Key` and done once: around every act that is behind a token. A start has a
//! way of its own, which reserves its run.

use crate::api::desk::Desk;
use crate::api::route::bad;
use crate::api::route::table::Header;
use crate::api::socket::Peer;
use crate::api::wire::{Fault, Problem};
use crate::base::actor::{Actor, Role};
use crate::base::limits::MAX_IDEMPOTENCY_KEY;
use crate::model::access::KeptAnswer;
use crate::service::{Claim, Claimed};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, FromRequest, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The header, of what starts no run.
pub(super) const KEY: &[Header] = &[Header {
    name: "Idempotency-Key",
    about: "Makes it happen once however often it is sent: the same key, path and body within a day are answered as they \
            were the first time, the same key with anything else is refused (422, `input`). What was refused may be sent \
            again. 409, `in-doubt`: it is being done, or nobody knows whether it was.",
    most: MAX_IDEMPOTENCY_KEY,
}];
/// What may become of a request because it has a key.
pub(in crate::api) const FAULTS: &[Fault] = &[Fault::BadRequest, Fault::Input, Fault::InDoubt];

/// The most bytes of an answer of ours to an act.
const ANSWER: usize = 64 << 20;

/// Does what is asked for, unless it was done before with its key. Who may not is refused by the route, and nothing of it
/// is written down.
pub(super) async fn pass(State((desk, least)): State<(Desk, Role)>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<Peer>>().and_then(|from| from.0.0.clone());
    match peer.filter(|actor| actor.role >= least && request.headers().contains_key("idempotency-key")) {
        Some(actor) => keyed(desk, &actor, request, next).await.unwrap_or_else(IntoResponse::into_response),
        None => next.run(request).await,
    }
}

async fn keyed(desk: Desk, actor: &Actor, request: Request, next: Next) -> Result<Response, Problem> {
    let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok());
    let key = key.ok_or_else(|| bad("an idempotency key is plain text"))?.to_owned();
    let (parts, body) = request.into_parts();
    let again = Request::from_parts(parts.clone(), body);
    let body = match Bytes::from_request(again, &()).await {
        Ok(body) => body,
        Err(refused) => return Ok(refused.into_response()),
    };
    let place = parts.uri.path_and_query().map_or(parts.uri.path(), |place| place.as_str()).to_owned();
    let method = parts.method.clone();
    match desk.claim_key(actor, &key, &[method.as_str().as_bytes(), place.as_bytes(), &body]).await? {
        Claim::Done(answer) => told_again(answer),
        Claim::Yours(claimed) => {
            let request = Request::from_parts(parts, Body::from(body));
            // Whoever asked may hang up meanwhile: what came of it is kept all the same.
            let done = tokio::spawn(async move { settled(&desk, claimed, next.run(request).await).await });
            done.await
                .unwrap_or_else(|error| Err(Problem::new(Fault::Internal, format!("the answer broke off: {error}"))))
        }
    }
}

/// Keeps what came of it, and answers it.
async fn settled(desk: &Desk, claimed: Claimed, response: Response) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let read = to_bytes(body, ANSWER).await;
    let body = match read {
        Ok(body) => body,
        Err(error) => {
            desk.lose_key(claimed).await;
            return Err(Problem::new(Fault::Internal, format!("the answer broke off: {error}")));
        }
    };
    let status = parts.status;
    if status.is_success() {
        let answer = KeptAnswer { status: status.as_u16(), body: String::from_utf8(body.to_vec()).ok() };
        desk.settle_key(claimed, Some(answer)).await?;
    } else if status.is_client_error() || is_undone(&body) {
        desk.settle_key(claimed, None).await?;
    } else {
        desk.lose_key(claimed).await;
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// Whether a refusal that is our fault says that nothing was done.
fn is_undone(body: &[u8]) -> bool {
    let problem: Option<Problem> = serde_json::from_slice(body).ok();
    let undone = [Fault::NoOwner, Fault::NoSpace, Fault::NotKept];
    problem.is_some_and(|problem| undone.iter().any(|fault| fault.told().0 == problem.kind))
}

/// The answer of the first time.
fn told_again(KeptAnswer { status, body }: KeptAnswer) -> Result<Response, Problem> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let Some(body) = body else {
        return Err(Problem::new(
            Fault::InDoubt,
            format!(
                "it was done when this key was sent first, and answered with {status}: the answer was too long to be kept"
            ),
        ));
    };
    if body.is_empty() {
        return Ok(status.into_response());
    }
    let json = HeaderValue::from_static("application/json");
    Ok((status, [(header::CONTENT_TYPE, json)], body).into_response())
}
