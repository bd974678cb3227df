//! What is said of a request that was not answered in time.

use crate::base::value::Value;
use crate::model::perform::{Failure, Reply, Request};
use crate::model::policy::FailureKind;

/// The reply of a request whose time is up.
pub(in crate::runtime) fn timed_out(request: &Request) -> Reply {
    let limit = request.timeout.map_or(String::new(), |limit| format!(" after {limit}"));
    let whom = match address(&request.params.shown()) {
        Some(at) if at.starts_with(&request.kind) => at,
        Some(at) => format!("{} {at}", request.kind),
        None => request.kind.clone(),
    };
    Reply::Failed(Failure::new(FailureKind::Timeout, format!("{whom} did not answer in time{limit}")))
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
