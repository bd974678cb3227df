//! Version 1 of what an attempt asks of the world and of what came back: shapes, and both ways.

use crate::base::address::Place;
use crate::base::arg::{self, Arg as DomainArg};
use crate::base::span::Span;
use crate::base::value::Value;
use crate::model::perform;
use crate::model::policy::{FailureKind, OutputForm};
use crate::store::codec::CodecError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    run: String,
    place: String,
    attempt: u32,
    kind: String,
    params: Arg,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    env: Vec<(String, Vec<Piece>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workdir: Option<Vec<Piece>>,
    output: Form,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    sealed: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    artifacts: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    rehearsal: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listed: Option<Vec<String>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    Text,
    Json,
    Lines,
    Number,
    Kv,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Arg {
    Value(Value),
    Text(Vec<Piece>),
    List(Vec<Arg>),
    Map(Vec<(String, Arg)>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Piece {
    Lit(String),
    Secret { name: String, landing: Landing },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Failure {
    kind: String,
    message: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    output: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    lasting: bool,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Finding {
    level: String,
    message: String,
}

/// An enum of words that is the same on both sides.
macro_rules! words {
    ($here:ident = $there:ty { $($word:ident)* }) => {
        impl From<&$there> for $here {
            fn from(there: &$there) -> Self {
                match there { $(<$there>::$word => Self::$word),* }
            }
        }

        impl From<$here> for $there {
            fn from(here: $here) -> Self {
                match here { $($here::$word => Self::$word),* }
            }
        }
    };
}
pub(super) use words;

macro_rules! landings {
    ($($word:ident)*) => {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Landing { $($word),* }
        words!(Landing = arg::Landing { $($word)* });
    };
}
landings!(Plain ShellWord ShellSingle ShellDouble Argv Env Url UrlPart Json Html Markdown Chat Header PathPart Path Host);
words!(Form = OutputForm { Text Json Lines Number Kv });

fn pieces(text: &arg::Text) -> Vec<Piece> {
    let piece = |piece: &arg::Piece| match piece {
        arg::Piece::Lit(text) => Piece::Lit(text.clone()),
        arg::Piece::Secret(secret) => Piece::Secret { name: secret.name.clone(), landing: (&secret.landing).into() },
    };
    text.0.iter().map(piece).collect()
}

fn text(pieces: Vec<Piece>) -> arg::Text {
    let piece = |piece| match piece {
        Piece::Lit(text) => arg::Piece::Lit(text),
        Piece::Secret { name, landing } => arg::Piece::Secret(arg::SecretRef { name, landing: landing.into() }),
    };
    arg::Text(pieces.into_iter().map(piece).collect())
}

impl From<&DomainArg> for Arg {
    fn from(arg: &DomainArg) -> Self {
        match arg {
            DomainArg::Value(value) => Self::Value(value.clone()),
            DomainArg::Text(text) => Self::Text(pieces(text)),
            DomainArg::List(list) => Self::List(list.iter().map(Self::from).collect()),
            DomainArg::Map(map) => Self::Map(map.iter().map(|(key, arg)| (key.clone(), arg.into())).collect()),
        }
    }
}

impl From<Arg> for DomainArg {
    fn from(arg: Arg) -> Self {
        match arg {
            Arg::Value(value) => Self::Value(value),
            Arg::Text(pieces) => Self::Text(text(pieces)),
            Arg::List(list) => Self::List(list.into_iter().map(Self::from).collect()),
            Arg::Map(map) => Self::Map(map.into_iter().map(|(key, arg)| (key, arg.into())).collect()),
        }
    }
}

impl From<&perform::Request> for Request {
    fn from(request: &perform::Request) -> Self {
        let perform::Request {
            run,
            place,
            attempt,
            kind,
            params,
            env,
            workdir,
            output,
            timeout,
            sealed,
            artifacts,
            ..
        } = request;
        Self {
            run: run.clone(),
            place: place.to_string(),
            attempt: *attempt,
            kind: kind.clone(),
            params: params.into(),
            env: env.iter().map(|(name, text)| (name.clone(), pieces(text))).collect(),
            workdir: workdir.as_ref().map(pieces),
            output: output.into(),
            timeout_ms: timeout.map(Span::millis),
            sealed: sealed.clone(),
            artifacts: artifacts.clone(),
            rehearsal: request.rehearsal,
            listed: request.listed.clone(),
        }
    }
}

impl TryFrom<Request> for perform::Request {
    type Error = CodecError;

    fn try_from(request: Request) -> Result<Self, CodecError> {
        let Request {
            run,
            place,
            attempt,
            kind,
            params,
            env,
            workdir,
            output,
            timeout_ms,
            sealed,
            artifacts,
            rehearsal,
            listed,
        } = request;
        Ok(Self {
            run,
            place: Place::parse(&place).map_err(|bad| CodecError::Malformed(bad.to_string()))?,
            attempt,
            kind,
            params: params.into(),
            env: env.into_iter().map(|(name, pieces)| (name, text(pieces))).collect(),
            workdir: workdir.map(text),
            output: output.into(),
            timeout: timeout_ms.map(Span::from_millis),
            sealed,
            artifacts,
            rehearsal,
            listed,
        })
    }
}

impl From<&perform::Failure> for Failure {
    fn from(failure: &perform::Failure) -> Self {
        let perform::Failure { kind, message, output, retry_after, lasting } = failure;
        Self {
            kind: kind.as_str().into(),
            message: message.clone(),
            output: output.clone(),
            retry_after: *retry_after,
            lasting: *lasting,
        }
    }
}

impl TryFrom<Failure> for perform::Failure {
    type Error = CodecError;

    fn try_from(failure: Failure) -> Result<Self, CodecError> {
        let Failure { kind, message, output, retry_after, lasting } = failure;
        let kind = FailureKind::parse(&kind)
            .ok_or_else(|| CodecError::Malformed(format!("`{kind}` is no kind of failure")))?;
        Ok(Self { kind, message, output, retry_after, lasting })
    }
}

impl From<&perform::Finding> for Finding {
    fn from(finding: &perform::Finding) -> Self {
        let perform::Finding { level, message } = finding;
        Self { level: level.clone(), message: message.clone() }
    }
}

impl From<Finding> for perform::Finding {
    fn from(finding: Finding) -> Self {
        let Finding { level, message } = finding;
        Self { level, message }
    }
}
