//! Who can be reached now: the newest book there is, whose addresses and on-call overrides count even for an incident that
//! follows an older ladder (invariant 3).

use crate::base::digest::Digest;
use crate::base::ids::Name;
use crate::base::span::Span;
use crate::base::value::{Value, json};
use crate::escalation::state::Incident;
use crate::model::book::Book;
use crate::model::message::Address;
use crate::model::{oncall, reach};
use crate::runtime::incidents::ladder;
use crate::runtime::shelf::BUNDLE;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A book, and the hash its texts are pinned under.
#[derive(Debug, Clone)]
pub struct Live {
    /// The book.
    pub book: Arc<Book>,
    /// Its texts.
    pub digest: Digest,
}

impl Live {
    /// The texts as an event names them.
    #[must_use]
    pub fn texts(&self) -> BTreeMap<String, Digest> {
        BTreeMap::from([(BUNDLE.to_owned(), self.digest)])
    }

    /// The contacts behind a target of a level, at that instant.
    #[must_use]
    pub fn who(&self, target: &str, owner: Option<&Name>, at: Timestamp) -> Vec<Name> {
        oncall::resolve(ladder(&self.book), target, owner, at)
    }

    /// How a contact is reached about something of that severity: when after the first try, and where.
    #[must_use]
    pub fn reach(&self, contact: &Name, severity: &str, at: Timestamp) -> Vec<(Span, Address)> {
        let plan = reach::reach(ladder(&self.book), contact, severity, at);
        let steps = plan.steps.into_iter();
        steps.map(|step| (step.after, Address { channel: step.channel, to: step.address })).collect()
    }
}

/// An incident as expressions and templates of the runs about it see it (`incident.key`).
#[must_use]
pub fn facts(incident: &Incident) -> Value {
    let Some((_, opened)) = &incident.opened else { return Value::Null };
    let trouble = &opened.trouble;
    json!({
        "id": opened.id.to_string(),
        "key": trouble.key,
        "title": trouble.title,
        "text": trouble.text,
        "severity": incident.severity,
        "type": incident.kind,
        "labels": trouble.labels,
        "link": trouble.link,
        "source": trouble.source.word(),
    })
}
