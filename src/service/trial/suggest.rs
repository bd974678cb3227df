//! An effect without a result: what was asked, and the line that would answer it.

use super::Miss;
use crate::base::ids::StepId;
use crate::base::value::{Map, Value};
use crate::lang::{Loaded, Mention};
use crate::model::kind::Kind;
use crate::model::runbook::Runbook;
use crate::model::step::StepKind;
use crate::model::test::Test;
use crate::runtime::trial::NotGiven;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Longest rendered request that is shown, in characters.
const SHOWN: usize = 400;

/// What is said of an effect without a result.
pub(super) fn not_given(loaded: &Loaded, runbook: &Arc<Runbook>, test: &Test, asked: &NotGiven) -> Miss {
    let (calls, step) = &asked.step;
    let name: Vec<&str> = calls.iter().chain([step]).map(StepId::as_str).collect();
    let name = name.join(".");
    let item = asked.item.as_ref().map_or(String::new(), |item| format!(" for the item `{item}`"));
    let message = format!("`{name}`{item} asks the world ({}), and the test gives it no result", asked.kind);
    let at = if asked.at.millis() == 0 { "0s".to_owned() } else { asked.at.to_string() };
    let steps = test.given.steps.iter().any(|script| script.step.value == name);
    let line = format!("{name}: {}", result(loaded, runbook, asked));
    let write = match (steps, test.given.steps.is_empty()) {
        (true, _) => "a result for its other items too: `ok: {}` beside `items`".to_owned(),
        (false, true) => format!("given: {{ steps: {{ {line} }} }}"),
        (false, false) => format!("{line}    below `given.steps`"),
    };
    let asks = format!("at {at}, attempt {}: {}", asked.attempt, request(asked));
    let spot = test.given.keys.iter().find(|key| key.value == "steps").map_or(test.spot, |key| key.spot);
    Miss { spot, message, notes: vec![("asks", asks), ("write", write)] }
}

fn request(asked: &NotGiven) -> String {
    let text = format!("{}: {}", asked.kind, asked.params);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A result with the fields that the runbook reads of this step.
fn result(loaded: &Loaded, runbook: &Arc<Runbook>, asked: &NotGiven) -> String {
    let mut runbook = runbook;
    for call in &asked.step.0 {
        let Some(StepKind::Call(call)) = runbook.step(call).map(|step| &step.kind) else { return "ok".into() };
        let Some(called) = loaded.book.runbooks.get(&call.runbook) else { return "ok".into() };
        runbook = called;
    }
    let step = &asked.step.1;
    let mut fields: BTreeSet<&str> = BTreeSet::new();
    for mention in loaded.mentions.iter().filter(|mention| mention.runbook.as_ref() == Some(&runbook.name)) {
        fields.extend(mention.what.reads().iter().filter_map(|read| field(mention, &read.path, step)));
    }
    let table = Kind::parse(&asked.kind).map_or(&[][..], |kind| kind.spec().output);
    let wanted: Map<String, Value> = table
        .iter()
        .filter(|field| fields.contains(field.name))
        .filter_map(|field| Some((field.name.to_owned(), field.ty.blank()?)))
        .collect();
    if wanted.is_empty() { "ok".into() } else { format!("{{ ok: {} }}", flow(&Value::Object(wanted))) }
}

/// The field of this step's output that a path reads, if it does.
fn field<'m>(mention: &Mention, path: &'m [String], step: &StepId) -> Option<&'m str> {
    let parts: Vec<&'m str> = path.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["steps", id, "output", field, ..] if *id == step.as_str() => Some(field),
        ["output", field, ..] if mention.step.as_ref() == Some(step) => Some(field),
        _ => None,
    }
}

/// A value as YAML in one line.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(map) if map.is_empty() => "{}".into(),
        Value::Object(map) => {
            let pairs: Vec<String> = map.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => value.to_string(),
    }
}
