//! Calls of LiveKit's server API: Twirp, which is a POST of JSON, with a token for that question alone.

use crate::act::args::Args;
use crate::act::livekit::token::Keys;
use crate::act::trust::Trust;
use crate::act::verdict::beginning;
use crate::act::web::{Answer, Body, Call, shown, url};
use crate::act::world::World;
use crate::base::value::{Map, Value, json, plain};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use reqwest::{Method, Url};
use std::time::Duration;

/// How long the token of a call is valid.
const TTL: Duration = Duration::from_mins(1);

/// The server, and what asking it took so far.
pub(super) struct Api<'a> {
    base: Url,
    keys: &'a Keys,
    ca: Option<Value>,
    world: &'a World,
    pub(super) requests: u32,
    pub(super) slowest: Duration,
}

impl<'a> Api<'a> {
    pub(super) fn new(args: &Args, keys: &'a Keys, world: &'a World) -> Result<Self, Failure> {
        let written = args.need("url")?;
        // Clients are given the address of its web sockets; the API is beside them.
        let http = match written.split_once("://") {
            Some(("ws", rest)) => format!("http://{rest}"),
            Some(("wss", rest)) => format!("https://{rest}"),
            Some(_) | None => written,
        };
        let mut base = url(&http)?;
        base.set_query(None);
        base.set_fragment(None);
        let ca = args.get("ca").cloned();
        Ok(Self { base, keys, ca, world, requests: 0, slowest: Duration::ZERO })
    }

    /// What a message about it begins with.
    pub(super) fn subject(&self) -> String {
        shown(&self.base).trim_end_matches('/').to_owned()
    }

    /// Asks `service/method`, with a token that permits what `grants` says.
    pub(super) async fn call(
        &mut self,
        method: &str,
        grants: (&str, Value),
        question: &Value,
    ) -> Result<Value, Failure> {
        let claims = Map::from_iter([(grants.0.to_owned(), grants.1)]);
        let token = self.keys.sign(claims, self.world.now, TTL)?;
        let mut url = self.base.clone();
        url.set_path(&format!("{}/twirp/livekit.{method}", self.base.path().trim_end_matches('/')));
        let mut args = Map::from_iter([("auth".to_owned(), json!({ "bearer": token }))]);
        args.extend(self.ca.clone().map(|ca| ("ca".to_owned(), ca)));
        let body = Body::Json(question.to_string().into_bytes());
        let call = Call { method: Method::POST, url, body, redirects: 0, trust: Trust::Verified, proxy: None };
        self.requests += 1;
        let answer = call.send(&Args::from_map(args), self.world).await?;
        self.slowest = self.slowest.max(answer.took);
        match (answer.status, serde_json::from_slice::<Value>(&answer.body)) {
            (200, Ok(Value::Object(map))) => Ok(Value::Object(map)),
            (200, _) => Err(self.stranger(&answer)),
            (_, body) => Err(self.refused(method, &answer, body.ok().as_ref())),
        }
        // Whoever answers may say again what it was asked with.
        .map_err(|failure| Failure { message: failure.message.replace(&token, "***"), ..failure })
    }

    /// Whatever answers is no LiveKit.
    fn stranger(&self, answer: &Answer) -> Failure {
        let begins = beginning(&answer.text());
        let why = format!(
            "{}: what answers there is no LiveKit server (status {}, `{begins}`)",
            self.subject(),
            answer.status
        );
        Failure::lasting(FailureKind::Status, why)
    }

    /// What the server says instead of an answer.
    fn refused(&self, method: &str, answer: &Answer, body: Option<&Value>) -> Failure {
        let said = |name: &str| body.and_then(|body| body.get(name)).and_then(Value::as_str).unwrap_or_default();
        let (code, words) = (said("code"), beginning(said("msg")));
        let why = match (answer.status, code) {
            (401 | 403, _) => {
                let words = if words.is_empty() { beginning(&answer.text()) } else { words };
                format!(
                    "it does not take this key and secret ({words}): they must be those of the server's `keys`, and the clocks \
                     of both machines right"
                )
            }
            (404, "bad_route") => format!("it knows no `{method}`: its version is too old"),
            (_, "") => return Failure { lasting: answer.status < 500, ..self.stranger(answer) },
            (status, code) => format!("{method}: {code}, {words} (status {status})"),
        };
        let lasting = (400..500).contains(&answer.status) && ![408, 429].contains(&answer.status);
        let kind = if code == "not_found" { FailureKind::Missing } else { FailureKind::Status };
        Failure { lasting, ..Failure::new(kind, format!("{}: {why}", self.subject())) }
    }
}

/// A field, whose name LiveKit writes as `num_participants` and others as `numParticipants`.
pub(super) fn field<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    of.get(name).or_else(|| of.get(camel(name))).filter(|value| !value.is_null())
}

/// `num_participants` as `numParticipants`.
pub(super) fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        text + head.to_ascii_uppercase().as_str() + tail
    })
}

pub(super) fn text(of: &Value, name: &str) -> String {
    field(of, name).map(plain).unwrap_or_default()
}

/// A number, which JSON of protobuf writes as text where it has 64 bits.
pub(super) fn number(of: &Value, name: &str) -> i64 {
    let number = |value: &Value| value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    field(of, name).and_then(number).unwrap_or_default()
}

pub(super) fn flag(of: &Value, name: &str) -> bool {
    field(of, name).and_then(Value::as_bool).unwrap_or_default()
}

pub(super) fn items(of: &Value, name: &str) -> Vec<Value> {
    field(of, name).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// A word of an enum: `EGRESS_ACTIVE` is `active`.
pub(super) fn word(of: &Value, name: &str, prefix: &str) -> String {
    text(of, name).trim_start_matches(prefix).to_ascii_lowercase()
}

/// An instant of so many parts of a second since 1970; null where there is none.
pub(super) fn instant(of: &Value, name: &str, parts: i64) -> Value {
    let second = Some(number(of, name) / parts).filter(|second| *second > 0);
    let instant = second.and_then(|second| jiff::Timestamp::from_second(second).ok());
    instant.map_or(Value::Null, |instant| Value::from(instant.to_string()))
}
