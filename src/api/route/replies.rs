//! What people answer to a page without logging in: links that show and then ask, and what providers post for them.

use crate::api::desk::Desk;
use crate::api::present::escaped;
use crate::api::route::Answered;
use crate::api::route::table::{Door, Route};
use crate::api::wire::{Fault, Problem};
use crate::base::limits::MAX_REPLY;
use crate::service::{DrillOffer, Offer, Offered, Posted};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};

const PAGE: &str = "text/html; charset=utf-8";

/// Those routes.
pub(super) const ROUTES: &[Route] = &[
    Route::get("/act/{token}", "showOffer", "What the link of a page would do", || get(show))
        .door(Door::Link)
        .text(200, PAGE, "A page with one button.")
        .text(401, PAGE, "It is no link of ours.")
        .text(404, PAGE, "What it was about is gone.")
        .text(422, PAGE, "It can't be done any more.")
        .text(500, PAGE, "The store can't be read.")
        .text(503, PAGE, "Nobody drives the incidents right now."),
    Route::post("/act/{token}", "takeOffer", "Do what the link of a page offers, once", || post(press))
        .door(Door::Link)
        .text(200, PAGE, "It was done: it is durable.")
        .text(401, PAGE, "It is no link of ours.")
        .text(404, PAGE, "What it was about is gone.")
        .text(422, PAGE, "It was used, or can't be done any more.")
        .text(500, PAGE, "The store can't be read.")
        .text(503, PAGE, "Nobody drives the incidents right now.")
        .limit(MAX_REPLY),
    Route::post("/replies/{channel}", "takeReply", "What a provider posts for somebody who answered a page", || {
        post(posted)
    })
    .more("Signed as Slack and Twilio sign. Twilio is answered in its own XML.")
    .door(Door::Proof)
    .text(200, "text/plain; charset=utf-8", "What came of it.")
    .text(200, "text/xml", "What came of it.")
    .limit(MAX_REPLY)
    .faults(&[
        Fault::Unproved,
        Fault::Forbidden,
        Fault::NoHook,
        Fault::NoIncident,
        Fault::Unreadable,
        Fault::TooLarge,
        Fault::NoOwner,
        Fault::Stopped,
        Fault::NotKept,
    ]),
];

/// Shows what the link would do, and asks: a scanner of mail that follows every link does nothing by it.
async fn show(State(desk): State<Desk>, Path(token): Path<String>) -> Response {
    match desk.offer(&token) {
        Ok(Offered::Incident(offer)) => page(StatusCode::OK, &asks(&offer)),
        Ok(Offered::Drill(offer)) => page(StatusCode::OK, &asks_of_drill(&offer)),
        Err(problem) => wrong(&problem),
    }
}

async fn press(State(desk): State<Desk>, Path(token): Path<String>) -> Response {
    match desk.take_offer(&token).await {
        Ok(said) => page(StatusCode::OK, &format!("<h1>Done</h1><p>{}</p>", escaped(&said))),
        Err(problem) => wrong(&problem),
    }
}

async fn posted(
    State(desk): State<Desk>,
    Path(channel): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let signature = if headers.contains_key("x-slack-signature") { "x-slack-signature" } else { "x-twilio-signature" };
    let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let posted = Posted {
        url: path,
        timestamp: text("x-slack-request-timestamp"),
        signature: text(signature),
        body: body.to_vec(),
    };
    let said = match desk.posted(&channel, posted).await {
        Ok(said) => said,
        // Who wrote what can't be done hears why, over the same way; the provider has done its part.
        Err(problem) if problem.status == 422 => problem.detail,
        Err(problem) => return Err(problem),
    };
    if signature == "x-twilio-signature" {
        let words = escaped(&said);
        let twiml =
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Message>{words}</Message></Response>");
        return Ok(([(header::CONTENT_TYPE, "text/xml")], twiml).into_response());
    }
    Ok((StatusCode::OK, said).into_response())
}

fn asks(offer: &Offer) -> String {
    let Offer { view, verb, page, closed } = offer;
    let trouble = &view.opening.trouble;
    let who = page.who.as_ref().map(|who| format!("<p>For {}.</p>", escaped(who.as_str()))).unwrap_or_default();
    let asks = match closed {
        Some(why) => format!("<p><strong>{}</strong></p>", escaped(why)),
        None => format!("<form method=\"post\"><button>{}</button></form>", crate::service::verb_label(*verb)),
    };
    format!(
        "<h1>{} {}</h1><p>{}</p><pre>{}</pre>{who}{asks}",
        escaped(&view.state.severity),
        escaped(&trouble.title),
        escaped(view.state.status().word()),
        escaped(&trouble.text),
    )
}

fn asks_of_drill(offer: &DrillOffer) -> String {
    let way = &offer.page.way;
    let asks = match &offer.closed {
        Some(why) => format!("<p><strong>{}</strong></p>", escaped(why)),
        None => "<form method=\"post\"><button>It has arrived</button></form>".to_owned(),
    };
    format!(
        "<h1>TEST</h1><p>This is only a test of the ways to people. Nothing is wrong.</p><p>For {}, by {}.</p>{asks}",
        escaped(way.who.as_str()),
        escaped(way.channel.as_str()),
    )
}

fn wrong(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
    page(status, &format!("<h1>Not done</h1><p>{}</p>", escaped(&problem.detail)))
}

fn page(status: StatusCode, body: &str) -> Response {
    const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
        <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\">\
        <title>stepladder</title><style>body{font:1.1rem sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}\
        button{font-size:1.3rem;padding:.7rem 1.5rem}pre{white-space:pre-wrap}</style>";
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
    let headers = [(header::CONTENT_SECURITY_POLICY, policy), (header::REFERRER_POLICY, "no-referrer")];
    (status, headers, Html(format!("{HEAD}{body}</html>"))).into_response()
}
