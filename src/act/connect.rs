//! A TCP connection, and the words for one that does not come about.

use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpStream, lookup_host};

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Target {
    /// The target written as `text`: `db:5432`, `[::1]:22`, or a host alone where there is a usual port.
    pub(super) fn parse(text: &str, usual: Option<u16>) -> Result<Self, Failure> {
        let bad = |why: &str| Failure::lasting(FailureKind::Template, format!("`{text}` {why}"));
        let text = text.trim();
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, tail) = rest.split_once(']').ok_or_else(|| bad("has no closing bracket"))?;
                (host, tail.strip_prefix(':'))
            }
            None => match text.rsplit_once(':') {
                Some((host, _)) if host.contains(':') => (text, None),
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match (port, usual) {
            (Some(port), _) => {
                port.parse().ok().filter(|port| *port > 0).ok_or_else(|| bad("has no port from 1 to 65535"))?
            }
            (None, Some(usual)) => usual,
            (None, None) => return Err(bad("has no port: write it like `db.company.com:5432`")),
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/@?#".contains(c)) {
            return Err(bad("is no host and port: write it like `db.company.com:5432`"));
        }
        Ok(Self { host: host.into(), port })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Connects to the first address that answers.
pub(super) async fn connect(target: &Target) -> Result<(TcpStream, SocketAddr), Failure> {
    let mut refused = Vec::new();
    for address in resolve(target).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok((stream, address)),
            Err(error) => refused.push(connect_error(&error, &address.to_string())),
        }
    }
    refused.dedup();
    let name = target.host.parse::<std::net::IpAddr>().is_err();
    let message = if name { format!("{target}: {}", refused.join(", ")) } else { refused.join(", ") };
    Err(Failure::new(FailureKind::Connect, message))
}

/// The addresses of a target, of which there is at least one.
pub(super) async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, Failure> {
    let no_host = |why: String| Failure::new(FailureKind::Connect, format!("no such host `{}`{why}", target.host));
    let found =
        lookup_host((target.host.as_str(), target.port)).await.map_err(|error| no_host(resolve_error(&error)))?;
    let found: Vec<SocketAddr> = found.collect();
    if found.is_empty() { Err(no_host(String::new())) } else { Ok(found) }
}

fn resolve_error(error: &io::Error) -> String {
    let text = error.to_string();
    // The resolver's own words for "no such host" add nothing to ours.
    if text.contains("not known") || text.contains("No address") { String::new() } else { format!(": {text}") }
}

/// Why a connection to `address` did not come about.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of a library, which grows")]
pub(super) fn connect_error(error: &io::Error, address: &str) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("connection refused by {address}: nothing listens there"),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            format!("{address} closed the connection")
        }
        io::ErrorKind::UnexpectedEof => format!("{address} closed the connection before it had answered"),
        io::ErrorKind::TimedOut => format!("{address} does not answer: the connection timed out"),
        io::ErrorKind::HostUnreachable => format!("{address} can't be reached: no route to the host"),
        io::ErrorKind::NetworkUnreachable => format!("{address} can't be reached: no network leads there"),
        _ => format!("{address}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_people_write_them() {
        let read = |text, usual| Target::parse(text, usual).map(|target| target.to_string()).map_err(|f| f.message);
        for (text, usual, shown) in [
            ("db:5432", None, "db:5432"),
            ("db", Some(443), "db:443"),
            ("[::1]:22", None, "[::1]:22"),
            ("::1", Some(22), "[::1]:22"),
            ("[fe80::1]", Some(22), "[fe80::1]:22"),
        ] {
            assert_eq!(read(text, usual).as_deref(), Ok(shown));
        }
        assert_eq!(read("db", None), Err("`db` has no port: write it like `db.company.com:5432`".into()));
        for bad in ["db:99999", "db:0", ":5432", "http://db:80", "a b:1"] {
            assert!(read(bad, None).is_err(), "{bad}");
        }
    }
}
