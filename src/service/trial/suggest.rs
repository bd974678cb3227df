//! An effect without a result: what was asked, and the line that would answer it.

use super::Miss;
use crate::base::ids::StepId;
use crate::base::value::{Map, Value};
use crate::lang::{Loaded, Mention};
use crate::model::kind::Kind;
use crate::model::policy::OutputForm;
use crate::model::runbook::Runbook;
use crate::model::shape::FieldType;
use crate::model::step::StepKind;
use crate::model::test::Test;
use crate::runtime::trial::NotGiven;
use std::sync::Arc;

/// Longest rendered request that is shown, in characters.
const SHOWN: usize = 400;

/// What is said of an effect without a result.
pub(super) fn not_given(loaded: &Loaded, runbook: &Arc<Runbook>, test: &Test, asked: &NotGiven) -> Miss {
    let (calls, step) = &asked.step;
    let name: Vec<&str> = calls.iter().chain([step]).map(StepId::as_str).collect();
    let name = name.join(".");
    let item = asked.item.as_ref().map_or(String::new(), |item| format!(" for the item `{item}`"));
    let message = format!("`{name}`{item} asks the world ({}), and `given.steps` has no result for it", asked.kind);
    let at = if asked.at.millis() == 0 { "0s".to_owned() } else { asked.at.to_string() };
    let steps = test.given.steps.iter().any(|script| script.step.value == name);
    let line = format!("{name}: {}", result(loaded, runbook, asked));
    let write = match (steps, test.given.steps.is_empty()) {
        (true, _) => "a result for its other items too: `ok: {}` beside `items`".to_owned(),
        (false, true) => format!("given: {{ steps: {{ {line} }} }}"),
        (false, false) => line,
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
    let table = Kind::parse(&asked.kind).map_or(&[][..], |kind| kind.spec().output);
    let mut wanted = Value::Object(Map::new());
    for mention in loaded.mentions.iter().filter(|mention| mention.runbook.as_ref() == Some(&runbook.name)) {
        for path in mention.what.reads().iter().filter_map(|read| below(mention, &read.path, step)) {
            add(&mut wanted, path, &FieldType::Record(table));
        }
    }
    let empty = wanted.as_object().is_none_or(Map::is_empty);
    let printed = |name: &String| ["stdout", "value"].contains(&name.as_str());
    let prints = table.iter().any(|field| field.name == "stdout");
    if prints && !empty && wanted.as_object().is_some_and(|map| map.keys().all(printed)) {
        // Of a process, what it prints is the easiest to write.
        return match runbook.step(step).map(|step| step.output) {
            Some(OutputForm::Number) => "{ ok: \"0\" }".into(),
            Some(OutputForm::Json) => "{ ok: \"{}\" }".into(),
            Some(OutputForm::Text | OutputForm::Lines | OutputForm::Kv) | None => "{ ok: \"\" }".into(),
        };
    }
    if empty { "ok".into() } else { format!("{{ ok: {} }}", flow(&wanted)) }
}

/// The path below this step's output that a path leads to, if it does.
fn below<'m>(mention: &Mention, path: &'m [String], step: &StepId) -> Option<&'m [String]> {
    match path {
        [steps, id, output, rest @ ..] if steps == "steps" && id == step.as_str() && output == "output" => Some(rest),
        [output, rest @ ..] if output == "output" && mention.step.as_ref() == Some(step) => Some(rest),
        _ => None,
    }
}

/// Puts a value that says nothing at the end of a path, with the maps that lead there.
fn add(wanted: &mut Value, path: &[String], ty: &FieldType) {
    let (Some((name, rest)), Value::Object(map)) = (path.split_first(), wanted) else { return };
    let inner = match ty {
        FieldType::Record(fields) => match fields.iter().find(|field| field.name == name) {
            Some(field) => &field.ty,
            None => return,
        },
        FieldType::Map(inner) => inner,
        FieldType::Any => ty,
        FieldType::Bool
        | FieldType::Int
        | FieldType::Number
        | FieldType::Text
        | FieldType::Secret
        | FieldType::List(_) => {
            return;
        }
        FieldType::Maybe(_) => return,
    };
    let is_map = matches!(inner, FieldType::Record(_) | FieldType::Map(_) | FieldType::Any) && !rest.is_empty();
    if is_map && name.parse::<u64>().is_err() && !matches!(map.get(name), Some(Value::Object(_))) {
        map.insert(name.clone(), Value::Object(Map::new()));
    } else if !map.contains_key(name) {
        map.extend(inner.blank().map(|blank| (name.clone(), blank)));
    }
    if let Some(value) = map.get_mut(name) {
        add(value, rest, inner);
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
