//! Triggers that something from outside sets off, as typed data: made of what was decoded, with every default in its place.

use crate::base::ids::Name;
use crate::base::span::Span;
use crate::base::value::Value;
use crate::model::param::Param;
use crate::model::trigger::{Trigger, TriggerKind};
use std::collections::BTreeMap;

/// How a caller proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `X-Hub-Signature-256`.
    Github,
    /// `X-Slack-Signature` with its timestamp.
    Slack,
    /// `Stripe-Signature` with its timestamp.
    Stripe,
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    Standard,
    /// `Authorization: Bearer`.
    Token,
}

impl Scheme {
    /// The key it is written with.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Slack => "slack",
            Self::Stripe => "stripe",
            Self::Standard => "standard",
            Self::Token => "token",
        }
    }
}

/// `webhook:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The last part of its URL.
    pub path: Name,
    /// How a caller proves who it is, and by which secret; `None` = anybody may call.
    pub verify: Option<(Scheme, String)>,
}

/// `heartbeat:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The last part of its URL.
    pub path: Name,
    /// How often the call must come.
    pub every: Span,
    /// How late it may be.
    pub grace: Span,
    /// How bad it is when it does not come.
    pub severity: String,
}

/// What the end of an alert means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// What runs goes on to its end; what waits does not start.
    Finish,
    /// What runs is cancelled; what waits does not start.
    Cancel,
    /// Nothing.
    Ignore,
}

/// `alert:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertTrigger {
    /// Labels an alert must have.
    pub labels: BTreeMap<String, String>,
    /// One run for each alert, else one for each group of them.
    pub per_alert: bool,
    /// What the end means.
    pub resolved: Resolved,
    /// No second run about the same within this time.
    pub cooldown: Option<Span>,
}

/// `file:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The file or pattern of files; relative to the book.
    pub pattern: String,
    /// Whether one that was not there counts.
    pub created: bool,
    /// Whether another content counts.
    pub changed: bool,
    /// Whether one that is gone counts.
    pub removed: bool,
}

impl Trigger {
    /// The webhook, if it is one.
    #[must_use]
    pub fn webhook(&self) -> Option<Webhook> {
        let TriggerKind::Webhook(param) = &self.kind else { return None };
        let schemes = [Scheme::Github, Scheme::Slack, Scheme::Stripe, Scheme::Standard, Scheme::Token];
        let verify = param.get("verify");
        let verify = schemes.into_iter().find_map(|scheme| Some((scheme, text(verify?.get(scheme.word())?)?)));
        // Where neither is said the checks refuse the runbook: it has no book to be in.
        Some(Webhook { path: path(param)?, verify })
    }

    /// The heartbeat, if it is one.
    #[must_use]
    pub fn heartbeat(&self) -> Option<Heartbeat> {
        let TriggerKind::Heartbeat(param) = &self.kind else { return None };
        Some(Heartbeat {
            path: path(param)?,
            every: span(param.get("every")?)?,
            grace: param.get("grace").and_then(span).unwrap_or_default(),
            severity: param.get("severity").and_then(text).unwrap_or_else(|| "P3".into()),
        })
    }

    /// The alert it waits for, if it is one.
    #[must_use]
    pub fn alert(&self) -> Option<AlertTrigger> {
        let TriggerKind::Alert(param) = &self.kind else { return None };
        let labels = match param.get("match") {
            Some(Param::Map(map)) => {
                map.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
            }
            Some(Param::Value(Value::Object(map))) => {
                map.iter().map(|(name, value)| (name.clone(), crate::base::value::plain(value))).collect()
            }
            Some(Param::Value(_) | Param::Text(_) | Param::Expr(_) | Param::List(_)) | None => return None,
        };
        let word = |key: &str| param.get(key).and_then(text);
        Some(AlertTrigger {
            labels,
            per_alert: word("per").as_deref() == Some("alert"),
            resolved: match word("resolved").as_deref() {
                Some("cancel") => Resolved::Cancel,
                Some("ignore") => Resolved::Ignore,
                Some(_) | None => Resolved::Finish,
            },
            cooldown: param.get("cooldown").and_then(span),
        })
    }

    /// The files it watches, if it does.
    #[must_use]
    pub fn watched(&self) -> Option<Watched> {
        let TriggerKind::File(param) = &self.kind else { return None };
        let on: Vec<String> = match param.get("on") {
            Some(Param::List(list)) => list.iter().filter_map(text).collect(),
            Some(one) => text(one).into_iter().collect(),
            None => vec!["created".into(), "changed".into()],
        };
        let has = |word: &str| on.iter().any(|known| known == word);
        Some(Watched {
            pattern: text(param.get("path")?)?,
            created: has("created"),
            changed: has("changed"),
            removed: has("removed"),
        })
    }
}

fn path(param: &Param) -> Option<Name> {
    Name::parse(&text(param.get("path")?)?).ok()
}

fn text(param: &Param) -> Option<String> {
    match param {
        Param::Value(Value::String(text)) => Some(text.clone()),
        Param::Value(value) => Some(crate::base::value::plain(value)),
        Param::Text(template) => Some(template.source().to_owned()),
        Param::Expr(_) | Param::List(_) | Param::Map(_) => None,
    }
}

fn span(param: &Param) -> Option<Span> {
    param.value().and_then(Value::as_u64).map(Span::from_millis)
}
