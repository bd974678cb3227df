//! What the end of a run says to incidents: that its trouble is there, that it is not, or how a response went.

use crate::base::ids::IncidentId;
use crate::base::level::{Level, Outcome};
use crate::base::limits::MAX_INCIDENT_KEY;
use crate::base::value::Value;
use crate::engine::event::Tells;
use crate::engine::run::Run;
use crate::engine::scope;
use crate::model::runbook::{Opens, Runbook};

/// The severity of a triggered runbook that failed and says nothing about it.
const BY_DEFAULT: &str = "P3";

/// What this end says; `None` = nothing. `undone` = undoing a step of it failed.
///
/// A run that somebody started by hand opens none, for that person sees it, and clears one where it is good. A run that an
/// incident started reports to that and opens none; a child run leaves it to its caller; a dry run says nothing.
pub(super) fn tells(book: &Runbook, run: &Run, outcome: Outcome, level: Level, undone: bool) -> Option<Tells> {
    let started = &run.started;
    if started.dry || started.parent.is_some() {
        return None;
    }
    if let Some(incident) = responds_to(&started.trigger) {
        return Some(Tells::Response { incident });
    }
    let by_hand = matches!(started.trigger.get("kind").and_then(Value::as_str), None | Some("manual" | "retry"));
    let rules = book.incident.open.as_deref();
    let severity = match rules.filter(|_| !by_hand) {
        Some(rules) => {
            let fits = |opens: &Opens| match opens {
                Opens::Outcome(wanted) => outcome == *wanted,
                Opens::Level(least) => level >= *least,
            };
            rules.iter().filter(|(opens, _)| fits(opens)).map(|(_, severity)| severity.clone()).min()
        }
        None => (outcome == Outcome::Failed && !by_hand).then(|| BY_DEFAULT.to_owned()),
    };
    let key = key(book, run);
    match severity {
        Some(severity) => Some(Tells::Bad { key, severity: Some(severity) }),
        None if undone && !by_hand => Some(Tells::Bad { key, severity: None }),
        None if matches!(outcome, Outcome::Succeeded | Outcome::Recovered) => {
            let speaks = rules.map_or(!book.triggers.is_empty(), |rules| !rules.is_empty());
            speaks.then_some(Tells::Good { key })
        }
        None => None,
    }
}

/// The incident that started a run.
#[must_use]
pub fn responds_to(trigger: &Value) -> Option<IncidentId> {
    (trigger.get("kind").and_then(Value::as_str) == Some("incident"))
        .then(|| trigger.pointer("/incident/id").and_then(Value::as_str))
        .flatten()
        .and_then(|id| IncidentId::parse(id).ok())
}

/// The runbook's `incident.key`, rendered; what cannot be rendered, or is empty, is the runbook's name.
pub fn key(book: &Runbook, run: &Run) -> String {
    let rendered = book.incident.key.as_ref().and_then(|template| {
        let scope = scope::Builder::of_run(book, run).build(template.reads());
        template.render(&scope).ok().map(|text| text.to_string()).filter(|text| !text.trim().is_empty())
    });
    cut(rendered.unwrap_or_else(|| book.name.to_string()))
}

/// At most [`MAX_INCIDENT_KEY`] bytes of it.
#[must_use]
pub fn cut(mut key: String) -> String {
    key.truncate(key.floor_char_boundary(MAX_INCIDENT_KEY));
    key
}
