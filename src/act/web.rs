//! One HTTP exchange: what `http`, `prometheus` and `scrape` share.

use crate::act::args::Args;
use crate::act::connect::connect_error;
use crate::act::trust::{Trust, client, explain};
use crate::act::world::World;
use crate::base::limits::MAX_BODY;
use crate::base::span::show_size;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Method, Url};
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

/// A request to send.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Body,
    /// How many redirects are followed.
    pub(super) redirects: usize,
    pub(super) trust: Trust,
    pub(super) proxy: Option<String>,
}

/// What a request carries.
pub(super) enum Body {
    Nothing,
    Json(Vec<u8>),
    Form(Vec<(String, String)>),
    Text(String),
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
    pub(super) url: String,
    pub(super) took: Duration,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Call {
    /// A GET.
    pub(super) fn get(url: Url) -> Self {
        Self { method: Method::GET, url, body: Body::Nothing, redirects: 0, trust: Trust::Verified, proxy: None }
    }

    /// `GET http://host/path`, without a password.
    pub(super) fn subject(&self) -> String {
        format!("{} {}", self.method, shown(&self.url))
    }

    /// Sends it and reads the whole answer. Headers, authentication and `ca` are those of `args`.
    pub(super) async fn send(self, args: &Args, world: &World) -> Result<Answer, Failure> {
        let subject = self.subject();
        let client = self.client(args, world)?;
        let mut request = client.request(self.method, self.url).headers(headers(args)?);
        let auth = Args::from_map(args.map("auth"));
        request = match (auth.text("bearer"), auth.text("username")) {
            (Some(token), _) => request.bearer_auth(token),
            (None, Some(user)) => request.basic_auth(user, auth.text("password")),
            (None, None) => request,
        };
        request = match self.body {
            Body::Nothing => request,
            Body::Json(bytes) if args.map("headers").keys().any(|name| name.eq_ignore_ascii_case("content-type")) => {
                request.body(bytes)
            }
            Body::Json(bytes) => request.header("content-type", "application/json").body(bytes),
            Body::Form(pairs) => {
                let mut form = Url::parse("form:").map_err(|error| failure(&subject, &error))?;
                form.query_pairs_mut().extend_pairs(pairs);
                let encoded = form.query().unwrap_or_default().to_owned();
                request.header("content-type", "application/x-www-form-urlencoded").body(encoded)
            }
            Body::Text(text) => request.body(text),
        };
        let start = (world.ticks)();
        let mut response = request.send().await.map_err(|error| failure(&subject, &error))?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&subject, &error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BODY {
                let size = show_size(MAX_BODY as u64);
                let message = format!("{subject}: the body is longer than {size}, the most that is read");
                return Err(Failure::lasting(FailureKind::Other, message));
            }
        }
        let headers =
            response.headers().iter().fold(BTreeMap::new(), |mut map: BTreeMap<String, String>, (name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                map.entry(name.as_str().into())
                    .and_modify(|all| *all = format!("{all}, {value}"))
                    .or_insert(value.into());
                map
            });
        let (status, url) = (response.status().as_u16(), shown(response.url()));
        Ok(Answer { status, headers, body, url, took: world.since(start) })
    }

    fn client(&self, args: &Args, world: &World) -> Result<reqwest::Client, Failure> {
        let other =
            |error: reqwest::Error| Failure::lasting(FailureKind::Other, format!("{}: {error}", self.subject()));
        let plain = self.url.scheme() == "http" && self.redirects == 0 && self.proxy.is_none();
        let trust = if plain { Trust::Nobody } else { self.trust };
        let (mut tls, _) = client(args.text("ca").as_deref(), trust, world)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("stepladder/", env!("CARGO_PKG_VERSION")))
            .redirect(same_host(self.redirects))
            .no_proxy();
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(other)?);
        }
        builder.build().map_err(other)
    }
}

/// At most so many redirects, all to the same host and never from https to http.
fn same_host(most: usize) -> Policy {
    if most == 0 {
        return Policy::none();
    }
    Policy::custom(move |attempt| {
        let (from, to) = (attempt.previous().last(), attempt.url());
        let stays = from.is_some_and(|from| {
            from.host_str() == to.host_str() && (from.scheme() == to.scheme() || to.scheme() == "https")
        });
        match (stays, attempt.previous().len() > most) {
            (false, _) => {
                let to = shown(to);
                attempt.error(format!("it redirects to another host ({to}): ask that one directly"))
            }
            (true, true) => attempt.error(format!("it redirects more than {most} times")),
            (true, false) => attempt.follow(),
        }
    })
}

/// A URL as an author or a value gave it: http or https, with a host.
pub(super) fn url(text: &str) -> Result<Url, Failure> {
    let bad = |why: String| Failure::lasting(FailureKind::Template, format!("`{text}` is no URL: {why}"));
    let url = Url::parse(text.trim()).map_err(|error| bad(error.to_string()))?;
    match url.scheme() {
        "http" | "https" if url.host_str().is_some() => Ok(url),
        "http" | "https" => Err(bad("it has no host".into())),
        scheme => Err(bad(format!("`{scheme}` is neither http nor https"))),
    }
}

/// A URL for messages and output.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        return "(a URL with a password)".into();
    }
    url.to_string()
}

fn headers(args: &Args) -> Result<HeaderMap, Failure> {
    let bad = |name: &str, why: &str| Failure::lasting(FailureKind::Template, format!("header `{name}` {why}"));
    let mut headers = HeaderMap::new();
    for (name, value) in args.pairs("headers") {
        let header =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(&name, "has characters no name may have"))?;
        let value = HeaderValue::from_str(&value).map_err(|_| bad(&name, "has a line break or control character"))?;
        headers.insert(header, value);
    }
    Ok(headers)
}

/// What went wrong on the way, found among the causes of the error.
pub(super) fn failure(subject: &str, error: &(dyn Error + 'static)) -> Failure {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return Failure::new(FailureKind::Connect, format!("{subject}: {}", explain(tls)));
        }
        causes.push(cause.to_string());
        next = match cause.downcast_ref::<std::io::Error>() {
            // An io error hides what it wraps from `source`.
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)).or_else(|| cause.source()),
            None => cause.source(),
        };
        if let (Some(io), None) = (cause.downcast_ref::<std::io::Error>(), next) {
            let host = subject.split_whitespace().nth(1).and_then(|url| Url::parse(url).ok());
            let host = host.and_then(|url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?)));
            let host = host.unwrap_or_else(|| subject.into());
            let dns = causes.iter().any(|cause| cause.contains("dns error"));
            let why = if dns { no_host(&host) } else { connect_error(io, &host) };
            return Failure::new(FailureKind::Connect, format!("{subject}: {why}"));
        }
    }
    if causes.iter().any(|cause| cause.contains("dns error")) {
        let host = subject.split_whitespace().nth(1).and_then(|url| Url::parse(url).ok());
        let host = host.as_ref().and_then(Url::host_str).unwrap_or_default();
        return Failure::new(FailureKind::Connect, format!("{subject}: {}", no_host(host)));
    }
    let last = causes.pop().unwrap_or_default();
    let redirect = last.starts_with("it redirects");
    let kind = if redirect { FailureKind::Status } else { FailureKind::Connect };
    Failure { lasting: redirect, ..Failure::new(kind, format!("{subject}: {last}")) }
}

fn no_host(host: &str) -> String {
    format!("no such host `{}`", host.rsplit_once(':').map_or(host, |(host, _)| host))
}

/// The status as a failure: what of it is worth trying again, and when.
pub(super) fn wrong_status(subject: &str, answer: &Answer, expected: &str, world: &World) -> Failure {
    let begins = crate::act::verdict::beginning(&answer.text());
    let body = if begins.is_empty() { "an empty body".into() } else { format!("the body begins `{begins}`") };
    let body = match answer.headers.get("location").filter(|_| (300..400).contains(&answer.status)) {
        Some(to) => format!("it redirects to `{to}` (`redirects: 1` follows it on the same host)"),
        None => body,
    };
    let message = format!("{subject}: status {}, expected {expected}; {body}", answer.status);
    let lasting = (400..500).contains(&answer.status) && ![408, 429].contains(&answer.status);
    let retry_after = answer.headers.get("retry-after").and_then(|text| retry_after(text, world.now));
    Failure { retry_after, lasting, ..Failure::new(FailureKind::Status, message) }
}

/// Seconds, or an HTTP date.
pub(super) fn retry_after(text: &str, now: jiff::Timestamp) -> Option<u64> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        u64::try_from(date.as_second() - now.as_second()).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().expect("instant");
        assert_eq!(retry_after("120", now), Some(120));
        assert_eq!(retry_after("Thu, 01 Jan 2026 00:01:30 GMT", now), Some(90));
        assert_eq!(retry_after("Wed, 31 Dec 2025 00:00:00 GMT", now), None);
        assert_eq!(retry_after("soon", now), None);
    }

    #[test]
    fn only_http_urls_with_a_host_and_no_password_shown() {
        assert!(url("ftp://x/").is_err() && url("/health").is_err());
        assert_eq!(url("http://u:secret@h/x?y=1").map(|url| shown(&url)).ok().as_deref(), Some("http://u:***@h/x?y=1"));
    }
}
