//! What a store says instead of an answer, and what to do about it.

use super::Bucket;
use crate::act::verdict::beginning;
use crate::act::web;
use crate::base::span::Span;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::fmt::Display;
use std::time::Duration;

impl Bucket {
    /// The store does not do it.
    pub(super) fn refused(&self, status: u16, text: &str) -> Failure {
        let code = inner(text, "Code").unwrap_or_default();
        let words = inner(text, "Message").map_or_else(|| beginning(text), beginning);
        let why = match code {
            "NoSuchBucket" => format!("there is no bucket `{}`: make it, or correct `url`", self.at.name()),
            "SignatureDoesNotMatch" => "`secret_key` is not the one of `access_key`, or `region` is another one".into(),
            "InvalidAccessKeyId" => "it does not know `access_key`".into(),
            "AccessDenied" => format!(
                "`access_key` may not do that ({words}): it needs to list the bucket, and to read, write and delete below \
                 the prefix"
            ),
            "RequestTimeTooSkewed" | "AccessDenied.Expired" => {
                "its clock and that of this machine differ too much".into()
            }
            "NoSuchKey" => "it is not there".into(),
            "" => format!("what answers there is no S3-compatible store (status {status}, `{words}`)"),
            code => format!("{code}: {words} (status {status})"),
        };
        // One that answers `200` and an error has not done it this time.
        let lasting = (300..500).contains(&status) && ![408, 429].contains(&status);
        let kind =
            if ["NoSuchBucket", "NoSuchKey"].contains(&code) { FailureKind::Missing } else { FailureKind::Status };
        Failure { lasting, ..Failure::new(kind, format!("{}: {why}", self.shown)) }
    }

    /// The bucket is somewhere else.
    pub(super) fn moved(&self, status: u16, region: Option<&str>) -> Option<Failure> {
        let region = region.filter(|region| *region != self.at.region())?;
        let why = format!("{}: the bucket is in region `{region}`: write `region: {region}`", self.shown);
        ([301, 307, 400, 403].contains(&status)).then(|| Failure::lasting(FailureKind::Status, why))
    }

    /// Whatever answers is no store.
    pub(super) fn stranger(&self, error: &dyn Display) -> Failure {
        let why = format!("{}: its answer is not that of an S3-compatible store: {error}", self.shown);
        Failure::lasting(FailureKind::Status, why)
    }

    /// Nothing comes of it.
    pub(super) fn silent(&self, waited: Duration) -> Failure {
        let why = format!("{}: no answer within {}", self.shown, Span::from(waited));
        Failure::new(FailureKind::Timeout, why)
    }

    /// The way there is broken.
    pub(super) fn broken(&self, error: reqwest::Error) -> Failure {
        // Its address holds the signature.
        web::failure(&format!("GET {}", self.shown), &error.without_url())
    }
}

/// What stands in the first element of that name.
fn inner<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.trim())
}
