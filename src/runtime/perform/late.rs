//! What is said of a request that was not answered in time.

use crate::base::limits::{MAX_ANSWER_SECS, MAX_STATEMENT_SECS};
use crate::base::span::Span;
use crate::base::value::Value;
use crate::model::kind::Kind;
use crate::model::perform::{Failure, Reply, Request};
use crate::model::policy::FailureKind;
use std::time::Duration;

/// The reply of a request whose time is up.
pub(in crate::runtime) fn timed_out(request: &Request) -> Reply {
    let limit = match (request.timeout, unless_said(&request.kind)) {
        (Some(limit), _) => format!(" after {limit}"),
        (None, Some(limit)) => {
            let limit = Span::from_secs(limit.as_secs());
            format!(" after {limit}, which is how long it waits without a `timeout`")
        }
        (None, None) => String::new(),
    };
    let whom = match address(&request.params.shown()) {
        Some(at) if at.starts_with(&request.kind) => at,
        Some(at) => format!("{} {at}", request.kind),
        None => request.kind.clone(),
    };
    Reply::Failed(Failure::new(FailureKind::Timeout, format!("{whom} did not answer in time{limit}")))
}

/// How long an attempt may take where its step does not say: whoever waits for somebody else does not wait for ever.
pub(in crate::runtime) fn unless_said(kind: &str) -> Option<Duration> {
    match Kind::parse(kind)? {
        Kind::Http
        | Kind::Tcp
        | Kind::Dns
        | Kind::Tls
        | Kind::Sip
        | Kind::Redis
        | Kind::Prometheus
        | Kind::Scrape
        | Kind::Livekit => Some(Duration::from_secs(MAX_ANSWER_SECS as u64)),
        Kind::Sql => Some(Duration::from_secs(MAX_STATEMENT_SECS as u64)),
        // A child, a backup, an archive take what they take; whoever speaks to people and systemd has bounds of its own.
        Kind::Shell
        | Kind::Exec
        | Kind::Script
        | Kind::System
        | Kind::Logs
        | Kind::Service
        | Kind::Files
        | Kind::Backup
        | Kind::Restore
        | Kind::Report
        | Kind::Notify
        | Kind::Escalate
        | Kind::Resolve
        | Kind::Silence => None,
    }
}

/// Names of parameters that say whom a request asks.
const ADDRESSES: &[&str] = &[
    "get", "post", "put", "patch", "delete", "head", "options", "url", "connect", "server", "postgres", "sqlite",
    "resolve",
];

/// Whom a request asks, without the user and password that a URL may hold; nothing where that can't be told apart.
fn address(params: &Value) -> Option<String> {
    let map = params.as_object()?;
    let text = ADDRESSES.iter().find_map(|name| map.get(*name)?.as_str())?;
    let Some((scheme, rest)) = text.split_once("://") else { return (!text.contains('=')).then(|| text.to_owned()) };
    let (host, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |end| rest.split_at(end));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let port = host.rsplit_once(':').filter(|_| !host.ends_with(']')).map_or("0", |(_, port)| port);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    port.parse::<u16>().ok().map(|_| format!("{scheme}://{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::value::json;

    #[test]
    fn whoever_asks_somebody_else_does_not_wait_for_ever() {
        let asks = ["http", "tcp", "dns", "tls", "sip", "redis", "prometheus", "scrape", "livekit"];
        assert!(asks.iter().all(|kind| unless_said(kind) == Some(Duration::from_mins(5))));
        assert_eq!(unless_said("sql"), Some(Duration::from_hours(1)));
        for kind in ["shell", "exec", "script", "backup", "restore", "files", "notify", "none"] {
            assert_eq!(unless_said(kind), None, "{kind}");
        }
    }

    #[test]
    fn whom_a_request_asks_is_said_without_a_password() {
        for (params, want) in [
            (json!({ "get": "http://u:p@h:80/a?token=x" }), Some("http://h:80/a")),
            (json!({ "connect": "h:443" }), Some("h:443")),
            (json!({ "postgres": "postgresql://ops:p@[::1]:5432/app" }), Some("postgresql://[::1]:5432/app")),
            (json!({ "postgres": "postgresql://ops:p/w@h/app" }), None),
            (json!({ "postgres": "host=h password=p" }), None),
            (json!({ "sh": "true" }), None),
        ] {
            assert_eq!(address(&params).as_deref(), want, "{params}");
        }
    }
}
