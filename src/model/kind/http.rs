//! `http`: one request and what is expected of the answer.

use crate::base::arg::Landing;
use crate::model::kind::expect::{LATENCY, LEVEL, STATUS};
use crate::model::shape::{Effects, Field, FieldType, Key, KindSpec, Shape, key};

/// The keys that name the method and the URL.
pub(super) const METHODS: &[&str] = &["get", "head", "post", "put", "patch", "delete"];

/// `headers:` of kinds that speak HTTP.
pub(super) const HEADERS: Key =
    key("headers", Shape::Map(&Shape::Text(Landing::Header)), "Headers of the request; values may name `secrets.X`.");

/// `auth:` of kinds that speak HTTP.
pub(super) const AUTH: Key = key(
    "auth",
    Shape::Record(&[
        key("bearer", Shape::Text(Landing::Header), "A bearer token."),
        key("username", Shape::Text(Landing::Header), "The user of basic authentication."),
        key("password", Shape::Text(Landing::Header), "The password of basic authentication."),
    ]),
    "How to authenticate: `bearer`, or `username` and `password`.",
);

/// `ca:` of kinds that speak TLS.
pub(super) const CA: Key = key(
    "ca",
    Shape::Text(Landing::Path),
    "A PEM file of certificates to trust: of those who sign, or the server's own beside the system's.",
);

const EXPECT: Shape = Shape::Record(&[
    key(
        "status",
        Shape::Many(&Shape::Either(&[Shape::Int(100, 599), STATUS])),
        "Good statuses: `200`, `2xx`, `[200, 204]`, `200-299`. `2xx` unless said otherwise.",
    ),
    key(
        "headers",
        Shape::Map(&Shape::Text(Landing::Plain)),
        "Headers that must be there with these values (text; `*` = any value).",
    ),
    key(
        "json",
        Shape::Any(Landing::Json),
        "What the JSON body must contain: maps may have more keys, lists and values must be equal.",
    ),
    key("text", Shape::Many(&Shape::Text(Landing::Plain)), "Texts the body must contain."),
    key("matches", Shape::Regex, "A pattern the body must match."),
    LATENCY,
    LEVEL,
]);

/// `http: { get: "http://localhost:8000/health", expect: { json: { status: healthy } } }`.
pub(super) const HTTP: KindSpec = KindSpec {
    name: "http",
    doc: "An HTTP request with expectations on status, headers, JSON, text and latency. Exactly one method. No proxy unless `proxy` says so; redirects stay on the same host.",
    example: "http: { get: \"http://localhost:8000/health\", expect: { json: { status: healthy } } }",
    shape: Shape::Record(&[
        key("get", Shape::Text(Landing::Url), "The URL to GET. `http: URL` is short for this."),
        key("head", Shape::Text(Landing::Url), "The URL to ask for headers only."),
        key("post", Shape::Text(Landing::Url), "The URL to POST to."),
        key("put", Shape::Text(Landing::Url), "The URL to PUT to."),
        key("patch", Shape::Text(Landing::Url), "The URL to PATCH."),
        key("delete", Shape::Text(Landing::Url), "The URL to DELETE."),
        key("query", Shape::Map(&Shape::Text(Landing::Plain)), "Query parameters, encoded for you."),
        HEADERS,
        AUTH,
        key("json", Shape::Any(Landing::Json), "A JSON body."),
        key("form", Shape::Map(&Shape::Text(Landing::Plain)), "A form body, encoded for you."),
        key("body", Shape::Text(Landing::Plain), "A body as it is."),
        key(
            "expect",
            Shape::Many(&EXPECT),
            "What a good answer looks like; a list of entries may each carry a `level`.",
        ),
        key("redirects", Shape::Int(0, 10), "How many redirects to follow on the same host; 0 unless said."),
        CA,
        key("verify", Shape::Bool, "`false` accepts any certificate: for a self-signed test system only."),
        key("proxy", Shape::Text(Landing::Url), "A proxy to go through."),
    ]),
    short: Some("get"),
    output: &[
        Field { name: "status", ty: FieldType::Int, doc: "The status code." },
        Field {
            name: "headers",
            ty: FieldType::Map(&FieldType::Text),
            doc: "Headers of the answer, names in lower case.",
        },
        Field { name: "json", ty: FieldType::Any, doc: "The body as JSON; null when it is none." },
        Field { name: "text", ty: FieldType::Text, doc: "The body as text, the first 64 KiB." },
        Field { name: "latency_ms", ty: FieldType::Number, doc: "From the start to the last byte of the body." },
        Field { name: "url", ty: FieldType::Text, doc: "Where the answer came from, after redirects." },
    ],
    effects: Effects::Depends,
};
