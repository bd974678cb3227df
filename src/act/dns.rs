//! `dns`: a name resolved, past every cache of ours.

use crate::act::args::Args;
use crate::act::connect::Target;
use crate::act::millis;
use crate::act::verdict::{Done, Verdict, latency};
use crate::act::world::World;
use crate::base::value::json;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use hickory_resolver::{Resolver, TokioResolver};
use std::net::IpAddr;
use std::time::Duration;

/// Answers of a lookup: as text, sorted, with the shortest time to live.
struct Found {
    records: Vec<String>,
    ttl: u32,
}

pub(super) async fn perform(args: &Args, world: &World) -> Result<Done, Failure> {
    let name = args.need("resolve")?;
    let kind = args.text("type").unwrap_or_else(|| "ADDRESS".into());
    let server = args.text("server");
    let asked = server.as_ref().map_or_else(|| "the system's resolver".to_owned(), |server| format!("server {server}"));
    let resolver = resolver(server.as_deref())?;
    let start = (world.ticks)();
    let found = match RecordType::from_str_upper(&kind) {
        None => addresses(&resolver, &name).await,
        Some(record) => records(&resolver, &name, record).await,
    };
    let took = world.since(start);
    let mut found = found.map_err(|error| failure(&name, &kind, &asked, &error))?;
    found.records.sort();
    found.records.dedup();
    let verdict = Verdict::of(args, |entry| {
        let mut problems: Vec<String> = latency(entry, took)?.into_iter().collect();
        problems.extend(expectations(entry, &found.records)?);
        Ok(problems)
    })?;
    let output =
        json!({ "records": found.records, "count": found.records.len(), "ttl": found.ttl, "latency_ms": millis(took) });
    verdict.end(&format!("`{name}` ({kind}, {asked})"), output)
}

/// The type by its word; `ADDRESS` is none of them.
trait FromWord: Sized {
    fn from_str_upper(word: &str) -> Option<Self>;
}

impl FromWord for RecordType {
    fn from_str_upper(word: &str) -> Option<Self> {
        match word {
            "A" => Some(Self::A),
            "AAAA" => Some(Self::AAAA),
            "CNAME" => Some(Self::CNAME),
            "MX" => Some(Self::MX),
            "NS" => Some(Self::NS),
            "PTR" => Some(Self::PTR),
            "SRV" => Some(Self::SRV),
            "TXT" => Some(Self::TXT),
            _ => None,
        }
    }
}

fn resolver(server: Option<&str>) -> Result<TokioResolver, Failure> {
    let bad = |why: String| Failure::lasting(FailureKind::Start, why);
    let mut options = ResolverOpts::default();
    options.cache_size = 0;
    options.timeout = Duration::from_secs(3);
    options.attempts = 2;
    let builder = match server {
        None => {
            let mut builder = Resolver::builder_tokio()
                .map_err(|error| bad(format!("the system's resolver can't be read from /etc/resolv.conf: {error}")))?;
            builder.options_mut().cache_size = 0;
            builder
        }
        Some(server) => {
            let target = Target::parse(server, Some(53))?;
            let address: IpAddr =
                target.host.parse().map_err(|_| bad(format!("`server` must be an address, not `{}`", target.host)))?;
            options.use_hosts_file = ResolveHosts::Never;
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = target.port;
                connection
            });
            let server = NameServerConfig::new(address, true, connections.into());
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            Resolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options)
        }
    };
    builder.build().map_err(|error| bad(format!("the resolver can't be set up: {error}")))
}

async fn addresses(resolver: &TokioResolver, name: &str) -> Result<Found, NetError> {
    let lookup = resolver.lookup_ip(name).await?;
    let ttl = lookup.as_lookup().answers().iter().map(|record| record.ttl).min().unwrap_or_default();
    Ok(Found { records: lookup.iter().map(|address| address.to_string()).collect(), ttl })
}

async fn records(resolver: &TokioResolver, name: &str, kind: RecordType) -> Result<Found, NetError> {
    let lookup = match (kind, name.parse::<IpAddr>()) {
        (RecordType::PTR, Ok(address)) => resolver.reverse_lookup(address).await?,
        _ => resolver.lookup(name, kind).await?,
    };
    let answers = || lookup.answers().iter().filter(|record| record.record_type() == kind);
    Ok(Found {
        records: answers().map(|record| record.data.to_string()).collect(),
        ttl: answers().map(|record| record.ttl).min().unwrap_or_default(),
    })
}

fn expectations(entry: &Args, records: &[String]) -> Result<Vec<String>, Failure> {
    // A name's last dot is the same name.
    let same = |a: &str, b: &str| a.trim_end_matches('.').eq_ignore_ascii_case(b.trim_end_matches('.'));
    let among = |list: &[String], one: &str| list.iter().any(|other| same(other, one));
    let got = records.join(", ");
    let mut problems = Vec::new();
    for want in entry.texts("includes").iter().filter(|want| !among(records, want)) {
        problems.push(format!("`{want}` is not among the answers ({got})"));
    }
    let exactly = entry.texts("exactly");
    let equal = exactly.iter().all(|want| among(records, want)) && records.iter().all(|found| among(&exactly, found));
    if entry.has("exactly") && !equal {
        problems.push(format!("the answers are {got}, expected {}", exactly.join(", ")));
    }
    if let Some(least) = entry.count("at_least")?.filter(|least| (records.len() as u64) < *least) {
        problems.push(format!("{} answers, expected at least {least}", records.len()));
    }
    Ok(problems)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of a library, which grows")]
fn failure(name: &str, kind: &str, asked: &str, error: &NetError) -> Failure {
    let (kind_of, why) = match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => (FailureKind::Expect, format!("no such name, says {asked}")),
            ResponseCode::NoError => (FailureKind::Expect, format!("the name has no {kind} record, says {asked}")),
            code => (FailureKind::Other, format!("{asked} answered {code}")),
        },
        NetError::Timeout => (FailureKind::Timeout, format!("{asked} does not answer")),
        other => (FailureKind::Connect, format!("{asked} can't be asked: {other}")),
    };
    Failure::new(kind_of, format!("`{name}` can't be resolved: {why}"))
}
