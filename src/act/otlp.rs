//! Spans on their way to a collector: OpenTelemetry's protocol over HTTP, in protobuf (OTLP 1.x, `/v1/traces`).
//!
//! One try each; who tries again, and when, is no business of this module. The numbers of fields are those of
//! `opentelemetry/proto/trace/v1/trace.proto`; a test reads what is sent with the protocol's own decoder.

use crate::act::args::Args;
use crate::act::channel::wire::after;
use crate::act::secret::Filled;
use crate::act::trust::Trust;
use crate::act::verdict::beginning;
use crate::act::web::{self, Body, Call};
use crate::act::world::World;
use crate::base::value::{Map, Value};
use crate::expr::Scope;
use crate::model::param::Param;
use prost::Message;
use reqwest::Method;
use std::time::Duration;

/// A span as whoever drives the runs makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The trace it belongs to.
    pub trace: [u8; 16],
    /// Its id.
    pub id: [u8; 8],
    /// The span above it.
    pub parent: Option<[u8; 8]>,
    /// A name of which there are few.
    pub name: String,
    /// When it began, in nanoseconds since 1970.
    pub begun: u64,
    /// When it ended.
    pub ended: u64,
    /// What is said of it.
    pub facts: Vec<(&'static str, Fact)>,
    /// Spans of other traces that have to do with it.
    pub links: Vec<([u8; 16], [u8; 8], &'static str)>,
    /// Whether it went wrong, and what is said of that; `None` = nobody can say.
    pub verdict: Option<Result<(), String>>,
}

/// What is said of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// Yes or no.
    Flag(bool),
}

/// Where spans go.
#[derive(Debug, Clone)]
pub struct Collector {
    /// The whole URL.
    pub url: String,
    /// Headers of each request; may name secrets.
    pub headers: Vec<(String, Param)>,
    /// A PEM file of certificates that are trusted, too.
    pub ca: Option<String>,
    /// How long one request may take.
    pub patience: Duration,
    /// What is said of whoever sends.
    pub resource: Vec<(String, String)>,
}

/// What became of spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exported {
    /// They were taken, but for so many, and why.
    Taken(u64, String),
    /// They may be taken later: why not now, and after how many milliseconds where that was said.
    Later(String, Option<u64>),
    /// They never will.
    Refused(String),
}

impl Collector {
    /// Tries once to hand spans over. They may have been taken although it says otherwise: their ids tell.
    pub async fn send(&self, spans: &[Span], world: &World) -> Exported {
        let headers = Param::Map(self.headers.clone());
        let (headers, filled) = match filled(&headers, world).await {
            Ok(found) => found,
            Err(why) => return Exported::Later(why, None),
        };
        match tokio::time::timeout(self.patience, self.asked(spans, headers, world)).await {
            Ok(exported) => masked(exported, &filled),
            Err(_) => Exported::Later(format!("no answer within {} ms", self.patience.as_millis()), None),
        }
    }

    async fn asked(&self, spans: &[Span], mut headers: Map<String, Value>, world: &World) -> Exported {
        let url = match web::url(&self.url) {
            Ok(url) => url,
            Err(failure) => return Exported::Refused(failure.message),
        };
        headers.insert("content-type".into(), "application/x-protobuf".into());
        let body = Body::Json(request(spans, &self.resource).encode_to_vec());
        let call = Call { method: Method::POST, url, body, redirects: 0, trust: Trust::Verified, proxy: None };
        let mut args = Map::new();
        args.insert("headers".into(), headers.into());
        args.extend(self.ca.as_ref().map(|ca| ("ca".to_owned(), Value::from(ca.as_str()))));
        let answer = match call.send(&Args::from_map(args), world).await {
            Ok(answer) => answer,
            Err(failure) => return Exported::Later(failure.message, None),
        };
        let begins = beginning(&answer.text());
        let said =
            if begins.is_empty() || begins.contains('\u{fffd}') { String::new() } else { format!(": `{begins}`") };
        match answer.status {
            200..=299 => match Reply::decode(answer.body.as_slice()) {
                Ok(Reply { partial: Some(partial) }) => {
                    Exported::Taken(u64::try_from(partial.rejected).unwrap_or_default(), partial.message)
                }
                // What answers with 200 and something else is no collector that rejects anything.
                Ok(Reply { partial: None }) | Err(_) => Exported::Taken(0, String::new()),
            },
            status @ (408 | 429 | 502..=504) => {
                Exported::Later(format!("status {status}{said}"), after(&answer, world.now))
            }
            status => Exported::Refused(format!("status {status}{said}")),
        }
    }
}

/// Headers with the secrets that they name, and those secrets, to be hidden in what comes back.
async fn filled(headers: &Param, world: &World) -> Result<(Map<String, Value>, Filled), String> {
    let arg = headers.render(&Scope::default()).map_err(|error| format!("`telemetry.headers`: {error}"))?;
    let filled = world.secrets.gather_for(&arg).await.map_err(|failure| failure.message)?;
    match arg.fill(&mut |secret| filled.value(secret)).map_err(|failure| failure.message)? {
        Value::Object(map) => Ok((map, filled)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("`telemetry.headers` is no map".to_owned())
        }
    }
}

fn masked(exported: Exported, filled: &Filled) -> Exported {
    match exported {
        Exported::Taken(rejected, why) => Exported::Taken(rejected, filled.hide(&why)),
        Exported::Later(why, after) => Exported::Later(filled.hide(&why), after),
        Exported::Refused(why) => Exported::Refused(filled.hide(&why)),
    }
}

fn request(spans: &[Span], resource: &[(String, String)]) -> Request {
    let attributes = resource.iter().map(|(name, value)| text(name, value)).collect();
    let scope = Scoped { name: env!("CARGO_PKG_NAME").into(), version: env!("CARGO_PKG_VERSION").into() };
    let scope = OfScope { scope: Some(scope), spans: spans.iter().map(OneSpan::from).collect() };
    Request { resources: vec![OfResource { resource: Some(Resource { attributes }), scopes: vec![scope] }] }
}

fn text(name: &str, value: &str) -> Pair {
    Pair { key: name.into(), value: Some(Any { value: Some(any::Value::Text(value.into())) }) }
}

impl From<&Span> for OneSpan {
    fn from(span: &Span) -> Self {
        let pair = |(name, fact): &(&'static str, Fact)| {
            let value = match fact {
                Fact::Text(text) => any::Value::Text(text.clone()),
                Fact::Whole(number) => any::Value::Whole(*number),
                Fact::Flag(yes) => any::Value::Flag(*yes),
            };
            Pair { key: (*name).to_owned(), value: Some(Any { value: Some(value) }) }
        };
        let link = |(trace, id, what): &([u8; 16], [u8; 8], &'static str)| Link {
            trace: trace.to_vec(),
            span: id.to_vec(),
            attributes: vec![text("stepladder.link", what)],
        };
        let status = span.verdict.as_ref().map(|verdict| match verdict {
            Ok(()) => Status { message: String::new(), code: OK },
            Err(why) => Status { message: why.clone(), code: ERROR },
        });
        Self {
            trace: span.trace.to_vec(),
            id: span.id.to_vec(),
            parent: span.parent.map(|id| id.to_vec()).unwrap_or_default(),
            name: span.name.clone(),
            kind: INTERNAL,
            begun: span.begun,
            ended: span.ended,
            attributes: span.facts.iter().map(pair).collect(),
            links: span.links.iter().map(link).collect(),
            status,
            flags: SAMPLED,
        }
    }
}

/// `SPAN_KIND_INTERNAL`.
const INTERNAL: i32 = 1;
/// `STATUS_CODE_OK` and `STATUS_CODE_ERROR`.
const OK: i32 = 1;
const ERROR: i32 = 2;
/// The flag of W3C's trace context.
const SAMPLED: u32 = 1;

#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<OfResource>,
}

#[derive(Clone, PartialEq, Message)]
struct OfResource {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<OfScope>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<Pair>,
}

#[derive(Clone, PartialEq, Message)]
struct OfScope {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scoped>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<OneSpan>,
}

#[derive(Clone, PartialEq, Message)]
struct Scoped {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct OneSpan {
    #[prost(bytes = "vec", tag = "1")]
    trace: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    begun: u64,
    #[prost(fixed64, tag = "8")]
    ended: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<Pair>,
    #[prost(message, repeated, tag = "13")]
    links: Vec<Link>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
    #[prost(fixed32, tag = "16")]
    flags: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Link {
    #[prost(bytes = "vec", tag = "1")]
    trace: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    attributes: Vec<Pair>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(oneof = "any::Value", tags = "1, 2, 3")]
    value: Option<any::Value>,
}

mod any {
    use prost::Oneof;

    #[derive(Clone, PartialEq, Oneof)]
    pub(super) enum Value {
        #[prost(string, tag = "1")]
        Text(String),
        #[prost(bool, tag = "2")]
        Flag(bool),
        #[prost(int64, tag = "3")]
        Whole(i64),
    }
}

/// What a collector answers.
#[derive(Clone, PartialEq, Message)]
struct Reply {
    #[prost(message, optional, tag = "1")]
    partial: Option<Partial>,
}

#[derive(Clone, PartialEq, Message)]
struct Partial {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    message: String,
}
