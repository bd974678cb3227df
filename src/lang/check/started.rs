//! What a run knows of what started it: the fields of `trigger` and `incident`, by what may start the runbook.
//!
//! Says what is put there: change one, change the other (`runtime/schedules/armed.rs`, `service`, `runtime/pump`).

use super::scope::{fixed, maybe};
use crate::expr::Type;
use crate::model::runbook::Runbook;
use crate::model::trigger::TriggerKind;
use std::collections::BTreeMap;

/// What `trigger` is: what its own triggers put there, and what every runbook may be started by besides.
pub(super) fn trigger(runbook: &Runbook) -> Type {
    let mut fields = BTreeMap::from([("kind".to_owned(), Type::Text)]);
    let mut put = |names: &[(&str, Type)], by: &str| {
        for (name, ty) in names {
            let why = format!("only a run that {by} has it");
            // What two of them call the same is either.
            let ty = fields.get(*name).map_or_else(|| ty.clone(), |known| known.present().join(ty));
            fields.insert((*name).to_owned(), maybe(ty, &why));
        }
    };
    put(&[("by", Type::Text)], "a person started");
    put(&[("runbook", Type::Text), ("run", Type::Text)], "another runbook called");
    put(&[("part", Type::Text), ("incident", facts())], "an incident started");
    for trigger in &runbook.triggers {
        let by = format!("was started by its `{}` trigger", trigger.kind.word());
        if !matches!(trigger.kind, TriggerKind::Heartbeat(_)) {
            put(&[("id", Type::Text), ("due", Type::Text), ("nominal", Type::Text)], "was started by a trigger");
        }
        match &trigger.kind {
            TriggerKind::Cron { .. }
            | TriggerKind::Every(_)
            | TriggerKind::At { .. }
            | TriggerKind::Heartbeat(_)
            | TriggerKind::Startup => {}
            TriggerKind::Webhook(_) => {
                put(&["path", "delivery", "traceparent"].map(|name| (name, Type::Text)), &by);
            }
            TriggerKind::Alert(_) => {
                let alert = fixed(&[("fingerprint", Type::Text), ("title", Type::Text), ("count", Type::Int)]);
                let texts = ["subject", "source", "group"].map(|name| (name, Type::Text));
                put(&texts, &by);
                put(&[("alert", alert)], &by);
            }
            TriggerKind::RunEnded { .. } => {
                let texts = ["id", "runbook", "outcome", "reason"].map(|name| (name, Type::Text));
                let mut ended: Vec<(&str, Type)> = texts.into();
                ended.extend([("level", Type::Level), ("outputs", Type::Any)]);
                put(&[("run", fixed(&ended))], &by);
            }
            TriggerKind::File(_) => {
                put(&[("file", fixed(&["path", "name", "change"].map(|name| (name, Type::Text))))], &by);
            }
        }
    }
    Type::record(fields)
}

/// What `incident` is in a run that one started.
pub(super) fn incident() -> Type {
    maybe(facts(), "a run that no incident started has none")
}

fn facts() -> Type {
    let not_all = |ty: Type, what: &str| maybe(ty, &format!("not every incident has {what}"));
    let label = not_all(Type::Text, "this label");
    let texts = ["id", "key", "title", "text", "severity", "source"].map(|name| (name, Type::Text));
    let mut fields: Vec<(&str, Type)> = texts.into();
    fields.push(("type", not_all(Type::Text, "a type")));
    fields.push(("link", not_all(Type::Text, "a link")));
    fields.push(("labels", Type::Map(Box::new(label))));
    fixed(&fields)
}
