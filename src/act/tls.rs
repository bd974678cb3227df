//! `tls`: the chain a server shows, or a file holds, and how long it lasts.

use crate::act::args::Args;
use crate::act::connect::{Target, connect};
use crate::act::millis;
use crate::act::trust::{Trust, client, explain, read_pem};
use crate::act::verdict::{Done, Verdict, latency};
use crate::act::world::World;
use crate::base::value::{Value, json};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio_rustls::TlsConnector;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What is known of a chain, however it came.
struct Chain {
    certificates: Vec<Certificate>,
    problem: Option<String>,
    protocol: String,
    took: Duration,
}

/// What a person wants to know of a certificate.
struct Certificate {
    subject: String,
    issuer: String,
    names: Vec<String>,
    not_before: i64,
    not_after: i64,
}

pub(super) async fn perform(args: &Args, world: &World) -> Result<Done, Failure> {
    let (subject, chain) = if let Some(file) = args.text("file") {
        let chain = from_file(args, world, &file)?;
        (file, chain)
    } else {
        let target = Target::parse(&args.need("connect")?, Some(443))?;
        (target.to_string(), from_server(args, world, &target).await?)
    };
    let bad = || Failure::new(FailureKind::Other, format!("{subject}: no certificate was shown"));
    let first = chain.certificates.first().ok_or_else(bad)?;
    let days = |certificate: &Certificate| days_left(certificate, world.now);
    let shortest = chain.certificates.iter().map(days).fold(f64::INFINITY, f64::min);
    let mut untrusted_is_fine = false;
    let mut verdict = Verdict::of(args, |entry| {
        untrusted_is_fine |= entry.flag("trusted")? == Some(false);
        let mut problems: Vec<String> = latency(entry, chain.took)?.into_iter().collect();
        if let Some(want) = entry.number("days_left")?.filter(|want| shortest < *want) {
            problems.push(format!("{}, expected at least {want} days", ends(&chain, shortest, world.now)));
        }
        if let Some(want) = entry.text("issuer").filter(|want| !first.issuer.contains(want.as_str())) {
            problems.push(format!("it is signed by `{}`, expected `{want}`", first.issuer));
        }
        Ok(problems)
    })?;
    if let (Some(problem), false) = (&chain.problem, untrusted_is_fine) {
        verdict.unmet(problem.clone());
    }
    let output = json!({
        "days_left": shortest,
        "not_before": instant(first.not_before),
        "not_after": instant(first.not_after),
        "subject": first.subject,
        "issuer": first.issuer,
        "names": first.names,
        "trusted": chain.problem.is_none(),
        "problem": chain.problem.clone().unwrap_or_default(),
        "chain": chain.certificates.iter().map(|one| shown(one, world.now)).collect::<Vec<_>>(),
        "protocol": chain.protocol,
        "latency_ms": millis(chain.took),
    });
    verdict.end(&subject, output)
}

async fn from_server(args: &Args, world: &World, target: &Target) -> Result<Chain, Failure> {
    let (config, seen) = client(args.text("ca").as_deref(), Trust::Anybody, world)?;
    let name = args.text("name").unwrap_or_else(|| target.host.clone());
    let bad = |error| Failure::lasting(FailureKind::Template, format!("`{name}` is no name of a server: {error}"));
    let server_name = ServerName::try_from(name.clone()).map_err(bad)?;
    let start = (world.ticks)();
    let (stream, _) = connect(target).await?;
    let stream = TlsConnector::from(Arc::new(config)).connect(server_name, stream).await.map_err(|error| {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).map(explain);
        let why = tls.unwrap_or_else(|| crate::act::connect::connect_error(&error, &target.to_string()));
        Failure::new(FailureKind::Connect, format!("{target}: {why}"))
    })?;
    let took = world.since(start);
    let protocol = stream.get_ref().1.protocol_version().and_then(|version| version.as_str()).unwrap_or_default();
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let certificates = parse(&seen.chain, &target.to_string())?;
    let problem = seen.problem.as_ref().map(|error| distrust(error, &certificates, &name, world.now));
    Ok(Chain { certificates, problem, protocol: protocol.replace("TLSv1_", "TLSv1."), took })
}

fn from_file(args: &Args, world: &World, file: &str) -> Result<Chain, Failure> {
    let certificates = parse(&read_pem(&world.path(file))?, file)?;
    let now = world.now.as_second();
    let first = certificates.first();
    let other_name = |first: &&Certificate| args.text("name").is_some_and(|name| !covers(&first.names, &name));
    let problem = if first.is_some_and(|first| first.not_after < now) {
        Some("the certificate has expired".to_owned())
    } else if first.is_some_and(|first| first.not_before > now) {
        Some("the certificate is not valid yet".to_owned())
    } else {
        first.filter(other_name).map(|first| wrong_name(first, &args.text("name").unwrap_or_default()))
    };
    Ok(Chain { certificates, problem, protocol: String::new(), took: Duration::ZERO })
}

fn parse(chain: &[CertificateDer<'_>], subject: &str) -> Result<Vec<Certificate>, Failure> {
    let bad = |error| Failure::new(FailureKind::Other, format!("{subject}: a certificate can't be read: {error}"));
    chain.iter().map(|der| X509Certificate::from_der(der).map(|(_, found)| certificate(&found)).map_err(bad)).collect()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of a library, which grows")]
fn certificate(found: &X509Certificate<'_>) -> Certificate {
    let names = found.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|extension| &extension.value.general_names).filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    });
    Certificate {
        subject: found.subject().to_string(),
        issuer: found.issuer().to_string(),
        names: names.collect(),
        not_before: found.validity().not_before.timestamp(),
        not_after: found.validity().not_after.timestamp(),
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(|bytes| std::net::Ipv4Addr::from(bytes).to_string());
    four.ok().or_else(|| <[u8; 16]>::try_from(bytes).map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()).ok())
}

/// Why the chain is not trusted, with what a person needs to do about it.
fn distrust(error: &rustls::Error, chain: &[Certificate], name: &str, now: jiff::Timestamp) -> String {
    let Some(first) = chain.first() else { return explain(error) };
    let days = |certificate: &Certificate| days_left(certificate, now).abs();
    match (error, explain(error)) {
        (rustls::Error::InvalidCertificate(_), why) if why.ends_with("another name") => wrong_name(first, name),
        (_, why) if why.ends_with("expired") => {
            let old = chain.iter().find(|one| days_left(one, now) < 0.0).unwrap_or(first);
            format!(
                "the certificate of `{}` expired {:.0} days ago, on {}",
                old.subject,
                days(old),
                instant(old.not_after)
            )
        }
        (_, why) if why.ends_with("nobody trusted here") && first.issuer == first.subject => {
            format!("the certificate is self-signed (`{}`): nobody trusted here vouches for it", first.issuer)
        }
        (_, why) if why.ends_with("nobody trusted here") => {
            let last = chain.last().unwrap_or(first);
            format!("the chain ends at `{}`, which is not trusted here", last.issuer)
        }
        (_, why) => why,
    }
}

fn wrong_name(certificate: &Certificate, name: &str) -> String {
    let names = if certificate.names.is_empty() { "no name at all".into() } else { certificate.names.join(", ") };
    format!("the certificate is not for `{name}` but for {names}")
}

fn covers(names: &[String], name: &str) -> bool {
    names.iter().any(|known| match known.strip_prefix("*.") {
        Some(rest) => name.split_once('.').is_some_and(|(_, tail)| tail.eq_ignore_ascii_case(rest)),
        None => known.eq_ignore_ascii_case(name),
    })
}

/// Days until the certificate ends, to one decimal, rounded down.
fn days_left(certificate: &Certificate, now: jiff::Timestamp) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "seconds of dates are far below 2^53")]
    let seconds = certificate.not_after.saturating_sub(now.as_second()) as f64;
    (seconds / 8_640.0).floor() / 10.0
}

fn ends(chain: &Chain, shortest: f64, now: jiff::Timestamp) -> String {
    let which = chain.certificates.iter().find(|one| days_left(one, now) <= shortest);
    let subject = which.map_or("", |one| one.subject.as_str());
    format!("the certificate of `{subject}` has {shortest} days left")
}

fn instant(second: i64) -> String {
    jiff::Timestamp::from_second(second).map_or_else(|_| "never".into(), |instant| instant.to_string())
}

fn shown(certificate: &Certificate, now: jiff::Timestamp) -> Value {
    json!({
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "not_after": instant(certificate.not_after),
        "days_left": days_left(certificate, now),
    })
}
