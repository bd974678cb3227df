//! One bounded exchange by HTTP, and what its status means for a message.

use crate::act::args::Args;
use crate::act::trust::Trust;
use crate::act::verdict::beginning;
use crate::act::web::{self, Answer, Body, Call};
use crate::act::world::World;
use crate::base::value::Value;
use crate::model::message::Sent;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use reqwest::Method;
use serde_json::Map;
use std::time::Duration;

/// How long a provider may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A request on its way.
pub(super) struct Ask<'a> {
    method: Method,
    url: String,
    body: Body,
    headers: Map<String, Value>,
    auth: Map<String, Value>,
    ca: Option<String>,
    patience: Duration,
    world: &'a World,
}

impl<'a> Ask<'a> {
    /// A POST of nothing yet.
    pub(super) fn post(url: impl Into<String>, args: &Args, world: &'a World) -> Self {
        Self {
            method: Method::POST,
            url: url.into(),
            body: Body::Nothing,
            headers: Map::new(),
            auth: Map::new(),
            ca: args.text("ca"),
            patience: PATIENCE,
            world,
        }
    }

    pub(super) fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    pub(super) fn json(mut self, body: &Value) -> Self {
        self.body = Body::Json(body.to_string().into_bytes());
        self
    }

    pub(super) fn form(mut self, pairs: Vec<(String, String)>) -> Self {
        self.body = Body::Form(pairs);
        self
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    pub(super) fn bearer(mut self, token: &str) -> Self {
        self.auth.insert("bearer".into(), token.into());
        self
    }

    pub(super) fn basic(mut self, user: &str, password: &str) -> Self {
        self.auth.insert("username".into(), user.into());
        self.auth.insert("password".into(), password.into());
        self
    }

    pub(super) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The answer, whatever its status, or what it means that there is none.
    pub(super) async fn answer(self) -> Result<Answer, Sent> {
        let url = web::url(&self.url).map_err(|failure| refused(failure.message))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let redirects = 0;
        let call = Call { method: self.method, url, body: self.body, redirects, trust: Trust::Verified, proxy: None };
        let subject = call.subject();
        let mut args = Map::new();
        args.insert("headers".into(), self.headers.into());
        args.insert("auth".into(), self.auth.into());
        if let Some(ca) = self.ca {
            args.insert("ca".into(), ca.into());
        }
        let args = Args::from_map(args);
        match tokio::time::timeout(self.patience, call.send(&args, self.world)).await {
            Ok(Ok(answer)) => Ok(answer),
            // The path of a webhook is what opens it: only the host is shown.
            Ok(Err(failure)) => Err(not_sent(&failure, &failure.message.replace(&subject, &host))),
            Err(_) => Err(later(format!("{host} did not answer within {} s", self.patience.as_secs()), None)),
        }
    }

    /// The answer, where the status is a good one.
    pub(super) async fn good(self) -> Result<Answer, Sent> {
        let now = self.world.now;
        let answer = self.answer().await?;
        match by_status(&answer, now) {
            None => Ok(answer),
            Some(sent) => Err(sent),
        }
    }
}

/// What a status says of a message; nothing where it is a good one.
pub(super) fn by_status(answer: &Answer, now: jiff::Timestamp) -> Option<Sent> {
    let after = after(answer, now);
    let begins = beginning(&answer.text());
    let begins = if begins.is_empty() { String::new() } else { format!(": `{begins}`") };
    match answer.status {
        200..=299 => None,
        429 => Some(later(format!("too many requests (status 429){begins}"), after)),
        408 | 425 | 500..=599 => Some(later(format!("status {}{begins}", answer.status), after)),
        300..=399 => Some(refused(format!("status {}: it redirects; name the address it leads to", answer.status))),
        status => Some(refused(format!("status {status}{begins}"))),
    }
}

/// Milliseconds of `Retry-After`.
pub(in crate::act) fn after(answer: &Answer, now: jiff::Timestamp) -> Option<u64> {
    let seconds = answer.headers.get("retry-after").and_then(|text| web::retry_after(text, now));
    seconds.map(|seconds| seconds.saturating_mul(1_000))
}

/// The body as JSON; null where it is none.
pub(super) fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// A base URL with something behind it.
pub(super) fn join(base: &str, path: &str) -> String {
    format!("{}/{path}", base.trim_end_matches('/'))
}

/// What could not be asked for its own fault is refused; everything else is worth another try.
fn not_sent(failure: &Failure, message: &str) -> Sent {
    let another = matches!(failure.kind, FailureKind::Connect | FailureKind::Timeout | FailureKind::Other);
    if another { later(message, None) } else { refused(message) }
}

pub(super) fn later(reason: impl Into<String>, after: Option<u64>) -> Sent {
    Sent::Later { reason: reason.into(), after }
}

pub(super) fn refused(reason: impl Into<String>) -> Sent {
    Sent::Refused { reason: reason.into() }
}
