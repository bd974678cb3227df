//! The daemon's own page: three files that ask the API like any client.

use super::table::{Door, Route};
use crate::api::desk::Desk;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};

/// Nothing but its own script and style, no connection but to where it came from, in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// They.
pub(super) const ROUTES: &[Route] = &[
    Route::get("/", "page", "The page of the daemon, for browsers", || text(HTML, include_str!("../page/index.html")))
        .more("It asks for a token, which it sends as any client does.")
        .door(Door::Open)
        .text(200, HTML, "The page."),
    Route::get("/page.css", "pageStyle", "How it looks", || text(STYLE, include_str!("../page/page.css")))
        .door(Door::Open)
        .text(200, STYLE, "The style."),
    Route::get("/page.js", "pageScript", "What it does", || text(SCRIPT, include_str!("../page/page.js")))
        .door(Door::Open)
        .text(200, SCRIPT, "The script."),
];

fn text(kind: &'static str, text: &'static str) -> MethodRouter<Desk> {
    let head: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    get(async move || (head, text).into_response())
}
