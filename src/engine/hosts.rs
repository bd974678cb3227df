//! Hosts that values from outside have chosen, held to `allow_hosts` (invariant 12).
//!
//! `check` refuses such values where there is no list to hold them to; where there is one, this is
//! where a rendered URL meets it, before the attempt is ordered.

use crate::expr::{Read, Scope};
use crate::model::param::Param;
use crate::template::RenderError;

/// Refuses a URL whose host came from outside and is not on the list.
///
/// # Errors
/// [`RenderError`] naming the host and the way out.
pub(super) fn check(allowed: &[String], params: &Param, scope: &Scope) -> Result<(), RenderError> {
    let mut refused = None;
    params.each(
        &mut |template| {
            if refused.is_some() || !template.hosts().iter().any(is_outside) {
                return;
            }
            let Ok(Some(url)) = template.render(scope).map(|text| text.whole()) else { return };
            let host = host_of(&url);
            if !allowed.iter().any(|pattern| matches(pattern, host)) {
                refused = Some(format!(
                    "`{host}` comes from outside and is none of `allow_hosts` in stepladder.yaml ({})",
                    allowed.join(", ")
                ));
            }
        },
        &mut |_| {},
    );
    refused.map_or(Ok(()), |why| Err(RenderError(why)))
}

fn is_outside(read: &Read) -> bool {
    match read.path.first().map(String::as_str) {
        Some("trigger" | "incident" | "alert") => true,
        Some("steps") => read.path.get(2).is_some_and(|field| field == "output"),
        Some(_) | None => false,
    }
}

/// The host of a URL, without user, port and brackets.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

/// `*.company.com` is every host below company.com, not company.com itself.
fn matches(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_ascii_lowercase(), host.trim_end_matches('.').to_ascii_lowercase());
    match pattern.strip_prefix("*.") {
        Some(domain) => host.strip_suffix(domain).is_some_and(|below| below.len() > 1 && below.ends_with('.')),
        None => pattern == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_hosts_pass_however_the_url_is_dressed() {
        let allowed = |url: &str| ["*.company.com", "localhost"].iter().any(|pattern| matches(pattern, host_of(url)));
        for good in ["http://a.company.com/x", "https://A.Company.com:8443?q", "http://localhost:8000/health"] {
            assert!(allowed(good), "{good}");
        }
        for bad in [
            "http://company.com/",
            "http://evil.com/a.company.com",
            "http://a.company.com@evil.com/",
            "http://evilcompany.com/",
            "http://evil.com?x=.company.com",
            "http://evil.com#a.company.com",
            "http://[::1]:80/",
            "http://.company.com/",
            "http://evil.com\\.company.com/",
        ] {
            assert!(!allowed(bad), "{bad}");
        }
    }
}
